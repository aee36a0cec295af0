"""Where a structure meets a picture plane, as closed lines in picture coordinates."""

from dataclasses import dataclass

import contourpy
import numpy as np
from numpy.typing import NDArray

from isoguide.geometry.frames import Array
from isoguide.geometry.grid import Grid
from isoguide.images.mask import structure_mask
from isoguide.images.structure import AREA_TYPES, Structure
from isoguide.images.volume import Volume
from isoguide.workflow.planes import Plane, sample

FLAT_MM = 0.05
"""Contours whose vertices differ less in depth than this lie in the plane's family."""


@dataclass(frozen=True, slots=True, eq=False)
class CroppedMask:
    """A structure's mask on the smallest part of the planning grid that holds it.

    Built once per structure: ``mask`` is a volume of 0 and 1 that can be sampled like any image.
    """

    structure: Structure
    mask: Volume | None
    slice_mm: float

    @classmethod
    def of(cls, structure: Structure, grid: Grid) -> "CroppedMask":
        """Rasterise ``structure`` on the voxels of ``grid`` around it; no mask where they do not meet."""
        slice_mm = float(grid.spacing_mm[2])
        cropped = cropped_grid(grid, structure.points_mm)
        if cropped is None or not structure.is_volume:
            return cls(structure, None, slice_mm)
        values = structure_mask(structure, cropped).astype(np.float32)
        return cls(structure, Volume(cropped, values, is_hounsfield=False, source=structure.name), slice_mm)


def cropped_grid(grid: Grid, points_mm: Array, margin_voxels: int = 2) -> Grid | None:
    """Cut the part out of ``grid`` that holds points (n, 3) and a margin; None when they do not meet."""
    if len(points_mm) == 0:
        return None
    ijk = grid.index(points_mm)
    size = np.array(grid.shape[::-1])
    low = np.clip(np.floor(ijk.min(axis=0)).astype(int) - margin_voxels, 0, size)
    high = np.clip(np.ceil(ijk.max(axis=0)).astype(int) + margin_voxels + 1, 0, size)
    if (high - low).min() < 1:
        return None
    i, j, k = (int(n) for n in high - low)
    return Grid(grid.frame, (k, j, i), grid.spacing_mm, grid.xyz(low.astype(np.float64)), grid.direction)


def outlines(cropped: CroppedMask, plane: Plane) -> list[Array]:
    """Return the closed lines (n, 2), picture coordinates, where the structure meets the plane.

    In the planes it was drawn in, the structure's own polygons are returned; across them, the half-level
    line of its mask.
    """
    drawn = _polygons_in(cropped.structure, plane, cropped.slice_mm)
    if drawn is not None:
        return drawn
    if cropped.mask is None:
        return []
    inside = np.nan_to_num(sample(cropped.mask, plane))
    return half_level_lines(inside)


def _polygons_in(structure: Structure, plane: Plane, slice_mm: float) -> list[Array] | None:
    """Pick the polygons of the drawn slice nearest to the plane; None when they lie across it."""
    depths: list[tuple[float, Array]] = []
    for contour in structure.contours:
        if contour.kind not in AREA_TYPES:
            continue
        depth_mm = plane.depth_mm(contour.xyz_mm)
        if np.ptp(depth_mm) > FLAT_MM:
            return None
        depths.append((float(depth_mm.mean()), contour.xyz_mm))
    near = [depth for depth, _ in depths if abs(depth) <= slice_mm / 2.0 + FLAT_MM]
    if not near:
        return []
    nearest = min(near, key=abs)
    return [plane.picture_xy(xyz_mm) for depth, xyz_mm in depths if abs(depth - nearest) <= FLAT_MM]


def half_level_lines(inside: NDArray[np.float32]) -> list[Array]:
    """Return closed lines (n, 2), picture coordinates, around pixels (rows, columns) of at least a half."""
    if not (inside >= 0.5).any():
        return []
    # A rim of zeros closes lines that would leave the picture; pixel centres lie at half-integer coordinates.
    rimmed = np.pad(inside, 1)
    lines = contourpy.contour_generator(z=rimmed).lines(0.5)
    return [np.asarray(line, dtype=np.float64) - 0.5 for line in lines]
