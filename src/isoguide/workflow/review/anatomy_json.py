"""The anatomy of a course as plain values: part of the document about its review."""

from pydantic import Field

from isoguide.course import AssessmentInstructions
from isoguide.review.anatomy_trends import (
    AnatomyAlert,
    AnatomyTrend,
    StructureDay,
    StructureSeries,
    alert_words,
)
from isoguide.review.trends import Trend
from isoguide.workflow.review.anatomy_words import anatomy_words
from isoguide.workflow.review.record_parts import (
    Record,
    TestedRecord,
    Three,
    TrendRecord,
    alert_values,
    three,
)


class AssessedDayRecord(Record):
    """The assessment of one fraction's image, and the quality of its displacement field."""

    fraction: int
    assessed_at: str
    image_uid: str
    verdict: str = Field(description='"for decision", "not for decision" or "not available".')
    reasons: tuple[str, ...]
    approximations: tuple[str, ...]
    folded_fraction: float | None
    inconsistency_mean_mm: float | None
    inconsistency_p95_mm: float | None


class StructureDayRecord(Record):
    """One structure on one day."""

    fraction: int
    counts: bool = Field(description="Whether the day makes trends, raises and ends alerts.")
    why_not: str
    volume_ml: float
    volume_sigma_ml: float
    volume_change_percent: float
    shift_mm: Three = Field(description="Patient LPS, against what the image was matched on.")
    surface_mean_mm: float = Field(description="Outwards positive.")
    surface_p95_mm: float
    seen_fraction: float


class StructureSeriesRecord(Record):
    """One structure over the course; trends of the days that count, null with too few."""

    name: str
    is_target: bool
    planned_volume_ml: float
    volume_limit_percent: float | None = Field(description="Of the protocol, either way; null for none.")
    days: tuple[StructureDayRecord, ...]
    volume_percent: TrendRecord | None
    surface_mm: TrendRecord | None
    shift_mm: tuple[TrendRecord | None, TrendRecord | None, TrendRecord | None]
    volume_drifts: TestedRecord | None = Field(description="Mann-Kendall, adjusted among structures.")


class AnatomyAlertRecord(Record):
    """Why re-planning should be considered."""

    structure: str
    is_target: bool
    measure: str
    limit: float = Field(description="Percent for volumes, else mm.")
    days: int
    since: int
    raised_in: int
    newest: int
    value: float
    ended_in: int | None
    undecided: tuple[int, ...] = Field(description="Later fractions that neither confirm nor end it.")
    in_words: str


class AnatomyRecord(Record):
    """How the anatomy of a patient changed over the course."""

    in_words: tuple[str, ...]
    has_limits: bool = Field(description="Whether the protocol says when to consider a new plan.")
    days: tuple[AssessedDayRecord, ...]
    structures: tuple[StructureSeriesRecord, ...]
    alerts: tuple[AnatomyAlertRecord, ...]


def anatomy_record(trend: AnatomyTrend) -> AnatomyRecord:
    """Describe the anatomy of a course as plain values."""
    return AnatomyRecord(
        in_words=anatomy_words(trend),
        has_limits=trend.instructions is not None,
        days=_days(trend),
        structures=tuple(_series(one, trend.instructions) for one in trend.structures),
        alerts=tuple(_alert(one) for one in trend.alerts),
    )


def _days(trend: AnatomyTrend) -> tuple[AssessedDayRecord, ...]:
    return tuple(
        AssessedDayRecord(
            fraction=fraction,
            assessed_at=record.assessed_at.isoformat(),
            image_uid=record.image_uid,
            verdict=record.verdict,
            reasons=record.reasons,
            approximations=record.approximations,
            folded_fraction=None if record.figures is None else record.figures.folded_fraction,
            inconsistency_mean_mm=None if record.figures is None else record.figures.inconsistency_mean_mm,
            inconsistency_p95_mm=None if record.figures is None else record.figures.inconsistency_p95_mm,
        )
        for fraction, record in trend.days
    )


def _series(series: StructureSeries, limits: AssessmentInstructions | None) -> StructureSeriesRecord:
    along_x, along_y, along_z = series.shift
    return StructureSeriesRecord(
        name=series.name,
        is_target=series.is_target,
        planned_volume_ml=series.days[-1].figures.planned_volume_ml,
        volume_limit_percent=None if limits is None else limits.limit("volume", is_target=series.is_target),
        days=tuple(_day(day) for day in series.days),
        volume_percent=_trend(series.volume),
        surface_mm=_trend(series.surface),
        shift_mm=(_trend(along_x), _trend(along_y), _trend(along_z)),
        volume_drifts=None
        if series.volume_drifts is None
        else TestedRecord.model_validate(series.volume_drifts),
    )


def _trend(trend: Trend | None) -> TrendRecord | None:
    return None if trend is None else TrendRecord.model_validate(trend)


def _day(day: StructureDay) -> StructureDayRecord:
    figures = day.figures
    return StructureDayRecord(
        fraction=day.fraction,
        counts=day.counts,
        why_not=day.why_not,
        volume_ml=figures.volume_ml,
        volume_sigma_ml=figures.volume_sigma_ml,
        volume_change_percent=figures.volume_change_percent,
        shift_mm=three(figures.shift_mm),
        surface_mean_mm=figures.surface_mean_mm,
        surface_p95_mm=figures.surface_p95_mm,
        seen_fraction=figures.seen_fraction,
    )


def _alert(alert: AnatomyAlert) -> AnatomyAlertRecord:
    return AnatomyAlertRecord(**alert_values(alert), in_words=alert_words(alert))
