"""The anatomy over a course: how each structure changed, and when re-planning should be considered.

Only days whose assessment is "for decision", and of a structure only those that show enough of it, count:
they alone make a trend, raise an alert, or end one. The others are listed, so that nobody takes them for good
news.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from isoguide.course import AssessmentInstructions, AssessmentRecord, StructureOfDay
from isoguide.course.assessment_limits import MEASURES, Measure
from isoguide.geometry.frames import Array
from isoguide.review.limit_runs import LimitRun, ShownDay, limit_runs, undecided_words
from isoguide.review.multiple_tests import Tested, adjusted
from isoguide.review.trends import Trend, fit_trend

LEAST_SEEN: Final = 0.9
"""Share of a structure that has to be seen where no protocol says it: the default of its instructions."""


@dataclass(frozen=True, slots=True, eq=False)
class StructureDay:
    """One structure on one assessed day; ``why_not`` is empty exactly when the day counts for it."""

    fraction: int
    figures: StructureOfDay
    why_not: str = ""

    @property
    def counts(self) -> bool:
        """Whether something may be decided by it."""
        return not self.why_not


@dataclass(frozen=True, slots=True, eq=False)
class StructureSeries:
    """One structure over the course.

    Parameters
    ----------
    name, is_target
        Which one.
    days
        Every day on which something was found of it, those that do not count too.
    volume, surface, shift
        Trends of the days that count: change of the volume (percent of the planned one a fraction), mean
        distance of the surface, and the centre along patient LPS (mm a fraction). None with too few.
    volume_drifts
        Mann-Kendall of the volume; the adjusted p value is that among all structures.
    """

    name: str
    is_target: bool
    days: tuple[StructureDay, ...]
    volume: Trend | None
    surface: Trend | None
    shift: tuple[Trend | None, Trend | None, Trend | None]
    volume_drifts: Tested | None = None

    @property
    def counting(self) -> tuple[StructureDay, ...]:
        """The days that count."""
        return tuple(day for day in self.days if day.counts)


@dataclass(frozen=True, slots=True)
class UndecidedDay:
    """A day on which nothing may be decided, and why."""

    fraction: int
    verdict: str
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class AnatomyAlert:
    """A structure that stayed beyond a limit of the protocol.

    Parameters
    ----------
    structure, is_target, measure
        What of which.
    limit
        The protocol's, percent or mm.
    days
        So many counting days in a row it takes to raise the alert, and to end it.
    run
        The days, with what the newest of them showed, signed for volumes.
    """

    structure: str
    is_target: bool
    measure: Measure
    limit: float
    days: int
    run: LimitRun


@dataclass(frozen=True, slots=True, eq=False)
class AnatomyTrend:
    """What a course says about its patient's anatomy.

    Parameters
    ----------
    days
        Fraction and assessment, one each, in order.
    undecided
        Days of which nothing may be decided.
    structures
        Targets first.
    alerts
        In the order in which they were raised; those that ended too.
    instructions
        The protocol's; None where it says nothing, so that there can be no alert.
    """

    days: tuple[tuple[int, AssessmentRecord], ...]
    undecided: tuple[UndecidedDay, ...]
    structures: tuple[StructureSeries, ...]
    alerts: tuple[AnatomyAlert, ...]
    instructions: AssessmentInstructions | None

    @property
    def standing(self) -> tuple[AnatomyAlert, ...]:
        """The alerts that have not ended."""
        return tuple(alert for alert in self.alerts if alert.run.stands)


def anatomy_trend(
    records: Iterable[tuple[int, AssessmentRecord]], instructions: AssessmentInstructions | None
) -> AnatomyTrend:
    """Follow the anatomy of a course.

    Parameters
    ----------
    records
        Fraction and assessment; of a fraction the last one counts.
    instructions
        Of the protocol of the course.
    """
    newest = dict(records)
    days = tuple((fraction, newest[fraction]) for fraction in sorted(newest))
    structures = _structures(days, LEAST_SEEN if instructions is None else instructions.least_seen)
    alerts = () if instructions is None else _alerts(structures, instructions, tuple(sorted(newest)))
    undecided = tuple(
        UndecidedDay(fraction, record.verdict, record.reasons)
        for fraction, record in days
        if not record.is_for_decision
    )
    return AnatomyTrend(days, undecided, structures, alerts, instructions)


def measure_of(measure: Measure, figures: StructureOfDay) -> float:
    """Return what a limit is compared with: percent (signed) of the volume, or mm."""
    if measure == "volume":
        return figures.volume_change_percent
    return figures.surface_p95_mm if measure == "surface" else float(np.linalg.norm(figures.shift_mm))


def alert_words(alert: AnatomyAlert) -> str:
    """Say what is to be considered and why, in one sentence."""
    what, in_a_row, run = _beyond_words(alert), _in_a_row(alert.days), alert.run
    if run.ended_in is not None:
        return (
            f"From fraction {run.since} on {what}; that ended in fraction {run.ended_in} ({in_a_row} within "
            "the limit)."
        )
    return (
        f"Since fraction {run.since} {what} ({value_words(alert)} in fraction {run.newest}; {in_a_row}): "
        f"consider re-planning{undecided_words(run.undecided)}."
    )


def value_words(alert: AnatomyAlert) -> str:
    """Return the newest value of an alert with its unit and, of a volume, its side."""
    if alert.measure == "volume":
        return f"{abs(alert.run.value):.0f} % {_size(alert)}"
    return f"{alert.run.value:.1f} mm"


def _beyond_words(alert: AnatomyAlert) -> str:
    name, limit = alert.structure, f"more than {alert.limit:g}"
    if alert.measure == "volume":
        return f"{name} has been {limit} % {_size(alert)} than planned"
    if alert.measure == "surface":
        return f"the surface of {name} has been {limit} mm from where it was planned (95th percentile)"
    return f"{name} has lain {limit} mm from where it was planned"


def _size(alert: AnatomyAlert) -> str:
    return "larger" if alert.run.value > 0.0 else "smaller"


def _in_a_row(days: int) -> str:
    return "one assessed day" if days == 1 else f"{days} assessed days in a row"


def _structures(
    days: Sequence[tuple[int, AssessmentRecord]], least_seen: float
) -> tuple[StructureSeries, ...]:
    found: dict[str, list[StructureDay]] = {}
    for fraction, record in days:
        for figures in record.structures:
            day = StructureDay(fraction, figures, _why_not(record, figures, least_seen))
            found.setdefault(figures.name, []).append(day)
    series = [_series(name, tuple(of_name)) for name, of_name in found.items()]
    drifts = adjusted(np.array([np.nan if one.volume is None else one.volume.p_kendall for one in series]))
    tested = (
        one if one.volume is None else replace(one, volume_drifts=Tested(one.volume.p_kendall, float(among)))
        for one, among in zip(series, drifts, strict=True)
    )
    return tuple(sorted(tested, key=lambda one: not one.is_target))


def _why_not(record: AssessmentRecord, figures: StructureOfDay, least_seen: float) -> str:
    if not record.is_for_decision:
        return record.verdict
    if figures.seen_fraction < least_seen:
        return f"only {100.0 * figures.seen_fraction:.0f} % of it is seen"
    return ""


def _series(name: str, days: tuple[StructureDay, ...]) -> StructureSeries:
    counting = [day for day in days if day.counts]
    fractions = np.array([day.fraction for day in counting], dtype=np.float64)
    shifts = np.array([day.figures.shift_mm for day in counting]).reshape(-1, 3)

    def trend(values: Array | list[float]) -> Trend | None:
        return fit_trend(np.array(values, dtype=np.float64), fractions)

    return StructureSeries(
        name=name,
        is_target=days[-1].figures.is_target,
        days=days,
        volume=trend([day.figures.volume_change_percent for day in counting]),
        surface=trend([day.figures.surface_mean_mm for day in counting]),
        shift=(trend(shifts[:, 0]), trend(shifts[:, 1]), trend(shifts[:, 2])),
    )


def _alerts(
    structures: Sequence[StructureSeries], instructions: AssessmentInstructions, assessed: tuple[int, ...]
) -> tuple[AnatomyAlert, ...]:
    found = [
        alert
        for series in structures
        for measure in MEASURES
        for alert in _of_measure(series, measure, instructions, assessed)
    ]
    return tuple(sorted(found, key=lambda alert: alert.run.raised_in))


def _of_measure(
    series: StructureSeries,
    measure: Measure,
    instructions: AssessmentInstructions,
    assessed: tuple[int, ...],
) -> Iterator[AnatomyAlert]:
    """Yield an alert for each run of days beyond one limit."""
    limit = instructions.limit(measure, is_target=series.is_target)
    if limit is None:
        return
    values = ((day.fraction, measure_of(measure, day.figures)) for day in series.counting)
    shown = [ShownDay(fraction, value, _side(value, limit)) for fraction, value in values]
    for run in limit_runs(shown, instructions.days, assessed):
        yield AnatomyAlert(series.name, series.is_target, measure, limit, instructions.days, run)


def _side(value: float, limit: float) -> int:
    """Return 1 beyond the limit, -1 beyond it to the other side, 0 up to it."""
    return int(np.sign(value)) if abs(value) > limit else 0
