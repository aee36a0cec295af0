"""Where the blades of a collimator shut the beam out: flat borders of an image with straight inner edges."""

from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from isoguide.errors import InputError
from isoguide.images.radiograph import Radiograph

BoolArray = NDArray[np.bool_]
Floats = NDArray[np.float64]

FLAT_SHARE: Final = 0.15
"""Behind a blade values stay within this share of the image's range: scatter shades it a little."""
RANGE_PERCENTILES: Final = (2.0, 98.0)
SMOOTH_PX: Final = 1.5
"""Blur before looking, so that noise does not end a flat border."""
LEAST_DEPTH_PX: Final = 5
"""A border that reaches in less is the rim of the detector."""
STRAIGHT_PX: Final = 3.0
STRAIGHT_SHARE: Final = 0.8
"""So many lines end their flat border within so many pixels of one straight edge; the skin does not."""
LARGEST_SLOPE: Final = 0.2
"""Of an edge against the border: a collimator turned by more than about 11° is not found."""
OUTER_SHARE: Final = 0.15
"""Lines this close to either end may lie behind another blade: they do not say where an edge is."""
PENUMBRA_PX: Final = 4.0
"""Beyond an edge the beam is partly shut out."""


def open_beam(image: Radiograph, source: str = "the radiograph") -> BoolArray:
    """Return which pixels ``[row, column]`` no collimator blade shades.

    A blade is a border of nearly one value, dark or bright, that ends everywhere along a straight line.
    ``source`` is what a message calls the image.

    Raises
    ------
    InputError
        If the image has one value everywhere.
    """
    values = image.values
    if values.min() == values.max():
        msg = f"{source} is blank, all its pixels are {values.flat[0]:g}: expose or export it again"
        raise InputError(msg)
    attenuation = image.line_integrals.astype(np.float64)
    smooth = ndimage.gaussian_filter(attenuation, SMOOTH_PX, mode="nearest")
    low, high = np.percentile(smooth, RANGE_PERCENTILES)
    counts = np.ones(values.shape, dtype=bool)
    # Seen from each border in turn, lines run inward along the first axis.
    for turns in range(4):
        side = np.rot90(counts, turns)
        side &= ~_shaded(np.rot90(smooth, turns), FLAT_SHARE * (high - low))
    return counts


def _shaded(values: Floats, tolerance: float) -> BoolArray:
    """Return what the blade at the first rows of an image shades; nothing where there is none."""
    level = float(np.median(values[0]))
    flat = np.abs(values - level) <= tolerance
    depth = np.where(flat.all(axis=0), len(values), np.argmin(flat, axis=0)).astype(np.float64)
    columns = np.arange(values.shape[1], dtype=np.float64)
    outer = int(OUTER_SHARE * len(columns))
    middle, ends = columns[outer : len(columns) - outer], depth[outer : len(columns) - outer]
    slope = _slope(middle, ends)
    offset = float(np.median(ends - slope * middle))
    straight = np.abs(ends - offset - slope * middle) <= STRAIGHT_PX
    edge = offset + slope * columns
    if (
        straight.mean() < STRAIGHT_SHARE
        or abs(slope) > LARGEST_SLOPE
        or not LEAST_DEPTH_PX <= float(np.median(edge)) < len(values)
    ):
        return np.zeros(values.shape, dtype=bool)
    return np.asarray(np.arange(len(values))[:, None] < edge + PENUMBRA_PX)


def _slope(columns: Floats, depth: Floats) -> float:
    """Slope of the line through most points: the median over pairs half the width apart (Theil-Sen)."""
    half = len(columns) // 2
    rise = depth[half : 2 * half] - depth[:half]
    return float(np.median(rise / (columns[half : 2 * half] - columns[:half])))
