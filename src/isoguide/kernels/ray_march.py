"""Line integrals of volumes along straight rays, the values interpolated linearly between voxel centres.

A ray is sampled where it crosses the voxel planes of the axis it runs along most (Joseph, IEEE Transactions
on Medical Imaging 1(3), 1982): there the trilinear interpolation needs four voxels instead of eight. Each
sample stands for the slab of one voxel around its plane. What is left of the first and the last slab, where
the ray enters or leaves through any face, is one trilinear sample in the middle of that piece.

Volumes are flat arrays with one more layer of voxels on each side than the box that is integrated, so that no
sample has to be tested against the border. In index coordinates (i, j, k) of such an array the box reaches
from 0.5 to size - 1.5 along each axis.
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray
from scipy import ndimage

from isoguide.errors import GeometryError
from isoguide.kernels.chunks import run_chunked

Float32 = NDArray[np.float32]
Float64 = NDArray[np.float64]
UInt32 = NDArray[np.uint32]
FAST: set[str] = {"contract", "reassoc", "nsz"}

STEPS_16 = 65535.0
"""Largest integer of 16 bits: two volumes share one 32-bit word per voxel."""

TINY = 1e-30
"""Scale of a volume that is zero everywhere."""


@njit(nogil=True, cache=True, error_model="numpy", fastmath=FAST)
def _sum_planes(flat, offset, strides, start, slope, count):  # type: ignore[no-untyped-def]  # numba infers the types
    # Unsigned offsets into the flat array: no test for negative indices in the innermost loop.
    along, across, beside = strides
    x0, y0 = start
    dx, dy = slope
    total = np.float32(0.0)
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
        b = flat[o + across]
        a += u * (flat[o + beside] - a)
        b += u * (flat[o + across + beside] - b)
        total += a + v * (b - a)
    return total


@njit(nogil=True, cache=True, error_model="numpy", fastmath=FAST)
def _sum_planes_of_two(flat, offset, strides, start, slope, count):  # type: ignore[no-untyped-def]  # numba infers the types
    along, across, beside = strides
    x0, y0 = start
    dx, dy = slope
    low, high = np.uint32(0xFFFF), np.uint32(16)
    first = np.float32(0.0)
    second = np.float32(0.0)
    for n in range(count):
        step = np.float32(np.int32(n))
        x = x0 + step * dx
        y = y0 + step * dy
        i = np.int32(x)
        j = np.int32(y)
        u = x - np.float32(i)
        v = y - np.float32(j)
        o = offset + np.uint32(n) * along + np.uint32(j) * across + np.uint32(i) * beside
        p = flat[o]
        q = flat[o + beside]
        r = flat[o + across]
        s = flat[o + across + beside]
        a = np.float32(np.int32(p & low))
        b = np.float32(np.int32(r & low))
        a += u * (np.float32(np.int32(q & low)) - a)
        b += u * (np.float32(np.int32(s & low)) - b)
        first += a + v * (b - a)
        a = np.float32(np.int32(p >> high))
        b = np.float32(np.int32(r >> high))
        a += u * (np.float32(np.int32(q >> high)) - a)
        b += u * (np.float32(np.int32(s >> high)) - b)
        second += a + v * (b - a)
    return first, second


@njit(nogil=True, cache=True, error_model="numpy", fastmath=FAST)
def _pack(first, second, scales, out):  # type: ignore[no-untyped-def]  # numba infers the types
    half, most = np.float32(0.5), np.float32(STEPS_16)
    for n in range(len(out)):
        low = np.int32(min(first[n] * scales[0] + half, most))
        high = np.int32(min(second[n] * scales[1] + half, most))
        out[n] = np.uint32(low) | (np.uint32(high) << np.uint32(16))


@njit(nogil=True, cache=True, error_model="numpy", fastmath=FAST)
def _inside(source, direction, sizes):  # type: ignore[no-untyped-def]  # numba infers the types
    # Where the way from the source to the pixel enters and leaves the box, as fractions of it.
    enter, leave = 0.0, 1.0
    for axis in range(3):
        low, high = 0.5 - source[axis], sizes[axis] - 1.5 - source[axis]
        d = direction[axis]
        if d > 0.0:
            enter, leave = max(enter, low / d), min(leave, high / d)
        elif d < 0.0:
            enter, leave = max(enter, high / d), min(leave, low / d)
        elif low > 0.0 or high < 0.0:
            leave = -1.0
    return enter, leave


@njit(nogil=True, cache=True, error_model="numpy", fastmath=FAST)
def _cut(source, direction, sizes, axis, runs):  # type: ignore[no-untyped-def]  # numba infers the types
    # A run is: first plane, number of planes, where along the axis the ray is taken for it, weight of each.
    enter, leave = _inside(source, direction, sizes)
    runs[:, 1] = 0.0
    if not enter < leave:
        return
    one, other = source[axis] + enter * direction[axis], source[axis] + leave * direction[axis]
    low, high = min(one, other), max(one, other)
    first, last = np.ceil(low + 0.5), np.floor(high - 0.5)
    start = min(first - 0.5, high)
    stop = max(last + 0.5, start)
    runs[0, 0], runs[0, 1], runs[0, 2], runs[0, 3] = first, max(last - first + 1.0, 0.0), first, 1.0
    for n, begin, end in ((1, low, start), (3, stop, high)):
        middle = (begin + end) / 2.0
        plane = np.floor(middle)
        share = middle - plane
        runs[n, 0], runs[n, 1], runs[n, 2], runs[n, 3] = plane, 1.0, middle, (end - begin) * (1.0 - share)
        runs[n + 1, 0], runs[n + 1, 1] = plane + 1.0, 1.0
        runs[n + 1, 2], runs[n + 1, 3] = middle, (end - begin) * share


@njit(nogil=True, cache=True, error_model="numpy", fastmath=FAST)
def _march(flat, packed, sizes, spacing, lines, out):  # type: ignore[no-untyped-def]  # numba infers the types
    strides = (np.uint32(1), np.uint32(sizes[0]), np.uint32(sizes[0] * sizes[1]))
    direction, runs = np.empty(3), np.empty((5, 4))
    for line in range(lines.shape[0]):
        source = lines[line, 0]
        for pixel in range(out.shape[2]):
            length2 = 0.0
            for n in range(3):
                direction[n] = lines[line, 1, n] + pixel * lines[line, 2, n] - source[n]
                length2 += (direction[n] * spacing[n]) ** 2
            if length2 == 0.0:
                out[:, line, pixel] = 0.0
                continue
            axis = 1 if abs(direction[1]) > abs(direction[0]) else 0
            axis = 2 if abs(direction[2]) > abs(direction[axis]) else axis
            beside = 1 if axis == 0 else 0
            across = 1 if axis == 2 else 2
            _cut(source, direction, sizes, axis, runs)
            dx, dy = direction[beside] / direction[axis], direction[across] / direction[axis]
            stride = (strides[axis], strides[across], strides[beside])
            slope = (np.float32(dx), np.float32(dy))
            first = 0.0
            second = 0.0
            for run in range(5):
                plane, count, at, weight = runs[run, 0], int(runs[run, 1]), runs[run, 2], runs[run, 3]
                if count == 0:
                    continue
                x = np.float32(source[beside] + dx * (at - source[axis]))
                y = np.float32(source[across] + dy * (at - source[axis]))
                offset = np.uint32(plane) * stride[0]
                if packed.size:
                    a, b = _sum_planes_of_two(packed, offset, stride, (x, y), slope, count)
                    first += weight * a
                    second += weight * b
                else:
                    first += weight * _sum_planes(flat, offset, stride, (x, y), slope, count)
            mm = np.sqrt(length2) / abs(direction[axis])
            out[0, line, pixel] = first * mm
            if packed.size:
                out[1, line, pixel] = second * mm


def march_rays(volume: Float32, spacing_mm: Float64, lines: Float64, pixels: int) -> Float32:
    """Integrate a volume along rays that are given line by line.

    Parameters
    ----------
    volume
        Array ``[k, j, i]``, C-contiguous, one layer of voxels larger on each side than the box integrated.
    spacing_mm
        Voxel size along i, j, k.
    lines
        Shape (lines, 3, 3): for each line of pixels the source, the first pixel and the step from pixel to
        pixel, in index coordinates (i, j, k) of ``volume``.
    pixels
        Number of pixels in each line.

    Returns
    -------
    (lines, pixels): value times mm between the source and the pixel.

    Raises
    ------
    GeometryError
        If a ray is not given by finite numbers.
    """
    return _march_all(volume.reshape(-1), np.empty(0, np.uint32), volume.shape, spacing_mm, lines, pixels)[0]


def march_rays_through_two(
    first: Float32, second: Float32, spacing_mm: Float64, lines: Float64, pixels: int
) -> Float32:
    """Integrate two volumes without negative values along the same rays: one read fetches both.

    Their values are rounded to 1/65535 of the largest value of each.

    Parameters and errors as for :func:`march_rays`; returns (2, lines, pixels).
    """
    peaks = [float(volume.max()) for volume in (first, second)]
    scales = np.array([max(peak / STEPS_16, TINY) for peak in peaks], dtype=np.float32)
    packed = np.empty(first.size, dtype=np.uint32)
    flat, other = first.reshape(-1), second.reshape(-1)

    def piece(start: int, stop: int) -> None:
        _pack(flat[start:stop], other[start:stop], 1.0 / scales, packed[start:stop])

    run_chunked(piece, packed.size)
    out = _march_all(np.empty(0, np.float32), packed, first.shape, spacing_mm, lines, pixels)
    out *= scales[:, None, None]
    return out


def _march_all(
    flat: Float32,
    packed: UInt32,
    shape: tuple[int, ...],
    spacing_mm: Float64,
    lines: Float64,
    pixels: int,
) -> Float32:
    if not np.isfinite(lines).all():
        msg = "a ray through the volume is not given by finite numbers; check source and detector"
        raise GeometryError(msg)
    sizes = np.array(shape[::-1], dtype=np.int64)
    out = np.empty((2 if packed.size else 1, len(lines), pixels), dtype=np.float32)

    def piece(start: int, stop: int) -> None:
        _march(flat, packed, sizes, spacing_mm, lines[start:stop], out[:, start:stop])

    run_chunked(piece, len(lines))
    return out


def march_rays_reference(volume: Float32, spacing_mm: Float64, lines: Float64, pixels: int) -> Float64:
    """Plain statement of :func:`march_rays`: the midpoint rule between the faces of the slabs."""
    out = np.zeros((len(lines), pixels))
    for line, pixel in np.ndindex(out.shape):
        source, first_pixel, step = lines[line]
        direction = first_pixel + pixel * step - source
        length_mm = float(np.linalg.norm(direction * spacing_mm))
        with np.errstate(divide="ignore", invalid="ignore"):
            faces = np.stack([0.5 - source, np.array(volume.shape[::-1]) - 1.5 - source]) / direction
        enter, leave = max(0.0, np.nanmax(faces.min(axis=0))), min(1.0, np.nanmin(faces.max(axis=0)))
        if not enter < leave:
            continue
        axis = int(np.argmax(np.abs(direction)))
        slabs = (np.arange(volume.shape[2 - axis]) + 0.5 - source[axis]) / direction[axis]
        cuts = np.unique([enter, *slabs[(slabs > enter) & (slabs < leave)], leave])
        ijk = source + (cuts[:-1, None] + cuts[1:, None]) / 2.0 * direction
        samples = ndimage.map_coordinates(volume, ijk.T[::-1], order=1, output=np.float64, mode="nearest")
        out[line, pixel] = length_mm * float(samples @ np.diff(cuts))
    return out
