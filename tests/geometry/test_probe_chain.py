"""The place of the image in the room and its covariance, as laws."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from isoguide.errors import GeometryError, MissingEvidenceError
from isoguide.geometry.frames import FIXED, PROBE, REFERENCE_SENSOR, TRACKER, ULTRASOUND_IMAGE
from isoguide.geometry.probe_calibration import ProbeCalibration
from isoguide.geometry.probe_chain import ProbePose, UncertainPose, placed
from isoguide.geometry.transforms import RigidTransform

seeds = st.integers(0, 10_000)


def some_pose(rng, to, of):
    rotation = Rotation.random(random_state=int(rng.integers(1 << 30))).as_matrix()
    return RigidTransform.from_parts(to, of, rotation, rng.uniform(-200.0, 200.0, 3))


def uncertain(rng, to, of):
    root = rng.normal(0.0, 1.0, (6, 6)) * np.repeat([0.3, 0.003], 3)[:, None]
    return UncertainPose(some_pose(rng, to, of), rng.uniform(-100.0, 100.0, 3), root @ root.T)


def nudged(one, motion):
    """The truth: a small motion about the point, after the estimate."""
    turn = Rotation.from_rotvec(motion[3:]).as_matrix()
    rotation = turn @ one.pose.rotation
    place = turn @ (one.pose.translation_mm - one.about_mm) + one.about_mm + motion[:3]
    return RigidTransform.from_parts(one.pose.to_frame, one.pose.from_frame, rotation, place)


@given(seeds)
def test_the_covariance_of_a_product_is_that_of_simulated_errors(seed):
    rng = np.random.default_rng(seed)
    first, second = uncertain(rng, FIXED, TRACKER), uncertain(rng, TRACKER, PROBE)
    product = first @ second
    # Each direction of each error, small enough to be linear: the sum of squares is the covariance.
    total = np.zeros((6, 6))
    for which, one in enumerate((first, second)):
        values, vectors = np.linalg.eigh(one.covariance)
        for value, vector in zip(values, vectors.T, strict=True):
            motion = vector * np.sqrt(max(value, 0.0)) * 1e-4
            moved = (
                (nudged(first, motion), second.pose) if which == 0 else (first.pose, nudged(second, motion))
            )
            truth = moved[0] @ moved[1]
            change = truth @ product.pose.inverse()
            shift = change.apply(product.about_mm) - product.about_mm
            error = np.concatenate([shift, Rotation.from_matrix(change.rotation).as_rotvec()]) / 1e-4
            total += np.outer(error, error)
    np.testing.assert_allclose(product.covariance, total, rtol=1e-2, atol=1e-3 * np.abs(total).max())


@given(seeds)
def test_the_inverse_of_the_inverse_is_the_pose_with_its_covariance(seed):
    one = uncertain(np.random.default_rng(seed), FIXED, TRACKER)
    again = one.inverse().inverse()
    np.testing.assert_allclose(again.pose.matrix, one.pose.matrix, atol=1e-9)
    np.testing.assert_allclose(again.about_mm, one.about_mm, atol=1e-9)
    np.testing.assert_allclose(again.covariance, one.covariance, atol=1e-12)


@given(seeds)
def test_a_pose_from_another_point_and_back_is_the_same(seed):
    rng = np.random.default_rng(seed)
    one = uncertain(rng, FIXED, TRACKER)
    again = one.about(rng.uniform(-500.0, 500.0, 3)).about(one.about_mm)
    np.testing.assert_allclose(again.covariance, one.covariance, atol=1e-9)


@given(seeds)
def test_products_do_not_depend_on_their_order_of_evaluation(seed):
    rng = np.random.default_rng(seed)
    a, b, c = (
        uncertain(rng, FIXED, REFERENCE_SENSOR),
        uncertain(rng, TRACKER, REFERENCE_SENSOR).inverse(),
        uncertain(rng, TRACKER, PROBE),
    )
    one, two = (a @ b) @ c, a @ (b @ c)
    np.testing.assert_allclose(one.covariance, two.covariance, rtol=1e-6, atol=1e-9)


def calibration(covariance):
    return ProbeCalibration(
        RigidTransform.translation(PROBE, ULTRASOUND_IMAGE, (0.0, 0.0, 30.0)),
        (0.5, 0.5),
        np.zeros(2),
        covariance,
    )


NO_ERROR = np.zeros((6, 6))


def in_room(covariance=NO_ERROR, tracker_covariance=NO_ERROR):
    fixed_from_tracker = UncertainPose.exact(RigidTransform.translation(FIXED, TRACKER, (0.0, 0.0, 500.0)))
    probe = RigidTransform.translation(TRACKER, PROBE, (10.0, 0.0, -600.0))
    return placed(
        fixed_from_tracker=fixed_from_tracker,
        tracker_from_probe=UncertainPose(probe, probe.translation_mm, tracker_covariance),
        calibration=calibration(covariance),
    )


def test_the_chain_of_translations_adds_up():
    assert in_room().fixed_from_image.translation_mm.tolist() == [10.0, 0.0, -70.0]


def test_a_tracker_that_turns_by_half_a_degree_misplaces_the_face_by_its_arm():
    about_x = np.zeros((6, 6))
    about_x[3, 3] = np.deg2rad(0.5) ** 2
    pose = in_room(tracker_covariance=about_x)
    # The face is 30 mm along z from the sensor: a turn about x moves it along y by 30 mm × 0.5° = 0.26 mm.
    np.testing.assert_allclose(np.sqrt(np.diag(pose.covariance)[:3]), [0.0, 0.2618, 0.0], atol=1e-4)


def test_an_error_of_the_angle_counts_more_with_depth():
    about_z = np.zeros((6, 6))
    about_z[5, 5] = np.deg2rad(1.0) ** 2
    pose = in_room(about_z)
    deep = pose.point_covariance(np.array([[0.0, 0.0, 0.0], [0.0, 100.0, 0.0]]))
    # 100 mm × 1° = 1.745 mm, along x.
    np.testing.assert_allclose(np.sqrt(np.diag(deep[0])), 0.0, atol=1e-12)
    np.testing.assert_allclose(np.sqrt(np.diag(deep[1])), [1.7453, 0.0, 0.0], atol=1e-4)


def test_a_probe_whose_calibration_says_nothing_of_its_error_has_no_place():
    with pytest.raises(MissingEvidenceError, match="isoguide ultrasound calibrate"):
        in_room(covariance=None)


def test_poses_between_other_frames_are_refused():
    with pytest.raises(GeometryError, match="'IEC fixed from ultrasound image' is needed"):
        ProbePose(RigidTransform.identity(TRACKER, ULTRASOUND_IMAGE), np.eye(6))
