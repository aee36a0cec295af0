"""A number with its 95 % interval, and the few intervals that need no more than that."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy import special

from isoguide.geometry.frames import Array

CONFIDENCE: Final = 0.95
"""Of every interval in this package."""
TAIL: Final = (1.0 - CONFIDENCE) / 2.0


@dataclass(frozen=True, slots=True)
class Estimate:
    """What was found, and the two ends of its 95 % confidence interval."""

    value: float
    low: float
    high: float


def mean_estimate(mean: float, deviation: float, count: int) -> Estimate:
    """Return a mean of ``count`` (≥ 2) independent values with their standard deviation; Student's t."""
    half = float(special.stdtrit(count - 1, 1.0 - TAIL) * deviation / np.sqrt(count))
    return Estimate(mean, mean - half, mean + half)


def deviation_estimate(deviation: float, freedom: float) -> Estimate:
    """Return a standard deviation with so many (≥ 1) degrees of freedom; chi-square."""
    low, high = (deviation * np.sqrt(freedom / chi_square(p, freedom)) for p in (1.0 - TAIL, TAIL))
    return Estimate(deviation, float(low), float(high))


def rate_estimate(hits: int, of: int) -> Estimate:
    """Return a rate of independent events, ``of`` ≥ 1 (Clopper and Pearson, Biometrika 26:404, 1934)."""
    low = float(special.betaincinv(hits, of - hits + 1, TAIL)) if hits else 0.0
    high = float(special.betaincinv(hits + 1, of - hits, 1.0 - TAIL)) if hits < of else 1.0
    return Estimate(hits / of, low, high)


def chi_square(probability: float | Array, freedom: float) -> Array:
    """Return the quantile of chi-square, of any shape."""
    quantile: Array = np.asarray(2.0 * special.gammaincinv(freedom / 2.0, probability))
    return quantile


def with_intervals(values: Array, draws: Array) -> tuple[Estimate, ...]:
    """Return A values (A,) with the intervals that draws (K, A) of each give."""
    low, high = np.quantile(draws, [TAIL, TAIL + CONFIDENCE], axis=0)
    ends = zip(values.tolist(), low.tolist(), high.tolist(), strict=True)
    return tuple(Estimate(value, least, most) for value, least, most in ends)
