"""Patches of the day's ultrasound that the planning CT has to explain."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from isoguide.geometry.frames import Array
from isoguide.geometry.grid import Grid
from isoguide.images.ultrasound_volume import UltrasoundVolume
from isoguide.registration.pyramid import Level, crop
from isoguide.registration.ultrasound.to_ct_planning import smoothed_level

Float32 = NDArray[np.float32]

LEAST_TRUSTED: Final = 0.6
"""A patch takes part when this share of its samples says something of the tissue."""
HALF_TRUSTED: Final = 0.5
"""So does a sample when this share of what it is smoothed from does."""
NOISE_PERCENTILE: Final = 20.0
"""So many patches show nothing but speckle: their variance is that of the noise."""
LEAST_NOISE_GREY2: Final = 4.0
CELL_MM: Final = 24.0
"""Patches of a cell of this size see the same tissue: they count as one observation."""


@dataclass(frozen=True, slots=True, eq=False)
class UltrasoundPatches:
    """Cubes of samples of the day's ultrasound.

    ``centres_mm`` (patches, 3) and ``offsets_mm`` (samples, 3) in DAILY; ``values`` and ``weights`` (patches,
    samples), a weight being 1 where a sample was seen and 0 in shadows; ``noise`` variance of speckle in a
    sample, grey values squared; ``cells`` (patches,) groups in space.
    """

    spacing_mm: float
    centres_mm: Array
    offsets_mm: Array
    values: Float32
    weights: Float32
    noise: float
    cells: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.centres_mm)


@dataclass(frozen=True, slots=True)
class Lattice:
    """Where patches are.

    Samples lie every ``spacing_mm``, ``edge`` of them along a patch's edge; at every ``stride``-th is a
    patch. The ultrasound is smoothed by ``smoothing_mm``.
    """

    spacing_mm: float
    smoothing_mm: float
    edge: int
    stride: int


@dataclass(frozen=True, slots=True, eq=False)
class Shown:
    """What the day shows around the target, float32 ``[k, j, i]``; NaN where not seen or in a shadow."""

    grid: Grid
    values: Float32


def shown_around(daily: UltrasoundVolume, points_mm: Array, reach_mm: float) -> Shown:
    """Cut out what lies within ``reach_mm`` of the box of points (n, 3), DAILY."""
    values = np.where(daily.trusted, daily.values, np.float32(np.nan))
    return Shown(
        *crop(daily.grid, values, points_mm.min(axis=0) - reach_mm, points_mm.max(axis=0) + reach_mm)
    )


def ultrasound_patches(
    shown: Shown, lattice: Lattice, points_mm: Array, reach_mm: float, count: int
) -> UltrasoundPatches:
    """Cut up to ``count`` patches within ``reach_mm`` of points (n, 3), DAILY, spread evenly."""
    level, trusted = _level(shown, lattice)
    half = lattice.edge // 2
    nodes = [np.arange(half, n - half, lattice.stride) for n in level.grid.shape]
    centres = np.stack(np.meshgrid(*nodes, indexing="ij"), axis=-1).reshape(-1, 3)
    centres = centres[trusted[tuple(centres.T)]]
    centres_mm = level.grid.xyz(centres[:, ::-1].astype(np.float64))
    distance_mm, _ = cKDTree(points_mm).query(centres_mm, distance_upper_bound=reach_mm)
    # A fixed permutation: even steps would follow the rows of the lattice.
    near = np.random.default_rng(0).permutation(np.flatnonzero(np.isfinite(distance_mm)))[:count]
    near.sort()
    steps = np.stack(np.meshgrid(*[np.arange(-half, half + 1)] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
    k, j, i = np.moveaxis(centres[near, None] + steps, -1, 0)
    weights = trusted[k, j, i].astype(np.float32)
    kept = weights.mean(axis=1) >= LEAST_TRUSTED
    values, weights, centres_mm = level.values[k, j, i][kept], weights[kept], centres_mm[near][kept]
    return UltrasoundPatches(
        lattice.spacing_mm,
        centres_mm,
        (steps[:, ::-1] * level.grid.spacing_mm) @ level.grid.direction.T,
        values,
        weights,
        _noise(values, weights),
        _cells(centres_mm),
    )


def _level(shown: Shown, lattice: Lattice) -> tuple[Level, NDArray[np.bool_]]:
    """Average what is trusted on the lattice; also tell where enough of the surroundings is."""
    trusted = np.isfinite(shown.values)
    known, total = (
        smoothed_level(shown.grid, one, lattice.spacing_mm, lattice.smoothing_mm)
        for one in (trusted.astype(np.float32), np.where(trusted, shown.values, np.float32(0.0)))
    )
    mean = (total.values / np.maximum(known.values, 1e-3)).astype(np.float32)
    return Level(known.grid, mean), known.values >= HALF_TRUSTED


def _noise(values: Float32, weights: Float32) -> float:
    if len(values) == 0:
        return LEAST_NOISE_GREY2
    count = weights.sum(axis=1)
    mean = (values * weights).sum(axis=1) / count
    variance = ((values - mean[:, None]) ** 2 * weights).sum(axis=1) / count
    return max(float(np.percentile(variance, NOISE_PERCENTILE)), LEAST_NOISE_GREY2)


def _cells(centres_mm: Array) -> NDArray[np.int64]:
    cell = np.floor(centres_mm / CELL_MM).astype(np.int64)
    return np.asarray((cell[:, 0] * 1024 + cell[:, 1]) * 1024 + cell[:, 2])
