"""Does a gate hold whatever goes wrong, and only then? Faults of every kind at random moments of motion.

A gate is followed while nothing is wrong; at random moments while beam passes it is copied, and the copy gets
a fault. What is compared is beam, not decisions: a permission lasts for ``permit_s`` when nobody looks.
"""

import copy
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Final

import numpy as np

from isoguide.geometry.frames import Array
from isoguide.motion.gate import TargetGate, TargetPredictor
from isoguide.motion.gate_settings import GateSettings
from isoguide.motion.gating import GateDecision
from isoguide.motion.persistence import Persistence
from isoguide.motion.prediction import Prediction
from isoguide.motion.sample import TargetSample
from isoguide.virtual.gate_faults import STREAM_FAULTS, FaultDraw, corrupted
from isoguide.virtual.sighting_stream import Arrival, StreamSettings, StreamWatch, Truth, draw_arrivals

BEGIN: Final = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
AFTER_S: Final = 2.0
"""A gate is watched for so long after the time by which it has to have held."""
LEAVES: Final = "leaves the gate"
LOOP_FAULTS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "loop silent": "nobody looks for longer than a permission lasts",
        "monitor's clock set back": "the time that the gate is told falls",
        "predictor fails": "an exception in the predictor",
        "predictor says nonsense": "a place that is no number",
        LEAVES: "the target goes at 3 to 40 mm/s, from the first frame outside",
    }
)
"""What happens, by name; none of them is in the frames, or for the last, wrong with them."""
FAULTS: Final = (*STREAM_FAULTS, *LOOP_FAULTS)
"""Names of all faults, those of the stream first."""


@dataclass(frozen=True, slots=True)
class Course:
    """One target, how it is watched, and what its gate demands."""

    name: str
    truth: Truth
    stream: StreamSettings
    gate: GateSettings
    predictor: Callable[[], TargetPredictor] = Persistence
    seconds: float = 60.0
    seed: int = 0


@dataclass(frozen=True, slots=True)
class FaultResult:
    """What a gate did about one fault: after how long beam was off, and whether it passed again."""

    fault: str
    course: str
    onset_s: float
    within_s: float
    held_after_s: float | None
    came_back: bool
    reason: str

    @property
    def is_held(self) -> bool:
        """Whether beam was off in time, and for good where it has to be."""
        return self.held_after_s is not None and self.held_after_s <= self.within_s and not self.came_back


@dataclass
class Control:
    """What a gate did while nothing was wrong."""

    course: str
    seconds: float
    on_s: float = 0.0
    inside_s: float = 0.0
    outside_on_s: float = 0.0
    holds: list[tuple[float, str, bool]] = field(default_factory=list)
    """Second, reason, and whether there was cause: the target was, or was about to be, near the edge."""

    @property
    def false_holds(self) -> int:
        """Holds without cause."""
        return sum(not with_cause for _, _, with_cause in self.holds)


class BreakablePredictor:
    """Predicts as another one does until it is broken."""

    def __init__(self, inner: TargetPredictor) -> None:
        self._inner = inner
        self.broken = ""

    def reset(self) -> None:
        """Forget everything."""
        self._inner.reset()

    def see(self, at_s: float, position_mm: Array) -> None:
        """Take in where the target was."""
        self._inner.see(at_s, position_mm)

    def predict(self, at_s: float) -> Prediction:
        """Predict, or fail on purpose.

        Raises
        ------
        ZeroDivisionError
            When it is broken so.
        """
        if self.broken == "predictor fails":
            msg = "singular matrix"
            raise ZeroDivisionError(msg)
        expected = self._inner.predict(at_s)
        nonsense = self.broken == "predictor says nonsense"
        return replace(expected, position_mm=np.full(3, np.nan)) if nonsense else expected


class CourseRun:
    """One course from look to look; :meth:`fork` tries a fault on a copy.

    Parameters
    ----------
    course
        What happens.
    """

    def __init__(self, course: Course) -> None:
        self.course = course
        self.rng = np.random.default_rng(course.seed)
        self._samples = draw_arrivals(
            course.truth, course.stream, started_at=BEGIN, seconds=course.seconds + 30.0, rng=self.rng
        )
        self._exposed_s = [_exposed_s(arrival) for arrival in self._samples]
        self._watch = StreamWatch(self._samples, BEGIN)
        self._predictor = BreakablePredictor(course.predictor())
        self._gate = TargetGate(self._watch, course.gate, self._predictor)
        self._gate.warm_up()
        self._gate.arm()
        self.decision: GateDecision | None = None
        self.now_s = 0.0

    def step(self) -> GateDecision:
        """Look once, about a period after the last look."""
        self.now_s += self.course.gate.period_s * self.rng.uniform(0.9, 1.1)
        self.decision = self._gate.look(_at(self.now_s))
        return self.decision

    def fork(self, fault: str) -> FaultResult:
        """Try a fault that begins now."""
        rng = np.random.default_rng(self.rng.integers(2**63))
        draw = FaultDraw(self.now_s, self.course.stream, self.course.gate, rng)
        arrivals, within_s, lasts = self._arrivals(fault, draw)
        watch = StreamWatch(arrivals, BEGIN, taken=self._watch.taken)
        gate, predictor = copy.deepcopy(
            (self._gate, self._predictor), {id(self._watch): watch, id(self.course.gate): self.course.gate}
        )
        predictor.broken = fault
        held_s, came_back, reason = _follow(gate, _looks(fault, draw, within_s + AFTER_S), draw, within_s)
        return FaultResult(fault, self.course.name, self.now_s, within_s, held_s, came_back and lasts, reason)

    def _arrivals(self, fault: str, draw: FaultDraw) -> tuple[Sequence[Arrival], float, bool]:
        if fault in STREAM_FAULTS:
            known = STREAM_FAULTS[fault]
            return corrupted(self._samples, fault, draw, self._exposed_s), known.within_s(draw), known.lasts
        if fault == LEAVES:
            return self._leaving(draw)
        within_s = draw.gate.permit_s + 2.0 * draw.gate.period_s
        return self._samples, within_s, fault != "loop silent"

    def _leaving(self, draw: FaultDraw) -> tuple[Sequence[Arrival], float, bool]:
        """Let the target go, as fast as tissue does; it is out when the first frame shows it outside."""
        direction = draw.rng.standard_normal(3)
        velocity = direction / np.linalg.norm(direction) * draw.rng.uniform(3.0, 40.0)
        arrivals, out_s = [], None
        for arrival, exposed_s in zip(self._samples, self._exposed_s, strict=True):
            gone_s = min(max(exposed_s - draw.onset_s, 0.0), 15.0)
            sample = arrival.what
            if isinstance(sample, TargetSample) and gone_s:
                place = sample.position_mm + gone_s * velocity
                arrival = replace(arrival, what=replace(sample, position_mm=place))
                if out_s is None and np.linalg.norm(place) > draw.gate.gate_mm:
                    out_s = arrival.at_s
            arrivals.append(arrival)
        within_s = (out_s or draw.onset_s) - draw.onset_s + 2.0 * draw.gate.period_s
        return arrivals, within_s, False


def control(run: CourseRun, forks: Callable[[CourseRun], None] = lambda _: None) -> Control:
    """Follow a course to its end.

    Parameters
    ----------
    run
        Of the course.
    forks
        Is called after each look while beam passes.
    """
    course = run.course
    outcome = Control(course.name, course.seconds)
    before_s, was_on, margin_mm = 0.0, False, 2.0 * float(max(course.stream.sigma_mm)) + 0.5
    while run.now_s < course.seconds:
        decision = run.step()
        step_s, before_s = run.now_s - before_s, run.now_s
        reacts_s = run.now_s + course.gate.system_latency_s
        away_mm = float(np.linalg.norm(course.truth(reacts_s)))
        outcome.inside_s += step_s * (away_mm <= course.gate.gate_mm)
        outcome.on_s += step_s * decision.permits_beam
        outcome.outside_on_s += step_s * (decision.permits_beam and away_mm > course.gate.gate_mm)
        if was_on and not decision.permits_beam:
            soon = (np.linalg.norm(course.truth(reacts_s + ahead)) for ahead in (-0.3, 0.0, 0.3))
            near = max(soon) > course.gate.gate_mm - margin_mm
            outcome.holds.append((run.now_s, decision.reason, bool(near)))
        was_on = decision.permits_beam
        if was_on:
            forks(run)
    return outcome


def try_faults(courses: Sequence[Course], count: int, seed: int) -> tuple[list[FaultResult], list[Control]]:
    """Try so many faults, each kind as often, spread over courses and moments at which beam passes.

    Parameters
    ----------
    courses
        Whose gates have to let beam pass now and then.
    count
        Of faults.
    seed
        Of what is random.
    """
    rng = np.random.default_rng(seed)
    names = [FAULTS[n % len(FAULTS)] for n in range(count)]
    rng.shuffle(names)
    results: list[FaultResult] = []
    controls = []
    for n, course in enumerate(courses):
        due = list(
            zip(
                sorted(rng.uniform(0.15, 1.0, len(names[n :: len(courses)]))),
                names[n :: len(courses)],
                strict=True,
            )
        )

        def fork(run: CourseRun, due: list[tuple[float, str]] = due) -> None:
            while due and due[0][0] * run.course.seconds <= run.now_s:
                results.append(run.fork(due.pop(0)[1]))

        controls.append(control(CourseRun(course), fork))
    return results, controls


def _looks(fault: str, draw: FaultDraw, seconds: float) -> Iterator[tuple[float, float]]:
    """When a copy is looked at, and what time it is told."""
    begin_s = at_s = draw.onset_s
    pause_s = draw.gate.permit_s + draw.rng.uniform(0.05, 1.0) if fault == "loop silent" else 0.0
    back_s = draw.rng.uniform(0.1, 3600.0) if fault == "monitor's clock set back" else 0.0
    while at_s < begin_s + seconds:
        at_s += draw.gate.period_s * draw.rng.uniform(0.9, 1.1) + pause_s
        pause_s = 0.0
        yield at_s, at_s - back_s


def _follow(
    gate: TargetGate, looks: Iterator[tuple[float, float]], draw: FaultDraw, within_s: float
) -> tuple[float | None, bool, str]:
    """Return when beam was off, whether it passed after it had to be off, and the reason."""
    held_s, came_back, reason = None, False, ""
    permitted_until_s = draw.onset_s + draw.gate.permit_s
    for at_s, told_s in looks:
        if held_s is None and at_s > permitted_until_s:
            held_s = permitted_until_s - draw.onset_s
        decision = gate.look(_at(told_s))
        if decision.permits_beam:
            permitted_until_s = at_s + draw.gate.permit_s
            came_back = came_back or at_s - draw.onset_s > within_s
        elif held_s is None:
            held_s = at_s - draw.onset_s
        if not decision.permits_beam:
            permitted_until_s = at_s
            reason = reason or decision.reason
    return held_s, came_back, reason


def _at(seconds: float) -> datetime:
    return BEGIN + timedelta(seconds=seconds)


def _exposed_s(arrival: Arrival) -> float:
    if isinstance(arrival.what, Exception):
        raise TypeError(arrival)
    return (arrival.what.at - BEGIN).total_seconds()
