"""Size, place and agreement of structures as they were drawn.

Volume and centre come from the polygons: the area of each plane times the thickness of the slab it stands for
(:mod:`isoguide.images.mask`), as planning systems count. Polygons of one plane do not cross each other; one
inside another is a hole, one inside a hole an island.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from isoguide.errors import GeometryError
from isoguide.geometry.frames import Array
from isoguide.geometry.grid import Grid
from isoguide.images.drawn_shape import DrawnPlanes, DrawnShape, drawn_planes, drawn_shape
from isoguide.images.signed_distance import signed_distance_mm
from isoguide.images.structure import Structure
from isoguide.images.surface import signed_distances_mm, weighted_percentile


@dataclass(frozen=True, slots=True)
class Agreement:
    """How well two structures agree.

    Parameters
    ----------
    dice
        Twice the volume they share over the sum of their volumes, 0 to 1.
    mean_distance_mm
        Mean distance to agreement: from the surface of each to that of the other, both ways.
    hausdorff_mm, hausdorff_p95_mm
        Largest distance either way, and the larger of the two 95th percentiles.
    """

    dice: float
    mean_distance_mm: float
    hausdorff_mm: float
    hausdorff_p95_mm: float


def volume_ml(structure: Structure) -> float:
    """Return the volume of a structure.

    Raises
    ------
    GeometryError
        As :func:`isoguide.images.drawn_shape.drawn_planes`, or if it encloses nothing.
    """
    planes = drawn_planes(structure)
    areas, _ = _plane_moments(planes)
    return _positive(float(areas @ (planes.upper_mm - planes.lower_mm)) / 1000.0, structure)


def centre_mm(structure: Structure) -> Array:
    """Return the centre (3,) of the volume of a structure.

    Raises
    ------
    GeometryError
        As :func:`volume_ml`.
    """
    planes = drawn_planes(structure)
    areas, moments = _plane_moments(planes)
    slabs = planes.upper_mm - planes.lower_mm
    volume = 1000.0 * _positive(float(areas @ slabs) / 1000.0, structure)
    x, y = (moments * slabs[:, None]).sum(axis=0) / volume
    z = float((areas * slabs) @ (planes.lower_mm + planes.upper_mm)) / (2.0 * volume)
    centre: Array = planes.direction @ np.array([x, y, z])
    return centre


def extent_mm(structure: Structure) -> Array:
    """Return the size of the box around a structure along x, y, z, (3,).

    Raises
    ------
    GeometryError
        As :func:`isoguide.images.drawn_shape.drawn_planes`.
    """
    extent: Array = np.ptp(outline_points_mm(drawn_planes(structure)), axis=0)
    return extent


def outline_points_mm(planes: DrawnPlanes) -> Array:
    """Return all vertices, and those of the planes at both borders of the slab they stand for, (n, 3)."""
    normal = planes.direction[:, 2]
    found = []
    for contour, plane in zip(planes.contours, planes.plane_of, strict=True):
        found.append(contour.xyz_mm)
        for border in (planes.lower_mm, planes.upper_mm):
            found.append(contour.xyz_mm + (border[plane] - planes.positions_mm[plane]) * normal)
    return np.concatenate(found)


def _positive(volume: float, structure: Structure) -> float:
    if volume <= 0.0:
        msg = f"structure '{structure.name}' encloses no volume: check its contours, or leave it out"
        raise GeometryError(msg)
    return volume


def _plane_moments(planes: DrawnPlanes) -> tuple[Array, Array]:
    """Area (n,) in mm² and area times centre (n, 2) of each plane."""
    areas, moments = np.zeros(len(planes.positions_mm)), np.zeros((len(planes.positions_mm), 2))
    rings = [contour.xyz_mm @ planes.direction[:, :2] for contour in planes.contours]
    for plane in range(len(areas)):
        here = [ring for ring, of in zip(rings, planes.plane_of, strict=True) if of == plane]
        for n, ring in enumerate(here):
            around = sum(_holds(other, ring) for m, other in enumerate(here) if m != n)
            area, moment = _moments(ring)
            sign = float(np.sign(area)) * (-1.0) ** around
            areas[plane] += sign * area
            moments[plane] += sign * moment
    return areas, moments


def _moments(ring: Array) -> tuple[float, Array]:
    """Signed area of a polygon (n, 2), and the same times its centre."""
    start = ring[0]
    a, b = ring - start, np.roll(ring, -1, axis=0) - start
    twice = a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]
    area = float(twice.sum()) / 2.0
    return area, ((a + b) * twice[:, None]).sum(axis=0) / 6.0 + area * start


def _holds(ring: Array, other: Array) -> bool:
    """Tell whether most vertices of another polygon lie inside a ring."""
    low, high = ring.min(axis=0), ring.max(axis=0)
    if (other.max(axis=0) < low).any() or (other.min(axis=0) > high).any():
        return False
    x, y = other[:, :1], other[:, 1:]
    (x0, y0), (x1, y1) = ring.T, np.roll(ring, -1, axis=0).T
    crossed = (y0 <= y) != (y1 <= y)
    rise = np.where(y1 == y0, 1.0, y1 - y0)
    crossings = (crossed & (x >= x0 + (y - y0) * (x1 - x0) / rise)).sum(axis=1)
    return bool((crossings % 2 == 1).mean() > 0.5)


RIM_NODES: Final = 2


def agreement(a: Structure | DrawnShape, b: Structure | DrawnShape, grid: Grid) -> Agreement:
    """Return how well two structures agree.

    Parameters
    ----------
    a, b
        In the same frame.
    grid
        Where they are compared, in their frame: its axes and spacing count, not where it ends. A voxel on
        the border of a structure counts by the share of it that lies inside.

    Raises
    ------
    GeometryError
        If frames differ, or one of them encloses no volume.
    """
    first, second = (one if isinstance(one, DrawnShape) else drawn_shape(one) for one in (a, b))
    weights = [np.linalg.norm(shape.surface.area_vectors_mm2, axis=1) for shape in (first, second)]
    away = [
        np.abs(signed_distances_mm(one.surface.points_mm, other.surface, one.structure.frame))
        for one, other in ((first, second), (second, first))
    ]
    means = [float(d @ w / w.sum()) for d, w in zip(away, weights, strict=True)]
    return Agreement(
        dice=_dice(first.structure, second.structure, grid),
        mean_distance_mm=sum(means) / 2.0,
        hausdorff_mm=float(max(d.max() for d in away)),
        hausdorff_p95_mm=max(weighted_percentile(d, w, 95.0) for d, w in zip(away, weights, strict=True)),
    )


def _dice(a: Structure, b: Structure, grid: Grid) -> float:
    ijk = grid.index(np.concatenate([a.points_mm, b.points_mm]))
    low = np.floor(ijk.min(axis=0)) - RIM_NODES
    i, j, k = (int(n) for n in np.ceil(ijk.max(axis=0)) + RIM_NODES - low + 1)
    around = Grid(grid.frame, (k, j, i), grid.spacing_mm, grid.xyz(low), grid.direction)
    pixel_mm = float(np.sqrt(np.prod(grid.spacing_mm[:2])))
    shares = [np.clip(0.5 - signed_distance_mm(one, around) / pixel_mm, 0.0, 1.0) for one in (a, b)]
    whole = float(shares[0].sum(dtype=np.float64) + shares[1].sum(dtype=np.float64))
    return 2.0 * float(np.minimum(*shares).sum(dtype=np.float64)) / max(whole, 1e-12)
