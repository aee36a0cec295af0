"""Structures of the plan carried to the day's anatomy, as polygons on slices."""

from collections.abc import Callable
from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from isoguide.errors import GeometryError
from isoguide.geometry.frames import DAILY, PLANNING, Array, Frame
from isoguide.geometry.grid import Grid
from isoguide.images.contouring import contours_of
from isoguide.images.displacement_field import DisplacementField
from isoguide.images.drawn_shape import DrawnShape, drawn_shape
from isoguide.images.structure import Structure
from isoguide.images.surface import ClosedSurface
from isoguide.registration.deformable.result import DeformableRegistration

Float32 = NDArray[np.float32]

CUT: Final = "cut at the border of the image"
"""In the description of a structure that reaches beyond the day's image."""
RIM_NODES: Final = 2
"""Nodes of the day's grid that are looked at around the surface."""


def carried(structure: Structure | DrawnShape, found: DeformableRegistration, grid: Grid) -> Structure:
    """Return a structure of the plan where its tissue is today, drawn on the slices of a grid.

    Every node of the grid asks how far its tissue lies from the planned surface; the zero level is drawn. So
    the answer is as exact as the field, whatever the spacing. Beyond what the day's image shows, the
    structure follows the field as it is there.

    Parameters
    ----------
    structure
        Planning LPS, as drawn; a :class:`isoguide.images.drawn_shape.DrawnShape` of it saves time.
    found
        Where the tissue is.
    grid
        In DAILY, that of the day's image: for a structure set that belongs to it. In PLANNING: the patient
        put where he was planned.

    Returns
    -------
    Structure
        In the grid's frame. Its description says where it comes from, the verdict, and when the border of
        the image cuts it.

    Raises
    ------
    GeometryError
        If the structure is not in planning LPS, has no volume, is drawn on a single slice, or meets no slice
        of the grid today.
    """
    shape = structure if isinstance(structure, DrawnShape) else drawn_shape(structure)
    name = shape.structure.name
    surface = carried_surface(shape, found, grid.frame)
    around, cut = _around(surface, grid, name)
    drawn = contours_of(
        _distance_today_mm(shape, found, around),
        around,
        name=name,
        number=shape.structure.number,
        like=shape.structure,
    )
    notes = [shape.structure.description] if shape.structure.description else []
    notes.append(f"carried from the plan by deformable registration, {found.verdict}")
    if cut:
        notes.append(CUT)
    return replace(drawn, description="; ".join(notes))


def carried_surface(shape: DrawnShape, found: DeformableRegistration, frame: Frame) -> ClosedSurface:
    """Return the surface of a planned shape where its tissue is today.

    Parameters
    ----------
    shape
        Planning LPS.
    found
        Where the tissue is.
    frame
        DAILY, or PLANNING for the patient put where he was planned.

    Raises
    ------
    GeometryError
        If the shape is not in planning LPS, or the frame is another one.
    """
    if shape.structure.frame != PLANNING:
        msg = (
            f"structure '{shape.structure.name}' is in '{shape.structure.frame}': only structures of the plan"
            f" ('{PLANNING}') are carried to the day"
        )
        raise GeometryError(msg)
    surface = shape.surface
    return surface.moved_to(_moves(found, frame)(surface.points_mm), frame)


def _moves(found: DeformableRegistration, frame: Frame) -> Callable[[Array], Array]:
    """Return what takes tissue of planning positions to where it is today."""
    if frame == DAILY:
        return found.daily_positions
    if frame == PLANNING:
        return field_of(found).moved
    msg = f"a structure is carried to '{DAILY}' or '{PLANNING}', not to '{frame}'"
    raise GeometryError(msg)


def field_of(found: DeformableRegistration) -> DisplacementField:
    """Return the displacement field.

    Raises
    ------
    ValueError
        If none was found.
    """
    if found.field is None:
        msg = "no displacement field was found, so nothing follows from it"
        raise ValueError(msg)
    return found.field


def _around(surface: ClosedSurface, grid: Grid, name: str) -> tuple[Grid, bool]:
    """Part of the grid around a surface, and whether the surface leaves the grid."""
    ijk = grid.index(surface.points_mm)
    size = np.array(grid.shape[::-1])
    lowest, highest = ijk.min(axis=0), ijk.max(axis=0)
    if (highest < -0.5).any() or (lowest > size - 0.5).any():
        msg = (
            f"structure '{name}' lies outside the image today (by {_beyond_mm(ijk, grid):.0f} mm at least):"
            " leave it out, or take an image that shows it"
        )
        raise GeometryError(msg)
    low = np.clip(np.floor(lowest).astype(int) - RIM_NODES, 0, size - 1)
    high = np.clip(np.ceil(highest).astype(int) + RIM_NODES, 0, size - 1)
    i, j, k = (int(n) for n in high - low + 1)
    part = Grid(grid.frame, (k, j, i), grid.spacing_mm, grid.xyz(low.astype(np.float64)), grid.direction)
    return part, bool((lowest < -0.5).any() or (highest > size - 0.5).any())


def _beyond_mm(ijk: Array, grid: Grid) -> float:
    """Distance of points from the image along its axes: of the nearest point, along its farthest axis."""
    size = np.array(grid.shape[::-1])
    over = np.maximum(np.maximum(-0.5 - ijk, ijk - (size - 0.5)), 0.0) * grid.spacing_mm
    return float(over.max(axis=1).min())


def _distance_today_mm(shape: DrawnShape, found: DeformableRegistration, grid: Grid) -> Float32:
    """Planned signed distance of the tissue that is now at each node of a grid."""
    field = field_of(found)
    to_planning = np.eye(4) if grid.frame == PLANNING else found.planning_from_daily.matrix
    xyz = to_planning @ grid.xyz_from_index
    to_map = shape.grid.index_from_xyz
    shifts = field.pull_back(xyz, to_map[:3, :3], grid.shape)
    matrix = to_map @ xyz
    k, j, i = np.meshgrid(*(np.arange(n, dtype=np.float32) for n in grid.shape), indexing="ij", sparse=True)
    for axis in range(3):
        row = matrix[axis].astype(np.float32)
        shifts[axis] += row[0] * i + row[1] * j + row[2] * k + row[3]
    values: Float32 = ndimage.map_coordinates(shape.distance_mm, shifts[::-1], order=1, mode="nearest")
    return values
