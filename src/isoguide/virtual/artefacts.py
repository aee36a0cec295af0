"""What an in-room scanner does to an image: each effect is a small function of the grid and a seeded generator."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from isoguide.geometry.frames import Array
from isoguide.geometry.grid import Grid

if TYPE_CHECKING:
    from isoguide.virtual.daily import DailySettings

Floats = NDArray[np.float32]
Mask = NDArray[np.bool_]


def degrade(
    values: Floats, grid: Grid, axis_mm: Array, settings: "DailySettings", rng: np.random.Generator
) -> Floats:
    """Apply blur, scale and shift, cupping and noise."""
    if max(settings.blur_mm) > 0.0:
        sigma_mm = np.array([settings.blur_mm[1], settings.blur_mm[0], settings.blur_mm[0]])
        values = ndimage.gaussian_filter(values, sigma_mm / grid.spacing_mm[::-1], truncate=3.0)
    values = settings.value_scale * (values + np.float32(1000.0)) + np.float32(settings.value_shift - 1000.0)
    x, y = _plane(grid, axis_mm)
    if settings.cupping:
        r2 = (x * x + y * y) / np.float32(120.0**2)
        values -= np.float32(settings.cupping) * np.maximum(1.0 - r2, 0.0)
    if settings.noise:
        noise = rng.standard_normal(values.shape, dtype=np.float32)
        sigma = settings.noise_grain_mm / grid.spacing_mm[0]
        noise = ndimage.gaussian_filter(noise, (0.0, sigma, sigma), truncate=3.0)
        values += noise * np.float32(settings.noise / noise[:: max(1, values.shape[0] // 4)].std())
    return values.astype(np.float32)


def _plane(grid: Grid, axis_mm: Array) -> tuple[Floats, Floats]:
    """Positions of an axial plane relative to the rotation axis: x (1, i) and y (j, 1)."""
    _, nj, ni = grid.shape
    x = (grid.origin_mm[0] + grid.spacing_mm[0] * np.arange(ni) - axis_mm[0]).astype(np.float32)
    y = (grid.origin_mm[1] + grid.spacing_mm[1] * np.arange(nj) - axis_mm[1]).astype(np.float32)
    return x[None, :], y[:, None]


def field_of_view(grid: Grid, axis_mm: Array, settings: "DailySettings") -> Mask:
    """Voxels the scanner shows: a cylinder about the rotation axis whose ends are cones."""
    if settings.field_of_view_mm is None:
        return np.ones(grid.shape, dtype=bool)
    x, y = _plane(grid, axis_mm)
    radius = np.sqrt(x * x + y * y) / np.float32(settings.field_of_view_mm / 2.0)
    lost_mm = settings.cone_ends_mm * np.minimum(radius, 1.0)
    k = np.arange(grid.shape[0])
    end_mm = np.minimum(k, k[::-1]) * grid.spacing_mm[2]
    seen: Mask = (radius <= 1.0) & (end_mm[:, None, None] >= lost_mm)
    return seen
