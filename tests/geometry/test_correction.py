"""The couch correction: signs a therapist can read, published vectors, and physics that always holds."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import least_squares
from scipy.spatial.transform import Rotation

from isoguide.errors import GeometryError
from isoguide.geometry.correction import (
    CouchCorrection,
    constrained_correction,
    correction_covariance,
    couch_correction,
    planning_from_daily_of,
    residual_displacement_mm,
)
from isoguide.geometry.couch import TableTopPose, corrected_pose
from isoguide.geometry.frames import DAILY, FIXED, PLANNING
from isoguide.geometry.iec61217 import PATIENT_POSITIONS, fixed_from_planning, iec_from_lps
from isoguide.geometry.transforms import RigidTransform, rotation_x, rotation_y, rotation_z

ORIGIN = np.zeros(3)
PLAN_ISOCENTRE = np.array([12.0, -34.0, 56.0])
MACHINE_ISOCENTRE = np.array([1.0, 2.0, 3.0])

EXACT = 1e-6
"""Acceptance limit in mm and degrees; the stored matrices have ten decimals, good to about 1e-8."""

FOUR_DECIMALS = 0.5e-4 + 1e-9
"""What a table position written with four decimals can say."""

positions = st.sampled_from(PATIENT_POSITIONS)
supports = st.floats(-180.0, 180.0)
corrections = st.builds(
    CouchCorrection,
    *(st.floats(-80.0, 80.0) for _ in range(3)),
    *(st.floats(-15.0, 15.0) for _ in range(3)),
)
points_of_patient = st.lists(
    st.tuples(*(st.floats(-400.0, 400.0) for _ in range(3))), min_size=1, max_size=20
)


def room(position, plan_isocentre_mm=PLAN_ISOCENTRE, machine_isocentre_mm=MACHINE_ISOCENTRE):
    return {
        "plan_isocentre_mm": plan_isocentre_mm,
        "machine_isocentre_mm": machine_isocentre_mm,
        "patient_position": position,
    }


def setup_error(*, shift_lps_mm=(0, 0, 0), rotation=None):
    """Registration of a patient rotated, then shifted (LPS) about the common isocentre at the origin."""
    daily_from_planning = RigidTransform.from_parts(
        DAILY, PLANNING, np.eye(3) if rotation is None else rotation, np.array(shift_lps_mm, dtype=float)
    )
    return daily_from_planning.inverse()


def values(correction):
    return [*correction.shift_mm, correction.pitch_deg, correction.roll_deg, correction.yaw_deg]


# --- sentences
# -----------------------------------------------------------------------------------------------------


def test_a_supine_head_first_patient_5_mm_too_far_to_the_left_is_moved_5_mm_to_the_right():
    correction = couch_correction(setup_error(shift_lps_mm=(5, 0, 0)), **room("HFS", ORIGIN, ORIGIN))
    # Supine and head first, the patient's left is room +X.
    assert correction == CouchCorrection(-5.0, 0.0, 0.0)


def test_a_supine_head_first_patient_lying_5_mm_too_low_is_raised_by_5_mm():
    correction = couch_correction(setup_error(shift_lps_mm=(0, 5, 0)), **room("HFS", ORIGIN, ORIGIN))
    assert correction == CouchCorrection(0.0, 0.0, 5.0)


def test_a_head_first_patient_5_mm_too_far_into_the_gantry_is_pulled_out_by_5_mm():
    for position in ("HFS", "HFP", "HFDR", "HFDL"):
        correction = couch_correction(setup_error(shift_lps_mm=(0, 0, 5)), **room(position, ORIGIN, ORIGIN))
        assert correction == CouchCorrection(0.0, -5.0, 0.0)


def test_a_feet_first_patient_5_mm_too_far_towards_his_head_is_pushed_5_mm_into_the_gantry():
    for position in ("FFS", "FFP", "FFDR", "FFDL"):
        correction = couch_correction(setup_error(shift_lps_mm=(0, 0, 5)), **room(position, ORIGIN, ORIGIN))
        assert correction == CouchCorrection(0.0, 5.0, 0.0)


def test_a_prone_patient_5_mm_too_far_to_the_back_is_too_high_and_is_lowered():
    for position in ("HFP", "FFP"):
        correction = couch_correction(setup_error(shift_lps_mm=(0, 5, 0)), **room(position, ORIGIN, ORIGIN))
        assert correction == CouchCorrection(0.0, 0.0, -5.0)


def test_a_patient_on_his_right_side_5_mm_too_far_to_his_left_is_too_high_and_is_lowered():
    for position in ("HFDR", "FFDR"):
        correction = couch_correction(setup_error(shift_lps_mm=(5, 0, 0)), **room(position, ORIGIN, ORIGIN))
        assert correction == CouchCorrection(0.0, 0.0, -5.0)


def test_a_supine_patient_whose_head_is_too_high_is_pitched_head_down():
    # Tissue of the head (+z LPS) has moved to the front (-y LPS): a turn about +x.
    head_up = rotation_x(2.0)
    assert (head_up @ [0, 0, 100])[1] < 0
    head_first = couch_correction(setup_error(rotation=head_up), **room("HFS", ORIGIN, ORIGIN))
    assert values(head_first) == pytest.approx([0, 0, 0, -2, 0, 0], abs=EXACT)
    # Feet first the gantry end of the table carries the feet, which are too low: it goes up.
    feet_first = couch_correction(setup_error(rotation=head_up), **room("FFS", ORIGIN, ORIGIN))
    assert values(feet_first) == pytest.approx([0, 0, 0, 2, 0, 0], abs=EXACT)


def test_a_supine_head_first_patient_whose_left_side_is_too_high_is_rolled_left_side_down():
    left_up = rotation_z(-2.0)
    assert (left_up @ [100, 0, 0])[1] < 0
    correction = couch_correction(setup_error(rotation=left_up), **room("HFS", ORIGIN, ORIGIN))
    assert values(correction) == pytest.approx([0, 0, 0, 0, 2, 0], abs=EXACT)
    assert (correction.rotation @ [1, 0, 0])[2] < 0


def test_positive_yaw_turns_counter_clockwise_seen_from_above():
    np.testing.assert_allclose(
        CouchCorrection(0, 0, 0, yaw_deg=90.0).rotation @ [1, 0, 0], [0, 1, 0], atol=1e-15
    )


@pytest.mark.parametrize("position", PATIENT_POSITIONS)
@pytest.mark.parametrize("axis", [0, 1, 2])
def test_any_displacement_is_answered_by_the_opposite_one(position, axis):
    displacement = np.zeros(3)
    displacement[axis] = 5.0
    correction = couch_correction(setup_error(shift_lps_mm=displacement), **room(position, ORIGIN, ORIGIN))
    np.testing.assert_allclose(iec_from_lps(position).T @ correction.shift_mm, -displacement, atol=1e-12)


# --- published and precomputed values
# ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("position", "expected"),
    [("HFS", (5, 7, 3)), ("FFS", (-5, -7, 3)), ("HFP", (-5, 7, -3)), ("FFP", (5, -7, -3))],
)
def test_example_a_pure_translation(position, expected):
    planning_from_daily = RigidTransform.translation(PLANNING, DAILY, (5.0, -3.0, 7.0))
    correction = couch_correction(planning_from_daily, **room(position, ORIGIN, ORIGIN))
    assert values(correction) == pytest.approx([*expected, 0, 0, 0], abs=1e-12)


@pytest.mark.parametrize(
    ("turn", "expected"),
    [
        (rotation_x, {"HFS": ("pitch", 2), "FFS": ("pitch", -2), "HFP": ("pitch", -2), "FFP": ("pitch", 2)}),
        (rotation_y, {"HFS": ("yaw", -2), "FFS": ("yaw", -2), "HFP": ("yaw", 2), "FFP": ("yaw", 2)}),
        (rotation_z, {"HFS": ("roll", 2), "FFS": ("roll", -2), "HFP": ("roll", 2), "FFP": ("roll", -2)}),
    ],
)
def test_example_b_pure_rotation(turn, expected):
    planning_from_daily = RigidTransform.from_parts(PLANNING, DAILY, turn(2.0), ORIGIN)
    for position, (name, angle_deg) in expected.items():
        correction = couch_correction(planning_from_daily, **room(position, ORIGIN, ORIGIN))
        wanted = CouchCorrection(0, 0, 0, **{f"{name}_deg": angle_deg})
        assert values(correction) == pytest.approx(values(wanted), abs=1e-9)


EXAMPLE_C_TRANSLATIONS = {
    "HFS": (8.262, -30.975, 62.154),
    "FFS": (15.738, -30.975, 49.846),
    "HFP": (15.738, -37.025, 62.154),
    "FFP": (8.262, -37.025, 49.846),
}


@pytest.mark.parametrize("position", EXAMPLE_C_TRANSLATIONS)
def test_example_c_combined_error_in_the_room(position):
    wrong = rotation_z(1.5) @ rotation_x(-1.0) @ rotation_y(2.0)
    misplaced = RigidTransform.from_parts(FIXED, FIXED, wrong, np.array([4.0, -6.0, 3.0]))
    lps = iec_from_lps(position)
    daily_from_fixed = RigidTransform.from_parts(DAILY, FIXED, lps.T, ORIGIN)
    planned = fixed_from_planning(position, PLAN_ISOCENTRE)
    planning_from_daily = (daily_from_fixed @ misplaced @ planned).inverse()
    # The reference prints three decimals of the translation, four of the angles.
    np.testing.assert_allclose(
        planning_from_daily.translation_mm, EXAMPLE_C_TRANSLATIONS[position], atol=0.5e-3 + 1e-9
    )
    correction = couch_correction(planning_from_daily, **room(position, PLAN_ISOCENTRE, ORIGIN))
    np.testing.assert_allclose(correction.shift_mm, [-4.0, 6.0, -3.0], atol=EXACT)
    assert values(correction)[3:] == pytest.approx([1.0514, -1.9735, -1.4644], abs=FOUR_DECIMALS)
    pose = corrected_pose(TableTopPose(20.0, 900.0, -150.0), correction)
    np.testing.assert_allclose(pose.position_mm, [21.259, 908.643, -135.708], atol=0.5e-3 + 1e-9)
    assert (pose.support_deg, pose.pitch_deg, pose.roll_deg) == pytest.approx(
        (-1.4644, 1.0514, -1.9735), abs=FOUR_DECIMALS
    )


EXAMPLE_D = {
    "HFS": """0.99960 -0.02247  0.01745   7.03191
              0.02269  0.99967 -0.01222 -33.15041
             -0.01717  0.01261  0.99977  59.09778""",
    "FFS": """0.99960  0.02247  0.01745  14.86420
             -0.02269  0.99967  0.01222 -33.17834
             -0.01717 -0.01261  0.99977  46.93792""",
    "HFP": """0.99960 -0.02247 -0.01745  15.05879
              0.02269  0.99967  0.01222 -38.89363
              0.01717 -0.01261  0.99977  59.11387""",
    "FFP": """0.99960  0.02247 -0.01745   7.04673
             -0.02269  0.99967 -0.01222 -38.77496
              0.01717  0.01261  0.99977  46.85315""",
}


@pytest.mark.parametrize("position", EXAMPLE_D)
def test_example_d_with_the_machine_isocentre_away_from_the_image_origin(position):
    matrix = np.vstack([np.array(EXAMPLE_D[position].split(), dtype=float).reshape(3, 4), [0, 0, 0, 1]])
    correction = couch_correction(RigidTransform(PLANNING, DAILY, matrix), **room(position))
    # Five decimals in a rotation are 0.5e-5 rad: 0.3e-3 degrees, and 0.3e-3 mm at the 60 mm of these points.
    np.testing.assert_allclose(correction.shift_mm, [-4.0, 6.0, -3.0], atol=1e-3)
    assert values(correction)[3:] == pytest.approx([0.7, 1.3, -1.0], abs=1e-3)
    # And backwards: the correction calls for the printed matrix.
    asked = planning_from_daily_of(CouchCorrection(-4, 6, -3, 0.7, 1.3, -1.0), **room(position))
    np.testing.assert_allclose(asked.matrix, matrix, atol=0.5e-5 + 1e-9)


def test_the_24_reference_cases_within_a_millionth(shared_reference):
    cases = json.loads((shared_reference / "geometry-vectors.json").read_text())
    assert len(cases) == 24
    for case in cases:
        matrix = np.array(case["reg_matrix_image_to_plan"]).reshape(4, 4)
        geometry = room(
            case["patient_position"], np.array(case["plan_iso"]), np.array(case["machine_iso_in_image"])
        )
        correction = couch_correction(RigidTransform(PLANNING, DAILY, matrix), **geometry)
        expected = [case["expect"][name] for name in ("lat", "lng", "vrt", "pitch", "roll", "yaw")]
        assert values(correction) == pytest.approx(expected, abs=EXACT), case["name"]
        pose = corrected_pose(TableTopPose(*case["couch0"]), correction)
        # The table positions of the file are rounded to four decimals; nothing finer can be asked of them.
        np.testing.assert_allclose(pose.position_mm, case["couch1"], atol=FOUR_DECIMALS)


def test_rotating_before_translating_would_differ_by_0_3_mm_in_reference_example_c():
    correction = CouchCorrection(-4.0, 6.0, -3.0, 1.0514, -1.9735, -1.4644)
    other = correction.fixed_from_fixed.translation_mm
    assert np.linalg.norm(other - correction.shift_mm) == pytest.approx(0.305, abs=0.001)


@pytest.mark.parametrize("turn", [rotation_y, rotation_x])
def test_isocentres_200_mm_apart_need_shifts_7_mm_apart_for_2_degrees_of_yaw_or_pitch(turn):
    planning_from_daily = RigidTransform.from_parts(PLANNING, DAILY, turn(2.0), ORIGIN)
    first = couch_correction(planning_from_daily, **room("HFS", ORIGIN, ORIGIN))
    # The same patient, treated at another point that the couch has brought to the machine isocentre.
    second = couch_correction(
        planning_from_daily, **room("HFS", np.array([0, 0, 200.0]), np.array([0, 0, 200.0]))
    )
    assert np.linalg.norm(second.shift_mm - first.shift_mm) == pytest.approx(6.98, abs=0.005)


# --- properties
# ----------------------------------------------------------------------------------------------------


@given(positions, corrections)
@settings(deadline=None, max_examples=100)
def test_registration_and_correction_are_two_words_for_the_same_thing(position, correction):
    planning_from_daily = planning_from_daily_of(correction, **room(position))
    again = couch_correction(planning_from_daily, **room(position))
    assert values(again) == pytest.approx(values(correction), abs=EXACT)


@given(positions, corrections, points_of_patient)
@settings(deadline=None, max_examples=50)
def test_after_the_six_dof_correction_nothing_is_left_anywhere(position, correction, points_mm):
    planning_from_daily = planning_from_daily_of(correction, **room(position))
    left = residual_displacement_mm(planning_from_daily, correction, points_mm, **room(position))
    np.testing.assert_allclose(left, 0.0, atol=1e-9)


def test_before_any_correction_the_residual_is_todays_displacement():
    error = setup_error(shift_lps_mm=(5, 0, 0))
    nothing_done = CouchCorrection(0, 0, 0)
    today = residual_displacement_mm(
        error, nothing_done, [[0, 0, 0], [9, 9, 9]], **room("HFS", ORIGIN, ORIGIN)
    )
    np.testing.assert_allclose(today, [[5, 0, 0], [5, 0, 0]], atol=1e-12)


@given(corrections, supports)
@settings(deadline=None, max_examples=50)
def test_a_correction_turned_with_the_couch_and_back_is_the_same(correction, support_deg):
    there_and_back = correction.turned_with_couch(support_deg).turned_with_couch(-support_deg)
    assert values(there_and_back) == pytest.approx(values(correction), abs=EXACT)


def test_a_room_shift_seen_from_a_table_turned_by_90_degrees():
    # Geometry reference §1.4, couch kick.
    shift = CouchCorrection(5.0, 10.0, 2.0).shift_along_table_mm(90.0)
    np.testing.assert_allclose(shift, [10.0, -5.0, 2.0], atol=1e-12)


@pytest.mark.parametrize("position", PATIENT_POSITIONS)
@given(
    correction=corrections, support_deg=supports, point=st.tuples(*(st.floats(-300, 300) for _ in range(3)))
)
@settings(deadline=None, max_examples=20)
def test_with_a_couch_kick_the_turned_correction_still_brings_the_patient_to_plan(
    position, correction, support_deg, point
):
    planned = fixed_from_planning(position, PLAN_ISOCENTRE, support_deg)
    unkicked_present = correction.fixed_from_fixed.inverse() @ fixed_from_planning(position, PLAN_ISOCENTRE)
    present = rotation_z(support_deg) @ unkicked_present.apply(np.array(point))
    kicked = correction.turned_with_couch(support_deg)
    np.testing.assert_allclose(
        kicked.fixed_from_fixed.apply(present), planned.apply(np.array(point)), atol=1e-9
    )


def test_angles_beyond_half_a_turn_are_wrapped():
    assert CouchCorrection(0, 0, 0, 358.03, -359.0, 180.0) == CouchCorrection(
        0, 0, 0, 358.03 - 360.0, 1.0, 180.0
    )


def test_a_correction_without_a_number_is_refused():
    with pytest.raises(GeometryError, match="the couch correction"):
        CouchCorrection(0, np.nan, 0)


def test_registrations_between_other_frames_are_refused():
    backwards = RigidTransform.identity(DAILY, PLANNING)
    with pytest.raises(GeometryError, match="cannot apply"):
        couch_correction(backwards, **room("HFS"))
    with pytest.raises(GeometryError, match="a motion in 'IEC fixed'"):
        CouchCorrection.from_transform(backwards)


def test_an_unsupported_position_is_refused():
    with pytest.raises(GeometryError, match="SITTING"):
        couch_correction(RigidTransform.identity(PLANNING, DAILY), **room("SITTING"))


# --- couches with fewer degrees of freedom
# -------------------------------------------------------------------------


def leftover_mm2(correction, planning_from_daily, points_mm, geometry):
    return (residual_displacement_mm(planning_from_daily, correction, points_mm, **geometry) ** 2).sum()


@pytest.mark.parametrize("degrees_of_freedom", [3, 4])
@pytest.mark.parametrize("position", PATIENT_POSITIONS)
def test_the_constrained_answer_is_the_least_squares_one_found_by_a_general_solver(
    position, degrees_of_freedom
):
    rng = np.random.default_rng(7)
    points_mm = PLAN_ISOCENTRE + rng.normal(0.0, 30.0, (12, 3)) + [10.0, 20.0, -30.0]
    geometry = room(position)
    planning_from_daily = planning_from_daily_of(CouchCorrection(7, -3, 5, 3.0, -4.0, 6.0), **geometry)

    def residuals(x):
        trial = CouchCorrection(*x[:3], yaw_deg=x[3] if degrees_of_freedom == 4 else 0.0)
        return residual_displacement_mm(planning_from_daily, trial, points_mm, **geometry).ravel()

    solver = least_squares(residuals, np.zeros(degrees_of_freedom), xtol=1e-12, ftol=1e-15, gtol=1e-12)
    solved = constrained_correction(
        planning_from_daily, degrees_of_freedom=degrees_of_freedom, target_points_mm=points_mm, **geometry
    )
    found = [*solved.shift_mm, solved.yaw_deg][:degrees_of_freedom]
    # A general solver stops at about the square root of the machine precision of the cost.
    assert found == pytest.approx(list(solver.x), abs=1e-5)
    assert (solved.pitch_deg, solved.roll_deg) == (0.0, 0.0)


@given(positions, corrections, st.integers(0, 2**32 - 1))
@settings(deadline=None, max_examples=30)
def test_more_freedom_never_leaves_more_and_truncating_never_leaves_less(position, correction, seed):
    rng = np.random.default_rng(seed)
    points_mm = PLAN_ISOCENTRE + rng.normal(0.0, 40.0, (8, 3)) + rng.normal(0.0, 60.0, 3)
    geometry = room(position)
    planning_from_daily = planning_from_daily_of(correction, **geometry)
    left = {
        dof: leftover_mm2(
            constrained_correction(
                planning_from_daily, degrees_of_freedom=dof, target_points_mm=points_mm, **geometry
            ),
            planning_from_daily,
            points_mm,
            geometry,
        )
        for dof in (3, 4, 6)
    }
    full = correction
    truncated = CouchCorrection(full.lateral_mm, full.longitudinal_mm, full.vertical_mm)
    with_yaw = CouchCorrection(full.lateral_mm, full.longitudinal_mm, full.vertical_mm, yaw_deg=full.yaw_deg)
    slack_mm2 = 1e-6
    assert left[6] <= slack_mm2
    assert left[4] <= left[3] + slack_mm2
    assert left[3] <= leftover_mm2(truncated, planning_from_daily, points_mm, geometry) + slack_mm2
    assert left[4] <= leftover_mm2(with_yaw, planning_from_daily, points_mm, geometry) + slack_mm2


def test_three_degrees_of_freedom_at_the_isocentre_put_the_isocentre_right():
    geometry = room("HFS")
    planning_from_daily = planning_from_daily_of(CouchCorrection(-4, 6, -3, 0.7, 1.3, -1.0), **geometry)
    solved = constrained_correction(
        planning_from_daily, degrees_of_freedom=3, target_points_mm=[PLAN_ISOCENTRE], **geometry
    )
    assert values(solved) == pytest.approx([-4, 6, -3, 0, 0, 0], abs=EXACT)


def test_a_pure_yaw_is_undone_completely_by_four_degrees_of_freedom():
    geometry = room("FFP")
    needed = CouchCorrection(1.0, 2.0, 3.0, yaw_deg=4.0)
    planning_from_daily = planning_from_daily_of(needed, **geometry)
    for points_mm in ([PLAN_ISOCENTRE], PLAN_ISOCENTRE + 50.0 * np.eye(3)):
        solved = constrained_correction(
            planning_from_daily, degrees_of_freedom=4, target_points_mm=points_mm, **geometry
        )
        assert values(solved) == pytest.approx(values(needed), abs=EXACT)


def test_one_point_takes_the_yaw_that_fits_a_small_ball_around_it():
    geometry = room("HFS")
    planning_from_daily = planning_from_daily_of(CouchCorrection(1, 2, 3, 5.0, -7.0, 6.0), **geometry)
    ball = Rotation.random(400, rng=1).apply([0.0, 0.0, 10.0])
    ball = np.vstack([ball, -ball])
    ball = ball @ np.linalg.inv(np.linalg.cholesky(np.cov(ball.T))).T * 5.0
    solved = [
        constrained_correction(
            planning_from_daily, degrees_of_freedom=4, target_points_mm=points_mm, **geometry
        )
        for points_mm in ([PLAN_ISOCENTRE], PLAN_ISOCENTRE + ball)
    ]
    assert values(solved[0]) == pytest.approx(values(solved[1]), abs=1e-3)


def test_impossible_couches_and_empty_targets_are_refused():
    identity = RigidTransform.identity(PLANNING, DAILY)
    with pytest.raises(GeometryError, match="3, 4 or 6 degrees of freedom, not 5"):
        constrained_correction(identity, degrees_of_freedom=5, target_points_mm=[ORIGIN], **room("HFS"))
    with pytest.raises(GeometryError, match="no target point"):
        constrained_correction(
            identity, degrees_of_freedom=3, target_points_mm=np.empty((0, 3)), **room("HFS")
        )
    with pytest.raises(GeometryError, match="points of the target"):
        residual_displacement_mm(identity, CouchCorrection(0, 0, 0), [[1.0, 2.0]], **room("HFS"))


# --- uncertainty
# ---------------------------------------------------------------------------------------------------

EXAMPLE_COVARIANCE = np.array(
    [
        [0.040, 0.010, 0.000, 1e-4, 0.0000, 2e-4],
        [0.010, 0.090, 0.020, 0.000, 3e-4, 0.0000],
        [0.000, 0.020, 0.160, 0.000, 0.000, -2e-4],
        [1e-4, 0.000, 0.000, 4e-6, 1e-6, 0.000],
        [0.000, 3e-4, 0.000, 1e-6, 9e-6, 2e-6],
        [2e-4, 0.000, -2e-4, 0.00, 2e-6, 6e-6],
    ]
)
"""About 0.3 mm and 0.15 degrees, with correlations."""


def displaced(planning_from_daily, xi):
    """``exp(xi) @ estimate`` about the plan isocentre."""
    turn = Rotation.from_rotvec(xi[3:]).as_matrix()
    motion = RigidTransform.from_parts(
        PLANNING, PLANNING, turn, PLAN_ISOCENTRE - turn @ PLAN_ISOCENTRE + xi[:3]
    )
    return motion @ planning_from_daily


@pytest.mark.parametrize("position", PATIENT_POSITIONS)
def test_the_covariance_agrees_with_central_differences(position):
    planning_from_daily = planning_from_daily_of(
        CouchCorrection(-40, 6, -30, 7.0, -13.0, 9.0), **room(position)
    )
    step = 1e-5
    jacobian = np.empty((6, 6))
    for n, xi in enumerate(step * np.eye(6)):
        ahead, behind = (
            np.array(values(couch_correction(displaced(planning_from_daily, s * xi), **room(position))))
            for s in (1.0, -1.0)
        )
        jacobian[:, n] = (ahead - behind) / (2.0 * step)
    covariance = correction_covariance(EXAMPLE_COVARIANCE, planning_from_daily, position)
    np.testing.assert_allclose(covariance, jacobian @ EXAMPLE_COVARIANCE @ jacobian.T, rtol=1e-6, atol=1e-9)


def test_the_covariance_agrees_with_2000_simulated_registrations():
    planning_from_daily = planning_from_daily_of(CouchCorrection(-4, 6, -3, 3.0, -5.0, 9.0), **room("HFDL"))
    errors = np.random.default_rng(3).multivariate_normal(np.zeros(6), EXAMPLE_COVARIANCE, 2000)
    simulated = np.cov(
        [values(couch_correction(displaced(planning_from_daily, xi), **room("HFDL"))) for xi in errors],
        rowvar=False,
    )
    covariance = correction_covariance(EXAMPLE_COVARIANCE, planning_from_daily, "HFDL")
    scale = np.sqrt(np.diag(covariance))
    # Entries of a sample covariance of 2000 scatter by at most sqrt(2/2000) = 0.03 of the scale; allow 4
    # sigma.
    np.testing.assert_allclose(
        simulated / np.outer(scale, scale), covariance / np.outer(scale, scale), atol=0.13
    )


def test_a_supine_patient_uncertain_along_his_body_has_an_uncertain_longitudinal():
    only_z = np.diag([0.0, 0.0, 4.0, 0.0, 0.0, np.deg2rad(1.0) ** 2])
    covariance = correction_covariance(only_z, RigidTransform.identity(PLANNING, DAILY), "HFS")
    np.testing.assert_allclose(np.diag(covariance), [0, 4, 0, 0, 1, 0], atol=1e-12)


@pytest.mark.parametrize(
    "bad",
    [
        np.eye(6) + np.eye(6, k=1),
        -np.eye(6),
        np.diag([1.0, 1, 1, 1, 1, -0.1]),
        np.eye(3),
        np.full((6, 6), np.nan),
    ],
)
def test_what_is_not_a_covariance_is_refused(bad):
    with pytest.raises(GeometryError, match="covariance"):
        correction_covariance(bad, RigidTransform.identity(PLANNING, DAILY), "HFS")
