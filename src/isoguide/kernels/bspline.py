"""Sampling of a cubic B-spline image at the voxels of another grid.

Cubic B-splines (Unser, IEEE Signal Processing Magazine 16(6), 1999) pass through every voxel and move a
smooth object without displacing or blurring it, which linear interpolation does only on average.
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray
from scipy import ndimage

from isoguide.kernels.chunks import run_chunked

Floats = NDArray[np.float32]
Matrix = NDArray[np.float64]


@njit(nogil=True, cache=True, error_model="numpy", fastmath={"contract", "reassoc", "nsz"})
def _weights(t: np.float32) -> tuple[np.float32, np.float32, np.float32, np.float32]:
    """Return the four cubic B-spline weights at the fraction t in [0, 1)."""
    u = np.float32(1.0) - t
    sixth = np.float32(1.0 / 6.0)
    w0 = u * u * u * sixth
    w1 = np.float32(2.0 / 3.0) - np.float32(0.5) * t * t * (np.float32(2.0) - t)
    w3 = t * t * t * sixth
    return w0, w1, np.float32(1.0) - w0 - w1 - w3, w3


@njit(nogil=True, cache=True, error_model="numpy", fastmath={"contract", "reassoc", "nsz"})
def _mirror(n: int, size: int) -> int:
    """Reflect a tap that falls one voxel outside about the outermost voxel centre."""
    if n < 0:
        n = -n
    if n >= size:
        n = 2 * size - 2 - n
    return min(max(n, 0), size - 1)


@njit(nogil=True, cache=True, error_model="numpy", fastmath={"contract", "reassoc", "nsz"})
def _inner(
    c: Floats,
    first: np.uint64,
    line: np.uint64,
    plane: np.uint64,
    t: tuple[np.float32, np.float32, np.float32],
) -> np.float32:
    """Sum over 4×4×4 coefficients from an offset on; ``t`` are the fractions along i, j, k."""
    a0, a1, a2, a3 = _weights(t[0])
    total = np.float32(0.0)
    for d in _weights(t[2]):
        at = first
        subtotal = np.float32(0.0)
        for b in _weights(t[1]):
            value = (
                a0 * c[at] + a1 * c[at + np.uint64(1)] + a2 * c[at + np.uint64(2)] + a3 * c[at + np.uint64(3)]
            )
            subtotal += b * value
            at += line
        total += d * subtotal
        first += plane
    return total


@njit(nogil=True, cache=True, error_model="numpy", fastmath={"contract", "reassoc", "nsz"})
def _at_the_edge(
    c: Floats,
    sizes: tuple[int, int, int],
    place: tuple[int, int, int],
    t: tuple[np.float32, np.float32, np.float32],
) -> np.float32:
    """Do the same where some of the coefficients are mirrored; ``place`` is i, j, k."""
    nk, nj, ni = sizes
    i, j, k = place
    a0, a1, a2, a3 = _weights(t[0])
    b = _weights(t[1])
    d = _weights(t[2])
    i0, i1, i2, i3 = _mirror(i - 1, ni), i, _mirror(i + 1, ni), _mirror(i + 2, ni)
    total = np.float32(0.0)
    for dk in range(4):
        plane = _mirror(k - 1 + dk, nk) * nj
        subtotal = np.float32(0.0)
        for dj in range(4):
            line = (plane + _mirror(j - 1 + dj, nj)) * ni
            value = a0 * c[line + i0] + a1 * c[line + i1] + a2 * c[line + i2] + a3 * c[line + i3]
            subtotal += b[dj] * value
        total += d[dk] * subtotal
    return total


@njit(nogil=True, cache=True, error_model="numpy", fastmath={"contract", "reassoc", "nsz"})
def _row(
    c: Floats, sizes: tuple[int, int, int], start: Matrix, step: Matrix, shift: Floats, out: Floats
) -> None:
    """Fill one row: position (i, j, k) = start + n step + shift[:, n], clamped to the image."""
    nk, nj, ni = sizes
    line, plane = np.uint64(ni), np.uint64(ni * nj)
    shifted = shift.shape[1] > 0
    for n in range(out.size):
        x = start[0] + n * step[0]
        y = start[1] + n * step[1]
        z = start[2] + n * step[2]
        if shifted:
            x += shift[0, n]
            y += shift[1, n]
            z += shift[2, n]
        x = min(max(x, 0.0), ni - 1.0)
        y = min(max(y, 0.0), nj - 1.0)
        z = min(max(z, 0.0), nk - 1.0)
        i, j, k = int(x), int(y), int(z)
        t = (np.float32(x - i), np.float32(y - j), np.float32(z - k))
        if min(i, j, k) >= 1 and i < ni - 2 and j < nj - 2 and k < nk - 2:
            out[n] = _inner(c, np.uint64(((k - 1) * nj + j - 1) * ni + i - 1), line, plane, t)
        else:
            out[n] = _at_the_edge(c, sizes, (i, j, k), t)


@njit(nogil=True, cache=True, error_model="numpy", fastmath={"contract", "reassoc", "nsz"})
def _slab(
    c: Floats, sizes: tuple[int, int, int], matrix: Matrix, shift: Floats, out: Floats, first_k: int
) -> None:
    """Fill the slices of ``out``, the first of which is slice ``first_k`` of the whole."""
    step = matrix[:, 0].copy()
    for k in range(out.shape[0]):
        for j in range(out.shape[1]):
            start = matrix[:, 1] * j + matrix[:, 2] * (k + first_k) + matrix[:, 3]
            if shift.shape[3] > 0:
                _row(c, sizes, start, step, shift[:, k, j, :], out[k, j])
            else:
                _row(c, sizes, start, step, shift[:, 0, 0, :], out[k, j])


def sample_cubic(
    coefficients: Floats,
    index_from_index: Matrix,
    shape: tuple[int, int, int],
    shift: Floats | None = None,
) -> Floats:
    """Evaluate a cubic B-spline image at every voxel of another grid.

    Parameters
    ----------
    coefficients
        B-spline coefficients ``[k, j, i]`` (``scipy.ndimage.spline_filter(values, 3, mode="mirror")``).
    index_from_index
        Matrix (3, 4) from the output's voxel index (i, j, k, 1) to the input's.
    shape
        Shape ``[k, j, i]`` of the output.
    shift
        Added to the input position of each output voxel: (3, k, j, i), in input voxels along i, j, k.

    Returns
    -------
    Floats
        Values ``[k, j, i]``; positions outside the image take the value of the nearest position inside.
    """
    flat = np.ascontiguousarray(coefficients, dtype=np.float32).ravel()
    matrix = np.ascontiguousarray(index_from_index, dtype=np.float64)
    out = np.empty(shape, dtype=np.float32)
    nothing = np.empty((3, 1, 1, 0), dtype=np.float32)

    def fill(start: int, stop: int) -> None:
        moved = nothing if shift is None else np.ascontiguousarray(shift[:, start:stop])
        _slab(flat, coefficients.shape, matrix, moved, out[start:stop], start)

    run_chunked(fill, shape[0])
    return out


def sample_cubic_reference(
    coefficients: Floats,
    index_from_index: Matrix,
    shape: tuple[int, int, int],
    shift: Floats | None = None,
) -> Floats:
    """Do the same as :func:`sample_cubic` through SciPy, slowly."""
    k, j, i = np.meshgrid(*(np.arange(n, dtype=np.float64) for n in shape), indexing="ij")
    position = np.tensordot(index_from_index, np.stack([i, j, k, np.ones_like(i)]), axes=1)
    if shift is not None:
        position = position + shift
    last = np.array(coefficients.shape[::-1], dtype=np.float64)[:, None, None, None] - 1.0
    kji = np.clip(position, 0.0, last)[::-1]
    values = ndimage.map_coordinates(
        coefficients.astype(np.float64), kji, order=3, mode="mirror", prefilter=False
    )
    result: Floats = values.astype(np.float32)
    return result
