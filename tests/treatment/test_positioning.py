"""From the marks to the verified position: each step behind its guard."""

from dataclasses import replace

import numpy as np
import pytest
from fake_room import FIVE_MM_LEFT, MORNING, SET_UP_POSE, FakeRoom

from isoguide.errors import DeviceError, InputError, LinkLostError
from isoguide.geometry.correction import CouchCorrection
from isoguide.geometry.iec61217 import TableTopPose
from isoguide.registration import Verdict
from isoguide.treatment import AUTOMATIC, Approver, CouchLimits, Event, Fraction, FractionLimits, State
from isoguide.treatment.refusals import (
    ClockError,
    OrderError,
    OutOfOrderError,
    PersonNeededError,
    PositionError,
    RefusedError,
    StaleImageError,
)

PHYSICIST = Approver("Dr. A", is_person=True, reason="checked on the whole image")
BIG = CouchCorrection(25.0, 0.0, 0.0)


def stepped(room: FakeRoom, limits: FractionLimits | None = None) -> Fraction:
    """A fraction whose image is matched."""
    fraction = room.fraction(limits)
    fraction.set_up()
    fraction.image()
    fraction.align()
    return fraction


class TestSetUpAgain:
    def test_begins_anew_and_takes_every_order_and_image_away(
        self, approved: Fraction, room: FakeRoom
    ) -> None:
        token, old = approved.order.token, approved.images[-1]
        assert approved.reposition("the hips are turned") is State.PREPARED
        assert approved.reason == "the hips are turned"
        approved.set_up()
        room.imager.acquire = lambda: old
        with pytest.raises(StaleImageError):
            approved.image()
        with pytest.raises(RefusedError):
            approved.move_couch(token)

    def test_takes_a_verified_position_away(self, verified: Fraction) -> None:
        verified.reposition("the patient sat up")
        assert verified.place is None
        with pytest.raises(OutOfOrderError):
            verified.turn_beam_on()

    def test_is_impossible_with_the_beam_on(self, beam_on: Fraction) -> None:
        with pytest.raises(OutOfOrderError):
            beam_on.reposition("the patient sat up")
        assert beam_on.state is State.BEAM_ON


class TestSetUp:
    def test_drives_the_couch_to_the_set_up_pose(self, room: FakeRoom) -> None:
        room.couch.pose = TableTopPose(0.0, 0.0, 0.0)
        assert room.fraction().set_up() is State.SET_UP
        assert room.couch.pose == SET_UP_POSE

    def test_a_couch_that_is_not_there_is_refused(self, room: FakeRoom) -> None:
        room.couch.short = lambda pose: replace(pose, longitudinal_mm=290.0)
        fraction = room.fraction()
        with pytest.raises(PositionError, match=r"longitudinal: expected 300.00 mm, read 290.00 mm"):
            fraction.set_up()
        assert fraction.state is State.PREPARED

    def test_a_turned_couch_is_refused(self, room: FakeRoom) -> None:
        with pytest.raises(InputError, match="couch angle of 90°"):
            replace(room.planned, set_up_pose=replace(SET_UP_POSE, support_deg=90.0))

    def test_a_target_without_points_is_refused(self, room: FakeRoom) -> None:
        with pytest.raises(InputError, match="target_points_mm is empty"):
            replace(room.planned, target_points_mm=np.zeros((0, 3)))


class TestTheCorrection:
    def test_a_patient_5_mm_too_far_left_is_moved_5_mm_to_the_right(
        self, verified: Fraction, room: FakeRoom
    ) -> None:
        # Supine, head first: the patient's right is -X of the room.
        assert verified.corrections[0].lateral_mm == pytest.approx(-5.0)
        assert room.couch.pose.lateral_mm - SET_UP_POSE.lateral_mm == pytest.approx(-5.0)
        assert np.abs(room.needed_now().shift_mm).max() < 1e-9

    def test_with_rotations_the_absolute_pose_brings_the_patient_to_plan(self) -> None:
        room = FakeRoom(CouchCorrection(3.0, -4.0, 6.0, 1.0, -1.5, 0.8))
        fraction = stepped(room)
        fraction.move_couch(fraction.approve(AUTOMATIC).token)
        assert fraction.verify() is State.VERIFIED
        left = room.needed_now()
        assert max(abs(getattr(left, name)) for name in left.__slots__) < 1e-9

    def test_a_couch_that_cannot_turn_makes_the_constrained_correction(self) -> None:
        room = FakeRoom(CouchCorrection(0.0, 0.0, 0.0, pitch_deg=1.0))
        fraction = stepped(room, FractionLimits(couch=CouchLimits(degrees_of_freedom=3)))
        proposal = fraction.matches[-1].proposal
        assert proposal.angle_deg == 0.0
        assert (proposal.pose.pitch_deg, proposal.pose.support_deg) == pytest.approx((0.0, 0.0), abs=1e-12)
        # Rotation dropped would leave the shift at 0; the target, which lies off the isocentre, needs some.
        assert proposal.shift_mm > 0.1
        assert 0.0 < proposal.residual_mm < 2.0
        assert proposal.needs_person == ()

    @pytest.mark.parametrize(("axis", "other"), [("support", "eccentric"), ("eccentric", "support")])
    def test_the_yaw_is_made_by_the_axis_that_the_couch_has(self, axis: str, other: str) -> None:
        room = FakeRoom(CouchCorrection(0.0, 0.0, 0.0, yaw_deg=1.5))
        fraction = stepped(room, FractionLimits(couch=CouchLimits(yaw_axis=axis)))
        pose = fraction.matches[-1].proposal.pose
        assert getattr(pose, f"{axis}_deg") == pytest.approx(1.5)
        assert getattr(pose, f"{other}_deg") == 0.0

    def test_too_much_left_at_the_target_needs_a_person(self) -> None:
        room = FakeRoom(CouchCorrection(0.0, 0.0, 0.0, pitch_deg=8.0))
        fraction = stepped(room, FractionLimits(couch=CouchLimits(degrees_of_freedom=4)))
        with pytest.raises(PersonNeededError, match=r"4 degrees of freedom leaves \d\.\d mm at the target"):
            fraction.approve(AUTOMATIC)

    @pytest.mark.parametrize(
        ("needed", "what"),
        [(BIG, "25.0 mm, more than 20 mm"), (CouchCorrection(0, 0, 0, yaw_deg=4.0), "4.0°, more than 3°")],
    )
    def test_a_large_correction_needs_a_person_with_a_reason(self, needed, what) -> None:
        fraction = stepped(FakeRoom(needed))
        with pytest.raises(
            PersonNeededError, match=f"this needs a person: the size of the correction is {what}"
        ):
            fraction.approve(AUTOMATIC)
        with pytest.raises(PersonNeededError, match="this needs a person's reason"):
            fraction.approve(Approver("Dr. A", is_person=True, reason=" "))
        assert fraction.state is State.ALIGNED
        fraction.approve(PHYSICIST)
        assert "by Dr. A: checked on the whole image" in fraction.reason

    def test_corrections_that_add_up_to_a_large_one_need_a_person(self) -> None:
        room = FakeRoom(CouchCorrection(15.0, 0.0, 0.0))
        fraction = stepped(room)
        fraction.move_couch(fraction.approve(AUTOMATIC).token)
        room.needed = CouchCorrection(24.0, 0.0, 0.0)  # the patient slips
        fraction.image()
        fraction.align()
        with pytest.raises(PersonNeededError, match=r"all corrections since set-up is 24.0 mm"):
            fraction.approve(AUTOMATIC)

    def test_a_correction_made_the_wrong_way_is_noticed_by_the_next_image(self) -> None:
        room = FakeRoom(CouchCorrection(4.0, 0.0, 0.0, yaw_deg=1.0))
        room.sign = -1.0
        fraction = stepped(room)
        fraction.move_couch(fraction.approve(AUTOMATIC).token)
        fraction.image()
        fraction.align()
        with pytest.raises(
            PersonNeededError, match=r"-4\.\d mm lateral was made and -8\.\d mm is called for"
        ):
            fraction.approve(AUTOMATIC)

    def test_what_the_couch_cannot_reach_is_approved_by_nobody(self) -> None:
        fraction = stepped(FakeRoom(CouchCorrection(0.0, 0.0, 0.0, pitch_deg=3.5)))
        with pytest.raises(RefusedError, match=r"pitch would have to be 3.5°, beyond -3 to 3°"):
            fraction.approve(PHYSICIST)

    def test_a_doubtful_match_needs_a_person(self, room: FakeRoom) -> None:
        room.verdicts = [Verdict.REVIEW]
        fraction = stepped(room)
        with pytest.raises(PersonNeededError, match="the images look like 'review'"):
            fraction.approve(AUTOMATIC)
        assert fraction.approve(PHYSICIST).approved_by is PHYSICIST

    def test_no_answer_is_acted_on_by_nobody(self, room: FakeRoom) -> None:
        room.verdicts = [Verdict.NOT_AVAILABLE]
        fraction = stepped(room)
        assert fraction.matches[-1].correction is None
        for step in (fraction.approve, fraction.confirm):
            with pytest.raises(RefusedError, match="there is no answer to act on"):
                step(PHYSICIST)

    def test_a_fraction_has_no_more_corrections_than_its_limit(self, room: FakeRoom) -> None:
        fraction = stepped(room, FractionLimits(corrections=1))
        fraction.move_couch(fraction.approve(AUTOMATIC).token)
        fraction.image()
        fraction.align()
        with pytest.raises(RefusedError, match="1 corrections were made"):
            fraction.approve(AUTOMATIC)


class TestTheOrder:
    def test_is_carried_out_once(self, approved: Fraction, room: FakeRoom) -> None:
        token = approved.order.token
        approved.move_couch(token)
        after = room.couch.pose
        with pytest.raises(OutOfOrderError, match="'move couch' is not possible in the state 'couch moved'"):
            approved.move_couch(token)
        assert room.couch.pose == after

    def test_used_before_is_refused_even_when_another_is_approved(self, approved: Fraction, room) -> None:
        token = approved.order.token
        approved.move_couch(token)
        approved.image()
        approved.align()
        approved.approve(AUTOMATIC)
        with pytest.raises(OrderError, match=r"was used at .*; a correction is carried out once"):
            approved.move_couch(token)
        assert room.couch.calls.count("move_to") == 2  # to the set-up pose, and once for the order

    def test_expires(self, approved: Fraction, room: FakeRoom) -> None:
        room.clock.wait(301.0)
        with pytest.raises(OrderError, match="its approval expired 1 s ago"):
            approved.move_couch(approved.order.token)
        assert approved.state is State.ALIGNED
        assert room.couch.pose == SET_UP_POSE
        assert approved.approve(AUTOMATIC).token != ""

    def test_can_be_withdrawn(self, approved: Fraction) -> None:
        token = approved.order.token
        assert approved.withdraw("the therapist saw the patient move") is State.ALIGNED
        approved.approve(AUTOMATIC)
        with pytest.raises(OrderError, match="the therapist saw the patient move"):
            approved.move_couch(token)

    def test_is_void_when_the_couch_was_moved_since_the_image(self, approved: Fraction, room) -> None:
        room.couch.pose = replace(SET_UP_POSE, vertical_mm=-140.0)
        with pytest.raises(PositionError, match=r"moved since the image: vertical: expected -150.00 mm"):
            approved.move_couch(approved.order.token)
        assert approved.state is State.ALIGNED
        with pytest.raises(PositionError, match="the couch was moved since the image"):
            approved.approve(AUTOMATIC)

    def test_is_not_carried_out_when_it_cannot_be_recorded(self, room: FakeRoom) -> None:
        full = []

        def sink(entry, _memory) -> None:
            full.append(entry)
            if entry.event is Event.MOVE_COUCH:
                raise OSError("the disk is full")

        fraction = room.fraction(sink=sink)
        fraction.set_up()
        fraction.image()
        fraction.align()
        order = fraction.approve(AUTOMATIC)
        with pytest.raises(OSError, match="disk is full"):
            fraction.move_couch(order.token)
        assert room.couch.pose == SET_UP_POSE
        assert fraction.state is State.APPROVED


class TestReadBack:
    def test_a_couch_that_stopped_short_is_not_verified(self, approved: Fraction, room: FakeRoom) -> None:
        room.couch.short = lambda pose: replace(pose, lateral_mm=7.0)
        approved.move_couch(approved.order.token)
        with pytest.raises(PositionError, match=r"lateral: expected 5.00 mm, read 7.00 mm"):
            approved.verify()
        assert approved.state is State.SET_UP
        assert approved.journal[-1].event is Event.MISS
        assert approved.place is None

    def test_a_couch_that_still_moves_is_not_verified(self, approved: Fraction, room: FakeRoom) -> None:
        approved.move_couch(approved.order.token)
        room.couch.sags_mm = 0.7
        with pytest.raises(PositionError, match="does not stand still: vertical"):
            approved.verify()

    def test_a_link_lost_on_the_way_leaves_a_couch_that_has_to_be_verified(
        self, approved: Fraction, room: FakeRoom
    ) -> None:
        room.couch.fails["move_to"] = [LinkLostError("the couch does not answer")]
        with pytest.raises(LinkLostError):
            approved.move_couch(approved.order.token)
        assert approved.state is State.COUCH_MOVED
        with pytest.raises(PositionError, match="the couch is not where it was sent"):
            approved.verify()

    def test_an_old_reading_does_not_count(self, approved: Fraction, room: FakeRoom) -> None:
        approved.move_couch(approved.order.token)
        room.couch.read_late_s = 2.0
        with pytest.raises(DeviceError, match=r"the couch reading is 2.00 s old, more than 0.5 s"):
            approved.verify()
        assert approved.state is State.COUCH_MOVED


class TestConfirmation:
    def test_an_image_that_calls_for_nothing_verifies_the_position(self) -> None:
        fraction = stepped(FakeRoom(CouchCorrection(0.2, 0.1, 0.0, 0.1)))
        assert fraction.confirm(AUTOMATIC) is State.VERIFIED
        assert fraction.place.shown_by_image
        assert fraction.corrections == ()

    @pytest.mark.parametrize("needed", [FIVE_MM_LEFT, CouchCorrection(0.0, 0.0, 0.0, roll_deg=0.4)])
    def test_an_image_that_calls_for_more_does_not(self, needed: CouchCorrection) -> None:
        fraction = stepped(FakeRoom(needed))
        with pytest.raises(PersonNeededError, match=r"more than the tolerance of 0.5 mm and 0.3°"):
            fraction.confirm(AUTOMATIC)
        with pytest.raises(PersonNeededError, match="correct the position"):
            fraction.confirm(Approver("Dr. A", is_person=True))

    def test_a_person_who_says_why_may_leave_the_patient_where_he_is(self) -> None:
        fraction = stepped(FakeRoom(CouchCorrection(2.0, 0.0, 0.0)))
        assert fraction.confirm(PHYSICIST) is State.VERIFIED
        assert "checked on the whole image" in fraction.reason

    def test_a_couch_that_was_moved_since_does_not(self) -> None:
        room = FakeRoom(CouchCorrection(0.0, 0.0, 0.0))
        fraction = stepped(room)
        room.couch.pose = replace(SET_UP_POSE, lateral_mm=20.0)
        with pytest.raises(PositionError, match=r"lateral: expected 10.00 mm, read 20.00 mm"):
            fraction.confirm(AUTOMATIC)


class TestTheClock:
    def test_that_goes_backwards_stops_the_fraction(self, approved: Fraction, room: FakeRoom) -> None:
        room.clock.go_back(3.0)
        with pytest.raises(ClockError, match=r"went backwards by 3.000 s"):
            approved.move_couch(approved.order.token)
        assert approved.state is State.STOPPED
        assert "went backwards" in approved.reason
        assert room.couch.pose == SET_UP_POSE

    def test_that_goes_backwards_during_an_image_stops_the_fraction(self, imaged, room) -> None:
        room.imager.edit = lambda image: room.clock.go_back(100.0) or image
        with pytest.raises(ClockError):
            imaged.image()
        assert imaged.state is State.STOPPED

    def test_that_goes_backwards_while_an_order_is_checked_stops_the_fraction(
        self, approved: Fraction, room: FakeRoom
    ) -> None:
        read = room.couch.read
        room.couch.read = lambda: room.clock.go_back(9.0) or read()
        with pytest.raises(ClockError):
            approved.move_couch(approved.order.token)
        assert approved.state is State.STOPPED
        assert room.couch.pose == SET_UP_POSE

    def test_without_a_time_zone_is_refused(self, room: FakeRoom) -> None:
        room.clock.at = MORNING.replace(tzinfo=None)
        with pytest.raises(InputError, match="the clock of the room has the time"):
            room.fraction()


def test_the_journal_tells_the_way_to_the_verified_position(verified: Fraction) -> None:
    told = [(entry.state_before, entry.event, entry.state_after) for entry in verified.journal]
    assert told == [
        (State.PREPARED, Event.SET_UP, State.SET_UP),
        (State.SET_UP, Event.IMAGE, State.IMAGED),
        (State.IMAGED, Event.ALIGN, State.ALIGNED),
        (State.ALIGNED, Event.APPROVE, State.APPROVED),
        (State.APPROVED, Event.MOVE_COUCH, State.COUCH_MOVED),
        (State.COUCH_MOVED, Event.VERIFY, State.VERIFIED),
    ]
    details = [entry.detail for entry in verified.journal]
    assert "standing in for a person: lateral -5.00" in details[3]
    assert "lateral 5.00, longitudinal 300.00, vertical -150.00 mm" in details[5]
    times = [entry.at for entry in verified.journal]
    assert times == sorted(times)
    assert verified.images_left == 3
    assert verified.delivered_mu == 0.0
