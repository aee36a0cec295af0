"""Rigid transforms carry both frames, compose only where they meet, and are rigid to the last digit."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from isoguide.errors import GeometryError
from isoguide.geometry.frames import DAILY, FIXED, PLANNING, Points
from isoguide.geometry.transforms import (
    RigidTransform,
    rotation_angle_deg,
    rotation_x,
    rotation_y,
    rotation_z,
)

X, Y, Z = np.eye(3)
angles = st.floats(-180.0, 180.0)
lengths = st.floats(-1000.0, 1000.0)


@st.composite
def transforms(draw, to_frame=PLANNING, from_frame=DAILY):
    rotation = Rotation.from_euler("ZXY", [draw(angles) for _ in range(3)], degrees=True).as_matrix()
    shift_mm = np.array([draw(lengths) for _ in range(3)])
    return RigidTransform.from_parts(to_frame, from_frame, rotation, shift_mm)


def test_elementary_rotations_are_right_handed():
    np.testing.assert_allclose(rotation_x(90.0) @ Y, Z, atol=1e-15)
    np.testing.assert_allclose(rotation_y(90.0) @ Z, X, atol=1e-15)
    np.testing.assert_allclose(rotation_z(90.0) @ X, Y, atol=1e-15)


@given(transforms())
@settings(deadline=None, max_examples=50)
def test_there_and_back_again_is_the_identity(planning_from_daily):
    there_and_back = planning_from_daily.inverse() @ planning_from_daily
    assert (there_and_back.to_frame, there_and_back.from_frame) == (DAILY, DAILY)
    np.testing.assert_allclose(there_and_back.matrix, np.eye(4), atol=1e-9)


@given(transforms(FIXED, PLANNING), transforms())
@settings(deadline=None, max_examples=50)
def test_composition_maps_points_like_one_step_after_the_other(fixed_from_planning, planning_from_daily):
    points = Points(DAILY, [[1.0, 2.0, 3.0], [-40.0, 50.0, 60.0]])
    at_once = (fixed_from_planning @ planning_from_daily) @ points
    in_steps = fixed_from_planning @ (planning_from_daily @ points)
    assert at_once.frame == in_steps.frame == FIXED
    np.testing.assert_allclose(at_once.xyz_mm, in_steps.xyz_mm, atol=1e-9)


def test_frames_that_do_not_meet_are_not_composed():
    planning_from_daily = RigidTransform.identity(PLANNING, DAILY)
    with pytest.raises(GeometryError, match="cannot apply 'planning patient LPS from daily patient LPS'"):
        planning_from_daily @ planning_from_daily
    with pytest.raises(GeometryError, match="coordinates of 'planning patient LPS'"):
        planning_from_daily @ Points(PLANNING, [0.0, 0.0, 0.0])


def test_a_translation_moves_points_and_turns_nothing():
    shift = RigidTransform.translation(PLANNING, DAILY, [1.0, -2.0, 3.0])
    np.testing.assert_array_equal(shift.apply(np.zeros((2, 3))), [[1.0, -2.0, 3.0]] * 2)
    assert shift.angle_deg == 0.0


@pytest.mark.parametrize("angle_deg", [0.0, 1e-7, 0.5, 90.0, 179.9999, 180.0])
def test_the_angle_of_a_rotation_keeps_its_digits_near_zero_and_half_a_turn(angle_deg):
    rotation = Rotation.from_rotvec(np.deg2rad(angle_deg) * np.array([0.6, 0.0, 0.8])).as_matrix()
    assert rotation_angle_deg(rotation) == pytest.approx(angle_deg, abs=1e-9)


def test_a_rounded_rotation_is_replaced_by_the_nearest_exact_one():
    exact = Rotation.from_euler("ZXY", [3.0, -2.0, 1.0], degrees=True).as_matrix()
    transform = RigidTransform.from_parts(PLANNING, DAILY, np.round(exact, 6), np.zeros(3))
    np.testing.assert_allclose(transform.rotation.T @ transform.rotation, np.eye(3), atol=1e-15)
    np.testing.assert_allclose(transform.rotation, exact, atol=1e-6)
    with pytest.raises(ValueError, match="read-only"):
        transform.matrix[0, 0] = 0.0


@given(transforms())
@settings(deadline=None, max_examples=50)
def test_a_matrix_written_with_five_decimals_is_still_taken_for_rigid(exact):
    written = RigidTransform(PLANNING, DAILY, np.round(exact.matrix, 5))
    np.testing.assert_allclose(written.matrix, exact.matrix, atol=2e-5)


def test_the_published_almost_rigid_matrix_is_refused():
    # Geometry reference, negative vector of a public registration calculator: orthonormality error 0.0058.
    rows = np.array([[0.999, 0.012, 0.008], [-0.010, 0.998, 0.015], [-0.009, -0.014, 0.999]])
    with pytest.raises(GeometryError, match=r"not rigid: its rotation part is off by 0\.0058"):
        RigidTransform.from_parts(PLANNING, DAILY, rows, np.zeros(3))


def test_a_reflection_is_refused():
    with pytest.raises(GeometryError, match="mirrors left and right"):
        RigidTransform.from_parts(PLANNING, DAILY, np.diag([-1.0, 1.0, 1.0]), np.zeros(3))


def test_a_projective_last_row_and_a_wrong_shape_are_refused():
    matrix = np.eye(4)
    matrix[3, 0] = 0.1
    with pytest.raises(GeometryError, match="not 0 0 0 1"):
        RigidTransform(PLANNING, DAILY, matrix)
    with pytest.raises(GeometryError, match="shape"):
        RigidTransform(PLANNING, DAILY, np.eye(3))
    with pytest.raises(GeometryError, match="finite"):
        RigidTransform.translation(PLANNING, DAILY, [np.nan, 0.0, 0.0])
