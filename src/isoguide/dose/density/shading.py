"""Grey values of the day to Hounsfield units, contrast and shading, by way of the warped planning CT.

The day's image is taken for ``HU = gain * grey + offset(x)`` with an offset that changes slowly. The gain is
that by which fat, muscle, bone and the air around the patient stand out from their surroundings. The offset
is what soft tissue differs by: a surface of second order, as cupping is, and the mean of the rest under a
Gaussian of 35 mm, which alone would lean towards the middle at the edge of the field of view. Gas, bone,
edges and whatever does not fit are left out of both, so that what has moved since planning is not undone.

Source: Marchant et al. 2018, Physics in Medicine and Biology 63 (shading correction beside a deformed CT).
"""

import itertools
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from isoguide.errors import InputError
from isoguide.geometry.grid import Grid
from isoguide.registration.pyramid import make_level

Float32 = NDArray[np.float32]
Mask = NDArray[np.bool_]

WIDTH_MM: Final = 35.0
"""Standard deviation of the low pass: wider than organs, narrower than cupping."""
LEVEL_MM: Final = 6.0
SOFT_HU: Final = (-150.0, 150.0)
"""Fat, muscle and organs: what the offset is measured in."""
CLASS_EDGES_HU: Final = (-150.0, -50.0, 10.0, 80.0, 150.0, 250.0, 400.0, 700.0)
"""Tissues that the gain is measured with: their medians, so that each counts once."""
LEAST_SAMPLES: Final = 40
UNIFORM_HU: Final = 180.0
"""Neighbours that differ by more are an edge, which a small error of the field moves."""
NEAR_SKIN_MM: Final = 25.0
"""Air is compared this close to the body, where the offset is still known."""
MISFIT_HU: Final = 60.0
"""What differs by more than three times the usual, and at least this, is left out."""
ROUNDS: Final = 3
LEAST_CONTRAST_HU: Final = 60.0
AIR_HU: Final = -1000.0


@dataclass(frozen=True, slots=True, eq=False)
class Shading:
    """How grey values become HU: ``gain * grey + offset``; ``offset_hu`` ``[k, j, i]`` on ``grid``."""

    gain: float
    offset_hu: Float32
    grid: Grid


def measured_shading(day: Float32, planned: Float32, body: Mask, grid: Grid) -> Shading:
    """Compare the day's image with the warped planning CT.

    Parameters
    ----------
    day
        Grey values ``[k, j, i]``, NaN where the image does not show anything.
    planned
        Warped planning CT, HU.
    body
        The patient in it.
    grid
        Of all three.

    Raises
    ------
    InputError
        If too little soft tissue is seen, or grey values do not rise with density.
    """
    grey = make_level(grid, day, LEVEL_MM, interpolate=False)
    hu = make_level(grid, planned, LEVEL_MM, interpolate=False).values
    inside = make_level(grid, body.astype(np.float32), LEVEL_MM, interpolate=False).values > 0.5
    seen = np.isfinite(grey.values)
    values = np.where(seen, grey.values, np.float32(0.0))
    flat = ndimage.maximum_filter(hu, 3) - ndimage.minimum_filter(hu, 3) < UNIFORM_HU
    sigma = WIDTH_MM / grey.grid.spacing_mm[::-1]
    tissue = inside & seen & flat & (hu > CLASS_EDGES_HU[0])
    soft = tissue & (hu < SOFT_HU[1])
    _require_enough(soft)
    air = _air_nearby(hu, inside, grey.grid) & seen
    fits = np.ones_like(soft)
    for _ in range(ROUNDS):
        weight = (soft & fits).astype(np.float32)
        _require_enough(weight > 0.0)
        gain = _gain(values, hu, weight, (tissue & fits, air), sigma)
        scaled = np.float32(gain) * values
        offset = _slow_part(hu - scaled, weight, sigma)
        misfit = np.abs(scaled + offset - hu)
        usual = float(np.median(misfit[weight > 0.0])) / 0.6745
        fits = misfit < max(3.0 * usual, MISFIT_HU)
    return Shading(gain, offset, grey.grid)


def _require_enough(soft: Mask) -> None:
    if soft.sum() < LEAST_SAMPLES:
        msg = (
            "the day's image shows too little soft tissue that agrees with the planning CT, so its grey"
            " values cannot be brought to HU; use an image with a larger field of view, or a calibrated CT"
        )
        raise InputError(msg)


def _air_nearby(hu: Float32, inside: Mask, grid: Grid) -> Mask:
    """Air around the patient, not next to the skin, where couch and clothes are the exception."""
    away_mm = ndimage.distance_transform_edt(~inside, sampling=grid.spacing_mm[::-1])
    return np.asarray((away_mm > 1.5 * LEVEL_MM) & (away_mm < NEAR_SKIN_MM) & (hu < 0.95 * AIR_HU))


def _gain(
    grey: Float32, hu: Float32, weight: Float32, where: tuple[Mask, Mask], sigma: NDArray[np.float64]
) -> float:
    """HU per grey value, from how much each tissue stands out from the soft tissue around it."""
    grey_out = grey - _slow_part(grey, weight, sigma)
    hu_out = hu - _slow_part(hu, weight, sigma)
    tissue, air = where
    classes = [tissue & (hu >= low) & (hu < high) for low, high in itertools.pairwise(CLASS_EDGES_HU)]
    rows = [
        (float(np.median(hu_out[one])), float(np.median(grey_out[one])), float(np.sqrt(one.sum())))
        for one in (*classes, air)
        if one.sum() >= LEAST_SAMPLES
    ]
    x, y, w = np.array(rows or [(0.0, 0.0, 0.0)]).T
    if np.ptp(x) < LEAST_CONTRAST_HU:
        msg = (
            "the day's image shows one tissue only, so the scale of its grey values is unknown; use an image"
            " that shows fat, bone or the air around the patient, or a calibrated CT"
        )
        raise InputError(msg)
    slope = float(np.polyfit(x, y, 1, w=w)[0])
    if slope <= 0.0:
        msg = (
            "grey values of the day's image do not rise with density, so they cannot be brought to HU; check"
            " that it is a CT of this body"
        )
        raise InputError(msg)
    return 1.0 / slope


def _slow_part(values: Float32, weight: Float32, sigma: NDArray[np.float64]) -> Float32:
    """Surface of second order through what counts, and the low pass of what it leaves."""
    k, j, i = (np.linspace(-1.0, 1.0, n, dtype=np.float32) for n in values.shape)
    z, y, x = np.meshgrid(k, j, i, indexing="ij")
    terms = np.stack([np.ones_like(x), x, y, z, x * x, y * y, z * z, x * y, x * z, y * z], axis=-1)
    counts = weight > 0.0
    found = np.linalg.lstsq(terms[counts], values[counts], rcond=1e-6)[0]
    surface: Float32 = (terms @ found).astype(np.float32)
    return surface + _low_pass(values - surface, weight, sigma)


def _low_pass(values: Float32, weight: Float32, sigma: NDArray[np.float64]) -> Float32:
    """Mean of what counts under a Gaussian; far from all of it the mean of everything."""
    total = float(weight.sum())
    usual = np.float32((values * weight).sum(dtype=np.float64) / total)
    above = ndimage.gaussian_filter((values - usual) * weight, sigma, mode="constant", truncate=3.0)
    below = ndimage.gaussian_filter(weight, sigma, mode="constant", truncate=3.0)
    result: Float32 = usual + above / (below + np.float32(1e-3))
    return result
