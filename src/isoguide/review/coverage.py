"""What a margin gives: the dose is shifted by the errors themselves, instead of asking a recipe.

A large, smooth target in a dose that fits the planning target volume perfectly: seen from any point of the
target's surface the dose falls off along the normal there as the integral of a Gaussian (the penumbra), 95 %
at the edge of the planning target volume. Shifts only.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy import special

from isoguide.errors import InputError
from isoguide.geometry.frames import Array, frozen_array
from isoguide.review.estimate import Estimate, rate_estimate
from isoguide.review.margins import PENUMBRA_WATER_MM

DIRECTIONS: Final = 96
"""Points of the surface, evenly spread; twice as many change a coverage by less than 1 %."""
AT_EDGE: Final = 0.95
"""Dose at the edge of the planning target volume, and the dose to reach, relative to that prescribed."""
ROUNDING: Final = 1e-9
"""A target at the very edge has reached it."""


@dataclass(frozen=True, slots=True, eq=False)
class Coverage:
    """How the targets of P patients fared.

    Parameters
    ----------
    margin_mm
        (3,) lateral, longitudinal, vertical.
    smallest_dose
        (P,) dose at the worst point of each target over the course, relative to that prescribed.
    covered
        The share of patients whose whole target reached 95 %; van Herk's recipe is made for 90 %.
    """

    margin_mm: Array
    smallest_dose: Array
    covered: Estimate


def dose_coverage(errors_mm: Array, margin_mm: Array, penumbra_mm: float = PENUMBRA_WATER_MM) -> Coverage:
    """Return the dose that patients with these errors receive within this margin.

    Parameters
    ----------
    errors_mm
        (P, F, 3), NaN for a day that is not known; a patient without any is left out.
    margin_mm
        (3,); along a direction between the axes the margin is that of the ellipsoid.
    penumbra_mm
        Standard deviation of its Gaussian.

    Raises
    ------
    InputError
        If no patient has a known day, or the penumbra is not a positive number.
    """
    margin_mm = frozen_array(margin_mm, (3,), "the margin")
    known = np.isfinite(errors_mm[:, :, 0])
    errors_mm, known = errors_mm[known.any(axis=1)], known[known.any(axis=1)]
    if not len(errors_mm) or not penumbra_mm > 0.0:
        msg = f"coverage needs errors of one patient and a penumbra above 0, not {penumbra_mm} mm: give both"
        raise InputError(msg)
    filled = np.where(known[:, :, None], errors_mm, 0.0)
    edge = special.ndtri(AT_EDGE)
    smallest = np.ones(len(filled))
    for direction in _directions():
        inside_mm = np.sqrt(((margin_mm * direction) ** 2).sum()) - filled @ direction
        dose = np.where(known, special.ndtr(inside_mm / penumbra_mm + edge), 0.0)
        smallest = np.minimum(smallest, dose.sum(axis=1) / known.sum(axis=1))
    reached = int((smallest >= AT_EDGE - ROUNDING).sum())
    return Coverage(margin_mm, smallest, rate_estimate(reached, len(smallest)))


def _directions() -> Array:
    """Return unit vectors (DIRECTIONS, 3) on a Fibonacci spiral."""
    place = np.arange(DIRECTIONS) + 0.5
    height = 1.0 - 2.0 * place / DIRECTIONS
    around = np.pi * (1.0 + np.sqrt(5.0)) * place
    radius = np.sqrt(1.0 - height**2)
    return np.column_stack([radius * np.cos(around), radius * np.sin(around), height])
