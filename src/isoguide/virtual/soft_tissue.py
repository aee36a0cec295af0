"""Soft tissue that is not where it was, around bones and a target that are."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from isoguide.geometry.frames import Array
from isoguide.geometry.grid import Grid
from isoguide.images.volume import Volume
from isoguide.virtual.lattice import upsampled
from isoguide.virtual.patient_body import BodyWeight
from isoguide.virtual.texture import smooth_field

Floats = NDArray[np.float32]

LATTICE_MM = 5.0
"""The field varies over centimetres, so it is made on a lattice like this and interpolated."""
KNOT_MM = 40.0
BONE_ABOVE_HU = 180.0
STILL_MM = 4.0
RAMP_MM = 25.0
"""Tissue closer to bone than the first does not move; it moves freely after the second more."""
TARGET_STILL_MM = 40.0


def pull_back(
    planning: Volume,
    weight: BodyWeight | None,
    index_from_index: Array,
    grid: Grid,
    isocentre_mm: Array,
    largest_mm: float,
    rng: np.random.Generator,
) -> Floats:
    """Return by how many planning voxels to look elsewhere for the tissue of each daily voxel.

    The field is zero at bones and about the isocentre. Its slope stays below about ``3 largest_mm / 25 mm``,
    so that nothing folds for displacements up to 6 mm.

    Parameters
    ----------
    planning
        Planning CT, HU.
    weight
        The patient in it: what is dense outside is no bone.
    index_from_index
        Matrix 4×4 from daily to planning voxel indices (i, j, k).
    grid
        The daily grid.
    isocentre_mm
        Plan isocentre, planning LPS, (3,).
    largest_mm
        Length of the longest displacement.
    rng
        Where the field is drawn from.

    Returns
    -------
    Floats
        Shape (3, k, j, i): planning voxels along i, j, k.
    """
    steps = [max(1, round(LATTICE_MM / spacing)) for spacing in grid.spacing_mm[::-1]]
    counts = [-(-n // step) + 1 for n, step in zip(grid.shape, steps, strict=True)]
    knots = [(np.arange(c) * s).astype(np.float32) for c, s in zip(counts, steps, strict=True)]
    k, j, i = np.meshgrid(*knots, indexing="ij")
    ijk = np.stack([i, j, k], axis=-1) @ index_from_index[:3, :3].T + index_from_index[:3, 3]
    free = _freedom(planning, weight, ijk, isocentre_mm)
    axes_mm = [knot * np.float32(mm) for knot, mm in zip(knots, grid.spacing_mm[::-1], strict=True)]
    field = np.stack(
        [smooth_field(rng, (axes_mm[0], axes_mm[1], axes_mm[2]), KNOT_MM, 1.0) * free for _ in range(3)]
    )
    longest = float(np.sqrt(np.square(field).sum(axis=0)).max())
    field *= np.float32(largest_mm / max(longest, 1e-6))
    to_index = (np.linalg.inv(planning.grid.direction * planning.grid.spacing_mm)).astype(np.float32)
    field = np.tensordot(to_index, field, axes=1)
    return upsampled(field, grid.shape, (steps[0], steps[1], steps[2]))


def _freedom(planning: Volume, weight: BodyWeight | None, ijk: Array, isocentre_mm: Array) -> Floats:
    """How freely tissue moves at planning indices (..., 3): 0 at bones and target, 1 far from both."""
    steps = np.array([max(1, round(LATTICE_MM / spacing)) for spacing in planning.grid.spacing_mm[::-1]])
    corners = ijk.reshape(-1, 3)[:, ::-1] / steps
    # Bones a little outside matter as well; whole steps keep the blocks aligned.
    first = np.clip(np.floor(corners.min(axis=0)).astype(int) - 8, 0, None)
    last = np.ceil(corners.max(axis=0)).astype(int) + 8
    k, j, i = (
        slice(int(min(a * s, n - 1)), int(np.clip(b * s, 1, n)))
        for a, b, s, n in zip(first, last, steps, planning.grid.shape, strict=True)
    )
    distance = _from_bone(planning, weight, (k, j, i), steps)
    coarse = [ijk[..., 2 - n] / steps[n] - first[n] for n in range(3)]
    from_bone = ndimage.map_coordinates(distance, coarse, order=1, mode="nearest")
    from_target = np.linalg.norm(planning.grid.xyz(ijk) - isocentre_mm, axis=-1)
    freedom: Floats = (
        _ramp((from_bone - STILL_MM) / RAMP_MM) * _ramp((from_target - TARGET_STILL_MM) / RAMP_MM)
    ).astype(np.float32)
    return freedom


def _from_bone(
    planning: Volume, weight: BodyWeight | None, box: tuple[slice, slice, slice], steps: NDArray[np.int_]
) -> Floats:
    """Distance to the next bone in mm, at every ``steps``-th voxel of a box of the CT."""
    values = planning.values[box].astype(np.float32)
    # The densest voxel of each block, after a little smoothing against noise, so that thin bones survive.
    bone = ndimage.gaussian_filter(values, 0.7, truncate=2.0) > BONE_ABOVE_HU
    if weight is not None:
        bone &= weight.on(*box) > 0.5
    blocks = ndimage.maximum_filter(bone.view(np.uint8), size=steps.tolist())[
        :: steps[0], :: steps[1], :: steps[2]
    ]
    if not blocks.any():
        return np.full(blocks.shape, 1e3, dtype=np.float32)
    spacing_mm = steps * planning.grid.spacing_mm[::-1]
    distance: Floats = ndimage.distance_transform_edt(blocks == 0, sampling=spacing_mm).astype(np.float32)
    return distance


def _ramp(t: NDArray[np.floating[Any]]) -> NDArray[np.floating[Any]]:
    """Smooth step from 0 to 1."""
    s = np.clip(t, 0.0, 1.0)
    smooth: NDArray[np.floating[Any]] = s * s * (3.0 - 2.0 * s)
    return smooth
