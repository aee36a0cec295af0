"""The outline of the patient, at planning and today, without what he lies on.

A lung or a gas bubble belongs to the patient because tissue closes it off. A grid of the day often cuts it
open, so that it looks like the air around him; the planning CT, which shows the whole patient, tells.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
from scipy import ndimage

from isoguide.dose.density.resolution import refined
from isoguide.dose.density.result import Float32, Mask
from isoguide.dose.density.warp import planning_from, required_field
from isoguide.errors import GeometryError
from isoguide.geometry.frames import Array
from isoguide.geometry.grid import Grid
from isoguide.images.mask import structure_mask
from isoguide.images.structure import Structure
from isoguide.images.volume import Volume, VolumeValues
from isoguide.kernels.bspline import sample_cubic
from isoguide.registration.anatomy import BODY_ABOVE_HU, find_body
from isoguide.registration.deformable.result import DeformableRegistration
from isoguide.registration.pyramid import Level, make_level

LEVEL_MM: Final = 3.0
THIN_HU: Final = -400.0
"""Half-way from air to tissue, and from lung to a tumour in it: below it a voxel is air, gas or lung."""
SURE_INSIDE: Final = 0.85
"""Of the smoothed outline: above it a voxel is body whatever it holds, below the rest of 1 it is not."""
MIDDLE: Final = 0.5
OUTLINE: Final = "EXTERNAL"
"""RTROIInterpretedType of the patient's outline."""


def planned_body(planning: Volume, found: DeformableRegistration, grid: Grid) -> tuple[Grid, Float32]:
    """Return the body of the planning CT as it lies today.

    Parameters
    ----------
    planning
        Planning CT, HU.
    found
        Where its tissue is today.
    grid
        Of the density.

    Returns
    -------
    tuple
        A grid of about 3 mm along the axes of ``grid``, and on it how much of a place is body, 0 to 1.

    Raises
    ------
    GeometryError
        If no body is found.
    """
    level = make_level(planning.grid, planning.values, LEVEL_MM, interpolate=False)
    body = _found(level, planning.grid.centre_mm, "the planning CT")
    coarse = _level_grid(grid)
    xyz_from_voxel = planning_from(found, grid) @ coarse.xyz_from_index
    to_index = level.grid.index_from_xyz
    shift = required_field(found).pull_back(xyz_from_voxel, to_index[:3, :3], coarse.shape)
    # Taken for spline coefficients, a mask becomes its own smooth outline.
    return coarse, sample_cubic(body.astype(np.float32), (to_index @ xyz_from_voxel)[:3], coarse.shape, shift)


def body_of_day(today: Float32, planned: Float32, grid: Grid, inside: Float32) -> Mask:
    """Find the patient of the day; gas inside him belongs to him.

    Parameters
    ----------
    today
        The day's image in HU ``[k, j, i]``, the warped planning CT where it does not reach.
    planned
        Warped planning CT, HU.
    grid
        Of both.
    inside
        From :func:`planned_body`.

    Raises
    ------
    GeometryError
        If no body is found.
    """
    level = make_level(grid, today, LEVEL_MM, interpolate=False)
    body = _found(level, grid.centre_mm, "the day's image")
    then = make_level(grid, planned, LEVEL_MM, interpolate=False).values
    body |= (inside > MIDDLE) & (then < THIN_HU) & (level.values < THIN_HU)
    return _with_edge(body, level, grid, today)


def body_of_ct(ct: Volume) -> Mask:
    """Find the patient in a calibrated CT, without what he lies on; for a plan without an outline of him.

    Parameters
    ----------
    ct
        HU.

    Returns
    -------
    Mask
        Bool ``[k, j, i]``, with lungs and gas.

    Raises
    ------
    GeometryError
        If no body is found, or the image is not in HU.
    """
    if not ct.is_hounsfield:
        msg = f"{ct.source or 'the image'} is not in Hounsfield units: give a calibrated CT"
        raise GeometryError(msg)
    level = make_level(ct.grid, ct.values, LEVEL_MM, interpolate=False)
    body = _found(level, ct.grid.centre_mm, ct.source or "the CT")
    return _with_edge(body, level, ct.grid, ct.values)


def outlines_of(structures: Sequence[Structure]) -> tuple[Structure, ...]:
    """Return the drawn outlines of the patient; none where nobody drew one."""
    return tuple(one for one in structures if one.interpreted_type.upper() == OUTLINE and one.is_volume)


def outlined_body(ct: Volume, structures: Sequence[Structure]) -> Mask:
    """Return the patient without what he lies on: within his outlines, else as found in the CT.

    Parameters
    ----------
    ct
        Planning CT, HU.
    structures
        Drawn on it.

    Returns
    -------
    Mask
        Bool ``[k, j, i]`` on the CT.

    Raises
    ------
    GeometryError
        If no outline is drawn and no body is found in the CT.
    """
    outlines = outlines_of(structures)
    if not outlines:
        return body_of_ct(ct)
    inside: Mask = np.logical_or.reduce([structure_mask(one, ct.grid) for one in outlines])
    return inside


def _with_edge(body: Mask, level: Level, grid: Grid, values: VolumeValues) -> Mask:
    """Bring a body from its level to a grid, with the edge where the grid's own values have it."""
    filled = np.stack([ndimage.binary_fill_holes(plane) for plane in body])
    smooth = ndimage.gaussian_filter(filled.astype(np.float32), 1.0, mode="nearest")
    share = refined(smooth, level.grid, grid)
    result: Mask = (share > SURE_INSIDE) | ((share > 1.0 - SURE_INSIDE) & (values > BODY_ABOVE_HU))
    return result


def _found(level: Level, near_mm: Array, where: str) -> Mask:
    body = find_body(level, near_mm)
    if not body.any():
        msg = f"no body was found in {where}; give an image of the patient"
        raise GeometryError(msg)
    return body


def _level_grid(grid: Grid) -> Grid:
    nothing: VolumeValues = np.zeros(grid.shape, dtype=np.int16)
    return make_level(grid, nothing, LEVEL_MM, interpolate=False).grid
