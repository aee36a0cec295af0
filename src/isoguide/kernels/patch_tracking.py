"""Patches of an image followed into another one: smoothing onto a lattice, correlation, small warps.

Images of two dimensions are volumes with one slice. Positions are counted in samples of the array at hand,
(column, row, slice) from 0; NaN marks samples that show nothing, and whatever touches one is left out.
"""

from collections.abc import Callable
from math import exp, floor, sqrt

import numpy as np
from numba import njit
from numpy.typing import NDArray

from isoguide.kernels.chunks import run_chunked

Bytes = NDArray[np.uint8]
Mask = NDArray[np.bool_]
Float32 = NDArray[np.float32]
Float64 = NDArray[np.float64]
FAST: set[str] = {"contract", "reassoc", "nsz"}
TAPS_SIGMAS = 2.0
"""Smoothing reaches so far."""
LEAST_SHARE = 0.5
"""Of the weights that have to be seen for a smoothed sample, and of the patch for a correlation."""
FLAT = 1e-9
WORTH_THREADS = 3_000_000
"""Products from which on threads save more than they cost."""


def _in_chunks(piece: Callable[[int, int], None], count: int, products: int) -> None:
    if products < WORTH_THREADS:
        piece(0, count)
    else:
        run_chunked(piece, count)


@njit(nogil=True, cache=True, error_model="numpy", fastmath=FAST)
def _taps(start, step, count, sigma, size, first, weights):  # type: ignore[no-untyped-def]  # numba infers the types
    # Where the taps of every sample along one axis begin, and their weights.
    taps = weights.shape[1]
    for n in range(count):
        at = start + n * step
        first[n] = floor(at) - (taps - 1) // 2 if taps > 1 else floor(at + 0.5)
        for t in range(taps):
            inside = 0 <= first[n] + t < size
            away = (first[n] + t - at) / sigma
            weights[n, t] = exp(-0.5 * away * away) if inside else 0.0


@njit(nogil=True, cache=True, error_model="numpy", fastmath=FAST)
def _along_last(values, first, weights, out, begin, end):  # type: ignore[no-untyped-def]  # numba infers the types
    last = values.shape[1] - 1
    for n in range(begin, end):
        for c in range(out.shape[1]):
            total = 0.0
            for t in range(weights.shape[1]):
                total += weights[c, t] * values[n, min(max(first[c] + t, 0), last)]
            out[n, c] = total


def lattice_window(
    image: Bytes, seen: Mask, start: Float64, step: Float64, shape: tuple[int, int, int], sigma: Float64
) -> Float32:
    """Smooth an image and sample it on a lattice.

    Parameters
    ----------
    image, seen
        Values uint8 [slice, row, column], and which of them say something.
    start, step
        First sample and distance of samples, (3,) columns, rows, slices.
    shape
        Of the result: slices, rows, columns.
    sigma
        Of the Gaussian, (3,); the axis of a single slice is not smoothed.

    Returns
    -------
    NDArray
        float32; NaN beyond the image and where less than half of the weights is seen.
    """
    axes = []
    box = []
    for axis in range(3):
        size, count = image.shape[2 - axis], shape[2 - axis]
        taps = 1 if size == 1 else 2 * int(np.ceil(TAPS_SIGMAS * sigma[axis]))
        first, weights = np.zeros(count, np.int64), np.zeros((count, taps))
        _taps(start[axis], step[axis], count, sigma[axis], size, first, weights)
        low = min(max(int(first[0]), 0), size - 1)
        high = min(max(int(first[-1]) + taps, low + 1), size)
        axes.append((first - low, weights))
        box.append(slice(low, high))
    there = seen[box[2], box[1], box[0]]
    both = np.stack([np.where(there, image[box[2], box[1], box[0]], 0), there]).astype(np.float32)
    whole = np.ones((1, 1, 1))
    for first, weights in axes:  # each puts its axis first of three: x, y, z end as slices, rows, columns
        both = np.moveaxis(_smoothed_last(both, first, weights), -1, 1)
        whole = np.multiply.outer(weights.sum(axis=1), whole)
    whole = whole.reshape(shape)
    known = both[1] > LEAST_SHARE * whole
    return np.where(known, both[0] / np.where(known, both[1], 1.0), np.nan).astype(np.float32)


def _smoothed_last(values: Float32, first: NDArray[np.int64], weights: Float64) -> Float32:
    flat = np.ascontiguousarray(values).reshape(-1, values.shape[-1])
    out = np.empty((len(flat), len(first)), dtype=np.float32)
    products = out.size * weights.shape[1]
    _in_chunks(lambda a, b: _along_last(flat, first, weights, out, a, b), len(flat), products)
    return out.reshape(*values.shape[:-1], len(first))


def lattice_window_reference(
    image: Bytes, seen: Mask, start: Float64, step: Float64, shape: tuple[int, int, int], sigma: Float64
) -> Float32:
    """Plain NumPy statement of :func:`lattice_window`."""
    factors = []
    for axis, (size, count) in enumerate(zip(image.shape[::-1], shape[::-1], strict=True)):
        at = start[axis] + step[axis] * np.arange(count)
        cells = np.arange(size)
        if size == 1:
            factors.append((np.floor(at + 0.5)[:, None] == cells).astype(np.float64))
            continue
        half = int(np.ceil(TAPS_SIGMAS * sigma[axis]))
        first = np.floor(at)[:, None] - (half - 1)
        near = (cells >= first) & (cells < first + 2 * half)
        factors.append(near * np.exp(-0.5 * ((cells - at[:, None]) / sigma[axis]) ** 2))
    x, y, z = factors
    total, weight, whole = (
        np.einsum("kc,jb,ia,cba->kji", z, y, x, values)
        for values in (np.where(seen, image, 0.0), seen.astype(np.float64), np.ones(image.shape))
    )
    known = weight > LEAST_SHARE * whole
    return np.where(known, total / np.where(known, weight, 1.0), np.nan).astype(np.float32)


@njit(nogil=True, cache=True, error_model="numpy", fastmath=FAST)
def _correlated(window, patch, z, y, x, least):  # type: ignore[no-untyped-def]  # numba infers the types
    count, si, st, sii, stt, sit = 0, 0.0, 0.0, 0.0, 0.0, 0.0
    for k in range(patch.shape[0]):
        for j in range(patch.shape[1]):
            for i in range(patch.shape[2]):
                t, v = patch[k, j, i], window[z + k, y + j, x + i]
                both = t * v
                if both == both:
                    count += 1
                    si += v
                    st += t
                    sii += v * v
                    stt += t * t
                    sit += both
    if count < least:
        return np.nan
    vi, vt = sii - si * si / count, stt - st * st / count
    if vi <= FLAT * sii or vt <= FLAT * stt:
        return 0.0
    return (sit - si * st / count) / sqrt(vi * vt)


@njit(nogil=True, cache=True, error_model="numpy", fastmath=FAST)
def _scan(window, patch, stride, least, out, begin, end):  # type: ignore[no-untyped-def]  # numba infers the types
    rows, columns = out.shape[1], out.shape[2]
    for n in range(begin, end):
        z, rest = n // (rows * columns), n % (rows * columns)
        y, x = rest // columns, rest % columns
        out[z, y, x] = _correlated(window, patch, z * stride, y * stride, x * stride, least)


def correlation_scan(window: Float32, patch: Float32, stride: int = 1) -> Float64:
    """Correlate a patch with every place of a window at which it fits.

    Parameters
    ----------
    window, patch
        Values [slice, row, column], NaN where nothing is seen. Their means should be near 0 for precision.
    stride
        Steps between places.

    Returns
    -------
    NDArray
        Correlation, -1 to 1, for each place of the patch's first sample; NaN where more than half of the
        patch is not seen, 0 where one of both is flat.
    """
    shape = tuple((w - p) // stride + 1 for w, p in zip(window.shape, patch.shape, strict=True))
    out = np.empty(shape)
    least = int(LEAST_SHARE * np.isfinite(patch).sum()) + 1
    _in_chunks(lambda a, b: _scan(window, patch, stride, least, out, a, b), out.size, out.size * patch.size)
    return out


def correlation_scan_reference(window: Float32, patch: Float32, stride: int = 1) -> Float64:
    """Plain NumPy statement of :func:`correlation_scan`."""
    shape = tuple((w - p) // stride + 1 for w, p in zip(window.shape, patch.shape, strict=True))
    out = np.empty(shape)
    least = int(LEAST_SHARE * np.isfinite(patch).sum()) + 1
    for at in np.ndindex(*shape):
        part = window[tuple(slice(n * stride, n * stride + p) for n, p in zip(at, patch.shape, strict=True))]
        known = np.isfinite(part) & np.isfinite(patch)
        if known.sum() < least:
            out[at] = np.nan
            continue
        a, b = part[known].astype(np.float64), patch[known].astype(np.float64)
        flat = a.var() * a.size <= FLAT * (a @ a) or b.var() * b.size <= FLAT * (b @ b)
        out[at] = 0.0 if flat else np.corrcoef(a, b)[0, 1]
    return out


@njit(nogil=True, cache=True, error_model="numpy", fastmath=FAST, inline="always")
def _value(window, x, y, z):  # type: ignore[no-untyped-def]  # numba infers the types
    # Linear between samples; NaN outside.
    slices, rows, columns = window.shape
    if not (0.0 <= x <= columns - 1 and 0.0 <= y <= rows - 1 and 0.0 <= z <= slices - 1):
        return np.nan
    i, j = min(int(x), columns - 2), min(int(y), rows - 2)
    fx, fy = x - i, y - j
    k = min(int(z), max(slices - 2, 0))
    near = (1.0 - fy) * ((1.0 - fx) * window[k, j, i] + fx * window[k, j, i + 1]) + fy * (
        (1.0 - fx) * window[k, j + 1, i] + fx * window[k, j + 1, i + 1]
    )
    if slices == 1:
        return near
    k += 1
    far = (1.0 - fy) * ((1.0 - fx) * window[k, j, i] + fx * window[k, j, i + 1]) + fy * (
        (1.0 - fx) * window[k, j + 1, i] + fx * window[k, j + 1, i + 1]
    )
    fz = z - (k - 1)
    return (1.0 - fz) * near + fz * far


@njit(nogil=True, cache=True, error_model="numpy", fastmath=FAST)
def _values_at(window, points, warp, out, begin, end):  # type: ignore[no-untyped-def]  # numba infers the types
    for n in range(begin, end):
        a, b, c = points[n, 0], points[n, 1], points[n, 2]
        x = warp[0, 0] * a + warp[0, 1] * b + warp[0, 2] * c + warp[0, 3]
        y = warp[1, 0] * a + warp[1, 1] * b + warp[1, 2] * c + warp[1, 3]
        z = warp[2, 0] * a + warp[2, 1] * b + warp[2, 2] * c + warp[2, 3]
        out[n] = _value(window, x, y, z)


@njit(nogil=True, cache=True, error_model="numpy", fastmath=FAST)
def _add_up(values, columns, gram, begin, end):  # type: ignore[no-untyped-def]  # numba infers the types
    # Sums of products of 1, the columns and the values, where there is a value.
    size = columns.shape[1]
    for n in range(begin, end):
        v = values[n]
        if v != v:
            continue
        for p in range(size):
            a = columns[n, p]
            for q in range(p + 1):
                gram[p, q] += a * columns[n, q]
            gram[size, p] += a * v
        gram[size, size] += v * v


def values_at(window: Float32, points: Float64, warp: Float64) -> Float32:
    """Return the values of a window at warped points, linear between samples; NaN where nothing is seen.

    Parameters
    ----------
    window
        Values [slice, row, column].
    points
        (n, 3) as (column, row, slice).
    warp
        (3, 4): points are multiplied by its first three columns, and the last is added.
    """
    out = np.empty(len(points), dtype=np.float32)
    _values_at(window, points, warp, out, 0, len(points))
    return out


def values_at_reference(window: Float32, points: Float64, warp: Float64) -> Float32:
    """Plain NumPy statement of :func:`values_at`."""
    at = points @ warp[:, :3].T + warp[:, 3]
    out = np.zeros(len(points))
    last = np.array(window.shape[::-1]) - 1
    low = np.clip(np.floor(at).astype(int), 0, np.maximum(last - 1, 0))
    share = at - low
    for corner in np.ndindex(2, 2, 2 if window.shape[0] > 1 else 1):
        where = low + corner
        weight = np.prod(np.where(np.array(corner) == 1, share, 1.0 - share), axis=1)
        inside = (where <= last).all(axis=1)
        index = np.minimum(where, last)
        out += np.where(inside, weight * window[index[:, 2], index[:, 1], index[:, 0]], np.nan)
    return np.where(((at >= 0.0) & (at <= last)).all(axis=1), out, np.nan).astype(np.float32)


def warped_sums(window: Float32, points: Float64, columns: Float32, warp: Float64) -> tuple[Float64, Float32]:
    """Add up what a fit of columns to a warped patch of the window needs.

    Parameters
    ----------
    window, points, warp
        As for :func:`values_at`.
    columns
        What is fitted, (n, p).

    Returns
    -------
    tuple[NDArray, NDArray]
        Sums of products of all columns and, last, the window's values, (p + 1, p + 1), over the points that
        have one; and these values (n,).
    """
    size, count = columns.shape[1], len(points)
    values = np.empty(count, dtype=np.float32)
    parts: dict[int, Float64] = {}

    def add(begin: int, end: int) -> None:
        part = np.zeros((size + 1, size + 1))
        _values_at(window, points, warp, values, begin, end)
        _add_up(values, columns, part, begin, end)
        parts[begin] = part

    _in_chunks(add, count, count * size * size)
    gram = np.sum([parts[begin] for begin in sorted(parts)], axis=0)
    return gram + np.tril(gram, -1).T, values


def warped_sums_reference(
    window: Float32, points: Float64, columns: Float32, warp: Float64
) -> tuple[Float64, Float32]:
    """Plain NumPy statement of :func:`warped_sums`."""
    values = values_at_reference(window, points, warp)
    known = np.isfinite(values)
    rows = np.column_stack([columns, values])[known].astype(np.float64)
    return rows.T @ rows, values
