"""Pixels of tracked ultrasound images put into voxels, and holes between them filled.

Every pixel is given to the voxels around it with trilinear weights, or to the nearest one; a hole is bridged
along the shortest straight line between two voxels that were seen (O. Solberg et al., Freehand 3D ultrasound
reconstruction algorithms, Ultrasound in Medicine and Biology 33, 2007: pixel-based methods).
"""

from typing import Final, Literal

import numpy as np
from numba import njit
from numpy.typing import NDArray
from scipy import ndimage

from isoguide.kernels.chunks import run_chunked

Bytes = NDArray[np.uint8]
Bools = NDArray[np.bool_]
Float32 = NDArray[np.float32]
Float64 = NDArray[np.float64]

OUTSIDE: Final = 0
LIT: Final = 1
DARK: Final = 2
"""Labels of pixels: not in the fan, in it, in it behind bone or gas."""

_ABOVE_DARK: Final = 1024.0
"""Added to the score of lit pixels, so that any of them is preferred to any dark one."""

STICKS: Final = np.array(
    [
        [1, 0, 0], [0, 1, 0], [0, 0, 1],
        [1, 1, 0], [1, -1, 0], [1, 0, 1], [1, 0, -1], [0, 1, 1], [0, 1, -1],
        [1, 1, 1], [1, 1, -1], [1, -1, 1], [1, -1, -1],
    ]
)  # fmt: skip
"""The 13 directions (i, j, k) to neighbours, without their opposites."""


@njit(nogil=True, cache=True, error_model="numpy", inline="always")
def _columns(base, step, low, high, count):  # type: ignore[no-untyped-def]  # numba infers the types
    # Columns whose position along the axis that is shared out can touch voxels low..high-1, one more at each
    # end.
    below, above = low - 1.0, high + 0.0
    if abs(step) < 1e-12:
        return (0, count) if below <= base <= above else (0, 0)
    one, other = (below - base) / step, (above - base) / step
    first = max(int(np.floor(min(one, other))) - 1, 0)
    last = min(int(np.ceil(max(one, other))) + 2, count)
    return (first, last) if first < last else (0, 0)


@njit(nogil=True, cache=True, error_model="numpy", inline="always")
def _give(out, corner, rest, place, value, span):  # type: ignore[no-untyped-def]  # numba infers the types
    i, j, k = corner
    x, y, z = rest
    axis, low, high = span
    for dk in range(2):
        if axis == 2 and not low <= k + dk < high:
            continue
        wk = z if dk else 1.0 - z
        for dj in range(2):
            if axis == 1 and not low <= j + dj < high:
                continue
            wkj = wk * (y if dj else 1.0 - y)
            for di in range(2):
                if axis == 0 and not low <= i + di < high:
                    continue
                w = np.float32(wkj * (x if di else 1.0 - x))
                out[k + dk, j + dj, i + di, place] += w * value
                out[k + dk, j + dj, i + di, place + 1] += w


@njit(nogil=True, cache=True, error_model="numpy", inline="always")
def _fits(i, j, k, shape, margin):  # type: ignore[no-untyped-def]  # numba infers the types
    is_above = i >= 0 and j >= 0 and k >= 0
    return is_above and i + margin < shape[2] and j + margin < shape[1] and k + margin < shape[0]


@njit(nogil=True, cache=True, error_model="numpy")
def _splat(pixels, labels, m, out, span):  # type: ignore[no-untyped-def]  # numba infers the types
    axis, low, high = span
    rows, columns = pixels.shape
    for r in range(rows):
        bx = m[0, 1] * r + m[0, 2]
        by = m[1, 1] * r + m[1, 2]
        bz = m[2, 1] * r + m[2, 2]
        first, last = _columns((bx, by, bz)[axis], m[axis, 0], low, high, columns)
        for c in range(first, last):
            if labels[r, c] == 0:
                continue
            x, y, z = bx + m[0, 0] * c, by + m[1, 0] * c, bz + m[2, 0] * c
            i, j, k = int(np.floor(x)), int(np.floor(y)), int(np.floor(z))
            if _fits(i, j, k, out.shape, 1):
                place = 0 if labels[r, c] == 1 else 2
                _give(out, (i, j, k), (x - i, y - j, z - k), place, np.float32(pixels[r, c]), span)


@njit(nogil=True, cache=True, error_model="numpy")
def _insert(pixels, labels, m, score, value, by_value, span):  # type: ignore[no-untyped-def]  # numba infers the types
    axis, low, high = span
    rows, columns = pixels.shape
    for r in range(rows):
        bx = m[0, 1] * r + m[0, 2]
        by = m[1, 1] * r + m[1, 2]
        bz = m[2, 1] * r + m[2, 2]
        first, last = _columns((bx, by, bz)[axis], m[axis, 0], low, high, columns)
        for c in range(first, last):
            if labels[r, c] == 0:
                continue
            x, y, z = bx + m[0, 0] * c, by + m[1, 0] * c, bz + m[2, 0] * c
            i, j, k = int(np.floor(x + 0.5)), int(np.floor(y + 0.5)), int(np.floor(z + 0.5))
            if not _fits(i, j, k, score.shape, 0) or not low <= (i, j, k)[axis] < high:
                continue
            off = (x - i) ** 2 + (y - j) ** 2 + (z - k) ** 2
            lit = _ABOVE_DARK if labels[r, c] == 1 else 0.0
            this = np.float32(lit + (pixels[r, c] if by_value else -off))
            if this > score[k, j, i]:
                score[k, j, i] = this
                value[k, j, i] = pixels[r, c]


@njit(nogil=True, cache=True, error_model="numpy")
def _means(sums, least, values, seen, shadowed, start, stop):  # type: ignore[no-untyped-def]  # numba infers the types
    for k in range(start, stop):
        for j in range(seen.shape[1]):
            for i in range(seen.shape[2]):
                lit, dark = sums[k, j, i, 1], sums[k, j, i, 3]
                if lit + dark > least:
                    is_dark = dark > lit
                    mean = sums[k, j, i, 2] / dark if is_dark else sums[k, j, i, 0] / lit
                    values[k, j, i] = np.uint8(mean + np.float32(0.5))
                    seen[k, j, i] = True
                    shadowed[k, j, i] = is_dark


@njit(nogil=True, cache=True, error_model="numpy")
def _fill(given, near, sticks, reach, out, start, stop):  # type: ignore[no-untyped-def]  # numba infers the types
    seen, (blocks, size) = given[1], near
    for k in range(start, stop):
        for j in range(seen.shape[1]):
            for i in range(seen.shape[2]):
                if blocks[k // size, j // size, i // size] and not seen[k, j, i]:
                    _bridge(given, (k, j, i), sticks, reach, out)


@njit(nogil=True, cache=True, error_model="numpy")
def _bridge(given, at, sticks, reach, out):  # type: ignore[no-untyped-def]  # numba infers the types
    values, seen, shadowed = given
    k, j, i = at
    shortest = np.inf
    for n in range(sticks.shape[0]):
        length, most = sticks[n, 3], reach[n]
        di, dj, dk = int(sticks[n, 0]), int(sticks[n, 1]), int(sticks[n, 2])
        a = _distance(seen, at, (dk, dj, di), most - 1)
        if a == 0:
            continue
        b = _distance(seen, at, (-dk, -dj, -di), most - a)
        if b == 0 or (a + b) * length >= shortest:
            continue
        shortest = (a + b) * length
        one, other = (k + a * dk, j + a * dj, i + a * di), (k - b * dk, j - b * dj, i - b * di)
        mean = (b * np.float64(values[one]) + a * np.float64(values[other])) / (a + b)
        out[0][k, j, i] = np.uint8(mean + 0.5)
        out[1][k, j, i] = True
        out[2][k, j, i] = shadowed[one] or shadowed[other]


@njit(nogil=True, cache=True, error_model="numpy", inline="always")
def _distance(seen, at, step, most):  # type: ignore[no-untyped-def]  # numba infers the types
    # Steps to the nearest voxel that was seen in one direction; 0 where there is none within reach.
    for n in range(1, most + 1):
        k, j, i = at[0] + n * step[0], at[1] + n * step[1], at[2] + n * step[2]
        if not _fits(i, j, k, seen.shape, 0):
            return 0
        if seen[k, j, i]:
            return n
    return 0


def means(sums: Float32, least: float) -> tuple[Bytes, Bools, Bools]:
    """Turn the sums of :func:`splat` into a volume.

    Parameters
    ----------
    sums
        [k, j, i, 4].
    least
        Sum of weights from which on a voxel was seen.

    Returns
    -------
    tuple[Bytes, Bools, Bools]
        Values, seen, and shadowed: more of it by dark pixels than by lit ones. A voxel is the mean of those
        that are more.
    """
    shape = sums.shape[:3]
    values, seen = np.zeros(shape, dtype=np.uint8), np.zeros(shape, dtype=np.bool_)
    shadowed = np.zeros(shape, dtype=np.bool_)

    def piece(start: int, stop: int) -> None:
        _means(sums, np.float32(least), values, seen, shadowed, start, stop)

    run_chunked(piece, shape[0])
    return values, seen, shadowed


def means_reference(sums: Float32, least: float) -> tuple[Bytes, Bools, Bools]:
    """Plain NumPy statement of :func:`means`."""
    lit, dark = sums[..., 1], sums[..., 3]
    seen = lit + dark > np.float32(least)
    shadowed = seen & (dark > lit)
    total, weight = np.where(shadowed, sums[..., 2], sums[..., 0]), np.where(shadowed, dark, lit)
    values = np.zeros(seen.shape, dtype=np.uint8)
    values[seen] = (total[seen] / weight[seen] + np.float32(0.5)).astype(np.uint8)
    return values, seen, shadowed


def splat(pixels: Bytes, labels: Bytes, index_from_pixel: Float64, out: Float32) -> None:
    """Add an image to the sums of a volume with trilinear weights.

    Parameters
    ----------
    pixels, labels
        [row, column]; labels are OUTSIDE, LIT or DARK.
    index_from_pixel
        (3, 3) from (column, row, 1) to voxel (i, j, k).
    out
        [k, j, i, 4]: sum of weight × value and sum of weights of lit pixels, then both of dark ones; changed.
    """
    axis = _widest_axis(pixels, index_from_pixel)

    def piece(start: int, stop: int) -> None:
        _splat(pixels, labels, index_from_pixel, out, (axis, start, stop))

    # Each piece owns a range of voxels, not of pixels: sums have one order, whatever the number of cores.
    run_chunked(piece, out.shape[2 - axis])


def splat_reference(pixels: Bytes, labels: Bytes, index_from_pixel: Float64, out: Float32) -> None:
    """Plain NumPy statement of :func:`splat`."""
    at, value, label = _seen_pixels(pixels, labels, index_from_pixel)
    low = np.floor(at).astype(int)
    fits = ((low >= 0) & (low + 1 < np.array(out.shape[2::-1]))).all(axis=1)
    at, value, label, low = at[fits], value[fits], label[fits], low[fits]
    place = np.where(label == LIT, 0, 2)
    for corner in np.ndindex(2, 2, 2):
        weight = np.where(np.array(corner) == 1, at - low, 1.0 - (at - low)).prod(axis=1)
        i, j, k = (low + np.array(corner)).T
        np.add.at(out, (k, j, i, place), (weight * value).astype(np.float32))
        np.add.at(out, (k, j, i, place + 1), weight.astype(np.float32))


def insert(
    pixels: Bytes,
    labels: Bytes,
    index_from_pixel: Float64,
    score: Float32,
    value: Bytes,
    *,
    keep: Literal["brightest", "nearest"],
) -> None:
    """Give each pixel to the nearest voxel, which keeps its brightest pixel or the one nearest to its centre.

    Lit pixels go before dark ones. ``score`` [k, j, i] starts at minus infinity and is above 512 where a lit
    pixel was given, finite where any was; it and ``value`` [k, j, i] are changed. See :func:`splat` for the
    others.
    """
    axis, by_value = _widest_axis(pixels, index_from_pixel), keep == "brightest"

    def piece(start: int, stop: int) -> None:
        _insert(pixels, labels, index_from_pixel, score, value, by_value, (axis, start, stop))

    run_chunked(piece, score.shape[2 - axis])


def insert_reference(
    pixels: Bytes,
    labels: Bytes,
    index_from_pixel: Float64,
    score: Float32,
    value: Bytes,
    *,
    keep: Literal["brightest", "nearest"],
) -> None:
    """Plain NumPy statement of :func:`insert`."""
    at, brightness, label = _seen_pixels(pixels, labels, index_from_pixel)
    nearest = np.floor(at + 0.5).astype(int)
    this = brightness if keep == "brightest" else -((at - nearest) ** 2).sum(axis=1)
    this = (this + np.where(label == LIT, _ABOVE_DARK, 0.0)).astype(np.float32)
    for place, one, bright in zip(nearest, this, brightness, strict=True):
        i, j, k = place
        if (place >= 0).all() and (place < np.array(score.shape[::-1])).all() and one > score[k, j, i]:
            score[k, j, i], value[k, j, i] = one, bright


def fill_holes(
    values: Bytes, seen: Bools, shadowed: Bools, spacing_mm: Float64, fill_mm: float
) -> tuple[Bytes, Bools, Bools]:
    """Bridge holes along the shortest straight line between two voxels that were seen.

    Parameters
    ----------
    values, seen, shadowed
        The volume [k, j, i].
    spacing_mm
        Along i, j, k, (3,).
    fill_mm
        The longest distance between two voxels that is bridged.

    Returns
    -------
    tuple[Bytes, Bools, Bools]
        Values, seen, and shadowed: a bridge that rests on a shadow is one.
    """
    sticks, reach = _sticks(spacing_mm, fill_mm)
    out = (values.copy(), seen.copy(), shadowed.copy())
    near = _near(seen, max(int(reach.max()), 4))

    def piece(start: int, stop: int) -> None:
        _fill((values, seen, shadowed), near, sticks, reach, out, start, stop)

    run_chunked(piece, seen.shape[0])
    return out


def fill_holes_reference(
    values: Bytes, seen: Bools, shadowed: Bools, spacing_mm: Float64, fill_mm: float
) -> tuple[Bytes, Bools, Bools]:
    """Plain Python statement of :func:`fill_holes`."""
    sticks, reach = _sticks(spacing_mm, fill_mm)
    out = (values.copy(), seen.copy(), shadowed.copy())
    for hole in np.argwhere(~seen):
        found: list[tuple[float, int, list[int], NDArray[np.int64]]] = []
        for (di, dj, dk, length), most in zip(sticks, reach, strict=True):
            step = np.array([dk, dj, di], dtype=int)
            ends = [_nearest_seen(seen, hole, sign * step, int(most)) for sign in (1, -1)]
            if min(ends) > 0 and sum(ends) <= most:
                found.append((float(sum(ends) * length), len(found), ends, step))
        if found:
            _, _, (a, b), step = min(found, key=lambda one: one[:2])
            one, other = tuple(hole + a * step), tuple(hole - b * step)
            mean = (b * float(values[one]) + a * float(values[other])) / (a + b)
            out[0][tuple(hole)] = int(mean + 0.5)
            out[1][tuple(hole)] = True
            out[2][tuple(hole)] = shadowed[one] or shadowed[other]
    return out


def _nearest_seen(seen: Bools, start: NDArray[np.int64], step: NDArray[np.int64], most: int) -> int:
    for n in range(1, most + 1):
        at = start + n * step
        if (at < 0).any() or (at >= np.array(seen.shape)).any():
            return 0
        if seen[tuple(at)]:
            return n
    return 0


def _near(seen: Bools, size: int) -> tuple[Bools, int]:
    """Return which blocks of voxels (edge ``size``) have one that was seen in them or beside them."""
    padded = np.pad(seen, [(0, -n % size) for n in seen.shape])
    k, j, i = (n // size for n in padded.shape)
    blocks = np.asarray(padded.reshape(k, size, j, size, i, size).any(axis=(1, 3, 5)))
    return ndimage.binary_dilation(blocks, np.ones((3, 3, 3), dtype=bool)), size


def _sticks(spacing_mm: Float64, fill_mm: float) -> tuple[Float64, NDArray[np.int64]]:
    """Return directions with a step's length in mm (13, 4), and how many steps a bridge may have (13,)."""
    length_mm = np.linalg.norm(STICKS * spacing_mm, axis=1)
    reach = np.floor(fill_mm / length_mm + 1e-9).astype(np.int64)
    return np.column_stack([STICKS, length_mm]).astype(np.float64), reach


def _widest_axis(pixels: Bytes, index_from_pixel: Float64) -> int:
    rows, columns = pixels.shape
    extent = np.abs(index_from_pixel[:, 0]) * columns + np.abs(index_from_pixel[:, 1]) * rows
    return int(extent.argmax())


def _seen_pixels(pixels: Bytes, labels: Bytes, index_from_pixel: Float64) -> tuple[Float64, Float64, Bytes]:
    row, column = np.nonzero(labels != OUTSIDE)
    at = np.asarray(np.column_stack([column, row, np.ones(len(row))]) @ index_from_pixel.T, dtype=np.float64)
    return at, pixels[row, column].astype(np.float64), labels[row, column]
