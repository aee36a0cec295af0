"""The gate of a connected room in a process of its own: what it is handed, and how it fails."""

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from scripted_gate import IdleWatch

from isoguide.errors import DeviceError, LinkLostError
from isoguide.motion.gate_settings import GateSettings
from isoguide.motion.gating import Gate, GateDecision, GateState
from isoguide.motion.monitor_loop import pushed_gate
from isoguide.motion.sample import Sighting, TargetSample
from isoguide.workflow.clinic.gate_source import HandedGate, MonitorProcess

SETTINGS = GateSettings(3.0, stale_s=0.8, longest_latency_s=0.5)
"""A busy computer is slow: with a shorter time it would stop the gate."""
INSIDE, OUTSIDE = (0.5, 0.0, -0.5), (0.0, 0.0, 9.0)


def now() -> datetime:
    return datetime.now(UTC)


class SteadyWatch:
    """Sees the target 20 times a second where a test puts it, with noise of a tenth of a millimetre."""

    source = "a steady imager"

    def __init__(self) -> None:
        self.position_mm: tuple[float, float, float] = INSIDE
        self.fails: Exception | None = None
        self.is_on = False
        self._rng, self._number, self._next_s = np.random.default_rng(0), 0, 0.0

    def start(self) -> None:
        if self.fails is not None:
            raise self.fails
        self.is_on, self._next_s = True, time.monotonic()

    def take(self, now: datetime) -> list[Sighting]:
        if self.fails is not None:
            raise self.fails
        if time.monotonic() < self._next_s:
            return []
        self._next_s += 0.05
        self._number += 1
        place = np.array(self.position_mm) + self._rng.normal(0.0, 0.1, 3)
        at = now - timedelta(seconds=0.02)
        return [TargetSample(place, 0.01 * np.eye(3), at, self._number, self.source, 1.0, "sure")]

    def stop(self) -> None:
        self.is_on = False


@pytest.fixture(scope="module")
def process() -> Iterator[MonitorProcess]:
    made = MonitorProcess(now, make=pushed_gate)  # which need not learn how the target moves
    made.prepare(SETTINGS)
    yield made
    made.close()


def looked(gate: Gate, until: Callable[[GateDecision], bool]) -> GateDecision:
    """Look as a watched beam does until a decision is as wanted."""
    patience = time.monotonic() + 20.0
    while not until(decision := gate.look(now())):
        assert time.monotonic() < patience, decision
        time.sleep(gate.period_s)
    return decision


def opened(gate: Gate) -> GateDecision:
    """Arm until beam may pass; a computer that is too busy stops the gate, which is armed again then."""
    patience = time.monotonic() + 60.0
    while True:
        gate.arm()
        decision = looked(gate, lambda one: one.state in (GateState.BEAM_ON, GateState.STOPPED))
        if decision.permits_beam:
            return decision
        assert time.monotonic() < patience, decision


def is_in(state: GateState) -> Callable[[GateDecision], bool]:
    return lambda decision: decision.state is state


def test_beam_passes_while_the_target_is_inside_and_ends_when_it_leaves(process: MonitorProcess) -> None:
    watch = SteadyWatch()
    gate = process.gate(watch, SETTINGS)
    try:
        on = opened(gate)
        assert isinstance(on.sighting, TargetSample)
        assert on.sighting.source == "a steady imager"
        assert on.probability is not None
        assert on.probability > SETTINGS.settled_probability
        watch.position_mm = OUTSIDE
        closed = looked(gate, lambda decision: not decision.permits_beam)
        assert closed.reason
    finally:
        gate.end()
    assert not watch.is_on
    assert not gate.look(now()).permits_beam


def test_a_process_that_is_frozen_lets_no_beam_pass(process: MonitorProcess) -> None:
    gate = process.gate(SteadyWatch(), SETTINGS)
    assert isinstance(gate, HandedGate)
    opened(gate)
    frozen = gate._monitored.process_id
    assert frozen is not None
    os.kill(frozen, signal.SIGSTOP)
    try:
        assert not looked(gate, lambda decision: not decision.permits_beam).permits_beam
        assert "silent" in looked(gate, is_in(GateState.STOPPED)).reason
    finally:
        os.kill(frozen, signal.SIGCONT)
        gate.end()


def test_a_device_that_fails_while_it_watches_stops_the_beam_with_its_words(process: MonitorProcess) -> None:
    watch = SteadyWatch()
    gate = process.gate(watch, SETTINGS)
    opened(gate)
    watch.fails = LinkLostError("the kV arm does not answer")
    stopped = looked(gate, lambda decision: decision.reason == "the kV arm does not answer")
    assert stopped.state is GateState.STOPPED
    gate.end()


def test_a_device_that_cannot_begin_leaves_the_gate_unarmed(process: MonitorProcess) -> None:
    watch = SteadyWatch()
    watch.fails = LinkLostError("the kV arm does not answer")
    gate = process.gate(watch, SETTINGS)
    with pytest.raises(LinkLostError, match="the kV arm does not answer"):
        gate.arm()
    assert gate.look(now()).state is GateState.STOPPED
    gate.end()


def test_a_machine_that_takes_its_time_to_come_on_finds_the_gate_as_it_is(process: MonitorProcess) -> None:
    gate = process.gate(SteadyWatch(), SETTINGS)
    patience = time.monotonic() + 60.0
    while True:
        gate.arm()
        time.sleep(1.5)  # nobody looks for longer than a frame counts
        decision = gate.look(now())
        if decision.permits_beam and decision.holds == 0:
            break
        assert time.monotonic() < patience, decision
    gate.end()


def test_nothing_is_handed_over_after_the_end(process: MonitorProcess) -> None:
    before = set(threading.enumerate())
    gate = process.gate(SteadyWatch(), SETTINGS)
    gate.arm()
    gate.end()
    assert "isoguide-frames" not in [thread.name for thread in set(threading.enumerate()) - before]


def test_a_process_that_is_killed_stops_the_beam(process: MonitorProcess) -> None:
    gate = process.gate(SteadyWatch(), SETTINGS)
    assert isinstance(gate, HandedGate)
    opened(gate)
    killed = gate._monitored.process_id
    assert killed is not None
    os.kill(killed, signal.SIGKILL)
    gate._monitored._process.join(20.0)  # a busy computer takes its time to end it
    stopped = looked(gate, is_in(GateState.STOPPED))
    assert "process has ended" in stopped.reason
    gate.end()


def test_a_process_that_cannot_begin_is_told_to_whoever_turns_the_beam_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def broken(_monitored: object) -> None:
        msg = "the monitor's process does not begin within 60 s"
        raise DeviceError(msg)

    monkeypatch.setattr("isoguide.workflow.clinic.gate_source.MonitoredGate.start", broken)
    made = MonitorProcess(now, make=pushed_gate)  # which need not learn how the target moves
    made.prepare(SETTINGS)  # nobody is there to be told
    with pytest.raises(DeviceError, match="does not begin"):
        made.gate(IdleWatch(), SETTINGS)
    made.close()
