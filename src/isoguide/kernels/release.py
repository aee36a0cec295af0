"""Energy that the photons of one beam direction release per mass, voxel by voxel.

Each voxel is projected from the source into the plane through the isocentre, where it reads the fluence and,
from a fan, its radiological depth. What is released there goes to the columns of the direction's group: as it
is, and times the slopes of its ray against the group's axis, from which kernels are tilted to the ray.
"""

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray
from scipy.ndimage import map_coordinates

from isoguide.kernels.chunks import run_chunked

Float32 = NDArray[np.float32]
Float64 = NDArray[np.float64]
Indices = NDArray[np.int64]
Shape = tuple[int, int, int]
FAST: set[str] = {"contract", "reassoc", "nsz"}


@njit(nogil=True, cache=True, error_model="numpy", fastmath=FAST)
def _depth(fan: Float32, a: float, b: float, c: float) -> float:
    """Interpolate at a place that lies within the first two axes; beyond the last it is as at its ends."""
    c = min(max(c, 0.0), fan.shape[2] - 1.001)
    i, j, k = int(a), int(b), int(c)
    a, b, c = a - i, b - j, c - k
    p = fan[i, j, k] + c * (fan[i, j, k + 1] - fan[i, j, k])
    q = fan[i, j + 1, k] + c * (fan[i, j + 1, k + 1] - fan[i, j + 1, k])
    r = fan[i + 1, j, k] + c * (fan[i + 1, j, k + 1] - fan[i + 1, j, k])
    s = fan[i + 1, j + 1, k] + c * (fan[i + 1, j + 1, k + 1] - fan[i + 1, j + 1, k])
    p += b * (q - p)
    r += b * (s - r)
    return p + a * (r - p)


@njit(nogil=True, cache=True, error_model="numpy", fastmath=FAST)
def _release(
    voxels: tuple[int, Indices],
    frames: tuple[Float64, Float64],
    depth: tuple[Float32, Float64],
    fluence: tuple[Float32, Float64],
    table: tuple[Float32, float],
    rows: Indices,
    out: Float32,
) -> None:
    (first, spans), (affine, slopes) = voxels, frames
    fan, (u0, du, v0, dv, far, s0, ds) = depth[0], depth[1]
    maps, (x0, y0, pixel) = fluence[0], fluence[1]
    parts, per_mm = table
    last, last_row, last_column = parts.shape[0] - 2, maps.shape[0] - 1, maps.shape[1] - 1
    last_v, last_u = fan.shape[0] - 1, fan.shape[1] - 1
    for k in range(spans.shape[0]):
        for j in range(spans.shape[1]):
            to = out[:, k, j]
            x_0, y_0, z_0 = _moved(affine, j, first + k)
            along_0, right_0, up_0 = _moved(slopes, j, first + k)
            for i in range(spans[k, j, 0], spans[k, j, 1]):
                z = z_0 + affine[2, 0] * i
                if z >= -1.0:
                    continue
                scale = -far / z
                x, y = scale * (x_0 + affine[0, 0] * i), scale * (y_0 + affine[1, 0] * i)
                row, column, v, u = (y - y0) / pixel, (x - x0) / pixel, (y - v0) / dv, (x - u0) / du
                if min(row, column, v, u) < 0.0 or row >= last_row or column >= last_column:
                    continue
                if v >= last_v or u >= last_u:
                    continue
                at = _depth(fan, v, u, (-z - s0) / ds) * per_mm
                entry = min(int(at), last)
                part = min(at - entry, 1.0)
                m, n = int(row), int(column)
                a, b = row - m, column - n
                s00, s01, s10, s11 = (1.0 - a) * (1.0 - b), (1.0 - a) * b, a * (1.0 - b), a * b
                above, below = maps[m], maps[m + 1]
                square = scale * scale
                seen = s00 * above[n, 0] + s01 * above[n + 1, 0] + s10 * below[n, 0] + s11 * below[n + 1, 0]
                wide = s00 * above[n, 1] + s01 * above[n + 1, 1] + s10 * below[n, 1] + s11 * below[n + 1, 1]
                before, behind = parts[entry], parts[entry + 1]
                along = 1.0 / (along_0 + slopes[0, 0] * i)
                right, up = (right_0 + slopes[1, 0] * i) * along, (up_0 + slopes[2, 0] * i) * along
                electrons = seen * square * (before[0] + part * (behind[0] - before[0]))
                photons = seen * square * (before[1] + part * (behind[1] - before[1]))
                to[rows[0], i] += electrons
                to[rows[1], i] += electrons * right
                to[rows[2], i] += electrons * up
                to[rows[3], i] += photons
                to[rows[4], i] += photons * right
                to[rows[5], i] += photons * up
                to[rows[6], i] += wide * square * (before[2] + part * (behind[2] - before[2]))


@njit(nogil=True, cache=True, error_model="numpy")
def _moved(affine: Float64, j: int, k: int) -> tuple[float, float, float]:
    return (
        affine[0, 1] * j + affine[0, 2] * k + affine[0, 3],
        affine[1, 1] * j + affine[1, 2] * k + affine[1, 3],
        affine[2, 1] * j + affine[2, 2] * k + affine[2, 3],
    )


@dataclass(frozen=True, slots=True, eq=False)
class Direction:
    """One beam direction, as :func:`add_release` sees it.

    Parameters
    ----------
    device_from_index
        (3, 4) from voxel indices i, j, k to the beam limiting device system: origin at the source, z away
        from the patient.
    axes_from_index
        (3, 4) to mm from the source along the axis of the group and along two axes across it.
    fan, seats
        Radiological depth ``[v, u, plane]``; first u and its step, first v and its step, both at the
        isocentre, distance from source to isocentre, first plane and step (7,).
    fluence, electrons, pixels
        ``[y, x]`` in the plane through the isocentre, of photons and of contaminating electrons; first x,
        first y and the size of a pixel (3,).
    """

    device_from_index: Float64
    axes_from_index: Float64
    fan: Float32
    seats: Float64
    fluence: Float32
    electrons: Float32
    pixels: Float64


def add_release(
    direction: Direction, spans: Indices, table: tuple[Float32, float], rows: Indices, out: Float32
) -> None:
    """Add what a direction releases to seven rows of out (rows, k, j, i).

    That is, in this order, energy that goes to electrons, and the same times the two slopes of the ray across
    the axis of the group; so much of the energy that goes to scattered photons; and the dose of
    contaminating electrons.

    Parameters
    ----------
    direction
        Where photons come from.
    spans
        First voxel and the one behind the last of each row along i, (k, j, 2); others get nothing.
    table
        Release to electrons, to photons and dose of contaminating electrons by depth (3, depths), and
        entries per mm.
    rows
        Of out, (7,).
    out
        A voxel that neither the fluence nor the fan reaches gets nothing.
    """
    frames = (direction.device_from_index, direction.axes_from_index)
    depth = (direction.fan, direction.seats)
    fluence = (np.stack([direction.fluence, direction.electrons], axis=-1), direction.pixels)
    table = (np.ascontiguousarray(table[0].T), table[1])

    def piece(start: int, stop: int) -> None:
        voxels = (start, spans[start:stop])
        _release(voxels, frames, depth, fluence, table, rows, out[:, start:stop])

    run_chunked(piece, out.shape[1])


def add_release_reference(direction: Direction, table: tuple[Float32, float], shape: Shape) -> Float64:
    """Plain statement of :func:`add_release` for all voxels, with the interpolation of SciPy."""
    k, j, i = np.indices(shape)
    index = np.stack([i, j, k, np.ones(shape)], axis=-1)
    x, y, z = np.moveaxis(index @ direction.device_from_index.T, -1, 0)
    along, right, up = np.moveaxis(index @ direction.axes_from_index.T, -1, 0)
    u0, du, v0, dv, far, s0, ds = direction.seats
    scale = -far / z
    place = np.stack([(scale * y - v0) / dv, (scale * x - u0) / du, (-z - s0) / ds])
    water = map_coordinates(direction.fan.astype(np.float64), place, order=1, mode="nearest")
    x0, y0, pixel = direction.pixels
    at = np.stack([(scale * y - y0) / pixel, (scale * x - x0) / pixel])
    seen, wide = (
        map_coordinates(one.astype(np.float64), at, order=1, mode="constant")
        for one in (direction.fluence, direction.electrons)
    )
    entries = np.arange(table[0].shape[1]) / table[1]
    to_electrons, to_photons, dose = (scale**2 * np.interp(water, entries, one) for one in table[0])
    slopes = (np.ones(shape), right / along, up / along)
    kinds = [seen * energy * slope for energy in (to_electrons, to_photons) for slope in slopes]
    return np.stack([*kinds, wide * dose])
