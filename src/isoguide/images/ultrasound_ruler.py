"""The ruler that a scanner draws beside its image: marks at even distances along the depth."""

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, stats

BoolArray = NDArray[np.bool_]
Pixels = NDArray[np.uint8]

STILL_STEP: Final = 1
MARK_STEP: Final = 25
"""A mark differs so much from the screen around it."""
AROUND_PX: Final = 9
TALLEST_PX: Final = 4
"""A taller mark is a line or a letter."""
LEAST_MARKS: Final = 4
LEAST_STEP_PX: Final = 5.0
EVEN_PX: Final = 1.2
"""Marks are drawn on whole pixels: so far they may lie from even distances."""
LEAST_PRESENT: Final = 0.8
"""So many of the marks show: the pointer of a focus or a frame may lie on some."""
LEAST_SPAN: Final = 0.7
"""A ruler goes along so much of the depth; lines of text do not."""
NEAR_PX: Final = 20
"""Longer marks of the same ruler reach this far."""
LARGEST_RATIO: Final = 10


class Ruler(NamedTuple):
    """Distance between marks in pixels, and every which of them is longer (0 where none is)."""

    step_px: float
    longer_every: int


def find_ruler(pixels: Pixels, in_fan: BoolArray) -> Ruler | None:
    """Find the marks of a vertical ruler beside the fan; None where there is none, or it cannot be read.

    Parameters
    ----------
    pixels
        Brightness ``[frame, row, column]``.
    in_fan
        Where the fan is, bool ``[row, column]``.
    """
    rows = np.flatnonzero(in_fan.any(axis=1))
    span_px = LEAST_SPAN * (rows[-1] - rows[0])
    marks = _marks(pixels, in_fan)
    # Of the frequent columns of nothing at all only those with marks are looked at.
    steps = {
        int(column): step
        for column in np.flatnonzero(marks.any(axis=0))
        if (step := _even_step(marks[:, column], span_px)) is not None
    }
    if not steps:
        return None
    column = min(steps, key=lambda at: steps[at])
    step_px = steps[column]
    beside = [other for at, other in steps.items() if abs(at - column) <= NEAR_PX and other > 1.5 * step_px]
    ratios = [other / step_px for other in beside]
    if any(abs(ratio - round(ratio)) > 0.05 or ratio > LARGEST_RATIO + 0.5 for ratio in ratios):
        return None
    return Ruler(step_px, round(min(ratios)) if ratios else 0)


def _marks(pixels: Pixels, in_fan: BoolArray) -> BoolArray:
    """Return what is still, stands out from the screen and is not tall."""
    image = pixels[0]
    stands_out = np.abs(image.astype(np.int16) - ndimage.median_filter(image, (AROUND_PX, 1))) > MARK_STEP
    still = np.ptp(pixels, axis=0) <= STILL_STEP
    found = stands_out & still & ~ndimage.binary_dilation(in_fan, iterations=TALLEST_PX)
    tall = ndimage.binary_opening(found, structure=np.ones((TALLEST_PX + 1, 1), dtype=bool))
    return np.asarray(found & ~tall)


def _even_step(column: BoolArray, span_px: float) -> float | None:
    """Return the distance between marks of one column, None where they are not at even distances."""
    parts, count = ndimage.label(column)
    if count < LEAST_MARKS:
        return None
    centres = np.array(ndimage.center_of_mass(column, parts, np.arange(1, count + 1)))[:, 0]
    rough = float(np.median(np.diff(centres)))
    if rough < LEAST_STEP_PX:
        return None
    number = np.rint((centres - centres[0]) / rough)
    if np.ptp(number) < LEAST_MARKS - 1:
        return None
    # Robust against a pointer or a frame among the marks.
    step, first, _, _ = stats.theilslopes(centres, number)
    even = np.abs(centres - first - step * number) <= EVEN_PX
    number, at = number[even], centres[even]
    if len(at) < LEAST_MARKS or np.ptp(at) < span_px or (np.diff(number) < 1.0).any():
        return None
    is_whole = len(at) >= LEAST_PRESENT * (np.ptp(number) + 1.0) and even.mean() >= LEAST_PRESENT
    return float(np.polyfit(number, at, 1)[0]) if is_whole else None
