"""One patient's course: where he lay, whether that changed, when it was known, what others had left."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np
from scipy import special

from isoguide.course import AXES, CourseHistory, FractionSummary, Schedule, ScheduleKind
from isoguide.errors import InputError
from isoguide.geometry.frames import Array, frozen_array
from isoguide.review.anatomy_trends import AnatomyTrend
from isoguide.review.capability import Capability, process_capability
from isoguide.review.change_point import ChangePoint, find_change
from isoguide.review.conduct import Conduct, DoseSum, conduct_of, dose_sums
from isoguide.review.control_charts import (
    CusumChart,
    EwmaChart,
    IndividualsChart,
    baseline,
    cusum_chart,
    ewma_chart,
    individuals_chart,
)
from isoguide.review.dose_trends import DoseTrend
from isoguide.review.error_table import SHIFTS, error_table, six
from isoguide.review.estimate import TAIL, Estimate, deviation_estimate, mean_estimate
from isoguide.review.multiple_tests import Tested, adjusted
from isoguide.review.replay import SCHEMES, Scheme
from isoguide.review.trends import Trend, fit_trend
from isoguide.treatment.offline import imaging_day

NOT_SHRUNK: Final = tuple(scheme for scheme in SCHEMES if not scheme.shrinks)
"""The schemes that one patient can be replayed under without a population."""


@dataclass(frozen=True, slots=True)
class PatientSettings:
    """What a patient's errors are held against: settings of a department, not checked against a guideline.

    Parameters
    ----------
    allowed_mm, allowed_deg
        Specification of the process capability.
    known_mm
        The systematic part counts as known, and as corrected, within this.
    first
        The control charts' baseline is that of the first so many measurements; None for all.
    schemes
        Replayed; none that shrinks.

    Raises
    ------
    InputError
        If a value is impossible.
    """

    allowed_mm: float = 5.0
    allowed_deg: float = 3.0
    known_mm: float = 2.0
    first: int | None = None
    schemes: tuple[Scheme, ...] = NOT_SHRUNK

    def __post_init__(self) -> None:
        for name in ("allowed_mm", "allowed_deg", "known_mm"):
            value = getattr(self, name)
            if not (np.isfinite(value) and value > 0.0):
                msg = f"{name} must be a positive number, not {value}"
                raise InputError(msg)
        if self.first is not None and self.first < 2:
            msg = f"first must be 2 or more measurements, not {self.first}"
            raise InputError(msg)
        if any(scheme.shrinks for scheme in self.schemes):
            msg = "a scheme that shrinks needs a population: leave it out of the replay of one patient"
            raise InputError(msg)


@dataclass(frozen=True, slots=True)
class PatientAxis:
    """One axis of the set-up error from the marks; None where there are too few measurements.

    ``drifts`` tests the trend by Mann-Kendall, ``changes`` the change point.
    """

    axis: str
    mean: Estimate | None
    deviation: Estimate | None
    trend: Trend | None
    drifts: Tested | None
    change: ChangePoint | None
    changes: Tested | None
    individuals: IndividualsChart | None
    ewma: EwmaChart | None
    cusum: CusumChart | None
    capability: Capability | None


@dataclass(frozen=True, slots=True, eq=False)
class PatientScheme:
    """What one scheme would have left of the measured days.

    ``residual_mm`` is (n, 3), ``mean_mm`` (3,) its mean: the systematic error left; ``images`` is how many
    days it would have imaged.
    """

    scheme: Scheme
    residual_mm: Array
    mean_mm: Array
    images: int


@dataclass(frozen=True, slots=True, eq=False)
class PatientReview:
    """A course.

    Parameters
    ----------
    course
        As it is kept.
    numbers
        Of the n fractions that were measured.
    errors
        (n, 6) set-up errors from the marks, mm and degrees.
    treated
        (n, 6) position at treatment by the image and the couch: error, off-line and on-line correction added.
    axes
        Six.
    known_after
        Fraction whose measurement made the systematic shift known: the 95 % interval of the mean (Student's
        t) within ± ``known_mm`` on every axis. None where that never happened.
    corrected_from
        Fraction from which on the mean position at treatment is within ``known_mm`` on every axis, to the
        end. None where it is not.
    schemes
        Replayed.
    conduct, doses
        Of all fractions.
    anatomy
        How his anatomy changed; None where nobody asked.
    dose
        What his days delivered; None where nobody asked.
    """

    course: CourseHistory
    numbers: tuple[int, ...]
    errors: Array
    treated: Array
    axes: tuple[PatientAxis, ...]
    known_after: int | None
    corrected_from: int | None
    schemes: tuple[PatientScheme, ...]
    conduct: Conduct
    doses: tuple[DoseSum, ...]
    settings: PatientSettings = field(default_factory=PatientSettings)
    anatomy: AnatomyTrend | None = None
    dose: DoseTrend | None = None


def review_patient(
    history: CourseHistory,
    settings: PatientSettings | None = None,
    anatomy: AnatomyTrend | None = None,
    dose: DoseTrend | None = None,
) -> PatientReview:
    """Return what a course says about its patient; without measurements, that there are none.

    Raises
    ------
    InputError
        If fractions are numbered twice, or not from 1.
    """
    settings = settings or PatientSettings()
    table = error_table([history])
    numbers = tuple(int(column) + 1 for column in np.flatnonzero(table.is_measured[0]))
    errors = frozen_array(table.errors[0, table.is_measured[0]], (-1, 6), "the errors")
    summaries = {summary.number: summary for summary in history.fractions}
    moves = np.array([_moved(summaries[number]) for number in numbers]).reshape(-1, 6)
    treated = frozen_array(errors + moves, (-1, 6), "the positions at treatment")
    return PatientReview(
        course=history,
        numbers=numbers,
        errors=errors,
        treated=treated,
        axes=_axes(errors, np.array(numbers), settings),
        known_after=known_after(errors[:, :SHIFTS], numbers, settings.known_mm),
        corrected_from=corrected_from(treated[:, :SHIFTS], numbers, settings.known_mm),
        schemes=tuple(_replayed(scheme, errors[:, :SHIFTS], numbers) for scheme in settings.schemes),
        conduct=conduct_of([history]),
        doses=dose_sums([history]),
        settings=settings,
        anatomy=anatomy,
        dose=dose,
    )


def _moved(summary: FractionSummary) -> Array:
    parts = [six(part) for part in (summary.offline, summary.applied) if part is not None]
    moved: Array = np.array(parts).reshape(-1, len(AXES)).sum(axis=0)
    return moved


def _axes(errors: Array, numbers: Array, settings: PatientSettings) -> tuple[PatientAxis, ...]:
    axes = [_axis(name, errors[:, at], numbers, settings) for at, name in enumerate(AXES)]
    drifts = [np.nan if axis.trend is None else axis.trend.p_kendall for axis in axes]
    changes = [np.nan if axis.change is None else axis.change.p_value for axis in axes]
    return tuple(
        replace(axis, drifts=drift, changes=change)
        for axis, drift, change in zip(axes, _tested(drifts), _tested(changes), strict=True)
    )


def _tested(p_values: Sequence[float]) -> list[Tested | None]:
    pairs = zip(p_values, adjusted(np.array(p_values)), strict=True)
    return [Tested(float(p), float(among)) if np.isfinite(p) else None for p, among in pairs]


def _axis(name: str, values: Array, numbers: Array, settings: PatientSettings) -> PatientAxis:
    count = len(values)
    if count < 2:
        return PatientAxis(name, None, None, None, None, None, None, None, None, None, None)
    deviation = float(values.std(ddof=1))
    against = baseline(values, settings.first)
    allowed = settings.allowed_mm if name.endswith("_mm") else settings.allowed_deg
    return PatientAxis(
        axis=name,
        mean=mean_estimate(float(values.mean()), deviation, count),
        deviation=deviation_estimate(deviation, count - 1),
        trend=fit_trend(values, numbers),
        drifts=None,
        change=find_change(values),
        changes=None,
        individuals=individuals_chart(values, against),
        ewma=ewma_chart(values, against),
        cusum=cusum_chart(values, against),
        capability=process_capability(values, allowed),
    )


def known_after(errors_mm: Array, numbers: Sequence[int], within_mm: float) -> int | None:
    """Return the fraction after which the mean of errors (n, A) is known within ± ``within_mm``."""
    for count in range(2, len(numbers) + 1):
        spread = errors_mm[:count].std(axis=0, ddof=1)
        if (special.stdtrit(count - 1, 1.0 - TAIL) * spread / np.sqrt(count) <= within_mm).all():
            return numbers[count - 1]
    return None


def corrected_from(treated_mm: Array, numbers: Sequence[int], within_mm: float) -> int | None:
    """Return the first fraction from which on the mean of positions (n, A) is within ``within_mm``."""
    for at, number in enumerate(numbers):
        if (np.abs(treated_mm[at:].mean(axis=0)) <= within_mm).all():
            return number
    return None


def _replayed(scheme: Scheme, errors_mm: Array, numbers: Sequence[int]) -> PatientScheme:
    measured: list[tuple[int, Array]] = []
    residual_mm = np.zeros((len(numbers), SHIFTS))
    for at, number in enumerate(numbers):
        residual_mm[at], is_imaged = _left(scheme.schedule, measured, number, errors_mm[at])
        if is_imaged:
            measured.append((number, errors_mm[at]))
    mean_mm = residual_mm.mean(axis=0) if len(numbers) else np.zeros(SHIFTS)
    return PatientScheme(
        scheme=scheme,
        residual_mm=frozen_array(residual_mm, (-1, SHIFTS), "what is left"),
        mean_mm=frozen_array(mean_mm, (SHIFTS,), "its mean"),
        images=len(measured),
    )


def _left(
    schedule: Schedule | None, measured: Sequence[tuple[int, Array]], number: int, error_mm: Array
) -> tuple[Array, bool]:
    """Return where the patient would have been treated (3,), and whether he would have been imaged."""
    if schedule is None:
        return error_mm, False
    day = imaging_day(schedule, measured, number)
    if day.is_due and schedule.kind in (ScheduleKind.DAILY, ScheduleKind.FIRST_THEN_WEEKLY):
        return np.zeros(SHIFTS), True
    return error_mm + day.offline_mm, day.is_due
