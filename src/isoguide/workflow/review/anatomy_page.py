"""The section about the anatomy over a course, of a review and of a virtual course's report."""

from html import escape
from typing import Final

import numpy as np

from isoguide.course import AssessmentRecord
from isoguide.review.anatomy_trends import AnatomyTrend, StructureDay, StructureSeries
from isoguide.workflow.numbers import number, signed
from isoguide.workflow.page import bullets, table
from isoguide.workflow.review.anatomy_figures import Truths
from isoguide.workflow.review.anatomy_words import anatomy_words
from isoguide.workflow.review.drawing import Picture
from isoguide.workflow.review.html_parts import TRUTH_BADGE, estimate_html, not_available
from isoguide.workflow.review.patient_words import p_words

HEADING: Final = "The anatomy of the course"
_CAPTION: Final = (
    "Change of the volume against the plan. Blue: days that count, with 95 % of what the deformation leaves "
    "uncertain; hollow: days that may not be decided by; cross: nothing was found. Dashed: the limit of the "
    "protocol. A ring marks the day on which an alert was raised."
)
_TRUE: Final = " Dotted: the truth."


def anatomy_html(trend: AnatomyTrend, picture: Picture | None, truths: Truths | None = None) -> str:
    """Write what stands out, the picture, and the tables: by structure, every day, quality of every field."""
    lead = f'<div class="lead">{bullets(anatomy_words(trend))}</div>'
    if not trend.days:
        return lead
    drawn = "" if picture is None else picture.html(escape(_CAPTION + (_TRUE if truths else "")))
    return lead + drawn + _trends(trend) + _volumes(trend, truths or {}) + _quality(trend)


def _trends(trend: AnatomyTrend) -> str:
    header = (
        "Structure",
        "Planned",
        "Newest day that counts",
        "Volume, change a fraction",
        "Drift",
        "Surface, newest (95 %)",
        "Centre, newest",
    )
    rows = [_trend_row(series) for series in trend.structures]
    if not rows:
        return ""
    note = (
        '<p class="small">Changes a fraction with their 95 % interval, of the days that count. Drift: '
        "Mann-Kendall, p adjusted among the structures. Surface: 95th percentile of its distance from where "
        "it was planned. Centre: left, back, head (mm), against what the image was matched on.</p>"
    )
    return table(header, rows, kind="numbers") + note


def _trend_row(series: StructureSeries) -> tuple[str, ...]:
    newest = series.counting[-1] if series.counting else None
    name = escape(series.name) + (" (target)" if series.is_target else "")
    planned = f"{number(series.days[-1].figures.planned_volume_ml, 1)} ml"
    drift = series.volume_drifts
    return (
        name,
        planned,
        not_available() if newest is None else _newest(newest),
        estimate_html(None if series.volume is None else series.volume.slope, 2, with_sign=True) + " %"
        if series.volume is not None
        else not_available(),
        not_available() if drift is None else f"p {escape(p_words(drift.adjusted))}",
        not_available() if newest is None else f"{number(newest.figures.surface_p95_mm, 1)} mm",
        not_available() if newest is None else _shift(newest),
    )


def _newest(day: StructureDay) -> str:
    figures = day.figures
    change = f"{signed(figures.volume_change_percent, 1)} %"
    spread = f"{number(figures.volume_ml, 1)} ± {number(figures.volume_sigma_ml, 1)} ml"
    return f"{change}<br><span class='range'>fraction {day.fraction}: {spread}</span>"


def _shift(day: StructureDay) -> str:
    shift_mm = day.figures.shift_mm
    parts = " / ".join(signed(float(value), 1) for value in shift_mm)
    return f"{parts}<br><span class='range'>{number(float(np.linalg.norm(shift_mm)), 1)} mm</span>"


def _volumes(trend: AnatomyTrend, truths: Truths) -> str:
    """Every day in a row, every structure in a column: measured, and the truth where that is known."""
    if not trend.structures:
        return ""
    of_day = [{day.fraction: day for day in series.days} for series in trend.structures]
    header = ("Fraction", *(f"{series.name}, %" for series in trend.structures))
    rows = [
        (
            str(fraction),
            *(
                _change(days.get(fraction), truths.get(series.name, {}).get(fraction))
                for series, days in zip(trend.structures, of_day, strict=True)
            ),
        )
        for fraction, _ in trend.days
    ]
    also = f" {TRUTH_BADGE} stands behind." if truths else ""
    note = (
        '<p class="small">Change of the volume against the plan, with the standard deviation that comes from '
        f"the deformation; in brackets what may not be decided by.{also}</p>"
    )
    return table(header, rows, kind="numbers") + note


def _change(day: StructureDay | None, truth: float | None) -> str:
    if day is None:
        return "–"
    figures = day.figures
    sigma = 100.0 * figures.volume_sigma_ml / figures.planned_volume_ml
    value = f"{signed(figures.volume_change_percent, 1)} ± {number(sigma, 1)}"
    told = value if day.counts else f'<span class="none" title="{escape(day.why_not)}">({value})</span>'
    return told if truth is None else f'{told} <span class="truth-value">{signed(truth, 1)}</span>'


def _quality(trend: AnatomyTrend) -> str:
    header = (
        "Fraction",
        "Verdict",
        "Folded",
        "Jacobian",
        "There and back, mean / 95 %",
        "Bones strained (95 %)",
        "Alike, before / after",
        "Why",
    )
    rows = [_quality_row(fraction, record) for fraction, record in trend.days]
    asked = trend.instructions
    limits = (
        ""
        if asked is None
        else f" There and back at most {asked.inconsistency_mm:g} mm on average, by the protocol."
    )
    note = (
        '<p class="small">Quality of the deformation of each day (AAPM TG-132): share of the body that folds '
        "(none may), least and largest change of volume (Jacobian), how far tissue that is matched there and "
        "back misses itself, how much bones are strained, and how alike the images are before and after it."
        f"{limits} Numbers in brackets may not be decided by.</p>"
    )
    return table(header, rows, kind="plain told") + note


def _quality_row(fraction: int, record: AssessmentRecord) -> tuple[str, ...]:
    tone = "calm" if record.is_for_decision else "raised"
    verdict = f'<span class="{tone}">{escape(record.verdict)}</span>'
    why = escape("; ".join((*record.reasons, *record.approximations))) or "–"
    figures = record.figures
    if figures is None:
        return (str(fraction), verdict, "–", "–", "–", "–", "–", why)
    return (
        str(fraction),
        verdict,
        f"{100.0 * figures.folded_fraction:.2g} %",
        f"{number(figures.jacobian_least, 2)}–{number(figures.jacobian_largest, 2)}",
        f"{_measured(figures.inconsistency_mean_mm, 2)} / {_measured(figures.inconsistency_p95_mm, 2)} mm",
        _measured(figures.bone_strain_p95, 3),
        f"{number(figures.similarity_before, 2)} / {number(figures.similarity_after, 2)}",
        why,
    )


def _measured(value: float | None, decimals: int) -> str:
    return "–" if value is None else number(value, decimals)
