import numpy as np
import pytest

from isoguide.geometry.frames import PLANNING
from isoguide.geometry.grid import Grid
from isoguide.images.structure import Contour, Structure
from isoguide.workflow.outlines import CroppedMask, cropped_grid, outlines
from isoguide.workflow.planes import planes_through

RADIUS_MM = 20.0
GRID = Grid.axial(PLANNING, (60, 80, 80), (1.0, 1.0, 2.0), (-40.0, -40.0, -60.0))


def cylinder():
    angles = np.linspace(0.0, 2.0 * np.pi, 120, endpoint=False)
    circle = np.column_stack([RADIUS_MM * np.cos(angles), RADIUS_MM * np.sin(angles)])
    contours = tuple(
        Contour("CLOSED_PLANAR", np.column_stack([circle, np.full(120, z)]))
        for z in np.arange(-20.0, 21.0, 2.0)
    )
    return Structure("PTV", 1, PLANNING, contours, "PTV")


@pytest.fixture(scope="module")
def mask():
    return CroppedMask.of(cylinder(), GRID)


def test_in_its_own_planes_the_structure_is_drawn_as_it_was_contoured(mask):
    axial, *_ = planes_through(np.zeros(3), field_mm=100.0, pixels=200)

    (line,) = outlines(mask, axial)

    assert np.linalg.norm((line - 100.0) * axial.pixel_mm, axis=1) == pytest.approx(RADIUS_MM)


def test_across_its_planes_it_is_cut_where_it_lies(mask):
    _, coronal, sagittal = planes_through(np.array([0.0, 10.0, 0.0]), field_mm=100.0, pixels=200)
    half_width_mm = {"Coronal": np.sqrt(RADIUS_MM**2 - 10.0**2), "Sagittal": RADIUS_MM}

    for plane in (coronal, sagittal):
        (line,) = outlines(mask, plane)
        width_mm = np.ptp(line[:, 0]) * plane.pixel_mm
        height_mm = np.ptp(line[:, 1]) * plane.pixel_mm
        assert width_mm == pytest.approx(2.0 * half_width_mm[plane.name], abs=1.5)
        assert height_mm == pytest.approx(42.0, abs=2.5)


def test_a_plane_that_misses_the_structure_shows_nothing(mask):
    for centre in ((0.0, 0.0, 50.0), (0.0, 35.0, 0.0)):
        plane = planes_through(np.array(centre), field_mm=100.0, pixels=100)[0 if centre[2] else 1]
        assert outlines(mask, plane) == []


def test_a_structure_off_the_grid_or_without_volume_has_no_mask():
    point = Structure("iso", 1, PLANNING, (Contour("POINT", np.zeros((1, 3))),))
    far = Structure(
        "far", 2, PLANNING, (Contour("CLOSED_PLANAR", np.array([[900.0, 0, 0], [910, 0, 0], [910, 10, 0]])),)
    )
    _, coronal, _ = planes_through(np.zeros(3), field_mm=100.0, pixels=100)

    for structure in (point, far):
        assert CroppedMask.of(structure, GRID).mask is None
    assert outlines(CroppedMask.of(point, GRID), coronal) == []
    assert outlines(CroppedMask.of(far, GRID), coronal) == []
    assert cropped_grid(GRID, np.empty((0, 3))) is None
