"""Under a gate radiation passes from look to look, and not for a moment longer than somebody permits it."""

from dataclasses import replace
from datetime import timedelta
from itertools import pairwise

import pytest
from fake_gate import IN, OUT, FakeGate, always
from fake_room import FIVE_MM_LEFT, MU_PER_S, PLANNED_MU, FakeGatedBeam, FakeRoom
from hypothesis import given, settings
from hypothesis import strategies as st

from isoguide.errors import DeviceError, LinkLostError
from isoguide.motion.gating import GateState
from isoguide.treatment import AUTOMATIC, Event, Fraction, FractionLimits, State, treat
from isoguide.treatment.refusals import PositionError, RefusedError, StaleImageError

NO_ANSWER = LinkLostError("the machine does not answer")


@pytest.fixture
def room() -> FakeRoom:
    """A patient who lies 5 mm too far to his left, under a machine that can be gated."""
    return FakeRoom(FIVE_MM_LEFT, FakeGatedBeam)


@pytest.fixture
def gate(room: FakeRoom) -> FakeGate:
    return FakeGate(room.clock)


def breathing(seconds: float) -> GateState:
    """In the gate for two of four seconds."""
    return IN if seconds % 4.0 < 2.0 else OUT


class TestADeliveryUnderAGate:
    def test_gives_the_whole_meterset_in_the_time_that_is_permitted(self, verified, room, gate) -> None:
        gate.says = breathing
        began = room.clock.at
        assert verified.turn_beam_on(gate) is State.BEAM_ON
        assert verified.watch() is State.DELIVERED
        assert room.beam.mu == PLANNED_MU
        # 5 s of beam at 10 MU/s: 2 s, 2 s pause, 2 s, 2 s pause, 1 s
        assert (room.clock.at - began).total_seconds() == pytest.approx(9.0, abs=0.2)
        assert (gate.armed, gate.ended) == (1, 1)

    def test_a_pause_is_no_hold_of_the_fraction(self, verified, gate) -> None:
        gate.says = breathing
        verified.turn_beam_on(gate)
        verified.watch()
        assert verified.memory.holds == 0
        assert [entry.event for entry in verified.journal].count(Event.TURN_ON) == 1

    def test_is_asked_as_often_as_the_gate_wants(self, verified, gate) -> None:
        gate.period_s = 0.02
        verified.turn_beam_on(gate)
        verified.watch()
        steps = {later - sooner for sooner, later in pairwise(gate.looks)}
        assert steps == {timedelta(seconds=0.02)}

    def test_tells_each_decision_after_the_machine_has_heard_it(self, verified, room, gate) -> None:
        heard = []
        verified.turn_beam_on(gate, lambda said: heard.append((said.state, room.beam.calls[-1])))
        gate.says = breathing
        verified.watch()
        assert set(heard) == {(IN, "permit"), (OUT, "withhold")}
        assert len(heard) == len(gate.looks)

    def test_is_watched_in_pieces_like_any_other(self, verified, room, gate) -> None:
        verified.turn_beam_on(gate)
        while verified.watch(0.2) is State.BEAM_ON:
            pass
        assert verified.state is State.DELIVERED
        assert room.beam.mu == PLANNED_MU

    def test_gives_nothing_while_nobody_looks_for_longer_than_a_permission(
        self, verified, room, gate
    ) -> None:
        verified.turn_beam_on(gate)
        verified.watch(1.0)
        before_mu = room.beam.mu
        room.clock.wait(0.45)  # within the heartbeat of the watch
        assert verified.watch(0.0) is State.BEAM_ON
        assert room.beam.mu - before_mu <= gate.permit_s * MU_PER_S + 1e-6

    def test_gives_nothing_while_permission_is_withheld_however_long(self, verified, room, gate) -> None:
        gate.says = lambda seconds: OUT if seconds < 30.0 else IN
        verified.turn_beam_on(gate)
        assert verified.watch(29.0) is State.BEAM_ON
        assert room.beam.mu == 0.0
        assert verified.watch() is State.DELIVERED

    @settings(max_examples=30, deadline=None)
    @given(st.lists(st.tuples(st.floats(0.05, 3.0), st.booleans()), min_size=1, max_size=12))
    def test_gives_meterset_only_between_a_permission_and_its_end(self, stretches) -> None:
        room = FakeRoom(FIVE_MM_LEFT, FakeGatedBeam)
        ends = [sum(length for length, _ in stretches[: n + 1]) for n in range(len(stretches))]

        def says(seconds: float) -> GateState:
            passed = [is_in for end, (_, is_in) in zip(ends, stretches, strict=True) if seconds < end]
            return IN if not passed or passed[0] else OUT

        gate, given_at = FakeGate(room.clock, says), []
        fraction = placed(room)
        fraction.turn_beam_on(gate, lambda said: given_at.append((said.permits_beam, room.beam.mu)))
        assert fraction.watch() is State.DELIVERED
        for (was_permitted, before_mu), (_, after_mu) in pairwise(given_at):
            if not was_permitted:
                assert after_mu == before_mu
        assert room.beam.mu == PLANNED_MU


class TestAGate:
    def test_that_cannot_be_armed_leaves_the_beam_off(self, verified, room, gate) -> None:
        gate.cannot = DeviceError("the marker was not found")
        with pytest.raises(DeviceError, match="the marker was not found"):
            verified.turn_beam_on(gate)
        assert verified.state is State.VERIFIED
        assert "turn_on" not in room.beam.calls
        assert gate.ended == 1

    def test_needs_a_machine_that_can_wait(self, gate) -> None:
        room = FakeRoom()
        fraction = placed(room)
        with pytest.raises(RefusedError, match="cannot wait for permission in a delivery"):
            fraction.turn_beam_on(FakeGate(room.clock))
        assert "turn_on" not in room.beam.calls

    @pytest.mark.parametrize(("period_s", "permit_s"), [(0.3, 0.3), (0.05, 0.6), (0.0, 0.3), (0.4, 0.3)])
    def test_that_is_too_slow_to_be_a_guard_is_refused(
        self, verified, room, gate, period_s, permit_s
    ) -> None:
        gate.period_s, gate.permit_s = period_s, permit_s
        with pytest.raises(RefusedError, match=r"that has to be longer, and at most 0\.5 s"):
            verified.turn_beam_on(gate)
        assert gate.armed == 0
        assert "turn_on" not in room.beam.calls

    def test_may_take_its_time_to_be_armed_but_the_image_grows_old_meanwhile(self, room) -> None:
        fraction = placed(room, FractionLimits(image_age_s=60.0))
        gate = FakeGate(room.clock)
        gate.arms_in_s = 30.0
        room.clock.wait(40.0)
        with pytest.raises(StaleImageError):
            fraction.turn_beam_on(gate)
        assert (gate.armed, gate.ended) == (1, 1)
        assert "turn_on" not in room.beam.calls
        young = FakeRoom(FIVE_MM_LEFT, FakeGatedBeam)
        again, patient = placed(young), FakeGate(young.clock)
        patient.arms_in_s = 30.0
        assert again.turn_beam_on(patient) is State.BEAM_ON

    def test_that_is_armed_while_the_couch_moves_leaves_the_beam_off(self, verified, room, gate) -> None:
        arm = gate.arm
        moved = replace(room.couch.pose, vertical_mm=-140.0)
        gate.arm = lambda: setattr(room.couch, "pose", moved) or arm()
        with pytest.raises(PositionError):
            verified.turn_beam_on(gate)
        assert verified.state is State.SET_UP
        assert "turn_on" not in room.beam.calls

    def test_is_ended_where_the_order_cannot_be_recorded(self, room, gate) -> None:
        def sink(entry, _memory) -> None:
            if entry.event is Event.TURN_ON:
                raise OSError("the disk is full")

        fraction = placed(room, sink=sink)
        with pytest.raises(OSError, match="disk is full"):
            fraction.turn_beam_on(gate)
        assert gate.ended == 1
        assert "turn_on" not in room.beam.calls
        # and the next delivery has no gate that nobody gave it
        fraction._sink = lambda _entry, _memory: None
        fraction.turn_beam_on()
        assert fraction.watch() is State.DELIVERED
        assert len(gate.looks) == 0

    def test_that_stops_holds_by_fault(self, verified, room, gate) -> None:
        gate.says = lambda seconds: IN if seconds < 1.0 else GateState.STOPPED
        verified.turn_beam_on(gate)
        assert verified.watch() is State.HELD
        assert verified.reason == "the target is 'stopped'"
        assert verified.held_by_fault
        assert not room.beam.on
        assert gate.ended == 1
        with pytest.raises(RefusedError, match=r"held by a fault \(the target is 'stopped'\)"):
            verified.resume(gate)

    @pytest.mark.parametrize("error", [RuntimeError("a bug"), NO_ANSWER, MemoryError()])
    def test_that_raises_holds_by_fault(self, verified, room, gate, error) -> None:
        gate.fails[5] = error
        verified.turn_beam_on(gate)
        assert verified.watch() is State.HELD
        assert verified.held_by_fault
        assert not room.beam.on
        assert gate.ended == 1

    def test_that_is_interrupted_holds_first(self, verified, room, gate) -> None:
        gate.fails[5] = KeyboardInterrupt()
        verified.turn_beam_on(gate)
        with pytest.raises(KeyboardInterrupt):
            verified.watch()
        assert verified.state is State.HELD
        assert not room.beam.on

    @pytest.mark.parametrize("late_s", [0.3, -0.3, 1.0])
    def test_whose_answer_is_old_or_of_the_future_holds(self, verified, room, gate, late_s) -> None:
        verified.turn_beam_on(gate)
        verified.watch(1.0)
        gate.late_s = late_s
        assert verified.watch(0.4) is State.HELD
        assert f"the gate's decision is {late_s:.2f} s old" in verified.reason
        assert verified.held_by_fault
        assert not room.beam.on

    def test_whose_answer_took_time_permits_for_so_much_less(self, verified, room, gate) -> None:
        gate.late_s = 0.2
        verified.turn_beam_on(gate)
        verified.watch(0.0)
        assert room.beam.passes_until - room.clock.at == timedelta(seconds=0.1)

    def test_whose_end_fails_has_ended_all_the_same(self, verified, room, gate) -> None:
        gate.end = lambda: 1 / 0
        verified.turn_beam_on(gate)
        assert verified.watch() is State.DELIVERED
        assert verified.close() is State.CLOSED


class TestWhoHears:
    def test_and_fails_holds_the_beam(self, verified, room, gate) -> None:
        def hear(_said) -> None:
            raise OSError("the disk is full")

        verified.turn_beam_on(gate, hear)
        assert verified.watch() is State.HELD
        assert "the disk is full" in verified.reason
        assert verified.held_by_fault
        assert not room.beam.on


class TestAMachine:
    def test_that_radiates_although_it_may_not_is_held(self, verified, room, gate) -> None:
        gate.says = lambda seconds: IN if seconds < 1.0 else OUT
        room.beam.sticks = True
        verified.turn_beam_on(gate)
        assert verified.watch() is State.HELD
        assert verified.reason.startswith("radiation passes although it has been withheld for 0.")
        assert verified.held_by_fault
        assert not room.beam.on
        assert room.beam.mu <= 1.7 * MU_PER_S

    def test_that_counts_meterset_it_says_it_withholds_is_held(self, verified, room, gate) -> None:
        gate.says = lambda seconds: IN if seconds < 1.0 else OUT
        room.beam.sticks = True
        room.beam.edit = lambda said: replace(said, is_on=False, waiting=said.is_on or said.waiting)
        verified.turn_beam_on(gate)
        assert verified.watch() is State.HELD
        assert "radiation passes although it has been withheld" in verified.reason

    def test_that_radiates_before_it_was_ever_permitted_is_held(self, verified, room, gate) -> None:
        gate.says = always(OUT)
        room.beam.turn_on_gated = room.beam.turn_on
        room.beam.sticks = True
        verified.turn_beam_on(gate)
        assert verified.watch() is State.HELD
        assert "radiation passes although" in verified.reason

    def test_that_waits_although_it_may_radiate_is_held(self, verified, room, gate) -> None:
        room.beam.stays_shut = True
        verified.turn_beam_on(gate)
        assert verified.watch() is State.HELD
        assert "the beam is permitted but no meterset was counted for 5." in verified.reason

    @pytest.mark.parametrize("order", ["permit", "withhold"])
    def test_that_does_not_hear_an_order_is_held(self, verified, room, gate, order) -> None:
        gate.says = breathing
        room.beam.fails[order] = [None, None, NO_ANSWER]
        verified.turn_beam_on(gate)
        assert verified.watch() is State.HELD
        assert verified.reason == "the machine does not answer"
        assert not room.beam.on

    def test_that_does_not_hear_the_order_to_turn_on_is_held(self, verified, room, gate) -> None:
        room.beam.fails["turned on"] = [NO_ANSWER]
        assert verified.turn_beam_on(gate) is State.HELD
        assert not room.beam.on
        assert gate.ended == 1


class TestATargetThatStaysAway:
    @pytest.fixture
    def away(self, verified: Fraction, gate: FakeGate) -> Fraction:
        gate.says = lambda seconds: IN if seconds < 1.0 else OUT if seconds < 5.0 else GateState.REALIGN
        verified.turn_beam_on(gate)
        verified.watch()
        return verified

    def test_holds_with_its_place_in_words_and_not_by_fault(self, away, room, gate) -> None:
        assert away.state is State.HELD
        assert away.reason == (
            "the target is 're-align': the target was last at lateral +1.0, longitudinal -6.2, vertical +0.5 "
            "mm from its place; take a new image"
        )
        assert not away.held_by_fault
        assert away.held_to_realign
        assert not room.beam.on
        assert gate.ended == 1

    def test_is_not_gone_on_with_before_a_new_image(self, away, gate) -> None:
        with pytest.raises(RefusedError, match=r"the gate held the beam \(the target is 're-align'"):
            away.resume(gate)
        assert gate.armed == 1
        away.image()
        away.align()
        away.confirm(AUTOMATIC)
        gate.says = always(IN)
        assert away.turn_beam_on(gate) is State.BEAM_ON
        assert gate.armed == 2
        assert away.watch() is State.DELIVERED

    def test_without_a_proposal_is_held_in_as_many_words(self, verified, gate) -> None:
        gate.says, gate.proposal_mm = always(GateState.REALIGN), None
        verified.turn_beam_on(gate)
        verified.watch()
        assert verified.reason == "the target is 're-align': take a new image"


class TestAShortHold:
    def test_arms_the_gate_anew(self, verified, room, gate) -> None:
        verified.turn_beam_on(gate)
        verified.watch(1.0)
        verified.hold("the patient coughs")
        assert gate.ended == 1
        assert verified.resume(gate) is State.BEAM_ON
        assert gate.armed == 2
        assert verified.watch() is State.DELIVERED
        assert room.beam.mu == PLANNED_MU

    def test_at_the_very_end_leaves_nothing_to_be_gated(self, verified, room, gate) -> None:
        verified.turn_beam_on(gate)
        verified.watch(4.9)
        room.clock.wait(0.2)
        verified.hold("cough")
        assert verified.resume(gate) is State.DELIVERED
        assert gate.armed == gate.ended == 2


class TestTheDriver:
    def test_treats_under_the_gate(self, room, gate) -> None:
        gate.says = breathing
        outcome = treat(room.fraction(), gate=gate)
        assert outcome.state is State.CLOSED
        assert room.beam.mu == PLANNED_MU

    def test_images_again_where_the_target_stays_away_and_corrects_what_the_image_shows(
        self, room, gate
    ) -> None:
        def says(seconds: float) -> GateState:
            if gate.armed > 1:
                return IN
            return IN if seconds < 1.0 else GateState.REALIGN

        gate.says = says

        def moved(decision) -> None:
            if decision.state is GateState.REALIGN:
                room.needed = replace(room.needed, longitudinal_mm=3.0)

        outcome = treat(room.fraction(), gate=gate, hear=moved)
        assert outcome.state is State.CLOSED
        assert len(outcome.images) == 2
        assert [c.longitudinal_mm for c in outcome.corrections] == pytest.approx([0.0, 3.0], abs=1e-6)
        assert room.beam.mu == PLANNED_MU

    def test_stops_where_the_target_stays_away_and_no_image_is_left(self, room, gate) -> None:
        gate.says = always(GateState.REALIGN)
        outcome = treat(room.fraction(FractionLimits(images=2)), gate=gate)
        assert outcome.state is State.STOPPED
        assert "no image is left of 2" in outcome.reason
        assert outcome.beam_is_off
        assert outcome.delivered_mu == 0.0

    def test_goes_on_under_the_gate_after_a_hold_by_a_monitor(self, room, gate) -> None:
        until = []

        def monitor(now) -> str | None:
            until.append(now)
            return "the surface moved" if len(until) == 10 else None

        outcome = treat(room.fraction(), monitors=[monitor], gate=gate)
        assert outcome.state is State.CLOSED
        assert gate.armed == 2
        assert room.beam.mu == PLANNED_MU

    def test_stops_where_the_gate_fails(self, room, gate) -> None:
        gate.fails[9] = RuntimeError("a bug")
        outcome = treat(room.fraction(), gate=gate)
        assert outcome.state is State.STOPPED
        assert "a bug" in outcome.reason
        assert not room.beam.truth()


class TestARestart:
    def test_holds_a_gated_beam_and_needs_a_new_image(self, verified, room, gate) -> None:
        verified.turn_beam_on(gate)
        verified.watch(1.0)
        memory, journal = verified.memory, verified.journal
        again = room.fraction()
        assert again.resume_from(memory, journal) is State.HELD
        assert not room.beam.on
        with pytest.raises(RefusedError, match="restarted while the beam was on"):
            again.resume(gate)


def placed(room: FakeRoom, limits: FractionLimits | None = None, **more) -> Fraction:
    fraction = room.fraction(limits, **more)
    fraction.set_up()
    fraction.image()
    fraction.align()
    fraction.move_couch(fraction.approve(AUTOMATIC).token)
    fraction.verify()
    return fraction
