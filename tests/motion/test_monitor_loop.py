"""The loop of the monitor's process, run here with a clock of its own, step by step."""

import gc
import multiprocessing
import signal
from collections.abc import Callable, Iterator

import pytest
from gate_cases import HandedWatch, at, sample
from monitor_makers import cannot_begin, cannot_start

from isoguide.motion import monitor_loop
from isoguide.motion.gate import TargetGate, predicting_gate
from isoguide.motion.gate_settings import GateSettings
from isoguide.motion.gating import GateState
from isoguide.motion.monitor_loop import (
    FORSAKEN_S,
    PushedWatch,
    pushed_gate,
    run_monitor,
)
from isoguide.motion.shared_records import Order, OrderKind, SharedRecords, WrittenDecision

SETTINGS = GateSettings(gate_mm=3.0)
STEP_S = 0.04


class Other:
    """The process that reads: it acts whenever the loop waits, and its clock goes on by 40 ms then."""

    def __init__(self) -> None:
        self.memory = multiprocessing.get_context("spawn").RawArray("c", SharedRecords.size())
        self.records = SharedRecords(self.memory)
        self.now_s, self.number = 1000.0, 0
        self.script: Iterator[None] = iter(())
        self.waits: list[float] = []

    def acquire(self, *, block: bool = True, timeout: float = 0.0) -> bool:
        """Stand in for the semaphore."""
        if block:
            self.now_s += STEP_S
            self.waits.append(timeout)
            if next(self.script, self) is self:
                self.order(OrderKind.QUIT)
        return False

    def order(self, kind: OrderKind) -> None:
        self.records.write_order(Order(kind, at(self.now_s), self.now_s, 1.0))

    def push(self, along_mm: float = 0.0) -> None:
        self.number += 1
        self.records.push(sample(self.number, self.now_s, (0.0, along_mm, 0.0)))

    def read(self) -> WrittenDecision:
        self.records.beat_s = self.now_s
        return self.records.read_decision()

    def until_beam(self) -> Iterator[None]:
        self.records.beat_s = self.now_s
        self.order(OrderKind.ARM)
        yield
        for _ in range(100):
            self.push()
            yield
            if self.read().decision.permits_beam:
                return
        pytest.fail(self.read().decision.reason)


@pytest.fixture
def other(monkeypatch: pytest.MonkeyPatch) -> Iterator[Other]:
    other = Other()
    monkeypatch.setattr(monitor_loop, "monotonic", lambda: other.now_s)
    monkeypatch.setattr(monitor_loop.os, "setpriority", lambda *_: None)
    before = signal.getsignal(signal.SIGINT)
    yield other
    signal.signal(signal.SIGINT, before)
    gc.unfreeze()
    gc.enable()


def run(other: Other, script: Callable[[], Iterator[None]], make=pushed_gate) -> None:
    other.script = script()
    run_monitor(make, SETTINGS, other.memory, other)  # type: ignore[arg-type]  # it is all that is used of one


def test_a_permission_ends_300_ms_after_the_look_that_gave_it(other: Other) -> None:
    def script() -> Iterator[None]:
        yield from other.until_beam()
        written = other.read()
        assert written.permit_until_s == pytest.approx(written.written_s + 0.3)
        assert written.order == 1

    run(other, script)
    assert other.read().decision.state is GateState.BEAM_ON


def test_no_permission_goes_with_any_other_decision(other: Other) -> None:
    def script() -> Iterator[None]:
        yield from other.until_beam()
        for _ in range(4):
            other.push(6.0)
            yield
        written = other.read()
        assert written.decision.state is GateState.HOLD
        assert written.permit_until_s == 0.0

    run(other, script)


def test_it_neither_collects_garbage_nor_hears_an_interruption_while_it_watches(other: Other) -> None:
    def script() -> Iterator[None]:
        yield
        assert not gc.isenabled()
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN

    run(other, script)


def test_unread_for_longer_than_data_may_be_old_it_permits_nothing(other: Other) -> None:
    def script() -> Iterator[None]:
        yield from other.until_beam()
        for _ in range(14):
            other.push()
            yield
        written = other.records.read_decision()
        assert written.decision.state is GateState.HOLD
        assert written.decision.reason.startswith("nobody has read the monitor for 0.5")

    run(other, script)


def test_unread_for_long_it_stops_watching(other: Other) -> None:
    handed = HandedWatch()

    def make(_: PushedWatch, settings: GateSettings) -> TargetGate:
        return TargetGate(handed, settings)

    def script() -> Iterator[None]:
        other.records.beat_s = other.now_s
        other.order(OrderKind.ARM)
        yield
        yield
        assert handed.stopped == 0
        other.now_s += FORSAKEN_S
        yield
        yield
        assert handed.stopped > 0
        assert other.records.read_decision().decision.state is GateState.STOPPED

    run(other, script, make)


def test_a_look_that_outlasts_the_permission_before_it_gives_none(
    other: Other, monkeypatch: pytest.MonkeyPatch
) -> None:
    look = TargetGate.look

    def slow_look(gate: TargetGate, now: object) -> object:
        decision = look(gate, now)  # type: ignore[arg-type]  # handed on as it is
        if decision.permits_beam and other.number > 60:
            other.now_s += 0.35
        return decision

    monkeypatch.setattr(TargetGate, "look", slow_look)

    def script() -> Iterator[None]:
        yield from other.until_beam()
        while other.number <= 60:
            other.push()
            yield
            other.read()
        written = other.read()
        assert written.decision.state is GateState.HOLD
        assert written.decision.reason == "the monitor took 0.35 s for a look"

    run(other, script)


def test_the_end_stops_it_and_arming_begins_anew(other: Other) -> None:
    def script() -> Iterator[None]:
        yield from other.until_beam()
        other.order(OrderKind.END)
        yield
        assert other.read().decision.reason == "monitoring has ended"
        other.push()
        yield
        assert other.waits[-1] == monitor_loop.IDLE_S
        yield from other.until_beam()
        assert other.read().order == 3

    run(other, script)


def test_a_watch_that_cannot_start_is_told_by_its_reason(other: Other) -> None:
    def script() -> Iterator[None]:
        other.order(OrderKind.ARM)
        yield
        written = other.read()
        assert written.order == 1
        assert written.decision.state is GateState.STOPPED
        assert "the tube is hot" in written.decision.reason

    run(other, script, cannot_start)


def test_a_gate_that_cannot_be_made_is_told_and_the_process_ends(other: Other) -> None:
    run(other, lambda: iter(()), cannot_begin)
    written = other.read()
    assert written.order == -1
    assert written.decision.reason == "monitoring could not begin: ValueError no such imager"


def test_garbled_frames_stop_it(other: Other) -> None:
    def script() -> Iterator[None]:
        yield from other.until_beam()
        other.push()
        frames = other.records._frames._view
        frames[:] = bytes(len(frames))
        yield
        decision = other.read().decision
        assert decision.state is GateState.STOPPED
        assert "garbled on its way" in decision.reason

    run(other, script)


def test_a_system_that_refuses_a_higher_priority_is_watched_all_the_same(
    other: Other, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: int) -> None:
        raise PermissionError(13, "not permitted")

    monkeypatch.setattr(monitor_loop.os, "setpriority", refuse)

    def script() -> Iterator[None]:
        yield from other.until_beam()

    run(other, script)
    assert other.read().decision.permits_beam


def test_without_a_process_above_it_ends_by_itself(other: Other, monkeypatch: pytest.MonkeyPatch) -> None:
    class Dead:
        def is_alive(self) -> bool:
            return False

    monkeypatch.setattr(monitor_loop, "parent_process", Dead)
    run(other, lambda: iter([None] * 5))
    assert other.waits == []


def test_a_breathing_target_can_be_predicted(other: Other) -> None:
    def script() -> Iterator[None]:
        other.records.beat_s = other.now_s
        other.order(OrderKind.ARM)
        yield
        other.push()
        yield
        assert other.read().decision.probability is not None

    run(other, script, predicting_gate)
