"""Tables of doses and goals as HTML, for every report that shows them."""

from collections.abc import Sequence
from html import escape
from typing import Final

from isoguide.dose.dvh import DoseVolumeHistogram
from isoguide.dose.goal_text import measure_words
from isoguide.dose.goals import GoalResult
from isoguide.workflow.page import table

_SIGNS: Final = {True: ("accept", "✔ met"), False: ("refused", "✖ missed"), None: ("review", "▲ no value")}


def dose_table(
    histograms: Sequence[DoseVolumeHistogram],
    others: Sequence[DoseVolumeHistogram] | None = None,
    *,
    words: tuple[str, str] = ("planned", "today"),
) -> str:
    """Volumes and doses of structures; with others, both lines of each.

    Parameters
    ----------
    histograms, others
        Of the same structures; they belong together by their names.
    words
        What the two are.
    """
    of_other = {one.name: one for one in others or ()}
    header = ["Structure", "ml", "mean", "D98%", "D95%", "D50%", "D2%", "largest"]
    rows = []
    for one in histograms:
        name = f"<b>{escape(one.name)}</b>" if one.is_target else escape(one.name)
        other = of_other.get(one.name)
        first = [name + ("" if others is None else f' <span class="small">{escape(words[0])}</span>')]
        rows.append(first + _figures(one))
        if other is not None:
            rows.append([f'<span class="small">{escape(words[1])}</span>', *_figures(other)])
    return table(header, rows, kind="plain figures dvh")


def _figures(one: DoseVolumeHistogram) -> list[str]:
    doses = [one.mean_gy, *(one.dose_at_volume_gy(percent) for percent in (98.0, 95.0, 50.0, 2.0))]
    return [f"{one.volume_ml:.2f}", *(f"{dose:.2f}" for dose in doses), f"{one.largest_gy:.2f}"]


def goal_table(
    results: Sequence[GoalResult],
    others: Sequence[GoalResult] = (),
    *,
    words: tuple[str, str] = ("planned", "today"),
) -> str:
    """Goals with what was found; with others, both answers side by side; nothing where there are no goals."""
    if not results:
        return ""
    is_explained = any(one.reason for one in (*results, *others))
    header = ["Structure", "goal", *(words if others else ("found",)), *(["reason"] if is_explained else [])]
    rows = []
    for n, one in enumerate(results):
        pair = [one, others[n]] if others else [one]
        reasons = " · ".join(dict.fromkeys(each.reason for each in pair if each.reason))
        sign = "≤" if one.goal.is_upper else "≥"
        wanted = f"{measure_words(one.goal)} {sign} {one.goal.limit:g} {one.goal.unit}"
        found = [_found(each) for each in pair]
        rows.append(
            [
                escape(one.goal.structure),
                _together(wanted),
                *found,
                *([escape(reasons)] if is_explained else []),
            ]
        )
    return table(header, rows, kind="plain")


def _found(result: GoalResult) -> str:
    kind, word = _SIGNS[result.is_met]
    value = "–" if result.value is None else f"{result.value:.2f} {result.goal.unit}"
    colour = f'style="color:var(--{kind});font-weight:650"'
    return f"{_together(value)} <span {colour}>{_together(word)}</span>"


def _together(words: str) -> str:
    """Keep words on one line."""
    return escape(words).replace(" ", "&nbsp;")
