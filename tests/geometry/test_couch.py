"""Where to drive the couch: absolute table-top values before and after a correction."""

import numpy as np
import pytest
from forward_kinematics import (
    image,
    lay_down,
    misplace,
    patient_axes_in_room,
    register,
    ride,
    step_off,
    turn_points,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from isoguide.geometry.correction import CouchCorrection, couch_correction
from isoguide.geometry.couch import TableTopPose, corrected_pose
from isoguide.geometry.frames import DAILY, PLANNING
from isoguide.geometry.iec61217 import PATIENT_POSITIONS, fixed_from_table_top
from isoguide.geometry.transforms import RigidTransform

corrections = st.builds(
    CouchCorrection,
    *(st.floats(-80.0, 80.0) for _ in range(3)),
    *(st.floats(-15.0, 15.0) for _ in range(3)),
)
poses = st.builds(
    TableTopPose,
    lateral_mm=st.floats(-300, 300),
    longitudinal_mm=st.floats(0, 1500),
    vertical_mm=st.floats(-600, 0),
    pitch_deg=st.floats(-5, 5),
    roll_deg=st.floats(-5, 5),
    support_deg=st.floats(-180, 180),
    eccentric_deg=st.floats(-180, 180),
    eccentric_distance_mm=st.floats(0, 1200),
)


def test_a_pitch_of_two_degrees_drives_a_table_100_mm_from_the_isocentre_up_and_back():
    # Geometry reference §1.4: the right-handed definition of DICOM C.8.8.14.12, not the sign in its remark.
    pose = corrected_pose(TableTopPose(0.0, 100.0, 0.0), CouchCorrection(0, 0, 0, pitch_deg=2.0))
    np.testing.assert_allclose(pose.position_mm, [0.0, 99.94, 3.49], atol=0.005)
    assert (pose.pitch_deg, pose.roll_deg, pose.support_deg) == pytest.approx((2.0, 0.0, 0.0), abs=1e-12)


def test_yaw_alone_only_turns_the_support():
    pose = corrected_pose(TableTopPose(10.0, 850.0, -120.0), CouchCorrection(0, 0, 0, yaw_deg=-2.0))
    np.testing.assert_allclose(pose.position_mm, [10.0, 850.0, -120.0], atol=1e-9)
    assert pose.support_deg == pytest.approx(-2.0)


def test_a_shift_across_the_room_is_a_shift_along_a_table_turned_by_90_degrees():
    pose = corrected_pose(TableTopPose(0.0, 900.0, -100.0, support_deg=90.0), CouchCorrection(5.0, 10.0, 2.0))
    np.testing.assert_allclose(pose.position_mm, [10.0, 895.0, -98.0], atol=1e-9)


@pytest.mark.parametrize("yaw_axis", ["support", "eccentric"])
@given(pose=poses, correction=corrections)
@settings(deadline=None, max_examples=50)
def test_the_new_pose_is_the_old_one_moved_by_the_correction(yaw_axis, pose, correction):
    new = corrected_pose(pose, correction, yaw_axis=yaw_axis)
    moved = correction.fixed_from_fixed @ fixed_from_table_top(pose)
    np.testing.assert_allclose(fixed_from_table_top(new).matrix, moved.matrix, atol=1e-8)
    kept = "eccentric_deg" if yaw_axis == "support" else "support_deg"
    assert getattr(new, kept) == getattr(pose, kept)
    assert new.eccentric_distance_mm == pose.eccentric_distance_mm


@given(pose=poses, correction=corrections, support_deg=st.floats(-90.0, 90.0))
@settings(deadline=None, max_examples=50)
def test_a_correction_keeps_its_table_values_when_the_couch_is_kicked(pose, correction, support_deg):
    straight = corrected_pose(pose, correction)
    kicked_pose = TableTopPose(
        *pose.position_mm,
        pose.pitch_deg,
        pose.roll_deg,
        pose.support_deg + support_deg,
        pose.eccentric_deg,
        pose.eccentric_distance_mm,
    )
    kicked = corrected_pose(kicked_pose, correction.turned_with_couch(support_deg))
    np.testing.assert_allclose(kicked.position_mm, straight.position_mm, atol=1e-7)
    assert (kicked.pitch_deg, kicked.roll_deg) == pytest.approx(
        (straight.pitch_deg, straight.roll_deg), abs=1e-8
    )
    turned_deg = kicked.support_deg - straight.support_deg - support_deg
    assert np.sin(np.deg2rad(turned_deg)) == pytest.approx(0.0, abs=1e-9)


CASES = 2_000
DRIVES = ("lateral", "longitudinal", "vertical", "pitch", "roll", "support")


def random_pose(rng):
    low = [-300.0, 0.0, -600.0, -3.0, -3.0, -180.0, -180.0, 0.0]
    high = [300.0, 1500.0, 0.0, 3.0, 3.0, 180.0, 180.0, 1200.0]
    names = (*DRIVES, "eccentric", "distance")
    pose = dict(zip(names, rng.uniform(low, high, (CASES, 8)).T, strict=True))
    # Half of the couches have no eccentric axis.
    pose["eccentric"][::2] = pose["distance"][::2] = 0.0
    return pose


def drive(pose, registration, case):
    """Let the package decide, for one case: its correction and the new pose of the couch."""
    rotation, translation_mm, plan_isocentre, machine_isocentre, position = registration
    correction = couch_correction(
        RigidTransform.from_parts(PLANNING, DAILY, rotation[case], translation_mm[case]),
        plan_isocentre_mm=plan_isocentre[case],
        machine_isocentre_mm=machine_isocentre[case],
        patient_position=position[case],
    )
    before = TableTopPose(*(float(pose[name][case]) for name in (*DRIVES, "eccentric", "distance")))
    kicked = correction.turned_with_couch(before.support_deg)
    after = corrected_pose(before, kicked)
    return correction, after


def test_two_thousand_misplaced_patients_are_brought_to_plan_by_forward_kinematics():
    """Anatomy → set-up error → image → registration → package → couch drives → anatomy: back at plan."""
    rng = np.random.default_rng(20240229)
    position = np.array(PATIENT_POSITIONS)[np.arange(CASES) % 8]
    axes = np.stack([patient_axes_in_room(p) for p in position])
    anatomy = rng.uniform(-250.0, 250.0, (CASES, 5, 3))
    plan_isocentre, machine_isocentre = rng.uniform(-200.0, 200.0, (2, CASES, 3))
    turn = Rotation.from_euler("ZXY", rng.uniform(-15.0, 15.0, (CASES, 3)), degrees=True)
    shift_mm = rng.uniform(-50.0, 50.0, (CASES, 3))

    planned = lay_down(anatomy, plan_isocentre, axes)
    present = misplace(planned, turn, shift_mm)
    rotation, translation_mm = register(image(present, axes, machine_isocentre), anatomy)
    registration = (rotation, translation_mm, plan_isocentre, machine_isocentre, position)
    pose = random_pose(rng)
    answers = [drive(pose, registration, case) for case in range(CASES)]

    shifts = np.array([correction.shift_mm for correction, _ in answers])
    angles = np.array([[c.yaw_deg, c.pitch_deg, c.roll_deg] for c, _ in answers])
    np.testing.assert_allclose(shifts, -shift_mm, atol=1e-6)
    np.testing.assert_allclose(angles, turn.inv().as_euler("ZXY", degrees=True), atol=1e-6)

    # The couch stands turned by the support angle: the patient on it is turned as much, planned and present.
    kick = Rotation.from_euler("z", pose["support"][:, None], degrees=True)
    on_table = step_off(turn_points(kick, present), pose)
    new_pose = pose | {name: np.array([getattr(p, field(name)) for _, p in answers]) for name in DRIVES}
    np.testing.assert_allclose(ride(on_table, new_pose), turn_points(kick, planned), atol=1e-6)


def field(name):
    return f"{name}_mm" if name in DRIVES[:3] else f"{name}_deg"
