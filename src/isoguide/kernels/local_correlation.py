"""Local correlation of two images on a lattice of nodes, and the forces that a displacement feels from it.

Around every node the moving image is fitted as ``a F + b`` of the fixed image, so that neither grey scale
nor slow shading counts; what is left has the variance ``S``. The window of a node is a tent of one node's
width on the voxels, blurred over the nodes. Node ``n`` lies at voxel ``n * steps`` along each axis.

NaN marks voxels that do not count, in either image.
"""

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from isoguide.kernels.chunks import run_chunked

Floats = NDArray[np.float32]
Matrix = NDArray[np.float64]
Sizes = tuple[int, int, int]
FAST: set[str] = {"contract", "reassoc", "nsz"}
MOMENTS = 6
"""Weight, F, M, F², M², F·M."""
FORCES = 9
"""Force along x, y, z, then the Hessian's xx, yy, zz, xy, xz, yz."""


@njit(nogil=True, cache=True, error_model="numpy", fastmath=FAST)
def _node_row(nodes, k, j, steps, out):  # type: ignore[no-untyped-def]  # numba infers the types
    """Interpolate the values (k, j, i, channels) of nodes in voxel row (k, j): out (i, channels)."""
    nk, nj, ni, channels = nodes.shape
    k0, j0 = min(k // steps, nk - 2), min(j // steps, nj - 2)
    tk, tj = np.float32((k - k0 * steps) / steps), np.float32((j - j0 * steps) / steps)
    one = np.float32(1.0)
    a, b = (one - tk) * (one - tj), (one - tk) * tj
    c, d = tk * (one - tj), tk * tj
    for i in range(ni):
        for n in range(channels):
            out[i, n] = (
                a * nodes[k0, j0, i, n]
                + b * nodes[k0, j0 + 1, i, n]
                + c * nodes[k0 + 1, j0, i, n]
                + d * nodes[k0 + 1, j0 + 1, i, n]
            )


@njit(nogil=True, cache=True, error_model="numpy", fastmath=FAST)
def _trilinear(image, x, y, z):  # type: ignore[no-untyped-def]  # numba infers the types
    """Value at (i, j, k) = (x, y, z); NaN outside the image and beside a voxel that is NaN."""
    nk, nj, ni = image.shape
    if not (x >= 0.0 and y >= 0.0 and z >= 0.0 and x <= ni - 1 and y <= nj - 1 and z <= nk - 1):
        return np.float32(np.nan)
    i, j, k = min(int(x), ni - 2), min(int(y), nj - 2), min(int(z), nk - 2)
    a, b, c = np.float32(x - i), np.float32(y - j), np.float32(z - k)
    p = image[k, j, i] + a * (image[k, j, i + 1] - image[k, j, i])
    q = image[k, j + 1, i] + a * (image[k, j + 1, i + 1] - image[k, j + 1, i])
    r = image[k + 1, j, i] + a * (image[k + 1, j, i + 1] - image[k + 1, j, i])
    s = image[k + 1, j + 1, i] + a * (image[k + 1, j + 1, i + 1] - image[k + 1, j + 1, i])
    p, r = p + b * (q - p), r + b * (s - r)
    return p + c * (r - p)


@njit(nogil=True, cache=True, error_model="numpy", fastmath=FAST)
def _warp(images, matrix, nodes, steps, out, start, stop):  # type: ignore[no-untyped-def]  # numba infers the types
    fixed, moving = images
    _, nj, ni = fixed.shape
    row = np.empty((nodes.shape[2], 3), dtype=np.float32)
    m = matrix
    for k in range(start, stop):
        for j in range(nj):
            _node_row(nodes, k, j, steps, row)
            for i in range(ni):
                if np.isnan(fixed[k, j, i]):
                    out[k, j, i] = np.nan
                    continue
                i0 = min(i // steps, nodes.shape[2] - 2)
                t = np.float32(i - i0 * steps) / np.float32(steps)
                x = i + row[i0, 0] + t * (row[i0 + 1, 0] - row[i0, 0])
                y = j + row[i0, 1] + t * (row[i0 + 1, 1] - row[i0, 1])
                z = k + row[i0, 2] + t * (row[i0 + 1, 2] - row[i0, 2])
                out[k, j, i] = _trilinear(
                    moving,
                    m[0, 0] * x + m[0, 1] * y + m[0, 2] * z + m[0, 3],
                    m[1, 0] * x + m[1, 1] * y + m[1, 2] * z + m[1, 3],
                    m[2, 0] * x + m[2, 1] * y + m[2, 2] * z + m[2, 3],
                )


def warped(fixed: Floats, moving: Floats, matrix: Matrix, shift: Floats, steps: int) -> Floats:
    """Return the moving image where the fixed image's tissue is: ``M(x + u(x))``.

    Parameters
    ----------
    fixed
        ``[k, j, i]``; where it is NaN, nothing is looked up.
    moving
        ``[k, j, i]``, NaN where it shows nothing.
    matrix
        Shape (3, 4), from (i, j, k) of the fixed image to those of the moving image, without displacement.
    shift
        Displacement in voxels of the fixed image at the nodes ``[k, j, i, (i, j, k)]``.
    steps
        Voxels from node to node.
    """
    out = np.empty(fixed.shape, dtype=np.float32)
    m = np.ascontiguousarray(matrix, dtype=np.float64)
    run_chunked(lambda a, b: _warp((fixed, moving), m, shift, steps, out, a, b), fixed.shape[0])
    return out


@njit(nogil=True, cache=True, error_model="numpy", fastmath=FAST)
def _moments(fixed, moving, steps, out, start, stop):  # type: ignore[no-untyped-def]  # numba infers the types
    nk, nj, ni = fixed.shape
    for node_k in range(start, stop):
        for node_j in range(out.shape[2]):
            for node_i in range(out.shape[3]):
                w0 = sf = sm = sff = smm = sfm = np.float32(0.0)
                for k in range(max(node_k * steps - steps + 1, 0), min(node_k * steps + steps, nk)):
                    for j in range(max(node_j * steps - steps + 1, 0), min(node_j * steps + steps, nj)):
                        wkj = (steps - abs(k - node_k * steps)) * (steps - abs(j - node_j * steps))
                        for i in range(max(node_i * steps - steps + 1, 0), min(node_i * steps + steps, ni)):
                            m = moving[k, j, i]
                            if np.isnan(m):
                                continue
                            f = fixed[k, j, i]
                            w = np.float32(wkj * (steps - abs(i - node_i * steps)))
                            w0 += w
                            sf += w * f
                            sm += w * m
                            sff += w * f * f
                            smm += w * m * m
                            sfm += w * f * m
                out[0, node_k, node_j, node_i] = w0
                out[1, node_k, node_j, node_i] = sf
                out[2, node_k, node_j, node_i] = sm
                out[3, node_k, node_j, node_i] = sff
                out[4, node_k, node_j, node_i] = smm
                out[5, node_k, node_j, node_i] = sfm


def moments(fixed: Floats, moving: Floats, nodes: Sizes, steps: int) -> Floats:
    """Sum what correlations are made of over each node's tent.

    Parameters
    ----------
    fixed, moving
        ``[k, j, i]``; voxels whose moving value is NaN do not count.
    nodes
        Slices, rows and columns of the lattice.
    steps
        Voxels from node to node.

    Returns
    -------
    Floats
        Shape (6, k, j, i): weight (``steps**6`` where all voxels count), F, M, F², M², F·M.
    """
    out = np.empty((MOMENTS, *nodes), dtype=np.float32)
    run_chunked(lambda a, b: _moments(fixed, moving, steps, out, a, b), nodes[0])
    return out


@njit(nogil=True, cache=True, error_model="numpy", fastmath=FAST)
def _errors(images, fits, steps, error, weight, start, stop):  # type: ignore[no-untyped-def]  # numba infers the types
    fixed, moving = images
    _, nj, ni = fixed.shape
    row = np.empty((fits.shape[2], 3), dtype=np.float32)
    for k in range(start, stop):
        for j in range(nj):
            _node_row(fits, k, j, steps, row)
            for i in range(ni):
                m = moving[k, j, i]
                if np.isnan(m):
                    error[k, j, i] = weight[k, j, i] = np.float32(0.0)
                    continue
                i0 = min(i // steps, fits.shape[2] - 2)
                t = np.float32(i - i0 * steps) / np.float32(steps)
                a1 = row[i0, 0] + t * (row[i0 + 1, 0] - row[i0, 0])
                a2 = row[i0, 1] + t * (row[i0 + 1, 1] - row[i0, 1])
                a3 = row[i0, 2] + t * (row[i0 + 1, 2] - row[i0, 2])
                error[k, j, i] = a1 * m - a2 * fixed[k, j, i] - a3
                weight[k, j, i] = a2


@njit(nogil=True, cache=True, error_model="numpy", fastmath=FAST)
def _forces(error, weight, slope, steps, out, start, stop):  # type: ignore[no-untyped-def]  # numba infers the types
    nk, nj, ni = error.shape
    for node_k in range(start, stop):
        for node_j in range(out.shape[2]):
            for node_i in range(out.shape[3]):
                fx = fy = fz = xx = yy = zz = xy = xz = yz = np.float32(0.0)
                for k in range(max(node_k * steps - steps + 1, 0), min(node_k * steps + steps, nk)):
                    for j in range(max(node_j * steps - steps + 1, 0), min(node_j * steps + steps, nj)):
                        wkj = (steps - abs(k - node_k * steps)) * (steps - abs(j - node_j * steps))
                        for i in range(max(node_i * steps - steps + 1, 0), min(node_i * steps + steps, ni)):
                            w = np.float32(wkj * (steps - abs(i - node_i * steps)))
                            e, h = w * error[k, j, i], w * weight[k, j, i]
                            x, y, z = slope[k, j, i, 0], slope[k, j, i, 1], slope[k, j, i, 2]
                            fx -= e * x
                            fy -= e * y
                            fz -= e * z
                            xx += h * x * x
                            yy += h * y * y
                            zz += h * z * z
                            xy += h * x * y
                            xz += h * x * z
                            yz += h * y * z
                at = out[:, node_k, node_j, node_i]
                at[0], at[1], at[2] = fx, fy, fz
                at[3], at[4], at[5] = xx, yy, zz
                at[6], at[7], at[8] = xy, xz, yz


def forces(fixed: Floats, moving: Floats, fits: Floats, slope: Floats, steps: int) -> Floats:
    """Return what pulls at each node, and how stiffly (Gauss-Newton).

    Parameters
    ----------
    fixed, moving
        ``[k, j, i]``; voxels whose moving value is NaN do not count.
    fits
        At the nodes ``[k, j, i, 3]``: the voxel's error is ``fits[0] M - fits[1] F - fits[2]``, its weight
        ``fits[1]``, both interpolated between the nodes.
    slope
        Gradient of the fixed image ``[k, j, i, (x, y, z)]``.
    steps
        Voxels from node to node.

    Returns
    -------
    Floats
        Shape (9, k, j, i): minus the gradient along x, y, z; Hessian xx, yy, zz, xy, xz, yz.
    """
    error, weight = np.empty(fixed.shape, np.float32), np.empty(fixed.shape, np.float32)
    run_chunked(lambda a, b: _errors((fixed, moving), fits, steps, error, weight, a, b), fixed.shape[0])
    out = np.empty((FORCES, *fits.shape[:3]), dtype=np.float32)
    run_chunked(lambda a, b: _forces(error, weight, slope, steps, out, a, b), fits.shape[0])
    return out


def tents_reference(size: int, nodes: int, steps: int) -> Floats:
    """Matrix (nodes, size) of the tents of nodes along one axis, largest value ``steps``."""
    distance = np.abs(np.arange(size)[None] - steps * np.arange(nodes)[:, None])
    return np.maximum(steps - distance, 0).astype(np.float32)


def _reduced(values: NDArray[Any], nodes: Sizes, steps: int) -> Floats:
    for axis in range(3):
        tents = tents_reference(values.shape[axis], nodes[axis], steps)
        values = np.moveaxis(np.tensordot(tents, values, axes=(1, axis)), 0, axis)
    return values.astype(np.float32)


def _spread(values: Floats, sizes: Sizes, steps: int) -> Floats:
    for axis in range(3):
        tents = tents_reference(sizes[axis], values.shape[axis], steps) / np.float32(steps)
        values = np.moveaxis(np.tensordot(tents.T, values, axes=(1, axis)), 0, axis).astype(np.float32)
    return values


def moments_reference(fixed: Floats, moving: Floats, nodes: Sizes, steps: int) -> Floats:
    """Do the same as :func:`moments` by matrices."""
    counts = ~np.isnan(moving)
    f, m = np.where(counts, fixed, 0.0).astype(float), np.where(counts, moving, 0.0).astype(float)
    return np.stack([_reduced(v, nodes, steps) for v in (counts * 1.0, f, m, f * f, m * m, f * m)])


def forces_reference(fixed: Floats, moving: Floats, fits: Floats, slope: Floats, steps: int) -> Floats:
    """Do the same as :func:`forces` by matrices."""
    counts = ~np.isnan(moving)
    f, m = np.where(counts, fixed, 0.0), np.where(counts, moving, 0.0)
    a1, a2, a3 = (_spread(fits[..., n], fixed.shape, steps) for n in range(3))
    error, weight = counts * (a1 * m - a2 * f - a3), counts * a2
    x, y, z = (slope[..., n] for n in range(3))
    channels = [-error * x, -error * y, -error * z]
    channels += [weight * a * b for a, b in ((x, x), (y, y), (z, z), (x, y), (x, z), (y, z))]
    return np.stack([_reduced(c, fits.shape[:3], steps) for c in channels])


def warped_reference(fixed: Floats, moving: Floats, matrix: Matrix, shift: Floats, steps: int) -> Floats:
    """Do the same as :func:`warped` voxel by voxel with NumPy's indexing."""
    u = np.stack([_spread(shift[..., n], fixed.shape, steps) for n in range(3)], axis=-1)
    out = np.full(fixed.shape, np.nan, dtype=np.float32)
    last = np.array(moving.shape[::-1]) - 1
    for k, j, i in np.argwhere(~np.isnan(fixed)):
        place = matrix[:, :3] @ (np.array([i, j, k]) + u[k, j, i]) + matrix[:, 3]
        if (place < 0).any() or (place > last).any():
            continue
        low = np.minimum(place.astype(int), last - 1)
        a, b, c = place - low
        cube = moving[low[2] : low[2] + 2, low[1] : low[1] + 2, low[0] : low[0] + 2].astype(np.float64)
        out[k, j, i] = np.einsum("kji,k,j,i", cube, [1 - c, c], [1 - b, b], [1 - a, a])
    return out
