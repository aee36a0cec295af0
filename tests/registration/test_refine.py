"""Gauss-Newton on images given by formulas: the motion found must be the motion made."""

from functools import cache

import numpy as np
import pytest
from analytic_images import daily_level, planning_level, texture

from isoguide.registration.pyramid import Level
from isoguide.registration.refine import displacement_mm, refine, small_motion
from isoguide.registration.templates import LEVER_MM, make_templates

CENTRE_MM = np.array([5.0, -4.0, 3.0])
FEW_MM = np.array([3.0, -2.0, 4.0, 2.5, -3.0, 2.0])
"""Shift and rotation, each in mm at the lever: 2.5 mm is 2.9 degrees."""
CORNERS_MM = CENTRE_MM + 50.0 * np.array([[0, 0, 0], [1, 1, 1], [-1, 1, 1], [1, -1, 1], [1, 1, -1]])


@pytest.fixture(scope="module")
def templates():
    level = planning_level()
    return make_templates(level, np.ones(level.grid.shape, dtype=bool), CENTRE_MM, 600)


def pose_of(parameters_mm):
    """Pose of a patient moved by these parameters and shown in a frame with another origin."""
    pose = small_motion(np.asarray(parameters_mm, dtype=float), CENTRE_MM)
    pose[:3, 3] += [100.0, -200.0, 50.0]
    return pose


@cache
def displaced_day():
    return daily_level(pose_of(FEW_MM))


def match(templates, daily, basis=None, steps=30):
    return refine(
        templates,
        daily,
        pose_of(np.zeros(6)),
        np.eye(6) if basis is None else basis,
        steps=steps,
        tolerance_mm=1e-4,
    )


def error_mm(fit, truth):
    return displacement_mm(fit.daily_from_planning, truth, CORNERS_MM).max()


@pytest.mark.parametrize("parameter", range(6))
@pytest.mark.parametrize("size_mm", [-4.0, 0.4])
def test_each_motion_alone_is_found(templates, parameter, size_mm):
    truth = pose_of(size_mm * np.eye(6)[parameter])
    assert error_mm(match(templates, daily_level(truth)), truth) < 0.02


def test_all_motions_together_are_found(templates):
    truth = pose_of(FEW_MM)
    fit = match(templates, displaced_day())
    assert error_mm(fit, truth) < 0.02
    assert fit.similarity > 0.999
    assert fit.steps < 30


@pytest.mark.parametrize(("shading", "limit_mm"), [(0.0, 0.02), (60.0, 0.3)])
def test_grey_values_of_another_scanner_do_not_matter(templates, shading, limit_mm):
    truth = pose_of(FEW_MM)
    day = displaced_day()
    across = np.linspace(0.0, shading, day.values.shape[2], dtype=np.float32)
    assert error_mm(match(templates, Level(day.grid, 0.7 * day.values + across - 700.0)), truth) < limit_mm


def test_a_part_of_the_patient_that_moved_on_its_own_does_not_pull_the_rest(templates):
    def with_moved_part(points_mm):
        part = points_mm[..., :1] > 30.0
        return texture(points_mm - np.where(part, [0.0, 8.0, 0.0], 0.0))

    truth = pose_of(FEW_MM)
    fit = match(templates, daily_level(truth, with_moved_part))
    assert error_mm(fit, truth) < 0.2
    in_part = templates.centres_mm[:, 0] > 38.0
    assert fit.weight[in_part].mean() < 0.2 * fit.weight[~in_part].mean()


def test_shifts_only_means_no_rotation(templates):
    fit = match(templates, displaced_day(), np.eye(6)[:, :3])
    np.testing.assert_array_equal(fit.daily_from_planning[:3, :3], np.eye(3))


def test_a_couch_that_only_yaws_turns_about_its_axis_only(templates):
    yaw = np.eye(6)[:, [0, 1, 2, 4]]
    fit = match(templates, displaced_day(), yaw)
    rotation = fit.daily_from_planning[:3, :3]
    np.testing.assert_allclose(rotation @ [0.0, 1.0, 0.0], [0.0, 1.0, 0.0], atol=1e-9)
    angle = np.arctan2(rotation[0, 2], rotation[0, 0])
    assert angle == pytest.approx(FEW_MM[4] / LEVER_MM, abs=0.02)


def test_a_motion_a_restricted_couch_can_make_is_found_by_it(templates):
    truth = pose_of([3.0, -2.0, 4.0, 0.0, 0.0, 0.0])
    assert error_mm(match(templates, daily_level(truth), np.eye(6)[:, :3]), truth) < 0.02


def test_without_steps_the_start_is_only_judged(templates):
    day = displaced_day()
    here, there = match(templates, day, steps=0), match(templates, day)
    np.testing.assert_array_equal(here.daily_from_planning, pose_of(np.zeros(6)))
    assert here.steps == 0
    assert there.evidence > here.evidence
    assert there.similarity > here.similarity


def test_at_the_answer_the_wishes_of_the_patches_cancel(templates):
    fit = match(templates, displaced_day())
    wishes = fit.weight[:, None] * fit.gradient
    assert np.abs(wishes.sum(axis=0)).max() < 1e-3 * np.abs(wishes).sum(axis=0).max()


def test_an_image_of_another_place_gives_no_answer(templates):
    day = daily_level(pose_of(np.zeros(6)))
    far = pose_of(np.zeros(6))
    far[:3, 3] += 1000.0
    fit = refine(templates, day, far, np.eye(6), steps=10, tolerance_mm=0.01)
    assert np.isnan(fit.correlation).all()
    assert not fit.weight.any()
    assert fit.similarity == 0.0
    np.testing.assert_array_equal(fit.daily_from_planning, far)


def test_an_image_of_one_grey_value_gives_no_answer(templates):
    day = daily_level(pose_of(np.zeros(6)), lambda x: np.full(x.shape[:-1], 40.0))
    assert not match(templates, day).weight.any()


def test_the_distance_of_two_answers_is_measured_on_the_planning_image():
    points = np.array([[0.0, 0.0, 0.0], [100.0, 0.0, 0.0]])
    shift = small_motion(np.array([3.0, 0.0, 4.0, 0.0, 0.0, 0.0]), CENTRE_MM)
    np.testing.assert_allclose(displacement_mm(np.eye(4), shift, points), [5.0, 5.0])
    turn = small_motion(np.array([0.0, 0.0, 0.0, 0.0, 0.0, np.pi * LEVER_MM]), np.zeros(3))
    np.testing.assert_allclose(displacement_mm(turn, np.eye(4), points), [0.0, 200.0], atol=1e-9)
    np.testing.assert_allclose(displacement_mm(turn @ shift, turn, points), [5.0, 5.0])
