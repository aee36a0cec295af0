"""What a scanner has written across its image: text, calipers and lines that are no tissue."""

from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

BoolArray = NDArray[np.bool_]
Pixels = NDArray[np.uint8]

LEAST_FRAMES: Final = 3
"""From so many pictures on, what never changes shows among what moves."""
STILL_STEP: Final = 1
CONTRAST: Final = 50
"""What is written differs so much from what is around it."""
AROUND_PX: Final = 11
LEAST_MOVING: Final = 0.5
"""So much of the fan has to change for what does not change to say something."""
STROKE_STEP: Final = 110
"""Across a stroke the brightness rises and falls by so much in two pixels; an echo is as wide as the beam."""
STROKE_PX: Final = 2
LEAST_STROKE_PX: Final = 6
RIM_PX: Final = 2
"""Around what is written the scanner smooths its rim."""


def written_over(pixels: Pixels, in_fan: BoolArray) -> BoolArray:
    """Return what is written across the fan, bool ``[row, column]``, with its rim.

    Parameters
    ----------
    pixels
        Brightness ``[frame, row, column]``.
    in_fan
        Where the fan is, bool ``[row, column]``.
    """
    rows, columns = (np.flatnonzero(in_fan.any(axis=axis)) for axis in (1, 0))
    box = (slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1))
    found = np.zeros_like(in_fan)
    found[box] = _written(pixels[:, *box], in_fan[box])
    return found


def _written(pixels: Pixels, in_fan: BoolArray) -> BoolArray:
    inner = ndimage.binary_erosion(in_fan, iterations=RIM_PX)
    moves = np.ptp(pixels, axis=0) > STILL_STEP
    if len(pixels) >= LEAST_FRAMES and moves[inner].mean() > LEAST_MOVING:
        found = ~moves & _stands_out(pixels[0]) & inner
    else:
        found = _strokes(pixels[0]) & inner
    parts, count = ndimage.label(found, structure=np.ones((3, 3)))
    sizes = np.bincount(parts.ravel(), minlength=count + 1)
    sizes[0] = 0
    return np.asarray(ndimage.binary_dilation(sizes[parts] >= LEAST_STROKE_PX, iterations=RIM_PX) & in_fan)


def _stands_out(image: Pixels) -> BoolArray:
    around = ndimage.median_filter(image, AROUND_PX).astype(np.int16)
    return np.asarray(np.abs(image.astype(np.int16) - around) > CONTRAST)


def _strokes(image: Pixels) -> BoolArray:
    """Return bright pixels that are much brighter than both neighbours to the left and to the right."""
    level = image.astype(np.int16)
    padded = np.pad(level, ((0, 0), (STROKE_PX, STROKE_PX)), mode="edge")
    width = level.shape[1]
    left, right = padded[:, :width], padded[:, 2 * STROKE_PX :]
    return np.asarray(level - np.maximum(left, right) > STROKE_STEP)
