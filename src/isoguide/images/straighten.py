"""Ultrasound images whose calibration shears them, resampled on rows and columns at right angles."""

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]
Bools = NDArray[np.bool_]


def straightened(
    pixels: Pixels, in_fan: Bools, columns_per_row: float, face_row: float
) -> tuple[Pixels, Bools]:
    """Shift every row along itself, with linear interpolation.

    Parameters
    ----------
    pixels
        Brightness [frame, row, column].
    in_fan
        Which pixels show something, [row, column].
    columns_per_row
        By how many columns a row lies further along x than the one above it.
    face_row
        The row that stays.

    Returns
    -------
    tuple[Pixels, Bools]
        The images and their fan: pixels of which both neighbours were in it.
    """
    if columns_per_row == 0.0:
        return pixels, in_fan
    rows, columns = in_fan.shape
    shift = columns_per_row * (np.arange(rows) - face_row)
    at = np.arange(columns)[None, :] - shift[:, None]
    left = np.floor(at).astype(int)
    share = (at - left).astype(np.float32)
    inside = (left >= 0) & (left + 1 < columns)
    left = np.clip(left, 0, columns - 2)
    row = np.arange(rows)[:, None]
    fan = inside & in_fan[row, left] & in_fan[row, left + 1]
    out = np.empty_like(pixels)
    for number, frame in enumerate(pixels):
        one, two = frame[row, left].astype(np.float32), frame[row, left + 1].astype(np.float32)
        out[number] = np.where(fan, one + share * (two - one) + np.float32(0.5), 0.0).astype(np.uint8)
    return out, fan
