"""The row of a bright line across an ultrasound image, such as the bottom of a water tank."""

from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from isoguide.errors import InputError
from isoguide.geometry.frames import Array

BELOW: Final = 0.15
"""Of the depth: the reverberation of the face is above."""
CLEAR: Final = 3.0
"""Times the mean of the image's rows: a line is brighter."""
MOST_UNCLEAR: Final = 0.3

_SMOOTH_PX: Final = 2.0


def line_rows(pixels: NDArray[np.uint8], in_fan: NDArray[np.bool_], *, source: str) -> Array:
    """Return the row of the brightest line in each image, to a fraction; NaN where there is none.

    Parameters
    ----------
    pixels
        Brightness [frame, row, column].
    in_fan
        Which pixels show something, [row, column].
    source
        What the user knows the images by.

    Raises
    ------
    InputError
        If more than 30 % of the images show no clear line.
    """
    count = in_fan.sum(axis=1)
    rows = np.flatnonzero(count)
    first = rows[0] + round(BELOW * len(rows))
    means = np.where(in_fan, pixels, 0).sum(axis=2) / np.maximum(count, 1)
    found = np.array([_peak(ndimage.gaussian_filter1d(mean, _SMOOTH_PX)[first:]) for mean in means])
    unclear = int(np.isnan(found).sum())
    if unclear > MOST_UNCLEAR * len(found):
        msg = (
            f"{unclear} of {len(found)} images of {source} show no clear line: record the flat bottom of a "
            "water tank"
        )
        raise InputError(msg)
    return np.asarray(found + first)


def _peak(profile: Array) -> float:
    best = int(profile.argmax())
    if best in (0, len(profile) - 1) or not profile[best] > CLEAR * profile.mean():
        return float("nan")
    a, b, c = profile[best - 1 : best + 2]
    return best + float((a - c) / (2.0 * (a - 2.0 * b + c)))
