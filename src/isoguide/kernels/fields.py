"""Displacement fields on a lattice: look-up, inverse, steepness, and the smooth field between fixed places.

A field is trilinear between its nodes and keeps its outermost value beyond them. Inside a cell its gradient
is a mean, with weights that add up to one, of the eight gradients that the cell's edges make at its corners.
The largest spectral norm over all corners is therefore the field's exact Lipschitz constant. Below one,
``x -> x + u(x)`` has exactly one inverse and the iteration ``y <- p - u(y)`` runs into it (Banach).
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray
from scipy import ndimage

from isoguide.kernels.chunks import run_chunked

Floats = NDArray[np.float32]
Matrix = NDArray[np.float64]
Sizes = tuple[int, int, int]

MOST_STEPS = 600
"""The inversion never needs as many: with a Lipschitz constant of 0.95 it gains a digit in 45 steps."""


@njit(nogil=True, cache=True, error_model="numpy", fastmath={"contract", "reassoc", "nsz"})
def _along(u: Floats, at: np.uint64, share: float) -> tuple[float, float, float]:
    """Interpolate between the node whose vector begins at an offset and its neighbour along i."""
    x, y, z = float(u[at]), float(u[at + np.uint64(1)]), float(u[at + np.uint64(2)])
    right = at + np.uint64(3)
    return (
        x + share * (u[right] - x),
        y + share * (u[right + np.uint64(1)] - y),
        z + share * (u[right + np.uint64(2)] - z),
    )


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
    at = np.uint64(3 * ((k * nj + j) * ni + i))
    row, plane = np.uint64(3 * ni), np.uint64(3 * ni * nj)
    dx, dy, dz = _along(u, at, a)
    ex, ey, ez = _along(u, at + row, a)
    fx, fy, fz = _along(u, at + plane, a)
    gx, gy, gz = _along(u, at + plane + row, a)
    dx, dy, dz = dx + b * (ex - dx), dy + b * (ey - dy), dz + b * (ez - dz)
    fx, fy, fz = fx + b * (gx - fx), fy + b * (gy - fy), fz + b * (gz - fz)
    dx, dy, dz = dx + c * (fx - dx), dy + c * (fy - dy), dz + c * (fz - dz)
    return dx, dy, dz


@njit(nogil=True, cache=True, error_model="numpy", fastmath={"contract", "reassoc", "nsz"})
def _moved(u: Floats, sizes: Sizes, m: Matrix, points: Matrix, out: Matrix) -> None:
    for n in range(points.shape[0]):
        x, y, z = points[n, 0], points[n, 1], points[n, 2]
        dx, dy, dz = _look_up(u, sizes, m, x, y, z)
        out[n, 0], out[n, 1], out[n, 2] = x + dx, y + dy, z + dz


@njit(nogil=True, cache=True, error_model="numpy", fastmath={"contract", "reassoc", "nsz"})
def _displacement_into(
    u: Floats,
    sizes: Sizes,
    m: Matrix,
    position: tuple[float, float, float],
    start: tuple[float, float, float],
    close: float,
) -> tuple[float, float, float]:
    """Return the displacement that brought tissue to a position: d with ``d = u(position - d)``.

    It stops after a step shorter than the root of ``close``.
    """
    x, y, z = position
    dx, dy, dz = start
    for _ in range(MOST_STEPS):
        ex, ey, ez = _look_up(u, sizes, m, x - dx, y - dy, z - dz)
        step = (ex - dx) ** 2 + (ey - dy) ** 2 + (ez - dz) ** 2
        dx, dy, dz = ex, ey, ez
        if step < close:
            break
    return dx, dy, dz


@njit(nogil=True, cache=True, error_model="numpy", fastmath={"contract", "reassoc", "nsz"})
def _origins(u: Floats, sizes: Sizes, m: Matrix, points: Matrix, out: Matrix, close: float) -> None:
    for n in range(points.shape[0]):
        x, y, z = points[n, 0], points[n, 1], points[n, 2]
        dx, dy, dz = _displacement_into(u, sizes, m, (x, y, z), (0.0, 0.0, 0.0), close)
        out[n, 0], out[n, 1], out[n, 2] = x - dx, y - dy, z - dz


@njit(nogil=True, cache=True, error_model="numpy", fastmath={"contract", "reassoc", "nsz"})
def _shifts(
    u: Floats, sizes: Sizes, maps: tuple[Matrix, Matrix, Matrix], out: Floats, k: int, close: float
) -> None:
    """Fill (3, j, i) of slice k with minus the displacement that brought tissue to each voxel, in voxels."""
    m, xyz, to_index = maps
    _, nj, ni = out.shape
    for j in range(nj):
        x0 = xyz[0, 1] * j + xyz[0, 2] * k + xyz[0, 3]
        y0 = xyz[1, 1] * j + xyz[1, 2] * k + xyz[1, 3]
        z0 = xyz[2, 1] * j + xyz[2, 2] * k + xyz[2, 3]
        # The field changes little from voxel to voxel: carry on as between the last two.
        ax = ay = az = bx = by = bz = 0.0
        for i in range(ni):
            position = (x0 + i * xyz[0, 0], y0 + i * xyz[1, 0], z0 + i * xyz[2, 0])
            start = (2.0 * bx - ax, 2.0 * by - ay, 2.0 * bz - az)
            ax, ay, az = bx, by, bz
            bx, by, bz = _displacement_into(u, sizes, m, position, start, close)
            for axis in range(3):
                moved = to_index[axis, 0] * bx + to_index[axis, 1] * by + to_index[axis, 2] * bz
                out[axis, j, i] = -moved


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
                    # One-sided differences change sign with the side, and so do two of the products.
                    xx, yy, zz = _dot(x, x), _dot(y, y), _dot(z, z)
                    xy = _dot(x, y) * (2 * right - 1) * (2 * down - 1)
                    xz = _dot(x, z) * (2 * right - 1) * (2 * up - 1)
                    yz = _dot(y, z) * (2 * down - 1) * (2 * up - 1)
                    # No eigenvalue is larger than the largest sum of a row (Gershgorin).
                    most = max(xx + abs(xy) + abs(xz), yy + abs(xy) + abs(yz), zz + abs(xz) + abs(yz))
                    if most > best * 1.000001:
                        found = _largest_eigenvalue(xx, yy, zz, xy, xz, yz)
                        if found > best:
                            best, place = found, node // 3
    return best, place


@njit(nogil=True, cache=True, error_model="numpy", fastmath={"contract", "reassoc", "nsz"})
def _relax_row(
    u: Floats, pull: Floats, goal: Floats, sizes: Sizes, weight: Floats, place: tuple[int, int, bool]
) -> None:
    """Put every node of row (k, j) at its neighbours' weighted mean, pulled towards the goal."""
    nk, nj, ni = sizes
    k, j, back = place
    row, plane = 3 * ni, 3 * ni * nj
    # A neighbour that is not there counts nothing; the node itself is read in its place.
    down, up = (plane if k > 0 else 0), (plane if k < nk - 1 else 0)
    before, after = (row if j > 0 else 0), (row if j < nj - 1 else 0)
    wd, wu = (weight[2] if down else 0.0), (weight[2] if up else 0.0)
    wb, wa = (weight[1] if before else 0.0), (weight[1] if after else 0.0)
    for step in range(ni):
        i = ni - 1 - step if back else step
        n = (k * nj + j) * ni + i
        at = 3 * n
        left, right = (3 if i > 0 else 0), (3 if i < ni - 1 else 0)
        wl, wr = (weight[0] if left else 0.0), (weight[0] if right else 0.0)
        p = pull[n]
        share = 1.0 / (p + wl + wr + wb + wa + wd + wu)
        for axis in range(3):
            c = at + axis
            sides = wl * u[c - left] + wr * u[c + right] + wb * u[c - before] + wa * u[c + after]
            u[c] = share * (p * goal[c] + sides + wd * u[c - down] + wu * u[c + up])


@njit(nogil=True, cache=True, error_model="numpy", fastmath={"contract", "reassoc", "nsz"})
def _relax(u: Floats, pull: Floats, goal: Floats, sizes: Sizes, weight: Floats, sweeps: int) -> None:
    """Sweep over all nodes, there and back, that many times (Gauss-Seidel)."""
    nk, nj, _ = sizes
    for _ in range(sweeps):
        for line in range(nk * nj):
            _relax_row(u, pull, goal, sizes, weight, (line // nj, line % nj, False))
        for line in range(nk * nj - 1, -1, -1):
            _relax_row(u, pull, goal, sizes, weight, (line // nj, line % nj, True))


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
    flat, m = vectors_mm.reshape(-1), np.ascontiguousarray(index_from_xyz, dtype=np.float64)
    points = np.ascontiguousarray(points_mm, dtype=np.float64)
    out = np.empty(points.shape, dtype=np.float64)
    sizes = vectors_mm.shape[:3]
    run_chunked(lambda a, b: _moved(flat, sizes, m, points[a:b], out[a:b]), len(points))
    return out


def origins_of_points(
    vectors_mm: Floats, index_from_xyz: Matrix, points_mm: Matrix, steepest: float, accuracy_mm: float
) -> Matrix:
    """Return where points came from: ``x`` with ``x + u(x) = point``.

    Parameters
    ----------
    vectors_mm, index_from_xyz, points_mm
        As in :func:`moved_points`.
    steepest
        The field's Lipschitz constant (:func:`steepest_gradient`), below one.
    accuracy_mm
        The answer is at most this far from the right one.
    """
    flat, m = vectors_mm.reshape(-1), np.ascontiguousarray(index_from_xyz, dtype=np.float64)
    points = np.ascontiguousarray(points_mm, dtype=np.float64)
    out = np.empty(points.shape, dtype=np.float64)
    sizes, close = vectors_mm.shape[:3], _short_step(steepest, accuracy_mm) ** 2
    run_chunked(lambda a, b: _origins(flat, sizes, m, points[a:b], out[a:b], close), len(points))
    return out


def _short_step(steepest: float, accuracy_mm: float) -> float:
    """After a step of this length a contraction by ``steepest`` is within the accuracy of its fixed point."""
    return accuracy_mm * (1.0 - steepest) / max(steepest, 0.1)


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
    sizes: tuple[int, int, int],
    accuracy: tuple[float, float],
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
    sizes
        Slices, rows and columns of the other grid.
    accuracy
        The field's Lipschitz constant, and how many mm the answer may be off.

    Returns
    -------
    Floats
        Shape (3, k, j, i), as :func:`isoguide.kernels.bspline.sample_cubic` takes it.
    """
    flat, m = vectors_mm.reshape(-1), np.ascontiguousarray(index_from_xyz, dtype=np.float64)
    xyz = np.ascontiguousarray(xyz_from_voxel, dtype=np.float64)
    to_index = np.ascontiguousarray(to_image_index, dtype=np.float64)
    maps = (m, xyz, to_index)
    out = np.empty((3, *sizes), dtype=np.float32)
    lattice, close = vectors_mm.shape[:3], _short_step(*accuracy) ** 2

    def fill(start: int, stop: int) -> None:
        for k in range(start, stop):
            _shifts(flat, lattice, maps, out[:, k], k, close)

    run_chunked(fill, sizes[0])
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


@njit(nogil=True, cache=True, error_model="numpy", fastmath={"contract", "reassoc", "nsz"})
def _determinants(
    u: Floats, sizes: Sizes, inverse: Matrix, direction: Matrix, out: Floats, span: tuple[int, int]
) -> None:
    """Fill ``out`` with the smallest determinant of the gradient of x + u(x) around each node."""
    nk, nj, ni = sizes
    steps = (3, 3 * ni, 3 * ni * nj)
    d = direction
    sign = d[0, 0] * (d[1, 1] * d[2, 2] - d[1, 2] * d[2, 1])
    sign += d[0, 1] * (d[1, 2] * d[2, 0] - d[1, 0] * d[2, 2])
    sign += d[0, 2] * (d[1, 0] * d[2, 1] - d[1, 1] * d[2, 0])
    for k in range(span[0], span[1]):
        for j in range(nj):
            for i in range(ni):
                node = 3 * ((k * nj + j) * ni + i)
                least = np.inf
                for corner in range(8):
                    right, down, up = 2 * (corner & 1) - 1, 2 * ((corner >> 1) & 1) - 1, 2 * (corner >> 2) - 1
                    if min(i + right, j + down, k + up) < 0:
                        continue
                    if i + right >= ni or j + down >= nj or k + up >= nk:
                        continue
                    a = _edge(u, node, node + steps[0] * right, inverse[0] * right)
                    b = _edge(u, node, node + steps[1] * down, inverse[1] * down)
                    c = _edge(u, node, node + steps[2] * up, inverse[2] * up)
                    ax, ay, az = a[0] + d[0, 0], a[1] + d[1, 0], a[2] + d[2, 0]
                    bx, by, bz = b[0] + d[0, 1], b[1] + d[1, 1], b[2] + d[2, 1]
                    cx, cy, cz = c[0] + d[0, 2], c[1] + d[1, 2], c[2] + d[2, 2]
                    found = ax * (by * cz - bz * cy) - ay * (bx * cz - bz * cx) + az * (bx * cy - by * cx)
                    least = min(least, found * sign)
                out[k, j, i] = least


def least_determinants(vectors_mm: Floats, spacing_mm: Matrix, direction: Matrix) -> Floats:
    """Return the smallest Jacobian determinant of ``x -> x + u(x)`` at the corners of cells around each node.

    Parameters
    ----------
    vectors_mm
        Displacements (k, j, i, 3) at the nodes, at least two along each axis.
    spacing_mm
        Distance of nodes along i, j, k, (3,).
    direction
        Unit vectors along i, j, k as columns (3, 3).

    Returns
    -------
    Floats
        ``[k, j, i]``: 1 keeps its volume, 0 or less folds.
    """
    sizes = vectors_mm.shape[:3]
    flat, inverse = vectors_mm.reshape(-1), 1.0 / np.asarray(spacing_mm, dtype=np.float64)
    axes = np.ascontiguousarray(direction, dtype=np.float64)
    out = np.empty(sizes, dtype=np.float32)
    run_chunked(lambda a, b: _determinants(flat, sizes, inverse, axes, out, (a, b)), sizes[0])
    return out


def least_determinants_reference(vectors_mm: Floats, spacing_mm: Matrix, direction: Matrix) -> Floats:
    """Do the same as :func:`least_determinants` through NumPy's determinants of single corners."""
    u = vectors_mm.astype(np.float64)
    out = np.full(u.shape[:3], np.inf)
    for node in np.ndindex(*u.shape[:3]):
        for corner in np.ndindex(2, 2, 2):
            columns = []
            for axis in range(3):
                other = list(node)
                side = 2 * corner[axis] - 1
                other[2 - axis] += side
                if not 0 <= other[2 - axis] < u.shape[2 - axis]:
                    break
                columns.append(direction[:, axis] + side * (u[tuple(other)] - u[node]) / spacing_mm[axis])
            if len(columns) == 3:
                determinant = np.linalg.det(np.stack(columns, axis=-1)) * np.linalg.det(direction)
                out[node] = min(out[node], determinant)
    return out.astype(np.float32)


SWEEPS, COARSEST_SWEEPS = 6, 60
"""Pairs of sweeps on each lattice and on the coarsest: fields need to be smooth, not converged."""


def blended_field(goal_mm: Floats, pull: Floats, spacing_mm: Matrix) -> Floats:
    """Return the field that follows a goal where it is pulled and stretches in between like a membrane.

    It minimises the integral of ``|grad u|² + pull |u - goal|²``, from coarse lattices to fine ones; nothing
    holds it at the faces of the lattice.

    Parameters
    ----------
    goal_mm
        Displacement wanted (k, j, i, 3).
    pull
        How strongly (k, j, i), 1/mm²: tissue follows a goal within ``1 / sqrt(pull)`` mm; 0 is free.
    spacing_mm
        Distance of nodes along i, j, k, (3,).
    """
    sizes = pull.shape
    if min(sizes) <= 8:
        return _relaxed(np.zeros(goal_mm.shape, dtype=np.float32), goal_mm, pull, spacing_mm, COARSEST_SWEEPS)
    coarse_pull = _halved(pull)
    coarse_goal = np.stack([_halved(pull * goal_mm[..., n]) for n in range(3)], axis=-1)
    coarse_goal /= np.maximum(coarse_pull, np.float32(1e-12))[..., None]
    start = blended_field(coarse_goal, coarse_pull, 2.0 * np.asarray(spacing_mm))
    for axis, size in enumerate(sizes):
        start = _doubled(start, axis, size)
    return _relaxed(np.ascontiguousarray(start), goal_mm, pull, spacing_mm, SWEEPS)


def _relaxed(start: Floats, goal_mm: Floats, pull: Floats, spacing_mm: Matrix, sweeps: int) -> Floats:
    weight = (1.0 / np.square(spacing_mm)).astype(np.float32)
    flat_goal, flat_pull = np.ascontiguousarray(goal_mm).reshape(-1), np.ascontiguousarray(pull).reshape(-1)
    _relax(start.reshape(-1), flat_pull, flat_goal, pull.shape, weight, sweeps)
    return start


def _halved(values: Floats) -> Floats:
    """Every second value along each axis of the smoothed array."""
    for axis in range(3):
        values = ndimage.convolve1d(values, [0.25, 0.5, 0.25], axis=axis, mode="nearest")
        values = values.take(np.arange(0, values.shape[axis], 2), axis=axis)
    return np.ascontiguousarray(values)


def _doubled(values: Floats, axis: int, size: int) -> Floats:
    """Linear interpolation along an axis from every second place to ``size`` places."""
    position = np.minimum(np.arange(size) / 2.0, values.shape[axis] - 1.0)
    below = position.astype(np.intp)
    above = np.minimum(below + 1, values.shape[axis] - 1)
    share = (
        (position - below).astype(np.float32).reshape([-1 if n == axis else 1 for n in range(values.ndim)])
    )
    result: Floats = values.take(below, axis=axis) * (1 - share) + values.take(above, axis=axis) * share
    return result


def relaxed_reference(
    start: Floats, goal_mm: Floats, pull: Floats, spacing_mm: Matrix, sweeps: int
) -> Floats:
    """Do the same pairs of sweeps as the kernel, node by node."""
    u = start.astype(np.float64)
    nodes = list(np.ndindex(pull.shape))
    for sweep in range(2 * sweeps):
        for node in nodes if sweep % 2 == 0 else nodes[::-1]:
            total, weight = pull[node] * goal_mm[node].astype(np.float64), float(pull[node])
            for axis in range(3):
                for side in (-1, 1):
                    other = tuple(n + side * (a == axis) for a, n in enumerate(node))
                    if 0 <= other[axis] < pull.shape[axis]:
                        w = 1.0 / spacing_mm[2 - axis] ** 2
                        total, weight = total + w * u[other], weight + w
            u[node] = total / weight
    result: Floats = u.astype(np.float32)
    return result
