"""A displaced target is followed: what the beam sees of it stays what it saw in the plan."""

from dataclasses import replace

import numpy as np
import pytest
from beams_to_correct import LEAVES, SAD_MM, arc, field_of, plan_of, small_machine
from hypothesis import given, settings
from hypothesis import strategies as st

from isoguide.adaptation.beam_trim import BeamTrim
from isoguide.adaptation.field_shape import beams_eye_view_mm
from isoguide.adaptation.following import followed
from isoguide.adaptation.virtual_couch_shift import shift_beams
from isoguide.geometry.frames import FIXED, PLANNING, Points
from isoguide.geometry.iec61217 import PATIENT_POSITIONS, fixed_from_planning, rotation_iec
from isoguide.geometry.transforms import RigidTransform, rotation_y, rotation_z

ANGLES = st.floats(0.0, 359.9)
SHIFTS = st.floats(-15.0, 15.0)


def disc(gantry_deg: float, radius_mm: float = 30.0) -> Points:
    """Points in the plane through the isocentre that is square to the beam, couch at 0°."""
    angles = np.linspace(0.0, 2.0 * np.pi, 25)[:-1]
    flat = radius_mm * np.column_stack([np.cos(angles), 0.6 * np.sin(angles), np.zeros(24)])
    return Points(FIXED, flat @ rotation_y(gantry_deg).T)


def ball(radius_mm: float = 25.0) -> Points:
    rng = np.random.default_rng(7)
    ways = rng.normal(size=(400, 3))
    return Points(FIXED, radius_mm * ways / np.linalg.norm(ways, axis=1)[:, None])


def moved(rotation: np.ndarray, shift_mm: np.ndarray) -> RigidTransform:
    return RigidTransform.from_parts(FIXED, FIXED, rotation, shift_mm)


def seen(target: Points, point, sad_mm: float = SAD_MM) -> np.ndarray:
    turned = Points(FIXED, target.xyz_mm @ rotation_z(point.couch_deg).T)
    return beams_eye_view_mm(turned, point.gantry_deg, point.collimator_deg, sad_mm)


@pytest.mark.parametrize("axis", ["X", "Y"])
@given(gantry=ANGLES, collimator=ANGLES, along=SHIFTS, across=SHIFTS, turn=st.floats(-5.0, 5.0))
@settings(max_examples=25, deadline=None)
def test_a_shift_in_the_plane_and_a_turn_about_the_beam_are_followed_exactly(
    axis: str, gantry: float, collimator: float, along: float, across: float, turn: float
) -> None:
    beam = field_of(gantry, collimator, axis=axis)
    target = disc(gantry)
    gantry_axes = rotation_y(gantry)
    rotation = gantry_axes @ rotation_z(turn) @ gantry_axes.T
    motion = moved(rotation, gantry_axes @ np.array([along, across, 0.0]))
    step = followed(beam, motion, target, sad_mm=SAD_MM, turns_with_beam_on=True)[0]
    point = beam.control_points[0]
    order = [0, 1] if axis == "X" else [1, 0]
    planned = seen(target, point)[:, order]
    now = beams_eye_view_mm(motion @ target, step.gantry_deg, step.collimator_deg, SAD_MM)[:, order]
    # Angles are rounded to 0.01°, which is 0.005 mm at 30 mm from the axis.
    np.testing.assert_allclose(step.view.points_after_mm(planned), now, atol=0.02)
    turned_deg = (step.collimator_deg - point.collimator_deg + 180.0) % 360.0 - 180.0
    assert turned_deg == pytest.approx(turn, abs=0.0101)
    assert step.miss_mm < 0.02
    assert step.meterset_factor == pytest.approx(1.0, abs=1e-5)


@pytest.mark.parametrize("position", PATIENT_POSITIONS)
@given(gantry=ANGLES, couch=st.sampled_from([0.0, 20.0, 335.0]), left=SHIFTS, back=SHIFTS, head=SHIFTS)
@settings(max_examples=8, deadline=None)
def test_a_patient_in_any_position_who_lies_too_far_to_one_side_is_followed_to_that_side(
    position: str, gantry: float, couch: float, left: float, back: float, head: float
) -> None:
    fixed = fixed_from_planning(position, np.array([10.0, -20.0, 30.0]))
    shift_mm = fixed.rotation @ np.array([left, back, head])
    target = fixed @ Points(PLANNING, ball().xyz_mm + np.array([10.0, -20.0, 30.0]))
    beam = field_of(gantry, 30.0, couch_deg=couch)
    motion = moved(np.eye(3), shift_mm)
    step = followed(beam, motion, target, sad_mm=SAD_MM, turns_with_beam_on=True)[0]
    planned = seen(target, beam.control_points[0])
    now = seen(motion @ target, beam.control_points[0])
    # A ball is as deep as it is wide: what lies before and behind its middle moves 2.5 % more and less.
    np.testing.assert_allclose(step.view.points_after_mm(planned), now, atol=0.7)
    assert np.abs((step.view.points_after_mm(planned) - now).mean(axis=0)).max() < 0.05
    assert step.gantry_deg == pytest.approx(round(gantry, 2) % 360.0, abs=0.0051)


@given(gantry=ANGLES, roll=st.floats(-5.0, 5.0))
@settings(max_examples=25, deadline=None)
def test_a_patient_who_rolled_is_followed_by_the_gantry(gantry: float, roll: float) -> None:
    beam = field_of(gantry, 0.0)
    step = followed(
        beam, moved(rotation_iec(0.0, 0.0, roll), np.zeros(3)), ball(), sad_mm=SAD_MM, turns_with_beam_on=True
    )[0]
    assert (step.gantry_deg - gantry - roll + 180.0) % 360.0 - 180.0 == pytest.approx(0.0, abs=0.006)
    assert step.tilt_deg < 0.01
    assert step.miss_mm < 0.01


def test_an_arc_stops_at_180_degrees_when_its_patient_has_rolled() -> None:
    beam = arc()
    steps = followed(
        beam, moved(rotation_iec(0.0, 0.0, 3.0), np.zeros(3)), ball(), sad_mm=SAD_MM, turns_with_beam_on=True
    )
    assert steps[0].gantry_deg == pytest.approx(184.0)
    assert steps[-1].gantry_deg == pytest.approx(180.0)
    assert steps[-1].tilt_deg == pytest.approx(2.0, abs=0.01)


def test_pitch_seen_from_above_remains_as_a_tilt() -> None:
    step = followed(
        field_of(0.0, 0.0),
        moved(rotation_iec(0.0, 3.0, 0.0), np.zeros(3)),
        ball(),
        sad_mm=SAD_MM,
        turns_with_beam_on=True,
    )[0]
    assert step.tilt_deg == pytest.approx(3.0, abs=0.001)


def test_a_target_further_away_gets_more_monitor_units() -> None:
    motion = moved(np.eye(3), np.array([0.0, 0.0, -20.0]))
    step = followed(field_of(0.0, 0.0), motion, ball(), sad_mm=SAD_MM, turns_with_beam_on=True)[0]
    assert step.meterset_factor == pytest.approx(1.02**2, abs=1e-4)
    assert step.view.along_from_along == pytest.approx(1.0 / 1.02, abs=2e-3)


@pytest.mark.parametrize(
    ("gantry", "shift_mm", "leaves_mm"),
    [(0.0, (10.0, 0.0, 0.0), 10.0), (180.0, (10.0, 0.0, 0.0), -10.0), (90.0, (0.0, 0.0, 10.0), -10.0)],
)
def test_a_target_10_mm_too_far_left_is_followed_by_leaves_10_mm_to_the_left(
    gantry: float, shift_mm: tuple[float, float, float], leaves_mm: float
) -> None:
    plan = plan_of(field_of(gantry, 0.0))
    corrected = shift_beams(plan, moved(np.eye(3), np.array(shift_mm)), disc(gantry), small_machine())
    assert corrected.reasons == ()
    assert corrected.plan is not None
    before, after = plan.beams[0].control_points[0], corrected.plan.beams[0].control_points[0]
    assert before.leaf_positions_mm is not None
    assert after.leaf_positions_mm is not None
    opened = np.ptp(before.leaf_positions_mm, axis=0) > 1.0
    np.testing.assert_allclose(
        after.leaf_positions_mm[:, opened], before.leaf_positions_mm[:, opened] + leaves_mm, atol=0.011
    )
    assert before.jaw_x_mm is not None
    assert after.jaw_x_mm == pytest.approx([one + leaves_mm for one in before.jaw_x_mm], abs=0.011)
    assert after.jaw_y_mm == pytest.approx(before.jaw_y_mm, abs=0.011)


def test_a_target_10_mm_towards_the_gantry_is_followed_by_two_leaves() -> None:
    plan = plan_of(field_of(0.0, 0.0))
    corrected = shift_beams(plan, moved(np.eye(3), np.array([0.0, 10.0, 0.0])), disc(0.0), small_machine())
    assert corrected.plan is not None
    before, after = plan.beams[0].control_points[0], corrected.plan.beams[0].control_points[0]
    assert before.leaf_positions_mm is not None
    assert after.leaf_positions_mm is not None
    opened = np.flatnonzero(np.ptp(before.leaf_positions_mm, axis=0) > 1.0)
    np.testing.assert_allclose(
        after.leaf_positions_mm[:, opened + 2], before.leaf_positions_mm[:, opened], atol=0.011
    )
    closed = np.ptp(after.leaf_positions_mm, axis=0) < 1.0
    assert closed[opened[:2]].all()
    assert LEAVES.boundaries_mm[1] - LEAVES.boundaries_mm[0] == 5.0


def test_an_opening_between_two_leaves_keeps_its_width() -> None:
    plan = plan_of(field_of(0.0, 0.0))
    corrected = shift_beams(plan, moved(np.eye(3), np.array([0.0, 2.5, 0.0])), disc(0.0), small_machine())
    assert corrected.plan is not None
    before, after = plan.beams[0].control_points[0], corrected.plan.beams[0].control_points[0]
    assert before.leaf_positions_mm is not None
    assert after.leaf_positions_mm is not None
    middle = LEAVES.pairs // 2
    expected = before.leaf_positions_mm[:, middle - 1 : middle + 1].mean(axis=1)
    np.testing.assert_allclose(after.leaf_positions_mm[:, middle], expected, atol=0.011)


@pytest.mark.parametrize("axis", ["X", "Y"])
@given(gantry=ANGLES, collimator=ANGLES, towards=st.floats(-4.0, 4.0))
@settings(max_examples=10, deadline=None)
def test_a_trim_moves_the_opening_towards_the_gantry_at_every_angle_of_the_collimator(
    axis: str, gantry: float, collimator: float, towards: float
) -> None:
    beam = field_of(gantry, collimator, axis=axis)
    still = moved(np.eye(3), np.zeros(3))
    step = followed(beam, still, ball(), sad_mm=SAD_MM, turns_with_beam_on=True)[0]
    trimmed = step.trimmed(BeamTrim(towards, 1.05), axis)
    order = [0, 1] if axis == "X" else [1, 0]
    device = rotation_z(step.collimator_deg)[:2, :2]
    moved_mm = device @ (trimmed.view.shift_mm - step.view.shift_mm)[order]
    np.testing.assert_allclose(moved_mm, [0.0, towards], atol=1e-9)
    assert trimmed.meterset_factor == pytest.approx(1.05 * step.meterset_factor)
    assert trimmed.miss_mm == pytest.approx(abs(towards), abs=0.02)


def test_a_trimmed_beam_has_its_jaws_and_monitor_units_changed() -> None:
    plan = plan_of(field_of(90.0, 0.0))
    trims = {1: BeamTrim(2.0, 0.95)}
    corrected = shift_beams(plan, moved(np.eye(3), np.zeros(3)), ball(), small_machine(), trims=trims)
    assert corrected.plan is not None
    before, after = plan.beams[0], corrected.plan.beams[0]
    moved_mm = np.subtract(after.control_points[0].jaw_y_mm, before.control_points[0].jaw_y_mm)
    np.testing.assert_allclose(moved_mm, 2.0, atol=0.011)
    assert after.meterset_mu == pytest.approx(0.95 * before.meterset_mu, rel=1e-4)


def test_the_planned_beams_stay_as_they_are() -> None:
    plan = plan_of(arc())
    before = [point.leaf_positions_mm.copy() for point in plan.beams[0].control_points]
    corrected = shift_beams(plan, moved(rotation_z(2.0), np.array([5.0, -4.0, 3.0])), ball(), small_machine())
    assert corrected.plan is not None
    assert corrected.plan is not plan
    assert corrected.plan.approval_status == "UNAPPROVED"
    assert corrected.plan.sop_instance_uid == ""
    for point, planned in zip(plan.beams[0].control_points, before, strict=True):
        np.testing.assert_array_equal(point.leaf_positions_mm, planned)


def test_a_patient_who_lies_far_off_is_set_up_again() -> None:
    corrected = shift_beams(
        plan_of(arc()), moved(np.eye(3), np.array([60.0, 0.0, 0.0])), ball(), small_machine()
    )
    assert corrected.plan is None
    assert "set the patient up again" in corrected.reasons[0]


def test_an_opening_that_would_leave_the_leaves_is_refused() -> None:
    corrected = shift_beams(
        plan_of(field_of(0.0, 0.0, target_mm=85.0)),
        moved(np.eye(3), np.array([0.0, 30.0, 0.0])),
        ball(80.0),
        small_machine(),
    )
    assert corrected.plan is None
    assert "across the leaves" in corrected.reasons[0]


def test_a_collimator_that_cannot_turn_with_the_beam_on_turns_once() -> None:
    machine = small_machine(collimator_speed_deg_per_s=0.0)
    corrected = shift_beams(plan_of(arc()), moved(rotation_z(3.0), np.zeros(3)), ball(), machine)
    assert corrected.plan is not None
    assert len({point.collimator_deg for point in corrected.plan.beams[0].control_points}) == 1
    turning = shift_beams(plan_of(arc()), moved(rotation_z(3.0), np.zeros(3)), ball(), small_machine())
    assert turning.plan is not None
    angles = [point.collimator_deg for point in turning.plan.beams[0].control_points]
    assert max(angles) - min(angles) == pytest.approx(6.0, abs=0.1)


def test_a_wedge_that_stays_where_it_is_is_named() -> None:
    beam = field_of(0.0, 0.0)
    points = tuple(replace(point, wedges_in=(1,)) for point in beam.control_points)
    wedged = plan_of(replace(beam, control_points=points))
    corrected = shift_beams(wedged, moved(np.eye(3), np.array([5.0, 0.0, 0.0])), ball(), small_machine())
    assert any("wedges turn with the collimator" in one for one in corrected.changes)
