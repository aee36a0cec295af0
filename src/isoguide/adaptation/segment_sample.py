"""Points of the day's structures in which the doses of segments are told apart."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_dilation

from isoguide.adaptation.problem import AdaptationProblem
from isoguide.adaptation.reweighting import SampledStructure
from isoguide.dose.dvh import DoseVolumeHistogram
from isoguide.dose.histograms import TARGET_TYPES
from isoguide.dose.pencil_beam import SegmentDoses
from isoguide.errors import GeometryError
from isoguide.geometry.frames import Array
from isoguide.images.mask import structure_mask
from isoguide.images.structure import Structure

TARGET_POINTS: Final = 8000
ORGAN_POINTS: Final = 2500
AROUND_POINTS: Final = 4000
AROUND_MM: Final = 25.0
"""Tissue so near the target shall get no more dose than before: that is where hot spots would hide."""
AROUND: Final = "tissue around the target"
TISSUE_HU: Final = -500.0
WHOLE_BODY: Final = ("EXTERNAL",)


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """Which points belong to which structure; ``around`` those of the tissue about the target."""

    structures: tuple[SampledStructure, ...]
    around: NDArray[np.intp]

    def of(self, known: SegmentDoses) -> tuple[SampledStructure, ...]:
        """Return the structures with the tissue around the target, which shall get no more than it gets."""
        if len(self.around) == 0:
            return self.structures
        before_gy = np.sort(known.meterset_mu.astype(np.float32) @ known.gy_per_mu[:, self.around])
        limit = DoseVolumeHistogram(
            AROUND, is_target=False, dose_gy=before_gy, part_ml=np.ones(len(before_gy))
        )
        return (*self.structures, SampledStructure(AROUND, is_target=False, rows=self.around, planned=limit))


def sampled(problem: AdaptationProblem) -> tuple[Array, Sample]:
    """Draw points from the structures of the day, always the same ones.

    Returns
    -------
    tuple
        Points (n, 3), daily LPS, and which of them belong to which structure.

    Raises
    ------
    GeometryError
        If the target has no voxel in the density of the day.
    """
    rng = np.random.default_rng(20)
    grid = problem.density.grid
    taken = np.zeros(grid.shape, np.bool_)
    found: list[SampledStructure] = []
    points: list[Array] = []
    count = 0
    for structure in problem.structures:
        if structure.interpreted_type.upper() in WHOLE_BODY or not structure.is_volume:
            continue
        inside = structure_mask(structure, grid)
        taken |= inside
        is_target = structure.interpreted_type.upper() in TARGET_TYPES or structure is problem.target
        drawn = _drawn(inside, TARGET_POINTS if is_target else ORGAN_POINTS, rng)
        rows = np.arange(count, count + len(drawn))
        planned = problem.planned.histograms.get(structure.name)
        found.append(SampledStructure(structure.name, is_target, rows, planned))
        points.append(grid.xyz(drawn))
        count += len(drawn)
    around = _drawn(_around(problem.target, problem, taken), AROUND_POINTS, rng)
    points.append(grid.xyz(around))
    return np.concatenate(points), Sample(tuple(found), np.arange(count, count + len(around)))


def _drawn(inside: NDArray[np.bool_], most: int, rng: np.random.Generator) -> Array:
    """Return indices (n, 3) in the order i, j, k of voxels drawn without repetition."""
    voxels = np.flatnonzero(inside)
    if len(voxels) > most:
        voxels = np.sort(rng.choice(voxels, most, replace=False))
    return np.stack(np.unravel_index(voxels, inside.shape)[::-1], axis=1).astype(np.float64)


def _around(target: Structure, problem: AdaptationProblem, taken: NDArray[np.bool_]) -> NDArray[np.bool_]:
    grid = problem.density.grid
    inside = structure_mask(target, grid)
    if not inside.any():
        msg = (
            f"the target '{target.name}' has no voxel in the density of the day: give an image that shows it"
        )
        raise GeometryError(msg)
    near = inside
    steps = np.maximum(np.rint(AROUND_MM / grid.spacing_mm[::-1]).astype(int), 1)
    for axis, step in enumerate(steps.tolist()):
        shape = [1, 1, 1]
        shape[axis] = 2 * step + 1
        near = binary_dilation(near, np.ones(shape, np.bool_))
    tissue = problem.density.values.astype(np.float32) > TISSUE_HU
    return np.asarray(near & ~taken & tissue)
