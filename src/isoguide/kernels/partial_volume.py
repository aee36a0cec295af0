"""Points all over the inside of drawn slabs, each with the exact volume that it stands for, and doses there.

Every slab is cut into layers, every layer by scan lines, and every stretch of a line inside the polygons
(even-odd rule) into pieces of at most one cell; each piece carries one point at a random place of it. Where
lines and points lie within their cells follows additive sequences of irrational steps (Weyl; Roberts 2018 for
pairs): they fill the cells evenly, are the same everywhere, and do not line up with a dose gradient, so that
a histogram has no steps of a whole row.
"""

from itertools import pairwise
from typing import Final

import numpy as np
from numba import njit
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Float32 = NDArray[np.float32]
Indices = NDArray[np.int64]

GOLDEN: Final = 0.6180339887498949
PAIR: Final = (0.7548776662466927, 0.5698402909980532)
"""Inverse powers of the plastic number."""


@njit(nogil=True, cache=True, error_model="numpy")
def _sort(values: Floats, start: int, stop: int) -> None:
    """Sort a range in place by insertion: a scan line has a handful of crossings."""
    for n in range(start + 1, stop):
        value = values[n]
        m = n
        while m > start and values[m - 1] > value:
            values[m] = values[m - 1]
            m -= 1
        values[m] = value


@njit(nogil=True, cache=True, error_model="numpy")
def _first_line(y: float, cell: float, shift: float) -> int:
    """Return the first scan line at or above ``y``; line n lies at (n + shift) cells."""
    return int(np.ceil(y / cell - shift))


@njit(nogil=True, cache=True, error_model="numpy")
def _crossings(edges: Floats, cell: float, shift: float) -> tuple[int, Indices, Floats]:
    """Return the lowest scan line, and the sorted crossings of each line with bounds of its bucket."""
    lowest = _first_line(min(edges[:, 1].min(), edges[:, 3].min()), cell, shift)
    highest = _first_line(max(edges[:, 1].max(), edges[:, 3].max()), cell, shift)
    lines = max(highest - lowest, 0)
    bounds = np.zeros(lines + 1, np.int64)
    for n in range(len(edges)):
        start = _first_line(min(edges[n, 1], edges[n, 3]), cell, shift) - lowest
        stop = _first_line(max(edges[n, 1], edges[n, 3]), cell, shift) - lowest
        for line in range(start, stop):
            bounds[line + 1] += 1
    for line in range(lines):
        bounds[line + 1] += bounds[line]
    free = bounds[:-1].copy()
    found = np.empty(bounds[lines], np.float64)
    for n in range(len(edges)):
        x0, y0, x1, y1 = edges[n, 0], edges[n, 1], edges[n, 2], edges[n, 3]
        if y0 > y1:
            # One direction for both banks of a keyhole channel: their crossings agree to the last bit.
            x0, y0, x1, y1 = x1, y1, x0, y0
        start, stop = _first_line(y0, cell, shift) - lowest, _first_line(y1, cell, shift) - lowest
        for line in range(start, stop):
            y = (lowest + line + shift) * cell
            found[free[line]] = x0 + (y - y0) * (x1 - x0) / (y1 - y0)
            free[line] += 1
    for line in range(lines):
        _sort(found, bounds[line], bounds[line + 1])
    return lowest, bounds, found


@njit(nogil=True, cache=True, error_model="numpy")
def _pieces(length: float, cell: float) -> int:
    """Return into how many pieces a stretch is cut: into none where it has no length."""
    return int(np.ceil(length / cell)) if length > 1e-9 * cell else 0


@njit(nogil=True, cache=True, error_model="numpy")
def _count(edges: Floats, cell: float, shift: float) -> int:
    _, bounds, found = _crossings(edges, cell, shift)
    count = 0
    for line in range(len(bounds) - 1):
        for n in range(bounds[line], bounds[line + 1] - 1, 2):
            count += _pieces(found[n + 1] - found[n], cell)
    return count


@njit(nogil=True, cache=True, error_model="numpy")
def _fill(
    edges: Floats, cell: float, shift: float, layer: tuple[float, float], points: Floats, volumes: Floats
) -> None:
    """Put points (n, 3) and volumes (n,) into one layer, from ``layer[0]`` to ``layer[1]``."""
    lowest, bounds, found = _crossings(edges, cell, shift)
    thickness = layer[1] - layer[0]
    at = 0
    for line in range(len(bounds) - 1):
        y = (lowest + line + shift) * cell
        for n in range(bounds[line], bounds[line + 1] - 1, 2):
            pieces = _pieces(found[n + 1] - found[n], cell)
            for piece in range(pieces):
                step = (found[n + 1] - found[n]) / pieces
                points[at, 0] = found[n] + step * (piece + (shift + at * PAIR[0]) % 1.0)
                points[at, 1] = y
                points[at, 2] = layer[0] + thickness * ((shift + at * PAIR[1]) % 1.0)
                volumes[at] = step * cell * thickness
                at += 1


def slab_points(
    edges: Floats, first: Indices, lower: Floats, upper: Floats, cell: float
) -> tuple[Floats, Floats]:
    """Return points inside slabs, and the volume of the piece that each stands for.

    Parameters
    ----------
    edges
        (n, 4): x0, y0, x1, y1 of the edges of all closed polygons, slab by slab.
    first
        Where each slab's edges begin, and the end, (slabs + 1,); every slab has some.
    lower, upper
        Borders of the slabs along z, (slabs,); one without thickness is passed over.
    cell
        Largest side of a piece.

    Returns
    -------
    tuple
        Points (m, 3) and volumes (m,).
    """
    edges = np.ascontiguousarray(edges, dtype=np.float64)
    rows = _rows(lower, upper, cell)
    shifts = [((n + 0.5) * GOLDEN) % 1.0 for n in range(len(rows))]
    here = [edges[first[slab] : first[slab + 1]] for slab, _, _ in rows]
    counts = [_count(part, cell, shift) for part, shift in zip(here, shifts, strict=True)]
    ends = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    points, volumes = np.empty((ends[-1], 3)), np.empty(ends[-1])
    for n, (_, low, high) in enumerate(rows):
        inside = slice(ends[n], ends[n + 1])
        _fill(here[n], cell, shifts[n], (low, high), points[inside], volumes[inside])
    return points, volumes


def _rows(lower: Floats, upper: Floats, cell: float) -> list[tuple[int, float, float]]:
    """Cut slabs into layers of at most one cell: slab, lower and upper border."""
    rows = []
    for slab, (low, high) in enumerate(zip(lower, upper, strict=True)):
        borders = np.linspace(low, high, int(np.ceil((high - low) / cell - 1e-9)) + 1)
        rows += [(slab, float(a), float(b)) for a, b in pairwise(borders) if b > a]
    return rows


def slab_volumes_reference(edges: Floats, first: Indices, lower: Floats, upper: Floats) -> Floats:
    """Return the volume of each slab (slabs,) whose polygons neither cross nor hold each other."""
    x0, y0, x1, y1 = np.asarray(edges, dtype=np.float64).T
    twice = np.add.reduceat(x0 * y1 - x1 * y0, first[:-1])
    return np.asarray(np.abs(twice) / 2.0 * (upper - lower))


@njit(nogil=True, cache=True, error_model="numpy")
def _below(index: float, last: int) -> int:
    """Return the lower of the two nodes around an index that lies within half a voxel of the grid."""
    return min(max(int(np.floor(index)), 0), max(last - 1, 0))


@njit(nogil=True, cache=True, error_model="numpy")
def _linear(values: Float32, i: float, j: float, k: float) -> float:
    last_k, last_j, last_i = values.shape[0] - 1, values.shape[1] - 1, values.shape[2] - 1
    at_i, at_j, at_k = _below(i, last_i), _below(j, last_j), _below(k, last_k)
    u, v, w = min(max(i - at_i, 0.0), 1.0), min(max(j - at_j, 0.0), 1.0), min(max(k - at_k, 0.0), 1.0)
    next_i, next_j, next_k = min(at_i + 1, last_i), min(at_j + 1, last_j), min(at_k + 1, last_k)
    total = 0.0
    for z, share_z in ((at_k, 1.0 - w), (next_k, w)):
        for y, share_y in ((at_j, 1.0 - v), (next_j, v)):
            row = (1.0 - u) * values[z, y, at_i] + u * values[z, y, next_i]
            total += share_z * share_y * row
    return total


@njit(nogil=True, cache=True, error_model="numpy")
def _sample(points: Floats, matrix: Floats, values: Float32, out: Float32) -> None:
    k_size, j_size, i_size = values.shape
    for n in range(len(points)):
        x, y, z = points[n, 0], points[n, 1], points[n, 2]
        i = matrix[0, 0] * x + matrix[0, 1] * y + matrix[0, 2] * z + matrix[0, 3]
        j = matrix[1, 0] * x + matrix[1, 1] * y + matrix[1, 2] * z + matrix[1, 3]
        k = matrix[2, 0] * x + matrix[2, 1] * y + matrix[2, 2] * z + matrix[2, 3]
        inside = -0.5 <= i <= i_size - 0.5 and -0.5 <= j <= j_size - 0.5 and -0.5 <= k <= k_size - 0.5
        out[n] = _linear(values, i, j, k) if inside else np.nan


def values_at(points: Floats, index_from_point: Floats, values: Float32) -> Float32:
    """Return values at points by trilinear interpolation.

    Parameters
    ----------
    points
        (n, 3).
    index_from_point
        Homogeneous 4×4 matrix from a point to (i, j, k).
    values
        Float32 ``[k, j, i]``.

    Returns
    -------
    Float32
        (n,): the outermost value within half a voxel beyond the outermost centres, NaN outside all voxels.
    """
    out = np.empty(len(points), np.float32)
    matrix = np.ascontiguousarray(index_from_point, dtype=np.float64)
    _sample(np.ascontiguousarray(points), matrix, values, out)
    return out


def values_at_reference(points: Floats, index_from_point: Floats, values: Float32) -> Float32:
    """Return what :func:`values_at` does, in plain NumPy."""
    index = points @ index_from_point[:3, :3].T + index_from_point[:3, 3]
    last = np.array(values.shape[::-1]) - 1.0
    inside = ((index >= -0.5) & (index <= last + 0.5)).all(axis=1)
    index = np.clip(index, 0.0, last)
    low = np.floor(index).astype(np.int64)
    share = index - low
    total = np.zeros(len(points))
    for corner in np.ndindex(2, 2, 2):
        weight = np.where(corner, share, 1.0 - share).prod(axis=1)
        i, j, k = np.minimum(low + corner, last.astype(np.int64)).T
        total += weight * values[k, j, i]
    return np.where(inside, total, np.nan).astype(np.float32)
