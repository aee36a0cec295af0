"""Which images of a sweep show nothing: no contact with the skin, or a picture that stood still."""

from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from isoguide.errors import InputError
from isoguide.geometry.frames import Array

Pixels = NDArray[np.uint8]
Bools = NDArray[np.bool_]

EMPTY_LEVEL: Final = 2.0
"""Mean brightness, of 255, below which images show nothing at all."""
LOST_SHARE: Final = 0.3
"""Of the sweep's median brightness: off the skin a probe shows its own reverberation and below it noise."""

_FROM, _TO = 0.1, 0.6
"""Part of the depth that is looked at: below the reverberation of the face, above where echoes fade."""


def lost_contact(pixels: Pixels, in_fan: Bools, *, source: str) -> Bools:
    """Return which images were made without contact, (n,).

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
        If all are empty.
    """
    rows = np.flatnonzero(in_fan.any(axis=1))
    top, depth = int(rows[0]), len(rows)
    band = slice(top + round(_FROM * depth), top + max(round(_TO * depth), 1))
    inside = in_fan[band]
    levels: Array = np.array([frame[band][inside].mean() for frame in pixels])
    usual = float(np.median(levels))
    if not usual >= EMPTY_LEVEL:
        msg = (
            f"{source} shows nothing (mean brightness {usual:.1f} of 255): the probe had no contact, so "
            "record again with gel"
        )
        raise InputError(msg)
    return np.asarray(levels < LOST_SHARE * usual)


def repeated(pixels: Pixels) -> Bools:
    """Return which images are the same as the one before, to the last bit, (n,): speckle never is."""
    same = [np.array_equal(one, two) for one, two in pairwise(pixels)]
    return np.array([False, *same])
