"""The section about the dose over a course, of a review and of a virtual course's report."""

from html import escape
from typing import Final

from isoguide.course import DoseRecord, GoalOfDay
from isoguide.review.dose_trends import DoseDay, DoseSeries, DoseTrend, GoalSeries
from isoguide.workflow.numbers import number, signed
from isoguide.workflow.page import bullets, table
from isoguide.workflow.review.dose_words import dose_words
from isoguide.workflow.review.drawing import Picture
from isoguide.workflow.review.html_parts import not_available

DOSE_HEADING: Final = "The dose of the course"
_CAPTION: Final = (
    "Dose of each day against the plan, percent of the prescription: D95% of a target, the mean of an organ. "
    "Blue: days that count; hollow: days that may not be decided by; cross: no dose. Green: what was "
    "delivered so far, in the mean of its fractions. Dashed: the limit of the protocol. A ring marks the day "
    "on which an alert was raised."
)


def course_dose_html(trend: DoseTrend, picture: Picture | None) -> str:
    """Write what stands out, the picture, and the tables: course so far, goals, every day, how computed."""
    lead = f'<div class="lead">{bullets(dose_words(trend))}</div>'
    if not trend.days:
        return lead
    drawn = "" if picture is None else picture.html(escape(_CAPTION))
    return lead + drawn + _so_far(trend) + _goals(trend) + _days(trend) + _provenance(trend)


def _so_far(trend: DoseTrend) -> str:
    summed = [(series, day) for series in trend.structures if (day := series.summed) is not None]
    if not summed:
        return ""
    both = (f"{what}, {which}" for what in ("Mean", "D95%", "D2%") for which in ("planned", "delivered"))
    header = ("Structure", "Fractions", *both)
    note = (
        '<p class="small">What the course has delivered so far, in the planning anatomy: energy and mass of '
        "each day taken home by the deformation of that day. Gy, with one standard deviation that the "
        "deformations leave on the mean. Planned: as many fractions of the plan.</p>"
    )
    return table(header, [_so_far_row(series, day) for series, day in summed], kind="numbers") + note


def _so_far_row(series: DoseSeries, day: DoseDay) -> tuple[str, ...]:
    one, count = day.figures, day.fractions_so_far
    sigma = one.accumulated_sigma_gy
    spread = "" if sigma is None else f' <span class="range">± {number(sigma, 2)}</span>'
    return (
        _name(series),
        str(count),
        number(one.planned_mean_gy * count, 2),
        _gy(one.accumulated_mean_gy) + spread,
        number(one.planned_d95_gy * count, 2),
        _gy(one.accumulated_d95_gy),
        number(one.planned_d2_gy * count, 2),
        _gy(one.accumulated_d2_gy),
    )


def _goals(trend: DoseTrend) -> str:
    if not trend.goals:
        return ""
    header = ("Goal", "In the plan", *(f"Fraction {fraction}" for fraction, _ in trend.days[-_MOST_DAYS:]))
    rows = [_goal_row(goal, trend) for goal in trend.goals]
    note = (
        '<p class="small">Goals of the protocol, for the whole course if all its fractions were like this '
        f"one{_newest_only(trend)}; in brackets what may not be decided by.</p>"
    )
    return table(header, rows, kind="plain") + note


_MOST_DAYS: Final = 8
"""Columns of days that fit on a page; the tables for a spreadsheet hold all."""


def _newest_only(trend: DoseTrend) -> str:
    return f", the newest {_MOST_DAYS}" if len(trend.days) > _MOST_DAYS else ""


def _goal_row(goal: GoalSeries, trend: DoseTrend) -> tuple[str, ...]:
    plan = {True: "met", False: '<span class="raised">missed</span>', None: not_available()}
    of_day = {fraction: (one, counts) for fraction, one, counts in goal.days}
    return (
        escape(goal.goal),
        plan[goal.was_met_in_plan],
        *(_goal_cell(*of_day.get(fraction, (None, True))) for fraction, _ in trend.days[-_MOST_DAYS:]),
    )


def _goal_cell(one: GoalOfDay | None, counts: bool) -> str:  # noqa: FBT001 - a pair of one table
    if one is None or one.value is None:
        return "–"
    unit = "%" if one.unit == "% of prescription" else one.unit
    told = f"{number(one.value, 1)} {escape(unit)} {'met' if one.is_met else 'missed'}"
    tone = "calm" if one.is_met else "raised"
    return f'<span class="{tone}">{told}</span>' if counts else f'<span class="none">({told})</span>'


def _days(trend: DoseTrend) -> str:
    """Every day in a row, every structure in a column."""
    if not trend.structures:
        return ""
    of_day = [{day.fraction: day for day in series.days} for series in trend.structures]
    header = (
        "Fraction",
        *(f"{_name(one)}, {'D95%' if one.is_target else 'mean'}" for one in trend.structures),
    )
    rows = [
        (
            str(fraction),
            *(
                _change(days.get(fraction), is_target=series.is_target)
                for series, days in zip(trend.structures, of_day, strict=True)
            ),
        )
        for fraction, _ in trend.days
    ]
    note = (
        '<p class="small">Dose of one fraction, Gy, and its difference from the plan; in brackets what may '
        "not be decided by.</p>"
    )
    return table(header, rows, kind="numbers") + note


def _change(day: DoseDay | None, *, is_target: bool) -> str:
    if day is None:
        return "–"
    one = day.figures
    found = one.d95_gy if is_target else one.mean_gy
    planned = one.planned_d95_gy if is_target else one.planned_mean_gy
    value = f"{number(found, 2)} <span class='range'>{signed(found - planned, 2)}</span>"
    return value if day.counts else f'<span class="none" title="{escape(day.why_not)}">({value})</span>'


def _provenance(trend: DoseTrend) -> str:
    header = ("Fraction", "Verdict", "Computed by", "Machine", "Why, and what is assumed")
    rows = [_provenance_row(fraction, record) for fraction, record in trend.days]
    return table(header, rows, kind="plain told")


def _provenance_row(fraction: int, record: DoseRecord) -> tuple[str, ...]:
    tone = "calm" if record.is_for_decision else "raised"
    return (
        str(fraction),
        f'<span class="{tone}">{escape(record.verdict)}</span>',
        escape(record.algorithm) or "–",
        escape(record.beam_data) or "–",
        escape("; ".join((*record.reasons, *record.approximations))) or "–",
    )


def _name(series: DoseSeries) -> str:
    return escape(series.name) + (" (target)" if series.is_target else "")


def _gy(value: float | None) -> str:
    return not_available() if value is None else number(value, 2)
