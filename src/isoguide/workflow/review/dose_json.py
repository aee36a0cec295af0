"""The dose of a course as plain values: part of the document about its review."""

from pydantic import Field

from isoguide.review.dose_trends import (
    DoseAlert,
    DoseDay,
    DoseSeries,
    DoseTrend,
    GoalSeries,
    dose_alert_words,
)
from isoguide.workflow.review.dose_words import dose_words
from isoguide.workflow.review.record_parts import Record, alert_values


class DoseDayRecord(Record):
    """The dose of one fraction."""

    fraction: int
    computed_at: str
    image_uid: str
    verdict: str = Field(description='"for decision", "not for decision" or "not available".')
    reasons: tuple[str, ...]
    approximations: tuple[str, ...]
    algorithm: str
    beam_data: str
    prescribed_gy: float | None = Field(description="Of one fraction.")
    fractions_so_far: int = Field(description="That the accumulated doses hold; 0 for none.")


class StructureDoseRecord(Record):
    """One structure on one day, Gy; accumulated doses in the planning anatomy."""

    fraction: int
    counts: bool = Field(description="Whether the day raises and ends alerts.")
    why_not: str
    volume_ml: float
    planned_mean_gy: float = Field(description="Of one fraction, like all planned ones.")
    planned_d95_gy: float
    planned_d2_gy: float
    mean_gy: float
    d95_gy: float
    d2_gy: float
    accumulated_mean_gy: float | None
    accumulated_d95_gy: float | None
    accumulated_d2_gy: float | None
    accumulated_sigma_gy: float | None = Field(description="Standard deviation of the accumulated mean.")


class DoseSeriesRecord(Record):
    """One structure over the course."""

    name: str
    is_target: bool
    days: tuple[StructureDoseRecord, ...]


class GoalDayRecord(Record):
    """A goal on one day, for the course if all its fractions were like this one."""

    fraction: int
    counts: bool
    value: float | None
    is_met: bool | None


class GoalSeriesRecord(Record):
    """One goal over the course."""

    goal: str
    limit: float
    unit: str
    was_met_in_plan: bool | None
    missed_in: tuple[int, ...] = Field(description="Fractions that count and miss it.")
    days: tuple[GoalDayRecord, ...]


class DoseAlertRecord(Record):
    """Why somebody has to look at the dose."""

    measure: str = Field(description='"D95", "mean" or "goal".')
    subject: str = Field(description="Name of the structure, or the goal.")
    limit: float = Field(description="Percent of the prescription, Gy a fraction, or the unit of the goal.")
    value: float
    unit: str
    days: int
    since: int
    raised_in: int
    newest: int
    ended_in: int | None
    undecided: tuple[int, ...] = Field(description="Later fractions that neither confirm nor end it.")
    in_words: str


class CourseDoseRecord(Record):
    """What the days of a course delivered."""

    in_words: tuple[str, ...]
    has_limits: bool = Field(description="Whether the protocol says when somebody has to look.")
    days: tuple[DoseDayRecord, ...]
    structures: tuple[DoseSeriesRecord, ...]
    goals: tuple[GoalSeriesRecord, ...]
    alerts: tuple[DoseAlertRecord, ...]


def dose_record(trend: DoseTrend) -> CourseDoseRecord:
    """Describe the dose of a course as plain values."""
    return CourseDoseRecord(
        in_words=dose_words(trend),
        has_limits=trend.instructions is not None,
        days=tuple(
            DoseDayRecord(
                fraction=fraction,
                computed_at=record.computed_at.isoformat(),
                **{name: getattr(record, name) for name in _OF_DAY},
            )
            for fraction, record in trend.days
        ),
        structures=tuple(_series(one) for one in trend.structures),
        goals=tuple(_goal(one) for one in trend.goals),
        alerts=tuple(_alert(one) for one in trend.alerts),
    )


_OF_DAY = tuple(name for name in DoseDayRecord.model_fields if name not in ("fraction", "computed_at"))
_OF_STRUCTURE = tuple(
    name for name in StructureDoseRecord.model_fields if name not in ("fraction", "counts", "why_not")
)


def _series(series: DoseSeries) -> DoseSeriesRecord:
    return DoseSeriesRecord(
        name=series.name, is_target=series.is_target, days=tuple(_day(day) for day in series.days)
    )


def _day(day: DoseDay) -> StructureDoseRecord:
    return StructureDoseRecord(
        fraction=day.fraction,
        counts=day.counts,
        why_not=day.why_not,
        **{name: getattr(day.figures, name) for name in _OF_STRUCTURE},
    )


def _goal(series: GoalSeries) -> GoalSeriesRecord:
    newest = series.days[-1][1]
    return GoalSeriesRecord(
        goal=series.goal,
        limit=newest.limit,
        unit=newest.unit,
        was_met_in_plan=series.was_met_in_plan,
        missed_in=series.missed_in,
        days=tuple(
            GoalDayRecord(fraction=fraction, counts=counts, value=one.value, is_met=one.is_met)
            for fraction, one, counts in series.days
        ),
    )


def _alert(alert: DoseAlert) -> DoseAlertRecord:
    return DoseAlertRecord(**alert_values(alert), in_words=dose_alert_words(alert))
