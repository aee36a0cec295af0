"""Surfaces of triangles, and how far one has moved."""

import numpy as np
import pytest
from drawn_bodies import AXES, ball, box, cylinder, tube

from isoguide.errors import GeometryError
from isoguide.geometry.frames import DAILY, PLANNING
from isoguide.geometry.grid import Grid
from isoguide.images.drawn_shape import drawn_shape
from isoguide.images.surface import (
    ClosedSurface,
    signed_distances_mm,
    surface_change,
    surface_of,
    weighted_percentile,
)


def net_of_a_ball(radius_mm: float, direction: np.ndarray) -> ClosedSurface:
    """Made from the distance itself, so that nothing was drawn in between."""
    reach = round(radius_mm) + 2.0
    size = int(2.0 * reach) + 1
    corner = direction @ np.full(3, -reach)
    grid = Grid(PLANNING, (size,) * 3, np.ones(3), corner, direction)
    kji = np.indices(grid.shape).reshape(3, -1)
    distance = np.linalg.norm(grid.xyz(kji[::-1].T), axis=1) - radius_mm
    return surface_of(distance.reshape(grid.shape).astype(np.float32), grid)


@pytest.fixture(scope="module")
def planned() -> ClosedSurface:
    return drawn_shape(ball(20.0)).surface


class TestNets:
    @pytest.mark.parametrize("direction", AXES.values(), ids=AXES)
    def test_a_ball_has_its_volume_centre_and_area_outwards(self, direction: np.ndarray) -> None:
        surface = net_of_a_ball(16.3, direction)
        assert surface.volume_ml == pytest.approx(4.0 / 3.0 * np.pi * 16.3**3 / 1000.0, rel=0.01)
        np.testing.assert_allclose(surface.centre_mm, 0.0, atol=0.01)
        areas = surface.area_vectors_mm2
        assert np.linalg.norm(areas, axis=1).sum() == pytest.approx(4.0 * np.pi * 16.3**2, rel=0.01)
        assert (np.einsum("na,na->n", areas, surface.points_mm) > 0.0).all()
        np.testing.assert_allclose(np.linalg.norm(surface.points_mm, axis=1), 16.3, atol=0.1)

    def test_every_edge_has_two_triangles_so_that_it_is_closed(self) -> None:
        surface = drawn_shape(tube(15.0, 6.0, 20.0, 4.0)).surface
        a, b, c = surface.triangles.T
        directed = np.concatenate([np.stack(pair, axis=1) for pair in ((a, b), (b, c), (c, a))])
        _, there = np.unique(directed, axis=0, return_counts=True)
        _, back = np.unique(directed[:, ::-1], axis=0, return_counts=True)
        np.testing.assert_array_equal(there, back)

    def test_a_body_cut_by_the_grid_is_closed_half_a_voxel_beyond(self) -> None:
        grid = Grid.axial(PLANNING, (4, 5, 6), (1.0, 2.0, 3.0), (0.0, 0.0, 0.0))
        surface = surface_of(np.full(grid.shape, -1.0, dtype=np.float32), grid)
        np.testing.assert_allclose(np.ptp(surface.points_mm, axis=0), [6.0, 10.0, 12.0], atol=1e-6)

    def test_nothing_inside_is_refused(self) -> None:
        grid = Grid.axial(PLANNING, (4, 4, 4), (1.0, 1.0, 1.0), (0.0, 0.0, 0.0))
        with pytest.raises(GeometryError, match="nothing lies inside"):
            surface_of(np.ones(grid.shape, dtype=np.float32), grid)

    def test_a_surface_without_triangles_is_refused(self) -> None:
        with pytest.raises(GeometryError, match="needs triangles"):
            ClosedSurface(PLANNING, np.zeros((4, 3)), np.empty((0, 3), dtype=np.int64))


class TestDistances:
    def test_points_inside_a_box_are_negative_by_their_depth(self) -> None:
        surface = drawn_shape(box((20.0, 20.0, 20.0))).surface
        points = np.array([[0.0, 0.0, 0.0], [8.0, 0.0, 0.0], [13.0, 0.0, 0.0], [0.0, 0.0, 14.0]])
        np.testing.assert_allclose(
            signed_distances_mm(points, surface, PLANNING), [-10.0, -2.0, 3.0, 4.0], atol=0.02
        )

    def test_another_frame_is_refused(self) -> None:
        surface = drawn_shape(ball(8.0)).surface
        with pytest.raises(GeometryError, match="means nothing"):
            signed_distances_mm(np.zeros((1, 3)), surface, DAILY)

    def test_a_percentile_counts_each_value_by_its_weight(self) -> None:
        values, weights = np.array([3.0, 1.0, 2.0]), np.array([1.0, 98.0, 1.0])
        assert weighted_percentile(values, weights, 50.0) == pytest.approx(1.0, abs=0.03)
        assert weighted_percentile(values, weights, 99.5) == pytest.approx(3.0)


class TestChange:
    def test_a_ball_that_grew_by_2_mm_has_moved_outwards_everywhere(self, planned: ClosedSurface) -> None:
        found = surface_change(planned, planned.moved_to(planned.points_mm * 1.1))
        assert found.mean_mm == pytest.approx(2.0, abs=0.05)
        # Only at the rim of the flat ends another part of the surface is nearer.
        np.testing.assert_allclose(np.percentile(found.signed_mm, [4.0, 100.0]), 2.0, atol=0.15)
        assert found.largest_mm == pytest.approx(2.0, abs=0.15)

    def test_a_ball_that_shrank_is_negative(self, planned: ClosedSurface) -> None:
        found = surface_change(planned, planned.moved_to(planned.points_mm * 0.9))
        assert found.mean_mm == pytest.approx(-2.0, abs=0.05)
        assert found.p95_mm == pytest.approx(2.0, abs=0.1)

    def test_a_mere_shift_is_outwards_in_front_and_inwards_behind(self, planned: ClosedSurface) -> None:
        found = surface_change(planned, planned.moved_to(planned.points_mm + [4.0, 0.0, 0.0]))
        assert found.mean_mm == pytest.approx(0.0, abs=0.01)
        left, right = (int(n) for n in (np.argmax(found.points_mm[:, 0]), np.argmin(found.points_mm[:, 0])))
        assert found.signed_mm[left] == pytest.approx(4.0, abs=0.1)
        assert found.signed_mm[right] == pytest.approx(-4.0, abs=0.1)
        assert found.normals[left, 0] == pytest.approx(1.0, abs=0.03)
        assert found.largest_mm == pytest.approx(4.0, abs=0.1)

    def test_a_thin_new_bulge_is_not_missed(self) -> None:
        planned = drawn_shape(box((40.0, 40.0, 20.0))).surface
        points = planned.points_mm.copy()
        near = (points[:, 2] > 9.0) & (np.hypot(points[:, 0], points[:, 1]) < 2.0)
        points[near, 2] += 12.0
        found = surface_change(planned, planned.moved_to(points))
        assert found.signed_mm.max() < 6.0  # from the plan, the foot of the bulge is near everywhere
        assert found.largest_mm == pytest.approx(12.0, abs=0.2)

    def test_a_cylinder_turned_about_its_axis_has_not_changed(self) -> None:
        planned = drawn_shape(cylinder(12.0, 20.0)).surface
        c, s = np.cos(0.3), np.sin(0.3)
        turned = planned.points_mm @ np.array([[c, -s, 0.0], [s, c, 0.0], [0.0, 0.0, 1.0]]).T
        found = surface_change(planned, planned.moved_to(turned))
        assert found.p95_mm < 0.05
        assert found.largest_mm < 0.5  # triangles at the rim are turned against each other
        assert abs(found.mean_mm) < 0.01

    def test_surfaces_of_different_frames_are_not_compared(self, planned: ClosedSurface) -> None:
        with pytest.raises(GeometryError, match="means nothing"):
            surface_change(planned, planned.moved_to(planned.points_mm, DAILY))
