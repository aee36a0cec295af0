"""Displacement fields on a lattice: look-up, inverse, steepness, and the smooth field between fixed places.

A field is trilinear between its nodes and keeps its outermost value beyond them. Inside a cell its gradient is
a mean, with weights that add up to one, of the eight gradients that the cell's edges make at its corners. The
largest spectral norm over all corners is therefore the field's exact Lipschitz constant. Below one,
``x -> x + u(x)`` has exactly one inverse and the iteration ``y <- p - u(y)`` runs into it (Banach).
"""

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray
from scipy import ndimage

from isoguide.kernels.chunks import run_chunked

Floats = NDArray[np.float32]
Matrix = NDArray[np.float64]
Sizes = tuple[int, int, int]

CLOSE_ENOUGH_MM = 2e-5
"""A step of the inversion shorter than this ends it; the error left is at most ``L / (1 - L)`` times as large."""
MOST_STEPS = 600


@njit(nogil=True, cache=True, error_model="numpy", fastmath={"contract", "reassoc", "nsz"})
def _look_up(u: Floats, sizes: Sizes, m: Matrix, x: float, y: float, z: float) -> tuple[float, float, float]:
    """Return the displacement (3 numbers, mm) at a position in mm."""
    nk, nj, ni = sizes
    a = min(max(m[0, 0] * x + m[0, 1] * y + m[0, 2] * z + m[0, 3], 0.0), ni - 1.0)
    b = min(max(m[1, 0] * x + m[1, 1] * y + m[1, 2] * z + m[1, 3], 0.0), nj - 1.0)
    c = min(max(m[2, 0] * x + m[2, 1] * y + m[2, 2] * z + m[2, 3], 0.0), nk - 1.0)
    i, j, k = min(int(a), ni - 2), min(int(b), nj - 2), min(int(c), nk - 2)
    a -= i
    b -= j
    c -= k
    row = np.uint64(3 * ni)
    plane = np.uint64(3 * ni * nj)
    base = np.uint64(3 * ((k * nj + j) * ni + i))
    dx = dy = dz = 0.0
    for corner in range(4):
        at = base
        w = 1.0
        if corner & 1:
            at += row
            w *= b
        else:
            w *= 1.0 - b
        if corner & 2:
            at += plane
            w *= c
        else:
            w *= 1.0 - c
        w1 = w * a
        w0 = w - w1
        dx += w0 * u[at] + w1 * u[at + np.uint64(3)]
        dy += w0 * u[at + np.uint64(1)] + w1 * u[at + np.uint64(4)]
        dz += w0 * u[at + np.uint64(2)] + w1 * u[at + np.uint64(5)]
    return dx, dy, dz


@njit(nogil=True, cache=True, error_model="numpy", fastmath={"contract", "reassoc", "nsz"})
def _moved(u: Floats, sizes: Sizes, m: Matrix, points: Matrix, out: Matrix) -> None:
    for n in range(points.shape[0]):
        x, y, z = points[n, 0], points[n, 1], points[n, 2]
        dx, dy, dz = _look_up(u, sizes, m, x, y, z)
        out[n, 0], out[n, 1], out[n, 2] = x + dx, y + dy, z + dz


@njit(nogil=True, cache=True, error_model="numpy", fastmath={"contract", "reassoc", "nsz"})
def _displacement_into(
    u: Floats, sizes: Sizes, m: Matrix, x: float, y: float, z: float, start: tuple[float, float, float]
) -> tuple[float, float, float]:
    """Return the displacement that brought tissue to a position: d with ``d = u(position - d)``."""
    dx, dy, dz = start
    for _ in range(MOST_STEPS):
        ex, ey, ez = _look_up(u, sizes, m, x - dx, y - dy, z - dz)
        step = (ex - dx) ** 2 + (ey - dy) ** 2 + (ez - dz) ** 2
        dx, dy, dz = ex, ey, ez
        if step < CLOSE_ENOUGH_MM * CLOSE_ENOUGH_MM:
            break
    return dx, dy, dz


@njit(nogil=True, cache=True, error_model="numpy", fastmath={"contract", "reassoc", "nsz"})
def _origins(u: Floats, sizes: Sizes, m: Matrix, points: Matrix, out: Matrix) -> None:
    for n in range(points.shape[0]):
        x, y, z = points[n, 0], points[n, 1], points[n, 2]
        dx, dy, dz = _displacement_into(u, sizes, m, x, y, z, (0.0, 0.0, 0.0))
        out[n, 0], out[n, 1], out[n, 2] = x - dx, y - dy, z - dz


@njit(nogil=True, cache=True, error_model="numpy", fastmath={"contract", "reassoc", "nsz"})
def _shifts(
    u: Floats, sizes: Sizes, m: Matrix, xyz: Matrix, to_index: Matrix, out: Floats, first_k: int
) -> None:
    """Fill (3, k, j, i) with minus the displacement that brought tissue to each voxel, in voxels."""
    _, nk, nj, ni = out.shape
    for k in range(nk):
        for j in range(nj):
            x0 = xyz[0, 1] * j + xyz[0, 2] * (k + first_k) + xyz[0, 3]
            y0 = xyz[1, 1] * j + xyz[1, 2] * (k + first_k) + xyz[1, 3]
            z0 = xyz[2, 1] * j + xyz[2, 2] * (k + first_k) + xyz[2, 3]
            # The neighbour's answer is a good start: the field changes little from voxel to voxel.
            d = (0.0, 0.0, 0.0)
            for i in range(ni):
                d = _displacement_into(
                    u, sizes, m, x0 + i * xyz[0, 0], y0 + i * xyz[1, 0], z0 + i * xyz[2, 0], d
                )
                for axis in range(3):
                    moved = to_index[axis, 0] * d[0] + to_index[axis, 1] * d[1] + to_index[axis, 2] * d[2]
                    out[axis, k, j, i] = -moved


@njit(nogil=True, cache=True, error_model="numpy", fastmath={"contract", "reassoc", "nsz"})
def _largest_eigenvalue(p: float, q: float, r: float, a: float, b: float, c: float) -> float:
    """Of the symmetric matrix with the diagonal p, q, r and a (12), b (13), c (23) beside it (Smith 1961)."""
    mean = (p + q + r) / 3.0
    p, q, r = p - mean, q - mean, r - mean
    size = np.sqrt((p * p + q * q + r * r + 2.0 * (a * a + b * b + c * c)) / 6.0)
    if size < 1e-30:
        return mean
    determinant = p * (q * r - c * c) - a * (a * r - b * c) + b * (a * c - b * q)
    cosine = min(max(determinant / (2.0 * size * size * size), -1.0), 1.0)
    return mean + 2.0 * size * np.cos(np.arccos(cosine) / 3.0)


@njit(nogil=True, cache=True, error_model="numpy", fastmath={"contract", "reassoc", "nsz"})
def _edge(u: Floats, node: int, other: int, inverse: float) -> tuple[float, float, float]:
    return (
        (u[other] - u[node]) * inverse,
        (u[other + 1] - u[node + 1]) * inverse,
        (u[other + 2] - u[node + 2]) * inverse,
    )


@njit(nogil=True, cache=True, error_model="numpy", fastmath={"contract", "reassoc", "nsz"})
def _dot(a: tuple[float, float, float], b: tuple[float, float, float]) -> float:
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]


@njit(nogil=True, cache=True, error_model="numpy", fastmath={"contract", "reassoc", "nsz"})
def _steepest(u: Floats, sizes: Sizes, inverse: Matrix, first_k: int, stop_k: int) -> tuple[float, int]:
    """Largest squared spectral norm at the corners of cells in these slices, and the node it is at."""
    nk, nj, ni = sizes
    steps = (3, 3 * ni, 3 * ni * nj)
    best, place = 0.0, 0
    for k in range(first_k, stop_k):
        for j in range(nj):
            for i in range(ni):
                node = 3 * ((k * nj + j) * ni + i)
                for corner in range(8):
                    right, down, up = corner & 1, (corner >> 1) & 1, corner >> 2
                    i_on, j_on, k_on = i + 2 * right - 1, j + 2 * down - 1, k + 2 * up - 1
                    if min(i_on, j_on, k_on) < 0 or i_on >= ni or j_on >= nj or k_on >= nk:
                        continue
                    x = _edge(u, node, node + steps[0] * (2 * right - 1), inverse[0])
                    y = _edge(u, node, node + steps[1] * (2 * down - 1), inverse[1])
                    z = _edge(u, node, node + steps[2] * (2 * up - 1), inverse[2])
                    xx, yy, zz = _dot(x, x), _dot(y, y), _dot(z, z)
                    if xx + yy + zz > best:
                        # One-sided differences change sign with the side, and so do two of the products.
                        xy = _dot(x, y) * (2 * right - 1) * (2 * down - 1)
                        xz = _dot(x, z) * (2 * right - 1) * (2 * up - 1)
                        yz = _dot(y, z) * (2 * down - 1) * (2 * up - 1)
                        found = _largest_eigenvalue(xx, yy, zz, xy, xz, yz)
                        if found > best:
                            best, place = found, node // 3
    return best, place


def moved_points(vectors_mm: Floats, index_from_xyz: Matrix, points_mm: Matrix) -> Matrix:
    """Return where points go: ``x + u(x)``.

    Parameters
    ----------
    vectors_mm
        Displacements (k, j, i, 3) at the nodes, mm along x, y, z.
    index_from_xyz
        Matrix (3, 4) from a position in mm to the lattice's (i, j, k).
    points_mm
        Shape (n, 3), mm.
    """
    return _of_points(_moved, vectors_mm, index_from_xyz, points_mm)


def origins_of_points(vectors_mm: Floats, index_from_xyz: Matrix, points_mm: Matrix) -> Matrix:
    """Return where points came from: ``x`` with ``x + u(x) = point``; arguments as :func:`moved_points`.

    The Lipschitz constant of the field must be below one (:func:`steepest_gradient`).
    """
    return _of_points(_origins, vectors_mm, index_from_xyz, points_mm)


def _of_points(kernel: Any, vectors_mm: Floats, index_from_xyz: Matrix, points_mm: Matrix) -> Matrix:
    flat, m = vectors_mm.reshape(-1), np.ascontiguousarray(index_from_xyz, dtype=np.float64)
    points = np.ascontiguousarray(points_mm, dtype=np.float64)
    out = np.empty(points.shape, dtype=np.float64)
    sizes = vectors_mm.shape[:3]
    run_chunked(lambda a, b: kernel(flat, sizes, m, points[a:b], out[a:b]), len(points))
    return out


def moved_points_reference(vectors_mm: Floats, index_from_xyz: Matrix, points_mm: Matrix) -> Matrix:
    """Do the same as :func:`moved_points` through SciPy."""
    last = np.array(vectors_mm.shape[2::-1], dtype=np.float64) - 1.0
    ijk = np.clip(points_mm @ index_from_xyz[:, :3].T + index_from_xyz[:, 3], 0.0, last)
    kji = ijk[:, ::-1].T
    return points_mm + np.stack(
        [
            ndimage.map_coordinates(vectors_mm[..., n].astype(np.float64), kji, order=1, mode="nearest")
            for n in range(3)
        ],
        axis=-1,
    )


def origins_of_points_reference(vectors_mm: Floats, index_from_xyz: Matrix, points_mm: Matrix) -> Matrix:
    """Do the same as :func:`origins_of_points` by a fixed number of the same steps."""
    origin = np.array(points_mm, dtype=np.float64)
    for _ in range(200):
        origin = origin + points_mm - moved_points_reference(vectors_mm, index_from_xyz, origin)
    return origin


def pull_back_shifts(
    vectors_mm: Floats,
    index_from_xyz: Matrix,
    xyz_from_voxel: Matrix,
    to_image_index: Matrix,
    slices: tuple[int, int, int, int],
) -> Floats:
    """Return how many image voxels away the tissue seen at each voxel of another grid came from.

    Parameters
    ----------
    vectors_mm, index_from_xyz
        The field, as in :func:`moved_points`.
    xyz_from_voxel
        Matrix (3, 4) from the other grid's (i, j, k) to mm in the field's frame.
    to_image_index
        Matrix (3, 3) from mm to voxels of the image that is sampled.
    slices
        First slice, and how many slices, rows and columns of the other grid are wanted.

    Returns
    -------
    Floats
        Shape (3, k, j, i), as :func:`isoguide.kernels.bspline.sample_cubic` takes it.
    """
    first, nk, nj, ni = slices
    flat, m = vectors_mm.reshape(-1), np.ascontiguousarray(index_from_xyz, dtype=np.float64)
    xyz = np.ascontiguousarray(xyz_from_voxel, dtype=np.float64)
    to_index = np.ascontiguousarray(to_image_index, dtype=np.float64)
    out = np.empty((3, nk, nj, ni), dtype=np.float32)
    sizes = vectors_mm.shape[:3]
    run_chunked(lambda a, b: _shifts(flat, sizes, m, xyz, to_index, out[:, a:b], first + a), nk)
    return out


def steepest_gradient(vectors_mm: Floats, spacing_mm: Matrix) -> tuple[float, tuple[int, int, int]]:
    """Return the field's Lipschitz constant (mm per mm) and the node (i, j, k) where it is reached.

    Parameters
    ----------
    vectors_mm
        Displacements (k, j, i, 3) at the nodes, at least two along each axis.
    spacing_mm
        Distance of nodes along i, j, k, (3,).
    """
    sizes = vectors_mm.shape[:3]
    flat, inverse = vectors_mm.reshape(-1), 1.0 / np.asarray(spacing_mm, dtype=np.float64)
    found: dict[int, tuple[float, int]] = {}

    def search(start: int, stop: int) -> None:
        found[start] = _steepest(flat, sizes, inverse, start, stop)

    run_chunked(search, sizes[0])
    squared, node = max((found[start] for start in sorted(found)), key=lambda pair: pair[0])
    k, j, i = np.unravel_index(node, sizes)
    return float(np.sqrt(max(squared, 0.0))), (int(i), int(j), int(k))


def steepest_gradient_reference(vectors_mm: Floats, spacing_mm: Matrix) -> float:
    """Return the same Lipschitz constant as :func:`steepest_gradient` through NumPy's singular values."""
    u = vectors_mm.astype(np.float64)
    largest = 0.0
    dx, dy, dz = (np.diff(u, axis=2 - n) / spacing_mm[n] for n in range(3))
    for corner in range(8):
        a, b, c = (slice(0, -1) if corner >> n & 1 else slice(1, None) for n in range(3))
        columns = (dx[c, b, :], dy[c, :, a], dz[:, b, a])
        norms = np.linalg.norm(np.stack(columns, axis=-1), ord=2, axis=(-2, -1))
        largest = max(largest, float(norms.max()))
    return largest
