"""What an in-room scanner does to an image: each effect is a small function of grid and generator."""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from isoguide.geometry.frames import Array
from isoguide.geometry.grid import Grid
from isoguide.virtual.blur import blurred
from isoguide.virtual.daily_settings import DailySettings
from isoguide.virtual.texture import smooth_field

Floats = NDArray[np.float32]
Mask = NDArray[np.bool_]

CUPPING_RADIUS_MM = 130.0
"""Distance from the axis at which cupping ends: about the half width of a body."""
STREAK_REACH_MM = 30.0
"""Distance from a dense spot at which its streaks have half their strength."""
STREAK_SLAB_MM = 12.0
"""Standard deviation along z of where a spot throws streaks."""
STREAK_SPOTS = 4
STREAK_FROM_HU = 600.0
ANGLES = 720
SOFT_TISSUE_HU = (-20.0, 100.0)


def degrade(
    values: Floats, grid: Grid, axis_mm: Array, settings: DailySettings, rng: np.random.Generator
) -> Floats:
    """Turn HU of an ideal scanner into grey values of a real one.

    Parameters
    ----------
    values
        HU ``[k, j, i]`` on the daily grid.
    grid
        The daily grid.
    axis_mm
        A point of the rotation axis (the machine isocentre), daily LPS, (3,).
    settings
        Which effects, and how strong.
    rng
        Where everything random is drawn from.
    """
    x, y = _plane(grid, axis_mm)
    radius_mm = np.sqrt(x * x + y * y)
    spots = _dense_spots(values, rng) if settings.streaks else []
    if max(settings.blur_mm) > 0.0:
        sigma_mm = np.array([settings.blur_mm[1], settings.blur_mm[0], settings.blur_mm[0]])
        values = blurred(values, (sigma_mm / grid.spacing_mm[::-1]).tolist(), truncate=3.0)
    values = np.float32(settings.value_scale) * (values + np.float32(1000.0))
    values += np.float32(settings.value_shift - 1000.0)
    middle = np.maximum(1.0 - np.square(radius_mm / np.float32(CUPPING_RADIUS_MM)), 0.0)
    if settings.cupping:
        values -= np.float32(settings.cupping) * middle
    if settings.shading:
        values += smooth_field(rng, _positions(grid), 90.0, settings.shading)
    if settings.streaks:
        _add_streaks(values, grid, spots, settings.streaks, rng)
    if settings.rings:
        values += _rings(grid, radius_mm, settings.rings, rng)
    if settings.noise:
        # More photons are lost on the way through the middle.
        values += _noise(grid, settings, rng) * (np.float32(0.75) + np.float32(0.5) * middle)
    return values


def _positions(grid: Grid) -> tuple[Floats, Floats, Floats]:
    k, j, i = (
        (step * np.arange(n)).astype(np.float32)
        for n, step in zip(grid.shape, grid.spacing_mm[::-1], strict=True)
    )
    return k, j, i


def _plane(grid: Grid, axis_mm: Array) -> tuple[Floats, Floats]:
    """Positions of an axial plane relative to the rotation axis: x (1, i) and y (j, 1)."""
    _, nj, ni = grid.shape
    x = (grid.origin_mm[0] + grid.spacing_mm[0] * np.arange(ni) - axis_mm[0]).astype(np.float32)
    y = (grid.origin_mm[1] + grid.spacing_mm[1] * np.arange(nj) - axis_mm[1]).astype(np.float32)
    return x[None, :], y[:, None]


def _noise(grid: Grid, settings: DailySettings, rng: np.random.Generator) -> Floats:
    noise = rng.standard_normal(grid.shape, dtype=np.float32)
    sigma = settings.noise_grain_mm / grid.spacing_mm[:2]
    # Slices share detector rows, so neighbours along z are correlated as well.
    noise = blurred(noise, (0.4, float(sigma[1]), float(sigma[0])), truncate=3.0, wrap=True)
    noise *= np.float32(settings.noise / float(noise[::4].std()))
    result: Floats = noise
    return result


def _rings(grid: Grid, radius_mm: Floats, strength: float, rng: np.random.Generator) -> Floats:
    """Rings that stay for a few slices and fade outwards: single detector elements that read wrong."""
    bins = (radius_mm / np.float32(grid.spacing_mm[0])).astype(np.intp)
    profile = rng.standard_normal((grid.shape[0], int(bins.max()) + 1)).astype(np.float32)
    profile = ndimage.gaussian_filter(profile, (4.0, 0.5))
    profile *= np.float32(strength / float(profile.std()))
    profile /= 1.0 + np.arange(profile.shape[1], dtype=np.float32) * np.float32(grid.spacing_mm[0] / 60.0)
    rings: Floats = profile[:, bins]
    return rings


def _dense_spots(values: Floats, rng: np.random.Generator) -> list[tuple[int, int, int]]:
    """Voxels (k, j, i) that throw streaks: the densest, spread by chance."""
    coarse = values[::3, ::2, ::2]
    limit = max(STREAK_FROM_HU, float(np.quantile(coarse[::2], 0.998)))
    dense = np.argwhere(coarse >= limit)
    if len(dense) == 0:
        return []
    chosen = rng.choice(len(dense), min(STREAK_SPOTS, len(dense)), replace=False)
    spots = [(3 * int(k), 2 * int(j), 2 * int(i)) for k, j, i in dense[chosen]]
    top = int(coarse.argmax())
    k, j, i = np.unravel_index(top, coarse.shape)
    return [*spots, (3 * int(k), 2 * int(j), 2 * int(i))]


def _add_streaks(
    values: Floats, grid: Grid, spots: list[tuple[int, int, int]], strength: float, rng: np.random.Generator
) -> None:
    """Lines that radiate from a dense spot in its slice and fade with distance."""
    nk, nj, ni = grid.shape
    dx, dy, dz = grid.spacing_mm
    slices = np.arange(nk)
    for k, j, i in spots:
        y = (np.arange(nj, dtype=np.float32) - j)[:, None] * np.float32(dy)
        x = (np.arange(ni, dtype=np.float32) - i)[None, :] * np.float32(dx)
        bins = ((np.arctan2(y, x) + np.float32(np.pi)) * np.float32(0.4999 * ANGLES / np.pi)).astype(np.intp)
        fade = 1.0 / (1.0 + np.sqrt(x * x + y * y) / np.float32(STREAK_REACH_MM))
        share = np.exp(-0.5 * np.square((slices - k) * dz / STREAK_SLAB_MM))
        lines = rng.standard_normal((nk, ANGLES)).astype(np.float32)
        lines = ndimage.gaussian_filter(lines, (1.5, 1.5), mode=("nearest", "wrap"))
        lines *= np.float32(strength / float(lines.std()))
        for n in np.flatnonzero(share > 0.05):
            values[n] += np.float32(share[n]) * fade * lines[n][bins]


def add_bubbles_and_seeds(
    values: Floats, grid: Grid, away_from_mm: Array, settings: DailySettings, rng: np.random.Generator
) -> None:
    """Put gas and metal into soft tissue at least 45 mm away from a point of the daily frame.

    Parameters
    ----------
    values
        HU ``[k, j, i]``, changed in place.
    grid
        The daily grid.
    away_from_mm
        Where the target is, daily LPS, (3,).
    settings
        How many of each.
    rng
        Where they lie and how large they are.
    """
    wanted = settings.gas_pockets + settings.metal_seeds
    if not wanted:
        return
    low, high = SOFT_TISSUE_HU
    coarse = values[4:-4:4, 8:-8:8, 8:-8:8]
    places = np.argwhere((coarse > low) & (coarse < high)) * (4, 8, 8) + (4, 8, 8)
    positions = grid.xyz(places[:, ::-1].astype(np.float64))
    far = np.linalg.norm(positions - away_from_mm, axis=1) > 45.0
    positions = positions[far]
    if len(positions) == 0:
        return
    for n, place in enumerate(rng.choice(len(positions), wanted)):
        gas = n < settings.gas_pockets
        radii = rng.uniform(5.0, 12.0, 3) if gas else np.full(3, 2.0)
        _blob(values, grid, positions[place], radii, -950.0 if gas else 6000.0)


def _blob(values: Floats, grid: Grid, centre_mm: Array, radii_mm: Array, hu: float) -> None:
    reach = np.ceil((radii_mm + 2.0) / grid.spacing_mm).astype(int)
    middle = np.rint(grid.index(centre_mm)).astype(int)
    low = np.maximum(middle - reach, 0)
    high = np.minimum(middle + reach + 1, grid.shape[::-1])
    i, j, k = (np.arange(a, b, dtype=np.float64) for a, b in zip(low, high, strict=True))
    ijk = np.stack(np.meshgrid(i, j, k, indexing="ij"), axis=-1).transpose(2, 1, 0, 3)
    level = np.linalg.norm((grid.xyz(ijk) - centre_mm) / radii_mm, axis=-1)
    cover = np.clip(0.5 + (1.0 - level) * float(radii_mm.min()), 0.0, 1.0).astype(np.float32)
    view = values[low[2] : high[2], low[1] : high[1], low[0] : high[0]]
    view += cover * (np.float32(hu) - view)


def field_of_view(grid: Grid, axis_mm: Array, settings: DailySettings) -> Mask:
    """Voxels the scanner shows: a cylinder about the rotation axis whose ends are cones.

    Parameters
    ----------
    grid
        The daily grid.
    axis_mm
        A point of the rotation axis, daily LPS, (3,).
    settings
        Diameter, and how much is lost at the rim.
    """
    if settings.field_of_view_mm is None:
        return np.ones(grid.shape, dtype=bool)
    x, y = _plane(grid, axis_mm)
    radius = np.sqrt(x * x + y * y) / np.float32(settings.field_of_view_mm / 2.0)
    lost_mm = settings.cone_ends_mm * np.minimum(radius, 1.0)
    k = np.arange(grid.shape[0])
    end_mm = np.minimum(k, k[::-1]) * grid.spacing_mm[2]
    seen: Mask = (radius <= 1.0) & (end_mm[:, None, None] >= lost_mm)
    return seen
