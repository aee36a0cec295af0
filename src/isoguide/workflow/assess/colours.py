"""Colours of numbers: how far tissue moved, how much it grew, how far a surface came out; and their keys."""

from dataclasses import dataclass
from html import escape
from typing import Final

import numpy as np
from numpy.typing import NDArray

from isoguide.geometry.frames import Array
from isoguide.workflow.numbers import typeset

Colours = NDArray[np.float64]

_LOSS, _NONE, _GAIN = (30.0, 120.0, 235.0), (238.0, 238.0, 232.0), (240.0, 120.0, 10.0)
"""Blue and orange stay apart in red-green colour blindness; nothing in between is nearly white."""
_STILL, _HALF, _FAR = (40.0, 60.0, 120.0), (20.0, 165.0, 150.0), (255.0, 232.0, 70.0)
FOLDED: Final = (255.0, 0.0, 200.0)
_KEY_STEPS: Final = 40


@dataclass(frozen=True, slots=True)
class ColourScale:
    """Numbers from ``low`` to ``high`` as colours through three stops; beyond, those of the ends.

    Parameters
    ----------
    low, high
        Numbers at the ends.
    stops
        Red, green, blue (0 to 255) at the low end, in the middle and at the high end.
    unit
        What the key writes after a number.
    """

    low: float
    high: float
    stops: tuple[tuple[float, float, float], ...]
    unit: str

    def colours(self, values: Array | NDArray[np.float32]) -> Colours:
        """Colours (..., 3), 0 to 255, of numbers (...)."""
        known = np.nan_to_num(np.asarray(values, dtype=np.float64))
        share = np.clip((known - self.low) / (self.high - self.low), 0.0, 1.0)
        places = np.linspace(0.0, 1.0, len(self.stops))
        columns = [np.interp(share, places, [stop[n] for stop in self.stops]) for n in range(3)]
        return np.stack(columns, axis=-1)

    def key(self, title: str, width: float = 300.0) -> str:
        """Draw the scale with its numbers, as an SVG of its own."""
        step = width / _KEY_STEPS
        middles = self.low + (np.arange(_KEY_STEPS) + 0.5) / _KEY_STEPS * (self.high - self.low)
        bars = "".join(
            f'<rect x="{n * step:.1f}" y="18" width="{step + 0.5:.1f}" height="10" '
            f'fill="rgb({red:.0f},{green:.0f},{blue:.0f})"/>'
            for n, (red, green, blue) in enumerate(self.colours(middles))
        )
        ends = (
            ("start", 0.0, self.low),
            ("middle", width / 2, (self.low + self.high) / 2),
            ("end", width, self.high),
        )
        signed = self.low < 0.0
        numbers = "".join(
            f'<text class="tick" text-anchor="{anchor}" x="{x:g}" y="38">{_number(value, signed=signed)}'
            f"{escape(self.unit)}</text>"
            for anchor, x, value in ends
        )
        return (
            f'<svg class="key" viewBox="0 0 {width:g} 46" role="img" aria-label="{escape(title)}">'
            f'<text class="title" x="0" y="8">{escape(title)}</text>{bars}{numbers}</svg>'
        )


def _number(value: float, *, signed: bool) -> str:
    text = f"{value:+g}" if signed and value else f"{value:g}"
    return typeset(text)


CHANGE: Final = ColourScale(-50.0, 50.0, (_LOSS, _NONE, _GAIN), " %")
"""Change of the volume of tissue, percent."""
LENGTH: Final = ColourScale(0.0, 12.0, (_STILL, _HALF, _FAR), " mm")
"""How far tissue moved, mm."""


def surface_scale(largest_mm: float) -> ColourScale:
    """Colours of how far a surface came out (orange) or went in (blue), to a round number of mm."""
    reach_mm = next((step for step in (2.0, 5.0, 10.0, 20.0) if largest_mm <= step), 40.0)
    return ColourScale(-reach_mm, reach_mm, (_LOSS, _NONE, _GAIN), " mm")
