"""Dose at points from what a beam looks like: depth along its rays, and blurred fluence across them.

Each point is projected from the source into the plane through the isocentre. There it reads its radiological
depth from the fan and the fluence behind each kernel component, made for three distances of a surface from
the source, between the two that its own surface lies between; depth parts come from a table.
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
def _between_rays(fan, fu, fv, fs):  # type: ignore[no-untyped-def]  # numba infers the types
    iu, iv, n = np.uint32(fu), np.uint32(fv), np.uint32(fs)
    a, b, c = fu - np.float32(iu), fv - np.float32(iv), fs - np.float32(n)
    p = fan[iv, iu, n] + c * (fan[iv, iu, n + 1] - fan[iv, iu, n])
    q = fan[iv, iu + 1, n] + c * (fan[iv, iu + 1, n + 1] - fan[iv, iu + 1, n])
    iv += 1
    r = fan[iv, iu, n] + c * (fan[iv, iu, n + 1] - fan[iv, iu, n])
    t = fan[iv, iu + 1, n] + c * (fan[iv, iu + 1, n + 1] - fan[iv, iu + 1, n])
    p += a * (q - p)
    r += a * (t - r)
    return p + b * (r - p)


@njit(nogil=True, cache=True, error_model="numpy", fastmath=FAST)
def _on_ray(fan, fu, fv, fs):  # type: ignore[no-untyped-def]  # numba infers the types
    # On the nearest ray; for far from the field, where it changes slowly.
    iu, iv, n = np.uint32(fu + np.float32(0.5)), np.uint32(fv + np.float32(0.5)), np.uint32(fs)
    return fan[iv, iu, n] + (fs - np.float32(n)) * (fan[iv, iu, n + 1] - fan[iv, iu, n])


@njit(nogil=True, cache=True, error_model="numpy", fastmath=FAST)
def _at_pixel(maps, m, share, parts, i, j):  # type: ignore[no-untyped-def]  # numba infers the types
    # Dose from the blurred fluence of one pixel, between two distances of the surface.
    total = np.float32(0.0)
    for c in range(COMPONENTS):
        near = maps[m, j, i, c]
        total += parts[c] * (near + share * (maps[m + 1, j, i, c] - near))
    return total


@njit(nogil=True, cache=True, error_model="numpy", fastmath=FAST)
def _between_pixels(maps, m, share, parts, fx, fy):  # type: ignore[no-untyped-def]  # numba infers the types
    i, j = np.uint32(fx), np.uint32(fy)
    a, b = fx - np.float32(i), fy - np.float32(j)
    p = _at_pixel(maps, m, share, parts, i, j)
    q = _at_pixel(maps, m, share, parts, i, j + 1)
    p += a * (_at_pixel(maps, m, share, parts, i + 1, j) - p)
    q += a * (_at_pixel(maps, m, share, parts, i + 1, j + 1) - q)
    return p + b * (q - p)


@njit(nogil=True, cache=True, error_model="numpy", fastmath=FAST)
def _parts(table, at):  # type: ignore[no-untyped-def]  # numba infers the types
    entry = min(np.int32(at), np.int32(table.shape[0] - 2))
    share = min(at - np.float32(entry), np.float32(1.0))
    low, high = table[entry], table[entry + 1]
    return (
        low[0] + share * (high[0] - low[0]),
        low[1] + share * (high[1] - low[1]),
        low[2] + share * (high[2] - low[2]),
        low[3] + share * (high[3] - low[3]),
    )


@njit(nogil=True, cache=True, error_model="numpy", fastmath=FAST)
def _gather(points, affine, depth, lateral, table, out):  # type: ignore[no-untyped-def]  # numba infers the types
    fan, rays, planes, far = depth
    maps, pixel, distances, near_field = lateral
    parts_at, steps_per_mm = table
    last_x, last_y = np.float32(maps.shape[2] - 1), np.float32(maps.shape[1] - 1)
    last_u, last_v = np.float32(fan.shape[1] - 1), np.float32(fan.shape[0] - 1)
    last_s, zero, half = np.float32(fan.shape[2] - 1.001), np.float32(0.0), np.float32(0.5)
    for n in range(points.shape[0]):
        x, y, z = points[n, 0], points[n, 1], points[n, 2]
        s = -(affine[2, 0] * x + affine[2, 1] * y + affine[2, 2] * z + affine[2, 3])
        if s <= np.float32(1.0):
            continue
        scale = far / s
        u = scale * (affine[0, 0] * x + affine[0, 1] * y + affine[0, 2] * z + affine[0, 3])
        v = scale * (affine[1, 0] * x + affine[1, 1] * y + affine[1, 2] * z + affine[1, 3])
        fx, fy = (u - pixel[0]) * pixel[2], (v - pixel[1]) * pixel[2]
        fu, fv = (u - rays[0]) * rays[1], (v - rays[2]) * rays[3]
        if not (zero <= fx < last_x and zero <= fy < last_y and zero <= fu < last_u and zero <= fv < last_v):
            continue
        fs = min(max((s - planes[0]) * planes[1], zero), last_s)
        is_near = near_field[0] <= u <= near_field[1] and near_field[2] <= v <= near_field[3]
        water = _between_rays(fan, fu, fv, fs) if is_near else _on_ray(fan, fu, fv, fs)
        surface = s - water
        m = 0 if surface < distances[1] else 1
        share = (surface - distances[m]) / (distances[m + 1] - distances[m])
        parts = _parts(parts_at, water * steps_per_mm)
        if is_near:
            found = _between_pixels(maps, m, share, parts, fx, fy)
        else:
            found = _at_pixel(maps, m, share, parts, np.uint32(fx + half), np.uint32(fy + half))
        out[n] += max(found, zero) * scale * scale


Depth = tuple[Float32, tuple[float, float, float, float, float], tuple[float, float]]
Lateral = tuple[Float32, tuple[float, float, float], Float64, tuple[float, float, float, float]]


def gather_dose(
    points: Float32,
    affine: Float64,
    depth: Depth,
    lateral: Lateral,
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
        its pixels; the three distances of a surface from the source; lowest and highest u, then v, between
        which all is interpolated. Beyond, a point takes the nearest ray and the nearest pixel.
    table
        Depth parts (depths, 4), and entries per mm.
    out
        (n,); a point that the maps or the fan do not reach gets nothing.
    """
    fan, (u_first, u_step, v_first, v_step, far), (s_first, s_step) = depth
    maps, (x_first, y_first, spacing), distances, near_field = lateral
    # Single precision all through: half a micrometre at a metre.
    packed_depth = (
        fan,
        np.array([u_first, 1.0 / u_step, v_first, 1.0 / v_step], dtype=np.float32),
        np.array([s_first, 1.0 / s_step], dtype=np.float32),
        np.float32(far),
    )
    packed_lateral = (
        maps,
        np.array([x_first, y_first, 1.0 / spacing], dtype=np.float32),
        distances.astype(np.float32),
        np.array(near_field, dtype=np.float32),
    )
    to_device, packed_table = affine.astype(np.float32), (table[0], np.float32(table[1]))

    def piece(start: int, stop: int) -> None:
        _gather(points[start:stop], to_device, packed_depth, packed_lateral, packed_table, out[start:stop])

    run_chunked(piece, len(points))


def gather_dose_reference(
    points: Float32,
    affine: Float64,
    depth: Depth,
    lateral: Lateral,
    table: tuple[Float32, float],
) -> Float64:
    """Plain statement of :func:`gather_dose` with NumPy's interpolation: the dose of one direction."""
    fan, (u0, du, v0, dv, far), (s0, ds) = depth
    maps, (x0, y0, spacing), distances, (u_low, u_high, v_low, v_high) = lateral
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
    far_off = (u < u_low) | (u > u_high) | (v < v_low) | (v > v_high)
    index[far_off, :2] = np.rint(index[far_off, :2])
    place[far_off] = np.rint(place[far_off])
    for n in np.flatnonzero(reached):
        water = _linear(fan, index[n])
        parts = _linear(table[0], np.array([min(water * table[1], len(table[0]) - 1.0)]))
        surface = s[n] - float(water)
        m = 0 if surface < distances[1] else 1
        share = (surface - distances[m]) / (distances[m + 1] - distances[m])
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
