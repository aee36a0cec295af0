"""The planning CT as ultrasound may show it, prepared once per plan and reused for every fraction."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from isoguide.errors import InputError
from isoguide.geometry.frames import Array, frozen_array
from isoguide.geometry.grid import Grid
from isoguide.images.volume import Volume
from isoguide.kernels.lc2 import CHANNELS
from isoguide.registration.pyramid import SMOOTHING_PER_SPACING, Level, crop, make_level
from isoguide.registration.ultrasound.settings import UltrasoundSettings

Float32 = NDArray[np.float32]

COARSE_MM, FINE_MM = 4.0, 2.0
SMOOTHING_MM: Final = {COARSE_MM: 2.5, FINE_MM: 1.5}
"""Both images are smoothed by this before they are compared: speckle below, voxels and noise of CT above."""
SOFT_HU: Final = (-150.0, 250.0)
"""Gas and bone are only where tissue ends; what they measure beyond says nothing to sound."""
WIDER_MM: Final = 35.0
"""The match looks this much further than the margin: CT explains a part of what sound shows only, so that it
takes more of it."""
SEARCHED_MM: Final = 40.0
"""Around the region of match the CT is kept this far: the largest shift, and what a turn adds."""
TARGET_RADIUS_MM: Final = 30.0


@dataclass(frozen=True, slots=True, eq=False)
class CtLevel:
    """One resolution of the CT.

    Parameters
    ----------
    grid
        Where the voxels are, frame PLANNING.
    channels
        What :func:`isoguide.kernels.lc2.lc2_sums` takes, float32 ``[k, j, i, channel]``: value and size of
        the gradient, each with its derivatives per mm along x, y, z of planning LPS.
    """

    grid: Grid
    channels: Float32


@dataclass(frozen=True, slots=True, eq=False)
class PreparedUltrasoundToCt:
    """Everything that depends on the planning CT and the settings only.

    ``target_points_mm`` (n, 3) is where the accuracy is judged and about which the match looks.
    """

    planning: Volume
    centre_mm: Array
    settings: UltrasoundSettings
    target_points_mm: Array
    coarse: CtLevel
    fine: CtLevel


def prepare_ultrasound_to_ct(
    planning: Volume,
    *,
    centre_mm: Array,
    target_points_mm: Array | None = None,
    settings: UltrasoundSettings | None = None,
) -> PreparedUltrasoundToCt:
    """Prepare a planning CT for matching ultrasound to it.

    Parameters
    ----------
    planning
        The planning CT in Hounsfield units, frame PLANNING.
    centre_mm
        (3,) planning LPS: the plan isocentre, about which the answer's uncertainty is stated.
    target_points_mm
        (n, 3) planning LPS, where accuracy matters; a sphere of 30 mm around the centre when not given.
    settings
        Degrees of freedom and margin.

    Raises
    ------
    InputError
        If the centre or the target lies outside the planning CT, or it is not in Hounsfield units.
    """
    settings = settings or UltrasoundSettings()
    centre = frozen_array(centre_mm, (3,), "isocentre")
    targets = _targets(centre, target_points_mm)
    if not planning.is_hounsfield:
        msg = "ultrasound is matched to a CT in Hounsfield units: the planning image has grey values only"
        raise InputError(msg)
    for what, points in (("isocentre", centre[None]), ("target", targets)):
        outside = points[~planning.grid.contains(points)]
        if len(outside):
            where = ", ".join(f"{value:.1f}" for value in outside[0])
            msg = f"the {what} at ({where}) mm lies outside the planning CT: check --isocentre and the plan"
            raise InputError(msg)
    reach_mm = settings.margin_mm + WIDER_MM + SEARCHED_MM
    box = targets.min(axis=0) - reach_mm, targets.max(axis=0) + reach_mm
    coarse, fine = (_level(planning, box, spacing_mm) for spacing_mm in (COARSE_MM, FINE_MM))
    return PreparedUltrasoundToCt(planning, centre, settings, targets, coarse, fine)


def _targets(centre: Array, target_points_mm: Array | None) -> Array:
    if target_points_mm is not None and len(target_points_mm) > 0:
        return frozen_array(target_points_mm, (-1, 3), "target points")
    axes = TARGET_RADIUS_MM * np.concatenate([np.eye(3), -np.eye(3)])
    return frozen_array(centre + np.concatenate([np.zeros((1, 3)), axes]), (-1, 3), "target points")


def smoothed_level(grid: Grid, values: Float32, spacing_mm: float, smoothing_mm: float) -> Level:
    """Bring a volume to a spacing, smoothed by a Gaussian of ``smoothing_mm`` altogether."""
    level = make_level(grid, values, spacing_mm, interpolate=True)
    rest_mm = np.sqrt(max(smoothing_mm**2 - (SMOOTHING_PER_SPACING * spacing_mm) ** 2, 0.0))
    smooth = ndimage.gaussian_filter(level.values, rest_mm / level.grid.spacing_mm[::-1], truncate=3.0)
    return Level(level.grid, smooth)


def _level(planning: Volume, box_mm: tuple[Array, Array], spacing_mm: float) -> CtLevel:
    """Bring soft tissue in a box to one resolution, with its gradient."""
    grid, values = crop(planning.grid, planning.values, *box_mm)
    soft = np.clip(values, *SOFT_HU).astype(np.float32)
    level = smoothed_level(grid, soft, spacing_mm, SMOOTHING_MM[spacing_mm])
    slope = _slope(level.values, level.grid)
    size = np.sqrt((slope**2).sum(axis=-1))
    channels = np.empty((*size.shape, CHANNELS), dtype=np.float32)
    channels[..., 0], channels[..., 1:4] = level.values, slope
    channels[..., 4], channels[..., 5:8] = size, _slope(size, level.grid)
    channels.flags.writeable = False
    return CtLevel(level.grid, channels)


def _slope(values: Float32, grid: Grid) -> Float32:
    """Return derivatives per mm along x, y, z of the grid's frame, (..., 3)."""
    along = [np.gradient(values, grid.spacing_mm[axis], axis=2 - axis) for axis in range(3)]
    return np.asarray(np.stack(along, axis=-1) @ grid.direction.T, dtype=np.float32)
