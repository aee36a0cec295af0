"""Pixels for the report: grey values on one window, checkerboard, colour blend, PNG bytes."""

import struct
import zlib
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from isoguide.workflow.planes import Pixels

Picture = NDArray[np.uint8]

PLANNING_COLOUR: Final = (255.0, 140.0, 26.0)
DAILY_COLOUR: Final = (0.0, 115.0, 229.0)
"""Orange and blue add up to white where both images agree, and stay apart in red-green colour blindness."""
OUTSIDE: Final = (24, 28, 36)
"""What no image shows; not black, which is air."""
TILE_MM: Final = 20.0
_DIMMED: Final = 0.4
_MATCHED_QUANTILES: Final = np.linspace(0.03, 0.97, 48)


@dataclass(frozen=True, slots=True)
class Window:
    """Grey values drawn as black and as white."""

    low: float
    high: float

    def grey(self, pixels: Pixels) -> Pixels:
        """Scale to 0 to 1; NaN stays NaN."""
        scaled: Pixels = np.clip((pixels - self.low) / (self.high - self.low), 0.0, 1.0).astype(np.float32)
        return scaled


CT_WINDOW: Final = Window(-200.0, 400.0)
"""Soft tissue with bone still structured, Hounsfield units."""


def planning_window(pixels: list[Pixels], *, is_hounsfield: bool) -> Window:
    """Choose the window of the planning image: fixed for a CT, the range of the pictures otherwise."""
    if is_hounsfield:
        return CT_WINDOW
    values = np.concatenate([plane[np.isfinite(plane)] for plane in pixels])
    if values.size == 0:
        return CT_WINDOW
    low, high = (float(value) for value in np.percentile(values, [2.0, 99.0]))
    return Window(low, max(high, low + 1.0))


def daily_window(window: Window, planning: list[Pixels], daily: list[Pixels], *, same_scale: bool) -> Window:
    """Choose the window of the day's image so that the same tissue has the same grey in both.

    Cone-beam numbers are not Hounsfield units: the line through matching quantiles of the common part of the
    pictures takes one scale to the other. Quantiles do not need the images to be aligned, so before and
    after are drawn on the same window.
    """
    if same_scale:
        return window
    both = [np.isfinite(p) & np.isfinite(d) for p, d in zip(planning, daily, strict=True)]
    planning_values = np.concatenate([plane[mask] for plane, mask in zip(planning, both, strict=True)])
    daily_values = np.concatenate([plane[mask] for plane, mask in zip(daily, both, strict=True)])
    if daily_values.size < len(_MATCHED_QUANTILES) or np.ptp(daily_values) == 0.0:
        return window
    # Only the range the window shows counts: air and couch would tilt the line.
    shown = (np.quantile(planning_values, _MATCHED_QUANTILES), np.quantile(daily_values, _MATCHED_QUANTILES))
    inside = (shown[0] > window.low - 200.0) & (shown[0] < window.high + 200.0)
    if np.count_nonzero(inside) < 4 or np.ptp(shown[0][inside]) == 0.0:
        low, high = (float(value) for value in np.percentile(daily_values, [2.0, 99.0]))
        return Window(low, max(high, low + 1.0))
    slope, offset = np.polyfit(shown[0][inside], shown[1][inside], 1)
    if slope <= 0.0:
        return window
    return Window(float(slope * window.low + offset), float(slope * window.high + offset))


def checkerboard(planning: Pixels, daily: Pixels, pixel_mm: float) -> Picture:
    """Interleave two grey pictures (0 to 1, NaN outside) in tiles; shape (rows, columns, 3).

    The tile up and left of the centre shows the planning image. Where only one image exists it is drawn dim.
    """
    down, right = (
        np.floor((np.arange(count) - (count - 1) / 2.0) * pixel_mm / TILE_MM).astype(int)
        for count in planning.shape
    )
    shows_daily = (down[:, np.newaxis] + right[np.newaxis, :]) % 2 == 1
    both = np.isfinite(planning) & np.isfinite(daily)
    return _grey_picture(np.where(both, np.where(shows_daily, daily, planning), _alone(planning, daily)))


def _alone(planning: Pixels, daily: Pixels) -> Pixels:
    """Dim whichever image exists, so that the edge of a field of view is not mistaken for a difference."""
    alone: Pixels = np.where(np.isfinite(planning), planning, daily) * np.float32(_DIMMED)
    return alone


def colour_blend(planning: Pixels, daily: Pixels) -> Picture:
    """Add the planning image in orange and the day's in blue; shape (rows, columns, 3).

    Where only one image exists it is drawn dim and grey.
    """
    both = np.isfinite(planning) & np.isfinite(daily)
    first, second = np.nan_to_num(planning)[..., np.newaxis], np.nan_to_num(daily)[..., np.newaxis]
    colours = first * np.array(PLANNING_COLOUR) + second * np.array(DAILY_COLOUR)
    grey = _grey_picture(_alone(planning, daily))
    blended: Picture = np.where(both[..., np.newaxis], np.clip(colours, 0.0, 255.0).astype(np.uint8), grey)
    return blended


def difference(planning: Pixels, daily: Pixels) -> Picture:
    """Draw the day's image less the planning image, each 0 to 1: grey where both agree; (rows, columns, 3).

    Brighter: the day's image is denser there; half of the scale is white or black. Where one image is missing
    nothing is drawn.
    """
    return _grey_picture(np.clip(0.5 + (daily - planning), 0.0, 1.0).astype(np.float32))


def grey_picture(pixels: Pixels, brightness: float = 1.0) -> Picture:
    """Draw one grey picture (0 to 1, NaN outside), dimmed by ``brightness``; shape (rows, columns, 3)."""
    return _grey_picture(pixels * np.float32(brightness))


def _grey_picture(pixels: Pixels) -> Picture:
    outside = ~np.isfinite(pixels)
    grey = (np.nan_to_num(pixels) * 255.0 + 0.5).astype(np.uint8)
    picture = np.repeat(grey[..., np.newaxis], 3, axis=-1)
    picture[outside] = OUTSIDE
    return picture


def png(picture: Picture) -> bytes:
    """Encode an 8-bit colour picture (rows, columns, 3) as PNG (ISO/IEC 15948), losslessly.

    A picture without colour is stored as grey values, which is a third of it.
    """
    if (picture == picture[..., :1]).all():
        picture = picture[..., :1]
    rows, columns, channels = picture.shape
    lines = picture.reshape(rows, columns * channels)
    # Filter type 2 ("up") on every line: one subtraction, and smooth anatomy compresses well.
    filtered = np.empty((rows, columns * channels + 1), dtype=np.uint8)
    filtered[:, 0] = 2
    filtered[0, 1:] = lines[0]
    np.subtract(lines[1:], lines[:-1], out=filtered[1:, 1:])
    header = struct.pack(">IIBBBBB", columns, rows, 8, 2 if channels == 3 else 0, 0, 0, 0)
    body = zlib.compress(filtered.tobytes(), 4)
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header) + _chunk(b"IDAT", body) + _chunk(b"IEND", b"")


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
