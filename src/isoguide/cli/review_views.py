"""Reviews on the terminal: one line for each axis, what stands out below."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from isoguide.cli.terminal import console

if TYPE_CHECKING:
    from isoguide.review.estimate import Estimate
    from isoguide.review.groups import GroupStatistics
    from isoguide.review.patient import PatientReview
    from isoguide.workflow.review.axis_words import AxisWords
    from isoguide.workflow.review.population_words import Population

_NONE = "not available"


def show_patient(review: "PatientReview", *, results: Path | None) -> None:
    """Print mean, spread and trend of each axis, what signals, and how the course went."""
    from isoguide.workflow.review.anatomy_words import anatomy_words
    from isoguide.workflow.review.axis_words import SIX
    from isoguide.workflow.review.dose_words import dose_words
    from isoguide.workflow.review.patient_words import (
        correction_words,
        counted,
        gap_words,
        missing_words,
        p_words,
        quiet_words,
        signal_words,
    )

    course, out = review.course, console()
    lies = _table("", "mean (95 %)", "lies", "SD (95 %)")
    changes = _table("", "change a fraction (95 %)", "drift")
    for words, axis in zip(SIX, review.axes, strict=True):
        title, slope = Text(words.label, style="bold"), None if axis.trend is None else axis.trend.slope
        side = "" if axis.mean is None else words.where(axis.mean.value)
        lies.add_row(title, _estimate(axis.mean, 1, with_sign=True), Text(side), _estimate(axis.deviation, 1))
        drift = _NONE if axis.drifts is None else f"p {p_words(axis.drifts.adjusted)}"
        changes.add_row(title, _estimate(slope, 2, with_sign=True), drift)
    head = f"Course {course.course_id} · {course.patient} · {course.site} · {course.protocol}"
    out.print(Text(head, style="bold"))
    measured = f"{counted(len(course.fractions), 'fraction')}, {len(review.numbers)} measured"
    out.print(Text(f"{measured}; set-up error from the marks"))
    for table in (lies, changes):
        out.print(Padding(table, (1, 0, 0, 2)))
    out.print()
    anatomy = () if review.anatomy is None else anatomy_words(review.anatomy)
    dose = () if review.dose is None else dose_words(review.dose)
    lines = [*anatomy, *dose, *(signal_words(review) or quiet_words(review)), *missing_words(review)]
    _print_lines([*lines, *correction_words(review), *gap_words(course)])
    _print_doses([(dose.metric, dose.exposures, dose.total) for dose in review.doses])
    _print_results(results)


def show_population(population: "Population", *, results: Path | None) -> None:
    """Print M, Σ and σ of all and of each group, one margin, what stands out and what was left out."""
    from isoguide.workflow.review.patient_words import counted
    from isoguide.workflow.review.population_words import has_enough, lead_words, left_out_words

    review, out = population.review, console()
    out.print(
        Text(f"{counted(review.courses, 'course')}, {review.measurements} fractions measured", style="bold")
    )
    for group in population.shown:
        out.print(Padding(_group(group), (1, 0, 0, 0)))
        if has_enough(group):
            margin = group.margins[0]
            sizes = " / ".join(f"{estimate.value:.1f}" for estimate in margin.mm)
            out.print(Padding(Text(f"margin, {margin.name} {margin.formula}: {sizes} mm"), (0, 0, 0, 2)))
    out.print()
    _print_lines([*lead_words(population), *left_out_words(population)])
    everybody = population.everybody
    _print_doses([(dose.metric, dose.exposures, dose.total) for dose in everybody.doses] if everybody else [])
    _print_results(results)


def _group(group: "GroupStatistics") -> Table:
    from isoguide.workflow.review.axis_words import SIX
    from isoguide.workflow.review.patient_words import counted
    from isoguide.workflow.review.population_words import group_name, has_enough, why_not

    table = _table("", "mean M (95 %)", "systematic Σ", "random σ")
    table.title = f"{group_name(group)}, {counted(group.patients, 'patient')}"
    table.title_justify, table.title_style = "left", "bold"
    if not group.axes:
        table.add_row(f"{_NONE}: {why_not(group)}")
    axes: Sequence[tuple[AxisWords, int]] = (
        [(words, at) for at, words in enumerate(SIX)] if group.axes else []
    )
    for words, at in axes:
        axis = group.axes[at]
        systematic = _estimate(axis.systematic, 2) if has_enough(group) else f"{_NONE}: {why_not(group)}"
        table.add_row(
            words.label,
            _estimate(axis.mean, 1, with_sign=True),
            systematic,
            _estimate(axis.random, 2),
        )
    return table


def _table(*titles: str) -> Table:
    table = Table(box=None, pad_edge=False)
    for title in titles:
        table.add_column(title, header_style="dim")  # wrapped: a number that is cut off is another one
    return table


def _estimate(estimate: "Estimate | None", decimals: int, *, with_sign: bool = False) -> str:
    from isoguide.workflow.numbers import number, signed

    if estimate is None:
        return _NONE
    write = signed if with_sign else number
    low, high = write(estimate.low, decimals), write(estimate.high, decimals)
    return f"{write(estimate.value, decimals)} ({low} to {high})"


def _print_lines(lines: Sequence[str]) -> None:
    for line in lines:
        console().print(Padding(Text(line), (0, 0, 0, 2)))


def _print_doses(doses: Sequence[tuple[str, int, float]]) -> None:
    _print_lines(
        [
            f"Imaging dose: {total:.4g} {metric} in {exposures} exposures."
            for metric, exposures, total in doses
        ]
    )


def _print_results(results: Path | None) -> None:
    if results is not None:
        console().print(Text(f"Look at {results / 'report.html'}"), soft_wrap=True)
