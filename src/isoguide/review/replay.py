"""What other protocols would have left: the department's own errors, set up again under each scheme.

The rules are those of :mod:`isoguide.treatment.offline`, for all patients at once; a test holds the two
together. A day that is imaged for its own sake ("daily", "first, then weekly") is taken as corrected exactly:
what the match, the couch and motion add belongs to the other components of a margin. Off-line schemes treat
an imaged day with the correction known before it. Days without a measurement stay unknown, and a scheme that
wants to image one makes up for it on the next that has one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from isoguide.course import Schedule, ScheduleKind
from isoguide.geometry.frames import Array
from isoguide.review.error_table import SHIFTS
from isoguide.review.groups import (
    AxisStatistics,
    MarginSettings,
    VectorLengths,
    axis_statistics,
    vector_lengths,
)
from isoguide.review.margins import Margin
from isoguide.review.variance_components import Components, variance_components

Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Scheme:
    """A way to use images.

    ``schedule`` is None for set-up to the marks alone. ``shrinks``: NAL corrects M + w (mean - M) instead of
    the mean, with w = Σ² / (Σ² + σ² / first), the best linear estimate of a patient's systematic error from
    few days (Σ, σ and M are those of the same patients).
    """

    name: str
    schedule: Schedule | None
    shrinks: bool = False


SCHEMES: Final = (
    Scheme("marks only", None),
    Scheme("daily", Schedule(ScheduleKind.DAILY)),
    Scheme("first 3, then weekly", Schedule(ScheduleKind.FIRST_THEN_WEEKLY)),
    Scheme("NAL 3", Schedule(ScheduleKind.NAL)),
    Scheme("shrinkage NAL 3", Schedule(ScheduleKind.NAL), shrinks=True),
    Scheme("eNAL 3, weekly", Schedule(ScheduleKind.ENAL)),
    Scheme("SAL 9 mm, 3", Schedule(ScheduleKind.SAL)),
)
"""With the defaults of :class:`isoguide.course.Schedule`."""


@dataclass(frozen=True, slots=True, eq=False)
class Replay:
    """P patients under one scheme.

    Parameters
    ----------
    offline_mm
        (P, F, 3) off-line correction of each day.
    is_imaged
        (P, F).
    residual_mm
        (P, F, 3) where the patient lay while he was treated, NaN where it is not known.
    """

    offline_mm: Array
    is_imaged: Mask
    residual_mm: Array


@dataclass(frozen=True, slots=True)
class SchemeResult:
    """What a scheme would have left, and what it costs.

    Parameters
    ----------
    scheme
        Which.
    patients, days
        How many are known.
    axes
        M, Σ and σ of what is left, lateral, longitudinal and vertical; empty where they cannot be told apart.
    margins
        For what is left.
    images_per_patient
        The workload.
    lengths
        Of what is left, of days and of patients; None where nothing is known.
    """

    scheme: Scheme
    patients: int
    days: int
    axes: tuple[AxisStatistics, ...]
    margins: tuple[Margin, ...]
    images_per_patient: float
    lengths: VectorLengths | None


@dataclass(frozen=True, slots=True, eq=False)
class Prior:
    """M (3,) and w (3,) of a scheme that shrinks."""

    mean_mm: Array
    weight: Array


class _Measured:
    """What P patients' measurements so far amount to, as sums."""

    def __init__(self, patients: int) -> None:
        self.count = np.zeros(patients)
        self.latest = np.zeros(patients)
        self._days, self._days2 = np.zeros(patients), np.zeros(patients)
        self._errors, self._products = np.zeros((patients, SHIFTS)), np.zeros((patients, SHIFTS))

    def add(self, who: Mask, day: int, error_mm: Array) -> None:
        self.count += who
        self.latest = np.where(who, day, self.latest)
        self._days += who * float(day)
        self._days2 += who * float(day) ** 2
        self._errors += np.where(who[:, None], error_mm, 0.0)
        self._products += np.where(who[:, None], error_mm, 0.0) * day

    @property
    def mean_mm(self) -> Array:
        mean: Array = self._errors / np.maximum(self.count, 1.0)[:, None]
        return mean

    def line_mm(self, day: int) -> Array:
        """Return the least-squares line of each patient at a day (P, 3)."""
        count = np.maximum(self.count, 1.0)
        about = self._days2 - self._days**2 / count
        with_days = self._products - self._errors * (self._days / count)[:, None]
        slope = with_days / np.where(about > 0.0, about, 1.0)[:, None]
        line: Array = self.mean_mm + slope * (day - self._days / count)[:, None]
        return line


def replay_schedule(errors_mm: Array, schedule: Schedule | None, prior: Prior | None = None) -> Replay:
    """Return what a schedule would have left of errors from the marks.

    Parameters
    ----------
    errors_mm
        (P, F, 3), NaN where it is not known.
    schedule
        None for set-up to the marks alone.
    prior
        Of a NAL that shrinks.
    """
    is_known = np.isfinite(errors_mm[:, :, 0])
    if schedule is None:
        return Replay(np.zeros_like(errors_mm), np.zeros_like(is_known), errors_mm)
    if schedule.kind is ScheduleKind.SAL:
        return _with_action_level(errors_mm, is_known, schedule)
    offline_mm, is_imaged = np.zeros_like(errors_mm), np.zeros_like(is_known)
    measured = _Measured(len(errors_mm))
    fixed_mm = np.zeros((len(errors_mm), SHIFTS))
    for column in range(errors_mm.shape[1]):
        day = column + 1
        if schedule.kind in (ScheduleKind.NAL, ScheduleKind.ENAL):
            offline_mm[:, column] = _offline(schedule, measured, fixed_mm, day)
        who = is_known[:, column] & _is_due(schedule, measured, day)
        is_imaged[:, column] = who
        measured.add(who, day, errors_mm[:, column])
        done = who & (measured.count == schedule.first)
        fixed_mm = np.where(done[:, None], -_shrunk(measured.mean_mm, prior), fixed_mm)
    return Replay(offline_mm, is_imaged, _left(errors_mm, offline_mm, is_imaged, schedule))


def _is_due(schedule: Schedule, measured: _Measured, day: int) -> Mask:
    if schedule.kind is ScheduleKind.DAILY:
        return np.ones(len(measured.count), dtype=np.bool_)
    due = measured.count < schedule.first
    if schedule.kind is ScheduleKind.NAL:
        return due
    either: Mask = due | (day - measured.latest >= schedule.every)
    return either


def _offline(schedule: Schedule, measured: _Measured, fixed_mm: Array, day: int) -> Array:
    if schedule.kind is ScheduleKind.NAL:
        return fixed_mm
    is_followed_up = measured.count > schedule.first
    return np.where(is_followed_up[:, None], -measured.line_mm(day), fixed_mm)


def _shrunk(mean_mm: Array, prior: Prior | None) -> Array:
    return mean_mm if prior is None else prior.mean_mm + prior.weight * (mean_mm - prior.mean_mm)


def _left(errors_mm: Array, offline_mm: Array, is_imaged: Mask, schedule: Schedule) -> Array:
    if schedule.kind in (ScheduleKind.DAILY, ScheduleKind.FIRST_THEN_WEEKLY):
        return np.where(is_imaged[:, :, None], 0.0, errors_mm)
    return errors_mm + offline_mm


def _with_action_level(errors_mm: Array, is_known: Mask, schedule: Schedule) -> Replay:
    offline_mm, is_imaged = np.zeros_like(errors_mm), np.zeros_like(is_known)
    patients = len(errors_mm)
    correction_mm, since_mm = np.zeros((patients, SHIFTS)), np.zeros((patients, SHIFTS))
    since = np.zeros(patients)
    goes_on = np.ones(patients, dtype=np.bool_)
    for column in range(errors_mm.shape[1]):
        offline_mm[:, column] = correction_mm
        who = is_known[:, column] & goes_on
        is_imaged[:, column] = who
        since = since + who
        since_mm = since_mm + np.where(who[:, None], errors_mm[:, column], 0.0)
        counted = np.maximum(since, 1.0)
        mean_mm = since_mm / counted[:, None] + correction_mm
        acts = who & (np.linalg.norm(mean_mm, axis=1) > schedule.alpha_mm / np.sqrt(counted))
        goes_on = goes_on & (acts | (since < schedule.most))
        correction_mm = np.where(acts[:, None], correction_mm - mean_mm, correction_mm)
        since, since_mm = np.where(acts, 0.0, since), np.where(acts[:, None], 0.0, since_mm)
    return Replay(offline_mm, is_imaged, errors_mm + offline_mm)


def scheme_results(
    errors_mm: Array, schemes: Sequence[Scheme] = SCHEMES, settings: MarginSettings | None = None
) -> tuple[SchemeResult, ...]:
    """Return what each scheme would have left of errors from the marks (P, F, 3).

    A scheme that shrinks is left out where Σ and σ cannot be told apart.
    """
    settings = settings or MarginSettings()
    components = variance_components(errors_mm)
    results = []
    for scheme in schemes:
        prior = None
        if scheme.shrinks:
            if components is None or scheme.schedule is None:
                continue
            prior = shrinkage(components, scheme.schedule.first)
        results.append(_result(scheme, replay_schedule(errors_mm, scheme.schedule, prior), settings))
    return tuple(results)


def shrinkage(components: Components, first: int) -> Prior:
    """Return M and w of a mean over the first so many days; w is 0 where Σ and σ both are."""
    systematic = components.systematic[:SHIFTS] ** 2
    noise = components.random[:SHIFTS] ** 2 / first
    total = systematic + noise
    weight = systematic / np.where(total > 0.0, total, 1.0)
    return Prior(components.mean[:SHIFTS], weight)


def _result(scheme: Scheme, replayed: Replay, settings: MarginSettings) -> SchemeResult:
    days = np.isfinite(replayed.residual_mm[:, :, 0]).sum(axis=1)
    patients = int((days > 0).sum())
    components = variance_components(replayed.residual_mm)
    return SchemeResult(
        scheme=scheme,
        patients=patients,
        days=int(days.sum()),
        axes=() if components is None else axis_statistics(components),
        margins=() if components is None else settings.margins(components),
        images_per_patient=float(replayed.is_imaged.sum() / max(patients, 1)),
        lengths=vector_lengths(replayed.residual_mm),
    )
