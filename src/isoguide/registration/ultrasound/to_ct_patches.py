"""Patches of the day's ultrasound that the planning CT has to explain."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from isoguide.geometry.frames import Array
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

    def every(self, count: int) -> "UltrasoundPatches":
        """Return about ``count`` patches, spread evenly."""
        if len(self) <= count:
            return self
        # A fixed permutation: even steps would follow the rows of the lattice.
        chosen = np.sort(np.random.default_rng(0).permutation(len(self))[:count])
        return UltrasoundPatches(
            self.spacing_mm,
            self.centres_mm[chosen],
            self.offsets_mm,
            self.values[chosen],
            self.weights[chosen],
            self.noise,
            self.cells[chosen],
        )


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


def ultrasound_patches(
    daily: UltrasoundVolume, lattice: Lattice, points_mm: Array, reach_mm: float
) -> UltrasoundPatches:
    """Cut the patches within ``reach_mm`` of points (n, 3), DAILY, that were seen and lie in no shadow."""
    level, trusted = _level(daily, lattice, points_mm, reach_mm + lattice.edge * lattice.spacing_mm)
    half = lattice.edge // 2
    nodes = [np.arange(half, n - half, lattice.stride) for n in level.grid.shape]
    centres = np.stack(np.meshgrid(*nodes, indexing="ij"), axis=-1).reshape(-1, 3)
    centres_mm = level.grid.xyz(centres[:, ::-1].astype(np.float64))
    distance_mm, _ = cKDTree(points_mm).query(centres_mm, distance_upper_bound=reach_mm)
    centres, centres_mm = centres[np.isfinite(distance_mm)], centres_mm[np.isfinite(distance_mm)]
    steps = np.stack(np.meshgrid(*[np.arange(-half, half + 1)] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
    k, j, i = np.moveaxis(centres[:, None] + steps, -1, 0)
    weights = trusted[k, j, i].astype(np.float32)
    kept = weights.mean(axis=1) >= LEAST_TRUSTED
    values, weights, centres_mm = level.values[k, j, i][kept], weights[kept], centres_mm[kept]
    return UltrasoundPatches(
        lattice.spacing_mm,
        centres_mm,
        (steps[:, ::-1] * level.grid.spacing_mm) @ level.grid.direction.T,
        values,
        weights,
        _noise(values, weights),
        _cells(centres_mm),
    )


def _level(
    daily: UltrasoundVolume, lattice: Lattice, points_mm: Array, rim_mm: float
) -> tuple[Level, NDArray[np.bool_]]:
    """Average what is trusted on the lattice; also tell where enough of the surroundings is."""
    box = points_mm.min(axis=0) - rim_mm, points_mm.max(axis=0) + rim_mm
    grid, trusted = crop(daily.grid, daily.trusted.astype(np.float32), *box)
    _, values = crop(daily.grid, daily.values.astype(np.float32), *box)
    known, total = (
        smoothed_level(grid, one, lattice.spacing_mm, lattice.smoothing_mm)
        for one in (trusted, values * trusted)
    )
    mean = total.values / np.maximum(known.values, np.float32(1e-3))
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
