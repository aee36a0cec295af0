"""Signed distances of ellipsoids and rods at many points, in one pass over memory."""

import numpy as np
from numba import njit
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Matrix = NDArray[np.float32]


@njit(nogil=True, cache=True, error_model="numpy")
def _gather(x: Floats, y: Floats, z: Floats, row: Matrix) -> None:
    """Copy a row of each coordinate side by side: views of larger arrays do not go into vector registers."""
    for i in range(row.shape[1]):
        row[0, i], row[1, i], row[2, i] = x[i], y[i], z[i]


@njit(nogil=True, cache=True, error_model="numpy", fastmath={"contract", "reassoc", "nsz"})
def _ellipsoid(
    x: Floats, y: Floats, z: Floats, centre: Floats, axes: Matrix, inverse: Floats, out: Floats
) -> None:
    one = np.float32(1.0)
    tiny = np.float32(1e-6)
    row = np.empty((3, x.shape[2]), dtype=np.float32)
    for k in range(x.shape[0]):
        for j in range(x.shape[1]):
            _gather(x[k, j], y[k, j], z[k, j], row)
            for i in range(x.shape[2]):
                dx, dy, dz = row[0, i] - centre[0], row[1, i] - centre[1], row[2, i] - centre[2]
                u = (axes[0, 0] * dx + axes[1, 0] * dy + axes[2, 0] * dz) * inverse[0]
                v = (axes[0, 1] * dx + axes[1, 1] * dy + axes[2, 1] * dz) * inverse[1]
                w = (axes[0, 2] * dx + axes[1, 2] * dy + axes[2, 2] * dz) * inverse[2]
                level = np.sqrt(u * u + v * v + w * w) + tiny
                u, v, w = u * inverse[0], v * inverse[1], w * inverse[2]
                gradient = np.sqrt(u * u + v * v + w * w) + tiny * inverse[0]
                out[k, j, i] = level * (level - one) / gradient


@njit(nogil=True, cache=True, error_model="numpy", fastmath={"contract", "reassoc", "nsz"})
def _rod(x: Floats, y: Floats, z: Floats, ends: Matrix, radii: Floats, out: Floats) -> None:
    zero, one = np.float32(0.0), np.float32(1.0)
    start, along = ends[0], ends[1] - ends[0]
    scale = one / max(along[0] * along[0] + along[1] * along[1] + along[2] * along[2], np.float32(1e-6))
    slope = radii[1] - radii[0]
    row = np.empty((3, x.shape[2]), dtype=np.float32)
    for k in range(x.shape[0]):
        for j in range(x.shape[1]):
            _gather(x[k, j], y[k, j], z[k, j], row)
            for i in range(x.shape[2]):
                dx, dy, dz = row[0, i] - start[0], row[1, i] - start[1], row[2, i] - start[2]
                t = min(max((dx * along[0] + dy * along[1] + dz * along[2]) * scale, zero), one)
                dx, dy, dz = dx - t * along[0], dy - t * along[1], dz - t * along[2]
                out[k, j, i] = np.sqrt(dx * dx + dy * dy + dz * dz) - radii[0] - t * slope


@njit(nogil=True, cache=True, error_model="numpy", fastmath={"contract", "reassoc", "nsz"})
def _fillet(first: Floats, second: Floats, radius: np.float32, out: Floats) -> None:
    half, zero, one = np.float32(0.5), np.float32(0.0), np.float32(1.0)
    scale = half / radius
    for n in range(out.size):
        h = min(max(half + scale * (second[n] - first[n]), zero), one)
        out[n] = second[n] + h * (first[n] - second[n]) - radius * h * (one - h)


@njit(nogil=True, cache=True, error_model="numpy", fastmath={"contract", "reassoc", "nsz"})
def _blend(values: Floats, distance: Floats, ink: Floats) -> None:
    zero, half, one = np.float32(0.0), np.float32(0.5), np.float32(1.0)
    sharpness = one / ink[1]
    for k in range(values.shape[0]):
        for j in range(values.shape[1]):
            for i in range(values.shape[2]):
                cover = min(half - distance[k, j, i] * sharpness, one)
                if cover > zero:
                    values[k, j, i] += cover * (ink[0] - values[k, j, i])


def _rows(xyz: tuple[Floats, Floats, Floats]) -> list[Floats]:
    """Coordinates as views with three axes."""
    arrays = [np.asarray(axis, dtype=np.float32) for axis in xyz]
    return [axis.reshape((1,) * (3 - axis.ndim) + axis.shape) for axis in arrays]


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
    x, y, z = _rows(xyz)
    out = np.empty(x.shape, dtype=np.float32)
    _ellipsoid(x, y, z, centre, axes, (1.0 / radii).astype(np.float32), out)
    return out.reshape(xyz[0].shape)


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
    x, y, z = _rows(xyz)
    out = np.empty(x.shape, dtype=np.float32)
    _rod(x, y, z, np.stack([start, stop]), radii, out)
    return out.reshape(xyz[0].shape)


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
    paint_cover(values, rod_distance(xyz, ends[0], ends[1], radii), hu, edge_mm)


def paint_cover(values: Floats, distance: Floats, hu: float, edge_mm: float) -> None:
    """Paint a solid into values, with an edge that is ``edge_mm`` wide.

    Parameters
    ----------
    values
        What is painted on, changed in place, ``[k, j, i]``; it may be a view of a larger array.
    distance
        To the solid, negative inside, the same shape.
    hu, edge_mm
        The value painted, and over which distance it fades.
    """
    _blend(values, distance, np.array([hu, edge_mm], dtype=np.float32))


def paint_cover_reference(values: Floats, distance: Floats, hu: float, edge_mm: float) -> None:
    """Do the same as :func:`paint_cover` with NumPy."""
    values += np.clip(0.5 - distance / edge_mm, 0.0, 1.0) * (np.float32(hu) - values)


def paint_rod_reference(
    values: Floats, xyz: tuple[Floats, Floats, Floats], ends: Matrix, radii: Floats, hu: float, edge_mm: float
) -> None:
    """Do the same as :func:`paint_rod` with NumPy."""
    paint_cover_reference(values, rod_distance_reference(xyz, ends[0], ends[1], radii), hu, edge_mm)


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
