"""Separable filtering and resampling of volumes: each output sample is a weighted sum along one axis.

NaN marks voxels outside the field of view and spreads to every output that would need them.
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray

from isoguide.kernels.chunks import run_chunked

Float32 = NDArray[np.float32]
Int64 = NDArray[np.int64]
FAST: set[str] = {"contract", "reassoc", "nsz"}


@njit(nogil=True, cache=True, error_model="numpy", fastmath=FAST)
def _along_slices(volume, first, weights, out, start, stop):  # type: ignore[no-untyped-def]  # numba infers the types
    taps = weights.shape[1]
    for k in range(start, stop):
        for j in range(out.shape[1]):
            for i in range(out.shape[2]):
                out[k, j, i] = weights[k, 0] * np.float32(volume[first[k], j, i])
            for t in range(1, taps):
                w = weights[k, t]
                source = first[k] + t
                for i in range(out.shape[2]):
                    out[k, j, i] += w * np.float32(volume[source, j, i])


@njit(nogil=True, cache=True, error_model="numpy", fastmath=FAST)
def _along_rows(volume, first, weights, out, start, stop):  # type: ignore[no-untyped-def]  # numba infers the types
    taps = weights.shape[1]
    for k in range(start, stop):
        for j in range(out.shape[1]):
            for i in range(out.shape[2]):
                out[k, j, i] = weights[j, 0] * np.float32(volume[k, first[j], i])
            for t in range(1, taps):
                w = weights[j, t]
                source = first[j] + t
                for i in range(out.shape[2]):
                    out[k, j, i] += w * np.float32(volume[k, source, i])


@njit(nogil=True, cache=True, error_model="numpy", fastmath=FAST)
def _along_columns(volume, first, weights, out, start, stop):  # type: ignore[no-untyped-def]  # numba infers the types
    # Weights come transposed (taps, n): the inner loop then runs over outputs and vectorises with gathers.
    taps = weights.shape[0]
    for k in range(start, stop):
        for j in range(out.shape[1]):
            for i in range(out.shape[2]):
                total = np.float32(0.0)
                for t in range(taps):
                    total += weights[t, i] * np.float32(volume[k, j, first[i] + t])
                out[k, j, i] = total


def filter_axis(volume: NDArray[np.int16] | Float32, axis: int, first: Int64, weights: Float32) -> Float32:
    """Weighted sums along one axis: ``out[n] = sum_t weights[n, t] * volume[first[n] + t]``.

    Parameters
    ----------
    volume
        C-contiguous array [k, j, i], int16 or float32.
    axis
        0, 1 or 2.
    first, weights
        First input index (n,) and weights (n, taps) of each output sample; every tap lies inside the volume.

    Returns
    -------
    Array like ``volume`` with n samples along ``axis``, float32.
    """
    shape = list(volume.shape)
    shape[axis] = len(first)
    out = np.empty(shape, dtype=np.float32)
    kernel = (_along_slices, _along_rows, _along_columns)[axis]
    table = np.ascontiguousarray(weights.T) if axis == 2 else weights

    def piece(start: int, stop: int) -> None:
        kernel(volume, first, table, out, start, stop)

    run_chunked(piece, shape[0])
    return out


def filter_axis_reference(volume: Float32, axis: int, first: Int64, weights: Float32) -> Float32:
    """Plain NumPy statement of :func:`filter_axis`."""
    moved = np.moveaxis(volume.astype(np.float32), axis, 0)
    rows = [np.tensordot(w, moved[f : f + len(w)], axes=1) for f, w in zip(first, weights, strict=True)]
    return np.moveaxis(np.stack(rows), 0, axis).astype(np.float32)


@njit(nogil=True, cache=True, error_model="numpy", fastmath=FAST)
def _blank_border_runs(volume, fill, out, start, stop):  # type: ignore[no-untyped-def]  # numba infers the types
    rows, columns = volume.shape[1], volume.shape[2]
    for k in range(start, stop):
        for j in range(rows):
            for i in range(columns):
                out[k, j, i] = volume[k, j, i]
        for j in range(rows):
            i = 0
            while i < columns and volume[k, j, i] == fill:
                out[k, j, i] = np.nan
                i += 1
            i = columns - 1
            while i >= 0 and volume[k, j, i] == fill:
                out[k, j, i] = np.nan
                i -= 1
        for i in range(columns):
            j = 0
            while j < rows and volume[k, j, i] == fill:
                out[k, j, i] = np.nan
                j += 1
            j = rows - 1
            while j >= 0 and volume[k, j, i] == fill:
                out[k, j, i] = np.nan
                j -= 1


def blank_border_runs(volume: NDArray[np.int16] | Float32, fill: float) -> Float32:
    """Copy a volume [k, j, i] to float32 with NaN where ``fill`` runs in from the border of a slice.

    Runs are followed along rows and columns: a reconstruction circle padded with one value becomes NaN
    outside.
    """
    out = np.empty(volume.shape, dtype=np.float32)

    def piece(start: int, stop: int) -> None:
        _blank_border_runs(volume, volume.dtype.type(fill), out, start, stop)

    run_chunked(piece, volume.shape[0])
    return out


def blank_border_runs_reference(volume: Float32, fill: float) -> Float32:
    """Plain NumPy statement of :func:`blank_border_runs`."""
    filled = np.asarray(volume) == fill
    outside = np.zeros(volume.shape, dtype=bool)
    for axis in (1, 2):
        outside |= np.logical_and.accumulate(filled, axis=axis)
        outside |= np.flip(np.logical_and.accumulate(np.flip(filled, axis), axis=axis), axis)
    return np.where(outside, np.float32(np.nan), volume.astype(np.float32))
