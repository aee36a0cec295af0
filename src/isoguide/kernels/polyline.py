"""Polygons with fewer vertices: those that the line passes closely anyway are left out."""

import numpy as np
from numba import njit
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]


@njit(nogil=True, cache=True, error_model="numpy")
def _keep(points: Floats, tolerance: float, kept: Flags) -> None:
    """Mark what the open line from the first point to the last needs (Douglas and Peucker 1973)."""
    stack = np.empty((points.shape[0] + 1, 2), dtype=np.int64)
    stack[0, 0], stack[0, 1] = 0, points.shape[0] - 1
    depth = 1
    while depth > 0:
        depth -= 1
        first, last = stack[depth, 0], stack[depth, 1]
        ax, ay = points[first, 0], points[first, 1]
        dx, dy = points[last, 0] - ax, points[last, 1] - ay
        length_square = dx * dx + dy * dy
        farthest, place = tolerance * tolerance, -1
        for n in range(first + 1, last):
            x, y = points[n, 0] - ax, points[n, 1] - ay
            along = 0.0
            if length_square > 0.0:
                along = min(max((x * dx + y * dy) / length_square, 0.0), 1.0)
            square = (x - along * dx) ** 2 + (y - along * dy) ** 2
            if square > farthest:
                farthest, place = square, n
        if place >= 0:
            kept[place] = True
            stack[depth, 0], stack[depth, 1] = first, place
            stack[depth + 1, 0], stack[depth + 1, 1] = place, last
            depth += 2


def simplified_ring(ring: Floats, tolerance: float) -> Floats:
    """Return a closed polygon (n, 2) without the vertices that lie within the tolerance of what is left.

    It is cut at the vertex farthest from the first, and each half is simplified.
    """
    if len(ring) < 4:
        return ring
    far = int(np.argmax(((ring - ring[0]) ** 2).sum(axis=1)))
    closed = np.ascontiguousarray(np.concatenate([ring, ring[:1]]))
    kept = np.zeros(len(closed), dtype=np.bool_)
    kept[[0, far]] = True
    _keep(closed[: far + 1], tolerance, kept[: far + 1])
    _keep(closed[far:], tolerance, kept[far:])
    return closed[:-1][kept[:-1]]


def simplified_ring_reference(ring: Floats, tolerance: float) -> Floats:
    """Return what :func:`simplified_ring` does, by recursion in plain NumPy."""

    def between(line: Floats) -> list[Floats]:
        start, step = line[0], line[-1] - line[0]
        along = (line - start) @ step / max(float(step @ step), 1e-300)
        away = np.linalg.norm(line - start - np.clip(along, 0.0, 1.0)[:, None] * step, axis=1)
        away[[0, -1]] = 0.0
        place = int(np.argmax(away))
        if away[place] <= tolerance:
            return [line[0]]
        return between(line[: place + 1]) + between(line[place:])

    far = int(np.argmax(((ring - ring[0]) ** 2).sum(axis=1)))
    closed = np.concatenate([ring, ring[:1]])
    return np.array(between(closed[: far + 1]) + between(closed[far:]))
