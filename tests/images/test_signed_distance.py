"""Signed distances of structures: zero where they were drawn, closed where the mask is."""

import numpy as np
import pytest

from isoguide.errors import GeometryError
from isoguide.geometry.frames import DAILY, PLANNING
from isoguide.geometry.grid import Grid
from isoguide.images.mask import structure_mask
from isoguide.images.signed_distance import signed_distance_mm
from isoguide.images.structure import Contour, Structure

GRID = Grid.axial(PLANNING, (12, 40, 40), (1.0, 1.0, 3.0), (-20.0, -20.0, 0.0))


def circle(radius_mm: float, z_mm: float) -> Contour:
    angle = np.linspace(0.0, 2.0 * np.pi, 120, endpoint=False)
    return Contour(
        "CLOSED_PLANAR",
        np.column_stack([radius_mm * np.cos(angle), radius_mm * np.sin(angle), np.full(120, z_mm)]),
    )


def structure(*contours: Contour) -> Structure:
    return Structure("one", 1, PLANNING, contours)


def at(distance: np.ndarray, x: float, y: float, z: float) -> float:
    i, j, k = (round(float(n)) for n in GRID.index([x, y, z]))
    return float(distance[k, j, i])


class TestOneStructure:
    def test_in_a_drawn_plane_the_distance_is_that_from_the_circle(self) -> None:
        distance = signed_distance_mm(structure(*(circle(10.0, z) for z in (12.0, 15.0, 18.0))), GRID)
        x, y = np.meshgrid(np.arange(40) - 20.0, np.arange(40) - 20.0)
        radius = np.hypot(x, y)
        near = np.abs(radius - 10.0) < 3.0
        np.testing.assert_allclose(distance[5][near], (radius - 10.0)[near], atol=0.02)
        assert np.abs(distance[5] - (radius - 10.0)).max() < 1.5

    def test_a_hole_is_outside(self) -> None:
        distance = signed_distance_mm(structure(*(circle(r, 15.0) for r in (12.0, 5.0))), GRID)
        assert at(distance, 0.0, 0.0, 15.0) > 4.0
        assert at(distance, 8.0, 0.0, 15.0) < -2.9

    def test_between_planes_of_different_size_the_surface_lies_between_them(self) -> None:
        distance = signed_distance_mm(structure(circle(6.0, 12.0), circle(12.0, 18.0)), GRID)
        assert at(distance, 9.0, 0.0, 15.0) == pytest.approx(0.0, abs=0.1)

    def test_an_open_end_closes_half_a_slice_further_like_the_mask(self) -> None:
        drawn = structure(*(circle(10.0, z) for z in (12.0, 15.0, 18.0)))
        distance = signed_distance_mm(drawn, GRID)
        inside, beyond = at(distance, 0.0, 0.0, 18.0), at(distance, 0.0, 0.0, 21.0)
        assert inside / (inside - beyond) == pytest.approx(0.5)
        assert distance[8].min() > 0.0
        np.testing.assert_array_equal(
            (distance < 0.0).any(axis=(1, 2)), structure_mask(drawn, GRID).any(axis=(1, 2))
        )

    def test_a_gap_separates_two_parts_and_each_is_closed(self) -> None:
        zs = (3.0, 6.0, 9.0, 24.0, 27.0, 30.0)
        distance = signed_distance_mm(structure(*(circle(10.0, z) for z in zs)), GRID)
        assert (distance[[4, 5, 6, 7]] > 0.0).all()
        assert (distance[[1, 2, 3, 8, 9, 10]].min(axis=(1, 2)) < -9.0).all()

    def test_the_sign_is_that_of_the_mask(self) -> None:
        drawn = structure(*(circle(5.3 + 0.7 * n, 3.0 * n) for n in range(2, 9)))
        differs = (signed_distance_mm(drawn, GRID) < 0.0) != structure_mask(drawn, GRID)
        assert differs.mean() < 0.005  # a voxel is in the mask by its area, here by its middle

    def test_a_structure_beside_the_grid_is_out_of_reach(self) -> None:
        far = structure(Contour("CLOSED_PLANAR", circle(5.0, 15.0).xyz_mm + [200.0, 0.0, 0.0]))
        assert (signed_distance_mm(far, GRID) > 0.0).all()

    def test_another_frame_is_refused(self) -> None:
        with pytest.raises(GeometryError, match="is in 'daily"):
            signed_distance_mm(Structure("one", 1, DAILY, (circle(5.0, 15.0),)), GRID)

    def test_nothing_closed_is_refused(self) -> None:
        with pytest.raises(GeometryError, match="no closed contour"):
            signed_distance_mm(structure(Contour("POINT", np.zeros((1, 3)))), GRID)
