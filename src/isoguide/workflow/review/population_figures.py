"""Figures about a population: errors by group, margins, schemes, patients."""

from collections.abc import Sequence
from typing import Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from isoguide.geometry.frames import Array
from isoguide.review.error_table import SHIFTS
from isoguide.review.estimate import Estimate
from isoguide.review.groups import GroupStatistics
from isoguide.review.outliers import Outlier
from isoguide.review.replay import SchemeResult
from isoguide.workflow.review.axis_words import SIX, AxisWords
from isoguide.workflow.review.drawing import (
    BLUE,
    GREEN,
    INK,
    MUTED,
    ORANGE,
    RULE,
    SMALL_PT,
    TRUTH,
    Panels,
    Picture,
    panels,
    picture,
    rows_of,
    zero_line,
)
from isoguide.workflow.review.patient_points import PatientPoints
from isoguide.workflow.review.population_words import (
    Population,
    group_name,
    has_enough,
    margin_title,
    true_values,
)

MOST_GROUPS: Final = 12
"""Groups that are drawn, those with most patients; all are in the tables."""
MOST_LABELS: Final = 3
"""Patients that are named in one panel."""
MANY_POINTS: Final = 200
_LONGEST_NAME: Final = 22
_THREE: Final = (("o", BLUE), ("^", ORANGE), ("s", GREEN))
_SIZES: Final = (("systematic", "o", BLUE, BLUE, -0.16), ("random", "s", ORANGE, "white", 0.16))
"""What is drawn of each group: attribute, shape, colour, filling, offset from its row."""


def population_pictures(population: Population, points: PatientPoints) -> tuple[Picture, ...]:
    """Return the figures that the data allow."""
    everybody = population.everybody
    if everybody is None or not everybody.measurements:
        return ()
    found = []
    if any(has_enough(group) for group in population.shown):
        found.append(_errors(population))
    if has_enough(everybody):
        found += [_margins(everybody), _schemes(population.review.schemes)]
    if np.isfinite(points.spreads).any():
        found.append(_patients(points, population.review.outliers))
    return tuple(found)


def drawn_groups(population: Population) -> tuple[GroupStatistics, ...]:
    """Return the groups that are drawn: all patients first, then the largest ones by name."""
    groups = [group for group in population.shown if has_enough(group)]
    largest = sorted(groups, key=lambda group: -group.patients)[: MOST_GROUPS + 1]
    return tuple(group for group in groups if group in largest)


def _errors(population: Population) -> Picture:
    groups = drawn_groups(population)
    names = [f"{_short(group_name(group))} ({group.patients})" for group in groups]
    tall_in = 0.3 * len(groups) + 0.25

    def draw(figure: Figure) -> None:
        grid = panels(figure, 2, 6, edges_in=(1.75, 0.15, 0.62, 0.3), gaps_in=(0.3, 0.72))
        _headings(figure, grid, ("Mean M", "Systematic Σ ● and random σ □"))
        for at, words in enumerate(SIX):
            for row in grid:
                rows_of(row[at], names, labelled=at == 0)
                row[at].xaxis.set_major_locator(MaxNLocator(nbins=4, min_n_ticks=2))
            grid[0][at].set_title(words.label, fontsize=9.0)
            zero_line(grid[0][at], upright=True)
            for place, group in enumerate(groups):
                _forest(grid[0][at], group, at, place, ("mean", "D", INK, INK, 0.0))
                for size in _SIZES:
                    _forest(grid[1][at], group, at, place, size)
        _same_scales(grid)
        _truths(grid, population)

    about = f"Mean, systematic and random error with 95 % intervals, six axes, {len(groups)} groups."
    return picture("errors", about, 2.0 * tall_in + 1.64, draw)


def _headings(figure: Figure, grid: Panels, headings: Sequence[str]) -> None:
    width_in, height_in = figure.get_size_inches()
    for row, words in zip(grid, headings, strict=True):
        top = row[0].get_position().y1 + (0.36 if row is grid[0] else 0.14) / height_in
        figure.text(0.06 / width_in, top, words, fontsize=10.5, fontweight="bold", va="bottom")


def _short(name: str) -> str:
    return name if len(name) <= _LONGEST_NAME else f"{name[: _LONGEST_NAME - 1]}…"


def _forest(
    axes: Axes, group: GroupStatistics, at: int, place: int, what: tuple[str, str, str, str, float]
) -> None:
    name, marker, colour, filling, offset = what
    estimate: Estimate = getattr(group.axes[at], name)
    y = place + offset
    axes.plot([estimate.low, estimate.high], [y, y], color=colour, linewidth=1.1)
    axes.plot(estimate.value, y, marker, mec=colour, mfc=filling, ms=4.6, mew=1.1)


def _same_scales(grid: Panels) -> None:
    """Give shifts one scale and rotations another, in each row."""
    for row, starts_at_zero in zip(grid, (False, True), strict=True):
        for group in (row[:SHIFTS], row[SHIFTS:]):
            low = min(axes.get_xlim()[0] for axes in group)
            high = max(axes.get_xlim()[1] for axes in group)
            for axes in group:
                axes.set_xlim(0.0 if starts_at_zero else low, high)


def _truths(grid: Panels, population: Population) -> None:
    if population.truth is None:
        return
    true = true_values(population.truth)
    for at in range(len(SIX)):
        for axes, name, offset in (
            (grid[0][at], "mean", 0.0),
            (grid[1][at], "systematic", -0.16),
            (grid[1][at], "random", 0.16),
        ):
            axes.plot(true[name][at], offset, "|", color=TRUTH, ms=10.0, mew=2.2, zorder=5)


def _margins(everybody: GroupStatistics) -> Picture:
    names = [margin.name for margin in everybody.margins]

    def draw(figure: Figure) -> None:
        (row,) = panels(figure, 1, 3, edges_in=(1.95, 0.2, 0.34, 0.44), gaps_in=(0.3, 0.0), sharex=True)
        for axis, axes in enumerate(row):
            rows_of(axes, names, labelled=axis == 0)
            axes.set_title(SIX[axis].title)
            axes.set_xlabel("margin (mm)")
            for place, margin in enumerate(everybody.margins):
                estimate = margin.mm[axis]
                axes.plot([estimate.low, estimate.high], [place, place], color=INK, linewidth=1.1)
                axes.plot(estimate.value, place, "o", color=INK, ms=4.8)
                axes.annotate(
                    f"{estimate.value:.1f}",
                    (estimate.value, place),
                    xytext=(0, 4),
                    textcoords="offset points",
                    ha="center",
                    fontsize=7.5,
                )
        row[0].set_xlim(left=0.0)

    about = "Margins by recipe, lateral, longitudinal and vertical, with 95 % intervals."
    return picture("margins", about, 0.32 * len(names) + 0.95, draw)


def _schemes(schemes: Sequence[SchemeResult]) -> Picture:
    known = [scheme for scheme in schemes if scheme.axes]
    names = [scheme.scheme.name for scheme in known]
    titles = ("Systematic Σ left", "Random σ left", margin_title(known), "Images a patient")

    def draw(figure: Figure) -> None:
        (row,) = panels(figure, 1, 4, edges_in=(1.55, 0.2, 0.34, 0.44), gaps_in=(0.26, 0.0))
        for axes, title in zip(row, titles, strict=True):
            rows_of(axes, names, labelled=axes is row[0])
            axes.set_title(title)
            axes.xaxis.set_major_locator(MaxNLocator(nbins=5))
        for place, scheme in enumerate(known):
            for axis, (marker, colour) in enumerate(_THREE):
                left = (
                    scheme.axes[axis].systematic.value,
                    scheme.axes[axis].random.value,
                    scheme.margins[0].mm[axis].value,
                )
                for axes, value in zip(row, left, strict=False):
                    axes.plot(value, place, marker, color=colour, mfc="none", mew=1.2, ms=5.6)
            images = scheme.images_per_patient
            row[3].barh(place, images, height=0.42, color=RULE)
            row[3].text(images, place, f" {images:.1f}", va="center", fontsize=SMALL_PT)
        for axes in row[:3]:
            axes.set_xlabel("mm")
            axes.set_xlim(left=-0.06 * axes.get_xlim()[1])
        row[0].set_xlabel("mm: ○ lateral  △ longit.  □ vertical")
        row[3].margins(x=0.2)

    about = "What each scheme would have left of the systematic and the random error, and its images."
    return picture("schemes", about, 0.32 * len(names) + 0.95, draw)


def _patients(points: PatientPoints, outliers: Sequence[Outlier]) -> Picture:
    def draw(figure: Figure) -> None:
        grid = panels(figure, 2, 3, edges_in=(0.6, 0.15, 0.32, 0.45), gaps_in=(0.55, 0.62))
        for at, (axes, words) in enumerate(zip([axes for row in grid for axes in row], SIX, strict=True)):
            _cloud(axes, points, at, words)
            _named(axes, points, at, [outlier for outlier in outliers if outlier.axis == words.key])
            if at % 3 == 0:
                axes.set_ylabel(f"standard deviation ({words.unit})")

    about = f"Mean and standard deviation of {len(points.courses)} patients on six axes."
    return picture("patients", about, 5.2, draw)


def _cloud(axes: Axes, points: PatientPoints, at: int, words: AxisWords) -> None:
    is_many = len(points.courses) > MANY_POINTS
    axes.plot(
        points.means[:, at],
        points.spreads[:, at],
        "o",
        color=BLUE,
        mew=0.0,
        ms=2.6 if is_many else 4.4,
        alpha=0.45 if is_many else 0.8,
        rasterized=is_many,
    )
    axes.set_title(words.title)
    for lines in (axes.xaxis, axes.yaxis):
        lines.set_major_locator(MaxNLocator(nbins=5))
    axes.set_xlabel(f"mean ({words.unit}): {words.down} −, {words.up} +")
    axes.set_ylim(0.0, 1.12 * max(float(np.nanmax(points.spreads[:, at])), 0.01))
    zero_line(axes, upright=True)


def _named(axes: Axes, points: PatientPoints, at: int, outliers: Sequence[Outlier]) -> None:
    rows = {course.course_id: row for row, course in enumerate(points.courses)}
    chosen = list(dict.fromkeys(rows[outlier.course_id] for outlier in outliers))
    spots: Array = np.column_stack([points.means[chosen, at], points.spreads[chosen, at]])
    axes.plot(spots[:, 0], spots[:, 1], "o", mfc="none", mec=ORANGE, mew=1.1, ms=8.0)
    for row, (mean, spread) in list(zip(chosen, spots, strict=True))[:MOST_LABELS]:
        if np.isfinite(spread):
            axes.annotate(
                points.courses[row].course_id,
                (mean, spread),
                xytext=(6, 0),
                textcoords="offset points",
                fontsize=7.0,
                color=MUTED,
                va="center",
            )
