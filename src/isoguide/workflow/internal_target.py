"""Internal target volume: everywhere the target is during a breath, as a structure."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

import contourpy
import numpy as np

from isoguide.errors import GeometryError
from isoguide.geometry.frames import Array
from isoguide.geometry.grid import Grid
from isoguide.images.mask import BoolArray, structure_mask
from isoguide.images.structure import Contour, Structure
from isoguide.workflow.outlines import cropped_grid


@dataclass(frozen=True, slots=True, eq=False)
class InternalTarget:
    """The union of a target over the phases of breathing.

    Parameters
    ----------
    structure
        Its outline on the slices of the planning CT, planning LPS; its type is left open, so that nobody
        takes it for a target that was planned.
    volume_cm3
        Of the voxels of the planning CT that it holds.
    target_volume_cm3
        Of the target where it was drawn, counted likewise.
    """

    structure: Structure
    volume_cm3: float
    target_volume_cm3: float


def internal_target(target: Structure, places_mm: Array, grid: Grid, number: int) -> InternalTarget:
    """Unite a target over its places during a breath.

    Parameters
    ----------
    target
        As drawn on the planning CT.
    places_mm
        (phases, 3) planning LPS: by how much it is displaced in each phase against where it was drawn.
    grid
        Of the planning CT.
    number
        ROI number of the new structure.

    Raises
    ------
    GeometryError
        If the target has no volume on the planning CT.
    """
    moved = [displaced(target, shift_mm) for shift_mm in places_mm]
    around = cropped_grid(grid, np.concatenate([target.points_mm, *(one.points_mm for one in moved)]))
    if around is None:
        msg = f"structure '{target.name}' lies outside the planning CT: give the image it was drawn on"
        raise GeometryError(msg)
    union = np.any([structure_mask(one, around) for one in moved], axis=0)
    voxel_cm3 = float(np.prod(around.spacing_mm)) / 1000.0
    structure = Structure(
        f"ITV {target.name}",
        number,
        target.frame,
        tuple(_outline(union, around)),
        description=f"union of {target.name} over {len(moved)} phases",
    )
    drawn = structure_mask(target, around)
    return InternalTarget(structure, voxel_cm3 * int(union.sum()), voxel_cm3 * int(drawn.sum()))


def displaced(structure: Structure, shift_mm: Array) -> Structure:
    """Return a structure moved by (3,) mm as a whole."""
    contours = tuple(replace(one, xyz_mm=one.xyz_mm + shift_mm) for one in structure.contours)
    return replace(structure, contours=contours)


def _outline(mask: BoolArray, grid: Grid) -> Iterable[Contour]:
    for k, plane in enumerate(mask):
        # A rim of zeros closes lines that would leave the picture.
        lines = contourpy.contour_generator(z=np.pad(plane.astype(np.float64), 1)).lines(0.5)
        for line in lines:
            ij = np.asarray(line, dtype=np.float64)[:-1] - 1.0
            ijk = np.column_stack([ij, np.full(len(ij), float(k))])
            yield Contour("CLOSED_PLANAR", np.round(grid.xyz(ijk), 2))
