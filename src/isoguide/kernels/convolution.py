"""Convolution of a volume with one row of taps per axis: what a blur is made of."""

import numpy as np
from numba import njit
from numpy.typing import NDArray
from scipy import ndimage

from isoguide.kernels.chunks import run_chunked

Floats = NDArray[np.float32]


@njit(nogil=True, cache=True, error_model="numpy", fastmath={"contract", "reassoc", "nsz"})
def _beyond(n: int, size: int, wrap: bool) -> int:  # noqa: FBT001 - Numba takes no keyword-only arguments
    """Index of what lies at n: the opposite side, or the image mirrored at its outer edge."""
    if wrap:
        return n % size
    n = n % (2 * size)
    return n if n < size else 2 * size - 1 - n


@njit(nogil=True, cache=True, error_model="numpy", fastmath={"contract", "reassoc", "nsz"})
def _add_row(total: Floats, row: Floats, weight: np.float32) -> None:
    for i in range(total.size):
        total[i] += weight * row[i]


@njit(nogil=True, cache=True, error_model="numpy", fastmath={"contract", "reassoc", "nsz"})
def _slices(
    values: Floats,
    taps: Floats,
    wrap: bool,  # noqa: FBT001 - as above
    axis: int,
    out: Floats,
    first: int,
    stop: int,
) -> None:
    """Convolve the slices from first to stop along axis 0, 1 or 2."""
    nk, nj, ni = values.shape
    reach = taps.size // 2
    padded = np.empty(ni + 2 * reach, dtype=np.float32)
    for k in range(first, stop):
        for j in range(nj):
            total = out[k, j]
            total[:] = np.float32(0.0)
            if axis == 2:
                padded[reach : reach + ni] = values[k, j]
                for n in range(reach):
                    padded[n] = values[k, j, _beyond(n - reach, ni, wrap)]
                    padded[reach + ni + n] = values[k, j, _beyond(ni + n, ni, wrap)]
            for t in range(taps.size):
                if axis == 0:
                    _add_row(total, values[_beyond(k + t - reach, nk, wrap), j], taps[t])
                elif axis == 1:
                    _add_row(total, values[k, _beyond(j + t - reach, nj, wrap)], taps[t])
                else:
                    _add_row(total, padded[t : t + ni], taps[t])


def convolved(values: Floats, axis: int, taps: Floats, *, wrap: bool = False) -> Floats:
    """Convolve a volume with symmetric taps along one axis.

    Parameters
    ----------
    values
        ``[k, j, i]``.
    axis
        0, 1 or 2.
    taps
        An odd number of weights.
    wrap
        Beyond the edge lies the opposite side; else the mirror image.
    """
    volume = np.ascontiguousarray(values, dtype=np.float32)
    weights = np.ascontiguousarray(taps, dtype=np.float32)
    out = np.empty(volume.shape, dtype=np.float32)
    run_chunked(lambda a, b: _slices(volume, weights, wrap, axis, out, a, b), volume.shape[0])
    return out


def convolved_reference(values: Floats, axis: int, taps: Floats, *, wrap: bool = False) -> Floats:
    """Do the same as :func:`convolved` through SciPy."""
    volume = values.astype(np.float64)
    if wrap:
        return np.asarray(ndimage.correlate1d(volume, taps, axis, mode="grid-wrap"), dtype=np.float32)
    return np.asarray(ndimage.correlate1d(volume, taps, axis, mode="reflect"), dtype=np.float32)
