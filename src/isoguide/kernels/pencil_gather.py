"""Dose at points from what a beam looks like: depth along its rays, and blurred fluence across them.

Each point is projected from the source into the plane through the isocentre. There it reads its radiological
depth from the fan and the fluence behind each kernel component, at the two of three distances between which
it lies; depth parts come from a table.
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray

from isoguide.kernels.chunks import run_chunked

Float32 = NDArray[np.float32]
Float64 = NDArray[np.float64]
FAST: set[str] = {"contract", "reassoc", "nsz"}
COMPONENTS = 4
"""Kernel components that a point reads at once; unused ones are zero."""


@njit(nogil=True, cache=True, error_model="numpy", fastmath=FAST)
def _depth(fan, lattice, planes, u, v, s):  # type: ignore[no-untyped-def]  # numba infers the types
    # Trilinear; beyond the first and the last plane the depth is that of the plane.
    fu, fv = (u - lattice[0]) / lattice[1], (v - lattice[2]) / lattice[3]
    fs = min(max((s - planes[0]) / planes[1], 0.0), fan.shape[2] - 1.001)
    iu, iv, n = int(fu), int(fv), int(fs)
    if fu < 0.0 or fv < 0.0 or iu >= fan.shape[1] - 1 or iv >= fan.shape[0] - 1:
        return -1.0
    a, b, c = fu - iu, fv - iv, fs - n
    p = fan[iv, iu, n] + c * (fan[iv, iu, n + 1] - fan[iv, iu, n])
    q = fan[iv, iu + 1, n] + c * (fan[iv, iu + 1, n + 1] - fan[iv, iu + 1, n])
    iv += 1
    r = fan[iv, iu, n] + c * (fan[iv, iu, n + 1] - fan[iv, iu, n])
    t = fan[iv, iu + 1, n] + c * (fan[iv, iu + 1, n + 1] - fan[iv, iu + 1, n])
    p += a * (q - p)
    r += a * (t - r)
    return p + b * (r - p)


@njit(nogil=True, cache=True, error_model="numpy", fastmath=FAST)
def _gather(points, affine, fan, lattice, planes, maps, pixel, distances, table, steps_per_mm, out):  # type: ignore[no-untyped-def]  # numba infers the types
    far = lattice[4]
    x_first, y_first, spacing = pixel
    rows, columns = maps.shape[1], maps.shape[2]
    last = table.shape[0] - 2
    for n in range(points.shape[0]):
        x, y, z = points[n, 0], points[n, 1], points[n, 2]
        s = -(affine[2, 0] * x + affine[2, 1] * y + affine[2, 2] * z + affine[2, 3])
        if s <= 1.0:
            continue
        scale = far / s
        u = scale * (affine[0, 0] * x + affine[0, 1] * y + affine[0, 2] * z + affine[0, 3])
        v = scale * (affine[1, 0] * x + affine[1, 1] * y + affine[1, 2] * z + affine[1, 3])
        fx, fy = (u - x_first) / spacing, (v - y_first) / spacing
        if fx < 0.0 or fy < 0.0:
            continue
        i, j = int(fx), int(fy)
        if i >= columns - 1 or j >= rows - 1:
            continue
        depth = _depth(fan, lattice, planes, u, v, s)
        if depth < 0.0:
            continue
        at = depth * steps_per_mm
        entry = min(int(at), last)
        ta = np.float32(min(at - entry, 1.0))
        m = 0 if s < distances[1] else 1
        tm = np.float32((s - distances[m]) / (distances[m + 1] - distances[m]))
        a, b = np.float32(fx - i), np.float32(fy - j)
        one = np.float32(1.0)
        w00, w01 = (one - b) * (one - a), (one - b) * a
        w10, w11 = b * (one - a), b * a
        near, beyond = maps[m], maps[m + 1]
        total = np.float32(0.0)
        for c in range(COMPONENTS):
            p = (
                w00 * near[j, i, c]
                + w01 * near[j, i + 1, c]
                + w10 * near[j + 1, i, c]
                + w11 * near[j + 1, i + 1, c]
            )
            q = (
                w00 * beyond[j, i, c]
                + w01 * beyond[j, i + 1, c]
                + w10 * beyond[j + 1, i, c]
                + w11 * beyond[j + 1, i + 1, c]
            )
            part = table[entry, c] + ta * (table[entry + 1, c] - table[entry, c])
            total += part * (p + tm * (q - p))
        out[n] += max(total, np.float32(0.0)) * np.float32(scale * scale)


def gather_dose(
    points: Float32,
    affine: Float64,
    depth: tuple[Float32, tuple[float, float, float, float, float], tuple[float, float]],
    lateral: tuple[Float32, tuple[float, float, float], Float64],
    table: tuple[Float32, float],
    out: Float32,
) -> None:
    """Add the dose of one beam direction at points.

    Parameters
    ----------
    points
        (n, 3).
    affine
        (3, 4) from them to the beam limiting device system: origin at the source, z away from the patient.
    depth
        Fan ``[v, u, plane]``, its lattice and planes as of :func:`isoguide.kernels.beam_depth.march_fan`.
    lateral
        Blurred fluence ``[distance, y, x, component]`` (3, rows, columns, 4); first x, first y and spacing of
        its pixels; the three distances from the source.
    table
        Depth parts (depths, 4), and entries per mm.
    out
        (n,); a point that the maps or the fan do not reach gets nothing.
    """
    fan, lattice, planes = depth
    maps, pixel, distances = lateral

    def piece(start: int, stop: int) -> None:
        _gather(
            points[start:stop],
            affine,
            fan,
            lattice,
            planes,
            maps,
            pixel,
            distances,
            *table,
            out[start:stop],
        )

    run_chunked(piece, len(points))


def gather_dose_reference(
    points: Float32,
    affine: Float64,
    depth: tuple[Float32, tuple[float, float, float, float, float], tuple[float, float]],
    lateral: tuple[Float32, tuple[float, float, float], Float64],
    table: tuple[Float32, float],
) -> Float64:
    """Plain statement of :func:`gather_dose` with linear interpolation by NumPy: the dose of one direction."""
    fan, (u0, du, v0, dv, far), (s0, ds) = depth
    maps, (x0, y0, spacing), distances = lateral
    seen = points.astype(np.float64) @ affine[:, :3].T + affine[:, 3]
    s = -seen[:, 2]
    u, v = seen[:, 0] * far / s, seen[:, 1] * far / s
    index = np.stack(
        [(v - v0) / dv, (u - u0) / du, np.clip((s - s0) / ds, 0.0, fan.shape[2] - 1.001)], axis=1
    )
    reached = ((index >= 0.0) & (index < np.array(fan.shape) - 1)).all(axis=1)
    place = np.stack([(v - y0) / spacing, (u - x0) / spacing], axis=1)
    reached &= ((place >= 0.0) & (place < np.array(maps.shape[1:3]) - 1)).all(axis=1)
    out = np.zeros(len(points))
    for n in np.flatnonzero(reached):
        water = _linear(fan, index[n])
        parts = _linear(table[0], np.array([min(water * table[1], len(table[0]) - 1.0)]))
        m = 0 if s[n] < distances[1] else 1
        share = (s[n] - distances[m]) / (distances[m + 1] - distances[m])
        blurred = (1.0 - share) * _linear(maps[m], place[n]) + share * _linear(maps[m + 1], place[n])
        out[n] = max(float(parts @ blurred), 0.0) * (far / s[n]) ** 2
    return out


def _linear(values: Float32, place: Float64) -> Float64:
    """Interpolate linearly along the first axes of an array."""
    found = values.astype(np.float64)
    for at in place:
        low = min(int(at), len(found) - 2)
        found = found[low] + (at - low) * (found[low + 1] - found[low])
    return np.asarray(found)
