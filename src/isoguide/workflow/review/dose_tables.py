"""The dose of a course as tables for a spreadsheet."""

from collections.abc import Iterator
from dataclasses import asdict, fields

from isoguide.course import StructureDose
from isoguide.review.dose_trends import DoseTrend, dose_alert_words
from isoguide.workflow.review.csv_tables import Cell, csv_text
from isoguide.workflow.review.record_parts import alert_values

_FIGURES = tuple(field.name for field in fields(StructureDose) if field.name not in ("name", "is_target"))
_HEADER = ("structure", "is_target", "fraction", "counts", "why_not", "fractions_so_far", *_FIGURES)
_GOALS = ("goal", "fraction", "counts", "value", "limit", "unit", "is_met", "was_met_in_plan")
_ALERTS = (
    "measure", "subject", "limit", "value", "unit", "days", "since", "raised_in", "newest", "ended_in",
    "in_words",
)  # fmt: skip


def dose_tables(trend: DoseTrend) -> dict[str, str]:
    """Return the tables by the names of their files."""
    rows: Iterator[list[Cell]] = (
        [
            *(series.name, series.is_target, day.fraction, day.counts, day.why_not, day.fractions_so_far),
            *(asdict(day.figures)[name] for name in _FIGURES),
        ]
        for series in trend.structures
        for day in series.days
    )
    goals: Iterator[list[Cell]] = (
        [goal.goal, fraction, counts, one.value, one.limit, one.unit, one.is_met, one.was_met_in_plan]
        for goal in trend.goals
        for fraction, one, counts in goal.days
    )
    alerts: Iterator[list[Cell]] = (
        [(alert_values(alert) | {"in_words": dose_alert_words(alert)})[name] for name in _ALERTS]
        for alert in trend.alerts
    )
    days: Iterator[list[Cell]] = (
        [fraction, one.verdict, "; ".join(one.reasons), "; ".join(one.approximations), one.algorithm]
        for fraction, one in trend.days
    )
    return {
        "dose.csv": csv_text(list(_HEADER), rows),
        "dose-goals.csv": csv_text(list(_GOALS), goals),
        "dose-alerts.csv": csv_text(list(_ALERTS), alerts),
        "dose-days.csv": csv_text(["fraction", "verdict", "reasons", "approximations", "algorithm"], days),
    }
