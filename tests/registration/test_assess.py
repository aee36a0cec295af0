"""How sure a match is and why to believe it."""

from dataclasses import replace
from functools import cache
from types import SimpleNamespace

import numpy as np
import pytest
from analytic_images import daily_level, planning_level, texture
from virtual_cases import CONE_BEAM, image_of, levels_of, lying

from isoguide.geometry.transforms import rotation_angle_deg, rotation_x, rotation_y
from isoguide.registration.assess import (
    backward_inconsistency_mm,
    condition,
    covariance_mm,
    motion_in_words,
    residual_map,
    uncertainty,
    vertebral_alternatives,
)
from isoguide.registration.couch_freedom import constrained_pose
from isoguide.registration.pyramid import Level
from isoguide.registration.refine import refine, small_motion
from isoguide.registration.templates import make_templates

CENTRE_MM = np.zeros(3)
LEFT, POSTERIOR, HEAD = np.eye(3)


def templates_of(function=texture, count=800):
    level = planning_level(function)
    return make_templates(level, np.ones(level.grid.shape, dtype=bool), CENTRE_MM, count)


@pytest.fixture(scope="module")
def templates():
    return templates_of()


VOXEL_MM = np.array([1.2, 1.2, 2.5])


@cache
def undisturbed_day():
    return daily_level(np.eye(4))


def match(templates, daily, pose=None):
    return refine(
        templates, daily, np.eye(4) if pose is None else pose, np.eye(6), steps=30, tolerance_mm=1e-3
    )


class TestUncertainty:
    @staticmethod
    def noisy_fit(templates, noise, seed=0):
        day = undisturbed_day()
        noise = np.random.default_rng(seed).normal(0.0, noise, day.values.shape)
        return match(templates, Level(day.grid, (day.values + noise).astype(np.float32)))

    def test_more_noise_means_less_certainty(self, templates):
        spreads = [
            np.sqrt(np.diag(covariance_mm(self.noisy_fit(templates, noise), templates)))
            for noise in (5.0, 60.0, 200.0)
        ]
        assert (spreads[0] < spreads[1]).all()
        assert (spreads[1] < spreads[2]).all()

    def test_the_spread_over_noise_is_the_spread_stated(self, templates):
        fits = [self.noisy_fit(templates, 200.0, seed) for seed in range(8)]
        shifts = np.array([fit.daily_from_planning[:3, 3] for fit in fits])
        stated = np.sqrt(np.diag(covariance_mm(fits[0], templates))[:3])
        # The statement is cautious, but not by more than a factor of four; eight draws are known to ±50 %.
        assert (shifts.std(axis=0) < 1.4 * stated).all()
        assert (stated < 4.0 * shifts.std(axis=0)).all()

    def test_the_covariance_is_symmetric_and_positive(self, templates):
        covariance = covariance_mm(self.noisy_fit(templates, 60.0), templates)
        np.testing.assert_allclose(covariance, covariance.T, atol=1e-12)
        assert np.linalg.eigvalsh(covariance)[0] > 0.0

    def test_a_motion_that_is_not_corrected_has_no_spread(self, templates):
        prepared = SimpleNamespace(fine=templates, centre_mm=CENTRE_MM, target_points_mm=np.zeros((1, 3)))
        fit = self.noisy_fit(templates, 60.0)
        shift, full = (uncertainty(fit, prepared, np.eye(6)[:, :n], VOXEL_MM) for n in (3, 6))
        np.testing.assert_array_equal(shift.covariance[3:], 0.0)
        np.testing.assert_allclose(shift.covariance[:3, :3], full.covariance[:3, :3])
        assert shift.largest_at_target_mm == pytest.approx(full.largest_at_target_mm)

    def test_a_target_far_from_the_isocentre_is_less_certain(self, templates):
        fit = self.noisy_fit(templates, 60.0)
        near, far = (
            uncertainty(
                fit,
                SimpleNamespace(
                    fine=templates, centre_mm=CENTRE_MM, target_points_mm=np.array([[x, 0.0, 0.0]])
                ),
                np.eye(6),
                VOXEL_MM,
            )
            for x in (0.0, 200.0)
        )
        assert far.largest_at_target_mm > 1.5 * near.largest_at_target_mm
        np.testing.assert_array_equal(far.covariance, near.covariance)

    def test_coarser_voxels_are_less_certain_along_their_own_axis(self, templates):
        prepared = SimpleNamespace(fine=templates, centre_mm=CENTRE_MM, target_points_mm=np.zeros((1, 3)))
        fit = self.noisy_fit(templates, 5.0)
        fine, thick = (
            np.sqrt(np.diag(uncertainty(fit, prepared, np.eye(6), np.array([1.2, 1.2, z])).covariance))
            for z in (1.2, 4.0)
        )
        assert thick[2] > fine[2] + 0.05
        np.testing.assert_allclose(thick[:2], fine[:2])


class TestWeakestMotion:
    def test_a_column_along_the_body_cannot_hold_the_shift_along_it(self):
        def column(points_mm):
            flat = points_mm * [1.0, 1.0, 0.0]
            return texture(flat)

        fit = match(templates_of(column), daily_level(np.eye(4), column))
        number, weakest = condition(fit, np.eye(6))
        assert number > 1e4
        assert motion_in_words(weakest) == "shift along z (head-foot)"
        assert np.linalg.norm(weakest) == pytest.approx(1.0)

    def test_a_ball_cannot_hold_rotations(self):
        def ball(points_mm):
            return 300.0 * np.cos(np.linalg.norm(points_mm, axis=-1) / 6.0)

        fit = match(templates_of(ball), daily_level(np.eye(4), ball))
        number, weakest = condition(fit, np.eye(6))
        assert number > 100.0
        assert motion_in_words(weakest).startswith("rotation about")
        assert condition(fit, np.eye(6)[:, :3])[0] < 10.0

    def test_structure_in_all_directions_holds_all_motions(self, templates):
        assert condition(match(templates, undisturbed_day()), np.eye(6))[0] < 10.0

    @pytest.mark.parametrize(
        ("parameter", "words"),
        [
            (0, "shift along x (left-right)"),
            (1, "shift along y (anterior-posterior)"),
            (3, "rotation about x (left-right axis)"),
            (4, "rotation about y (anterior-posterior axis)"),
            (5, "rotation about z (head-foot axis)"),
        ],
    )
    def test_every_motion_has_a_name(self, parameter, words):
        assert motion_in_words(-np.eye(6)[parameter] + 0.1) == words


class TestResidualMap:
    def test_a_rigid_patient_has_none(self, templates):
        regions = residual_map(match(templates, undisturbed_day()), templates)
        assert len(regions) >= 8
        assert max(np.linalg.norm(region.shift_mm) for region in regions) < 0.1
        assert all(region.similarity > 0.99 for region in regions)
        assert sum(region.patches for region in regions) <= len(templates)

    @pytest.mark.parametrize("way", [LEFT, POSTERIOR, HEAD], ids=["left", "back", "head"])
    def test_a_region_that_moved_2_mm_to_the_left_is_reported_as_moved_to_the_left(self, templates, way):
        moved_mm = 2.0 * way
        # The lower third of the patient (z < -20 mm) moved; the rest holds the match.
        fade_mm = 4.0

        def part(points_mm):
            return 1.0 / (1.0 + np.exp((points_mm[..., 2:] + 20.0) / fade_mm))

        day = daily_level(np.eye(4), lambda x: texture(x - moved_mm * part(x)))
        pose = np.eye(4)
        fit = refine(templates, day, pose, np.eye(6), steps=0, tolerance_mm=0.0)
        regions = residual_map(fit, templates)
        there = [region.shift_mm for region in regions if region.centre_mm[2] < -32.0]
        rest = [region.shift_mm for region in regions if region.centre_mm[2] > 10.0]
        np.testing.assert_allclose(np.mean(there, axis=0), moved_mm, atol=0.5)
        np.testing.assert_allclose(np.mean(rest, axis=0), 0.0, atol=0.2)

    def test_regions_that_the_day_does_not_show_are_left_out(self, templates):
        day = undisturbed_day()
        values = day.values.copy()
        values[:, :, :40] = np.nan
        regions = residual_map(match(templates, Level(day.grid, values)), templates)
        assert regions
        assert all(region.centre_mm[0] > 0.0 for region in regions)


class TestBackwardMatch:
    @staticmethod
    def inconsistency(prepared, levels, pose):
        fit = refine(prepared.fine, levels[2], pose, np.eye(6), steps=0, tolerance_mm=0.0)
        return backward_inconsistency_mm(fit, levels[2], prepared, np.eye(6))

    def test_at_the_truth_forward_and_backward_agree(
        self, prepared_pelvis, displaced_levels, displaced_truth
    ):
        truth = displaced_truth.inverse().matrix
        assert self.inconsistency(prepared_pelvis, displaced_levels, truth) < 0.3

    def test_an_answer_3_mm_off_is_noticed(self, prepared_pelvis, displaced_levels, displaced_truth):
        off = displaced_truth.inverse().matrix @ small_motion(
            np.array([0.0, 3.0, 0.0, 0.0, 0.0, 0.0]), prepared_pelvis.centre_mm
        )
        assert self.inconsistency(prepared_pelvis, displaced_levels, off) == pytest.approx(3.0, abs=0.3)

    def test_without_common_tissue_there_is_no_backward_match(self, prepared_pelvis, displaced_levels):
        nowhere = np.eye(4)
        nowhere[:3, 3] = 5000.0
        assert self.inconsistency(prepared_pelvis, displaced_levels, nowhere) == np.inf

    def test_a_day_of_one_grey_value_has_no_backward_match(
        self, prepared_pelvis, displaced_levels, displaced_truth
    ):
        fine = displaced_levels[2]
        flat = Level(fine.grid, np.full_like(fine.values, 40.0))
        truth = displaced_truth.inverse().matrix
        assert self.inconsistency(prepared_pelvis, (None, None, flat), truth) == np.inf


class TestNeighbouringVertebrae:
    @staticmethod
    def alternatives(prepared, levels, pose):
        fit = refine(prepared.fine, levels[2], pose, np.eye(6), steps=15, tolerance_mm=0.01)
        return vertebral_alternatives(fit, levels[:2], prepared, np.eye(6))

    def test_at_the_right_vertebra_every_other_is_clearly_worse(
        self, prepared_pelvis, displaced_levels, displaced_truth
    ):
        ranked = self.alternatives(prepared_pelvis, displaced_levels, displaced_truth.inverse().matrix)
        assert ranked
        odds = [alternative.log_odds for alternative in ranked]
        assert odds == sorted(odds)
        assert odds[0] > 100.0
        for alternative in ranked:
            assert alternative.offset_mm >= 0.4 * prepared_pelvis.pitch_mm
            assert alternative.similarity < 0.8

    def test_a_start_that_comes_back_is_no_alternative(
        self, prepared_pelvis, displaced_levels, displaced_truth
    ):
        close = replace(prepared_pelvis, pitch_mm=5.0)
        assert self.alternatives(close, displaced_levels, displaced_truth.inverse().matrix) == ()

    def test_from_the_wrong_vertebra_the_right_one_is_better(
        self, prepared_pelvis, displaced_levels, displaced_truth
    ):
        wrong = displaced_truth.inverse().matrix.copy()
        wrong[:3, 3] += wrong[:3, :3] @ (prepared_pelvis.pitch_mm * HEAD)
        fit = refine(prepared_pelvis.fine, displaced_levels[2], wrong, np.eye(6), steps=0, tolerance_mm=0.0)
        best = vertebral_alternatives(fit, displaced_levels[:2], prepared_pelvis, np.eye(6))[0]
        assert best.pitches == -1
        assert best.log_odds < -100.0
        assert best.offset_mm == pytest.approx(prepared_pelvis.pitch_mm, rel=0.1)


class TestFewerDegreesOfFreedom:
    POSE = np.eye(4)
    POSE[:3, :3] = rotation_x(3.0) @ rotation_y(5.0)
    POSE[:3, 3] = (4.0, -7.0, 11.0)
    TARGET_MM = np.random.default_rng(8).normal((20.0, -30.0, 50.0), 15.0, (40, 3))
    YAW_AXIS = np.array([0.0, -1.0, 0.0])

    def squares(self, pose):
        residual = self.TARGET_MM @ (pose - self.POSE)[:3, :3].T + (pose - self.POSE)[:3, 3]
        return (residual**2).sum()

    @pytest.mark.parametrize(
        ("yaw_axis", "motions"), [(None, [0, 1, 2]), (YAW_AXIS, [0, 1, 2, 4])], ids=["3", "4"]
    )
    def test_no_other_correction_of_the_couch_serves_the_target_better(self, yaw_axis, motions):
        best = constrained_pose(self.POSE, self.TARGET_MM, yaw_axis)
        for motion in motions:
            for step_mm in (-0.1, 0.1):
                other = best @ small_motion(step_mm * np.eye(6)[motion], self.TARGET_MM.mean(axis=0))
                assert self.squares(other) > self.squares(best)

    def test_three_degrees_of_freedom_do_not_turn(self):
        pose = constrained_pose(self.POSE, self.TARGET_MM, None)
        np.testing.assert_array_equal(pose[:3, :3], np.eye(3))

    def test_four_degrees_of_freedom_turn_about_the_yaw_axis_only(self):
        pose = constrained_pose(self.POSE, self.TARGET_MM, self.YAW_AXIS)
        np.testing.assert_allclose(pose[:3, 1], [0.0, 1.0, 0.0], atol=1e-12)
        assert rotation_angle_deg(pose[:3, :3]) == pytest.approx(5.0, abs=0.5)

    def test_what_the_couch_can_do_is_done_exactly(self):
        pose = np.eye(4)
        pose[:3, :3], pose[:3, 3] = rotation_y(-4.0), (1.0, 2.0, 3.0)
        np.testing.assert_allclose(constrained_pose(pose, self.TARGET_MM, self.YAW_AXIS), pose, atol=1e-12)

    def test_a_single_point_takes_the_yaw_of_the_full_answer_and_stays_in_place(self):
        point = self.TARGET_MM[:1]
        pose = constrained_pose(self.POSE, point, self.YAW_AXIS)
        assert rotation_angle_deg(pose[:3, :3]) == pytest.approx(5.0, abs=0.1)
        np.testing.assert_allclose(
            pose[:3, :3] @ point[0] + pose[:3, 3], self.POSE[:3, :3] @ point[0] + self.POSE[:3, 3]
        )


def test_a_noisier_day_of_the_same_patient_is_less_certain(pelvis, prepared_pelvis):
    truth = lying(pelvis, (2.0, 1.0, -3.0))
    answers = []
    for noise in (15.0, 150.0):
        levels = levels_of(image_of(pelvis, truth, CONE_BEAM.with_changes(noise=noise)))
        fit = refine(
            prepared_pelvis.fine, levels[2], truth.inverse().matrix, np.eye(6), steps=10, tolerance_mm=0.003
        )
        answers.append(uncertainty(fit, prepared_pelvis, np.eye(6), VOXEL_MM).largest_at_target_mm)
    assert answers[0] < answers[1]
