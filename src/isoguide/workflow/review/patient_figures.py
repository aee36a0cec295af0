"""Figures about one course: every fraction at a glance, control charts, what other schemes leave."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from isoguide.course import FractionSummary, ProtocolAction
from isoguide.geometry.frames import Array
from isoguide.review.control_charts import CusumChart, EwmaChart, IndividualsChart
from isoguide.review.error_table import SHIFTS, six
from isoguide.review.patient import PatientAxis, PatientReview
from isoguide.workflow.review.anatomy_figures import anatomy_picture
from isoguide.workflow.review.axis_words import SIX, AxisWords
from isoguide.workflow.review.dose_figures import dose_picture
from isoguide.workflow.review.drawing import (
    BLUE,
    GREEN,
    INK,
    MUTED,
    ORANGE,
    RULE,
    SMALL_PT,
    Picture,
    ends,
    panels,
    picture,
    rows_of,
    zero_line,
)
from isoguide.workflow.review.patient_words import has_charts, has_schemes

NORMAL_95: Final = 1.96
MARKS: Final = {
    ProtocolAction.NO_CORRECTION: ("o", "none"),
    ProtocolAction.CORRECT: ("o", "full"),
    ProtocolAction.SECOND_LOOK: ("D", "full"),
    ProtocolAction.REIMAGE: ("^", "full"),
    ProtocolAction.REPOSITION: ("s", "full"),
    ProtocolAction.STOP: ("X", "full"),
}
"""How the strip shows what was decided: shape and filling."""
_THREE: Final = (("o", BLUE, "lateral"), ("^", ORANGE, "longitudinal"), ("s", GREEN, "vertical"))


@dataclass(frozen=True, slots=True, eq=False)
class _Days:
    """Fractions side by side: numbers of all, and of those measured with what is drawn of them."""

    all: tuple[FractionSummary, ...]
    measured: tuple[FractionSummary, ...]
    numbers: Array
    review: PatientReview

    @classmethod
    def of(cls, review: PatientReview) -> "_Days":
        summaries = {summary.number: summary for summary in review.course.fractions}
        measured = tuple(summaries[number] for number in review.numbers)
        return cls(review.course.fractions, measured, np.array(review.numbers, dtype=np.float64), review)

    @property
    def last(self) -> int:
        return max(summary.number for summary in self.all)

    def on_axis(self, axes: Axes) -> None:
        axes.set_xlim(0.4, self.last + 0.6)
        axes.xaxis.set_major_locator(MaxNLocator(nbins=18, integer=True, min_n_ticks=1))


def patient_pictures(review: PatientReview) -> tuple[Picture, ...]:
    """Return the figures that the measurements of a course allow; none without any."""
    anatomy = None if review.anatomy is None else anatomy_picture(review.anatomy)
    dose = None if review.dose is None else dose_picture(review.dose)
    return (*_of_positions(review), *(one for one in (anatomy, dose) if one is not None))


def _of_positions(review: PatientReview) -> tuple[Picture, ...]:
    if not review.numbers:
        return ()
    found = [_at_a_glance(review)]
    if has_charts(review):
        found += [_charts(review), _cusums(review)]
    if has_schemes(review):
        found.append(_schemes(review))
    return tuple(found)


def _at_a_glance(review: PatientReview) -> Picture:
    days = _Days.of(review)
    limits = _limits(days)

    def draw(figure: Figure) -> None:
        rows = panels(
            figure,
            7,
            1,
            edges_in=(1.2, 1.5, 0.08, 0.42),
            gaps_in=(0.0, 0.12),
            sharex=True,
            height_ratios=[1.0] * 6 + [0.82],
        )
        for at, words in enumerate(SIX):
            _axis_panel(rows[at][0], days, at, words, limits[words.unit])
        _strip(rows[6][0], days)

    about = f"Set-up error and position at treatment on six axes, {len(review.numbers)} fractions measured."
    return picture("course", about, 7.6, draw)


def _limits(days: _Days) -> dict[str, tuple[float, float]]:
    """Return one scale for the shifts and one for the rotations, with room for the words at the ends."""
    errors, treated = days.review.errors, days.review.treated
    found = {}
    for unit, axes in (("mm", slice(0, SHIFTS)), ("°", slice(SHIFTS, None))):
        values = np.concatenate([errors[:, axes].ravel(), treated[:, axes].ravel(), [0.0]])
        low, high = float(values.min()), float(values.max())
        room = max(0.22 * (high - low), 0.3)
        found[unit] = (low - room, high + room)
    return found


def _axis_panel(axes: Axes, days: _Days, at: int, words: AxisWords, limits: tuple[float, float]) -> None:
    axes.set_ylim(*limits)
    axes.yaxis.set_major_locator(MaxNLocator(nbins=4))
    axes.tick_params(axis="x", length=0)
    axes.spines["bottom"].set_visible(False)
    axes.set_ylabel(f"{words.title}\n({words.unit})", rotation=0, ha="right", va="center", labelpad=6)
    zero_line(axes)
    ends(axes, words.up, words.down)
    error, treated = days.review.errors[:, at], days.review.treated[:, at]
    axes.vlines(days.numbers, error, treated, color=RULE, linewidth=2.2, zorder=1)
    _bars(axes, days, at, error)
    axes.plot(days.numbers, treated, "o", mfc="white", mec=INK, mew=0.8, ms=4.0, zorder=3)
    axes.plot(days.numbers, error, "o", color=BLUE, ms=4.4, zorder=4)
    left = [(s.number, -six(s.residual)[at]) for s in days.all if s.residual is not None]
    if left:
        axes.plot(*zip(*left, strict=True), "x", color=ORANGE, ms=5.0, mew=1.2, zorder=5)
    _mean_line(axes, days.review.axes[at], words)


def _bars(axes: Axes, days: _Days, at: int, error: Array) -> None:
    known = [index for index, summary in enumerate(days.measured) if summary.deviation is not None]
    if not known:
        return
    half = NORMAL_95 * np.array([_deviation(days.measured[index])[at] for index in known])
    axes.errorbar(
        days.numbers[known], error[known], half, fmt="none", ecolor=BLUE, elinewidth=1.0, zorder=2.5
    )


def _deviation(summary: FractionSummary) -> Array:
    assert summary.deviation is not None  # noqa: S101 - the caller has checked; tells the type checker
    return summary.deviation


def _mean_line(axes: Axes, axis: PatientAxis, words: AxisWords) -> None:
    if axis.mean is None:
        return
    axes.axhline(axis.mean.value, color=BLUE, linewidth=0.8, dashes=(5, 3), zorder=0.8)
    axes.annotate(
        f"mean {words.signed(axis.mean.value)}",
        (1.0, axis.mean.value),
        xycoords=("axes fraction", "data"),
        xytext=(6, 0),
        textcoords="offset points",
        color=BLUE,
        va="center",
        fontsize=SMALL_PT,
        annotation_clip=False,
    )


def _strip(axes: Axes, days: _Days) -> None:
    summaries = days.all
    marked = {
        "otherwise": [summary.number for summary in summaries if summary.overrides],
        "stopped": [summary.number for summary in summaries if summary.state == "stopped"],
    }
    shown = ["decision", "images", *(name for name, numbers in marked.items() if numbers)]
    rows_of(axes, shown, labelled=True)
    axes.tick_params(axis="y", labelsize=SMALL_PT)
    axes.set_xlabel("Fraction")
    days.on_axis(axes)
    _decisions(axes, summaries)
    for summary in summaries:
        _word(axes, summary.number, shown.index("images"), str(summary.images))
    for name, marker, colour in (("otherwise", "*", ORANGE), ("stopped", "X", INK)):
        if name in shown:
            numbers = marked[name]
            axes.plot(numbers, [shown.index(name)] * len(numbers), marker, color=colour, ms=6.0)


def _decisions(axes: Axes, summaries: Sequence[FractionSummary]) -> None:
    for action, (marker, filling) in MARKS.items():
        numbers = [summary.number for summary in summaries if summary.action == action]
        if numbers:
            zeros, label = [0] * len(numbers), str(action)
            axes.plot(
                numbers, zeros, marker, color=INK, fillstyle=filling, ms=5.0, clip_on=False, label=label
            )
    for summary in summaries:
        if summary.action not in list(MARKS):
            _word(axes, summary.number, 0, "–")
    if any(summary.action in list(MARKS) for summary in summaries):
        axes.legend(
            loc="center left",
            bbox_to_anchor=(1.0, 0.5),
            frameon=False,
            fontsize=SMALL_PT,
            handletextpad=0.3,
            borderaxespad=0.2,
            labelspacing=0.25,
        )


def _word(axes: Axes, x: float, y: float, words: str) -> None:
    axes.text(x, y, words, ha="center", va="center", fontsize=7.0, color=MUTED)


def _charts(review: PatientReview) -> Picture:
    numbers = np.array(review.numbers)

    def draw(figure: Figure) -> None:
        for axes, axis, words in _two_columns(figure, review, "Fraction"):
            assert axis.individuals is not None  # noqa: S101 - enough measurements, see patient_pictures
            assert axis.ewma is not None  # noqa: S101 - likewise
            _individuals(axes, numbers, axis.individuals, axis.ewma)
            axes.set_title(words.label)
            ends(axes, words.up, words.down)

    about = "Control charts of the six axes: each day's value and its running average, between limits."
    return picture("control-charts", about, 6.4, draw)


def _two_columns(
    figure: Figure, review: PatientReview, under: str
) -> list[tuple[Axes, PatientAxis, AxisWords]]:
    """Return six panels: shifts in the left column, rotations in the right one."""
    grid = panels(figure, 3, 2, edges_in=(0.55, 0.15, 0.3, 0.45), gaps_in=(0.7, 0.42), sharex=True)
    for axes in grid[-1]:
        axes.set_xlabel(under)
        axes.xaxis.set_major_locator(MaxNLocator(nbins=12, integer=True, min_n_ticks=1))
        axes.set_xlim(0.4, review.numbers[-1] + 0.6)
    placed = [grid[row][column] for column in (0, 1) for row in range(3)]
    return list(zip(placed, review.axes, SIX, strict=True))


def _individuals(axes: Axes, numbers: Array, chart: IndividualsChart, ewma: EwmaChart) -> None:
    axes.axhline(chart.baseline.centre, color=MUTED, linewidth=0.7)
    for limit in (chart.lower, chart.upper):
        axes.axhline(limit, color=INK, linewidth=0.8, dashes=(5, 3))
    axes.fill_between(numbers, ewma.lower, ewma.upper, color=ORANGE, alpha=0.13, linewidth=0)
    axes.plot(numbers, chart.values, "-", color=BLUE, linewidth=0.6)
    axes.plot(numbers, chart.values, "o", color=BLUE, ms=3.4)
    axes.plot(numbers, ewma.averages, "-", color=ORANGE, linewidth=1.6)
    _rings(axes, numbers, chart.values, chart.signals, BLUE)
    _rings(axes, numbers, ewma.averages, ewma.signals, ORANGE)
    axes.margins(y=0.16)


def _rings(axes: Axes, numbers: Array, values: Array, signals: Sequence[int], colour: str) -> None:
    chosen = list(signals)
    axes.plot(numbers[chosen], values[chosen], "o", mfc="none", mec=colour, mew=1.3, ms=9.0)


def _cusums(review: PatientReview) -> Picture:
    numbers = np.array(review.numbers)

    def draw(figure: Figure) -> None:
        for axes, axis, words in _two_columns(figure, review, "Fraction"):
            assert axis.cusum is not None  # noqa: S101 - enough measurements, see patient_pictures
            _cusum(axes, numbers, axis.cusum)
            axes.set_title(words.label)
            ends(axes, words.up, words.down)

    about = "Cumulative sums of the six axes, upwards and downwards, between limits."
    return picture("cumulative-sums", about, 5.4, draw)


def _cusum(axes: Axes, numbers: Array, chart: CusumChart) -> None:
    zero_line(axes)
    for limit in (-chart.limit, chart.limit):
        axes.axhline(limit, color=INK, linewidth=0.8, dashes=(5, 3))
    axes.plot(numbers, chart.above, "-", color=BLUE, marker="^", ms=3.2, linewidth=0.8)
    axes.plot(numbers, -chart.below, "-", color=ORANGE, marker="v", ms=3.2, linewidth=0.8)
    _rings(axes, numbers, chart.above, [at for at in chart.signals if chart.above[at] > chart.limit], BLUE)
    _rings(axes, numbers, -chart.below, [at for at in chart.signals if chart.below[at] > chart.limit], ORANGE)
    axes.margins(y=0.2)


def _schemes(review: PatientReview) -> Picture:
    names = [scheme.scheme.name for scheme in review.schemes]

    def draw(figure: Figure) -> None:
        (row,) = panels(figure, 1, 3, edges_in=(1.55, 0.25, 0.34, 0.44), gaps_in=(0.35, 0.0))
        mean, days, images = row
        for axes, title in zip(row, ("Mean that is left", "Each day, distance", "Images"), strict=True):
            rows_of(axes, names, labelled=axes is mean)
            axes.set_title(title)
        _means_left(mean, review)
        for at, scheme in enumerate(review.schemes):
            lengths_mm = np.linalg.norm(scheme.residual_mm, axis=1)
            days.plot(lengths_mm, np.full(len(lengths_mm), at), "|", color=MUTED, ms=9.0, mew=0.8)
            days.plot(np.median(lengths_mm), at, "D", color=INK, ms=5.0)
            images.barh(at, scheme.images, height=0.42, color=RULE)
            images.text(scheme.images, at, f" {scheme.images}", va="center", fontsize=SMALL_PT)
        days.set_xlabel("mm (diamond: median)")
        days.set_xlim(left=-0.3)
        images.set_xlabel("of this course")
        images.xaxis.set_major_locator(MaxNLocator(nbins=5, integer=True))
        images.margins(x=0.15)

    about = "What each scheme would have left of the measured days, and how many images it takes."
    return picture("schemes", about, 0.34 * len(names) + 0.95, draw)


def _means_left(axes: Axes, review: PatientReview) -> None:
    zero_line(axes, upright=True)
    for axis, (marker, colour, label) in enumerate(_THREE):
        values = [scheme.mean_mm[axis] for scheme in review.schemes]
        axes.plot(values, range(len(values)), marker, color=colour, mfc="none", mew=1.3, ms=6.0, label=label)
    axes.set_xlabel("mm: ○ lateral  △ longitudinal  □ vertical")
