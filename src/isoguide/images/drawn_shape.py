"""The shape that a structure's contours describe: its planes, its distance map and its surface."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from isoguide.errors import GeometryError
from isoguide.geometry.frames import Array
from isoguide.geometry.grid import Grid
from isoguide.images.mask import (
    LARGEST_CONTOUR_SPACING_MM,
    PLANAR_TOLERANCE_MM,
    IntArray,
    closed_contours,
    joined_planes,
    planes_of,
    slabs_of,
)
from isoguide.images.signed_distance import signed_distance_mm
from isoguide.images.structure import Contour, Structure
from isoguide.images.surface import ClosedSurface, surface_of

Float32 = NDArray[np.float32]

FINEST_MM: Final = 0.25
COARSEST_MM: Final = 2.0
NODES_ACROSS: Final = 50
"""A shape is sampled with so many nodes across its parts, neither finer nor coarser than this: what is linear
between nodes misses an arc of radius R by spacing² / 8R."""
MOST_NODES: Final = 3_000_000
"""Small parts far apart are sampled more coarsely than that, so that all nodes find room."""
RIM_NODES: Final = 3
"""Nodes kept around a shape."""
SMALLEST_ML: Final = 1e-3
"""What is smaller than a cubic millimetre is a slip of the pen."""


@dataclass(frozen=True, slots=True, eq=False)
class DrawnPlanes:
    """The planes that a structure was drawn in.

    Parameters
    ----------
    contours
        The closed contours, each once.
    direction
        (3, 3): two directions in the planes and the normal, as columns, right-handed.
    positions_mm
        Of the planes along the normal, ascending, (n,).
    lower_mm, upper_mm
        Borders of the slab that each plane stands for, (n,), see :mod:`isoguide.images.mask`.
    slice_mm
        Smallest distance of two planes.
    plane_of
        Plane of each contour.
    """

    contours: tuple[Contour, ...]
    direction: Array
    positions_mm: Array
    lower_mm: Array
    upper_mm: Array
    slice_mm: float
    plane_of: IntArray


@dataclass(frozen=True, slots=True, eq=False)
class DrawnShape:
    """A structure with its distance map and its surface; made once, used for every day.

    Parameters
    ----------
    structure
        As drawn.
    planes
        Where it was drawn.
    grid
        Around it, along its planes, about as fine as the drawing.
    distance_mm
        Signed distance at the nodes, float32 ``[k, j, i]``, negative inside.
    surface
        Where it is zero.
    """

    structure: Structure
    planes: DrawnPlanes
    grid: Grid
    distance_mm: Float32
    surface: ClosedSurface


def drawn_planes(structure: Structure) -> DrawnPlanes:
    """Return the planes that a structure was drawn in.

    Raises
    ------
    GeometryError
        If nothing closed was drawn, only on planes too far apart for one body, or not on parallel planes.
    """
    contours = tuple(closed_contours(structure))
    direction = _direction(structure, contours)
    depth = np.array([float((contour.xyz_mm @ direction[:, 2]).mean()) for contour in contours])
    positions, plane_of = planes_of(depth, PLANAR_TOLERANCE_MM)
    if len(positions) < 2 or np.diff(positions).min() > LARGEST_CONTOUR_SPACING_MM:
        msg = (
            f"structure '{structure.name}' is drawn on a single slice, or on slices more than"
            f" {LARGEST_CONTOUR_SPACING_MM:g} mm apart, so that its size across slices is not known: draw it"
            " on neighbouring slices, or leave it out"
        )
        raise GeometryError(msg)
    slice_mm = float(np.diff(positions).min())
    in_slices = positions / slice_mm
    lower, upper = slabs_of(in_slices, joined_planes(np.diff(in_slices), slice_mm))
    return DrawnPlanes(contours, direction, positions, lower * slice_mm, upper * slice_mm, slice_mm, plane_of)


def _direction(structure: Structure, contours: tuple[Contour, ...]) -> Array:
    """Axes along the planes: the patient's own where the contours are flat along one of them."""
    thickest = np.max([np.ptp(contour.xyz_mm, axis=0) for contour in contours], axis=0)
    for axis in (2, 1, 0):
        if thickest[axis] <= PLANAR_TOLERANCE_MM:
            return np.roll(np.eye(3), 2 - axis, axis=1)
    normal = _mean_normal(contours)
    across = np.eye(3)[int(np.argmin(np.abs(normal)))]
    first = np.cross(across, normal)
    first /= np.linalg.norm(first)
    direction = np.column_stack([first, np.cross(normal, first), normal])
    thickness_mm = max(float(np.ptp(contour.xyz_mm @ normal)) for contour in contours)
    if thickness_mm > PLANAR_TOLERANCE_MM:
        msg = (
            f"the contours of structure '{structure.name}' do not lie in parallel planes"
            f" (thickness {thickness_mm:.1f} mm): export it as it was drawn"
        )
        raise GeometryError(msg)
    return direction


def _mean_normal(contours: tuple[Contour, ...]) -> Array:
    """Return the unit normal of all contours, each counted by its area (Newell)."""
    normals: list[Array] = []
    for contour in contours:
        inner = contour.xyz_mm - contour.xyz_mm.mean(axis=0)
        normal = np.cross(inner, np.roll(inner, -1, axis=0)).sum(axis=0)
        normals.append(-normal if normals and normal @ normals[0] < 0.0 else normal)
    total: Array = np.sum(normals, axis=0)
    total *= np.sign(total[int(np.argmax(np.abs(total)))]) or 1.0
    unit: Array = total / max(float(np.linalg.norm(total)), 1e-12)
    return unit


def drawn_shape(structure: Structure) -> DrawnShape:
    """Return the shape of a structure.

    Raises
    ------
    GeometryError
        As :func:`drawn_planes`, or if it encloses nothing.
    """
    planes = drawn_planes(structure)
    grid = _grid_about(structure, planes)
    distance_mm = signed_distance_mm(structure, grid, slice_mm=planes.slice_mm)
    distance_mm.flags.writeable = False
    surface = surface_of(distance_mm, grid) if (distance_mm < 0.0).any() else None
    if surface is None or surface.volume_ml < SMALLEST_ML:
        msg = f"structure '{structure.name}' encloses next to nothing: check its contours, or leave it out"
        raise GeometryError(msg)
    return DrawnShape(structure, planes, grid, distance_mm, surface)


def _grid_about(structure: Structure, planes: DrawnPlanes) -> Grid:
    along = np.concatenate([contour.xyz_mm for contour in planes.contours]) @ planes.direction
    low, high = along.min(axis=0), along.max(axis=0)
    fine_mm = _spacing_mm(planes, high - low)
    # Half-way between two slices the outermost slabs end.
    step_mm = planes.slice_mm / (2.0 if planes.slice_mm >= 2.0 * fine_mm else 1.0)
    spacing = np.array([fine_mm, fine_mm, step_mm])
    # The nodes hit the planes, so that between two planes the map is what is interpolated there.
    first = planes.positions_mm[0] - step_mm * RIM_NODES
    origin = np.array([*(low[:2] - fine_mm * RIM_NODES), first])
    size = np.ceil((high - origin) / spacing).astype(int) + 1 + RIM_NODES
    i, j, k = (int(n) for n in size)
    return Grid(structure.frame, (k, j, i), spacing, planes.direction @ origin, planes.direction)


def _spacing_mm(planes: DrawnPlanes, extent_mm: Array) -> float:
    """Return how closely the planes are sampled, for the size of the contours, larger ones counting more."""
    boxes = np.array(
        [np.ptp(contour.xyz_mm @ planes.direction[:, :2], axis=0) for contour in planes.contours]
    )
    areas = np.maximum(boxes.prod(axis=1), FINEST_MM**2)
    across_mm = float(np.average(np.sqrt(areas), weights=areas))
    fine_mm = float(np.clip(across_mm / NODES_ACROSS, FINEST_MM, COARSEST_MM))
    slices = 2.0 * extent_mm[2] / planes.slice_mm + 1.0
    return max(fine_mm, float(np.sqrt(extent_mm[0] * extent_mm[1] * slices / MOST_NODES)))
