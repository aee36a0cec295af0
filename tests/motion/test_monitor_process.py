"""The gate in its own process: real processes, killed and frozen; few, for each takes a second to begin."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from gate_cases import sample
from monitor_makers import cannot_begin, looks_slowly, own_watch

from isoguide.errors import DeviceError, InputError
from isoguide.motion.gate_settings import GateSettings
from isoguide.motion.gating import GateDecision, GateState
from isoguide.motion.monitor_process import MonitoredGate

SETTINGS = GateSettings(gate_mm=3.0)
LONG_S = 20.0
"""Longest a test waits for what has to come: machines may be busy."""


def now() -> datetime:
    return datetime.now(UTC)


class Room:
    """Pushes a frame at every 40 ms, looks, and remembers."""

    def __init__(self, gate: MonitoredGate) -> None:
        self.gate = gate
        self.number = 0
        self.place_mm = np.zeros(3)

    def look(self) -> GateDecision:
        self.number += 1
        frame = sample(self.number, 0.0, self.place_mm, at=now())
        self.gate.push(frame)
        time.sleep(0.04)
        return self.gate.look(now())

    def until(self, condition: Callable[[GateDecision], bool]) -> GateDecision:
        over_s = time.monotonic() + LONG_S
        while time.monotonic() < over_s:
            decision = self.look()
            if condition(decision):
                return decision
        pytest.fail(f"it did not come to that: {decision}")

    def until_beam(self) -> GateDecision:
        """A busy machine may close the gate now and then, or stop it, and it is armed again then."""
        over_s = time.monotonic() + 3.0 * LONG_S
        while True:
            self.gate.arm()
            decision = self.until(lambda one: one.permits_beam or one.state is GateState.STOPPED)
            if decision.permits_beam:
                return decision
            assert time.monotonic() < over_s, "it is stopped again and again"


@pytest.fixture(scope="module")
def gate() -> Iterator[MonitoredGate]:
    with MonitoredGate(SETTINGS, now=now) as gate:
        yield gate


@pytest.fixture
def room(gate: MonitoredGate) -> Iterator[Room]:
    yield Room(gate)
    gate.end()


class TestWatching:
    def test_no_beam_before_it_is_armed(self, gate: MonitoredGate) -> None:
        decision = gate.look(now())
        assert decision.state is GateState.STOPPED
        assert decision.reason == "the gate is not armed"

    def test_beam_passes_for_a_still_target_and_not_for_one_that_leaves(self, room: Room) -> None:
        decision = room.until_beam()
        assert isinstance(decision.probability, float)
        assert decision.sighting is not None
        assert decision.latency_s is not None
        room.place_mm = np.array([0.0, -6.0, 0.0])
        held = room.until(lambda decision: not decision.permits_beam)
        assert held.state in (GateState.HOLD, GateState.STOPPED)
        assert held.reason
        assert held.holds >= 1

    def test_frames_that_cease_close_it(self, room: Room) -> None:
        room.until_beam()
        time.sleep(SETTINGS.stale_s + 0.1)
        decision = room.gate.look(now())
        assert not decision.permits_beam

    def test_the_end_closes_it_and_it_can_be_armed_again(self, room: Room) -> None:
        room.until_beam()
        room.gate.end()
        room.gate.end()
        decision = room.gate.look(now())
        assert decision.state is GateState.STOPPED
        assert decision.reason == "monitoring has ended"
        before = room.gate.process_id
        room.until_beam()
        assert room.gate.process_id == before

    def test_when_nobody_reads_for_a_while_beam_does_not_go_on(self, room: Room) -> None:
        room.until_beam()
        over_s = time.monotonic() + 2.0 * SETTINGS.stale_s
        while time.monotonic() < over_s:
            room.number += 1
            room.gate.push(sample(room.number, 0.0, at=now()))
            time.sleep(0.04)
        decision = room.gate.look(now())
        assert not decision.permits_beam


class TestWhatGoesWrong:
    def test_a_clock_of_the_room_that_is_set_stops_it(self, room: Room) -> None:
        room.until_beam()
        while "silent for" in (decision := room.gate.look(now() + timedelta(seconds=30.0))).reason:
            room.until_beam()  # the machine was too busy, and that was found first
        assert decision.state is GateState.STOPPED
        assert "s off the monitor's" in decision.reason
        assert room.look().state is GateState.STOPPED

    def test_rubbish_in_the_shared_memory_stops_it(self, room: Room) -> None:
        room.until_beam()
        records = room.gate._records
        rubbish = np.random.default_rng(5).integers(0, 256, len(records._decisions._view), dtype=np.uint8)
        over_s = time.monotonic() + LONG_S
        while time.monotonic() < over_s:
            records._decisions._view[:] = rubbish.tobytes()
            decision = room.gate.look(now())
            if decision.state is GateState.STOPPED:
                break
        assert decision.state is GateState.STOPPED
        assert "garbled" in decision.reason

    def test_a_killed_process_stops_it_and_arming_begins_another(self, room: Room) -> None:
        room.until_beam()
        before = room.gate.process_id
        assert before is not None
        os.kill(before, signal.SIGTERM if sys.platform == "win32" else signal.SIGKILL)
        room.gate._process.join(LONG_S)  # a busy machine takes its time to end it
        decision = room.look()
        assert decision.state is GateState.STOPPED
        assert decision.reason.startswith("the monitor's process has ended (exit code ")
        assert decision.holds >= 1
        room.until_beam()
        assert room.gate.process_id != before

    @pytest.mark.skipif(sys.platform == "win32", reason="Windows freezes no process by a signal")
    def test_a_frozen_process_stops_it_and_pushing_to_it_never_waits(self, room: Room) -> None:
        room.until_beam()
        frozen = room.gate.process_id
        assert frozen is not None
        os.kill(frozen, signal.SIGSTOP)
        began_s = time.monotonic()
        decisions = []
        while not decisions or decisions[-1].state is not GateState.STOPPED:
            decisions.append(room.look())
            assert time.monotonic() - began_s < LONG_S
        held = next(d for d in decisions if not d.permits_beam)
        assert held.reason
        assert "silent for" in decisions[-1].reason
        for _ in range(300):
            room.gate.push(sample(1, 0.0))


ORPHANING = """
import time
from datetime import UTC, datetime
from isoguide.motion.gate_settings import GateSettings
from isoguide.motion.monitor_process import MonitoredGate

if __name__ == "__main__":
    gate = MonitoredGate(GateSettings(gate_mm=3.0), now=lambda: datetime.now(UTC))
    gate.arm()
    print("armed", flush=True)
    time.sleep(600.0)
"""


def test_when_the_treatment_is_killed_the_process_that_watches_ends_by_itself(tmp_path: Path) -> None:
    script = tmp_path / "treatment.py"
    script.write_text(ORPHANING)
    treatment = subprocess.Popen([sys.executable, script], stdout=subprocess.PIPE, text=True)
    assert treatment.stdout is not None
    assert treatment.stdout.readline() == "armed\n"
    treatment.kill()
    # The pipe is open for as long as anybody holds it: the orphan does.
    rest, _ = treatment.communicate(timeout=LONG_S)
    assert rest == ""


class TestOtherGates:
    def test_a_gate_that_cannot_be_made_is_an_error_with_its_reason(self) -> None:
        gate = MonitoredGate(SETTINGS, now=now, make=cannot_begin)
        with pytest.raises(DeviceError, match="monitoring could not begin: ValueError no such imager"):
            gate.start()
        assert gate.process_id is None

    def test_a_watch_inside_that_refuses_is_an_error_and_when_it_can_it_watches(self) -> None:
        with MonitoredGate(SETTINGS, now=now, make=own_watch) as gate:
            with pytest.raises(DeviceError, match="the tube is hot"):
                gate.arm()
            assert gate.look(now()).state is GateState.STOPPED
            gate.arm()
            over_s = time.monotonic() + LONG_S
            while not (decision := gate.look(now())).permits_beam and time.monotonic() < over_s:
                time.sleep(0.02)
                if decision.state is GateState.STOPPED:
                    gate.arm()  # the machine was too busy
            assert decision.permits_beam

    def test_a_gate_that_takes_too_long_for_a_look_lets_no_beam_pass(self) -> None:
        with MonitoredGate(SETTINGS, now=now, make=looks_slowly) as gate:
            gate.arm()
            room = Room(gate)
            decisions = [room.look() for _ in range(40)]
            assert sum(not d.permits_beam and bool(d.reason) for d in decisions) > 20
            gate.arm()
            for _ in range(2000):  # in less than the seconds in which so many would be taken
                gate.push(sample(1, 0.0))
            full = gate.look(now())
        assert full.state is GateState.STOPPED
        assert full.reason == "the monitor takes no more images"

    def test_a_gate_that_the_other_process_cannot_find_is_an_error(self) -> None:
        gate = MonitoredGate(SETTINGS, now=now, make=lambda *_: None)  # type: ignore[arg-type]  # has no name
        with pytest.raises(DeviceError, match="cannot begin"):
            gate.start()
        gate.close()

    @pytest.mark.parametrize("speed", [0.0, -1.0, float("nan"), float("inf")])
    def test_a_speed_that_is_none_is_refused(self, speed: float) -> None:
        with pytest.raises(InputError, match="speed"):
            MonitoredGate(SETTINGS, now=now, speed=speed)
