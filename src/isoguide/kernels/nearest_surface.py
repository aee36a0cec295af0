"""Signed distance of points from a closed surface of triangles.

The nearest place is looked for on the triangles around the few corners that lie nearest (Ericson, Real-Time
Collision Detection, 2005, section 5.1.5, for one triangle). The sign is that of the normal there, blended
from the corners' normals, so that edges and corners have one side as well (Bærentzen and Aanæs, IEEE TVCG
11(3), 2005).
"""

from typing import Final

import numpy as np
from numba import njit
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from isoguide.kernels.chunks import run_chunked

Floats = NDArray[np.float64]
Indices = NDArray[np.int64]
Vector = tuple[float, float, float]

NEAR_CORNERS: Final = 3
"""Corners whose triangles are looked at: the nearest corner alone may belong to a neighbour of the nearest
triangle."""


@njit(nogil=True, cache=True, error_model="numpy")
def _at(values: Floats, n: int) -> Vector:
    return values[n, 0], values[n, 1], values[n, 2]


@njit(nogil=True, cache=True, error_model="numpy")
def _minus(a: Vector, b: Vector) -> Vector:
    return a[0] - b[0], a[1] - b[1], a[2] - b[2]


@njit(nogil=True, cache=True, error_model="numpy")
def _dot(a: Vector, b: Vector) -> float:
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]


@njit(nogil=True, cache=True, error_model="numpy")
def _blend(shares: Vector, a: Vector, b: Vector, c: Vector) -> Vector:
    u, v, w = shares
    return (
        u * a[0] + v * b[0] + w * c[0],
        u * a[1] + v * b[1] + w * c[1],
        u * a[2] + v * b[2] + w * c[2],
    )


@njit(nogil=True, cache=True, error_model="numpy")
def _shares(p: Vector, a: Vector, b: Vector, c: Vector) -> Vector:
    """Return the weights of a triangle's corners at the place nearest to ``p``."""
    ab, ac, ap = _minus(b, a), _minus(c, a), _minus(p, a)
    d1, d2 = _dot(ab, ap), _dot(ac, ap)
    if d1 <= 0.0 and d2 <= 0.0:
        return 1.0, 0.0, 0.0
    bp, cp = _minus(p, b), _minus(p, c)
    d3, d4 = _dot(ab, bp), _dot(ac, bp)
    if d3 >= 0.0 and d4 <= d3:
        return 0.0, 1.0, 0.0
    d5, d6 = _dot(ab, cp), _dot(ac, cp)
    if d6 >= 0.0 and d5 <= d6:
        return 0.0, 0.0, 1.0
    va, vb, vc = d3 * d6 - d5 * d4, d5 * d2 - d1 * d6, d1 * d4 - d3 * d2
    if vc <= 0.0 and d1 >= 0.0 and d3 <= 0.0:
        share = d1 / (d1 - d3)
        return 1.0 - share, share, 0.0
    if vb <= 0.0 and d2 >= 0.0 and d6 <= 0.0:
        share = d2 / (d2 - d6)
        return 1.0 - share, 0.0, share
    return _inner_shares(va, vb, vc, d4 - d3, d5 - d6)


@njit(nogil=True, cache=True, error_model="numpy")
def _inner_shares(va: float, vb: float, vc: float, from_b: float, from_c: float) -> Vector:
    """Return the weights where the nearest place lies on the edge b-c or inside the triangle."""
    if va <= 0.0 and from_b >= 0.0 and from_c >= 0.0:
        share = from_b / (from_b + from_c)
        return 0.0, 1.0 - share, share
    whole = va + vb + vc
    return va / whole, vb / whole, vc / whole


@njit(nogil=True, cache=True, error_model="numpy")
def _signed(
    points: Floats,
    nearest: Indices,
    corners: Floats,
    normals: Floats,
    fans: tuple[Indices, Indices, Indices],
    out: Floats,
) -> None:
    triangles, first, members = fans
    for n in range(points.shape[0]):
        p = _at(points, n)
        least, side = np.inf, 1.0
        for m in range(nearest.shape[1]):
            corner = nearest[n, m]
            for at in range(first[corner], first[corner + 1]):
                t = members[at]
                i, j, k = triangles[t, 0], triangles[t, 1], triangles[t, 2]
                a, b, c = _at(corners, i), _at(corners, j), _at(corners, k)
                shares = _shares(p, a, b, c)
                away = _minus(p, _blend(shares, a, b, c))
                square = _dot(away, away)
                if square < least:
                    least = square
                    normal = _blend(shares, _at(normals, i), _at(normals, j), _at(normals, k))
                    side = -1.0 if _dot(away, normal) < 0.0 else 1.0
        out[n] = side * np.sqrt(least)


def nearest_on_triangles(points: Floats, corners: Floats, triangles: Indices, normals: Floats) -> Floats:
    """Return the signed distance (n,) of points from a closed surface, negative inside.

    Parameters
    ----------
    points
        (n, 3).
    corners
        Of the triangles, (m, 3); those that no triangle has are passed over.
    triangles
        Three corners each, counter-clockwise seen from outside.
    normals
        Outward vectors of any length at the corners, (m, 3).
    """
    fan_sizes = np.bincount(triangles.ravel(), minlength=len(corners))
    used = np.flatnonzero(fan_sizes)
    count = min(NEAR_CORNERS, len(used))
    tree = cKDTree(corners[used], compact_nodes=False, balanced_tree=False)
    members = np.argsort(triangles.ravel(), kind="stable") // 3
    first = np.concatenate([[0], np.cumsum(fan_sizes)])
    lengths = np.maximum(np.linalg.norm(normals, axis=1), 1e-12)
    unit = np.ascontiguousarray(normals / lengths[:, None])
    points, corners = np.ascontiguousarray(points), np.ascontiguousarray(corners)
    fans = (np.ascontiguousarray(triangles), first.astype(np.int64), members.astype(np.int64))
    out = np.empty(len(points))

    def measure(start: int, stop: int) -> None:
        _, nearest = tree.query(points[start:stop], k=count)
        chosen = used[np.reshape(nearest, (stop - start, count))]
        _signed(points[start:stop], chosen, corners, unit, fans, out[start:stop])

    run_chunked(measure, len(points))
    return out


def nearest_on_triangles_reference(points: Floats, corners: Floats, triangles: Indices) -> Floats:
    """Return the distance without sign from all triangles.

    It is that from a triangle's plane where the foot lies inside, from its edges elsewhere.
    """
    best = np.full(len(points), np.inf)
    for t in triangles:
        a, b, c = corners[t]
        normal = np.cross(b - a, c - a)
        normal = normal / np.linalg.norm(normal)
        inside = np.ones(len(points), dtype=np.bool_)
        for start, end in ((a, b), (b, c), (c, a)):
            edge = end - start
            along = np.clip((points - start) @ edge / (edge @ edge), 0.0, 1.0)
            best = np.minimum(best, np.linalg.norm(points - start - along[:, None] * edge, axis=1))
            inside &= (points - start) @ np.cross(normal, edge) >= 0.0
        best = np.where(inside, np.minimum(best, np.abs((points - a) @ normal)), best)
    return best
