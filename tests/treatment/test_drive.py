"""The automatic driver: to the end of the beam when all is well, to a safe stop with a reason when not."""

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
from fake_room import FIVE_MM_LEFT, PLANNED_MU, SET_UP_POSE, FakeRoom

from isoguide.course import ProtocolAction
from isoguide.errors import ImageLostError, InputError, LinkLostError
from isoguide.geometry.correction import CouchCorrection
from isoguide.registration import Verdict
from isoguide.treatment import (
    AUTOMATIC,
    Approver,
    BeamLimits,
    CouchLimits,
    Decision,
    Event,
    FractionLimits,
    FractionOutcome,
    State,
    decide_by_limits,
    treat,
)

NO_ANSWER = LinkLostError("the device does not answer")
LOST = ImageLostError("the exposure was made and no image came")


def stopped_safely(room: FakeRoom, outcome: FractionOutcome) -> bool:
    return (
        outcome.state is State.STOPPED
        and outcome.beam_is_off
        and not room.beam.truth()
        and outcome.reason != ""
    )


class TestWhenAllIsWell:
    def test_the_patient_is_corrected_and_treated(self, room: FakeRoom) -> None:
        outcome = treat(room.fraction())
        assert outcome.state is State.CLOSED
        assert outcome.reason == "delivered 50.0 of 50.0 MU"
        assert outcome.delivered_mu == PLANNED_MU
        assert [correction.lateral_mm for correction in outcome.corrections] == pytest.approx([-5.0])
        assert len(outcome.images) == len(outcome.matches) == 1
        assert outcome.registration.verdict is Verdict.ACCEPT
        assert outcome.beam_is_off
        assert outcome.error is None
        assert np.linalg.norm(room.needed_now().shift_mm) < 1e-9

    def test_the_journal_says_that_no_person_approved(self, room: FakeRoom) -> None:
        approvals = [e.detail for e in treat(room.fraction()).journal if e.event is Event.APPROVE]
        assert len(approvals) == 1
        assert "by the automatic driver, standing in for a person" in approvals[0]

    def test_a_patient_in_place_is_treated_without_a_correction(self) -> None:
        outcome = treat(FakeRoom(CouchCorrection(0.1, 0.0, 0.0)).fraction())
        assert outcome.state is State.CLOSED
        assert outcome.corrections == ()

    def test_an_image_verifies_the_correction_where_limits_ask_for_one(self, room: FakeRoom) -> None:
        outcome = treat(room.fraction(FractionLimits(verify_with_image=True)))
        assert outcome.state is State.CLOSED
        assert len(outcome.images) == 2
        assert Event.CONFIRM in [entry.event for entry in outcome.journal]

    def test_a_fraction_that_is_under_way_goes_on(self, approved) -> None:
        assert treat(approved).state is State.CLOSED


class TestImages:
    def test_a_lost_image_is_taken_again(self, room: FakeRoom) -> None:
        room.imager.fails["acquire"] = [LOST, NO_ANSWER, InputError("the image is not an image")]
        assert treat(room.fraction()).state is State.CLOSED
        assert room.imager.calls.count("acquire") == 4

    @pytest.mark.parametrize("error", [LOST, NO_ANSWER])
    def test_images_that_stay_away_stop_the_fraction(self, room: FakeRoom, error: Exception) -> None:
        room.imager.fails["acquire"] = [error] * 9
        outcome = treat(room.fraction())
        assert stopped_safely(room, outcome)
        assert outcome.reason == f"{error}; no image is left of 4"
        assert outcome.registration is None
        assert room.imager.calls.count("acquire") == 4

    def test_a_stale_frame_stops_the_fraction(self, room: FakeRoom) -> None:
        first = []

        def repeat(image):
            first.append(image)
            return first[0]

        room.imager.edit = repeat
        outcome = treat(room.fraction(FractionLimits(verify_with_image=True)))
        assert stopped_safely(room, outcome)
        assert "image image-1 was seen before: the imager repeats an old image" in outcome.reason

    def test_another_patients_image_stops_the_fraction(self, room: FakeRoom) -> None:
        room.imager.edit = lambda image: replace(image, patient_id="P-2")
        outcome = treat(room.fraction())
        assert stopped_safely(room, outcome)
        assert "is of the patient 'P-2', not of 'P-1'" in outcome.reason

    @pytest.mark.parametrize("verdict", [Verdict.REVIEW, Verdict.NOT_AVAILABLE])
    def test_a_doubtful_match_is_imaged_again(self, room: FakeRoom, verdict: Verdict) -> None:
        room.verdicts = [verdict, verdict]
        outcome = treat(room.fraction())
        assert outcome.state is State.CLOSED
        assert len(outcome.images) == 3

    @pytest.mark.parametrize("verdict", [Verdict.REVIEW, Verdict.NOT_AVAILABLE])
    def test_doubt_that_stays_stops_the_fraction_and_nothing_moves(self, room, verdict) -> None:
        room.verdicts = [verdict] * 9
        outcome = treat(room.fraction())
        assert stopped_safely(room, outcome)
        assert outcome.reason == f"the images look like '{verdict}'; no image is left of 4"
        assert room.couch.pose == SET_UP_POSE

    def test_an_image_that_aged_during_the_decision_is_taken_again(self, room: FakeRoom) -> None:
        slow = iter([1000.0])

        def decide(fraction):
            room.clock.wait(next(slow, 0.0))
            return decide_by_limits(fraction)

        outcome = treat(room.fraction(), decide=decide)
        assert outcome.state is State.CLOSED
        assert len(outcome.images) == 2


class TestCorrections:
    @pytest.mark.parametrize(
        ("needed", "reason"),
        [
            (CouchCorrection(0.0, 25.0, 0.0), "25.0 mm, more than 20 mm: check the set-up"),
            (CouchCorrection(0.0, 0.0, 0.0, roll_deg=3.5), "roll would have to be 3.5°, beyond -3 to 3°"),
        ],
    )
    def test_what_only_a_person_may_decide_stops_the_fraction_at_once(self, needed, reason) -> None:
        room = FakeRoom(needed)
        outcome = treat(room.fraction())
        assert stopped_safely(room, outcome)
        assert reason in outcome.reason
        assert len(outcome.images) == 1
        assert room.couch.pose == SET_UP_POSE

    def test_corrections_made_the_wrong_way_stop_the_fraction(self) -> None:
        room = FakeRoom(FIVE_MM_LEFT)
        room.sign = -1.0
        outcome = treat(room.fraction(FractionLimits(verify_with_image=True)))
        assert stopped_safely(room, outcome)
        assert "was it made the wrong way?" in outcome.reason
        assert outcome.delivered_mu == 0.0

    def test_a_person_may_decide_through_the_same_door(self) -> None:
        room = FakeRoom(CouchCorrection(0.0, 25.0, 0.0))
        person = Approver("Dr. A", is_person=True, reason="the marks are 25 mm off")
        outcome = treat(room.fraction(), decide=lambda fraction: Decision(ProtocolAction.CORRECT, by=person))
        assert outcome.state is State.CLOSED
        assert outcome.corrections[0].longitudinal_mm == pytest.approx(25.0)

    @pytest.mark.parametrize("action", [ProtocolAction.SECOND_LOOK, ProtocolAction.REPOSITION])
    def test_what_asks_for_hands_or_a_second_pair_of_eyes_stops_the_fraction(self, room, action) -> None:
        outcome = treat(room.fraction(), decide=lambda fraction: Decision(action, "12.3 mm is above 10 mm"))
        assert stopped_safely(room, outcome)
        assert outcome.reason == f"12.3 mm is above 10 mm; this needs a person: {action}"

    def test_corrections_without_end_stop_the_fraction(self, room: FakeRoom) -> None:
        def slip(fraction):
            room.needed = CouchCorrection(room.needed.lateral_mm + 1.2, 0.0, 0.0)
            return Decision(ProtocolAction.CORRECT)

        limits = FractionLimits(verify_with_image=True, images=9, corrections=2)
        outcome = treat(room.fraction(limits), decide=slip)
        assert stopped_safely(room, outcome)
        assert "2 corrections were made, as many as this fraction may have" in outcome.reason


class TestTheCouch:
    def test_one_that_stops_short_stops_the_fraction(self, room: FakeRoom) -> None:
        fraction = room.fraction()
        fraction.set_up()
        room.couch.short = lambda pose: replace(pose, lateral_mm=pose.lateral_mm + 2.0)
        outcome = treat(fraction)
        assert stopped_safely(room, outcome)
        assert "the couch is not where it was sent: lateral: expected 5.00 mm, read 7.00 mm" in outcome.reason
        assert outcome.delivered_mu == 0.0

    def test_one_that_stops_short_once_is_imaged_where_limits_allow_it(self, room: FakeRoom) -> None:
        fraction = room.fraction(FractionLimits(couch_failures=1))
        fraction.set_up()

        def short_once(pose):
            room.couch.short = lambda wanted: wanted
            return replace(pose, lateral_mm=pose.lateral_mm + 2.0)

        room.couch.short = short_once
        outcome = treat(fraction)
        assert outcome.state is State.CLOSED
        assert [c.lateral_mm for c in outcome.corrections] == pytest.approx([-5.0, -2.0])

    def test_one_that_is_not_at_its_set_up_pose_stops_the_fraction(self, room: FakeRoom) -> None:
        room.couch.short = lambda pose: replace(pose, vertical_mm=0.0)
        outcome = treat(room.fraction(FractionLimits(couch_failures=9)))
        assert stopped_safely(room, outcome)
        assert "not at its set-up pose" in outcome.reason

    @pytest.mark.parametrize("method", ["move_to", "read"])
    def test_one_that_does_not_answer_stops_the_fraction(self, room: FakeRoom, method: str) -> None:
        fraction = room.fraction()
        fraction.set_up()
        fraction.image()
        room.couch.fails[method] = [NO_ANSWER]
        outcome = treat(fraction)
        assert stopped_safely(room, outcome)
        assert outcome.error is NO_ANSWER

    def test_one_moved_by_hand_during_the_decision_is_imaged_again_where_limits_allow_it(self, room) -> None:
        moves = iter([3.0])

        def decide(fraction):
            room.couch.pose = replace(room.couch.pose, vertical_mm=-150.0 + next(moves, 3.0))
            return decide_by_limits(fraction)

        assert stopped_safely(room, treat(room.fraction(), decide=decide))
        again = FakeRoom()
        room, moves = again, iter([3.0])
        outcome = treat(again.fraction(FractionLimits(couch_failures=1)), decide=decide)
        assert outcome.state is State.CLOSED
        assert np.linalg.norm(again.needed_now().shift_mm) < 1e-9

    def test_with_three_degrees_of_freedom_the_patient_is_treated_without_a_turn(self) -> None:
        room = FakeRoom(CouchCorrection(4.0, 0.0, 0.0, yaw_deg=1.0))
        outcome = treat(room.fraction(FractionLimits(couch=CouchLimits(degrees_of_freedom=3))))
        assert outcome.state is State.CLOSED
        assert room.couch.pose.support_deg == pytest.approx(0.0)


class TestTheBeam:
    @pytest.mark.parametrize(("device", "method"), [("beam", "status"), ("couch", "read")])
    def test_a_link_lost_while_it_is_on_stops_the_fraction(self, verified, room, device, method) -> None:
        getattr(room, device).fails[method] = [None] * 12 + [NO_ANSWER]
        outcome = treat(verified)
        assert stopped_safely(room, outcome)
        assert outcome.reason == str(NO_ANSWER)
        assert 0.0 < outcome.delivered_mu < PLANNED_MU
        assert [e.state_after for e in outcome.journal][-2:] == [State.HELD, State.STOPPED]

    def test_a_link_lost_for_good_is_left_to_the_machine(self, verified, room) -> None:
        room.beam.fails = {"status": [None] * 12 + [NO_ANSWER] * 99, "hold": [NO_ANSWER] * 99}
        outcome = treat(verified)
        assert outcome.state is State.STOPPED
        assert "press the emergency stop" in outcome.reason
        assert not outcome.beam_is_off  # as far as anybody knows
        assert not room.beam.truth()

    def test_a_monitor_holds_and_the_beam_goes_on_when_it_is_quiet(self, room: FakeRoom) -> None:
        def coughing(now):
            return "cough" if 2.0 < (now - began).total_seconds() < 6.0 else None

        fraction = room.fraction()
        while fraction.state is not State.BEAM_ON:
            {State.PREPARED: fraction.set_up, State.SET_UP: fraction.image, State.IMAGED: fraction.align,
             State.VERIFIED: fraction.turn_beam_on, State.COUCH_MOVED: fraction.verify,
             State.ALIGNED: lambda: fraction.move_couch(fraction.approve(AUTOMATIC).token),
             }[fraction.state]()  # fmt: skip
        began = room.clock.at
        outcome = treat(fraction, monitors=[coughing])
        assert outcome.state is State.CLOSED
        events = [entry.event for entry in outcome.journal]
        assert events.count(Event.HOLD) == events.count(Event.RESUME) == 1
        assert outcome.delivered_mu == PLANNED_MU

    def test_a_target_that_does_not_come_back_is_imaged_again(self, verified, room) -> None:
        since = room.clock.at + timedelta(seconds=2)

        def moved(now):
            return "target 4 mm off" if now >= since and len(verified.images) == 1 else None

        outcome = treat(verified, monitors=[moved])
        assert outcome.state is State.CLOSED
        assert len(outcome.images) == 2
        assert room.beam.mu == PLANNED_MU

    def test_a_target_that_never_comes_back_stops_the_fraction(self, verified, room) -> None:
        outcome = treat(verified, monitors=[lambda now: "target 4 mm off"])
        assert stopped_safely(room, outcome)
        assert "the beam was held for too long: target 4 mm off; no image is left of 4" in outcome.reason

    def test_too_many_holds_stop_the_fraction(self, room: FakeRoom) -> None:
        flips = iter([True, False] * 99)
        limits = FractionLimits(beam=BeamLimits(holds=3))
        outcome = treat(room.fraction(limits), monitors=[lambda now: "gate" if next(flips) else None])
        assert stopped_safely(room, outcome)
        assert "the beam was held 4 times" in outcome.reason


class TestWhatIsUnexpected:
    def test_a_bug_stops_the_fraction_and_is_told(self, room: FakeRoom) -> None:
        outcome = treat(room.fraction(), decide=lambda fraction: 1 / 0)
        assert stopped_safely(room, outcome)
        assert outcome.reason == "unexpected ZeroDivisionError: division by zero"
        assert isinstance(outcome.error, ZeroDivisionError)

    def test_a_bug_in_a_monitor_stops_the_fraction(self, room: FakeRoom) -> None:
        assert stopped_safely(room, treat(room.fraction(), monitors=[lambda now: 1 / 0]))

    def test_the_keyboard_stops_the_fraction_before_it_interrupts(self, beam_on, room) -> None:
        def interrupt(_now):
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            treat(beam_on, monitors=[interrupt])
        assert beam_on.state is State.STOPPED
        assert beam_on.reason == "the driver was interrupted (KeyboardInterrupt)"
        assert not room.beam.on

    def test_a_clock_that_goes_backwards_stops_the_fraction(self, room: FakeRoom) -> None:
        def turn_back(fraction):
            room.clock.go_back(10.0)
            return decide_by_limits(fraction)

        outcome = treat(room.fraction(), decide=turn_back)
        assert stopped_safely(room, outcome)
        assert "went backwards by 10.000 s" in outcome.reason
        assert room.couch.pose == SET_UP_POSE
