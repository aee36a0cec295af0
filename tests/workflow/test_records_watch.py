"""Steps that another program records: told once, and none that was told already."""

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import pytest

from isoguide.errors import UnreadableError
from isoguide.records import FractionKey, FractionLine
from isoguide.treatment import State
from isoguide.workflow.clinic.records_watch import RecordsWatch
from isoguide.workflow.clinic.room_events import FractionChanged, RoomEvents, Subscription

NOW = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)


def line(number: int, version: int, state: State = State.SET_UP) -> FractionLine:
    ended = NOW if state.is_final else None
    return FractionLine(FractionKey("C0001", number), state, NOW, ended, version)


class FakeRecords:
    def __init__(self) -> None:
        self.lines: tuple[FractionLine, ...] = ()
        self.is_damaged = False

    def unfinished_fractions(self) -> tuple[FractionLine, ...]:
        if self.is_damaged:
            self.is_damaged = False
            raise UnreadableError("the records are damaged: restore a backup")
        return tuple(one for one in self.lines if one.ended_at is None)

    def fraction(self, course_id: str, number: int) -> object:
        found = next(one for one in self.lines if one.key == FractionKey(course_id, number))
        return type("Stored", (), {"line": found})


@pytest.fixture
def records() -> FakeRecords:
    return FakeRecords()


@pytest.fixture
def events() -> Iterator[RoomEvents]:
    hub = RoomEvents()
    yield hub
    hub.close()


def told(listener: Subscription, count: int) -> list[tuple[int, int, str, str]]:
    found = [listener.get(20.0) for _ in range(count)]
    assert listener.get(0.0) is None
    return [(one.number, one.version, one.state, one.by) for one in found]


def until(holds: Callable[[], bool]) -> None:
    patience = time.monotonic() + 20.0
    while not holds():
        assert time.monotonic() < patience
        time.sleep(0.001)


def test_what_was_there_at_the_beginning_is_told_to_nobody(records: FakeRecords, events: RoomEvents) -> None:
    records.lines = (line(1, 3),)
    watch = RecordsWatch(records, events)
    with events.subscribed() as listener:
        watch.look()
        watch.look()
        assert told(listener, 0) == []


def test_a_step_of_another_program_is_told_once(records: FakeRecords, events: RoomEvents) -> None:
    watch = RecordsWatch(records, events)
    watch.look()
    with events.subscribed() as listener:
        for lines in (
            (line(1, 1, State.PREPARED),),
            (line(1, 2),),
            (line(1, 2),),
            (line(1, 3, State.STOPPED),),
            (line(1, 3, State.STOPPED), line(2, 1, State.PREPARED)),
        ):
            records.lines = lines
            watch.look()
        assert told(listener, 4) == [
            (1, 1, "prepared", ""),
            (1, 2, "set up", ""),
            (1, 3, "stopped", ""),
            (2, 1, "prepared", ""),
        ]


def test_a_step_that_was_told_is_not_told_again_and_trouble_ends_nothing(
    records: FakeRecords, events: RoomEvents, caplog: pytest.LogCaptureFixture
) -> None:
    watch = RecordsWatch(records, events, period_s=0.005)
    watch.look()
    watch.start()  # it hears of a step before who listens from now on
    with events.subscribed() as listener:
        records.is_damaged = True
        own = FractionChanged("C0001", 1, 2, "set up", "anna")
        events.publish(own)
        assert listener.get(20.0) == own
        records.lines = (line(1, 2),)
        until(lambda: not records.is_damaged)
        records.lines = (line(1, 3, State.IMAGED),)
        assert told(listener, 1) == [(1, 3, "imaged", "")]
    watch.close()
    assert "the records cannot be watched" in caplog.text
