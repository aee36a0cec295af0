"""Ultrasound images whose calibration shears them, resampled on rows and columns at right angles."""

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]
Bools = NDArray[np.bool_]


def straightened(
    pixels: Pixels, in_fan: Bools, rows_per_column: float, face_column: float
) -> tuple[Pixels, Bools]:
    """Shift every column along itself, with linear interpolation.

    Parameters
    ----------
    pixels
        Brightness [frame, row, column].
    in_fan
        Which pixels show something, [row, column].
    rows_per_column
        By how many rows a column lies deeper than the one before it.
    face_column
        The column that stays.

    Returns
    -------
    tuple[Pixels, Bools]
        The images and their fan: pixels of which both neighbours were in it.
    """
    if rows_per_column == 0.0:
        return pixels, in_fan
    rows, columns = in_fan.shape
    at = np.arange(rows)[:, None] - rows_per_column * (np.arange(columns) - face_column)
    upper = np.floor(at).astype(int)
    share = (at - upper).astype(np.float32)
    inside = (upper >= 0) & (upper + 1 < rows)
    upper = np.clip(upper, 0, rows - 2)
    column = np.arange(columns)
    fan = inside & in_fan[upper, column] & in_fan[upper + 1, column]
    out = np.empty_like(pixels)
    for number, frame in enumerate(pixels):
        one, two = frame[upper, column].astype(np.float32), frame[upper + 1, column].astype(np.float32)
        out[number] = np.where(fan, one + share * (two - one) + np.float32(0.5), 0.0).astype(np.uint8)
    return out, fan
