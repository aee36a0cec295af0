"""Masks from structures: polygons stay the truth, a mask is derived for one grid.

Contours are planar and drawn along one axis of the grid (usually slices, but any axis and orientation will
do). A voxel is in when at least half of its area is inside by the even-odd rule, which covers holes (either
winding, keyhole or CLOSEDPLANAR_XOR) and separate parts. Along the third axis every slice takes the contours
of the plane whose slab it lies in; slabs of neighbouring planes meet half-way, so contours on every second or
third slice leave no gaps, while a gap that stands out from its neighbours separates two parts.

Source: DICOM PS3.3 C.8.8.6 (ROI Contour).
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from isoguide.errors import GeometryError
from isoguide.geometry.frames import Array
from isoguide.geometry.grid import Grid
from isoguide.images.structure import AREA_TYPES, Contour, Structure
from isoguide.kernels.raster import fill_even_odd

BoolArray = NDArray[np.bool_]
IntArray = NDArray[np.int64]

PLANAR_TOLERANCE_MM: Final = 0.1
"""Largest thickness of a contour that still counts as planar: files round vertices to 0.01 mm or so."""

LARGEST_CONTOUR_SPACING_MM: Final = 15.0
"""Contours farther apart than every third slice of 5 mm are separate parts, not a coarsely drawn one."""

REGULAR_GAP_RATIO: Final = 1.5
"""A gap up to this times the larger neighbouring gap is the rhythm of drawing; a larger one separates."""

TIE_SLICES: Final = 1e-3
"""Slices within this of the border between two slabs belong to the higher one, whatever the rounding."""


@dataclass(frozen=True, slots=True, eq=False)
class PlanarEdges:
    """Edges of all contours in index coordinates: two in-plane ends (n, 2), and depth (n,) along ``axis``.

    In-plane coordinates are those of the other two axes (0 = i, 1 = j, 2 = k) in ascending order.
    """

    axis: int
    start: Array
    stop: Array
    depth: Array


def structure_mask(structure: Structure, grid: Grid) -> BoolArray:
    """Return which voxels of the grid belong to the structure.

    Parameters
    ----------
    structure
        With closed planar contours; open contours and points enclose nothing and are passed over.
    grid
        In the same frame, of any orthogonal orientation. The structure may reach beyond it.

    Returns
    -------
    BoolArray
        ``[k, j, i]``, the grid's shape.

    Raises
    ------
    GeometryError
        If the frames differ, nothing closed was drawn, or the contours do not lie along one axis of the grid.
    """
    if structure.frame != grid.frame:
        msg = f"structure '{structure.name}' is in '{structure.frame}' but the grid in '{grid.frame}'"
        raise GeometryError(msg)
    edges = planar_edges(structure, grid)
    planes, plane_of_edge = planes_of(edges.depth, PLANAR_TOLERANCE_MM / grid.spacing_mm[edges.axis])
    mask = np.zeros(grid.shape, np.bool_)
    # Arrays are [k, j, i] and index coordinates (i, j, k): axis a of the one is axis 2 - a of the other.
    slices = np.moveaxis(mask, 2 - edges.axis, 0)
    direction = grid.direction[:, edges.axis]
    upwards = float(np.sign(direction[np.argmax(np.abs(direction))]))
    plane_of_slice = _plane_of_slice(planes, len(slices), float(grid.spacing_mm[edges.axis]), upwards)
    order = np.argsort(plane_of_edge, kind="stable")
    bounds = np.searchsorted(plane_of_edge[order], np.arange(len(planes) + 1))
    for plane in np.unique(plane_of_slice[plane_of_slice >= 0]):
        chosen = order[bounds[plane] : bounds[plane + 1]]
        # Voxel centres have whole indices, so a voxel begins half an index before.
        corners = np.concatenate([edges.start[chosen], edges.stop[chosen]], axis=1) + 0.5
        slices[plane_of_slice == plane] = fill_even_odd(corners, slices.shape[1:])
    return mask


def planar_edges(structure: Structure, grid: Grid) -> PlanarEdges:
    """Return the edges of a structure's closed contours, each contour once, in index coordinates of a grid.

    Raises
    ------
    GeometryError
        If nothing closed was drawn, or the contours do not lie along one axis of the grid.
    """
    contours = closed_contours(structure)
    lengths = np.array([len(contour.xyz_mm) for contour in contours])
    first = np.concatenate([[0], np.cumsum(lengths)[:-1]])
    vertices = grid.index(np.concatenate([contour.xyz_mm for contour in contours]))
    axis = _drawing_axis(vertices, first, structure, grid)
    depth = np.add.reduceat(vertices[:, axis], first) / lengths
    following = np.arange(1, len(vertices) + 1)
    following[first + lengths - 1] = first
    in_plane = vertices[:, [a for a in range(3) if a != axis]]
    return PlanarEdges(axis, in_plane, in_plane[following], np.repeat(depth, lengths))


def closed_contours(structure: Structure) -> list[Contour]:
    """Return the contours that enclose an area, each once: a contour stored twice would cancel itself.

    Raises
    ------
    GeometryError
        If there is none.
    """
    closed: dict[bytes, Contour] = {}
    for contour in structure.contours:
        if contour.kind in AREA_TYPES and len(contour.xyz_mm) >= 3:
            closed.setdefault(contour.xyz_mm.tobytes(), contour)
    if not closed:
        msg = f"structure '{structure.name}' has no closed contour: it has no volume, choose another one"
        raise GeometryError(msg)
    return list(closed.values())


def _drawing_axis(vertices: Array, first: IntArray, structure: Structure, grid: Grid) -> int:
    """Axis (0 = i, 1 = j, 2 = k) across which every contour is flat."""
    thickness = np.maximum.reduceat(vertices, first) - np.minimum.reduceat(vertices, first)
    thickest_mm = thickness.max(axis=0) * grid.spacing_mm
    axis = 2 - int(np.argmin(thickest_mm[::-1]))
    if thickest_mm[axis] > PLANAR_TOLERANCE_MM:
        msg = (
            f"the contours of structure '{structure.name}' are not flat along any axis of the image"
            f" (thickness {thickest_mm[axis]:.1f} mm): use the image they were drawn on"
        )
        raise GeometryError(msg)
    return axis


def planes_of(depth: Array, tolerance: float) -> tuple[Array, IntArray]:
    """Group equal depths: mean depth per plane, ascending, and the plane of each entry."""
    order = np.argsort(depth, kind="stable")
    is_next = np.diff(depth[order], prepend=depth[order[0]]) > tolerance
    plane_of = np.empty(len(depth), np.int64)
    plane_of[order] = np.cumsum(is_next)
    return np.bincount(plane_of, weights=depth) / np.bincount(plane_of), plane_of


def _plane_of_slice(planes: Array, slices: int, spacing_mm: float, upwards: float) -> IntArray:
    """Plane whose contours each slice takes, -1 for none; positions are in slices.

    ``upwards`` is +1 or -1: the direction of increasing patient coordinates decides ties, so that turning the
    grid over does not change the mask.
    """
    joined = joined_planes(np.diff(planes), spacing_mm)
    lower, upper = slabs_of(planes, joined)
    centres = np.arange(slices) + TIE_SLICES * upwards
    plane = np.searchsorted(lower, centres, side="right") - 1
    plane[(plane >= 0) & (centres >= upper[plane])] = -1
    # A part thinner than a slice may pass between two slice centres; it still belongs to the nearest.
    part = np.concatenate([[0], np.cumsum(~joined)])
    for missed in np.setdiff1d(part, part[plane[plane >= 0]]):
        members = np.flatnonzero(part == missed)
        middle = members[len(members) // 2]
        nearest = round(float(planes[middle]))
        if 0 <= nearest < slices and plane[nearest] < 0:
            plane[nearest] = middle
    return plane


def slabs_of(planes: Array, joined: BoolArray) -> tuple[Array, Array]:
    """Lower and upper border of the slab that each plane stands for, in slices.

    Neighbours of one part meet half-way; an outermost plane reaches as far outwards as inwards; a plane alone
    reaches half a slice.
    """
    half = np.where(joined, np.diff(planes) / 2.0, np.nan)
    below, above = np.concatenate([[np.nan], half]), np.concatenate([half, [np.nan]])
    outwards_below = np.where(np.isnan(below), np.where(np.isnan(above), 0.5, above), below)
    outwards_above = np.where(np.isnan(above), np.where(np.isnan(below), 0.5, below), above)
    return planes - outwards_below, planes + outwards_above


def joined_planes(gaps: Array, spacing_mm: float) -> BoolArray:
    """Tell which neighbouring planes belong to one part, from their gaps in slices."""
    if len(gaps) < 2:
        rhythm = gaps
    else:
        padded = np.concatenate([[0.0], gaps, [0.0]])
        rhythm = np.maximum(padded[:-2], padded[2:])
    regular = gaps <= REGULAR_GAP_RATIO * np.maximum(rhythm, 1.0)
    return np.asarray(regular & (gaps * spacing_mm <= LARGEST_CONTOUR_SPACING_MM))
