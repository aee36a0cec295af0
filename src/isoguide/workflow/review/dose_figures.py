"""The dose of target and organs over a course: each day against the plan, and what it adds up to."""

from typing import Final

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from isoguide.review.dose_trends import DoseDay, DoseSeries, DoseTrend
from isoguide.workflow.numbers import signed
from isoguide.workflow.review.drawing import (
    BLUE,
    GREEN,
    INK,
    MUTED,
    ORANGE,
    SMALL_PT,
    Picture,
    panels,
    picture,
    zero_line,
)

DOSE_PICTURE: Final = "dose"
"""Name of the picture."""
MOST: Final = 6
"""So many structures are drawn, targets first; the others stand in the table."""
PANEL_IN: Final = 1.35
_EDGES_IN: Final = (1.7, 1.6, 0.12, 0.42)
_LEAST_RANGE: Final = 4.0
"""Percent either way: a dose that stays what it was planned to be looks like it."""


def dose_picture(trend: DoseTrend) -> Picture | None:
    """Draw the doses over the fractions; None where no structure has any."""
    shown = trend.structures[:MOST]
    if not shown:
        return None
    first, last = trend.days[0][0], trend.days[-1][0]

    def draw(figure: Figure) -> None:
        rows = panels(figure, len(shown), 1, edges_in=_EDGES_IN, gaps_in=(0.0, 0.16), sharex=True)
        for (axes,), series in zip(rows, shown, strict=True):
            _panel(axes, series, trend)
        bottom = rows[-1][0]
        bottom.set_xlim(first - 0.6, last + 0.6)
        bottom.xaxis.set_major_locator(MaxNLocator(nbins=18, integer=True, min_n_ticks=1))
        bottom.set_xlabel("Fraction")

    about = f"Dose of {len(shown)} structures against the plan on {len(trend.days)} days."
    return picture(DOSE_PICTURE, about, PANEL_IN * len(shown) + _EDGES_IN[2] + _EDGES_IN[3], draw)


def change_percent(day: DoseDay, *, is_target: bool) -> float | None:
    """Return what is drawn of a day: change of D95% (target) or mean dose, percent of the prescription.

    Without a prescription it is percent of the planned value; None where that is nothing.
    """
    figures = day.figures
    planned = figures.planned_d95_gy if is_target else figures.planned_mean_gy
    found = figures.d95_gy if is_target else figures.mean_gy
    of = day.prescribed_gy if day.prescribed_gy is not None else planned
    return 100.0 * (found - planned) / of if of > 0.0 else None


def so_far_percent(day: DoseDay, *, is_target: bool) -> float | None:
    """Return the same of what was delivered so far; None where nothing was added up."""
    figures, count = day.figures, day.fractions_so_far
    planned = figures.planned_d95_gy if is_target else figures.planned_mean_gy
    found = figures.accumulated_d95_gy if is_target else figures.accumulated_mean_gy
    of = day.prescribed_gy if day.prescribed_gy is not None else planned
    return None if found is None or not of > 0.0 else 100.0 * (found / count - planned) / of


def _panel(axes: Axes, series: DoseSeries, trend: DoseTrend) -> None:
    what = "D95%" if series.is_target else "mean"
    axes.set_ylabel(f"{series.name}\n({what}, %)", rotation=0, ha="right", va="center", labelpad=6)
    axes.yaxis.set_major_locator(MaxNLocator(nbins=4))
    axes.tick_params(axis="x", length=0)
    zero_line(axes)
    shown = [(day, change_percent(day, is_target=series.is_target)) for day in series.days]
    summed = [(day.fraction, so_far_percent(day, is_target=series.is_target)) for day in series.days]
    values = [value for _, value in (*shown, *summed) if value is not None]
    limit = _limit(series, trend)
    reach = max(_LEAST_RANGE, 1.2 * max((abs(value) for value in values), default=0.0), 1.2 * (limit or 0.0))
    axes.set_ylim(-reach, reach)
    if limit is not None:
        axes.axhline(-limit, color=ORANGE, linewidth=0.8, dashes=(5, 3), zorder=0.8)
        _beside(axes, -limit, f"limit −{limit:g} %", ORANGE)
    known = [(fraction, value) for fraction, value in summed if value is not None]
    if known:
        axes.plot(*zip(*known, strict=True), "-", color=GREEN, linewidth=1.6, zorder=2)
        _beside(axes, known[-1][1], f"so far {signed(known[-1][1])} %", GREEN)
    for counts, filling in ((True, BLUE), (False, "white")):
        points = [(d.fraction, value) for d, value in shown if d.counts is counts and value is not None]
        if points:
            edge = BLUE if counts else MUTED
            axes.plot(*zip(*points, strict=True), "o", mfc=filling, mec=edge, ms=4.4, zorder=3)
    found = {day.fraction for day in series.days}
    nothing = [fraction for fraction, _ in trend.days if fraction not in found]
    axes.plot(nothing, [0.0] * len(nothing), "x", color=MUTED, ms=5.0, zorder=3)
    _alerts(axes, series, trend)


def _limit(series: DoseSeries, trend: DoseTrend) -> float | None:
    """Return the limit for the fall of D95% where this panel shows that."""
    if trend.instructions is None or not series.is_target:
        return None
    return trend.instructions.target_d95_percent


def _beside(axes: Axes, height: float, words: str, colour: str) -> None:
    axes.annotate(
        words,
        (1.0, height),
        xycoords=("axes fraction", "data"),
        xytext=(6, 0),
        textcoords="offset points",
        color=colour,
        va="center",
        fontsize=SMALL_PT,
        annotation_clip=False,
    )


def _alerts(axes: Axes, series: DoseSeries, trend: DoseTrend) -> None:
    own = [alert for alert in trend.alerts if alert.subject == series.name]
    shown = {day.fraction: change_percent(day, is_target=series.is_target) for day in series.days}
    for alert in own:
        height = shown.get(alert.run.raised_in)
        if height is not None:
            axes.plot(
                [alert.run.raised_in], [height], "o", mfc="none", mec=ORANGE, mew=1.6, ms=10.0, zorder=4
            )
    if any(alert.run.stands for alert in own):
        _beside(axes, 0.75 * axes.get_ylim()[1], "look at\nthe dose", INK)
