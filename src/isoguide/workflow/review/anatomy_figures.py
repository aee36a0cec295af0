"""The size of target and organs over a course: measured with its spread, limits of the protocol, truth."""

from collections.abc import Mapping, Sequence
from typing import Final

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from isoguide.review.anatomy_trends import AnatomyTrend, StructureSeries
from isoguide.workflow.review.drawing import (
    BLUE,
    INK,
    MUTED,
    ORANGE,
    SMALL_PT,
    TRUTH,
    Picture,
    panels,
    picture,
    zero_line,
)

Truths = Mapping[str, Mapping[int, float]]
"""True change of the volume in percent, by structure and fraction: what only a simulation can tell."""

ANATOMY_PICTURE: Final = "anatomy"
"""Name of the picture."""
MOST: Final = 6
"""So many structures are drawn, targets first; the others stand in the table."""
PANEL_IN: Final = 1.35
_EDGES_IN: Final = (1.5, 1.6, 0.12, 0.42)
_LEAST_RANGE: Final = 12.0
"""Percent either way: a structure that stays what it is looks like it."""


def anatomy_picture(trend: AnatomyTrend, truths: Truths | None = None) -> Picture | None:
    """Draw the volumes over the fractions; None where no structure has any."""
    shown = trend.structures[:MOST]
    if not shown:
        return None
    first, last = trend.days[0][0], trend.days[-1][0]

    def draw(figure: Figure) -> None:
        rows = panels(figure, len(shown), 1, edges_in=_EDGES_IN, gaps_in=(0.0, 0.16), sharex=True)
        for (axes,), series in zip(rows, shown, strict=True):
            _panel(axes, series, trend, (truths or {}).get(series.name, {}))
        bottom = rows[-1][0]
        bottom.set_xlim(first - 0.6, last + 0.6)
        bottom.xaxis.set_major_locator(MaxNLocator(nbins=18, integer=True, min_n_ticks=1))
        bottom.set_xlabel("Fraction")

    about = f"Change of volume of {len(shown)} structures over {len(trend.days)} assessed days."
    return picture(ANATOMY_PICTURE, about, PANEL_IN * len(shown) + _EDGES_IN[2] + _EDGES_IN[3], draw)


def _panel(axes: Axes, series: StructureSeries, trend: AnatomyTrend, truth: Mapping[int, float]) -> None:
    axes.set_ylabel(f"{series.name}\n(volume, %)", rotation=0, ha="right", va="center", labelpad=6)
    axes.yaxis.set_major_locator(MaxNLocator(nbins=4))
    axes.tick_params(axis="x", length=0)
    zero_line(axes)
    values = [day.figures.volume_change_percent for day in series.days] + list(truth.values())
    spread = [100.0 * day.figures.volume_sigma_ml / day.figures.planned_volume_ml for day in series.days]
    limit = trend.instructions and trend.instructions.limit("volume", is_target=series.is_target)
    reach = max(_LEAST_RANGE, 1.15 * (max(map(abs, values)) + 1.96 * max(spread)), 1.15 * (limit or 0.0))
    axes.set_ylim(-reach, reach)
    if limit:
        _limits(axes, limit)
    if truth:
        days = sorted(truth)
        axes.plot(days, [truth[day] for day in days], ":", color=TRUTH, linewidth=1.4, zorder=2)
    counting = [day.counts for day in series.days]
    for which, colour, filling in ((True, BLUE, BLUE), (False, MUTED, "white")):
        chosen = [at for at, counts in enumerate(counting) if counts is which]
        if chosen:
            axes.errorbar(
                [series.days[at].fraction for at in chosen],
                [values[at] for at in chosen],
                [1.96 * spread[at] for at in chosen],
                fmt="o", color=colour, mfc=filling, mec=colour, ms=4.4, elinewidth=1.0, zorder=3,
            )  # fmt: skip
    found = {day.fraction for day in series.days}
    nothing = [fraction for fraction, _ in trend.days if fraction not in found]
    axes.plot(nothing, [0.0] * len(nothing), "x", color=MUTED, ms=5.0, zorder=3)
    _alerts(axes, series, trend)


def _limits(axes: Axes, limit: float) -> None:
    for value in (-limit, limit):
        axes.axhline(value, color=ORANGE, linewidth=0.8, dashes=(5, 3), zorder=0.8)
    _beside(axes, limit, f"limit ± {limit:g} %", ORANGE)


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


def _alerts(axes: Axes, series: StructureSeries, trend: AnatomyTrend) -> None:
    raised: Sequence[int] = [
        alert.run.raised_in
        for alert in trend.alerts
        if alert.structure == series.name and alert.measure == "volume"
    ]
    shown = {day.fraction: day.figures.volume_change_percent for day in series.days}
    for fraction in raised:
        axes.plot([fraction], [shown[fraction]], "o", mfc="none", mec=ORANGE, mew=1.6, ms=10.0, zorder=4)
    standing = [alert for alert in trend.standing if alert.structure == series.name]
    if standing:
        # In the lower half of the panel, where no limit's words are.
        _beside(axes, 0.7 * axes.get_ylim()[0], "consider\nre-planning", INK)
