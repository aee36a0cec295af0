"""Pictures of beam data: what a beam does to water, and how a fit meets what was measured."""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from isoguide.dose.machine import CurveComparison
from isoguide.workflow.beam_data.words import SQUARES_MM, WaterFigures
from isoguide.workflow.review.drawing import (
    BLUE,
    GREEN,
    INK,
    MUTED,
    ORANGE,
    RULE,
    SMALL_PT,
    TRUTH,
    Picture,
    panels,
    picture,
    zero_line,
)

_COLOURS: Final = (ORANGE, INK, BLUE, GREEN)
_BUILD_UP: Final = "#eef1f4"
_LARGEST_SHOWN_PERCENT: Final = 3.0
_NOTE: Final[dict[str, Any]] = {"ha": "right", "va": "top", "fontsize": SMALL_PT, "color": MUTED}
_EDGES_IN: Final = (0.6, 0.15, 0.35, 0.5)


def beam_picture(name: str, figures: WaterFigures) -> Picture:
    """Draw depth doses, profiles and output factors of a beam."""

    def draw(figure: Figure) -> None:
        deep, across, factors = panels(figure, 1, 3, edges_in=_EDGES_IN, gaps_in=(0.65, 0.0))[0]
        _depth_doses(deep, figures)
        _profiles(across, figures)
        factors.plot(figures.factor_sides_mm, figures.factors, "o-", color=INK)
        factors.set_title("Output, 100 mm deep")
        factors.set_xlabel("side of the square field (mm)")
        factors.set_ylabel("against the 100 mm field")
        factors.grid(axis="y", color=RULE, linewidth=0.4)

    about = f"Depth doses, profiles and output factors of the beam data {name} in water."
    return picture("beam", about, 3.4, draw)


def _depth_doses(axes: Axes, figures: WaterFigures) -> None:
    for side, dose, colour in zip(SQUARES_MM, figures.depth_doses, _COLOURS, strict=True):
        axes.plot(figures.depth_mm, dose, color=colour, label=f"{side:g} mm")
    axes.set_xlim(0.0, figures.depth_mm[-1])
    axes.set_ylim(0.0, 105.0)
    axes.set_title("Depth dose")
    axes.set_xlabel("depth in water (mm)")
    axes.set_ylabel("% of the maximum")
    axes.grid(axis="y", color=RULE, linewidth=0.4)
    axes.legend(frameon=False, fontsize=SMALL_PT, title="square field", title_fontsize=SMALL_PT)


def _profiles(axes: Axes, figures: WaterFigures) -> None:
    for profile, colour in zip(figures.profiles, _COLOURS, strict=True):
        axes.plot(figures.position_mm, profile, color=colour)
    axes.set_xlim(figures.position_mm[0], figures.position_mm[-1])
    axes.set_ylim(bottom=0.0)
    axes.set_title("Across, 100 mm deep")
    axes.set_xlabel("x at the isocentre (mm)")
    axes.set_ylabel("% of the axis")
    axes.grid(axis="y", color=RULE, linewidth=0.4)


def fit_picture(curves: Sequence[CurveComparison]) -> Picture:
    """Draw every measured curve with the computed one, and their difference below it."""
    kinds = ("depth dose", "profile", "output factors")
    shown = [kind for kind in kinds if any(one.kind == kind for one in curves)]

    def draw(figure: Figure) -> None:
        rows = panels(
            figure, 2, len(shown), edges_in=_EDGES_IN, gaps_in=(0.65, 0.45), height_ratios=(2.2, 1.0)
        )
        for column, kind in enumerate(shown):
            of_kind = [one for one in curves if one.kind == kind]
            _curves(rows[0][column], kind, of_kind, is_first=column == 0)
            _differences(rows[1][column], kind, of_kind)

    return picture("fit", "Measured and computed curves, and how far they are from each other.", 4.8, draw)


def _curves(axes: Axes, kind: str, curves: Sequence[CurveComparison], *, is_first: bool) -> None:
    style = "o-" if kind == "output factors" else "-"
    is_named = 1 < len(curves) <= len(_COLOURS)
    for n, one in enumerate(curves):
        line = _COLOURS[n] if is_named else INK
        axes.plot(
            one.place_mm, one.computed, style, color=line, markersize=2.5, linewidth=0.8, label=one.label
        )
        axes.plot(one.place_mm, one.measured, "o", color=BLUE, markersize=2.8, markerfacecolor="none")
    axes.set_title({"depth dose": "Depth doses", "profile": "Profiles"}.get(kind, "Output factors"))
    axes.set_ylabel("% of the 100 mm field" if kind == "output factors" else "% of the largest")
    if is_named:
        axes.legend(
            frameon=False, fontsize=SMALL_PT, loc="lower left" if kind == "depth dose" else "lower center"
        )
    if kind != "output factors":
        axes.set_ylim(bottom=0.0)
    if is_first:
        axes.annotate(
            "circles: measured\nlines: computed",
            (0.98, 0.97),
            xycoords="axes fraction",
            **_NOTE,
        )


def _differences(axes: Axes, kind: str, curves: Sequence[CurveComparison]) -> None:
    for one in curves:
        difference = one.computed - one.measured
        beyond = np.abs(difference) > _LARGEST_SHOWN_PERCENT
        height = np.clip(difference, -_LARGEST_SHOWN_PERCENT, _LARGEST_SHOWN_PERCENT)
        axes.plot(one.place_mm, height, "-", color=RULE, linewidth=0.6)
        for chosen, colour in ((~beyond & one.counts, BLUE), (~one.counts, MUTED), (beyond, TRUTH)):
            axes.plot(one.place_mm[chosen], height[chosen], ".", color=colour, markersize=3.0)
    axes.axhspan(-1.0, 1.0, color=_BUILD_UP, zorder=0.1)
    zero_line(axes)
    axes.set_ylim(-1.05 * _LARGEST_SHOWN_PERCENT, 1.05 * _LARGEST_SHOWN_PERCENT)
    axes.set_ylabel("difference (%)")
    axes.annotate("band: 1 %", (0.98, 0.93), xycoords="axes fraction", **_NOTE)
    axes.set_xlabel(
        {"depth dose": "depth in water (mm)", "profile": "position (mm)"}.get(kind, "side of the field (mm)")
    )
