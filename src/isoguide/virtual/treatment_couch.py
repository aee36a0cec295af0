"""The treatment couch: a thin shell around foam, fixed in the room while the patient on it is displaced."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from isoguide.geometry.frames import Array
from isoguide.geometry.grid import Grid
from isoguide.images.volume import Volume
from isoguide.virtual.patient_body import BodyWeight

Floats = NDArray[np.float32]

SHELL_MM, SHELL_HU = 2.0, -180.0
FOAM_HU = -935.0
THICKNESS_MM = 45.0
HALF_WIDTH_MM = 262.0
BEVEL = 0.35
"""The sides of the couch slope: mm of width lost per mm of depth."""


def shell_and_foam(depth_mm: NDArray[np.floating[Any]], voxel_mm: float) -> Floats:
    """Return the HU of a couch at depths below its surface, averaged over a voxel.

    Averaging keeps a shell visible in voxels larger than it is thick, as a scanner does.

    Parameters
    ----------
    depth_mm
        Distance to the nearest face, negative outside.
    voxel_mm
        Size of a voxel across the shell.
    """
    fine = np.linspace(-10.0, 60.0, 2801)
    step = fine[1] - fine[0]
    density = np.where(fine < 0.0, 0.0, np.where(fine < SHELL_MM, SHELL_HU + 1000.0, FOAM_HU + 1000.0))
    total = np.cumsum(density) * step
    upper = np.interp(depth_mm + voxel_mm / 2.0, fine, total)
    lower = np.interp(depth_mm - voxel_mm / 2.0, fine, total)
    # Deeper than the table reaches there is nothing but foam.
    share = np.where(depth_mm > 50.0, FOAM_HU + 1000.0, (upper - lower) / voxel_mm)
    result: Floats = (share - 1000.0).astype(np.float32)
    return result


def couch_top_mm(
    planning: Volume, weight: BodyWeight, isocentre_mm: Array, machine_isocentre_mm: Array
) -> float:
    """Return the height y of the couch top, daily LPS: it touches a supine patient's back in set-up position.

    Parameters
    ----------
    planning
        Planning CT.
    weight
        The patient in it.
    isocentre_mm, machine_isocentre_mm
        Plan isocentre in planning LPS and machine isocentre in daily LPS, (3,) each.
    """
    kji = np.stack(np.unravel_index(np.flatnonzero(weight.body)[::7], weight.body.shape), axis=-1)
    ijk = kji[:, ::-1] * np.array([weight.stride[1], weight.stride[0], 1.0])
    xyz = planning.grid.xyz(ijk)
    near = np.abs(xyz[:, 2] - isocentre_mm[2]) < 100.0
    back_mm = float(np.quantile(xyz[near, 1] if near.any() else xyz[:, 1], 0.999))
    return float(machine_isocentre_mm[1]) + back_mm - float(isocentre_mm[1]) + 2.0


def put_couch(values: Floats, grid: Grid, top_mm: float, axis_x_mm: float) -> None:
    """Add the couch where there is nothing denser; ``values`` (HU, ``[k, j, i]``) is changed in place.

    Parameters
    ----------
    values
        HU on the daily grid.
    grid
        The daily grid.
    top_mm
        Height y of the couch top, daily LPS.
    axis_x_mm
        Position x of the couch's middle line, daily LPS.
    """
    _, nj, ni = grid.shape
    y = grid.origin_mm[1] + grid.spacing_mm[1] * np.arange(nj)
    x = grid.origin_mm[0] + grid.spacing_mm[0] * np.arange(ni)
    below = (y - top_mm)[:, None]
    beside = HALF_WIDTH_MM - BEVEL * np.maximum(below, 0.0) - np.abs(x - axis_x_mm)
    depth = np.minimum(np.minimum(below, THICKNESS_MM - below), beside)
    couch = shell_and_foam(depth, float(grid.spacing_mm[1]))
    first = int(np.searchsorted(y, top_mm - 1.0))
    np.maximum(values[:, first:], couch[first:], out=values[:, first:])
