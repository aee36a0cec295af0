"""The edge of a structure's shadow is where its outermost points are seen."""

import numpy as np
import pytest
from ball_export import BALL_LPS_MM, BALL_RADIUS_MM, GRID, ISOCENTRE_MM, ball_structure

from isoguide.errors import GeometryError
from isoguide.geometry.iec61217 import fixed_from_planning
from isoguide.geometry.xray_view import XrayView
from isoguide.images.structure import Contour, Structure
from isoguide.workflow.setup_drr import setup_view
from isoguide.workflow.silhouette import silhouettes, with_lines

PIXEL_MM = 200.0 / 128


def view(gantry_deg: float, field_mm: float = 200.0) -> XrayView:
    place = fixed_from_planning("HFS", ISOCENTRE_MM).inverse()
    return setup_view(gantry_deg, 128, field_mm=field_mm).in_frame(place)


@pytest.mark.parametrize("gantry_deg", [0.0, 60.0, 90.0])
def test_the_line_about_a_ball_is_a_circle_of_its_radius(gantry_deg: float) -> None:
    seen = view(gantry_deg)
    ((line,),) = silhouettes(ball_structure(), GRID, [seen])
    centre = seen.project((ISOCENTRE_MM + BALL_LPS_MM)[None])[0]
    radii_mm = np.linalg.norm(line - centre, axis=1) * PIXEL_MM
    # Half a voxel of 3 mm, and half a pixel.
    np.testing.assert_allclose(radii_mm, BALL_RADIUS_MM, atol=2.3)
    assert radii_mm.mean() == pytest.approx(BALL_RADIUS_MM, abs=0.8)
    np.testing.assert_array_equal(line[0], line[-1])


def test_the_shadow_of_a_box_ends_where_its_corners_are_seen() -> None:
    low, high = ISOCENTRE_MM + [-31.5, -16.5, -21.0], ISOCENTRE_MM + [28.5, 13.5, 21.0]
    corners = [(low[0], low[1]), (high[0], low[1]), (high[0], high[1]), (low[0], high[1])]
    contours = tuple(
        Contour("CLOSED_PLANAR", np.array([(x, y, z) for x, y in corners]))
        for z in np.arange(low[2], high[2] + 0.1, 3.0)
    )
    seen = view(0.0)
    ((line,),) = silhouettes(Structure("Box", 1, GRID.frame, contours, "ORGAN"), GRID, [seen])
    # The last contours stand for slices of 3 mm; the front face is nearest to the source and seen largest.
    edge = seen.project(np.array([[low[0], low[1], low[2] - 1.5], [high[0], low[1], high[2] + 1.5]]))
    np.testing.assert_allclose(line.min(axis=0), edge.min(axis=0), atol=1.2)
    np.testing.assert_allclose(line.max(axis=0), edge.max(axis=0), atol=1.2)


def test_a_structure_beside_the_picture_has_no_line() -> None:
    assert silhouettes(ball_structure(), GRID, [view(0.0, field_mm=20.0)]) == [[]]


def test_a_structure_without_area_casts_no_shadow() -> None:
    point = Structure("Point", 1, GRID.frame, (Contour("POINT", ISOCENTRE_MM[None]),), "MARKER")
    with pytest.raises(GeometryError, match="'Point' has no closed contours within the planning image"):
        silhouettes(point, GRID, [view(0.0)])


def test_lines_have_no_gaps_and_end_at_the_edge_of_the_picture() -> None:
    line = np.array([[2.0, 1.0], [2.0, 7.0], [30.0, 7.0]])
    drawn = with_lines(np.zeros((10, 12, 3), np.uint8), [line], (1, 2, 3))
    wanted = np.zeros((10, 12), bool)
    wanted[1:8, 2] = True
    wanted[7, 2:] = True
    np.testing.assert_array_equal((drawn == (1, 2, 3)).all(axis=-1), wanted)
