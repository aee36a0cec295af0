"""What a deformable engine is asked, as a peer sees it, and what it answers.

A peer gets two images on one grid: the planning CT, cut to the box in which the day's image shows the body,
and the day's image laid on it by the rigid match. It answers with a displacement at every voxel.
"""

from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from isoguide.geometry.frames import Array
from isoguide.geometry.grid import Grid
from isoguide.geometry.transforms import RigidTransform
from isoguide.images.displacement_field import DisplacementField, node_positions_mm
from isoguide.images.volume import Volume
from isoguide.kernels.fields import moved_points
from isoguide.registration.anatomy import field_of_view

Floats = NDArray[np.float32]
Mask = NDArray[np.bool_]

AIR_HU: Final = -1000.0
MARGIN_MM: Final = 8.0


@dataclass(frozen=True, eq=False)
class Problem:
    """Fixed and moving image on one grid, float32 ``[k, j, i]``, and where both show the body.

    ``seen`` is where the day's image shows anything; beyond it ``moving`` is air. ``is_mono`` says that both
    are images of one kind, so that like tissue has like values.
    """

    grid: Grid
    fixed: Floats
    moving: Floats
    body: Mask
    seen: Mask
    is_mono: bool

    @property
    def mask(self) -> Mask:
        """Where the body is seen in both."""
        return self.body & self.seen

    def resampled(self, spacing_mm: float) -> "Problem":
        """Return the same on a grid with voxels of one length."""
        size = np.array(self.grid.shape[::-1]) - 1
        i, j, k = (int(n) for n in np.round(size * self.grid.spacing_mm / spacing_mm) + 1)
        grid = Grid(
            self.grid.frame, (k, j, i), np.full(3, spacing_mm), self.grid.origin_mm, self.grid.direction
        )
        at = self.grid.index(node_positions_mm(grid))[:, ::-1].T

        def on_grid(values: Floats) -> Floats:
            smooth = ndimage.gaussian_filter(
                values, np.sqrt(np.maximum((spacing_mm / self.grid.spacing_mm[::-1]) ** 2 - 1.0, 0.0)) / 2.0
            )
            taken: Floats = ndimage.map_coordinates(
                smooth, at, order=1, mode="nearest", prefilter=False, output=np.float32
            ).reshape(grid.shape)
            return taken

        body, seen = (on_grid(one.astype(np.float32)) > 0.5 for one in (self.body, self.seen))
        return Problem(grid, on_grid(self.fixed), on_grid(self.moving), body, seen, self.is_mono)


@dataclass(frozen=True, eq=False)
class FoundField:
    """What an engine found: u(x) in mm at the voxels of a grid, linear between and constant beyond them.

    ``seconds`` is wall time, ``cpu_seconds`` that of all threads and child processes together.
    """

    grid: Grid
    vectors_mm: Floats
    seconds: float = field(default=0.0)
    cpu_seconds: float = field(default=0.0)

    def moved(self, points_mm: Array) -> Array:
        """Return where tissue of positions (n, 3) is now, both planning LPS."""
        return moved_points(self.vectors_mm, self.grid.index_from_xyz[:3], points_mm)


def problem(
    planning: Volume, body: Mask, daily: Volume, planning_from_daily: RigidTransform, *, is_mono: bool
) -> Problem:
    """Lay the day's image on the planning CT's grid, cut to where it shows the body."""
    from_planning = planning_from_daily.inverse()
    index_of_day = daily.grid.index_from_xyz @ from_planning.matrix @ planning.grid.xyz_from_index
    # Matrices act on (i, j, k); arrays are indexed [k, j, i].
    matrix, offset = index_of_day[:3, :3][::-1, ::-1], index_of_day[:3, 3][::-1]
    shown = np.isfinite(field_of_view(daily.values))
    shape = planning.grid.shape
    seen = ndimage.affine_transform(shown.astype(np.float32), matrix, offset, shape, order=1) > 0.999
    moving = ndimage.affine_transform(
        daily.values.astype(np.float32), matrix, offset, shape, order=1, mode="nearest"
    )
    moving[~seen] = AIR_HU
    box = _box(body & seen, planning.grid)
    low = np.array([one.start for one in box[::-1]], dtype=float)
    part = body[box]
    grid = Grid(
        planning.grid.frame,
        (part.shape[0], part.shape[1], part.shape[2]),
        planning.grid.spacing_mm,
        planning.grid.xyz(low),
        planning.grid.direction,
    )
    fixed = planning.values[box].astype(np.float32)
    return Problem(grid, fixed, np.ascontiguousarray(moving[box]), part, seen[box], is_mono)


def _box(mask: Mask, grid: Grid) -> tuple[slice, slice, slice]:
    slices = []
    for axis, spacing_mm in enumerate(grid.spacing_mm[::-1]):
        at = np.flatnonzero(mask.any(axis=tuple(a for a in range(3) if a != axis)))
        margin = int(np.ceil(MARGIN_MM / spacing_mm))
        slices.append(slice(max(int(at[0]) - margin, 0), min(int(at[-1]) + margin + 1, mask.shape[axis])))
    return slices[0], slices[1], slices[2]


def laid_on(found: DisplacementField | FoundField, grid: Grid) -> Floats:
    """Return u at the voxels of a grid, float32 ``[k, j, i, 3]``."""
    nodes = node_positions_mm(grid)
    return (found.moved(nodes) - nodes).reshape(*grid.shape, 3).astype(np.float32)


def determinants(vectors_mm: Floats, grid: Grid) -> Floats:
    """Return the Jacobian determinant of x + u(x) at every voxel, by central differences."""
    jacobian = np.empty((*grid.shape, 3, 3), dtype=np.float32)
    for column, axis in enumerate((2, 1, 0)):
        jacobian[..., column] = np.gradient(vectors_mm, grid.spacing_mm[column], axis=axis)
        jacobian[..., column, column] += 1.0
    return np.asarray(np.linalg.det(jacobian), dtype=np.float32)


def folded_percent(found: DisplacementField | FoundField, asked: Problem) -> float:
    """Share of the body's voxels, in per cent, at which tissue is turned inside out."""
    inside = determinants(laid_on(found, asked.grid), asked.grid)[asked.mask]
    return 100.0 * float(np.mean(inside <= 0.0))
