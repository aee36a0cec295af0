"""The edge of a structure's shadow in a radiograph, drawn into a picture."""

from collections.abc import Sequence

import contourpy
import numpy as np

from isoguide.errors import GeometryError
from isoguide.geometry.frames import Array
from isoguide.geometry.grid import Grid
from isoguide.geometry.xray_view import XrayView
from isoguide.images.structure import Structure
from isoguide.images.volume import Volume
from isoguide.projection.project import project_volume
from isoguide.workflow.outlines import CroppedMask
from isoguide.workflow.pictures import Picture

Colour = tuple[int, int, int]


def silhouettes(structure: Structure, grid: Grid, views: Sequence[XrayView]) -> list[list[Array]]:
    """Return, for every view, the lines about the shadow of a structure: pixel positions (n, 2), column, row.

    The lines are right to half a voxel. A ray belongs to the shadow when it meets a voxel of the structure,
    or half of the most that any ray meets of a thin one: at the surface of a mask that is interpolated, a ray
    that touches a ball of radius R goes through 2/3 sqrt(R h) of it, with voxels of h.

    Parameters
    ----------
    structure
        Closed contours in the frame of the grid.
    grid
        Voxels on which it is rasterised: those of the planning CT.
    views
        In the same frame.

    Raises
    ------
    GeometryError
        If the structure has no closed contours, or does not meet the grid.
    """
    return silhouettes_of_mask(shadow_mask(structure, grid), views)


def shadow_mask(structure: Structure, grid: Grid) -> Volume:
    """Rasterise a structure as values 0 and 1 on the voxels of a grid about it.

    Raises
    ------
    GeometryError
        If the structure has no closed contours, or does not meet the grid.
    """
    mask = CroppedMask.of(structure, grid).mask
    if mask is None:
        msg = (
            f"structure '{structure.name}' has no closed contours within the planning image, so it casts no "
            "shadow: choose another --outline"
        )
        raise GeometryError(msg)
    return mask


def silhouettes_of_mask(mask: Volume, views: Sequence[XrayView]) -> list[list[Array]]:
    """Do the same for a structure that :func:`shadow_mask` rasterised."""
    paths_mm = project_volume(np.asarray(mask.values, dtype=np.float32), mask.grid, views)
    voxel_mm = float(mask.grid.spacing_mm.mean())
    return [_lines(path_mm, min(voxel_mm, 0.5 * float(path_mm.max()))) for path_mm in paths_mm]


def _lines(path_mm: Array, level_mm: float) -> list[Array]:
    if level_mm <= 0.0:  # beside the picture
        return []
    # A rim of zeros closes lines that would leave the picture.
    found = contourpy.contour_generator(z=np.pad(path_mm, 1)).lines(level_mm)
    return [np.asarray(line, dtype=np.float64) - 1.0 for line in found]


def with_lines(picture: Picture, lines: Sequence[Array], colour: Colour) -> Picture:
    """Return a picture (rows, columns, 3) with lines of pixel positions (n, 2) drawn one pixel wide."""
    drawn = picture.copy()
    rows, columns = picture.shape[:2]
    for line in lines:
        steps = np.ceil(2.0 * np.abs(np.diff(line, axis=0)).max(axis=1)).astype(int) + 1
        parts = [
            np.linspace(one, other, count) for one, other, count in zip(line, line[1:], steps, strict=False)
        ]
        dots = np.rint(np.concatenate([line, *parts])).astype(int)
        inside = ((dots >= 0) & (dots < (columns, rows))).all(axis=1)
        drawn[dots[inside, 1], dots[inside, 0]] = colour
    return drawn
