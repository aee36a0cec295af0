from dataclasses import replace

import numpy as np
import pytest
from room_parts import PERFECT, link

from isoguide.errors import LinkLostError
from isoguide.geometry.iec61217 import TableTopPose, fixed_from_table_top
from isoguide.virtual.couch_drive import CouchDrive
from isoguide.virtual.faults import Fault

POSE = TableTopPose(0.0, 850.0, -120.0)


def couch_with(pose=POSE, faults=(), **changes) -> CouchDrive:
    return CouchDrive(link("couch", faults), replace(PERFECT.couch, **changes), pose)


def moved_mm(couch: CouchDrive, before) -> np.ndarray:
    """How the tissue at the isocentre was moved by the couch since ``before``."""
    return (couch.fixed_from_table_top() @ before.inverse()).translation_mm


def test_a_perfect_couch_is_where_it_was_sent_and_says_so():
    couch = couch_with()
    goal = TableTopPose(3.0, 857.0, -112.0, 0.7, 1.3, -1.0)
    couch.move_to(goal)
    assert couch.read().pose == goal
    np.testing.assert_allclose(
        couch.fixed_from_table_top().matrix, fixed_from_table_top(goal).matrix, atol=1e-9
    )


def test_a_couch_that_came_up_loses_its_play_when_it_goes_down_and_the_scales_do_not_see_it():
    couch = couch_with(backlash_mm=0.2)
    at_set_up = couch.fixed_from_table_top()
    couch.move_to(replace(POSE, vertical_mm=-130.0))
    assert couch.read().pose.vertical_mm == pytest.approx(-130.0)
    np.testing.assert_allclose(moved_mm(couch, at_set_up), [0.0, 0.0, -9.8], atol=1e-9)
    couch.move_to(replace(POSE, vertical_mm=-140.0))
    np.testing.assert_allclose(moved_mm(couch, at_set_up), [0.0, 0.0, -19.8], atol=1e-9)


def test_a_couch_that_came_up_goes_further_up_without_loss():
    couch = couch_with(backlash_mm=0.2)
    at_set_up = couch.fixed_from_table_top()
    couch.move_to(replace(POSE, vertical_mm=-110.0, longitudinal_mm=855.0))
    np.testing.assert_allclose(moved_mm(couch, at_set_up), [0.0, 5.0, 10.0], atol=1e-9)


def test_a_movement_smaller_than_the_play_moves_the_scales_and_not_the_patient():
    couch = couch_with(backlash_mm=0.2)
    at_set_up = couch.fixed_from_table_top()
    couch.move_to(replace(POSE, vertical_mm=-120.15))
    assert couch.read().pose.vertical_mm == pytest.approx(-120.15)
    np.testing.assert_allclose(moved_mm(couch, at_set_up), np.zeros(3), atol=1e-9)


def test_the_play_of_an_angle_turns_the_patient_less_about_the_isocentre_and_does_not_shift_him():
    couch = couch_with(backlash_deg=0.1)
    at_set_up = couch.fixed_from_table_top()
    # A drive that has not moved yet is in the middle of its play and loses half of it.
    couch.move_to(replace(POSE, support_deg=2.0))
    turned = couch.fixed_from_table_top() @ at_set_up.inverse()
    assert turned.angle_deg == pytest.approx(1.95)
    np.testing.assert_allclose(turned.translation_mm, np.zeros(3), atol=1e-9)
    couch.move_to(POSE)
    assert (couch.fixed_from_table_top() @ at_set_up.inverse()).angle_deg == pytest.approx(0.05)


def test_a_turntable_beside_the_isocentre_walks_out():
    couch = couch_with(turntable_axis_mm=(1.0, 0.0))
    at_set_up = couch.fixed_from_table_top()
    couch.move_to(replace(POSE, support_deg=90.0))
    # A point at the isocentre is 1 mm to the left of the axis, and in front of it after a quarter turn.
    np.testing.assert_allclose(moved_mm(couch, at_set_up), [1.0, -1.0, 0.0], atol=1e-9)


def test_with_the_couch_kicked_the_play_of_the_lateral_drive_lies_along_the_gantry_axis():
    kicked = replace(POSE, support_deg=90.0)
    couch = couch_with(kicked, backlash_mm=0.2)
    at_set_up = couch.fixed_from_table_top()
    couch.move_to(replace(kicked, lateral_mm=10.0))  # it came from +20 mm, so this reverses it
    np.testing.assert_allclose(moved_mm(couch, at_set_up), [0.0, 9.8, 0.0], atol=1e-9)


def test_the_slowest_drive_decides_how_long_a_movement_takes():
    couch = couch_with(speed_mm_s=20.0, speed_deg_s=1.0)
    couch.move_to(replace(POSE, lateral_mm=100.0, pitch_deg=2.0))
    assert couch.read().read_at.second == 5
    couch.move_to(replace(POSE, lateral_mm=100.0, pitch_deg=-1.0))
    assert couch.read().read_at.second == 8


def test_staying_takes_no_time_and_is_no_movement():
    couch = couch_with(faults=(Fault("couch-stops-short"),))
    before = couch.read()
    couch.move_to(POSE)
    assert couch.read() == before
    couch.move_to(replace(POSE, vertical_mm=-100.0))  # the first movement that goes somewhere stops halfway
    assert couch.read().pose.vertical_mm == pytest.approx(-110.0)


def test_the_scales_show_steps():
    couch = couch_with(read_out_mm=0.1, read_out_deg=0.5)
    couch.move_to(TableTopPose(0.123, 850.07, -120.04, 0.7, 0.2, 0.0))
    pose = couch.read().pose
    np.testing.assert_allclose(pose.position_mm, [0.1, 850.1, -120.0], atol=1e-9)
    assert (pose.pitch_deg, pose.roll_deg) == (0.5, 0.0)


def test_pitch_and_roll_stop_at_their_ends():
    couch = couch_with(largest_tilt_deg=3.0)
    couch.move_to(replace(POSE, pitch_deg=4.0, roll_deg=-5.0, support_deg=6.0))
    pose = couch.read().pose
    assert (pose.pitch_deg, pose.roll_deg, pose.support_deg) == (3.0, -3.0, 6.0)


def test_where_the_couch_was_is_remembered():
    couch = couch_with(speed_mm_s=10.0)
    at_set_up = couch.fixed_from_table_top()
    couch.move_to(replace(POSE, lateral_mm=20.0))
    np.testing.assert_array_equal(couch.fixed_from_table_top(1.9).matrix, at_set_up.matrix)
    np.testing.assert_array_equal(couch.fixed_from_table_top(2.0).matrix, couch.fixed_from_table_top().matrix)
    np.testing.assert_array_equal(couch.fixed_from_table_top(-1.0).matrix, at_set_up.matrix)


def test_a_couch_that_stops_short_says_where_it_is():
    couch = couch_with(faults=(Fault("couch-stops-short", size=0.25),))
    at_set_up = couch.fixed_from_table_top()
    couch.move_to(replace(POSE, vertical_mm=-100.0))
    assert couch.read().pose.vertical_mm == pytest.approx(-115.0)
    np.testing.assert_allclose(moved_mm(couch, at_set_up), [0.0, 0.0, 5.0], atol=1e-9)


def test_scales_that_are_off_hide_where_the_couch_is_from_then_on():
    couch = couch_with(faults=(Fault("couch-reads-wrong", occurrence=2, size=-4.0),))
    at_set_up = couch.fixed_from_table_top()
    couch.move_to(replace(POSE, lateral_mm=10.0))
    assert couch.read().pose.lateral_mm == pytest.approx(10.0)
    for goal_mm in (20.0, 30.0):
        couch.move_to(replace(POSE, lateral_mm=goal_mm))
        assert couch.read().pose.lateral_mm == pytest.approx(goal_mm - 4.0)
        np.testing.assert_allclose(moved_mm(couch, at_set_up), [goal_mm, 0.0, 0.0], atol=1e-9)


def test_a_couch_without_a_link_answers_nothing_and_does_not_move():
    couch = couch_with(faults=(Fault("link-broken", device="couch", occurrence=2, times=None),))
    couch.read()
    at_set_up = couch.fixed_from_table_top()
    with pytest.raises(LinkLostError, match="the couch does not answer"):
        couch.move_to(replace(POSE, lateral_mm=20.0))
    with pytest.raises(LinkLostError):
        couch.read()
    np.testing.assert_array_equal(couch.fixed_from_table_top().matrix, at_set_up.matrix)
