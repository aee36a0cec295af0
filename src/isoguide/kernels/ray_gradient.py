"""Line integrals along single rays, and how they change when the volume moves rigidly.

Rays are sampled where they cross the voxel planes of the axis they run along most (Joseph, IEEE Transactions
on Medical Imaging 1(3), 1982). A small motion shifts the crossing in plane n by an amount that grows linearly
with n, so that four sums along the ray (the two in-plane derivatives, plain and times n) hold the derivatives
by all six motion parameters. The derivative is that of the sum itself, not of an approximation to it.
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray
from scipy import ndimage

from isoguide.errors import GeometryError
from isoguide.kernels.chunks import run_chunked

Float32 = NDArray[np.float32]
Float64 = NDArray[np.float64]
FAST: set[str] = {"contract", "reassoc", "nsz"}

VALUE, SHIFT, TURN = 0, slice(1, 4), slice(4, 7)
"""Columns of the result: the integral, then its derivatives by shift (mm) and rotation vector (rad)."""


@njit(nogil=True, cache=True, error_model="numpy", fastmath=FAST)
def _sum_planes(flat, offset, strides, start, slope, count):  # type: ignore[no-untyped-def]  # numba infers the types
    # Unsigned offsets into the flat array: no test for negative indices in the innermost loop.
    along, across, beside = strides
    x0, y0 = start
    dx, dy = slope
    total, by_x, by_y = np.float32(0.0), np.float32(0.0), np.float32(0.0)
    n_by_x, n_by_y = np.float32(0.0), np.float32(0.0)
    for n in range(count):
        step = np.float32(np.int32(n))
        x = x0 + step * dx
        y = y0 + step * dy
        i = np.int32(x)
        j = np.int32(y)
        u = x - np.float32(i)
        v = y - np.float32(j)
        o = offset + np.uint32(n) * along + np.uint32(j) * across + np.uint32(i) * beside
        a = flat[o]
        c = flat[o + across]
        low = flat[o + beside] - a
        high = flat[o + across + beside] - c
        a += u * low
        up = c + u * high - a
        right = low + v * (high - low)
        total += a + v * up
        by_x += right
        by_y += up
        n_by_x += step * right
        n_by_y += step * up
    return total, by_x, by_y, n_by_x, n_by_y


@njit(nogil=True, cache=True, error_model="numpy", fastmath=FAST)
def _planes(source, direction, sizes, axis):  # type: ignore[no-untyped-def]  # numba infers the types
    # First plane and number of planes that the way from the source to the pixel crosses inside the array.
    enter, leave = 0.0, 1.0
    for n in range(3):
        low, high = 1e-3 - source[n], sizes[n] - 1.001 - source[n]
        d = direction[n]
        if d > 0.0:
            enter, leave = max(enter, low / d), min(leave, high / d)
        elif d < 0.0:
            enter, leave = max(enter, high / d), min(leave, low / d)
        elif low > 0.0 or high < 0.0:
            leave = -1.0
    if not enter < leave:
        return 0.0, 0
    one, other = source[axis] + enter * direction[axis], source[axis] + leave * direction[axis]
    first = np.ceil(min(one, other))
    return first, int(max(np.floor(max(one, other)) - first + 1.0, 0.0))


@njit(nogil=True, cache=True, error_model="numpy", fastmath=FAST)
def _march(flat, sizes, index_from_mm, rays, out):  # type: ignore[no-untyped-def]  # numba infers the types
    strides = (np.uint32(1), np.uint32(sizes[0]), np.uint32(sizes[0] * sizes[1]))
    source, direction, along, at = np.empty(3), np.empty(3), np.empty(3), np.empty(3)
    plain, moment = np.empty(3), np.empty(3)
    for ray in range(len(rays)):
        for n in range(3):
            source[n], direction[n] = index_from_mm[n, 3], 0.0
            for m in range(3):
                source[n] += index_from_mm[n, m] * rays[ray, 0, m]
                direction[n] += index_from_mm[n, m] * (rays[ray, 1, m] - rays[ray, 0, m])
        axis = 1 if abs(direction[1]) > abs(direction[0]) else 0
        axis = 2 if abs(direction[2]) > abs(direction[axis]) else axis
        beside = 1 if axis == 0 else 0
        across = 1 if axis == 2 else 2
        out[ray, :] = 0.0
        first, count = _planes(source, direction, sizes, axis)
        if count == 0:
            continue
        dx, dy = direction[beside] / direction[axis], direction[across] / direction[axis]
        x = source[beside] + dx * (first - source[axis])
        y = source[across] + dy * (first - source[axis])
        total, by_x, by_y, n_by_x, n_by_y = _sum_planes(
            flat,
            np.uint32(first) * strides[axis],
            (strides[axis], strides[across], strides[beside]),
            (np.float32(x), np.float32(y)),
            (np.float32(dx), np.float32(dy)),
            count,
        )
        mm = 0.0
        for m in range(3):
            step = rays[ray, 1, m] - rays[ray, 0, m]
            along[m] = step / direction[axis]
            at[m] = rays[ray, 0, m] + (first - source[axis]) * along[m]
            mm += along[m] ** 2
            by_beside = index_from_mm[beside, m] - dx * index_from_mm[axis, m]
            by_across = index_from_mm[across, m] - dy * index_from_mm[axis, m]
            plain[m] = by_x * by_beside + by_y * by_across
            moment[m] = n_by_x * by_beside + n_by_y * by_across
        mm = np.sqrt(mm)
        out[ray, 0] = mm * total
        for m in range(3):
            p, q = (m + 1) % 3, (m + 2) % 3
            out[ray, 1 + m] = -mm * plain[m]
            turned = at[p] * plain[q] - at[q] * plain[p] + along[p] * moment[q] - along[q] * moment[p]
            # A ray that turns crosses the planes at another angle: the way from plane to plane changes.
            longer = along[p] * index_from_mm[axis, q] - along[q] * index_from_mm[axis, p]
            out[ray, 4 + m] = mm * (total * longer - turned)


def march_rays_with_motion(volume: Float32, index_from_mm: Float64, rays: Float64) -> Float64:
    """Integrate a volume along rays, with the derivatives by a rigid motion of the volume.

    Parameters
    ----------
    volume
        float32 ``[k, j, i]``, C-contiguous, whose outermost voxels are zero: beyond them there is nothing.
    index_from_mm
        Shape (3, 4): from (x, y, z, 1) in mm to the index (i, j, k). Rotations turn about the origin of mm.
    rays
        Shape (rays, 2, 3): source and pixel in mm.

    Returns
    -------
    float64 (rays, 7): value times mm between source and pixel, then its derivatives by a shift of the volume
    in mm (3) and by its rotation vector in radians (3).

    Raises
    ------
    GeometryError
        If a ray is not given by finite numbers.
    """
    if not np.isfinite(rays).all():
        msg = "a ray through the volume is not given by finite numbers; check source, detector and pose"
        raise GeometryError(msg)
    flat, sizes = volume.reshape(-1), np.array(volume.shape[::-1], dtype=np.int64)
    out = np.empty((len(rays), 7))

    def piece(start: int, stop: int) -> None:
        _march(flat, sizes, index_from_mm, rays[start:stop], out[start:stop])

    run_chunked(piece, len(rays))
    return out


def march_rays_with_motion_reference(volume: Float32, index_from_mm: Float64, rays: Float64) -> Float64:
    """Plain statement of :func:`march_rays_with_motion`; derivatives by finite differences."""
    step = 1e-4
    out = np.empty((len(rays), 7))
    out[:, VALUE] = _plane_sums(volume, index_from_mm, rays)
    for n in range(6):
        ends = []
        for sign in (-1.0, 1.0):
            motion = np.zeros(6)
            motion[n] = sign * step
            # The volume moves one way, seen from it the rays move the other way.
            back = rays - motion[:3] - np.cross(motion[3:], rays)
            ends.append(_plane_sums(volume, index_from_mm, back))
        out[:, 1 + n] = (ends[1] - ends[0]) / (2.0 * step)
    return out


def _plane_sums(volume: Float32, index_from_mm: Float64, rays: Float64) -> Float64:
    sums = np.zeros(len(rays))
    for number, (source_mm, pixel_mm) in enumerate(rays):
        ends = np.stack([source_mm, pixel_mm]) @ index_from_mm[:, :3].T + index_from_mm[:, 3]
        direction = ends[1] - ends[0]
        axis = int(np.argmax(np.abs(direction)))
        share = (np.arange(volume.shape[2 - axis]) - ends[0, axis]) / direction[axis]
        share = share[(share >= 0.0) & (share <= 1.0)]
        ijk = ends[0] + share[:, None] * direction
        samples = ndimage.map_coordinates(
            volume.astype(np.float64), ijk.T[::-1], order=1, mode="constant", prefilter=False
        )
        sums[number] = samples.sum() * np.linalg.norm(pixel_mm - source_mm) / abs(direction[axis])
    return sums
