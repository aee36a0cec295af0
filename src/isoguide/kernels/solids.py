"""Signed distances of ellipsoids and rods at many points, in one pass over memory."""

import numpy as np
from numba import njit
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Matrix = NDArray[np.float32]


@njit(nogil=True, cache=True, error_model="numpy", fastmath={"contract", "reassoc", "nsz"})
def _ellipsoid(
    x: Floats, y: Floats, z: Floats, centre: Floats, axes: Matrix, inverse: Floats, out: Floats
) -> None:
    one = np.float32(1.0)
    tiny = np.float32(1e-6)
    for n in range(out.size):
        dx, dy, dz = x[n] - centre[0], y[n] - centre[1], z[n] - centre[2]
        u = (axes[0, 0] * dx + axes[1, 0] * dy + axes[2, 0] * dz) * inverse[0]
        v = (axes[0, 1] * dx + axes[1, 1] * dy + axes[2, 1] * dz) * inverse[1]
        w = (axes[0, 2] * dx + axes[1, 2] * dy + axes[2, 2] * dz) * inverse[2]
        level = np.sqrt(u * u + v * v + w * w) + tiny
        u, v, w = u * inverse[0], v * inverse[1], w * inverse[2]
        gradient = np.sqrt(u * u + v * v + w * w) + tiny * inverse[0]
        out[n] = level * (level - one) / gradient


@njit(nogil=True, cache=True, error_model="numpy", fastmath={"contract", "reassoc", "nsz"})
def _rod(x: Floats, y: Floats, z: Floats, start: Floats, along: Floats, radii: Floats, out: Floats) -> None:
    zero, one = np.float32(0.0), np.float32(1.0)
    length2 = along[0] * along[0] + along[1] * along[1] + along[2] * along[2]
    scale = one / max(length2, np.float32(1e-6))
    slope = radii[1] - radii[0]
    for n in range(out.size):
        dx, dy, dz = x[n] - start[0], y[n] - start[1], z[n] - start[2]
        t = min(max((dx * along[0] + dy * along[1] + dz * along[2]) * scale, zero), one)
        dx, dy, dz = dx - t * along[0], dy - t * along[1], dz - t * along[2]
        out[n] = np.sqrt(dx * dx + dy * dy + dz * dz) - radii[0] - t * slope


@njit(nogil=True, cache=True, error_model="numpy", fastmath={"contract", "reassoc", "nsz"})
def _fillet(first: Floats, second: Floats, radius: np.float32, out: Floats) -> None:
    half, zero, one = np.float32(0.5), np.float32(0.0), np.float32(1.0)
    scale = half / radius
    for n in range(out.size):
        h = min(max(half + scale * (second[n] - first[n]), zero), one)
        out[n] = second[n] + h * (first[n] - second[n]) - radius * h * (one - h)


@njit(nogil=True, cache=True, error_model="numpy", fastmath={"contract", "reassoc", "nsz"})
def _paint_rod(
    x: Floats, y: Floats, z: Floats, ends: Matrix, radii: Floats, ink: Floats, values: Floats
) -> None:
    zero, half, one = np.float32(0.0), np.float32(0.5), np.float32(1.0)
    along = ends[1] - ends[0]
    scale = one / max(along[0] * along[0] + along[1] * along[1] + along[2] * along[2], np.float32(1e-6))
    slope, sharpness = radii[1] - radii[0], one / ink[1]
    for k in range(values.shape[0]):
        for j in range(values.shape[1]):
            for i in range(values.shape[2]):
                dx, dy, dz = x[k, j, i] - ends[0, 0], y[k, j, i] - ends[0, 1], z[k, j, i] - ends[0, 2]
                t = min(max((dx * along[0] + dy * along[1] + dz * along[2]) * scale, zero), one)
                dx, dy, dz = dx - t * along[0], dy - t * along[1], dz - t * along[2]
                distance = np.sqrt(dx * dx + dy * dy + dz * dz) - radii[0] - t * slope
                cover = min(half - distance * sharpness, one)
                if cover > zero:
                    values[k, j, i] += cover * (ink[0] - values[k, j, i])


def ellipsoid_distance(
    xyz: tuple[Floats, Floats, Floats], centre: Floats, axes: Matrix, radii: Floats
) -> Floats:
    """Return the first-order distance to an ellipsoid (exact for a sphere), negative inside.

    Parameters
    ----------
    xyz
        Coordinates, three float32 arrays of one shape, mm.
    centre, radii
        Shape (3,), mm.
    axes
        Unit vectors of the three half axes as the columns of a (3, 3) matrix.
    """
    x, y, z = (np.ascontiguousarray(axis, dtype=np.float32) for axis in xyz)
    out = np.empty(x.shape, dtype=np.float32)
    inverse = (1.0 / radii).astype(np.float32)
    _ellipsoid(x.ravel(), y.ravel(), z.ravel(), centre, axes, inverse, out.reshape(-1))
    return out


def ellipsoid_distance_reference(
    xyz: tuple[Floats, Floats, Floats], centre: Floats, axes: Matrix, radii: Floats
) -> Floats:
    """Do the same as :func:`ellipsoid_distance` with NumPy (Quilez, "Ellipsoid SDF": k0 (k0 - 1) / k1)."""
    own = np.tensordot(axes.T, np.stack([a - c for a, c in zip(xyz, centre, strict=True)]), axes=1)
    shape = (3,) + (1,) * (own.ndim - 1)
    once = own / radii.reshape(shape)
    level = np.linalg.norm(once, axis=0) + 1e-6
    gradient = np.linalg.norm(once / radii.reshape(shape), axis=0) + 1e-6 / radii[0]
    distance: Floats = (level * (level - 1.0) / gradient).astype(np.float32)
    return distance


def rod_distance(xyz: tuple[Floats, Floats, Floats], start: Floats, stop: Floats, radii: Floats) -> Floats:
    """Return the distance to a rod with round ends whose radius changes linearly along it, negative inside.

    Parameters
    ----------
    xyz
        Coordinates, three float32 arrays of one shape, mm.
    start, stop
        Ends of the axis, (3,), mm.
    radii
        At the two ends, (2,), mm.
    """
    x, y, z = (np.ascontiguousarray(axis, dtype=np.float32) for axis in xyz)
    out = np.empty(x.shape, dtype=np.float32)
    _rod(x.ravel(), y.ravel(), z.ravel(), start, stop - start, radii, out.reshape(-1))
    return out


def rod_distance_reference(
    xyz: tuple[Floats, Floats, Floats], start: Floats, stop: Floats, radii: Floats
) -> Floats:
    """Do the same as :func:`rod_distance` with NumPy."""
    points = np.stack(xyz, axis=-1) - start
    along = stop - start
    t = np.clip(points @ along / max(float(along @ along), 1e-6), 0.0, 1.0)
    distance = np.linalg.norm(points - t[..., None] * along, axis=-1) - radii[0] - t * (radii[1] - radii[0])
    result: Floats = distance.astype(np.float32)
    return result


def paint_rod(
    values: Floats, xyz: tuple[Floats, Floats, Floats], ends: Matrix, radii: Floats, hu: float, edge_mm: float
) -> None:
    """Paint a rod as of :func:`rod_distance` into values, with an edge that is ``edge_mm`` wide.

    Parameters
    ----------
    values
        What is painted on, changed in place, ``[k, j, i]``; it may be a view of a larger array.
    xyz
        Coordinates, three arrays of the same shape, mm.
    ends
        Ends of the axis in two rows, (2, 3), mm.
    radii
        At the two ends, (2,), mm.
    hu, edge_mm
        The value painted, and over which distance it fades.
    """
    _paint_rod(*xyz, ends, radii, np.array([hu, edge_mm], dtype=np.float32), values)


def paint_rod_reference(
    values: Floats, xyz: tuple[Floats, Floats, Floats], ends: Matrix, radii: Floats, hu: float, edge_mm: float
) -> None:
    """Do the same as :func:`paint_rod` with NumPy."""
    cover = np.clip(0.5 - rod_distance_reference(xyz, ends[0], ends[1], radii) / edge_mm, 0.0, 1.0)
    values += cover * (np.float32(hu) - values)


def filleted_union(first: Floats, second: Floats, radius_mm: float) -> Floats:
    """Return the distance to two solids joined with a fillet (polynomial smooth minimum).

    Parameters
    ----------
    first, second
        Distances to the two, one shape.
    radius_mm
        Size of the fillet.
    """
    a, b = np.ascontiguousarray(first, dtype=np.float32), np.ascontiguousarray(second, dtype=np.float32)
    out = np.empty(a.shape, dtype=np.float32)
    _fillet(a.ravel(), b.ravel(), np.float32(radius_mm), out.reshape(-1))
    return out


def filleted_union_reference(first: Floats, second: Floats, radius_mm: float) -> Floats:
    """Do the same as :func:`filleted_union` with NumPy."""
    h = np.clip(0.5 + 0.5 * (second - first) / radius_mm, 0.0, 1.0)
    result: Floats = (second + h * (first - second) - radius_mm * h * (1.0 - h)).astype(np.float32)
    return result
