"""Structures as they are drawn: each as its signed distance on a grid about it."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import cycle
from math import ceil
from typing import Final, Literal

import numpy as np

from isoguide.errors import InputError
from isoguide.geometry.frames import Array
from isoguide.geometry.grid import Grid
from isoguide.images.signed_distance import signed_distance_mm
from isoguide.images.structure import Structure
from isoguide.workflow.clinic.pictures.voxel_bytes import VoxelBytes
from isoguide.workflow.structure_colours import COLOURS, ORGANS
from isoguide.workflow.target import TARGET_TYPES

Kind = Literal["target", "organ", "external", "other"]
Colour = tuple[int, int, int]

STEPS_PER_MM: Final = 32.0
FINE_MM, COARSE_MM = 1.0, 2.0
"""Nodes in a slice are no further apart than this: the first for structures up to :data:`LARGE_MM`, the
second for larger ones, which are smooth."""
LARGE_MM: Final = 200.0
MARGIN_NODES, MARGIN_SLICES = 3, 2
ORGAN_TYPES: Final = ("ORGAN", "AVOIDANCE", "OAR")
WORKERS: Final = 4


@dataclass(frozen=True, slots=True, eq=False)
class DrawnStructure:
    """A structure with its colour, what it is, and its distance in 1/32 mm."""

    structure: Structure
    colour: Colour
    kind: Kind
    distance: VoxelBytes


def drawn_structures(
    structures: Sequence[Structure], planning: Grid
) -> tuple[tuple[DrawnStructure, ...], tuple[str, ...]]:
    """Return every structure that encloses a volume, and a sentence for each of them that cannot be drawn.

    Parameters
    ----------
    structures
        In the frame of the grid, in the order of the structure set.
    planning
        Of the planning CT: nodes lie in its slices, so that a slice of it shows what was drawn there.
    """
    enclosing = [one for one in structures if one.is_volume]
    palette = cycle(COLOURS[kind].rgb for kind in ORGANS)
    colours = [one.colour or next(palette) for one in enclosing]

    def draw(structure: Structure, colour: Colour) -> DrawnStructure | str:
        try:
            return DrawnStructure(structure, colour, kind_of(structure), distance_of(structure, planning))
        except InputError as error:
            return str(error)

    with ThreadPoolExecutor(WORKERS) as pool:
        found = list(pool.map(draw, enclosing, colours))
    return (
        tuple(one for one in found if isinstance(one, DrawnStructure)),
        tuple(one for one in found if isinstance(one, str)),
    )


def kind_of(structure: Structure) -> Kind:
    """Say what a structure is by RTROIInterpretedType; by the name of a target only where none is stated."""
    stated = structure.interpreted_type.upper()
    if stated in TARGET_TYPES or (not stated and structure.name.upper().startswith(TARGET_TYPES)):
        return "target"
    if stated == "EXTERNAL":
        return "external"
    return "organ" if stated in ORGAN_TYPES else "other"


def distance_of(structure: Structure, planning: Grid) -> VoxelBytes:
    """Return the signed distance of a structure, negative inside, in 1/32 mm.

    Raises
    ------
    GeometryError
        If its contours do not lie along one axis of the grid, or in another frame.
    """
    grid = grid_about(structure.points_mm, planning)
    limit = np.iinfo(np.int16).max
    steps = np.clip(np.rint(signed_distance_mm(structure, grid) * np.float32(STEPS_PER_MM)), -limit, limit)
    return VoxelBytes.of(grid, steps.astype(np.int16))


def grid_about(points_mm: Array, planning: Grid) -> Grid:
    """Return nodes about points (n, 3): in the slices of a grid, and fine enough within them."""
    ijk = planning.index(points_mm)
    extent_mm = np.ptp(ijk, axis=0) * planning.spacing_mm
    wanted_mm = FINE_MM if extent_mm[:2].max() <= LARGE_MM else COARSE_MM
    scale = np.array([*(_scale(float(mm), wanted_mm) for mm in planning.spacing_mm[:2]), 1.0])
    margin = np.array([MARGIN_NODES, MARGIN_NODES, MARGIN_SLICES])
    low = np.floor(ijk.min(axis=0) / scale) - margin
    high = np.ceil(ijk.max(axis=0) / scale) + margin
    i, j, k = (int(count) for count in high - low + 1)
    spacing_mm = planning.spacing_mm * scale
    return Grid(planning.frame, (k, j, i), spacing_mm, planning.xyz(low * scale), planning.direction)


def _scale(spacing_mm: float, wanted_mm: float) -> float:
    """Spacing of nodes in voxels: a whole number of voxels, or a whole part of one."""
    if spacing_mm > wanted_mm:
        return 1.0 / ceil(spacing_mm / wanted_mm - 1e-6)
    return float(max(1, int(wanted_mm / spacing_mm + 1e-6)))
