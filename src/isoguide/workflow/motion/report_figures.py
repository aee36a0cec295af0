"""Figures of a monitoring report: the target over time, what the gate left of its motion, why it closed."""

from collections.abc import Sequence
from typing import Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from isoguide.geometry.frames import Array
from isoguide.motion.gating import GateState
from isoguide.motion.sample import TargetSample
from isoguide.workflow.motion.figures import MotionFigures, Span
from isoguide.workflow.motion.recording import Recording
from isoguide.workflow.motion.report_curves import NORMAL_95, Curves, reason_times
from isoguide.workflow.review.axis_words import SIX
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
    ends,
    panels,
    picture,
    zero_line,
)

CLOSER_S: Final = 30.0
"""A longer recording is shown a second time, so many seconds of it."""
MOST_REASONS: Final = 6
_STATES: Final = {
    GateState.ARMED: ("#c3ccd6", "", "armed"),
    GateState.BEAM_ON: (GREEN, "", "beam may pass"),
    GateState.HOLD: ("#f0a46c", "////", "held"),
    GateState.REALIGN: (ORANGE, "xxxx", "align anew"),
    GateState.STOPPED: (INK, "", "stopped"),
}
"""Colour, hatching and words of each state."""
_CLOSED: Final = (GateState.HOLD, GateState.REALIGN, GateState.STOPPED)


def monitoring_pictures(recording: Recording, figures: MotionFigures) -> tuple[Picture, ...]:
    """Return the figures that a recording allows."""
    curves = Curves.of(recording, figures)
    gate_mm = recording.header.settings.gate_mm
    found = [motion_picture(recording, figures)]
    if curves.last_s > 2.0 * CLOSER_S:
        found.append(_over_time("closer", curves, figures, gate_mm, closer_window(curves)))
    if figures.without_gating is not None:
        found.append(_residuals(recording, figures))
    if figures.latency_s.size:
        found.append(_latency(recording, figures))
    return tuple(found)


def motion_picture(recording: Recording, figures: MotionFigures) -> Picture:
    """Return the target, the gate and the beam over the whole time."""
    curves = Curves.of(recording, figures)
    window = (0.0, max(curves.last_s, 1.0))
    return _over_time("motion", curves, figures, recording.header.settings.gate_mm, window)


def closer_window(curves: Curves) -> tuple[float, float]:
    """Return the seconds that are shown closer: around the first hold, or the middle without one."""
    first = next((begin for begin, _, state in curves.states if state in _CLOSED), curves.last_s / 2.0)
    begin_s = min(max(first - CLOSER_S / 3.0, 0.0), curves.last_s - CLOSER_S)
    return begin_s, begin_s + CLOSER_S


def _over_time(
    name: str, curves: Curves, figures: MotionFigures, gate_mm: float, window: tuple[float, float]
) -> Picture:
    is_dense = window[1] - window[0] > 2.0 * CLOSER_S

    def draw(figure: Figure) -> None:
        rows = panels(
            figure,
            6,
            1,
            edges_in=(0.95, 0.95, 0.1, 0.62),
            gaps_in=(0.0, 0.1),
            sharex=True,
            height_ratios=[1.0, 1.0, 1.0, 1.0, 0.62, 0.5],
        )
        axes = [row[0] for row in rows]
        limits = _limits(curves, gate_mm)
        for at in range(3):
            _axis_panel(axes[at], curves, at, gate_mm, limits, is_dense=is_dense)
        _distance_panel(axes[3], curves, gate_mm, is_dense=is_dense)
        _probability_panel(axes[4], curves)
        _bars(axes[5], curves, figures)
        for one in axes[:5]:
            _shade(one, curves, window)
        axes[5].set_xlim(*window)
        axes[5].set_xlabel("seconds since the gate was first asked")
        _state_key(figure, curves)

    about = (
        f"Target over time from {window[0]:.0f} to {window[1]:.0f} s, with the gate, the beam and its holds."
    )
    return picture(name, about, 8.4, draw)


def _limits(curves: Curves, gate_mm: float) -> tuple[float, float]:
    """Return one scale for the three axes, so that their motion can be compared."""
    largest = max(_largest(curves.seen_mm), _largest(curves.true_mm), gate_mm)
    return -1.3 * largest, 1.3 * largest


def _largest(values: Array) -> float:
    return float(np.nanmax(np.abs(values), initial=0.0))


def _axis_panel(
    axes: Axes, curves: Curves, at: int, gate_mm: float, limits: tuple[float, float], *, is_dense: bool
) -> None:
    words = SIX[at]
    axes.axhspan(-gate_mm, gate_mm, color=GREEN, alpha=0.07, linewidth=0, zorder=0.1)
    for edge in (-gate_mm, gate_mm):
        axes.axhline(edge, color=GREEN, linewidth=0.8, linestyle=(0, (5, 3)), zorder=0.6)
    zero_line(axes)
    half = NORMAL_95 * curves.sigma_mm[:, at]
    middle = curves.seen_mm[:, at]
    axes.fill_between(curves.seen_s, middle - half, middle + half, color=BLUE, alpha=0.22, linewidth=0)
    _true_line(axes, curves.true_s, curves.true_mm[:, at])
    _seen_line(axes, curves.seen_s, middle, is_dense=is_dense)
    _unseen_ticks(axes, curves)
    axes.set_ylim(*limits)
    axes.set_ylabel(words.label)
    axes.yaxis.set_major_locator(MaxNLocator(nbins=5, prune="both"))
    ends(axes, words.up, words.down)
    if at == 0:
        _mark_right(axes, gate_mm, "gate", GREEN)
        _last_label(axes, curves)


def _distance_panel(axes: Axes, curves: Curves, gate_mm: float, *, is_dense: bool) -> None:
    length = np.linalg.norm(curves.seen_mm, axis=1)
    half = NORMAL_95 * curves.distance_sigma_mm
    axes.axhspan(0.0, gate_mm, color=GREEN, alpha=0.07, linewidth=0, zorder=0.1)
    axes.axhline(gate_mm, color=GREEN, linewidth=0.8, linestyle=(0, (5, 3)), zorder=0.6)
    axes.fill_between(
        curves.seen_s, np.clip(length - half, 0.0, None), length + half, color=BLUE, alpha=0.22, linewidth=0
    )
    _true_line(axes, curves.true_s, np.linalg.norm(curves.true_mm, axis=1))
    _seen_line(axes, curves.seen_s, length, is_dense=is_dense)
    _unseen_ticks(axes, curves)
    top = max(float(np.nanmax(length, initial=0.0)), gate_mm)
    axes.set_ylim(0.0, 1.15 * top)
    axes.set_ylabel("Distance (mm)")
    axes.yaxis.set_major_locator(MaxNLocator(nbins=5, prune="both"))
    _mark_right(axes, gate_mm, f"gate {gate_mm:g} mm", GREEN)


def _probability_panel(axes: Axes, curves: Curves) -> None:
    for level, words in zip(curves.levels, ("held below", "begins above"), strict=True):
        axes.axhline(level, color=MUTED, linewidth=0.7, linestyle=(0, (4, 3)), zorder=0.5)
        _mark_right(axes, level, words, MUTED)
    axes.step(curves.asked_s, curves.probability, where="post", color=INK, linewidth=0.9)
    axes.set_ylim(-0.04, 1.04)
    axes.set_yticks([0.0, 0.5, 1.0])
    axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    axes.set_ylabel("In the gate")


def _bars(axes: Axes, curves: Curves, figures: MotionFigures) -> None:
    for begin, end, state in curves.states:
        colour, hatch, _ = _STATES[state]
        axes.broken_barh(
            [(begin, max(end - begin, 0.02))], (1.1, 0.8), facecolor=colour, hatch=hatch, edgecolor="white",
            linewidth=0.0,
        )  # fmt: skip
    names = ["gate"]
    if figures.is_beam_known:
        axes.broken_barh([(begin, end - begin) for begin, end in curves.beam], (0.1, 0.8), facecolor=BLUE)
        names.append("radiation")
    places = [1.5, 0.5][: len(names)]
    axes.set_ylim(0.0 if figures.is_beam_known else 1.0, 2.0)
    axes.set_yticks(places, labels=names)
    axes.tick_params(axis="y", length=0, labelcolor=INK)
    axes.spines["left"].set_visible(False)


def _shade(axes: Axes, curves: Curves, window: tuple[float, float]) -> None:
    """Tint the times in which beam could not pass."""
    for begin, end, state in curves.states:
        if state in _CLOSED and end >= window[0] and begin <= window[1]:
            axes.axvspan(begin, end, color=ORANGE, alpha=0.10, linewidth=0, zorder=0.05)


def _state_key(figure: Figure, curves: Curves) -> None:
    """Name the states that occur, under the axis."""
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    present = [state for state in _STATES if any(one[2] is state for one in curves.states)]
    handles: list[Patch | Line2D] = [
        Patch(facecolor=_STATES[state][0], hatch=_STATES[state][1], edgecolor="white", linewidth=0.0,
              label=_STATES[state][2])
        for state in present
    ]  # fmt: skip
    handles.append(Line2D([], [], color=BLUE, linewidth=1.2, label="seen, with 95 % of its error"))
    if curves.true_s.size:
        handles.append(Line2D([], [], color=TRUTH, linewidth=1.0, linestyle=(0, (2, 1.5)), label="truth"))
    if curves.unseen_s.size:
        handles.append(
            Line2D([], [], color=ORANGE, marker="|", linestyle="none", label="frame without target")
        )
    figure.legend(handles=handles, loc="lower left", ncols=len(handles), frameon=False, fontsize=SMALL_PT,
                  bbox_to_anchor=(0.08, -0.004), handlelength=1.6, columnspacing=1.6)  # fmt: skip


def _true_line(axes: Axes, seconds: Array, values: Array) -> None:
    if seconds.size:
        axes.plot(seconds, values, color=TRUTH, linewidth=1.0, linestyle=(0, (2, 1.5)), zorder=2.5)


def _seen_line(axes: Axes, seconds: Array, values: Array, *, is_dense: bool) -> None:
    marker = "" if is_dense or seconds.size > 900 else "."
    axes.plot(seconds, values, color=BLUE, linewidth=0.9, marker=marker, markersize=2.6, zorder=2.2)


def _unseen_ticks(axes: Axes, curves: Curves) -> None:
    if curves.unseen_s.size:
        across = axes.get_xaxis_transform()
        low = np.full(curves.unseen_s.size, 0.03)
        axes.plot(curves.unseen_s, low, "|", color=ORANGE, markersize=5.0, transform=across, zorder=3.0)


def _mark_right(axes: Axes, height: float, words: str, colour: str) -> None:
    axes.annotate(words, (1.0, height), xycoords=("axes fraction", "data"), xytext=(4, 0),
                  textcoords="offset points", va="center", fontsize=SMALL_PT, color=colour)  # fmt: skip


def _last_label(axes: Axes, curves: Curves) -> None:
    if curves.unseen_s.size:
        axes.annotate("not seen", (1.0, 0.03), xycoords="axes fraction", xytext=(4, 0),
                      textcoords="offset points", va="center", fontsize=SMALL_PT, color=ORANGE)  # fmt: skip


def _residuals(recording: Recording, figures: MotionFigures) -> Picture:
    whole = ((figures.started_at, figures.ended_at),)
    everywhere, inside = _places(recording, whole), _places(recording, figures.beam)
    gate_mm = recording.header.settings.gate_mm

    def draw(figure: Figure) -> None:
        (row,) = panels(figure, 1, 4, edges_in=(0.6, 0.12, 0.42, 0.5), gaps_in=(0.32, 0.0))
        for at, axes in enumerate(row):
            columns = (everywhere, inside)
            values = [np.linalg.norm(one, axis=1) if at == 3 else one[:, at] for one in columns]
            _histogram(axes, values[0], values[1], gate_mm, is_distance=at == 3)
            axes.set_title("Distance" if at == 3 else SIX[at].title)
            axes.set_xlabel("mm")
        row[0].set_ylabel("share of the frames")

    about = "How often the target was how far from its place: with the beam on, and over the whole time."
    return picture("residuals", about, 2.7, draw)


def _places(recording: Recording, spans: Sequence[Span]) -> Array:
    least = recording.header.settings.least_quality
    found = [
        one.seen.position_mm
        for one in recording.sightings
        if isinstance(one.seen, TargetSample)
        and one.seen.quality >= least
        and any(begin <= one.seen.at <= end for begin, end in spans)
    ]
    return np.array(found).reshape(-1, 3)


def _histogram(axes: Axes, everywhere: Array, inside: Array, gate_mm: float, *, is_distance: bool) -> None:
    largest = max(float(np.abs(everywhere).max(initial=0.0)), 1.2 * gate_mm)
    bins = np.linspace(0.0 if is_distance else -largest, largest, 31).tolist()
    for values, style in (
        (everywhere, {"color": RULE, "label": "whole time"}),
        (inside, {"histtype": "step", "color": BLUE, "linewidth": 1.4, "label": "beam on"}),
    ):
        if values.size:
            axes.hist(values, bins, weights=np.full(values.size, 1.0 / values.size), **style)
    for edge in (gate_mm,) if is_distance else (-gate_mm, gate_mm):
        axes.axvline(edge, color=GREEN, linewidth=0.9, linestyle=(0, (5, 3)))
    axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    axes.yaxis.set_major_locator(MaxNLocator(nbins=4))
    axes.xaxis.set_major_locator(MaxNLocator(nbins=5))
    axes.set_xlim(bins[0], bins[-1])
    if is_distance:
        axes.legend(framealpha=0.9, edgecolor="none", fontsize=SMALL_PT, loc="upper right", handlelength=1.4)


def _latency(recording: Recording, figures: MotionFigures) -> Picture:
    settings = recording.header.settings
    left_ms = 1000.0 * (settings.longest_latency_s - settings.system_latency_s)
    values = 1000.0 * figures.latency_s
    reasons = reason_times(figures)[:MOST_REASONS]

    def draw(figure: Figure) -> None:
        (row,) = panels(figure, 1, 2, edges_in=(0.6, 0.3, 0.42, 0.5), gaps_in=(3.1, 0.0))
        axes = row[0]
        top = max(1.1 * left_ms, float(values.max()))
        axes.hist(values, np.linspace(min(0.0, float(values.min())), top, 41).tolist(), color=BLUE)
        axes.axvline(left_ms, color=ORANGE, linewidth=1.0, linestyle=(0, (5, 3)))
        axes.set_title("From exposure to the gate")
        axes.annotate(f"{left_ms:.0f} ms allowed", (left_ms, 0.97), xycoords=("data", "axes fraction"),
                      xytext=(-4, 0), textcoords="offset points", ha="right", va="top", fontsize=SMALL_PT,
                      color=ORANGE)  # fmt: skip
        axes.set_xlabel("ms")
        axes.set_ylabel("frames")
        _reason_bars(row[1], reasons)

    about = "How long frames took to the gate, and for how long the beam was held for which reason."
    return picture("latency", about, 2.6, draw)


def _reason_bars(axes: Axes, reasons: Sequence[tuple[str, int, float]]) -> None:
    axes.set_title("Held for")
    if not reasons:
        axes.set_axis_off()
        axes.annotate("the beam was never held", (0.0, 0.8), xycoords="axes fraction", color=MUTED)
        return
    heights = range(len(reasons))
    axes.barh(heights, [seconds for _, _, seconds in reasons], 0.62, color="#f0a46c")
    axes.set_yticks(heights, labels=[_wrapped(reason) for reason, _, _ in reasons])
    axes.set_ylim(max(len(reasons), 3) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0, labelcolor=INK)
    for height, (_, count, seconds) in zip(heights, reasons, strict=True):
        axes.annotate(f"{seconds:.1f} s, {count} ×", (seconds, height), xytext=(4, 0),
                      textcoords="offset points", va="center", fontsize=SMALL_PT, color=MUTED)  # fmt: skip
    axes.set_xlim(0.0, 1.35 * max(*(seconds for _, _, seconds in reasons), 0.5))
    axes.set_xlabel("s")


def _wrapped(words: str, width: int = 42) -> str:
    from textwrap import wrap

    lines = wrap(words, width)
    return "\n".join(lines[:2]) + ("…" if len(lines) > 2 else "")
