"""Lines about shadows of structures: a ball is a circle about its middle, whole or cut by the edge."""

import numpy as np
import pytest
from bony_patient import (
    AS_PLANNED,
    ISOCENTRE_MM,
    MAGNIFIED,
    PIXEL_MM,
    PIXELS,
    RADIUS_MM,
    SPACING_MM,
    ball,
    bony_ct,
    view,
)

from isoguide.workflow.radiographs.display_drr import posed
from isoguide.workflow.radiographs.shadow_lines import shadow_lines
from isoguide.workflow.silhouette import shadow_mask

PIXEL_AT_ISOCENTRE_MM = PIXEL_MM / MAGNIFIED


def lines_about(offset_mm, gantry_deg=0.0):
    """Lines about a ball that far from the isocentre, and where its middle is seen."""
    centre_mm = ISOCENTRE_MM + offset_mm
    pose = posed(view(gantry_deg), AS_PLANNED)
    mask = shadow_mask(ball(centre_mm), bony_ct().grid)
    (lines,) = shadow_lines(mask, [pose], PIXEL_AT_ISOCENTRE_MM)
    return lines, pose.project(np.asarray(centre_mm)[None])[0]


@pytest.mark.parametrize("gantry_deg", [0.0, 90.0])
@pytest.mark.parametrize("offset_mm", [(0.0, 0.0, 0.0), (25.0, -10.0, 30.0)])
def test_a_ball_is_a_circle_about_where_its_middle_is_seen(offset_mm, gantry_deg):
    (line,), middle = lines_about(offset_mm, gantry_deg)
    away_mm = np.linalg.norm(line - middle, axis=1) * PIXEL_AT_ISOCENTRE_MM
    # A point 25 mm before or behind the isocentre is magnified by 2 % more or less.
    np.testing.assert_allclose(away_mm, RADIUS_MM, atol=SPACING_MM)
    assert away_mm.mean() == pytest.approx(RADIUS_MM, abs=SPACING_MM / 2.0)


def test_of_a_ball_at_the_edge_the_line_follows_the_edge_and_beside_the_picture_there_is_none():
    edge_mm = PIXELS / 2.0 * PIXEL_AT_ISOCENTRE_MM
    (line,), _ = lines_about((0.0, 0.0, edge_mm))
    assert line[:, 1].min() == pytest.approx(-0.5, abs=1.0)
    assert line[:, 1].max() == pytest.approx(RADIUS_MM / PIXEL_AT_ISOCENTRE_MM, abs=3.0)
    assert lines_about((0.0, 0.0, edge_mm + 2.0 * RADIUS_MM))[0] == []
