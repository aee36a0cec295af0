"""Radiological depth along the rays of a fan: how much water the way from the source is worth.

A fan has rays through a lattice of points of the plane through the isocentre, and planes across the beam's
axis. The density is sampled half-way between two planes, trilinearly; outside the volume there is nothing.
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray
from scipy import ndimage

from isoguide.kernels.chunks import run_chunked

Float32 = NDArray[np.float32]
Float64 = NDArray[np.float64]
FAST: set[str] = {"contract", "reassoc", "nsz"}


@njit(nogil=True, cache=True, error_model="numpy", fastmath=FAST)
def _march(density, sizes, affine, lattice, planes, out):  # type: ignore[no-untyped-def]  # numba infers the types
    nk, nj, ni = sizes
    row, slab = np.uint32(ni), np.uint32(ni * nj)
    u_first, u_step, v_first, v_step, far = lattice
    s_first, s_step = planes
    half = s_first + 0.5 * s_step
    last_i, last_j, last_k = np.float32(ni - 1), np.float32(nj - 1), np.float32(nk - 1)
    for iv in range(out.shape[0]):
        y = (v_first + iv * v_step) / far
        for iu in range(out.shape[1]):
            x = (u_first + iu * u_step) / far
            # In index coordinates a ray starts at the source and runs along one direction: x, y, -1 per mm.
            di = affine[0, 0] * x + affine[0, 1] * y - affine[0, 2]
            dj = affine[1, 0] * x + affine[1, 1] * y - affine[1, 2]
            dk = affine[2, 0] * x + affine[2, 1] * y - affine[2, 2]
            i0 = np.float32(affine[0, 3] + half * di)
            j0 = np.float32(affine[1, 3] + half * dj)
            k0 = np.float32(affine[2, 3] + half * dk)
            ii, jj, kk = np.float32(di * s_step), np.float32(dj * s_step), np.float32(dk * s_step)
            length = np.float32(s_step * np.sqrt(1.0 + x * x + y * y))
            ray = out[iv, iu]
            total = np.float32(0.0)
            ray[0] = total
            for n in range(ray.size - 1):
                step = np.float32(np.int32(n))
                i, j, k = i0 + step * ii, j0 + step * jj, k0 + step * kk
                if i >= 0.0 and j >= 0.0 and k >= 0.0 and i < last_i and j < last_j and k < last_k:
                    a, b, c = np.uint32(i), np.uint32(j), np.uint32(k)
                    u, v, w = i - np.float32(a), j - np.float32(b), k - np.float32(c)
                    o = c * slab + b * row + a
                    p = density[o] + u * (density[o + 1] - density[o])
                    q = density[o + row] + u * (density[o + row + 1] - density[o + row])
                    o += slab
                    r = density[o] + u * (density[o + 1] - density[o])
                    t = density[o + row] + u * (density[o + row + 1] - density[o + row])
                    p += v * (q - p)
                    r += v * (t - r)
                    total += length * (p + w * (r - p))
                ray[n + 1] = total


Lattice = tuple[float, float, float, float, float]
Planes = tuple[float, float]


def march_fan(
    density: Float32, affine: Float64, lattice: Lattice, planes: Planes, shape: tuple[int, int, int]
) -> Float32:
    """Return the radiological depth ``[v, u, plane]`` in mm of water, counted from the first plane.

    Parameters
    ----------
    density
        Relative to water, ``[k, j, i]``, C-contiguous.
    affine
        (3, 4) from x, y, z of the beam limiting device system (origin at the source, z towards it from the
        isocentre) to index coordinates (i, j, k).
    lattice
        First value and step of u, first value and step of v, both at the isocentre, and how far the
        isocentre is from the source.
    planes
        Distance of the first plane from the source along the axis, and step from plane to plane.
    shape
        Numbers of v, of u and of planes.
    """
    flat, sizes = density.reshape(-1), density.shape
    out = np.empty(shape, dtype=np.float32)
    u_first, u_step, v_first, v_step, far = lattice

    def piece(start: int, stop: int) -> None:
        rows = (u_first, u_step, v_first + start * v_step, v_step, far)
        _march(flat, sizes, affine, rows, planes, out[start:stop])

    run_chunked(piece, shape[0])
    return out


def march_fan_reference(
    density: Float32, affine: Float64, lattice: Lattice, planes: Planes, shape: tuple[int, int, int]
) -> Float64:
    """Plain statement of :func:`march_fan`: midpoint rule, with the samples of an interpolation library."""
    u_first, u_step, v_first, v_step, far = lattice
    s_first, s_step = planes
    v, u = np.meshgrid(
        v_first + v_step * np.arange(shape[0]), u_first + u_step * np.arange(shape[1]), indexing="ij"
    )
    s = s_first + s_step * (np.arange(shape[2] - 1) + 0.5)
    xyz = np.stack(np.broadcast_arrays(u[..., None] * s / far, v[..., None] * s / far, -s), axis=-1)
    ijk = np.moveaxis(xyz @ affine[:, :3].T + affine[:, 3], -1, 0)
    samples = ndimage.map_coordinates(density, ijk[::-1], order=1, output=np.float64, mode="constant")
    length = s_step * np.sqrt(1.0 + (u**2 + v**2) / far**2)
    out = np.zeros(shape)
    out[..., 1:] = np.cumsum(samples * length[..., None], axis=-1)
    return out
