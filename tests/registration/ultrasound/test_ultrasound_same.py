"""The day's ultrasound matched to its reference: scenes described by formulas, every day with new speckle."""

from dataclasses import replace

import numpy as np
import pytest
from ultrasound_scenes import CENTRE_MM, TARGET_MM, Scene, identity, lying, set_up, volume_of

from isoguide.errors import GeometryError, InputError
from isoguide.geometry.correction import couch_correction
from isoguide.geometry.frames import DAILY, PLANNING
from isoguide.geometry.transforms import RigidTransform, rotation_x, rotation_y, rotation_z
from isoguide.registration import Verdict
from isoguide.registration.ultrasound import UltrasoundSettings, prepare_ultrasound, register_ultrasound

TURNED = rotation_z(5.0) @ rotation_y(-3.0) @ rotation_x(4.0)
TRUTH = lying((11.0, -9.0, 7.0), TURNED)


@pytest.fixture(scope="module")
def patient():
    return Scene(1)


@pytest.fixture(scope="module")
def reference(patient):
    return volume_of(patient, identity(), 100)


@pytest.fixture(scope="module")
def prepared(reference):
    return prepare_ultrasound(reference, centre_mm=CENTRE_MM, target_points_mm=TARGET_MM)


@pytest.fixture(scope="module")
def turned_day(patient):
    return volume_of(patient, TRUTH, 101, gain=15.0)


@pytest.fixture(scope="module")
def turned_answer(prepared, turned_day):
    return register_ultrasound(prepared, turned_day, initial=set_up())


def errors_mm(answer, truth):
    return np.linalg.norm(
        answer.planning_from_daily.apply(truth.inverse().apply(TARGET_MM)) - TARGET_MM, axis=1
    )


def test_a_patient_lying_5_mm_too_far_left_is_moved_5_mm_to_the_right(patient, prepared):
    answer = register_ultrasound(prepared, volume_of(patient, lying((5.0, 0.0, 0.0)), 102), initial=set_up())
    assert answer.verdict is Verdict.ACCEPT
    # The day's tissue belongs 5 mm further to his right in the plan.
    moved = answer.planning_from_daily.apply(np.zeros(3)) - CENTRE_MM
    np.testing.assert_allclose(moved, [-5.0, 0.0, 0.0], atol=0.4)
    correction = couch_correction(
        answer.planning_from_daily,
        plan_isocentre_mm=CENTRE_MM,
        machine_isocentre_mm=np.zeros(3),
        patient_position="HFS",
    )
    # Supine, head first, his left is IEC +X.
    assert correction.lateral_mm == pytest.approx(-5.0, abs=0.4)


def test_shift_and_rotation_are_found_under_other_speckle_and_gain(turned_answer):
    assert turned_answer.verdict is Verdict.ACCEPT
    assert errors_mm(turned_answer, TRUTH).max() < 0.8
    assert "independent starts agree" in turned_answer.reasons[0]
    quality = turned_answer.quality
    assert quality.starts_agreeing[0] >= quality.starts_agreeing[1] - 2
    assert quality.inverse_inconsistency_mm < 1.0
    assert turned_answer.content == "ultrasound"


def test_the_stated_uncertainty_covers_the_error_and_is_no_larger_than_needed(turned_answer):
    off = TRUTH @ turned_answer.planning_from_daily.inverse()
    error = off.apply(CENTRE_MM) - CENTRE_MM
    covariance = turned_answer.uncertainty.covariance[:3, :3]
    assert error @ np.linalg.solve(covariance, error) < 11.3  # 99 % of a chi-square with 3 degrees of freedom
    assert turned_answer.uncertainty.largest_at_target_mm < 2.0


def test_the_same_images_give_the_same_bits(prepared, turned_day, turned_answer):
    again = register_ultrasound(prepared, turned_day, initial=set_up())
    np.testing.assert_array_equal(again.planning_from_daily.matrix, turned_answer.planning_from_daily.matrix)


def test_what_lies_in_a_shadow_takes_no_part(prepared, turned_day, turned_answer):
    shadowed = np.zeros_like(turned_day.seen)
    shadowed[:, 28:, 44:] = True
    shadowed &= turned_day.seen
    answers = []
    for grey in (0, 255):
        values = np.where(shadowed, grey, turned_day.values).astype(np.uint8)
        day = replace(turned_day, values=values, shadowed=shadowed)
        answers.append(register_ultrasound(prepared, day, initial=set_up()))
    np.testing.assert_array_equal(*(one.planning_from_daily.matrix for one in answers))
    assert answers[0].quality.overlap_fraction < turned_answer.quality.overlap_fraction
    assert errors_mm(answers[0], TRUTH).max() < 1.2


def test_another_patient_is_not_matched(prepared):
    answer = register_ultrasound(prepared, volume_of(Scene(2), TRUTH, 103), initial=set_up())
    assert answer.verdict is Verdict.NOT_AVAILABLE
    assert answer.planning_from_daily is None
    assert answer.uncertainty is None
    assert any("is this the right patient, side and region" in reason for reason in answer.reasons)


def test_the_other_side_is_not_matched(prepared, patient):
    day = volume_of(patient, lying((0.0, 0.0, 0.0)), 104)
    other_side = replace(day, values=day.values[:, :, ::-1].copy(), seen=day.seen[:, :, ::-1].copy())
    assert register_ultrasound(prepared, other_side, initial=set_up()).verdict is Verdict.NOT_AVAILABLE


def test_without_contact_there_is_no_answer(prepared, turned_day):
    corner = np.zeros_like(turned_day.seen)
    corner[0, 0, 0] = True
    blind = replace(turned_day, seen=corner, shadowed=corner)
    answer = register_ultrasound(prepared, blind, initial=set_up())
    assert answer.verdict is Verdict.NOT_AVAILABLE
    assert "check contact, gel" in answer.reasons[0]
    far = RigidTransform.translation(PLANNING, DAILY, CENTRE_MM + 500.0)
    assert "shows nothing" in register_ultrasound(prepared, turned_day, initial=far).reasons[0]


@pytest.mark.parametrize("columns", [15, 26])
def test_a_sliver_of_the_target_is_not_enough(prepared, turned_day, columns):
    seen = turned_day.seen.copy()
    seen[:, :, columns:] = False
    answer = register_ultrasound(prepared, replace(turned_day, seen=seen), initial=set_up())
    assert answer.verdict is Verdict.NOT_AVAILABLE
    assert answer.planning_from_daily is None


def test_where_the_probe_presses_the_regions_show_the_way_the_tissue_went(prepared, patient):
    # Tissue in front of the target (smaller y) is pressed 5 mm deeper, at the target and behind it not.
    def pushed(xyz):
        share = 1.0 / (1.0 + np.exp((xyz[..., 1] - CENTRE_MM[1] + 12.0) / 2.0))
        return xyz - share[..., None] * np.array([0.0, 5.0, 0.0])

    answer = register_ultrasound(
        prepared, volume_of(patient, lying((0.0, 0.0, 0.0)), 105, pushed=pushed), initial=set_up()
    )
    front = [r.shift_mm[1] for r in answer.quality.residuals if r.centre_mm[1] < CENTRE_MM[1] - 18.0]
    behind = [r.shift_mm[1] for r in answer.quality.residuals if r.centre_mm[1] > CENTRE_MM[1] + 10.0]
    assert np.mean(front) > np.mean(behind) + 1.0
    assert answer.verdict is not Verdict.ACCEPT


@pytest.mark.parametrize(("freedom", "yaw_deg"), [(3, 0.0), (4, 5.0)])
def test_a_couch_that_cannot_turn_serves_the_target_and_the_whole_answer_stays(
    reference, turned_day, freedom, yaw_deg
):
    settings = UltrasoundSettings(degrees_of_freedom=freedom, yaw_axis_lps=(0.0, 0.0, 1.0))
    limited = prepare_ultrasound(
        reference, centre_mm=CENTRE_MM, target_points_mm=TARGET_MM, settings=settings
    )
    answer = register_ultrasound(limited, turned_day, initial=set_up())
    turned = np.rad2deg(np.arctan2(*answer.planning_from_daily.inverse().rotation[[1, 0], 0]))
    assert turned == pytest.approx(yaw_deg, abs=1.0)
    assert answer.planning_from_daily.rotation[2, 2] == pytest.approx(1.0)
    # The target as a whole is where it belongs; what is left is the rotation.
    middle = TRUTH.inverse().apply(TARGET_MM).mean(axis=0)
    assert np.linalg.norm(answer.planning_from_daily.apply(middle) - CENTRE_MM) < 0.6
    np.testing.assert_allclose(answer.unconstrained.rotation, TRUTH.rotation, atol=0.02)
    assert answer.degrees_of_freedom == freedom
    assert answer.settings["degrees_of_freedom"] == freedom
    assert np.count_nonzero(np.diag(answer.uncertainty.covariance) > 1e-12) == freedom


def test_a_reference_that_does_not_show_the_target_is_refused(reference):
    with pytest.raises(InputError, match="scan the target again"):
        prepare_ultrasound(reference, centre_mm=CENTRE_MM, target_points_mm=TARGET_MM + 300.0)
    with pytest.raises(InputError, match="places to match on"):
        prepare_ultrasound(reference, centre_mm=CENTRE_MM, target_points_mm=TARGET_MM[:1] + (40.0, 0.0, 0.0))


def test_a_target_that_is_not_given_is_a_ball_about_the_isocentre(reference):
    points = prepare_ultrasound(reference, centre_mm=CENTRE_MM).target_points_mm
    assert np.linalg.norm(points - CENTRE_MM, axis=1).max() == pytest.approx(30.0)


def test_images_in_the_wrong_frame_are_refused(prepared, reference, turned_day):
    with pytest.raises(GeometryError, match="must be in 'planning patient LPS'"):
        prepare_ultrasound(turned_day, centre_mm=CENTRE_MM)
    with pytest.raises(GeometryError, match="not one in 'planning patient LPS'"):
        register_ultrasound(prepared, reference, initial=set_up())
    with pytest.raises(GeometryError, match="'daily patient LPS from planning patient LPS'"):
        register_ultrasound(prepared, turned_day, initial=set_up().inverse())


def test_settings_that_make_no_sense_are_refused():
    with pytest.raises(InputError, match="3, 4 or 6, not 5"):
        UltrasoundSettings(degrees_of_freedom=5)
    with pytest.raises(InputError, match="axis of the couch yaw"):
        UltrasoundSettings(yaw_axis_lps=(0.0, 0.0, 0.0))
    with pytest.raises(InputError, match="5 to 100 mm, not 2"):
        UltrasoundSettings(margin_mm=2.0)
