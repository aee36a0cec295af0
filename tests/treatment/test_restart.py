"""Power is cut at every call of a fraction: what was kept is enough to go on safely, and never too much."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from fake_room import FakeRoom

from isoguide.errors import LinkLostError
from isoguide.geometry.correction import CouchCorrection
from isoguide.treatment import (
    AUTOMATIC,
    Entry,
    Event,
    Fraction,
    FractionLimits,
    FractionMemory,
    State,
    treat,
)
from isoguide.treatment.ports import Room
from isoguide.treatment.refusals import RefusedError, StaleImageError

LIMITS = FractionLimits(verify_with_image=True, images=9, corrections=5)
BEFORE, AFTER = "before", "after"


class PowerCutError(BaseException):
    """Nothing of the process is left to handle it."""


class Kept:
    """A record that outlives the process: the journal, and the newest memory."""

    def __init__(self) -> None:
        self.journal: list[Entry] = []
        self.memory: FractionMemory | None = None

    def write(self, entry: Entry, memory: FractionMemory) -> None:
        self.journal.append(entry)
        self.memory = memory


class Process:
    """A fraction whose every call to the world is counted, and whose power is cut at one of them."""

    def __init__(self, room: FakeRoom, kept: Kept, cut_at: int = -1, when: str = BEFORE) -> None:
        self.room, self.kept, self.cut_at, self.when = room, kept, cut_at, when
        self.calls, self.is_dead = 0, False
        parts = room.room
        self.room_seen = Room(
            Wire(self, parts.imager), Wire(self, parts.couch), Wire(self, parts.beam), parts.clock
        )

    def call(self, work: Callable[..., object], *arguments: object) -> object:
        if self.is_dead:
            raise LinkLostError("there is no power")
        is_the_one = self.calls == self.cut_at
        self.calls += 1
        if is_the_one and self.when == BEFORE:
            self.die()
        answer = work(*arguments)
        if is_the_one:
            self.die()
        return answer

    def die(self) -> None:
        self.is_dead = True
        raise PowerCutError

    def sink(self, entry: Entry, memory: FractionMemory) -> None:
        self.call(self.kept.write, entry, memory)

    def begin(self) -> Fraction:
        return Fraction(self.room.planned, self.room_seen, LIMITS, sink=self.sink)

    def go_on(self) -> Fraction:
        if self.kept.memory is None:
            return self.begin()
        fraction = self.begin()
        fraction.resume_from(self.kept.memory, self.kept.journal)
        return fraction


class Wire:
    """A device as a process reaches it."""

    def __init__(self, process: Process, device: object) -> None:
        self._process, self._device = process, device

    def __getattr__(self, name: str) -> Callable[..., object]:
        return lambda *arguments: self._process.call(getattr(self._device, name), *arguments)


def small_room() -> FakeRoom:
    room = FakeRoom(CouchCorrection(3.0, -2.0, 4.0, 0.5, -0.5, 1.0))
    room.beam.planned_mu = 5.0
    room.beam.before_call = lambda method: position_is_right(room) if method == "turned on" else None
    return room


def position_is_right(room: FakeRoom) -> None:
    assert np.linalg.norm(room.needed_now().shift_mm) < 2.0


def calls_of_a_good_fraction() -> int:
    process = Process(small_room(), Kept())
    assert treat(process.begin()).state is State.CLOSED
    return process.calls


@pytest.mark.parametrize("seconds_without_power", [0.5, 60.0, 2000.0])
@pytest.mark.parametrize("when", [BEFORE, AFTER])
def test_a_fraction_goes_on_safely_after_a_power_cut_at_any_call(when, seconds_without_power) -> None:
    for number in range(calls_of_a_good_fraction()):
        room, kept = small_room(), Kept()
        with pytest.raises(PowerCutError):
            treat(Process(room, kept, number, when).begin())
        room.clock.wait(seconds_without_power)
        outcome = treat(Process(room, kept).go_on())
        assert outcome.state.is_final, number
        assert outcome.beam_is_off, number
        assert not room.beam.truth(), number
        assert room.beam.mu <= room.beam.planned_mu, number
        if outcome.state is State.CLOSED:
            assert room.beam.mu == room.beam.planned_mu, number
        used = [entry.detail for entry in kept.journal if entry.event is Event.MOVE_COUCH]
        assert len(used) == len(set(used)), number


def test_only_a_beam_under_way_or_a_couch_that_did_not_move_ends_the_fraction() -> None:
    reasons = []
    for number in range(calls_of_a_good_fraction()):
        room, kept = small_room(), Kept()
        with pytest.raises(PowerCutError):
            treat(Process(room, kept, number, AFTER).begin())
        room.clock.wait(5.0)
        outcome = treat(Process(room, kept).go_on())
        if outcome.state is not State.CLOSED:
            reasons.append(outcome.reason)
    on_the_way = [reason for reason in reasons if "the couch is not where it was sent" in reason]
    assert len(on_the_way) == 1
    assert set(reasons) - set(on_the_way) == {"isoguide was restarted while the beam was on"}


def cut(room: FakeRoom, fraction_state: State) -> Kept:
    """Keep what a process kept that was cut when the fraction had reached a state."""
    kept = Kept()
    process = Process(room, kept)
    fraction = process.begin()
    steps = {
        State.SET_UP: fraction.set_up,
        State.IMAGED: fraction.image,
        State.ALIGNED: fraction.align,
        State.APPROVED: lambda: fraction.approve(AUTOMATIC),
        State.COUCH_MOVED: lambda: fraction.move_couch(fraction.order.token),
        State.VERIFIED: fraction.verify,
    }
    for state, step in steps.items():
        step()
        if state is fraction_state:
            break
    assert fraction.state is fraction_state
    return kept


def test_a_fraction_under_way_takes_up_no_other_one(room: FakeRoom) -> None:
    fraction = Process(room, cut(room, State.SET_UP)).go_on()
    with pytest.raises(RefusedError, match="was begun already"):
        fraction.resume_from(fraction.memory, fraction.journal)


def test_an_image_that_was_not_matched_has_to_be_taken_again(room: FakeRoom) -> None:
    resumed = Process(room, cut(room, State.IMAGED)).go_on()
    with pytest.raises(StaleImageError, match="was taken before a restart and is not at hand any more"):
        resumed.align()
    resumed.image()
    assert resumed.align().proposal is not None


def test_a_correction_under_way_is_never_made_again(room: FakeRoom) -> None:
    kept = cut(room, State.COUCH_MOVED)
    token = kept.memory.orders.newest.token
    resumed = Process(room, kept).go_on()
    with pytest.raises(RefusedError):
        resumed.move_couch(token)
    assert resumed.verify() is State.VERIFIED


def test_an_approval_is_not_younger_for_a_restart(room: FakeRoom) -> None:
    kept = cut(room, State.APPROVED)
    room.clock.wait(301.0)
    resumed = Process(room, kept).go_on()
    with pytest.raises(RefusedError, match="its approval expired"):
        resumed.move_couch(kept.memory.orders.newest.token)


def test_a_couch_moved_while_there_was_no_power_is_noticed(room: FakeRoom) -> None:
    kept = cut(room, State.VERIFIED)
    room.couch.pose = room.planned.set_up_pose
    resumed = Process(room, kept).go_on()
    with pytest.raises(RefusedError):
        resumed.turn_beam_on()
    assert "turn_on" not in room.beam.calls


def test_a_clock_that_was_set_back_meanwhile_stops_the_fraction(room: FakeRoom) -> None:
    kept = cut(room, State.VERIFIED)
    room.clock.go_back(3600.0)
    resumed = Process(room, kept).go_on()
    with pytest.raises(RefusedError, match="went backwards"):
        resumed.image()
    assert resumed.state is State.STOPPED


def test_an_image_seen_before_the_restart_is_still_refused(room: FakeRoom) -> None:
    kept = cut(room, State.ALIGNED)
    room.imager.count = 0
    resumed = Process(room, kept).go_on()
    with pytest.raises(StaleImageError, match="was seen before"):
        resumed.image()


def test_a_beam_that_was_on_is_held_at_once_and_needs_a_new_image(room: FakeRoom) -> None:
    kept = cut(room, State.VERIFIED)
    first = Process(room, kept).go_on()
    first.image()
    first.align()
    first.confirm(AUTOMATIC)
    first.turn_beam_on()
    resumed = Process(room, kept).go_on()
    assert resumed.state is State.HELD
    assert resumed.reason == "isoguide was restarted while the beam was on"
    assert not room.beam.truth()
    with pytest.raises(RefusedError, match="held by a fault"):
        resumed.resume()


def test_a_beam_nobody_knows_about_stops_a_fraction_that_was_not_irradiating(room: FakeRoom) -> None:
    kept = cut(room, State.VERIFIED)
    room.beam.switch_on_unasked()
    kept.memory = replace(kept.memory, beam=replace(kept.memory.beam, may_be_on=True))
    resumed = Process(room, kept).go_on()
    assert resumed.state is State.STOPPED
    assert not room.beam.truth()


class TestADayWithoutImage:
    WHY = "fraction 5 of NAL: imaged were fractions 1 to 3"

    def test_is_treated_at_the_set_up_position(self, room: FakeRoom) -> None:
        outcome = treat(room.fraction(no_image_because=self.WHY))
        assert outcome.state is State.CLOSED
        assert outcome.images == ()
        assert [entry.detail for entry in outcome.journal if entry.event is Event.SKIP_IMAGE] == [self.WHY]

    def test_is_not_invented_where_the_protocol_asks_for_an_image(self, room: FakeRoom) -> None:
        fraction = room.fraction()
        fraction.set_up()
        with pytest.raises(RefusedError, match="the protocol asks for an image today"):
            fraction.treat_without_image()

    def test_has_no_beam_where_the_limits_ask_for_an_image_of_the_position(self, room: FakeRoom) -> None:
        fraction = room.fraction(FractionLimits(verify_with_image=True), no_image_because=self.WHY)
        fraction.set_up()
        fraction.treat_without_image()
        with pytest.raises(RefusedError, match="no image has shown the corrected position yet"):
            fraction.turn_beam_on()

    def test_may_be_imaged_all_the_same(self, room: FakeRoom) -> None:
        fraction = room.fraction(no_image_because=self.WHY)
        fraction.set_up()
        fraction.image()
        assert fraction.state is State.IMAGED

    def test_has_no_beam_with_the_couch_elsewhere(self, room: FakeRoom) -> None:
        fraction = room.fraction(no_image_because=self.WHY)
        fraction.set_up()
        room.couch.pose = replace(room.couch.pose, vertical_mm=-147.0)
        with pytest.raises(RefusedError, match="the couch is not at its set-up pose"):
            fraction.treat_without_image()


def test_an_image_fetched_after_it_was_made_counts_from_the_moment_given(room: FakeRoom) -> None:
    fraction = room.fraction()
    fraction.set_up()
    in_place_at = room.clock.at
    made = room.imager.acquire()
    room.imager.acquire = lambda: made
    assert fraction.image(since=in_place_at) is made
    assert fraction.state is State.IMAGED


def test_an_image_fetched_later_never_counts_from_before_the_couch_stopped(room: FakeRoom) -> None:
    made = room.imager.acquire()
    fraction = room.fraction()
    fraction.set_up()
    room.imager.acquire = lambda: made
    with pytest.raises(StaleImageError, match="is of another fraction"):
        fraction.image(since=made.started_at)
