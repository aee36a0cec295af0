"""Signed distances of simple solids: negative inside, millimetres, exact at the surface and close to it.

Coordinates are three arrays of one shape: x to the patient's left, y to his back, z to his head.
"""

import numpy as np
from numpy.typing import NDArray

from isoguide.geometry.frames import Array
from isoguide.geometry.transforms import rotation_x, rotation_y, rotation_z
from isoguide.kernels.solids import ellipsoid_distance, filleted_union, rod_distance

Floats = NDArray[np.float32]
Coordinates = tuple[Floats, Floats, Floats]
Triple = tuple[float, float, float]

UPRIGHT = (0.0, 0.0, 0.0)
SIDES = {1.0: "left", -1.0: "right"}
"""The sides of a patient by the sign of x."""


def turned(tilt_deg: Triple) -> Array:
    """Rotation Rz·Ry·Rx of a solid by three angles, shape (3, 3)."""
    return rotation_z(tilt_deg[2]) @ rotation_y(tilt_deg[1]) @ rotation_x(tilt_deg[0])


def local(p: Coordinates, centre: Triple, tilt_deg: Triple = UPRIGHT) -> Coordinates:
    """Coordinates relative to a solid's own centre and axes."""
    x, y, z = (axis - np.float32(c) for axis, c in zip(p, centre, strict=True))
    if tilt_deg == UPRIGHT:
        return x, y, z
    r = turned(tilt_deg).astype(np.float32)
    return (
        r[0, 0] * x + r[1, 0] * y + r[2, 0] * z,
        r[0, 1] * x + r[1, 1] * y + r[2, 1] * z,
        r[0, 2] * x + r[1, 2] * y + r[2, 2] * z,
    )


def ellipsoid(p: Coordinates, centre: Triple, radii: Triple, tilt_deg: Triple = UPRIGHT) -> Floats:
    """Distance to an ellipsoid, first order (exact for a sphere)."""
    axes = turned(tilt_deg).astype(np.float32)
    return ellipsoid_distance(p, np.array(centre, dtype=np.float32), axes, np.array(radii, dtype=np.float32))


def capsule(p: Coordinates, start: Triple, stop: Triple, radius: float, radius_stop: float) -> Floats:
    """Distance to a rod with round ends whose radius changes linearly along it."""
    ends = np.array([start, stop], dtype=np.float32)
    return rod_distance(p, ends[0], ends[1], np.array([radius, radius_stop], dtype=np.float32))


def block(
    p: Coordinates, centre: Triple, half: Triple, rounding_mm: float, tilt_deg: Triple = UPRIGHT
) -> Floats:
    """Distance to a box with rounded edges; ``half`` are its outer half widths."""
    x, y, z = (
        np.abs(axis) - np.float32(h - rounding_mm)
        for axis, h in zip(local(p, centre, tilt_deg), half, strict=True)
    )
    outside = np.sqrt(
        np.square(np.maximum(x, 0.0)) + np.square(np.maximum(y, 0.0)) + np.square(np.maximum(z, 0.0))
    )
    inside = np.minimum(np.maximum(x, np.maximum(y, z)), 0.0)
    distance: Floats = outside + inside - np.float32(rounding_mm)
    return distance


def scaled(p: Coordinates, centre: Triple, factors: Triple) -> Coordinates:
    """Stretch space about a point: a solid measured in it is ``1 / factor`` as large along each axis."""
    x, y, z = (
        np.float32(c) + (axis - np.float32(c)) * np.float32(f)
        for axis, c, f in zip(p, centre, factors, strict=True)
    )
    return x, y, z


def mirrored(p: Coordinates) -> Coordinates:
    """Fold the right half onto the left, for solids that come in pairs."""
    return np.abs(p[0]), p[1], p[2]


def union(*distances: Floats) -> Floats:
    """Distance to several solids together."""
    nearest = distances[0]
    for distance in distances[1:]:
        nearest = np.minimum(nearest, distance)
    return nearest


def blended(first: Floats, second: Floats, radius_mm: float) -> Floats:
    """Union with a fillet of the given radius (polynomial smooth minimum)."""
    return filleted_union(first, second, radius_mm)


def without(solid: Floats, *holes: Floats) -> Floats:
    """Distance to a solid with others cut out."""
    for hole in holes:
        solid = np.maximum(solid, -hole)
    return solid


def common(*distances: Floats) -> Floats:
    """Distance to what several solids share."""
    shared = distances[0]
    for distance in distances[1:]:
        shared = np.maximum(shared, distance)
    return shared
