"""What a recording of the target comes to in numbers: duty cycle, holds, residuals, latency."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Final

import numpy as np

from isoguide.course import MotionHold, MotionRecord, MotionResidual
from isoguide.errors import InputError
from isoguide.geometry.frames import Array
from isoguide.motion.gating import GateDecision, GateState
from isoguide.motion.sample import TargetSample
from isoguide.workflow.motion.recording import DECISION_EVERY, Recording

ASKED: Final = 2 * DECISION_EVERY
"""Decisions that lie further apart mean that nobody asked the gate between them."""
_WATCHED: Final = (GateState.ARMED, GateState.BEAM_ON, GateState.HOLD)
_GRAVITY: Final = {GateState.HOLD: 0, GateState.REALIGN: 1, GateState.STOPPED: 2}


@dataclass(frozen=True, slots=True)
class Stretch:
    """Some time in which the gate stayed in a state, with the decision that began it."""

    began_at: datetime
    ended_at: datetime
    decision: GateDecision

    @property
    def lasted_s(self) -> float:
        """How long."""
        return (self.ended_at - self.began_at) / timedelta(seconds=1)


Span = tuple[datetime, datetime]
"""Begin and end of something."""


@dataclass(frozen=True, slots=True, eq=False)
class MotionFigures:
    """Figures of one recording.

    Parameters
    ----------
    started_at, ended_at
        First and last decision.
    stretches
        What the gate did when, in order.
    beam
        When radiation was on; as the gate permitted it in a recording without a beam (``is_beam_known`` is
        False then).
    holds
        When and why beam could not pass.
    frames, unseen
        How many there were, and how many did not show the target.
    inside, without_gating
        Where the target was seen while the beam was on, and over the whole time.
    true_inside, true_without_gating
        The same of where a virtual target really was.
    latency_s
        From each exposure until the gate had what it shows, (frames,).
    """

    started_at: datetime
    ended_at: datetime
    stretches: tuple[Stretch, ...]
    beam: tuple[Span, ...]
    is_beam_known: bool
    holds: tuple[MotionHold, ...]
    frames: int
    unseen: int
    inside: MotionResidual | None
    without_gating: MotionResidual | None
    true_inside: MotionResidual | None
    true_without_gating: MotionResidual | None
    latency_s: Array

    @property
    def watched_s(self) -> float:
        """How long the gate was asked."""
        return sum(one.lasted_s for one in self.stretches if one.decision.state in _WATCHED)

    @property
    def permitted_s(self) -> float:
        """For how long of it beam could pass."""
        return sum(one.lasted_s for one in self.stretches if one.decision.permits_beam)

    @property
    def beam_on_s(self) -> float:
        """How long radiation was on."""
        return sum((end - begin) / timedelta(seconds=1) for begin, end in self.beam)

    @property
    def duty_cycle(self) -> float:
        """Share of the watched time in which beam could pass; 0 where nothing was watched."""
        return self.permitted_s / self.watched_s if self.watched_s > 0.0 else 0.0

    @property
    def latency_median_s(self) -> float | None:
        """Median of the latency, None without frames."""
        return float(np.median(self.latency_s)) if self.latency_s.size else None

    @property
    def latency_p99_s(self) -> float | None:
        """99 % of the frames came faster; None without frames."""
        return float(np.percentile(self.latency_s, 99)) if self.latency_s.size else None

    @classmethod
    def of(cls, recording: Recording) -> "MotionFigures":
        """Compute the figures of a recording.

        Raises
        ------
        InputError
            If it holds no decision.
        """
        if not recording.decisions:
            msg = "the recording holds no decision of a gate, so there is nothing to sum up: record again"
            raise InputError(msg)
        stretches = tuple(_stretches(recording))
        permitted = tuple(_joined(one for one in stretches if one.decision.permits_beam))
        beam = tuple(_beam(recording)) if recording.beam else permitted
        whole = ((recording.decisions[0].at, recording.decisions[-1].at),)
        least = recording.header.settings.least_quality
        seen = [one.seen for one in recording.sightings if isinstance(one.seen, TargetSample)]
        used = [(sample.at, sample.position_mm) for sample in seen if sample.quality >= least]
        truth = [(one.at, one.position_mm) for one in recording.truth]
        latency = [(one.taken_at - one.seen.at) / timedelta(seconds=1) for one in recording.sightings]
        return cls(
            *whole[0],
            stretches,
            beam,
            bool(recording.beam),
            tuple(_holds(stretches)),
            len(recording.sightings),
            len(recording.sightings) - len(seen),
            residual_of(used, beam),
            residual_of(used, whole),
            residual_of(truth, beam),
            residual_of(truth, whole),
            np.array(latency),
        )

    def record(self, recording: Recording, sha256: str) -> MotionRecord:
        """Return what is kept with a fraction; ``sha256`` is that of the recording in the image store."""
        return MotionRecord(
            recording.header.device,
            recording.header.settings.gate_mm,
            self.started_at,
            self.ended_at,
            self.watched_s,
            self.permitted_s,
            self.beam_on_s,
            self.holds,
            self.frames,
            self.unseen,
            self.inside,
            self.without_gating,
            self.latency_median_s,
            self.latency_p99_s,
            sha256,
        )


def residual_of(positions: Sequence[tuple[datetime, Array]], spans: Sequence[Span]) -> MotionResidual | None:
    """Sum up the positions that fall into any of the spans, ends included; None if fewer than two do."""
    found = [at_mm for at, at_mm in positions if any(begin <= at <= end for begin, end in spans)]
    if len(found) < 2:
        return None
    values = np.array(found)
    length = np.linalg.norm(values, axis=1)
    return MotionResidual(
        len(found),
        values.mean(axis=0),
        values.std(axis=0, ddof=1),
        np.percentile(np.abs(values), 95, axis=0),
        float(length.mean()),
        float(np.percentile(length, 95)),
    )


def _stretches(recording: Recording) -> Iterator[Stretch]:
    """Return how long each decision held: to the next, and where nobody asked no longer than a permission."""
    permission = timedelta(seconds=recording.header.settings.permit_s)
    for one, after in pairwise(recording.decisions):
        is_asked = after.at - one.at <= ASKED
        ended_at = after.at if is_asked else one.at + permission
        yield Stretch(one.at, max(ended_at, one.at), one)
    last = recording.decisions[-1]
    yield Stretch(last.at, last.at, last)


def _joined(stretches: Iterable[Stretch]) -> Iterator[Span]:
    """Join stretches that follow each other without a gap."""
    began_at: datetime | None = None
    ended_at: datetime | None = None
    for one in stretches:
        if began_at is not None and ended_at is not None and one.began_at != ended_at:
            yield began_at, ended_at
            began_at = None
        began_at = began_at or one.began_at
        ended_at = one.ended_at
    if began_at is not None and ended_at is not None:
        yield began_at, ended_at


def _beam(recording: Recording) -> Iterator[Span]:
    """Return when radiation was on; a beam whose end is missing lasts to the last decision."""
    on: datetime | None = None
    for change in recording.beam:
        if change.is_on:
            on = on or change.at
        elif on is not None:
            yield on, change.at
            on = None
    if on is not None:
        yield on, max(on, recording.decisions[-1].at)


def _holds(stretches: Sequence[Stretch]) -> Iterator[MotionHold]:
    """Return the stretches without permission; a change of the state joins its neighbours, a gap does not."""
    run: list[Stretch] = []
    for one in stretches:
        is_closed = one.decision.state in _GRAVITY
        if run and (not is_closed or one.began_at != run[-1].ended_at):
            yield _hold(run)
            run = []
        if is_closed:
            run.append(one)
    if run:
        yield _hold(run)


def _hold(run: Sequence[Stretch]) -> MotionHold:
    gravest = max(run, key=lambda one: _GRAVITY[one.decision.state])
    proposals = [one.decision.proposal_mm for one in run if one.decision.proposal_mm is not None]
    return MotionHold(
        run[0].began_at,
        sum(one.lasted_s for one in run),
        str(gravest.decision.state),
        run[0].decision.reason if gravest.decision.state is GateState.HOLD else gravest.decision.reason,
        proposals[-1] if proposals else None,
    )
