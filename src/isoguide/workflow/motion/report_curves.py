"""What the figures of a monitoring report are drawn from: arrays over seconds since the first decision."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import numpy as np

from isoguide.geometry.frames import Array
from isoguide.motion.gating import GateState
from isoguide.motion.sample import TargetSample
from isoguide.workflow.motion.figures import MotionFigures
from isoguide.workflow.motion.recording import Recording

NORMAL_95: Final = 1.96
_BRACKETS: Final = re.compile(r"\s*\([^()]*\d[^()]*\)")
_NUMBERS: Final = re.compile(r"\d+(?:[.,]\d+)?")


@dataclass(frozen=True, slots=True, eq=False)
class Curves:
    """A recording as arrays; positions are those of :class:`~isoguide.motion.sample.TargetSample`.

    Parameters
    ----------
    last_s
        When it ends.
    seen_s, seen_mm, sigma_mm
        Frames with the target: exposure (n,), position (n, 3), standard deviation of each axis (n, 3);
        NaN between two frames that lie too far apart to be joined.
    distance_sigma_mm
        Standard deviation along the direction in which the target was displaced, (n,).
    unseen_s
        Frames without it, (m,).
    true_s, true_mm
        Where a virtual target really was, (k,) and (k, 3).
    asked_s, probability
        Decisions, (d,); NaN where the probability could not be told.
    levels
        Probability below which the gate closes, and above which it opens.
    states
        From when to when the gate was in which state.
    beam
        From when to when radiation was on.
    """

    last_s: float
    seen_s: Array
    seen_mm: Array
    sigma_mm: Array
    distance_sigma_mm: Array
    unseen_s: Array
    true_s: Array
    true_mm: Array
    asked_s: Array
    probability: Array
    levels: tuple[float, float]
    states: tuple[tuple[float, float, GateState], ...]
    beam: tuple[tuple[float, float], ...]

    @classmethod
    def of(cls, recording: Recording, figures: MotionFigures) -> "Curves":
        """Turn a recording into arrays."""
        began_at = figures.started_at

        def seconds(at: datetime) -> float:
            return (at - began_at) / timedelta(seconds=1)

        seen = [one.seen for one in recording.sightings if isinstance(one.seen, TargetSample)]
        unseen = [one.seen.at for one in recording.sightings if not isinstance(one.seen, TargetSample)]
        stale_s = recording.header.settings.stale_s
        seen_s, seen_mm, sigma_mm, along_mm = _with_gaps(
            seen, np.array([seconds(one.at) for one in seen]), stale_s
        )
        decisions = recording.decisions
        chances = [np.nan if one.probability is None else one.probability for one in decisions]
        return cls(
            seconds(figures.ended_at),
            seen_s,
            seen_mm,
            sigma_mm,
            along_mm,
            np.array([seconds(at) for at in unseen]),
            np.array([seconds(one.at) for one in recording.truth]),
            np.array([one.position_mm for one in recording.truth]).reshape(-1, 3),
            np.array([seconds(one.at) for one in decisions]),
            np.array(chances),
            (recording.header.settings.least_probability, recording.header.settings.settled_probability),
            tuple(_joined([(seconds(one.began_at), seconds(one.ended_at), one.decision.state)
                           for one in figures.stretches])),
            tuple((seconds(begin), seconds(end)) for begin, end in figures.beam),
        )  # fmt: skip


def _with_gaps(
    seen: Sequence[TargetSample], at_s: Array, stale_s: float
) -> tuple[Array, Array, Array, Array]:
    """Return times, positions and deviations with a NaN wherever frames lie too far apart to be joined."""
    places = np.array([one.position_mm for one in seen]).reshape(-1, 3)
    covariances = np.array([one.covariance_mm2 for one in seen]).reshape(-1, 3, 3)
    sigma = np.sqrt(np.clip(np.diagonal(covariances, axis1=1, axis2=2), 0.0, None))
    length = np.linalg.norm(places, axis=1, keepdims=True)
    towards = np.divide(places, length, out=np.zeros_like(places), where=length > 0.0)
    along = np.sqrt(np.clip(np.einsum("ni,nij,nj->n", towards, covariances, towards), 0.0, None))
    steps = np.diff(at_s)
    usual_s = float(np.median(np.abs(steps))) if steps.size else stale_s
    cuts = np.flatnonzero(np.abs(steps) > max(stale_s, 3.0 * usual_s)) + 1
    return tuple(np.insert(values, cuts, np.nan, axis=0) for values in (at_s, places, sigma, along))  # type: ignore[return-value]  # four of four


def _joined(states: Sequence[tuple[float, float, GateState]]) -> list[tuple[float, float, GateState]]:
    """Join neighbours in the same state: each look is a stretch of its own."""
    found: list[tuple[float, float, GateState]] = []
    for begin, end, state in states:
        if found and found[-1][2] is state and found[-1][1] == begin:
            found[-1] = (found[-1][0], end, state)
        else:
            found.append((begin, end, state))
    return found


def plain_reason(reason: str) -> str:
    """Return a reason without the brackets that hold numbers, which change from look to look."""
    return _BRACKETS.sub("", reason)


def reason_times(figures: MotionFigures) -> list[tuple[str, int, float]]:
    """Return for each reason how often it held the beam and for how many seconds, the longest first.

    Reasons that differ in their numbers only are one, in the words of the first.
    """
    counted: dict[str, tuple[str, int, float]] = {}
    for hold in figures.holds:
        reason = plain_reason(hold.reason)
        key = _NUMBERS.sub("", reason)
        words, count, lasted_s = counted.get(key, (reason, 0, 0.0))
        counted[key] = (words, count + 1, lasted_s + hold.lasted_s)
    return sorted(counted.values(), key=lambda one: -one[2])
