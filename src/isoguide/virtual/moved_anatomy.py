"""The anatomy of a moment as an image, for the projector and for a 4DCT."""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from isoguide.images.displacement_field import DisplacementField
from isoguide.images.volume import Volume
from isoguide.kernels.bspline import sample_cubic
from isoguide.virtual.patient_day import PatientMoment
from isoguide.virtual.phantom import Phantom

Floats = NDArray[np.float32]

SLICES = 32
"""As many are made at a time: memory for the field on all voxels is not needed at once."""
TOUCHED_MM = 1e-4
"""Tissue that moves less than this is left as it is."""


def moved_anatomy(phantom: Phantom, moment: PatientMoment | DisplacementField) -> Volume:
    """Return the anatomy (no noise, no couch, float32 HU) warped by the moment's field on the planning grid.

    The rigid part of the moment is *not* applied: give it to whoever places the volume in the room. Every
    voxel shows the tissue that :meth:`DisplacementField.origin_of` finds for its centre, to 0.001 mm.

    Parameters
    ----------
    phantom
        The patient.
    moment
        A moment of his day, or a field alone.
    """
    field = moment.field if isinstance(moment, PatientMoment) else moment
    if field is None or field.longest_mm < TOUCHED_MM:
        return phantom.anatomy
    anatomy = phantom.anatomy
    grid, values = anatomy.grid, np.array(anatomy.values, dtype=np.float32)
    lowest, highest = float(values.min()), float(values.max())
    low, high = _touched(field, anatomy)
    coefficients = _coefficients(anatomy)
    for first in range(int(low[2]), int(high[2]), SLICES):
        corner = np.array([low[0], low[1], first])
        last = min(first + SLICES, int(high[2]))
        shape = (last - first, int(high[1] - low[1]), int(high[0] - low[0]))
        xyz_from_voxel = grid.xyz_from_index.copy()
        xyz_from_voxel[:3, 3] = grid.xyz(corner.astype(np.float64))
        shift = field.pull_back(xyz_from_voxel, grid.index_from_xyz[:3, :3], shape)
        to_index = np.eye(4)[:3]
        to_index[:, 3] = corner
        moved = sample_cubic(coefficients, to_index, shape, shift)
        # Splines swing below air and above metal at sharp edges.
        np.clip(moved, lowest, highest, out=moved)
        values[first:last, low[1] : high[1], low[0] : high[0]] = moved
    return Volume(grid, values, anatomy.is_hounsfield, anatomy.source)


@lru_cache(maxsize=1)
def _coefficients(anatomy: Volume) -> Floats:
    """B-spline coefficients, kept for the next moment of the same patient."""
    result: Floats = ndimage.spline_filter(
        anatomy.values.astype(np.float32), 3, output=np.float32, mode="mirror"
    )
    return result


def _touched(field: DisplacementField, anatomy: Volume) -> tuple[NDArray[np.int_], NDArray[np.int_]]:
    """First and last + 1 voxel (i, j, k) of the box outside which nothing moves."""
    nodes = np.argwhere(np.abs(field.vectors_mm).max(axis=-1) >= TOUCHED_MM)[:, ::-1]
    corners = np.array([nodes.min(axis=0) - 1.0, nodes.max(axis=0) + 1.0])
    ijk = anatomy.grid.index(field.grid.xyz(corners))
    margin = field.longest_mm / anatomy.grid.spacing_mm
    size = np.array(anatomy.grid.shape[::-1])
    low = np.clip(np.floor(ijk.min(axis=0) - margin).astype(int), 0, size - 1)
    high = np.clip(np.ceil(ijk.max(axis=0) + margin).astype(int) + 1, 1, size)
    return low, high
