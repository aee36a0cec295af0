"""What became of a structure: volume, place, extent, surface, and how sure they are."""

import numpy as np
import pytest
from drawn_bodies import ball, box, circle, cylinder, drawn, rectangle, registration, slices

from isoguide.errors import GeometryError, MissingEvidenceError
from isoguide.geometry.frames import DAILY, PLANNING, Array
from isoguide.geometry.transforms import RigidTransform, rotation_z
from isoguide.images.drawn_shape import drawn_shape
from isoguide.images.structure_measures import volume_ml
from isoguide.registration.deformable.shape import (
    CORRELATION_MM,
    seen_fraction,
    structure_of_day,
)

PLACE = (6.0, -4.0, 10.0)


def scaled(factor: float, centre: tuple[float, float, float] = PLACE):
    return lambda xyz: (factor - 1.0) * (xyz - np.array(centre))


def turned(angle_deg: float):
    return lambda xyz: xyz @ rotation_z(angle_deg).T - xyz


class TestVolume:
    @pytest.mark.parametrize("percent", [-20.0, 15.0])
    def test_a_tumour_that_lost_or_gained_some_percent_says_so(self, percent: float) -> None:
        target = ball(14.0, 4.0, centre_mm=PLACE)
        found = structure_of_day(target, registration(scaled((1.0 + percent / 100.0) ** (1.0 / 3.0))))
        assert found.planned_volume_ml == pytest.approx(volume_ml(target))
        change = 100.0 * (found.volume_ml / found.planned_volume_ml - 1.0)
        assert change == pytest.approx(percent, abs=1e-3)
        np.testing.assert_allclose(found.shift_mm, 0.0, atol=0.05)

    @pytest.mark.parametrize("move", [lambda xyz: np.array([5.0, -2.0, 3.7]), turned(9.0)])
    def test_a_shift_or_a_turn_leaves_the_volume(self, move) -> None:
        found = structure_of_day(box((20.0, 30.0, 24.0), 4.0, centre_mm=PLACE), registration(move))
        assert found.volume_ml == pytest.approx(14.4, rel=1e-5)

    def test_a_stretch_along_one_axis_counts_once(self) -> None:
        found = structure_of_day(cylinder(12.0, 24.0, 4.0), registration(lambda xyz: xyz * [0.0, 0.0, 0.1]))
        assert found.volume_ml / found.planned_volume_ml == pytest.approx(1.1, rel=1e-5)
        np.testing.assert_allclose(found.extent_mm - found.planned_extent_mm, [0.0, 0.0, 2.4], atol=0.02)

    def test_it_is_the_integral_of_the_jacobian_over_the_planned_structure(self) -> None:
        # u = (x²/400, 0, 0) has the determinant 1 + x/200, which over a ball about x = 20 is 1.1.
        found = structure_of_day(
            ball(14.0, 4.0, centre_mm=(20.0, 0.0, 0.0)),
            registration(lambda xyz: np.stack([xyz[:, 0] ** 2 / 400.0, *np.zeros((2, len(xyz)))], axis=1)),
        )
        assert found.volume_ml / found.planned_volume_ml == pytest.approx(1.1, rel=1e-3)

    def test_the_patient_as_a_whole_does_not_count(self) -> None:
        pose = RigidTransform.from_parts(PLANNING, DAILY, rotation_z(20.0), np.array([40.0, 0.0, 9.0]))
        found = structure_of_day(ball(8.0, 4.0), registration(scaled(1.0), planning_from_daily=pose))
        np.testing.assert_allclose(found.shift_mm, 0.0, atol=1e-6)
        np.testing.assert_allclose(found.extent_mm, found.planned_extent_mm)


class TestDrawing:
    def test_contours_that_hardly_overlap_from_slice_to_slice_are_named(self) -> None:
        scar = drawn(lambda z: [rectangle(20.0, 3.0) + [0.0, z]], slices(9.0, 3.0), name="Scar")
        found = structure_of_day(scar, registration(scaled(0.9)))
        assert found.planned_volume_ml == pytest.approx(1.08)
        assert len(found.approximations) == 1
        assert found.approximations[0].startswith("structure 'Scar' is drawn so coarsely")
        assert found.volume_ml / found.planned_volume_ml == pytest.approx(0.729, abs=1e-3)


class TestPlaceAndSurface:
    def test_a_target_5_mm_further_left_than_the_bones_say_has_shifted_by_5_mm_along_x(self) -> None:
        found = structure_of_day(
            ball(12.0, 4.0, centre_mm=PLACE), registration(lambda xyz: np.array([5.0, 0.0, 0.0]))
        )
        np.testing.assert_allclose(found.shift_mm, [5.0, 0.0, 0.0], atol=1e-4)
        left = int(np.argmax(found.surface.points_mm[:, 0]))
        assert found.surface.signed_mm[left] == pytest.approx(5.0, abs=0.1)
        assert found.surface.largest_mm == pytest.approx(5.0, abs=0.1)

    def test_a_shrinking_target_has_its_surface_inside_the_planned_one(self) -> None:
        found = structure_of_day(ball(20.0, 4.0, centre_mm=PLACE), registration(scaled(0.9)))
        assert found.surface.mean_mm == pytest.approx(-2.0, abs=0.05)
        np.testing.assert_allclose(found.planned_extent_mm, 40.0, atol=0.3)  # no slice through the middle
        np.testing.assert_allclose(found.extent_mm, 0.9 * found.planned_extent_mm, atol=0.01)


class TestUncertainty:
    @pytest.mark.parametrize("radius_mm", [6.0, 20.0])
    def test_the_volume_of_a_ball_is_as_unsure_as_a_formula_says(self, radius_mm: float) -> None:
        found = structure_of_day(ball(radius_mm, radius_mm / 6.0), registration(scaled(1.0), sigma_mm=0.5))
        # ∮∮ exp(-d²/2c²) over a sphere, with d² = 2 R² (1 - n·n') and a = R²/c².
        a = (radius_mm / CORRELATION_MM) ** 2
        integral = (1.0 - np.exp(-2.0 * a)) / a
        expected = 0.5 * radius_mm**2 * np.sqrt(8.0 * np.pi**2 * integral) / 1000.0
        assert found.volume_sigma_ml == pytest.approx(expected, rel=0.03)


class TestFieldOfView:
    @staticmethod
    def left_half(nodes: Array) -> Array:
        return nodes[:, 0] > -0.1

    def test_a_structure_half_outside_the_field_of_view_says_which_share_is_seen(self) -> None:
        found = structure_of_day(
            ball(12.0, 4.0), registration(scaled(1.0), seen=self.left_half, spacing_mm=2.5)
        )
        assert found.seen_fraction == pytest.approx(0.5, abs=0.09)
        assert len(found.approximations) == 1
        assert found.approximations[0].startswith("the day's image shows ")
        assert "of structure 'Target'" in found.approximations[0]

    def test_a_structure_that_is_seen_whole_needs_no_assumption(self) -> None:
        found = structure_of_day(ball(8.0, 4.0, centre_mm=(30.0, 0.0, 0.0)), registration(scaled(1.0)))
        assert found.seen_fraction == 1.0
        assert found.approximations == ()

    def test_tissue_beyond_the_nodes_of_the_field_is_not_seen(self) -> None:
        beyond = drawn_shape(box((20.0, 20.0, 20.0), centre_mm=(60.0, 0.0, 0.0)))
        found = seen_fraction(beyond, registration(scaled(1.0), half_mm=60.0))
        assert found == pytest.approx(0.625, abs=0.03)  # 50 to 62.5 mm, half a node beyond the last

    def test_a_structure_of_which_nothing_is_seen_is_refused(self) -> None:
        with pytest.raises(MissingEvidenceError, match="shows nothing of structure 'Target'"):
            structure_of_day(
                ball(10.0, centre_mm=(-30.0, 0.0, 0.0)), registration(scaled(1.0), seen=self.left_half)
            )

    def test_a_single_slice_is_refused(self) -> None:
        with pytest.raises(GeometryError, match="single slice"):
            structure_of_day(drawn(lambda z: [circle(8.0)], np.array([2.0])), registration(scaled(1.0)))
