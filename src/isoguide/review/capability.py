"""Does the spread of a patient's set-up fit into what is allowed: process capability."""

from dataclasses import dataclass

import numpy as np
from scipy import stats

from isoguide.errors import InputError
from isoguide.geometry.frames import Array
from isoguide.review.estimate import TAIL, Estimate


@dataclass(frozen=True, slots=True)
class Capability:
    """Capability of a process with the two-sided specification 0 ± ``allowed``.

    Parameters
    ----------
    allowed
        In the unit of the values.
    potential
        Cp: allowed / 3 s, what centring could reach.
    actual
        Cpk: (allowed - |mean|) / 3 s; 1 leaves 0.13 % beyond the nearer limit, below 0 the mean is outside.
    beyond
        The share of days that a normal distribution puts outside.
    """

    allowed: float
    potential: Estimate
    actual: Estimate
    beyond: float


def process_capability(values: Array, allowed: float) -> Capability | None:
    """Return the capability of a series (n,); None with fewer than two values or without any spread.

    s is the standard deviation of all days (some call the indices Pp and Ppk then). Intervals: chi-square for
    Cp, the normal approximation of Bissell (Appl Stat 39:331, 1990) for Cpk.

    Raises
    ------
    InputError
        If ``allowed`` is not a positive number.
    """
    if not (np.isfinite(allowed) and allowed > 0.0):
        msg = f"what is allowed must be a positive number, not {allowed}"
        raise InputError(msg)
    count = len(values)
    if count < 2 or not np.ptp(values) > 0.0:
        return None
    mean, deviation = float(np.mean(values)), float(np.std(values, ddof=1))
    potential, actual = allowed / (3.0 * deviation), (allowed - abs(mean)) / (3.0 * deviation)
    low, high = (float(np.sqrt(stats.chi2.ppf(p, count - 1) / (count - 1))) for p in (TAIL, 1.0 - TAIL))
    half = float(stats.norm.ppf(1.0 - TAIL)) * np.sqrt(1.0 / (9.0 * count) + actual**2 / (2.0 * (count - 1)))
    outside = stats.norm.sf((allowed - mean) / deviation) + stats.norm.cdf((-allowed - mean) / deviation)
    return Capability(
        allowed=allowed,
        potential=Estimate(potential, potential * low, potential * high),
        actual=Estimate(actual, float(actual - half), float(actual + half)),
        beyond=float(outside),
    )
