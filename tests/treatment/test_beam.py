"""The beam comes on only for a verified position, is watched, and whatever fails it is off afterwards."""

from dataclasses import replace
from datetime import timedelta

import pytest
from fake_room import HEARTBEAT_S, MORNING, MU_PER_S, PLANNED_MU, FakeRoom

from isoguide.errors import DeviceError, LinkLostError
from isoguide.treatment import AUTOMATIC, BeamLimits, Event, Fraction, FractionLimits, State
from isoguide.treatment.refusals import ClockError, OutOfOrderError, PositionError, RefusedError

NO_ANSWER = LinkLostError("the machine does not answer")


def travel_for(room: FakeRoom, seconds: float) -> None:
    """After 20 MU the machine goes to another field, for so long."""
    left_at = []

    def edit(status):
        if not status.is_on or status.delivered_mu < 20.0:
            return status
        left_at.append(status.read_at)
        travelling = status.read_at - left_at[0] < timedelta(seconds=seconds)
        room.beam.rate = 0.0 if travelling else MU_PER_S
        return replace(status, is_on=not travelling, travelling=travelling)

    room.beam.edit = edit


def verified_in(room: FakeRoom, limits: FractionLimits | None = None, **more) -> Fraction:
    fraction = room.fraction(limits, **more)
    fraction.set_up()
    fraction.image()
    fraction.align()
    fraction.move_couch(fraction.approve(AUTOMATIC).token)
    fraction.verify()
    return fraction


class TestAskingTheMachine:
    def test_is_answered_when_the_beam_is_off_and_kept_with_the_next_step(
        self, verified: Fraction, room: FakeRoom
    ) -> None:
        assert verified.ask_beam().planned_mu == PLANNED_MU
        verified.stop("a word")
        assert verified.memory.beam.last.planned_mu == PLANNED_MU

    def test_is_refused_when_the_beam_is_on(self, verified: Fraction) -> None:
        verified.turn_beam_on()
        verified._beam.may_be_on = False
        with pytest.raises(DeviceError, match="the beam is on"):
            verified.ask_beam()
        assert verified.beam_may_be_on


class TestBeforeTheBeam:
    def test_there_is_none_before_a_verified_position(self, room: FakeRoom, request) -> None:
        for before in ("imaged", "aligned", "approved"):
            with pytest.raises(OutOfOrderError, match="'turn beam on' is not possible"):
                request.getfixturevalue(before).turn_beam_on()
        assert "turn_on" not in room.beam.calls

    def test_there_is_none_for_a_couch_that_was_moved_after_it_was_verified(self, verified, room) -> None:
        room.couch.pose = replace(room.couch.pose, vertical_mm=-148.0)
        with pytest.raises(PositionError, match=r"vertical: expected -150\.00 mm, read -148\.00 mm"):
            verified.turn_beam_on()
        assert verified.state is State.SET_UP
        assert verified.place is None
        assert "turn_on" not in room.beam.calls

    def test_there_is_none_for_a_position_that_got_lost(self, verified: Fraction, room: FakeRoom) -> None:
        verified._remember(place=None)
        with pytest.raises(RefusedError, match="no position is verified: take an image"):
            verified.turn_beam_on()
        assert "turn_on" not in room.beam.calls

    def test_there_is_none_before_an_image_has_shown_the_position_where_limits_ask_for_one(
        self, room
    ) -> None:
        fraction = verified_in(room, FractionLimits(verify_with_image=True))
        with pytest.raises(RefusedError, match="no image has shown the corrected position yet"):
            fraction.turn_beam_on()
        fraction.image()
        fraction.align()
        fraction.confirm(AUTOMATIC)
        assert fraction.turn_beam_on() is State.BEAM_ON

    def test_there_is_none_when_it_cannot_be_recorded(self, room: FakeRoom) -> None:
        def sink(entry, _memory) -> None:
            if entry.event is Event.TURN_ON:
                raise OSError("the disk is full")

        fraction = verified_in(room, sink=sink)
        with pytest.raises(OSError, match="disk is full"):
            fraction.turn_beam_on()
        assert fraction.state is State.VERIFIED
        assert "turn_on" not in room.beam.calls

    def test_a_beam_that_is_on_already_is_held_and_stops_the_fraction(self, verified, room) -> None:
        room.beam.switch_on_unasked()
        with pytest.raises(DeviceError, match="was not turned on by this fraction"):
            verified.turn_beam_on()
        assert verified.state is State.STOPPED
        assert not room.beam.truth()
        assert not verified.beam_may_be_on

    def test_a_machine_that_does_not_answer_gets_no_command(self, verified, room) -> None:
        room.beam.fails["status"] = [NO_ANSWER]
        with pytest.raises(LinkLostError):
            verified.turn_beam_on()
        assert verified.state is State.VERIFIED
        assert "turn_on" not in room.beam.calls

    def test_without_meterset_to_deliver_there_is_none(self, verified: Fraction, room: FakeRoom) -> None:
        room.beam.planned_mu = 0.0
        with pytest.raises(RefusedError, match=r"nothing to deliver \(0\.0 of 0\.0 MU\)"):
            verified.turn_beam_on()
        assert "turn_on" not in room.beam.calls


class TestTurningOn:
    def test_is_written_down_with_what_is_left(self, beam_on: Fraction, room: FakeRoom) -> None:
        assert beam_on.state is State.BEAM_ON
        assert beam_on.reason == "50.0 of 50.0 MU left"
        assert room.beam.on

    @pytest.mark.parametrize("error", [NO_ANSWER, ZeroDivisionError("a bug")])
    def test_that_fails_is_held(self, verified: Fraction, room: FakeRoom, error: Exception) -> None:
        room.beam.fails["turned on"] = [error]
        assert verified.turn_beam_on() is State.HELD
        assert not room.beam.truth()
        assert str(error) in verified.reason
        assert verified.held_by_fault

    def test_that_has_no_effect_is_held(self, verified: Fraction, room: FakeRoom) -> None:
        room.beam.dead = True
        assert verified.turn_beam_on() is State.HELD
        assert verified.reason == "the beam did not come on within 3 s"

    def test_that_fails_before_the_beam_is_seen_is_held_until_it_cannot_come_any_more(
        self, verified: Fraction, room: FakeRoom
    ) -> None:
        room.beam.late_s = 1.6  # the hold overtakes the command to turn on
        room.beam.fails["turned on"] = [NO_ANSWER]
        assert verified.turn_beam_on() is State.HELD
        assert room.beam.calls.count("hold") == 2
        room.clock.wait(1.0)
        assert not room.beam.truth()

    def test_that_comes_late_is_waited_for(self, verified: Fraction, room: FakeRoom) -> None:
        room.beam.late_s = 1.6
        assert verified.turn_beam_on() is State.BEAM_ON
        assert verified.watch() is State.DELIVERED

    def test_of_so_little_that_it_is_over_at_once_is_delivered(self, verified, room) -> None:
        room.beam.planned_mu, room.beam.waits_s = 1.0, 0.5
        assert verified.turn_beam_on() is State.BEAM_ON
        assert verified.watch() is State.DELIVERED


class TestWatching:
    def test_until_the_meterset_is_delivered(self, beam_on: Fraction, room: FakeRoom) -> None:
        assert beam_on.watch() is State.DELIVERED
        assert beam_on.delivered_mu == PLANNED_MU
        assert not room.beam.on
        assert not beam_on.beam_may_be_on
        assert beam_on.close() is State.CLOSED
        assert beam_on.reason == "delivered 50.0 of 50.0 MU"

    def test_in_pieces(self, beam_on: Fraction) -> None:
        assert beam_on.watch(1.0) is State.BEAM_ON
        assert beam_on.watch(1.0) is State.BEAM_ON
        assert 19.0 <= beam_on.delivered_mu <= 23.0

    def test_too_late_holds(self, beam_on: Fraction, room: FakeRoom) -> None:
        beam_on.watch(1.0)
        room.clock.wait(0.7)
        assert beam_on.watch(1.0) is State.HELD
        assert "nothing was heard of the beam for 0.70 s, more than 0.5 s" in beam_on.reason
        assert not room.beam.on

    def test_is_for_a_beam_that_is_on(self, verified: Fraction) -> None:
        with pytest.raises(OutOfOrderError, match="there is no beam to watch in the state 'verified'"):
            verified.watch()

    @pytest.mark.parametrize(
        ("edit", "reason"),
        [
            (lambda s: replace(s, read_at=s.read_at - timedelta(seconds=0.6)), "is 0.60 s old, more than"),
            (lambda s: replace(s, read_at=s.read_at + timedelta(seconds=0.6)), "is -0.60 s old, more than"),
            (lambda s: replace(s, read_at=s.read_at - timedelta(seconds=0.3)), "older than the one before"),
            (lambda s: replace(s, planned_mu=60.0), "planned meterset changed from 50.0 to 60.0 MU"),
            (lambda s: replace(s, delivered_mu=1.0), "the meterset went back from"),
            (lambda s: replace(s, delivered_mu=51.0), "51.0 MU were delivered, more than the 50.0 planned"),
            (lambda s: replace(s, is_on=False), "the machine stopped the beam by itself after"),
        ],
    )
    def test_a_status_that_cannot_be_believed_holds(self, beam_on, room, edit, reason) -> None:
        beam_on.watch(1.0)
        room.clock.wait(0.1)
        room.beam.edit = lambda status: setattr(room.beam, "edit", lambda s: s) or edit(status)
        assert beam_on.watch() is State.HELD
        assert reason in beam_on.reason
        assert beam_on.held_by_fault
        assert not room.beam.on

    def test_a_beam_without_meterset_holds(self, beam_on: Fraction, room: FakeRoom) -> None:
        room.beam.rate = 0.0
        assert beam_on.watch() is State.HELD
        assert "the beam is on but no meterset was counted for 5." in beam_on.reason

    def test_the_way_to_the_next_field_is_neither_the_end_nor_a_stall(self, beam_on, room) -> None:
        travel_for(room, 8.0)
        assert beam_on.watch() is State.DELIVERED

    def test_a_machine_that_never_reaches_the_next_field_holds(self, beam_on, room) -> None:
        travel_for(room, 200.0)
        assert beam_on.watch() is State.HELD
        assert "the machine travels to the next field but no meterset was counted for 90." in beam_on.reason

    def test_a_couch_that_moves_holds(self, beam_on: Fraction, room: FakeRoom) -> None:
        room.couch.sags_mm = 0.05
        assert beam_on.watch() is State.HELD
        assert "the couch moved while the beam was on: vertical: expected -150.00 mm" in beam_on.reason
        assert 0.0 < beam_on.delivered_mu < 20.0

    @pytest.mark.parametrize(
        ("device", "method"), [("beam", "status"), ("couch", "read")], ids=["beam", "couch"]
    )
    @pytest.mark.parametrize("error", [NO_ANSWER, RuntimeError("a bug"), MemoryError()])
    def test_whatever_fails_while_the_beam_is_on_holds_it(self, beam_on, room, device, method, error) -> None:
        getattr(room, device).fails[method] = [None, None, error]
        assert beam_on.watch() is State.HELD
        assert not room.beam.on
        assert not beam_on.beam_may_be_on
        assert (str(error) or "MemoryError") in beam_on.reason

    def test_the_keyboard_holds_the_beam_before_it_interrupts(self, beam_on, room) -> None:
        room.couch.fails["read"] = [None, KeyboardInterrupt()]
        with pytest.raises(KeyboardInterrupt):
            beam_on.watch()
        assert beam_on.state is State.HELD
        assert not room.beam.on

    def test_a_clock_that_goes_backwards_stops(self, beam_on: Fraction, room: FakeRoom) -> None:
        beam_on.watch(1.0)
        room.clock.go_back(0.5)
        assert beam_on.watch() is State.STOPPED
        assert "went backwards by 0.500 s" in beam_on.reason
        assert not room.beam.on
        assert not beam_on.beam_may_be_on

    def test_a_clock_that_goes_backwards_between_two_looks_stops(self, beam_on, room) -> None:
        read = room.couch.read
        room.couch.read = lambda: room.clock.go_back(0.05) or read()
        assert beam_on.watch() is State.STOPPED
        assert not room.beam.on

    def test_a_clock_that_breaks_holds(self, beam_on: Fraction, room: FakeRoom) -> None:
        read = room.couch.read
        room.couch.read = lambda: setattr(room.clock, "broken", OSError("no time")) or read()
        room.beam.hold = lambda _reason: (
            setattr(room.clock, "broken", None) or setattr(room.beam, "on", False)
        )
        assert beam_on.watch() is State.HELD
        assert "unexpected OSError: no time" in beam_on.reason


class TestMonitors:
    def test_one_that_has_a_reason_holds(self, beam_on: Fraction, room: FakeRoom) -> None:
        until = room.clock.at + timedelta(seconds=2)
        assert beam_on.watch(monitors=[lambda now: "target 4 mm anterior" if now >= until else None])
        assert beam_on.state is State.HELD
        assert beam_on.reason == "target 4 mm anterior"
        assert not beam_on.held_by_fault
        assert not room.beam.on

    def test_one_that_fails_holds(self, beam_on: Fraction) -> None:
        assert beam_on.watch(monitors=[lambda now: 1 / 0]) is State.HELD
        assert beam_on.held_by_fault

    def test_a_keyboard_interrupt_right_after_a_hold_stops(self, beam_on: Fraction, room: FakeRoom) -> None:
        def interrupted(_now) -> str:
            beam_on.hold("the target left")
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            beam_on.watch(monitors=[interrupted])
        assert beam_on.state is State.STOPPED
        assert not room.beam.on


class TestHolding:
    def test_is_confirmed_by_the_machine(self, beam_on: Fraction, room: FakeRoom) -> None:
        assert beam_on.hold("the patient coughs") is State.HELD
        assert beam_on.reason == "the patient coughs"
        assert not room.beam.on

    def test_is_for_a_beam_that_is_on(self, verified: Fraction) -> None:
        with pytest.raises(OutOfOrderError, match="'hold' is not possible in the state 'verified'"):
            verified.hold("no reason")

    def test_that_fails_once_is_asked_for_again(self, beam_on: Fraction, room: FakeRoom) -> None:
        room.beam.fails["hold"] = [NO_ANSWER, RuntimeError("a bug")]
        assert beam_on.hold("cough") is State.HELD
        assert room.beam.calls.count("hold") == 3

    def test_happens_even_when_it_cannot_be_recorded(self, room: FakeRoom) -> None:
        def sink(entry, _memory) -> None:
            if entry.event in (Event.HOLD, Event.STOP):
                raise OSError("the disk is full")

        fraction = verified_in(room, sink=sink)
        fraction.turn_beam_on()
        assert fraction.hold("cough") is State.HELD
        assert fraction.reason == "cough (not recorded: unexpected OSError: the disk is full)"
        assert fraction.stop("enough") is State.STOPPED
        assert not room.beam.on

    def test_a_machine_that_does_not_obey_is_left_to_its_heartbeat(self, beam_on, room) -> None:
        room.beam.deaf = True
        asked = room.clock.at
        assert beam_on.hold("cough") is State.STOPPED
        assert "the beam was still on 0.5 s after the command" in beam_on.reason
        assert "left to its heartbeat of 2 s and is off now" in beam_on.reason
        assert not room.beam.truth()
        assert not beam_on.beam_may_be_on
        # three attempts and the machine's heartbeat, no more
        assert room.clock.at - asked < timedelta(seconds=3 * 0.7 + HEARTBEAT_S + 1.0)

    def test_a_machine_that_never_answers_again_is_left_to_its_heartbeat(self, beam_on, room) -> None:
        room.beam.fails = {"hold": [NO_ANSWER] * 9, "status": [NO_ANSWER] * 9}
        before = room.beam.calls.count("status")
        assert beam_on.hold("cough") is State.STOPPED
        assert "does not say that the beam is off: look at the machine and press the emergency stop" in (
            beam_on.reason
        )
        assert beam_on.beam_may_be_on  # nobody knows
        assert room.beam.calls.count("status") - before == 1  # asked once, after the heartbeat
        assert not room.beam.truth()

    def test_an_answer_from_before_the_command_confirms_nothing(self, beam_on, room) -> None:
        room.beam.deaf = True
        room.beam.edit = lambda status: replace(status, is_on=False, read_at=MORNING)
        assert beam_on.hold("cough") is State.STOPPED
        assert "press the emergency stop" in beam_on.reason

    def test_a_beam_that_stays_on_whatever_is_done_is_called_out(self, beam_on, room) -> None:
        room.beam.edit = lambda status: replace(status, is_on=True)
        assert beam_on.hold("cough") is State.STOPPED
        assert "press the emergency stop" in beam_on.reason


class TestResuming:
    def test_after_a_short_hold_the_rest_is_delivered(self, beam_on: Fraction, room: FakeRoom) -> None:
        beam_on.watch(2.0)
        beam_on.hold("cough")
        room.clock.wait(10.0)
        assert beam_on.resume() is State.BEAM_ON
        assert beam_on.watch() is State.DELIVERED
        assert room.beam.mu == PLANNED_MU

    def test_after_a_long_hold_a_new_image_is_needed(self, beam_on: Fraction, room: FakeRoom) -> None:
        beam_on.hold("cough")
        room.clock.wait(61.0)
        with pytest.raises(RefusedError, match="the hold lasted 61 s, more than 60 s: take a new image"):
            beam_on.resume()
        assert beam_on.state is State.HELD
        assert beam_on.image().uid == "image-2"

    def test_after_a_fault_a_new_image_is_needed(self, beam_on: Fraction, room: FakeRoom) -> None:
        room.couch.fails["read"] = [NO_ANSWER]
        beam_on.watch()
        with pytest.raises(RefusedError, match=r"held by a fault \(the machine does not answer\)"):
            beam_on.resume()
        beam_on.image()
        beam_on.align()
        beam_on.confirm(AUTOMATIC)
        assert beam_on.turn_beam_on() is State.BEAM_ON
        assert beam_on.watch() is State.DELIVERED

    def test_after_too_many_holds_a_new_image_is_needed(self, room: FakeRoom) -> None:
        fraction = verified_in(room, FractionLimits(beam=BeamLimits(holds=1)))
        fraction.turn_beam_on()
        fraction.hold("cough")
        fraction.resume()
        fraction.hold("cough")
        with pytest.raises(RefusedError, match="the beam was held 2 times"):
            fraction.resume()

    def test_a_couch_that_was_moved_during_the_hold_ends_the_position(self, beam_on, room) -> None:
        beam_on.hold("cough")
        room.couch.pose = replace(room.couch.pose, lateral_mm=0.0)
        with pytest.raises(PositionError, match="moved during the hold: lateral"):
            beam_on.resume()
        assert beam_on.state is State.SET_UP
        assert room.beam.calls.count("turn_on") == 1

    def test_a_hold_at_the_very_end_leaves_nothing_to_resume(self, beam_on, room) -> None:
        beam_on.watch(4.8)
        room.clock.wait(0.45)
        beam_on.hold("cough")
        assert beam_on.resume() is State.DELIVERED
        assert room.beam.calls.count("turn_on") == 1

    def test_waiting_until_the_monitors_are_quiet(self, beam_on: Fraction, room: FakeRoom) -> None:
        beam_on.hold("cough")
        until = room.clock.at + timedelta(seconds=5)
        assert beam_on.wait_until_quiet([lambda now: None if now >= until else "coughing"])
        assert room.clock.at - until < timedelta(seconds=0.2)
        assert not beam_on.wait_until_quiet([lambda now: "coughing"])


class TestTheEnd:
    def test_a_beam_that_is_on_after_all_is_held_and_stops(self, beam_on: Fraction, room: FakeRoom) -> None:
        beam_on.watch()
        room.beam.switch_on_unasked()
        assert beam_on.close() is State.STOPPED
        assert "it was not turned on by this fraction" in beam_on.reason
        assert not room.beam.truth()

    def test_a_machine_that_cannot_be_read_at_the_end_is_held_and_stops(self, beam_on, room) -> None:
        beam_on.watch()
        room.beam.switch_on_unasked()
        room.beam.fails["status"] = [NO_ANSWER]
        assert beam_on.close() is State.STOPPED
        assert not room.beam.truth()
        assert not beam_on.beam_may_be_on

    def test_a_clock_that_goes_backwards_before_the_end_stops(self, beam_on, room) -> None:
        beam_on.watch()
        room.clock.go_back(1.0)
        with pytest.raises(ClockError):
            beam_on.close()
        assert beam_on.state is State.STOPPED

    @pytest.mark.parametrize("before", ["imaged", "aligned", "approved", "verified", "beam_on"])
    def test_a_fraction_can_be_stopped_from_anywhere(self, before: str, room: FakeRoom, request) -> None:
        fraction = request.getfixturevalue(before)
        assert fraction.stop("the patient feels unwell") is State.STOPPED
        assert fraction.reason == "the patient feels unwell"
        assert not room.beam.on
        assert fraction.place is None
        assert fraction.stop("once more") is State.STOPPED
        assert fraction.reason == "the patient feels unwell"
        with pytest.raises(OutOfOrderError):
            fraction.image()

    def test_a_stop_without_a_reason_says_so(self, imaged: Fraction) -> None:
        imaged.stop("  ")
        assert imaged.reason == "no reason was given"

    def test_a_stop_that_the_machine_does_not_confirm_says_so(self, beam_on, room) -> None:
        room.beam.fails = {"hold": [NO_ANSWER] * 9}
        beam_on.stop("the patient feels unwell")
        assert "the patient feels unwell; the machine did not confirm the hold" in beam_on.reason
        assert not room.beam.truth()
