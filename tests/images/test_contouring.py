"""Distance maps drawn as polygons, on slices of any orientation."""

from dataclasses import replace

import numpy as np
import pytest
from drawn_bodies import AXES, ball

from isoguide.errors import GeometryError
from isoguide.geometry.frames import DAILY, Array
from isoguide.geometry.grid import Grid
from isoguide.images.contouring import contours_of
from isoguide.images.mask import structure_mask
from isoguide.images.structure import Contour, Structure
from isoguide.images.structure_measures import centre_mm, volume_ml

LIKE = replace(ball(10.0), interpreted_type="GTV", colour=(1, 2, 3), description="as drawn")


def grid_of(direction: Array, shape: tuple[int, int, int] = (16, 34, 40)) -> Grid:
    spacing = np.array([1.1, 1.3, 2.5])
    corner = -direction @ (spacing * (np.array(shape[::-1]) - 1) / 2.0)
    return Grid(DAILY, shape, spacing, corner, direction)


def distance_mm(grid: Grid, of: np.ufunc) -> np.ndarray:
    kji = np.indices(grid.shape).reshape(3, -1)
    return of(grid.xyz(kji[::-1].T)).reshape(grid.shape).astype(np.float32)


def from_ball(radius_mm: float, centre: tuple[float, float, float] = (0.0, 0.0, 0.0)):
    return lambda xyz: np.linalg.norm(xyz - centre, axis=1) - radius_mm


def drawn_on(grid: Grid, of: np.ufunc, like: Structure = LIKE) -> Structure:
    return contours_of(distance_mm(grid, of), grid, name="Target", number=7, like=like)


def signed_area(contour: Contour, normal: Array) -> float:
    inner = contour.xyz_mm - contour.xyz_mm.mean(axis=0)
    return float(np.cross(inner, np.roll(inner, -1, axis=0)).sum(axis=0) @ normal) / 2.0


class TestPolygons:
    @pytest.mark.parametrize("direction", AXES.values(), ids=AXES)
    def test_a_ball_beside_the_middle_is_found_where_it_is(self, direction: Array) -> None:
        place = tuple(direction @ np.array([4.0, -3.0, 1.0]))
        found = drawn_on(grid_of(direction), from_ball(12.0, place))
        points = found.points_mm
        np.testing.assert_allclose(np.linalg.norm(points - place, axis=1), 12.0, atol=0.08)
        np.testing.assert_allclose(centre_mm(found), place, atol=0.1)
        assert volume_ml(found) == pytest.approx(4.0 / 3.0 * np.pi * 1.728, rel=0.03)
        depth = grid_of(direction).index(points)[:, 2]
        np.testing.assert_allclose(depth, np.rint(depth), atol=1e-3)  # on the slices
        assert all(signed_area(one, direction[:, 2]) > 0.0 for one in found.contours)

    def test_it_is_called_and_coloured_as_told(self) -> None:
        found = drawn_on(grid_of(np.eye(3)), from_ball(12.0))
        assert (found.name, found.number, found.frame) == ("Target", 7, DAILY)
        assert (found.interpreted_type, found.colour, found.description) == ("GTV", (1, 2, 3), "as drawn")

    def test_the_mask_of_the_polygons_is_what_lies_inside(self) -> None:
        grid = grid_of(np.eye(3))
        distance = distance_mm(grid, from_ball(12.0))
        found = contours_of(distance, grid, name="Target", number=1, like=LIKE)
        mask = structure_mask(found, grid)
        np.testing.assert_array_equal(mask[distance < -0.7], True)
        np.testing.assert_array_equal(mask[distance > 0.7], False)

    def test_a_part_that_leaves_the_image_is_closed_at_its_border(self) -> None:
        grid = grid_of(np.eye(3))
        found = drawn_on(grid, from_ball(12.0, (grid.extent_mm[0] / 2.0, 0.0, 0.0)))
        assert found.points_mm[:, 0].max() == pytest.approx(grid.extent_mm[0] / 2.0, abs=1e-3)
        assert volume_ml(found) == pytest.approx(2.0 / 3.0 * np.pi * 1.728, rel=0.04)


class TestHolesAndParts:
    @staticmethod
    def shell(xyz: Array) -> Array:
        """A tube along z with a hole, and a rod beside it."""
        radius = np.hypot(xyz[:, 0] + 4.0, xyz[:, 1])
        rod = np.hypot(xyz[:, 0] - 16.0, xyz[:, 1]) - 3.0
        return np.minimum(np.maximum(radius - 13.0, 6.0 - radius), rod)

    def test_a_hole_is_joined_by_a_channel_where_the_plan_did_not_use_xor(self) -> None:
        found = drawn_on(grid_of(np.eye(3)), self.shell)
        assert {one.kind for one in found.contours} == {"CLOSED_PLANAR"}
        assert len(found.contours) == 2 * 16
        assert volume_ml(found) == pytest.approx(np.pi * (169 - 36 + 9) * 0.04, rel=0.02)
        mask = structure_mask(found, grid_of(np.eye(3)))
        distance = distance_mm(grid_of(np.eye(3)), self.shell)
        np.testing.assert_array_equal(mask[np.abs(distance) > 0.9], distance[np.abs(distance) > 0.9] < 0)

    def test_a_hole_is_a_contour_of_its_own_where_the_plan_used_xor(self) -> None:
        contour = Contour("CLOSEDPLANAR_XOR", LIKE.contours[0].xyz_mm)
        found = drawn_on(grid_of(np.eye(3)), self.shell, replace(LIKE, contours=(contour,)))
        assert {one.kind for one in found.contours} == {"CLOSEDPLANAR_XOR"}
        assert len(found.contours) == 3 * 16
        holes = [one for one in found.contours if signed_area(one, np.array([0.0, 0.0, 1.0])) < 0.0]
        assert len(holes) == 16
        assert volume_ml(found) == pytest.approx(np.pi * (169 - 36 + 9) * 0.04, rel=0.02)

    def test_several_holes_are_all_left_out(self) -> None:
        def cheese(xyz: Array) -> Array:
            holes = [3.0 - np.hypot(xyz[:, 0] - x, xyz[:, 1]) for x in (-8.0, 0.0, 8.0)]
            return np.max([np.hypot(xyz[:, 0], xyz[:, 1]) - 14.0, *holes], axis=0)

        found = drawn_on(grid_of(np.eye(3)), cheese)
        assert len(found.contours) == 16
        assert volume_ml(found) == pytest.approx(np.pi * (196 - 27) * 0.04, rel=0.02)


class TestRefusals:
    def test_nothing_inside_is_no_structure(self) -> None:
        with pytest.raises(GeometryError, match="'Target' does not meet a slice"):
            drawn_on(grid_of(np.eye(3)), from_ball(12.0, (500.0, 0.0, 0.0)))

    def test_a_speck_is_no_structure(self) -> None:
        grid = grid_of(np.eye(3), (3, 5, 5))
        with pytest.raises(GeometryError, match="does not meet a slice"):
            drawn_on(grid, from_ball(0.05))

    def test_values_that_are_no_numbers_are_refused(self) -> None:
        grid = grid_of(np.eye(3))
        distance = distance_mm(grid, from_ball(12.0))
        distance[3, 4, 5] = np.nan
        with pytest.raises(GeometryError, match="not finite"):
            contours_of(distance, grid, name="Target", number=1, like=LIKE)
        with pytest.raises(GeometryError, match="does not fit"):
            contours_of(distance[1:], grid, name="Target", number=1, like=LIKE)
