"""What every report of a dose shows: goals, isodoses, histograms, a table, what is assumed.

All doses are those of the whole course: of a day, what the course would give if every fraction were like it.
"""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Final

from isoguide.dose.dvh import DoseVolumeHistogram
from isoguide.dose.goal_text import measure_words
from isoguide.dose.goals import GoalResult
from isoguide.dose.result import WEAKNESS, DoseAlgorithm, DoseVolume
from isoguide.workflow.dose.day import DoseOrder, DosePrescription
from isoguide.workflow.dose.figures import DoseFigures, beside_gy, in_order, of_course
from isoguide.workflow.dose.pictures import (
    UNSEEN_PERCENT,
    DoseReference,
    difference_key,
    dose_difference_pictures,
    isodose_key,
    isodose_pictures,
    structure_keys,
)
from isoguide.workflow.dose.scene import DoseScene, order_kinds
from isoguide.workflow.dvh.chart import dvh_svg
from isoguide.workflow.page import bullets, picture_row, table
from isoguide.workflow.structure_colours import on_paper

STYLE: Final = "dose/dose.css"
_DASH: Final = "–"
CALM_PERCENT: Final = 2.0
"""A change of a target's dose by less of the prescription is within what a dose calculation is good for."""


def goals_table(planned: Sequence[GoalResult], day: Sequence[GoalResult] | None = None) -> str:
    """Show each goal with what the plan gives, and the day; nothing where there are none."""
    if not planned:
        return ""
    header = ["Structure", "goal", "planned", ""]
    rows = [[*_goal_cells(one), *_value_cells(one)] for one in planned]
    if day is not None:
        header += ["as treated today", ""]
        of_day = {one.goal: one for one in day}
        for row, one in zip(rows, planned, strict=True):
            row.extend(_value_cells(of_day[one.goal]) if one.goal in of_day else (_DASH, ""))
    said = {reason for one in (*planned, *(day or ())) if (reason := one.reason)}
    return table(header, rows, kind="plain figures goals") + bullets(sorted(said))


def histogram_section(
    order: DoseOrder,
    planned: Mapping[str, DoseVolumeHistogram],
    day: Mapping[str, DoseVolumeHistogram] | None,
    *,
    words: tuple[str, str] = ("planned", "today"),
) -> str:
    """Draw the histograms of the course: planned dashed, the other full."""
    prescription = order.prescription
    first = of_course(planned, prescription.fractions)
    second = None if day is None else of_course(day, prescription.fractions)
    colours = on_paper(order_kinds(order))
    return dvh_svg(first, second, colours, words=words, prescription_gy=prescription.dose_gy)


def doses_table(
    names: Sequence[str],
    planned: Mapping[str, DoseVolumeHistogram],
    day: Mapping[str, DoseVolumeHistogram] | None,
    prescription: DosePrescription,
    *,
    words: tuple[str, str] = ("planned", "today"),
) -> str:
    """Give volume, mean, D98%, D95%, D50% and D2% of each structure; beside it those of the other dose."""
    header = ("Structure", "", "ml", "mean", "D98%", "D95%", "D50%", "D2%")
    rows = []
    for name in in_order(names, planned, day or {}):
        first = planned.get(name)
        rows.append(_dose_row(name, words[0] if day is not None else "", first, prescription, None))
        if day is not None:
            rows.append(_dose_row("", words[1], day.get(name), prescription, first))
    note = (
        f'<p class="small">Gy in {_times(prescription.fractions)}. D95% is the dose that the hottest 95 % of '
        "the volume get at least; D98% and D2% stand for the lowest and the highest dose. Volumes end at the "
        "outermost contours, as doses are counted; those of the anatomy reach half a slice further.</p>"
    )
    return table(header, rows, kind="plain figures doses") + note


def isodose_section(scene: DoseScene, reference: DoseReference, *, lead: str = "") -> str:
    """Draw the isodoses in three planes with their key."""
    legend = (
        f'<p class="legend">{escape(lead)} {structure_keys(scene)}<br>100 % are {reference.dose_gy:.2f} Gy, '
        f"{escape(reference.words)} in one fraction. Where there is no colour the dose is lower than "
        "20 %, or not computed.</p>"
    )
    return isodose_key(reference) + legend + picture_row("", "Isodoses", isodose_pictures(scene, reference))


def difference_section(scene: DoseScene, planned: DoseVolume, reference: DoseReference, *, lead: str) -> str:
    """Draw a dose less the planned one in three planes with its key."""
    legend = (
        f'<p class="legend">{escape(lead)} Blue got less, orange more; differences below '
        f"{UNSEEN_PERCENT:g} % are not coloured.</p>"
    )
    pictures = dose_difference_pictures(scene, planned, reference)
    return difference_key() + legend + picture_row("", "Difference of dose", pictures)


def assumed_section(algorithm: DoseAlgorithm, approximations: Sequence[str]) -> str:
    """Say what the algorithm cannot do, and what is assumed."""
    weakness = WEAKNESS[algorithm]
    others = [one for one in approximations if one != weakness]
    lead = f'<p class="weakness"><strong>Its weakness:</strong> {escape(weakness)}.</p>'
    return lead + bullets(others)


def _goal_cells(one: GoalResult) -> tuple[str, str]:
    goal = one.goal
    sign = "≤" if goal.is_upper else "≥"
    return escape(goal.structure), escape(f"{measure_words(goal)} {sign} {goal.limit:g} {goal.unit}")


def _value_cells(one: GoalResult) -> tuple[str, str]:
    if one.value is None:
        return _DASH, '<span class="raised">no value</span>'
    word = '<span class="calm">✔ met</span>' if one.is_met else '<span class="large">✖ not met</span>'
    unit = "%" if one.goal.unit.startswith("%") else one.goal.unit
    return f"{one.value:.1f} {escape(unit)}", word


def _dose_row(
    name: str,
    words: str,
    histogram: DoseVolumeHistogram | None,
    prescription: DosePrescription,
    planned: DoseVolumeHistogram | None,
) -> list[str]:
    if histogram is None:
        return [escape(name), words, *[_DASH] * 6]
    tag = ' <span class="tag">target</span>' if name and histogram.is_target else ""
    figures = DoseFigures.of(histogram, prescription.fractions)
    before = None if planned is None else DoseFigures.of(planned, prescription.fractions)
    calm_gy = CALM_PERCENT / 100.0 * (prescription.dose_gy or figures.mean_gy)
    doses = [
        _dose_cell(figures, before, key, calm_gy=calm_gy, is_target=histogram.is_target)
        for key in ("mean_gy", "d98_gy", "d95_gy", "d50_gy", "d2_gy")
    ]
    return [escape(name) + tag, words, f"{histogram.volume_ml:.1f}", *doses]


def _dose_cell(
    now: DoseFigures, before: DoseFigures | None, key: str, *, calm_gy: float, is_target: bool
) -> str:
    value = float(getattr(now, key))
    if before is None:
        return f"{value:.2f}"
    change = value - float(getattr(before, key))
    text = beside_gy(value, float(getattr(before, key)))
    worse = abs(change) > calm_gy if is_target else change > calm_gy
    return f'<span class="raised">{text}</span>' if worse else text


def _times(fractions: int) -> str:
    return "1 fraction" if fractions == 1 else f"{fractions} fractions"
