"""The anatomy of a course as tables for a spreadsheet."""

from collections.abc import Iterator

from isoguide.review.anatomy_trends import AnatomyTrend, StructureDay, StructureSeries, alert_words
from isoguide.workflow.review.csv_tables import Cell, csv_text
from isoguide.workflow.review.record_parts import alert_values

_HEADER = (
    "structure", "is_target", "fraction", "counts", "why_not", "planned_volume_ml", "volume_ml",
    "volume_sigma_ml", "volume_change_percent", "shift_left_mm", "shift_back_mm", "shift_head_mm",
    "surface_mean_mm", "surface_p95_mm", "surface_largest_mm", "seen_fraction",
)  # fmt: skip
_ALERTS = (
    "structure", "measure", "limit", "days", "since", "raised_in", "newest", "value", "ended_in", "in_words",
)  # fmt: skip


def anatomy_tables(trend: AnatomyTrend) -> dict[str, str]:
    """Return the tables by the names of their files."""
    rows: Iterator[list[Cell]] = ([*_row(series, day)] for series in trend.structures for day in series.days)
    alerts: Iterator[list[Cell]] = (
        [(alert_values(alert) | {"in_words": alert_words(alert)})[name] for name in _ALERTS]
        for alert in trend.alerts
    )
    days: Iterator[list[Cell]] = (
        [fraction, record.verdict, "; ".join(record.reasons), "; ".join(record.approximations)]
        for fraction, record in trend.days
    )
    return {
        "anatomy.csv": csv_text(list(_HEADER), rows),
        "anatomy-alerts.csv": csv_text(list(_ALERTS), alerts),
        "anatomy-days.csv": csv_text(["fraction", "verdict", "reasons", "approximations"], days),
    }


def _row(series: StructureSeries, day: StructureDay) -> Iterator[Cell]:
    figures = day.figures
    yield from (series.name, series.is_target, day.fraction, day.counts, day.why_not)
    yield from (figures.planned_volume_ml, figures.volume_ml, figures.volume_sigma_ml)
    yield figures.volume_change_percent
    yield from figures.shift_mm.tolist()
    yield from (figures.surface_mean_mm, figures.surface_p95_mm, figures.surface_largest_mm)
    yield figures.seen_fraction
