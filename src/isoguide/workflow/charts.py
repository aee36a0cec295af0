"""Charts as inline SVG: bars against a tolerance, values beside the truth, states along a clock."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Final

from isoguide.workflow.numbers import typeset

_STEPS: Final = (1.0, 2.0, 5.0, 10.0)
_BAR_WIDTH: Final = 0.55
_LARGEST_BAR: Final = 46.0


@dataclass(frozen=True, slots=True)
class Frame:
    """The part of a chart that data are drawn in, in picture units, and the values at its bottom and top."""

    left: float
    top: float
    width: float
    height: float
    low: float
    high: float

    @property
    def bottom(self) -> float:
        """Picture y of the lowest value."""
        return self.top + self.height

    def y(self, value: float) -> float:
        """Picture y of a value; values beyond the frame stay at its edge."""
        share = (value - self.low) / (self.high - self.low)
        return self.bottom - min(max(share, 0.0), 1.0) * self.height

    def x(self, index: int, count: int) -> float:
        """Picture x of the middle of column ``index`` of ``count``."""
        return self.left + self.width * (index + 0.5) / count


def tick_step(largest: float, at_most: int = 5) -> float:
    """Return a round distance of ticks (1, 2 or 5 times a power of ten) that needs few of them."""
    rough = max(largest, 1e-6) / at_most
    power = 10.0 ** math.floor(math.log10(rough))
    return next(step * power for step in _STEPS if step * power >= rough * (1.0 - 1e-9))


@dataclass(frozen=True, slots=True)
class BarChart:
    """One bar per fraction, with an optional line that the bars should stay below.

    ``values`` are None where there is nothing to show; ``labels`` name the columns.
    """

    title: str
    unit: str
    values: tuple[float | None, ...]
    labels: tuple[str, ...]
    kind: str
    tolerance: float | None = None

    def svg(self, width: float = 330.0, height: float = 210.0) -> str:
        """Draw the chart."""
        largest = max([value for value in self.values if value is not None], default=0.0)
        top = max(largest, self.tolerance or 0.0, 1e-3) * 1.18
        frame = Frame(44.0, 30.0, width - 54.0, height - 62.0, 0.0, top)
        title = _title(f"{self.title} ({self.unit})")
        parts = [title, _axis(frame), *self._bars(frame), *self._tolerance(frame)]
        return _svg(parts, width, height, self.title)

    def _bars(self, frame: Frame) -> list[str]:
        parts, count = [], len(self.values)
        wide = min(frame.width / count * _BAR_WIDTH, _LARGEST_BAR)
        for index, (value, label) in enumerate(zip(self.values, self.labels, strict=True)):
            x = frame.x(index, count)
            parts.append(_text(x, frame.bottom + 14.0, label, "middle tick"))
            if value is None:
                parts.append(_text(x, frame.bottom - 10.0, "–", "middle tick"))
                continue
            y = frame.y(value)
            over = " over" if self.tolerance is not None and value > self.tolerance else ""
            parts.append(
                f'<rect class="bar {self.kind}{over}" x="{x - wide / 2:.1f}" y="{y:.1f}" width="{wide:.1f}" '
                f'height="{max(frame.bottom - y, 0.8):.1f}"/>'
            )
            if count <= 12:
                parts.append(_text(x, y - 8.0, f"{value:.2f}", "middle number"))
        return parts

    def _tolerance(self, frame: Frame) -> list[str]:
        if self.tolerance is None:
            return []
        y = frame.y(self.tolerance)
        words = f"tolerance {self.tolerance:g}"
        return [
            f'<path class="limit" d="M{frame.left:.1f} {y:.1f}H{frame.left + frame.width:.1f}"/>',
            _text(frame.left + frame.width, y - 8.0, words, "end limit"),
        ]


@dataclass(frozen=True, slots=True)
class PairChart:
    """Signed values, one bar per fraction, each with a mark where the truth is."""

    title: str
    unit: str
    values: tuple[float | None, ...]
    truth: tuple[float | None, ...]
    labels: tuple[str, ...]

    def svg(self, largest: float, width: float = 165.0, height: float = 150.0) -> str:
        """Draw the chart on an axis from ``-largest`` to ``largest``."""
        frame = Frame(36.0, 26.0, width - 42.0, height - 48.0, -largest, largest)
        parts = [_title(f"{self.title} ({self.unit})"), _axis(frame, both_sides=True)]
        count, zero = len(self.values), frame.y(0.0)
        wide = min(frame.width / count * _BAR_WIDTH, 26.0)
        for index, (value, true) in enumerate(zip(self.values, self.truth, strict=True)):
            x = frame.x(index, count)
            parts.append(_text(x, frame.bottom + 13.0, self.labels[index], "middle tick"))
            if value is not None:
                top, bottom = sorted((frame.y(value), zero))
                parts.append(
                    f'<rect class="bar measured" x="{x - wide / 2:.1f}" y="{top:.1f}" width="{wide:.1f}" '
                    f'height="{max(bottom - top, 0.8):.1f}"/>'
                )
            if true is not None:
                y, half = frame.y(true), wide / 2 + 4.0
                parts.append(f'<path class="truth" d="M{x - half:.1f} {y:.1f}H{x + half:.1f}"/>')
        return _svg(parts, width, height, self.title)


@dataclass(frozen=True, slots=True)
class Stretch:
    """A stretch of time in one state: from when to when, in seconds since the start, and what it was."""

    start_s: float
    stop_s: float
    name: str
    kind: str


@dataclass(frozen=True, slots=True)
class Timeline:
    """What happened along the clock: one row of stretches per fraction."""

    rows: tuple[tuple[str, tuple[Stretch, ...]], ...]

    def svg(self, width: float = 1008.0, row_height: float = 30.0) -> str:
        """Draw the rows on a common axis in minutes."""
        last_s = max((stretch.stop_s for _, row in self.rows for stretch in row), default=60.0)
        left, usable = 88.0, width - 88.0 - 12.0
        per_s = usable / max(last_s, 1.0)
        height = 10.0 + row_height * len(self.rows) + 26.0
        parts = []
        for index, (label, row) in enumerate(self.rows):
            y = 6.0 + index * row_height
            parts.append(_text(left - 10.0, y + row_height / 2 - 3.0, label, "end tick"))
            parts.extend(_stretch(stretch, left, y, per_s, row_height - 8.0) for stretch in row)
        parts.append(_clock(left, 8.0 + row_height * len(self.rows), per_s, last_s))
        return _svg(parts, width, height, "Timeline")


def _stretch(stretch: Stretch, left: float, y: float, per_s: float, height: float) -> str:
    x, wide = left + stretch.start_s * per_s, (stretch.stop_s - stretch.start_s) * per_s
    hint = f"{stretch.name}: {stretch.start_s:.1f} s to {stretch.stop_s:.1f} s"
    rectangle = (
        f'<rect class="state {stretch.kind}" x="{x:.1f}" y="{y:.1f}" width="{max(wide, 1.0):.1f}" '
        f'height="{height:.1f}"><title>{escape(hint)}</title></rect>'
    )
    fits = wide > 6.4 * len(stretch.name) + 8.0
    return rectangle + (
        _text(x + wide / 2, y + height / 2 + 0.5, stretch.name, f"middle inside {stretch.kind}")
        if fits
        else ""
    )


def _clock(left: float, y: float, per_s: float, last_s: float) -> str:
    step_min = tick_step(last_s / 60.0, 10)
    parts = [f'<path class="axis" d="M{left:.1f} {y:.1f}h{last_s * per_s:.1f}"/>']
    for number in range(int(last_s / 60.0 / step_min) + 1):
        minutes = number * step_min
        x = left + minutes * 60.0 * per_s
        words = f"{minutes:g} min" if number else "0"
        parts.append(
            f'<path class="axis" d="M{x:.1f} {y:.1f}v4"/>' + _text(x, y + 13.0, words, "middle tick")
        )
    return "".join(parts)


@dataclass(frozen=True, slots=True)
class Trace:
    """A quantity over time as a stepped line: seconds since the start and values, in one unit."""

    title: str
    unit: str
    seconds: tuple[float, ...]
    values: tuple[float, ...]
    tolerance: float | None = None
    beam_s: tuple[tuple[float, float], ...] = ()

    def svg(self, width: float = 1008.0, height: float = 190.0) -> str:
        """Draw the line; the times with beam are shaded."""
        last_s = max(self.seconds[-1], 1.0)
        top = max(*self.values, self.tolerance or 0.0) * 1.18
        frame = Frame(88.0, 26.0, width - 100.0, height - 58.0, 0.0, top)
        per_s = frame.width / last_s
        parts = [_title(f"{self.title} ({self.unit})", 88.0)]
        for start_s, stop_s in self.beam_s:
            parts.append(
                f'<rect class="state beam faint" x="{frame.left + start_s * per_s:.1f}" y="{frame.top:.1f}" '
                f'width="{(stop_s - start_s) * per_s:.1f}" height="{frame.height:.1f}"/>'
            )
        parts.append(_axis(frame))
        points = " ".join(
            f"{frame.left + at_s * per_s:.1f},{frame.y(value):.1f}"
            for at_s, value in zip(self.seconds, self.values, strict=True)
        )
        parts.append(f'<polyline class="trace" points="{points}"/>')
        if self.tolerance is not None:
            y = frame.y(self.tolerance)
            parts.append(f'<path class="limit" d="M{frame.left:.1f} {y:.1f}h{frame.width:.1f}"/>')
            words = f"tolerance {self.tolerance:g}"
            parts.append(_text(frame.left + frame.width, y - 8.0, words, "end limit"))
        parts.append(_clock(frame.left, frame.bottom, per_s, last_s))
        return _svg(parts, width, height, self.title)


def _axis(frame: Frame, *, both_sides: bool = False) -> str:
    step = tick_step(frame.high, 2 if both_sides else 4)
    count = int(frame.high / step + 1e-9)
    parts = []
    for number in range(-count if both_sides else 0, count + 1):
        y = frame.y(number * step)
        kind = "axis" if number == 0 else "grid"
        parts.append(f'<path class="{kind}" d="M{frame.left:.1f} {y:.1f}h{frame.width:.1f}"/>')
        parts.append(_text(frame.left - 5.0, y, typeset(f"{number * step:g}"), "end tick"))
    return "".join(parts)


def _title(words: str, x: float = 4.0) -> str:
    return _text(x, 10.0, words, "title")


def _text(x: float, y: float, words: str, kind: str) -> str:
    return f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}">{escape(words)}</text>'


def _svg(parts: Sequence[str], width: float, height: float, label: str) -> str:
    return (
        f'<svg class="chart" viewBox="0 0 {width:g} {height:g}" role="img" aria-label="{escape(label)}">'
        f"{''.join(parts)}</svg>"
    )
