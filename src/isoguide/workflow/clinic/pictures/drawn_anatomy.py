"""What is drawn of the anatomy of a day: the plan in the day's body, the displacement, today's outlines."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal, Self

import numpy as np
from numpy.typing import NDArray

from isoguide.dose.density.warp import warped
from isoguide.geometry.frames import PLANNING
from isoguide.geometry.grid import Grid
from isoguide.images.displacement_field import DisplacementField
from isoguide.images.structure import Structure
from isoguide.images.volume import Volume
from isoguide.registration.deformable.result import DeformableRegistration
from isoguide.workflow.clinic.pictures.structure_distance import DrawnStructure, drawn_structures
from isoguide.workflow.clinic.pictures.voxel_bytes import VoxelBytes, as_int16

PartName = Literal["plan", "x", "y", "z", "volume"]

STEPS_PER_MM: Final = 100.0
STEPS_OF_VOLUME: Final = 1000.0
NOT_SEEN: Final = -32768
"""Stands where the day's image does not show the tissue, so that the field is assumed and not drawn, and
where the planning CT does not reach."""
NODES_MM: Final = 4.0
"""Nodes that are drawn are about so far apart: finer ones are not told apart on a screen."""


@dataclass(frozen=True, slots=True, eq=False)
class DrawnField:
    """A displacement field as a page draws it, planning LPS.

    Parameters
    ----------
    shift
        Displacement of tissue along x, y and z in 1/100 mm.
    volume_ratio
        What a volume of tissue has become, in thousandths of what it was: the determinant of the Jacobian.
    longest_mm
        Of what is drawn.
    """

    shift: tuple[VoxelBytes, VoxelBytes, VoxelBytes]
    volume_ratio: VoxelBytes
    longest_mm: float

    @classmethod
    def of(cls, field: DisplacementField, seen: NDArray[np.bool_] | None) -> Self:
        """Take every n-th node of a field, so that they are about :data:`NODES_MM` apart.

        Parameters
        ----------
        field
            The field.
        seen
            ``[k, j, i]`` at its nodes: where the day's image shows the tissue; everywhere where not given.
        """
        every, grid = thinned(field.grid)
        vectors_mm = field.vectors_mm[every]
        shown = np.ones(grid.shape, dtype=np.bool_) if seen is None else seen[every]
        x, y, z = (_steps(vectors_mm[..., axis], STEPS_PER_MM, shown, grid) for axis in range(3))
        longest_mm = np.sqrt(np.square(vectors_mm).sum(axis=-1))[shown].max(initial=0.0)
        return cls(
            (x, y, z), _steps(field.jacobian()[every], STEPS_OF_VOLUME, shown, grid), float(longest_mm)
        )


@dataclass(frozen=True, slots=True, eq=False)
class DrawnAnatomy:
    """The pictures of an assessment.

    Parameters
    ----------
    plan
        The planning CT in the day's body, HU, on voxels of the planning CT about the field.
    field
        The displacement.
    structures
        As they are today, daily LPS.
    not_drawn
        Why others are not drawn, a sentence each.
    """

    plan: VoxelBytes
    field: DrawnField
    structures: tuple[DrawnStructure, ...]
    not_drawn: tuple[str, ...]

    def part(self, name: PartName) -> VoxelBytes:
        """Return the warped plan, a component of the displacement, or the change of volume."""
        x, y, z = self.field.shift
        parts: dict[PartName, VoxelBytes] = {
            "plan": self.plan,
            "x": x,
            "y": y,
            "z": z,
            "volume": self.field.volume_ratio,
        }
        return parts[name]

    def structure(self, number: int) -> VoxelBytes | None:
        """Return the signed distance of a structure by its ROINumber, 1/32 mm; None where it is not drawn."""
        return next((one.distance for one in self.structures if one.structure.number == number), None)


def draw_anatomy(
    found: DeformableRegistration, planning: Volume, daily: Grid, carried: Sequence[Structure]
) -> DrawnAnatomy | None:
    """Return the pictures of an assessment, None where no field was found.

    Parameters
    ----------
    found
        The field.
    planning
        The planning CT, HU.
    daily
        Grid of the day's image.
    carried
        Structures as they are today, daily LPS.
    """
    if found.field is None:
        return None
    grid = about_field(planning.grid, found.field.grid)
    values, known = warped(planning, found, grid)
    plan = as_int16(Volume(grid, values, source=planning.source)).copy()
    plan[~known] = NOT_SEEN
    structures, not_drawn = drawn_structures(carried, daily)
    field = DrawnField.of(found.field, found.seen)
    return DrawnAnatomy(VoxelBytes.of(grid, plan), field, structures, not_drawn)


def thinned(grid: Grid) -> tuple[tuple[slice, slice, slice], Grid]:
    """Return which nodes ``[k, j, i]`` of a grid are taken, and the grid that they make."""
    i, j, k = (max(1, round(NODES_MM / float(mm))) for mm in grid.spacing_mm)
    every = (slice(None, None, k), slice(None, None, j), slice(None, None, i))
    slices, rows, columns = (
        len(range(0, count, step)) for count, step in zip(grid.shape, (k, j, i), strict=True)
    )
    spacing_mm = grid.spacing_mm * (i, j, k)
    return every, Grid(grid.frame, (slices, rows, columns), spacing_mm, grid.origin_mm, grid.direction)


def about_field(planning: Grid, field: Grid) -> Grid:
    """Return the voxels of a planning CT that lie in the box of a field: what is drawn of the warped plan."""
    ijk = planning.index(field.corners_mm())
    last = np.array(planning.shape[::-1]) - 1
    low = np.clip(np.floor(ijk.min(axis=0)), 0, last)
    high = np.clip(np.ceil(ijk.max(axis=0)), low, last)
    i, j, k = (int(count) for count in high - low + 1)
    return Grid(PLANNING, (k, j, i), planning.spacing_mm, planning.xyz(low), planning.direction)


def _steps(values: NDArray[np.float32], per_unit: float, seen: NDArray[np.bool_], grid: Grid) -> VoxelBytes:
    limit = np.iinfo(np.int16).max
    steps = np.clip(np.rint(values * np.float32(per_unit)), -limit, limit).astype(np.int16)
    steps[~seen] = NOT_SEEN
    return VoxelBytes.of(grid, steps)
