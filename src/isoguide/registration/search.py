"""Find the day's image on the planning CT from far away: masked cross-correlation over a grid of rotations.

Source: Padfield, "Masked object registration in the Fourier domain", IEEE TIP 21 (2012) 2706.
"""

from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray
from scipy import fft, ndimage
from scipy.spatial.transform import Rotation

from isoguide.geometry.frames import Array
from isoguide.registration.anatomy import AIR_HU
from isoguide.registration.pyramid import Level

Float32 = NDArray[np.float32]

LATTICE_MM = 9.0
LATTICE = 48
"""Nodes per axis: ±216 mm of the planning CT, a length the Fourier transform likes."""
DAILY_HALF_MM = 130.0
"""Of the day's image this much around the machine isocentre takes part, so that shifts never wrap around."""
LARGEST_SHIFT_MM = 85.0
"""±50 mm along each of three axes is 87 mm along their diagonal."""
ROTATION_GRID_DEG = (-10.0, 0.0, 10.0)
CLIP_HU = (-1000.0, 600.0)
LEAST_OVERLAP = 0.3


@dataclass(frozen=True, slots=True, eq=False)
class PlanningSpectrum:
    """Planning side of the search, transformed once per plan: values, squares and mask about a centre."""

    centre_mm: Array
    mask: NDArray[np.complex64]
    values: NDArray[np.complex64]
    squares: NDArray[np.complex64]


@dataclass(frozen=True, slots=True, eq=False)
class Candidate:
    """A coarse pose and its correlation."""

    daily_from_planning: Array
    correlation: float


def planning_spectrum(level: Level, centre_mm: Array) -> PlanningSpectrum:
    """Transform the planning CT around ``centre_mm``; values near HU, the room already removed."""
    values, mask = _on_lattice(level, centre_mm, np.eye(3), whole=True)
    return PlanningSpectrum(centre_mm, _transform(mask), _transform(values), _transform(values**2))


def search(
    planning: PlanningSpectrum, daily: Level, daily_centre_mm: Array, *, rotations: bool, keep: int
) -> list[Candidate]:
    """Return the best coarse poses, best first.

    Parameters
    ----------
    daily
        The day's image at a few mm, NaN outside the field of view.
    daily_centre_mm
        The point of the day's image that should lie near the planning centre (the machine isocentre).
    rotations
        Also try ±10° about each axis (27 rotations) instead of none.
    keep
        Number of candidates.
    """
    angles = ROTATION_GRID_DEG if rotations else (0.0,)
    found: list[Candidate] = []
    for triple in product(angles, repeat=3):
        rotation = Rotation.from_euler("xyz", triple, degrees=True).as_matrix()
        found += _translations(planning, daily, daily_centre_mm, rotation, peaks=2 if rotations else keep)
    return sorted(found, key=lambda candidate: -candidate.correlation)[:keep]


def _translations(
    planning: PlanningSpectrum, daily: Level, daily_centre_mm: Array, rotation: Array, *, peaks: int
) -> list[Candidate]:
    values, mask = _on_lattice(daily, daily_centre_mm, rotation, whole=False)
    if mask.sum() < 50:
        return []
    correlation = _masked_correlation(planning, values, mask)
    found = []
    for shift in _peaks(correlation, peaks):
        # Tissue at centre + shift on the planning CT is seen at the daily centre.
        pose = np.eye(4)
        pose[:3, :3] = rotation
        pose[:3, 3] = daily_centre_mm - rotation @ (planning.centre_mm + shift[::-1] * LATTICE_MM)
        found.append(Candidate(pose, float(correlation[tuple(shift)])))
    return found


def _masked_correlation(planning: PlanningSpectrum, values: Float32, mask: Float32) -> Array:
    mask_c, values_c, squares_c = (np.conj(_transform(a)) for a in (mask, values, values**2))
    count = np.maximum(_inverse(planning.mask * mask_c), 1e-3)
    sum_p, sum_d = _inverse(planning.values * mask_c), _inverse(planning.mask * values_c)
    var_p = _inverse(planning.squares * mask_c) - sum_p**2 / count
    var_d = _inverse(planning.mask * squares_c) - sum_d**2 / count
    covariance = _inverse(planning.values * values_c) - sum_p * sum_d / count
    floor = 1e-3 * max(float(var_p.max()), 1e-9), 1e-3 * max(float(var_d.max()), 1e-9)
    correlation = covariance / np.sqrt(np.maximum(var_p, floor[0]) * np.maximum(var_d, floor[1]))
    return np.where(count >= LEAST_OVERLAP * mask.sum(), correlation, -1.0)


def _peaks(correlation: Array, count: int) -> list[NDArray[np.int64]]:
    """Find the highest local maxima within the largest shift, as signed (k, j, i) shifts."""
    reach = int(LARGEST_SHIFT_MM // LATTICE_MM)
    window = np.take(
        np.take(np.take(correlation, range(-reach, reach + 1), 0), range(-reach, reach + 1), 1),
        range(-reach, reach + 1),
        2,
    )
    is_peak = window == ndimage.maximum_filter(window, 3, mode="nearest")
    at = np.argwhere(is_peak & (window > -1.0))
    best = at[np.argsort(-window[tuple(at.T)], kind="stable")[:count]]
    return [shift - reach for shift in best]


def _transform(image: Float32) -> NDArray[np.complex64]:
    return np.asarray(fft.rfftn(image.astype(np.float32)), dtype=np.complex64)


def _inverse(spectrum: NDArray[np.complex64]) -> Array:
    return np.asarray(fft.irfftn(spectrum, s=(LATTICE,) * 3), dtype=np.float64)


def _on_lattice(level: Level, centre_mm: Array, rotation: Array, *, whole: bool) -> tuple[Float32, Float32]:
    """Sample a level on the lattice turned by ``rotation`` about ``centre_mm``, which has index 0, wrapped.

    Returns values (0 where unknown) and mask, both [k, j, i]; unless ``whole``, only the cube of
    ±:data:`DAILY_HALF_MM` is filled.
    """
    half = LATTICE // 2 if whole else int(DAILY_HALF_MM // LATTICE_MM)
    reach = np.arange(-half, half if whole else half + 1)
    k, j, i = np.meshgrid(reach, reach, reach, indexing="ij")
    offsets = np.stack([i, j, k], axis=-1).reshape(-1, 3) * LATTICE_MM
    # One affine map without BLAS: the order of its sums depends on the number of threads.
    linear = np.linalg.inv(level.grid.direction * level.grid.spacing_mm)
    turned = np.einsum("na,ba->nb", offsets, linear @ rotation)
    index = np.rint(turned + linear @ (centre_mm - level.grid.origin_mm)).astype(np.int64)
    size = np.array(level.grid.shape[::-1])
    inside = ((index >= 0) & (index < size)).all(axis=1)
    x, y, z = np.where(np.expand_dims(inside, 1), index, 0).T
    sampled = np.where(inside, level.values[z, y, x], np.nan)
    known = np.isfinite(sampled)
    values = np.zeros((LATTICE,) * 3, dtype=np.float32)
    mask = np.zeros_like(values)
    at = np.ix_(reach, reach, reach)
    values[at] = np.where(known, (np.clip(sampled, *CLIP_HU) - AIR_HU) / 1000.0, 0.0).reshape(
        (len(reach),) * 3
    )
    mask[at] = known.reshape((len(reach),) * 3)
    return values, mask
