from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from room_parts import BLIND, MORNING, day_in_room, five_mm_too_far_left, room_of

from isoguide.errors import InputError
from isoguide.geometry.correction import CouchCorrection
from isoguide.geometry.couch import corrected_pose
from isoguide.geometry.frames import PLANNING
from isoguide.geometry.grid import Grid
from isoguide.geometry.iec61217 import PATIENT_POSITIONS, TableTopPose
from isoguide.geometry.transforms import rotation_x, rotation_y, rotation_z
from isoguide.images.displacement_field import DisplacementField
from isoguide.virtual.clock import VirtualClock
from isoguide.virtual.patient_day import PatientDay
from isoguide.virtual.room import VirtualRoom

SMALL_MM = st.floats(-15.0, 15.0)
SMALL_DEG = st.floats(-2.9, 2.9)


def numbers(correction: CouchCorrection) -> list[float]:
    return [getattr(correction, name) for name in correction.__slots__]


def test_a_supine_patient_5_mm_too_far_left_has_to_move_5_mm_to_the_right(pelvis):
    room = room_of(pelvis, five_mm_too_far_left())
    assert numbers(room.truth.set_up_error()) == pytest.approx([-5.0, 0, 0, 0, 0, 0], abs=1e-9)
    residual = room.truth.residual()
    np.testing.assert_allclose(residual.mean_shift_mm, [5.0, 0.0, 0.0], atol=1e-9)
    assert (residual.mean_mm, residual.p95_mm, residual.largest_mm) == pytest.approx((5.0, 5.0, 5.0))
    assert residual.angle_deg == pytest.approx(0.0, abs=1e-6)


@pytest.mark.parametrize("position", PATIENT_POSITIONS)
def test_the_set_up_error_of_the_reference_is_found_and_undone_by_the_pose_of_the_reference(pelvis, position):
    # shared/reference/geometry-and-dicom.md, worked example C: every patient position, independent script.
    wrong = rotation_z(1.5) @ rotation_x(-1.0) @ rotation_y(2.0)
    start = TableTopPose(20.0, 900.0, -150.0)
    settings = replace(BLIND, planned_pose=start, patient_position=position)
    room = room_of(pelvis, day_in_room((4.0, -6.0, 3.0), wrong, position), settings)
    expected = [-4.0, 6.0, -3.0, 1.0514, -1.9735, -1.4644]
    assert numbers(room.truth.set_up_error()) == pytest.approx(expected, abs=1e-4)
    room.couch.move_to(TableTopPose(21.259, 908.643, -135.708, 1.0514, -1.9735, -1.4644))
    residual = room.truth.residual()
    assert residual.largest_mm < 0.003
    assert residual.angle_deg < 2e-4
    # At the beginning he lay as he lay: the past does not change.
    assert numbers(room.truth.set_up_error()) == pytest.approx(expected, abs=1e-4)


@settings(max_examples=30)
@given(
    st.tuples(SMALL_MM, SMALL_MM, SMALL_MM),
    st.tuples(SMALL_DEG, SMALL_DEG, SMALL_DEG),
    st.sampled_from(PATIENT_POSITIONS),
)
def test_the_set_up_error_is_exactly_the_correction_that_removes_it(pelvis, shift_mm, angles_deg, position):
    x, y, z = angles_deg
    rotation = rotation_z(z) @ rotation_y(y) @ rotation_x(x)
    settings = replace(BLIND, couch=replace(BLIND.couch, largest_tilt_deg=20.0), patient_position=position)
    room = room_of(pelvis, day_in_room(shift_mm, rotation, position), settings)
    room.couch.move_to(corrected_pose(settings.planned_pose, room.truth.set_up_error()))
    assert room.truth.residual().largest_mm < 1e-6
    assert room.truth.needed_correction().shift_mm == pytest.approx(np.zeros(3), abs=1e-6)


def test_deformed_tissue_is_where_the_field_and_then_the_room_put_it(pelvis):
    # All within the patient has gone 2 mm to the back and 1 mm to the head; he lies 3 mm too far right.
    grid = Grid.axial(PLANNING, (2, 2, 2), (900.0, 900.0, 900.0), (-450.0, -700.0, -450.0))
    vectors = np.broadcast_to(np.array([0.0, 2.0, 1.0], dtype=np.float32), (2, 2, 2, 3))
    rigid = day_in_room((-3.0, 0.0, 0.0))
    day = PatientDay(1, rigid.displacement, DisplacementField(grid, vectors.copy()))
    truth = room_of(pelvis, day).truth
    expected = np.array([-3.0, 1.0, -2.0])
    points = pelvis.isocentre_mm + np.array([[0.0, 0.0, 0.0], [10.0, -5.0, 3.0]])
    np.testing.assert_allclose(truth.displacement_mm(points), np.tile(expected, (2, 1)), atol=1e-5)
    np.testing.assert_allclose(truth.residual().mean_shift_mm, expected, atol=1e-5)
    # The set-up error is that of the patient as a whole; the target needs more than that.
    np.testing.assert_allclose(truth.set_up_error().shift_mm, [3.0, 0.0, 0.0], atol=1e-9)
    np.testing.assert_allclose(truth.needed_correction().shift_mm, -expected, atol=1e-5)


def test_the_target_is_tissue_before_a_margin_around_it(pelvis):
    drawn = pelvis.structure("Prostate").points_mm
    points = room_of(pelvis, five_mm_too_far_left()).truth.target_points_mm
    assert len(points) <= 600
    assert {tuple(p) for p in points} <= {tuple(p) for p in drawn}
    nothing_drawn = replace(pelvis, structures=())
    ball = room_of(nothing_drawn, five_mm_too_far_left()).truth.target_points_mm
    assert np.linalg.norm(ball - pelvis.isocentre_mm, axis=1).max() == pytest.approx(30.0, rel=0.01)


def test_the_clock_of_the_room_runs_forwards_only_and_needs_a_time_zone(pelvis):
    clock = VirtualClock(MORNING)
    clock.wait(90.5)
    assert (clock.now() - MORNING).total_seconds() == 90.5
    for seconds in (-1.0, float("nan"), float("inf")):
        with pytest.raises(InputError, match="a finite time of zero or more"):
            clock.wait(seconds)
    with pytest.raises(InputError, match="without a time zone"):
        VirtualRoom(pelvis, five_mm_too_far_left(), settings=BLIND, started_at=MORNING.replace(tzinfo=None))
