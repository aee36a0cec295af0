"""The planning CT in the body of the day: the exact inverse of the displacement field."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from isoguide.errors import GeometryError, MissingEvidenceError
from isoguide.geometry.frames import DAILY, PLANNING, Array
from isoguide.geometry.grid import Grid
from isoguide.images.displacement_field import DisplacementField
from isoguide.images.volume import Volume
from isoguide.kernels.bspline import sample_cubic
from isoguide.registration.deformable.result import DeformableRegistration

Float32 = NDArray[np.float32]
Mask = NDArray[np.bool_]

AIR_HU = -1000.0
BEYOND_VOXELS = 0.5
"""A voxel reaches this far beyond its centre, and so does an image."""


class Warped(NamedTuple):
    """HU ``[k, j, i]`` of the planning CT in the day's body, and where the planning CT reaches."""

    values: Float32
    known: Mask


def warped_planning(planning: Volume, found: DeformableRegistration, grid: Grid) -> Volume:
    """Return the planning CT as the tissue lies today.

    Parameters
    ----------
    planning
        The planning CT, HU, frame PLANNING.
    found
        Where its tissue is today.
    grid
        Where to make it: DAILY for the patient as he lies in the day's image, PLANNING for the patient put
        where the rigid match puts him.

    Returns
    -------
    Volume
        float32 HU; air where the planning CT does not reach.

    Raises
    ------
    MissingEvidenceError
        If no displacement field was found.
    GeometryError
        If the planning CT is not in HU, or frames are others.
    """
    return Volume(grid, warped(planning, found, grid).values, source=f"{planning.source} as of the day")


def warped(planning: Volume, found: DeformableRegistration, grid: Grid) -> Warped:
    """Do :func:`warped_planning`, and tell where the planning CT reaches."""
    field = required_field(found)
    if planning.grid.frame != PLANNING or not planning.is_hounsfield:
        name = planning.source or "this image"
        msg = f"density comes from a planning CT in HU, frame '{PLANNING}', which {name} is not; give one"
        raise GeometryError(msg)
    xyz_from_voxel = planning_from(found, grid) @ grid.xyz_from_index
    to_index = planning.grid.index_from_xyz
    shift = field.pull_back(xyz_from_voxel, to_index[:3, :3], grid.shape)
    index_from_index = (to_index @ xyz_from_voxel)[:3]
    values = planning.values.astype(np.float32)
    coefficients = ndimage.spline_filter(values, 3, output=np.float32, mode="mirror")
    moved = sample_cubic(coefficients, index_from_index, grid.shape, shift)
    # Splines swing below air and above metal at sharp edges.
    np.clip(moved, values.min(), values.max(), out=moved)
    known = _within(index_from_index, grid.shape, shift, planning.grid.shape)
    moved[~known] = AIR_HU
    return Warped(moved, known)


def required_field(found: DeformableRegistration) -> DisplacementField:
    """Return the displacement field.

    Raises
    ------
    MissingEvidenceError
        If there is none, with the reasons.
    """
    if found.field is None:
        why = "; ".join(found.reasons) or "the match is not available"
        msg = f"this day has no density because no displacement field was found ({why}); take a new CT"
        raise MissingEvidenceError(msg)
    return found.field


def planning_from(found: DeformableRegistration, grid: Grid) -> Array:
    """Return the 4×4 matrix from a grid's frame to planning LPS.

    Raises
    ------
    GeometryError
        If the grid is in neither frame of the match.
    """
    if grid.frame == PLANNING:
        return np.eye(4)
    if grid.frame == DAILY:
        return found.planning_from_daily.matrix
    msg = f"a density is made in '{PLANNING}' or '{DAILY}', not in '{grid.frame}'"
    raise GeometryError(msg)


def _within(
    index_from_index: Array, shape: tuple[int, int, int], shift: Float32, size: tuple[int, int, int]
) -> Mask:
    """Tell which voxels lie in the image that they are taken from."""
    k, j, i = (np.arange(n, dtype=np.float32) for n in shape)
    m = index_from_index.astype(np.float32)
    known = np.ones(shape, np.bool_)
    for axis, last in enumerate(size[::-1]):
        at = m[axis, 0] * i + (m[axis, 1] * j + m[axis, 3])[:, None] + (m[axis, 2] * k)[:, None, None]
        at += shift[axis]
        known &= (at >= -BEYOND_VOXELS) & (at <= last - 1 + BEYOND_VOXELS)
    return known
