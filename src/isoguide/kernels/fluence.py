"""What moving edges let through: mean transmission of every pixel of a row, exact at any edge position.

A row of pixels lies under a pair of leaves and a pair of jaws. Each lets a share through where it is closed
and everything where it is open, so the product is a sum of four intervals. An interval is two steps, and a
step touches two pixels of the running difference: the cost does not depend on the number of pixels.
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@njit(nogil=True, cache=True, error_model="numpy")
def _add_step(row: Floats, edge: float, amount: float) -> None:
    """Let ``amount`` through to the right of an edge, given in pixels from the left border of the row."""
    if edge <= 0.0:
        row[0] += amount
        return
    if edge >= row.size:
        return
    pixel = int(edge)
    share = edge - pixel
    row[pixel] += (1.0 - share) * amount
    if pixel + 1 < row.size:
        row[pixel + 1] += share * amount


@njit(nogil=True, cache=True, error_model="numpy")
def _add_interval(row: Floats, start: float, stop: float, amount: float) -> None:
    if stop > start:
        _add_step(row, start, amount)
        _add_step(row, stop, -amount)


@njit(nogil=True, cache=True, error_model="numpy")
def _sweep(
    leaves: Floats, jaws: Floats, weights: Floats, transmission: tuple[float, float], out: Floats
) -> None:
    leaf, jaw = transmission
    for n in range(leaves.shape[0]):
        start, stop = jaws[n, 0], jaws[n, 1]
        for row in range(out.shape[0]):
            low, high = leaves[n, 0, row], leaves[n, 1, row]
            out[row, 0] += weights[n] * leaf * jaw
            _add_interval(out[row], start, stop, weights[n] * (1.0 - jaw) * leaf)
            _add_interval(out[row], low, high, weights[n] * jaw * (1.0 - leaf))
            both = weights[n] * (1.0 - jaw) * (1.0 - leaf)
            _add_interval(out[row], max(low, start), min(high, stop), both)
    for row in range(out.shape[0]):
        for pixel in range(1, out.shape[1]):
            out[row, pixel] += out[row, pixel - 1]


def swept_rows(
    leaves: Floats, jaws: Floats, weights: Floats, transmission: tuple[float, float], pixels: int
) -> Floats:
    """Return the mean transmission of each pixel of each row, summed over openings, (rows, pixels).

    Parameters
    ----------
    leaves
        Edges of the opening over each row, (openings, 2, rows), in pixels from the left border of the first
        pixel; closed where the second is not beyond the first.
    jaws
        The same for the jaws that travel along the rows, (openings, 2).
    weights
        Of each opening, (openings,).
    transmission
        Share that closed leaves and closed jaws let through.
    pixels
        Number of pixels in a row.
    """
    out = np.zeros((leaves.shape[2], pixels))
    _sweep(np.ascontiguousarray(leaves), np.ascontiguousarray(jaws), weights, transmission, out)
    return out


@njit(nogil=True, cache=True, error_model="numpy")
def _weave(across: Floats, along: Floats, out: Floats) -> None:
    for row in range(across.shape[0]):
        total = out[row]
        for band in range(across.shape[1]):
            share = across[row, band]
            if share != 0.0:
                for pixel in range(along.shape[1]):
                    total[pixel] += share * along[band, pixel]


def woven(across: Floats, along: Floats) -> Floats:
    """Return the matrix product of (rows, bands), of which few are not 0, and (bands, pixels)."""
    out = np.zeros((across.shape[0], along.shape[1]))
    _weave(np.ascontiguousarray(across), np.ascontiguousarray(along), out)
    return out


def swept_rows_reference(
    leaves: Floats, jaws: Floats, weights: Floats, transmission: tuple[float, float], pixels: int
) -> Floats:
    """Plain statement of :func:`swept_rows`: lengths of intervals within pixels."""
    leaf, jaw = transmission
    left = np.arange(pixels, dtype=np.float64)

    def covered(start: Floats, stop: Floats) -> Floats:
        return np.maximum(np.minimum(stop[:, None], left + 1.0) - np.maximum(start[:, None], left), 0.0)

    out = np.zeros((leaves.shape[2], pixels))
    for (low, high), (start, stop), weight in zip(leaves, jaws, weights, strict=True):
        begin, end = np.full(len(low), start), np.full(len(low), stop)
        both = covered(np.maximum(low, begin), np.minimum(high, end))
        alone = jaw * (1.0 - leaf) * covered(low, high) + (1.0 - jaw) * leaf * covered(begin, end)
        out += weight * (leaf * jaw + alone + (1.0 - jaw) * (1.0 - leaf) * both)
    return out
