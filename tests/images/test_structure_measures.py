"""Size, place and agreement of structures: what a ruler and a formula say."""

from dataclasses import replace

import numpy as np
import pytest
import SimpleITK
from drawn_bodies import AXES, ball, box, circle, cylinder, drawn, rectangle, slices, tube

from isoguide.errors import GeometryError
from isoguide.geometry.frames import DAILY, PLANNING
from isoguide.geometry.grid import Grid
from isoguide.images.drawn_shape import drawn_shape
from isoguide.images.mask import structure_mask
from isoguide.images.structure import Contour, Structure
from isoguide.images.structure_measures import agreement, centre_mm, extent_mm, volume_ml

GRID = Grid.axial(PLANNING, (40, 80, 80), (1.0, 1.0, 2.0), (-40.0, -40.0, -39.0))


class TestSize:
    def test_a_box_of_20_by_30_by_40_mm_holds_24_ml(self) -> None:
        assert volume_ml(box((20.0, 30.0, 40.0))) == pytest.approx(24.0, abs=1e-9)
        np.testing.assert_allclose(extent_mm(box((20.0, 30.0, 40.0))), [20.0, 30.0, 40.0], atol=1e-9)

    def test_a_cylinder_holds_pi_r_square_h_whatever_the_slices(self) -> None:
        for step_mm in (1.0, 2.5, 5.0):
            assert volume_ml(cylinder(12.0, 30.0, step_mm)) == pytest.approx(np.pi * 144.0 * 0.03, rel=1e-6)

    def test_a_ball_in_slices_of_a_tenth_of_its_size_holds_its_formula(self) -> None:
        assert volume_ml(ball(20.0)) == pytest.approx(4.0 / 3.0 * np.pi * 8.0, rel=2e-3)

    @pytest.mark.parametrize("axes", AXES.values(), ids=AXES)
    def test_the_way_it_was_sliced_and_where_it_lies_do_not_matter(self, axes: np.ndarray) -> None:
        place = (31.0, -120.0, 400.0)
        body = tube(15.0, 6.0, 30.0, axes=axes, centre_mm=place)
        assert volume_ml(body) == pytest.approx(np.pi * (225.0 - 36.0) * 0.03, rel=1e-6)
        np.testing.assert_allclose(centre_mm(body), place, atol=1e-6)
        np.testing.assert_allclose(extent_mm(body), np.abs(axes) @ [30.0, 30.0, 30.0], atol=0.03)

    def test_slices_tilted_like_a_gantry_are_measured_across_them(self) -> None:
        tilt = np.deg2rad(20.0)
        axes = np.array([[1, 0, 0], [0, np.cos(tilt), -np.sin(tilt)], [0, np.sin(tilt), np.cos(tilt)]])
        assert volume_ml(cylinder(12.0, 30.0, axes=axes)) == pytest.approx(np.pi * 144.0 * 0.03, rel=1e-6)

    def test_a_hole_counts_the_same_whichever_way_it_was_drawn(self) -> None:
        expected = pytest.approx(np.pi * (225.0 - 36.0) * 0.03, rel=1e-6)
        assert volume_ml(tube(15.0, 6.0, 30.0)) == expected
        assert volume_ml(tube(15.0, 6.0, 30.0, kind="CLOSEDPLANAR_XOR")) == expected
        outer, inner = circle(15.0), circle(6.0)[::-1]
        keyhole = np.concatenate([outer[:1], outer[1:], outer[:1], np.roll(inner, 1, axis=0), inner[-1:]])
        assert volume_ml(drawn(lambda z: [keyhole], slices(15.0, 2.0))) == expected

    def test_an_island_in_a_hole_counts_and_so_does_a_part_beside(self) -> None:
        rings = [circle(15.0), circle(10.0), circle(5.0), circle(4.0) + [40.0, 0.0]]
        found = drawn(lambda z: rings, slices(10.0, 2.0))
        assert volume_ml(found) == pytest.approx(np.pi * (225 - 100 + 25 + 16) * 0.02, rel=1e-6)

    def test_a_slice_left_out_separates_two_parts_as_in_the_mask(self) -> None:
        depths = np.array([-4.0, -2.0, 2.0, 4.0])
        assert volume_ml(drawn(lambda z: [rectangle(20, 20)], depths)) == pytest.approx(4 * 0.8)

    def test_every_second_slice_is_enough(self) -> None:
        assert volume_ml(drawn(lambda z: [rectangle(20, 20)], slices(12.0, 4.0))) == pytest.approx(9.6)

    def test_contours_stored_twice_count_once(self) -> None:
        body = box((20.0, 30.0, 40.0))
        assert volume_ml(replace(body, contours=body.contours * 2)) == pytest.approx(24.0)


class TestRefusals:
    def test_an_empty_structure_has_no_volume(self) -> None:
        with pytest.raises(GeometryError, match="'Nothing' has no closed contour"):
            volume_ml(Structure("Nothing", 1, PLANNING, ()))

    def test_a_point_has_no_volume(self) -> None:
        with pytest.raises(GeometryError, match="no closed contour"):
            extent_mm(Structure("Isocentre", 1, PLANNING, (Contour("POINT", np.zeros((1, 3))),)))

    def test_a_single_slice_has_no_thickness(self) -> None:
        with pytest.raises(GeometryError, match="single slice"):
            volume_ml(drawn(lambda z: [circle(10.0)], np.array([0.0])))

    def test_slices_too_far_apart_for_one_body_have_no_thickness_either(self) -> None:
        with pytest.raises(GeometryError, match="more than 15 mm apart"):
            volume_ml(drawn(lambda z: [circle(10.0)], np.array([0.0, 20.0])))

    def test_a_line_encloses_nothing(self) -> None:
        line = np.array([(0.0, 0.0), (10.0, 0.0), (5.0, 0.0)])
        with pytest.raises(GeometryError, match="encloses no volume"):
            volume_ml(drawn(lambda z: [line], slices(5.0, 2.0)))

    def test_contours_that_are_not_parallel_are_refused(self) -> None:
        one, other = cylinder(10.0, 10.0), cylinder(10.0, 10.0, axes=AXES["coronal"])
        with pytest.raises(GeometryError, match="parallel planes"):
            volume_ml(replace(one, contours=one.contours + other.contours))


class TestAgreement:
    def test_a_structure_agrees_with_itself(self) -> None:
        shape = drawn_shape(ball(12.0, 4.0))
        found = agreement(shape, shape, GRID)
        assert found.dice == pytest.approx(1.0)
        assert found.hausdorff_mm == pytest.approx(0.0, abs=1e-9)

    def test_balls_of_10_and_12_mm_about_one_centre_lie_2_mm_apart(self) -> None:
        found = agreement(ball(10.0, 1.0), ball(12.0, 1.0), GRID)
        # Dice: 2 · 10³ / (10³ + 12³)
        assert found.dice == pytest.approx(2000.0 / 2728.0, abs=0.01)
        assert found.mean_distance_mm == pytest.approx(2.0, abs=0.1)
        assert found.hausdorff_mm == pytest.approx(2.0, abs=0.3)
        assert found.hausdorff_p95_mm == pytest.approx(2.0, abs=0.3)

    def test_a_cube_of_20_mm_displaced_by_5_mm_shares_three_quarters(self) -> None:
        found = agreement(box((20.0,) * 3), box((20.0,) * 3, centre_mm=(5.0, 0.0, 0.0)), GRID)
        assert found.dice == pytest.approx(0.75, abs=0.005)
        assert found.hausdorff_mm == pytest.approx(5.0, abs=0.2)

    def test_other_software_says_the_same_of_a_ball_and_a_box(self) -> None:
        fine = Grid.axial(PLANNING, (64, 64, 64), (0.6, 0.6, 0.6), (-18.9, -18.9, -18.9))
        a, b = (drawn_shape(one) for one in (ball(14.0), box((20.0, 26.0, 20.0), centre_mm=(3.0, 1.0, -2.0))))
        found, back = agreement(a, b, fine), agreement(b, a, fine)
        assert back.dice == pytest.approx(found.dice)
        assert back.mean_distance_mm == pytest.approx(found.mean_distance_mm)
        masks = [
            SimpleITK.GetImageFromArray(structure_mask(one.structure, fine).astype(np.uint8))
            for one in (a, b)
        ]
        for mask in masks:
            mask.SetSpacing([0.6] * 3)
        overlap = SimpleITK.LabelOverlapMeasuresImageFilter()
        overlap.Execute(*masks)
        assert found.dice == pytest.approx(overlap.GetDiceCoefficient(), abs=0.01)
        surface = SimpleITK.HausdorffDistanceImageFilter()
        surface.Execute(*masks)
        assert found.hausdorff_mm == pytest.approx(surface.GetHausdorffDistance(), abs=0.7)  # by voxels
        corner_mm = np.linalg.norm([13.0, 14.0, 12.0])
        assert found.hausdorff_mm == pytest.approx(corner_mm - 14.0, abs=0.25)  # corners are rounded

    def test_structures_far_apart_share_nothing(self) -> None:
        found = agreement(ball(8.0, 4.0), ball(8.0, 4.0, centre_mm=(60.0, 0.0, 0.0)), GRID)
        assert found.dice == 0.0
        assert found.mean_distance_mm > 44.0

    def test_structures_of_different_frames_are_not_compared(self) -> None:
        with pytest.raises(GeometryError, match="means nothing"):
            agreement(ball(10.0), ball(10.0, frame=DAILY), GRID)
