"""Coarser copies of a volume on its own axes, made by one separable pass per axis."""

from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from isoguide.geometry.frames import Array
from isoguide.geometry.grid import Grid
from isoguide.images.volume import VolumeValues
from isoguide.kernels.filtering import filter_axis

Float32 = NDArray[np.float32]
Int64 = NDArray[np.int64]
Values = TypeVar("Values", Float32, VolumeValues, NDArray[np.uint8], NDArray[np.bool_])

SMOOTHING_PER_SPACING = 0.6
"""Gaussian sigma in units of the new spacing: at 0.6 what folds back above Nyquist is below 1 %."""
TAIL_SIGMAS = 3.0
UPSAMPLE_BELOW = 0.8
"""A new spacing below this share of the old one is interpolated (cubic B-spline) instead of smoothed."""


@dataclass(frozen=True, slots=True, eq=False)
class Level:
    """One resolution of a volume: float32 values on a grid, NaN outside the field of view."""

    grid: Grid
    values: Float32


@dataclass(frozen=True, slots=True)
class _AxisPlan:
    first: Int64
    weights: Float32
    spacing_mm: float
    prefilter: bool


def make_level(grid: Grid, values: VolumeValues, spacing_mm: float, *, interpolate: bool) -> Level:
    """Bring a volume to about ``spacing_mm`` along each of its own axes.

    Parameters
    ----------
    grid, values
        The volume [k, j, i]; NaN marks what is outside the field of view and spreads by the filter's reach.
    spacing_mm
        Wanted distance between samples.
    interpolate
        Where the volume is coarser than wanted along an axis: True interpolates with cubic B-splines (needs
        values without NaN), False keeps the coarse samples as they are.
    """
    plans = [
        _plan_axis(values.shape[axis], float(grid.spacing_mm[2 - axis]), spacing_mm, interpolate=interpolate)
        for axis in range(3)
    ]
    # The axis that throws most data away goes first, the one that adds samples last.
    first, second, third = sorted(range(3), key=lambda axis: len(plans[axis].first) / values.shape[axis])
    filtered = _along(_along(_along(values, first, plans), second, plans), third, plans)
    shape = (filtered.shape[0], filtered.shape[1], filtered.shape[2])
    out_spacing = np.array([plan.spacing_mm for plan in reversed(plans)])
    filtered.flags.writeable = False
    return Level(Grid(grid.frame, shape, out_spacing, grid.origin_mm, grid.direction), filtered)


def _along(values: VolumeValues, axis: int, plans: list[_AxisPlan]) -> Float32:
    plan = plans[axis]
    if plan.prefilter:
        coefficients = ndimage.spline_filter1d(values, order=3, axis=axis, output=np.float32, mode="mirror")
        return filter_axis(np.ascontiguousarray(coefficients), axis, plan.first, plan.weights)
    return filter_axis(values, axis, plan.first, plan.weights)


def crop(grid: Grid, values: Values, low_mm: Array, high_mm: Array) -> tuple[Grid, Values]:
    """Cut out the voxels between two opposite corners given in the grid's frame; empty boxes keep one voxel.

    Returns the grid of the part and its values (C-contiguous copy).
    """
    corners = np.stack(np.meshgrid(*np.stack([low_mm, high_mm], axis=1), indexing="ij"), axis=-1).reshape(
        -1, 3
    )
    index = grid.index(corners)
    last = np.array(grid.shape[::-1]) - 1
    low = np.clip(np.floor(index.min(axis=0)), 0, last).astype(int)
    high = np.clip(np.ceil(index.max(axis=0)), 0, last).astype(int) + 1
    part = values[low[2] : high[2], low[1] : high[1], low[0] : high[0]].copy()
    shape = (part.shape[0], part.shape[1], part.shape[2])
    return Grid(grid.frame, shape, grid.spacing_mm, grid.xyz(low.astype(np.float64)), grid.direction), part


def _plan_axis(count: int, old_mm: float, new_mm: float, *, interpolate: bool) -> _AxisPlan:
    positions = np.arange(int((count - 1) * old_mm / new_mm) + 1, dtype=np.float64) * (new_mm / old_mm)
    if new_mm < UPSAMPLE_BELOW * old_mm:
        if not interpolate or count < 4:
            return _AxisPlan(np.arange(count), np.ones((count, 1), np.float32), old_mm, prefilter=False)
        first, weights = _cubic_weights(positions, count)
        return _AxisPlan(first, weights, new_mm, prefilter=True)
    first, weights = _gaussian_weights(positions, count, SMOOTHING_PER_SPACING * new_mm / old_mm)
    return _AxisPlan(first, weights, new_mm, prefilter=False)


def _gaussian_weights(positions: Array, count: int, sigma: float) -> tuple[Int64, Float32]:
    taps = min(count, 2 * int(np.ceil(TAIL_SIGMAS * sigma)) + 1)
    first = np.clip(np.rint(positions).astype(np.int64) - taps // 2, 0, count - taps)
    distance = first[:, None] + np.arange(taps) - positions[:, None]
    weights = np.exp(-0.5 * (distance / sigma) ** 2)
    # Cut tails would shift the image by a hundredth of a voxel: tilt the weights until a ramp is kept.
    lean = (weights * distance).sum(axis=1) / (weights * distance**2).sum(axis=1)
    weights *= 1.0 - lean[:, None] * distance
    return first, (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)


def _cubic_weights(positions: Array, count: int) -> tuple[Int64, Float32]:
    tap = np.floor(positions).astype(np.int64)[:, None] + np.arange(-1, 3)
    t = np.abs(tap - positions[:, None])
    inner = 2.0 / 3.0 - t**2 + 0.5 * t**3
    outer = np.clip(2.0 - t, 0.0, None) ** 3 / 6.0
    first = np.clip(tap[:, 0], 0, count - 4)
    # At the two ends the missing coefficient is the mirror image of one inside: fold its weight back.
    mirrored = (count - 1) - np.abs((count - 1) - np.abs(tap))
    weights = np.zeros(tap.shape)
    np.add.at(
        weights, (np.arange(len(tap))[:, None], mirrored - first[:, None]), np.where(t < 1.0, inner, outer)
    )
    return first, weights.astype(np.float32)
