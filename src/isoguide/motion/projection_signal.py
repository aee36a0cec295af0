"""The breath in the projections of a cone-beam scan: no marker, no belt.

The line integrals of a projection are averaged along its rows into a profile along the body; the profiles of
a scan side by side are a shroud in which the diaphragm goes up and down (after L. Zijp, J.-J. Sonke, M. van
Herk, Proc. 14th ICCR, 507, 2004, who traced it by its edge). The gantry turns meanwhile: what changes slowly
is taken off, and in windows of a few breaths the first principal component is what breathes. Windows overlap,
which hands the sign on from one to the next. Which sign is breathing in follows from the profile itself: it
changes as it would if the patient's inside were shifted towards his feet.
"""

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Final

import numpy as np
from scipy import ndimage

from isoguide.errors import MissingEvidenceError
from isoguide.geometry.frames import Array
from isoguide.geometry.iec61217 import fixed_from_daily
from isoguide.motion.respiratory_signal import (
    RESTS_SHARE,
    Breaths,
    BreathSettings,
    RespiratorySignal,
    find_breaths,
)
from isoguide.projection.projection_set import ProjectionSet

FIRST_PERIOD_S: Final = 4.0
"""Assumed until the breaths say better: 15 a minute."""
WINDOW_BREATHS: Final = 2.5
HOP: Final = 0.25
"""Of a window, to the next one."""
SMOOTH_ROWS: Final = 1.0
MOVING_SHARE: Final = 0.2
"""Rows that change by this share of the one that changes most are those that move."""
FEWEST_IN_WINDOW: Final = 8
LEAST_OVERLAP, LEAST_AGREEMENT, LEAST_QUALITY = 0.3, 0.8, 0.4


@dataclass(frozen=True, slots=True, eq=False)
class ProjectionBreaths:
    """The breaths found in projections, and how far they can be believed.

    Parameters
    ----------
    breaths
        Its signal is in standard deviations of a window, not in millimetres.
    quality
        Median over the windows of the share of all change of the profile that one rhythm explains, 0 to 1.
    agreement
        Share of the windows that say the same of which way is breathing in.
    """

    breaths: Breaths
    quality: float
    agreement: float


def breaths_from_projections(
    projections: ProjectionSet, patient_position: str, settings: BreathSettings | None = None
) -> ProjectionBreaths:
    """Find the breaths of a patient in the projections of a scan.

    Parameters
    ----------
    projections
        In the order of their exposure, two or more a second.
    patient_position
        How he lies: decides which way his feet are, and so which way is in.
    settings
        What is taken for a breath.

    Raises
    ------
    MissingEvidenceError
        If the scan does not say when its projections were exposed.
    GeometryError
        If the position is unknown.
    """
    seconds = projections.seconds
    if not (np.diff(seconds) > 0.0).all():
        msg = f"{projections.source or 'the scan'} does not say when each projection was exposed: state it"
        raise MissingEvidenceError(msg)
    profiles = _profiles_towards_feet(projections, patient_position)
    found = _found(profiles, seconds, FIRST_PERIOD_S, settings)
    if found.breaths.is_available:
        found = _found(profiles, seconds, found.breaths.period_s, settings)
    return found


@dataclass(frozen=True, slots=True)
class Lag:
    """How two signals of one breath go together.

    Parameters
    ----------
    percent
        By how much of a breath the one is ahead of the other, -50 to 50.
    agreement
        1 where that is so all the time, 0 where they have nothing to do with each other.
    """

    percent: float
    agreement: float


def lag_between(one: Breaths, other: Breaths, seconds: Array) -> Lag | None:
    """Compare the phases of two signals; None where one of them is not available or they share no time.

    Parameters
    ----------
    one, other
        On one clock.
    seconds
        When they are compared, (n,).
    """
    if not (one.is_available and other.is_available):
        return None
    ahead = one.phase_percent(seconds) - other.phase_percent(seconds)
    ahead = ahead[~np.isnan(ahead)]
    if not len(ahead):
        return None
    mean = np.exp(2j * np.pi * ahead / 100.0).mean()
    return Lag(float(np.rad2deg(np.angle(mean)) / 3.6), float(np.abs(mean)))


def _profiles_towards_feet(projections: ProjectionSet, patient_position: str) -> Array:
    """Mean line integral of each row, (projections, rows), from head to feet, about the mean of all rows."""
    profiles: Array = projections.values.mean(axis=2, dtype=np.float64)
    # What all rows share is the tube, the scatter and the outline of a turning body, not the breath.
    profiles -= profiles.mean(axis=1, keepdims=True)
    head = fixed_from_daily(patient_position, np.zeros(3)).rotation @ np.array([0.0, 0.0, 1.0])
    down_the_rows = float(projections.views[0].column_direction @ head)
    return profiles[:, ::-1] if down_the_rows > 0.0 else profiles


def _found(
    profiles: Array, seconds: Array, period_s: float, settings: BreathSettings | None
) -> ProjectionBreaths:
    windows = _windows(profiles, period_s / float(np.median(np.diff(seconds))))
    depth, overlaps = _stitched(windows, len(seconds))
    towards = np.array([one.towards_feet for one in windows]) * _signs(overlaps)
    # The sign of the whole is what most of the evidence says.
    sign = 1.0 if towards.sum() >= 0.0 else -1.0
    agreement = float((sign * towards > 0.0).mean())
    quality = float(np.median([one.explained for one in windows]))
    source = "respiratory signal in the projections"
    breaths = find_breaths(RespiratorySignal(seconds, sign * depth, source), settings)
    doubts = (*breaths.reasons, *_doubts(overlaps, agreement, quality))
    if not doubts and breaths.high_share > RESTS_SHARE:
        doubts = ("lungs rest when they are empty, but here they rest full: check the patient position",)
    return ProjectionBreaths(replace(breaths, reasons=doubts), quality, agreement)


def _doubts(overlaps: Array, agreement: float, quality: float) -> tuple[str, ...]:
    found = []
    if quality < LEAST_QUALITY:
        found.append(f"one rhythm explains {100.0 * quality:.0f} % of what changes only")
    if len(overlaps) and np.abs(overlaps).min() < LEAST_OVERLAP:
        found.append("it is lost on the way around the patient")
    if agreement < LEAST_AGREEMENT:
        found.append("which way is breathing in cannot be told")
    return tuple(found)


@dataclass(frozen=True, slots=True, eq=False)
class _Window:
    """What breathes in some projections in a row: its course over time, whose sign means nothing yet.

    ``towards_feet`` is the correlation of what changes with a shift towards the feet, with the same sign.
    """

    first: int
    course: Array
    explained: float
    towards_feet: float


def _windows(profiles: Array, samples_per_breath: float) -> list[_Window]:
    slow = _without_breath(profiles, samples_per_breath)
    quick = ndimage.gaussian_filter1d(profiles - slow, SMOOTH_ROWS, axis=1)
    shifted = -np.gradient(slow, axis=1)
    size = min(max(round(WINDOW_BREATHS * samples_per_breath), FEWEST_IN_WINDOW), len(profiles))
    last = len(profiles) - size
    starts = sorted({*range(0, last, max(round(HOP * size), 1)), last})
    return [_window(n, quick[n : n + size], shifted[n : n + size].mean(axis=0)) for n in starts]


def _without_breath(profiles: Array, samples_per_breath: float) -> Array:
    """Average over one breath, twice: a mean over a whole period holds nothing of it."""
    size = max(2 * round((samples_per_breath - 1.0) / 2.0) + 1, 3)
    once = ndimage.uniform_filter1d(profiles, size, axis=0, mode="nearest")
    return np.asarray(ndimage.uniform_filter1d(once, size, axis=0, mode="nearest"))


def _window(first: int, quick: Array, shifted: Array) -> _Window:
    courses, sizes, patterns = np.linalg.svd(quick - quick.mean(axis=0), full_matrices=False)
    total = float(np.square(sizes).sum())
    if total <= 0.0:
        return _Window(first, np.zeros(len(quick)), 0.0, 0.0)
    pattern = patterns[0]
    moving = np.abs(pattern) > MOVING_SHARE * np.abs(pattern).max()
    length = float(np.linalg.norm(shifted[moving]))
    towards_feet = float(pattern[moving] @ shifted[moving]) / length if length > 0.0 else 0.0
    course = courses[:, 0] * np.sqrt(len(quick))
    return _Window(first, course, float(sizes[0] ** 2) / total, towards_feet)


def _overlap(one: _Window, other: _Window) -> float:
    """Correlation of two windows where both look."""
    shared = one.first + len(one.course) - other.first
    a, b = one.course[-shared:], other.course[:shared]
    lengths = float(np.linalg.norm(a) * np.linalg.norm(b))
    return float(a @ b) / lengths if lengths > 0.0 else 0.0


def _signs(overlaps: Array) -> Array:
    """Sign of each window relative to the first."""
    return np.concatenate([[1.0], np.cumprod(np.where(overlaps < 0.0, -1.0, 1.0))])


def _stitched(windows: list[_Window], count: int) -> tuple[Array, Array]:
    """Return the mean of all windows, (count,), and the correlations of neighbours, (windows - 1,)."""
    overlaps = np.array([_overlap(one, other) for one, other in pairwise(windows)])
    total, weight = np.zeros(count), np.full(count, 1e-9)
    for window, sign in zip(windows, _signs(overlaps), strict=True):
        here = slice(window.first, window.first + len(window.course))
        fade = np.hanning(len(window.course) + 2)[1:-1]
        total[here] += sign * fade * window.course
        weight[here] += fade
    return total / weight, overlaps
