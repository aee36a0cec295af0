import numpy as np
import pytest

from isoguide.geometry.frames import PLANNING
from isoguide.geometry.grid import Grid
from isoguide.virtual.canvas import Part
from isoguide.virtual.contours import closed_contours, polygons


def plane(shape=(60, 70)):
    row, column = np.meshgrid(*(np.arange(n, dtype=np.float32) for n in shape), indexing="ij")
    return column, row


def area(line: np.ndarray) -> float:
    x, y = line.T
    return 0.5 * float(np.sum(x * np.roll(y, -1) - np.roll(x, -1) * y))


def test_the_outline_of_a_disc_has_its_area_and_place():
    column, row = plane()
    (line,) = polygons((np.hypot(column - 33.3, row - 27.8) - 15.0).astype(np.float32))
    assert abs(area(line)) == pytest.approx(np.pi * 15.0**2, rel=2e-3)
    np.testing.assert_allclose(np.hypot(line[:, 0] - 33.3, line[:, 1] - 27.8), 15.0, atol=0.01)


def test_a_ring_has_an_outline_and_a_hole_that_turn_opposite_ways():
    column, row = plane()
    radius = np.hypot(column - 35.0, row - 30.0)
    lines = polygons((np.abs(radius - 12.0) - 4.0).astype(np.float32))
    areas = sorted(area(line) for line in lines)
    assert areas[0] == pytest.approx(-np.pi * 8.0**2 * np.sign(areas[1]), rel=0.02) or areas[1] > 0
    assert abs(sum(areas)) == pytest.approx(np.pi * (16.0**2 - 8.0**2), rel=0.01)


def test_an_outline_that_leaves_the_plane_is_closed_along_its_edge():
    column, row = plane((20, 20))
    (line,) = polygons((np.hypot(column, row) - 10.0).astype(np.float32))
    assert line.min() >= -1.0
    assert abs(area(line)) == pytest.approx(np.pi * 100.0 / 4.0, rel=0.2)


def test_two_discs_that_touch_at_a_corner_are_traced_without_losing_a_line():
    values = np.ones((6, 12), dtype=np.float32)
    values[1:3, 1:6] = -1.0
    values[3:5, 6:11] = -1.0
    lines = polygons(values)
    mirrored = polygons(np.ascontiguousarray(values[:, ::-1]))
    assert sum(abs(area(line)) for line in lines) == pytest.approx(2 * 10.0, abs=2.5)
    assert sum(abs(area(line)) for line in mirrored) == pytest.approx(2 * 10.0, abs=2.5)


def test_specks_are_left_out():
    values = np.ones((5, 5), dtype=np.float32)
    values[2, 2] = -0.1
    assert polygons(values) == []


def test_contours_lie_on_the_slices_of_their_box():
    grid = Grid.axial(PLANNING, (10, 60, 70), (2.0, 2.0, 3.0), (-50.0, 10.0, 5.0))
    column, row = plane((20, 20))
    disc = (np.hypot(column - 9.5, row - 9.5) - 6.0).astype(np.float32)
    part = Part((slice(4, 6), slice(20, 40), slice(30, 50)), np.stack([disc, disc]))
    first, second = closed_contours(part, grid)
    assert (first.xyz_mm[:, 2] == 17.0).all()
    assert (second.xyz_mm[:, 2] == 20.0).all()
    np.testing.assert_allclose(first.xyz_mm[:, :2].mean(axis=0), [29.0, 69.0], atol=0.2)
