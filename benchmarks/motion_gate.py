"""The gate: faults of every kind, the process killed and frozen, and how long a hold takes.

Run with ``python benchmarks/motion_gate.py [--only SECTION ...] [--faults N] [--processes N] [--seconds S]
[--leaves N]``. Faults of frames are tried on a clock of their own; processes, latency and leaving the gate in
real time, through the monitor's process, with a stream at the imager's rate. Latency begins when a frame is
handed over: exposure, read-out and finding the target are not in it. Where it is allowed to, the reader asks
for the priority that the monitor asks for, so that neighbours on the computer are not measured.
"""

import argparse
import contextlib
import os
import signal
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from functools import cache, partial

import numpy as np

from isoguide.geometry.frames import Array
from isoguide.kernels.gate_probability import gate_probability
from isoguide.motion.gate import predicting_gate
from isoguide.motion.gate_settings import GateSettings
from isoguide.motion.gating import GateDecision, GateState
from isoguide.motion.monitor_loop import PRIORITY, pushed_gate
from isoguide.motion.monitor_process import MonitoredGate
from isoguide.motion.persistence import Persistence
from isoguide.motion.prediction import Predictor
from isoguide.motion.sample import TargetSample
from isoguide.virtual.breathing import Breathing
from isoguide.virtual.gate_campaign import LOOP_FAULTS, Control, Course, CourseRun, FaultResult, try_faults
from isoguide.virtual.gate_faults import STREAM_FAULTS
from isoguide.virtual.prostate_motion import ProstateMotion
from isoguide.virtual.sighting_stream import StreamSettings, breathing_truth, prostate_truth
from page import table

SEED = 4242
RATES_PER_S = (7.0, 10.0, 15.0, 25.0)
BREATHING_GATE_MM, PROSTATE_GATE_MM = 5.0, 4.0
LIVE_GATE = GateSettings(gate_mm=3.0)
POLL_S = 0.001
"""How often the reader looks: it is in the latency."""
SIGMA_MM = 0.2
PATIENCE_S = 30.0


def courses(each: int, seconds: float) -> list[Course]:
    """Return targets that breathe and prostates, imaged at each rate, ``each`` of either."""
    rng = np.random.default_rng(SEED)
    found: list[Course] = []
    for n in range(each):
        for rate in RATES_PER_S:
            stream = StreamSettings(
                rate, float(rng.uniform(0.02, 0.12)), 0.005, tuple(rng.uniform(0.15, 0.4, 3))
            )
            breathing = Breathing(
                peak_to_peak_mm=float(rng.uniform(6.0, 16.0)), period_s=float(rng.uniform(3.0, 5.5))
            )
            predictor = (Predictor, Persistence)[n % 2]
            gate = GateSettings(gate_mm=BREATHING_GATE_MM)
            name = f"breathing, {'predicted' if predictor is Predictor else 'as it is'}"
            found.append(
                Course(name, breathing_truth(breathing, rng), stream, gate, predictor, seconds, len(found))
            )
            still = prostate_truth(ProstateMotion(), rng)
            gate = GateSettings(gate_mm=PROSTATE_GATE_MM)
            found.append(Course("prostate", still, stream, gate, Persistence, seconds, len(found)))
    return found


@cache
def tried(faults: int) -> tuple[Sequence[FaultResult], Sequence[Control]]:
    """Try so many faults, and the same courses without."""
    return try_faults(courses(each=6, seconds=120.0), faults, SEED)


def faults_section(faults: int) -> str:
    results, controls = tried(faults)
    return "\n\n".join([faults_table(results), controls_table(controls)])


def faults_table(results: Sequence[FaultResult]) -> str:
    by_kind: dict[str, list[FaultResult]] = defaultdict(list)
    for result in results:
        by_kind[result.fault].append(result)
    rows = []
    for name, of_kind in sorted(by_kind.items()):
        after_s = [PATIENCE_S if r.held_after_s is None else r.held_after_s for r in of_kind]
        happens = STREAM_FAULTS[name].happens if name in STREAM_FAULTS else LOOP_FAULTS[name]
        rows.append(
            [
                name,
                happens,
                f"{sum(r.is_held for r in of_kind)} of {len(of_kind)}",
                f"{np.median(after_s):.2f}",
                f"{max(after_s):.2f}",
                f"{max(r.within_s for r in of_kind):.2f}",
            ]
        )
    held = sum(r.is_held for r in results)
    title = f"Faults at random moments of beam; to keep: all held in time ({held} of {len(results)} were)"
    return table(title, ("fault", "what happens", "held", "median s", "longest s", "stated s"), rows)


def controls_table(controls: Sequence[Control]) -> str:
    by_name: dict[str, list[Control]] = defaultdict(list)
    for control in controls:
        by_name[control.course].append(control)
    rows = []
    for name, of_kind in sorted(by_name.items()):
        seconds, on_s = sum(c.seconds for c in of_kind), sum(c.on_s for c in of_kind)
        inside_s = sum(c.inside_s for c in of_kind)
        rows.append(
            [
                name,
                f"{seconds / 60.0:.0f}",
                f"{100.0 * inside_s / seconds:.0f} %",
                f"{100.0 * on_s / seconds:.0f} %",
                f"{100.0 * sum(c.outside_on_s for c in of_kind) / on_s:.1f} %",
                f"{sum(len(c.holds) for c in of_kind)}",
                f"{sum(c.false_holds for c in of_kind)}",
            ]
        )
    head = ("target", "min", "inside", "beam on", "beam while outside", "holds", "holds without cause")
    return table("The same without a fault; to keep: no hold without cause", head, rows)


def ask_for_priority() -> None:
    """Ask for what the monitor asks for, where that is allowed."""
    if hasattr(os, "setpriority"):
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, 0, PRIORITY)


class Live:
    """A stream in real time into the monitor's process, and what is read from it."""

    def __init__(self, gate: MonitoredGate, rate_per_s: float, rng: np.random.Generator) -> None:
        self.gate, self.rng = gate, rng
        self.step_s = 1.0 / rate_per_s
        self.next_s = time.monotonic()
        self.number = 0
        self.shown_mm, self.starved = 0.0, 0
        self.handed_s: dict[int, float] = {}

    def frame(self, place_mm: Array) -> Iterator[tuple[float, GateDecision]]:
        """Hand over a frame when it is due, and look until the next one is: seconds, decision."""
        while time.monotonic() < self.next_s:
            time.sleep(POLL_S)
            yield time.monotonic(), self.gate.look(now())
        self.number += 1
        seen = place_mm + SIGMA_MM * self.rng.standard_normal(3)
        covariance = SIGMA_MM**2 * np.eye(3)
        sample = TargetSample(seen, covariance, now(), self.number, "imager", 1.0, "all markers seen")
        self.shown_mm = float(np.linalg.norm(seen))
        self.handed_s[self.number] = time.monotonic()
        self.gate.push(sample)
        self.next_s = max(self.next_s + self.step_s, time.monotonic())
        yield time.monotonic(), self.gate.look(now())

    def until_beam(self) -> None:
        self.gate.arm()
        self.next_s = time.monotonic()
        over_s = time.monotonic() + PATIENCE_S
        while time.monotonic() < over_s:
            for _, decision in self.frame(np.zeros(3)):
                if decision.permits_beam:
                    return
            if decision.state is GateState.STOPPED:
                self.starved += 1
                self.gate.arm()
        msg = f"no beam within {PATIENCE_S:g} s: {decision.reason}"
        raise RuntimeError(msg)


def now() -> datetime:
    return datetime.now(UTC)


def process_section(each: int) -> str:
    """Kill, freeze and garble real processes, and measure until beam may not pass any more."""
    ask_for_priority()
    rng = np.random.default_rng(SEED)
    rows = []
    for name, strike in STRIKES.items():
        after_s, reasons, kept = [], set(), 0
        with MonitoredGate(LIVE_GATE, now=now) as gate:
            for _ in range(each):
                live = Live(gate, float(rng.choice(RATES_PER_S)), rng)
                live.until_beam()
                time.sleep(float(rng.uniform(0.0, 0.05)))
                struck_s = time.monotonic()
                strike(gate, rng)
                held_s = None
                while time.monotonic() < struck_s + 1.5:
                    for at_s, decision in live.frame(np.zeros(3)):
                        if held_s is None and not decision.permits_beam:
                            held_s = at_s - struck_s
                        kept += held_s is not None and decision.permits_beam
                        reasons |= {decision.reason.split(" for ")[0]} if held_s is not None else set()
                after_s.append(PATIENCE_S if held_s is None else held_s)
                gate.end()
        stopped = f"{sum(s <= LIVE_GATE.permit_s + 0.1 for s in after_s)} of {each}"
        words = "; ".join(sorted(reasons - {""}))
        rows.append([name, stopped, f"{np.median(after_s):.3f}", f"{max(after_s):.3f}", str(kept), words])
    head = (
        "what happens to the process",
        "held in 0.4 s",
        "median s",
        "longest s",
        "beam after that",
        "reasons",
    )
    return table("Real processes; to keep: all held when the permission ends (0.3 s)", head, rows)


def kill(gate: MonitoredGate, _: np.random.Generator) -> None:
    os.kill(gate.process_id or 0, signal.SIGKILL)


def freeze(gate: MonitoredGate, _: np.random.Generator) -> None:
    os.kill(gate.process_id or 0, signal.SIGSTOP)


def garble(gate: MonitoredGate, rng: np.random.Generator) -> None:
    memory = gate._records._decisions._view  # there is no other way to write into it
    memory[:] = rng.integers(0, 256, len(memory), dtype=np.uint8).tobytes()
    os.kill(gate.process_id or 0, signal.SIGSTOP)


STRIKES: dict[str, Callable[[MonitoredGate, np.random.Generator], None]] = {
    "killed": kill,
    "frozen": freeze,
    "memory overwritten": garble,
}


def latency_section(seconds: float) -> str:
    """Measure from the hand-over of each frame until a decision that knows it is read."""
    ask_for_priority()
    rng = np.random.default_rng(SEED)
    rows = []
    for make, name in ((pushed_gate, "as it is"), (predicting_gate, "predicted")):
        with MonitoredGate(LIVE_GATE, now=now, make=make) as gate:
            for rate in (10.0, 25.0):
                live = Live(gate, rate, rng)
                gate.arm()
                live.next_s = time.monotonic()
                known: dict[int, float] = {}
                over_s = time.monotonic() + seconds
                while time.monotonic() < over_s:
                    for at_s, decision in live.frame(np.zeros(3)):
                        if decision.sighting is not None:
                            known.setdefault(decision.sighting.number, at_s)
                ms = [1e3 * (known[n] - live.handed_s[n]) for n in known]
                lost = len(live.handed_s) - len(known)
                rows.append([name, f"{rate:g}", str(len(ms)), *percentiles(ms), str(lost)])
                gate.end()
    head = ("target", "frames/s", "frames", "median ms", "P95 ms", "P99 ms", "longest ms", "never seen alone")
    return table("From a frame to the decision that knows it; to keep: P99 20 ms", head, rows)


def leaving_section(leaves: int) -> str:
    """Measure from the first frame that shows the target outside until beam may not pass."""
    rows = [
        [f"{rate:g}", str(leaves), str(before), *percentiles(ms), str(starved)]
        for rate, (before, ms, starved) in left(leaves).items()
    ]
    title = (
        "A target that leaves the gate at 5 to 40 mm/s, from the first frame that shows it outside to the "
        "hold; to keep: P99 50 ms"
    )
    head = ("frames/s", "times", "held before", "median ms", "P95 ms", "P99 ms", "longest ms", "starved")
    return table(title, head, rows)


@cache
def left(leaves: int) -> dict[float, tuple[int, list[float], int]]:
    """Let the target leave so often at each rate: how often held before, milliseconds, starved."""
    ask_for_priority()
    rng = np.random.default_rng(SEED)
    found = {}
    for rate in (10.0, 25.0):
        with MonitoredGate(LIVE_GATE, now=now) as gate:
            live = Live(gate, rate, rng)
            after_ms = []
            for _ in range(leaves):
                live.until_beam()
                after_ms.append(leave_once(live, rng))
        ms = [one for one in after_ms if one is not None]
        found[rate] = (leaves - len(ms), ms, live.starved)
    return found


def leave_once(live: Live, rng: np.random.Generator) -> float | None:
    """Let the target go; milliseconds from the frame that shows it outside, None if held before."""
    direction = rng.standard_normal(3)
    velocity = direction / np.linalg.norm(direction) * rng.uniform(5.0, 40.0)
    began_s, out_s = time.monotonic(), None
    while True:
        last = live.number
        place = (time.monotonic() - began_s) * velocity
        for at_s, decision in live.frame(place):
            if out_s is None and live.number > last and live.shown_mm > LIVE_GATE.gate_mm:
                out_s = live.handed_s[live.number]
            if not decision.permits_beam:
                return None if out_s is None else 1e3 * (at_s - out_s)


def time_section() -> str:
    """Measure a look and the probability alone."""
    rng = np.random.default_rng(SEED)
    points = rng.uniform(-4.0, 4.0, (2000, 3))
    covariance = np.array([[1.0, 0.3, 0.1], [0.3, 0.5, 0.0], [0.1, 0.0, 0.2]])
    gate_probability(points[0], covariance, 3.0)
    alone = timed([partial(gate_probability, point, covariance, 3.0) for point in points])
    rows = [["probability in the gate", *alone]]
    for predictor, name in ((Persistence, "a look, as it is"), (Predictor, "a look, predicted")):
        truth = breathing_truth(Breathing(10.0), np.random.default_rng(SEED))
        gate = GateSettings(gate_mm=BREATHING_GATE_MM)
        run = CourseRun(Course(name, truth, StreamSettings(10.0), gate, predictor, 120.0, SEED))
        rows.append([name, *timed([run.step] * 2000)])
    return table("Time, on one core", ("what", "median µs", "P95 µs", "P99 µs", "longest µs"), rows)


def timed(calls: Sequence[Callable[[], object]]) -> list[str]:
    used = []
    for call in calls:
        began = time.perf_counter()
        call()
        used.append(1e6 * (time.perf_counter() - began))
    return percentiles(used, "{:.0f}")


def percentiles(values: Sequence[float], form: str = "{:.1f}") -> list[str]:
    """Median, P95, P99 and the largest."""
    if not values:
        return ["", "", "", ""]
    return [form.format(float(np.quantile(values, share))) for share in (0.5, 0.95, 0.99, 1.0)]


SECTIONS: dict[str, Callable[[argparse.Namespace], str]] = {
    "faults": lambda asked: faults_section(asked.faults),
    "processes": lambda asked: process_section(asked.processes),
    "latency": lambda asked: latency_section(asked.seconds),
    "leaving": lambda asked: leaving_section(asked.leaves),
    "time": lambda _: time_section(),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=SECTIONS, nargs="+", default=list(SECTIONS), help="sections")
    parser.add_argument("--faults", type=int, default=1160, help="faults of frames and of the loop")
    parser.add_argument("--processes", type=int, default=8, help="of each kind")
    parser.add_argument("--seconds", type=float, default=40.0, help="of each stream for the latency")
    parser.add_argument("--leaves", type=int, default=100, help="at each rate")
    arguments = parser.parse_args()
    for name in arguments.only:
        print(SECTIONS[name](arguments), "\n", flush=True)


if __name__ == "__main__":
    main()
