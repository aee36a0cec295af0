"""Fill polygons on a pixel raster: a pixel is in when at least half of its area is.

Every pixel row is cut by scan lines. Along a scan line the covered length is exact; across, the lines sample
the area. Crossings of all polygons are pooled, so that the even-odd rule makes holes of inner contours
whichever way they turn, and the two banks of a keyhole channel cancel.
"""

from typing import Final

import numpy as np
from numba import njit
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

SCANLINES: Final = 16
"""Scan lines per pixel row: with exact lengths along them, smooth areas are good to about 0.1 %."""

HALF: Final = 0.5 - 1e-6
"""The half that makes a pixel count; rounding must not take away a pixel whose half is covered exactly."""


@njit(nogil=True, cache=True, error_model="numpy", fastmath={"contract", "reassoc", "nsz"})
def _first_line(y: float, lines: int) -> int:
    """Return the first scan line at or above ``y``; scan line n lies at (n + 0.5) / SCANLINES."""
    return min(max(int(np.ceil(y * SCANLINES - 0.5)), 0), lines)


@njit(nogil=True, cache=True, error_model="numpy", fastmath={"contract", "reassoc", "nsz"})
def _collect_crossings(edges: FloatArray, lines: int) -> tuple[NDArray[np.int64], FloatArray]:
    """Sort the crossings of edges and scan lines into one bucket per line: bucket bounds and crossings."""
    bounds = np.zeros(lines + 1, np.int64)
    for n in range(len(edges)):
        start = _first_line(min(edges[n, 1], edges[n, 3]), lines)
        stop = _first_line(max(edges[n, 1], edges[n, 3]), lines)
        for line in range(start, stop):
            bounds[line + 1] += 1
    for line in range(lines):
        bounds[line + 1] += bounds[line]
    free = bounds[:-1].copy()
    crossings = np.empty(bounds[lines], np.float64)
    for n in range(len(edges)):
        x0, y0, x1, y1 = edges[n, 0], edges[n, 1], edges[n, 2], edges[n, 3]
        if y0 > y1:
            # One direction for both banks of a channel: their crossings then agree to the last bit.
            x0, y0, x1, y1 = x1, y1, x0, y0
        start, stop = _first_line(y0, lines), _first_line(y1, lines)
        for line in range(start, stop):
            crossings[free[line]] = x0 + ((line + 0.5) / SCANLINES - y0) * (x1 - x0) / (y1 - y0)
            free[line] += 1
    return bounds, crossings


@njit(nogil=True, cache=True, error_model="numpy", fastmath={"contract", "reassoc", "nsz"})
def _sort(values: FloatArray, start: int, stop: int) -> None:
    """Sort a range in place by insertion: a scan line has a handful of crossings."""
    for n in range(start + 1, stop):
        value = values[n]
        m = n
        while m > start and values[m - 1] > value:
            values[m] = values[m - 1]
            m -= 1
        values[m] = value


@njit(nogil=True, cache=True, error_model="numpy", fastmath={"contract", "reassoc", "nsz"})
def _fill(edges: FloatArray, inside: BoolArray) -> None:
    rows, columns = inside.shape
    bounds, crossings = _collect_crossings(edges, rows * SCANLINES)
    change = np.zeros(columns + 2, np.float64)
    for row in range(rows):
        first, last = bounds[row * SCANLINES], bounds[(row + 1) * SCANLINES]
        if first == last:
            continue
        change[:] = 0.0
        for line in range(row * SCANLINES, (row + 1) * SCANLINES):
            _sort(crossings, bounds[line], bounds[line + 1])
            sign = 1.0
            for n in range(bounds[line], bounds[line + 1]):
                x = min(max(crossings[n], 0.0), float(columns))
                column = int(x)
                change[column] += sign * (column + 1 - x)
                change[column + 1] += sign * (x - column)
                sign = -sign
        covered = 0.0
        for column in range(columns):
            covered += change[column]
            inside[row, column] = covered >= HALF * SCANLINES


def fill_even_odd(edges: FloatArray, shape: tuple[int, int]) -> BoolArray:
    """Return which pixels are covered by half or more.

    Parameters
    ----------
    edges
        (n, 4): x0, y0, x1, y1 of the directed edges of all closed polygons; pixel [row, column] covers
        column ≤ x < column + 1 and row ≤ y < row + 1. Polygons may reach beyond the raster.
    shape
        (rows, columns).

    Returns
    -------
    BoolArray
        ``[row, column]``.
    """
    inside = np.zeros(shape, np.bool_)
    _fill(np.ascontiguousarray(edges, dtype=np.float64), inside)
    return inside


def fill_even_odd_reference(edges: FloatArray, shape: tuple[int, int]) -> BoolArray:
    """Return what :func:`fill_even_odd` does, in plain NumPy."""
    rows, columns = shape
    right_sides = np.arange(1.0, columns + 1.0)
    covered = np.zeros(shape)
    x0, y0, x1, y1 = np.asarray(edges, dtype=np.float64).T
    for line in range(rows * SCANLINES):
        y = (line + 0.5) / SCANLINES
        cut = (np.minimum(y0, y1) <= y) & (y < np.maximum(y0, y1))
        crossings = np.sort(x0[cut] + (y - y0[cut]) * (x1[cut] - x0[cut]) / (y1[cut] - y0[cut]))
        for n, x in enumerate(crossings):
            covered[line // SCANLINES] += (-1.0) ** n * np.clip(right_sides - x, 0.0, 1.0)
    return np.asarray(covered >= HALF * SCANLINES)
