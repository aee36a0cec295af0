"""Does a patient drift: straight line with Student's t, and Mann-Kendall, which assumes no distribution.

Series are rows (S, F): the value of fraction f + 1 in column f, NaN where it was not measured.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np
from scipy import special, stats

from isoguide.geometry.frames import Array
from isoguide.review.estimate import CONFIDENCE, TAIL, Estimate

FEWEST: Final = 4
"""Measurements that a trend takes: with three, Mann-Kendall cannot reach 0.05 whatever they are."""


@dataclass(frozen=True, slots=True, eq=False)
class Lines:
    """Straight lines of S series by least squares: slope, its standard error, p value, each (S,).

    NaN for a series with fewer than :data:`FEWEST` measurements. A perfect line has p = 0, a level one 1.
    """

    counts: Array
    slope: Array
    error: Array
    p_value: Array


@dataclass(frozen=True, slots=True)
class Trend:
    """The trend of one series, in its unit per fraction.

    Parameters
    ----------
    slope, p_slope
        Least squares with its 95 % interval, and the two-sided p value of Student's t.
    theil_sen
        Median of the slopes of all pairs, with its 95 % interval (Sen, J Am Stat Assoc 63:1379, 1968).
    p_kendall
        Two-sided p value of Mann-Kendall.
    """

    slope: Estimate
    p_slope: float
    theil_sen: Estimate
    p_kendall: float


def fit_lines(series: Array) -> Lines:
    """Return the straight lines of series (S, F)."""
    is_measured = np.isfinite(series)
    counts = is_measured.sum(axis=1).astype(np.float64)
    safe = np.maximum(counts, 1.0)[:, None]
    days = np.where(is_measured, np.arange(1.0, series.shape[1] + 1.0), 0.0)
    days = np.where(is_measured, days - days.sum(axis=1, keepdims=True) / safe, 0.0)
    values = np.where(is_measured, series, 0.0)
    values = np.where(is_measured, values - values.sum(axis=1, keepdims=True) / safe, 0.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        about = (days**2).sum(axis=1)
        slope = (days * values).sum(axis=1) / about
        left = ((values - slope[:, None] * days) ** 2).sum(axis=1)
        # What rounding leaves of a perfect line is none.
        left = np.where(left <= 1e-24 * (values**2).sum(axis=1), 0.0, left)
        error = np.sqrt(left / (counts - 2.0) / about)
        ratio = np.where(slope == 0.0, 0.0, np.abs(slope) / error)
        p_value = 2.0 * special.stdtr(counts - 2.0, -ratio)
    too_few = counts < FEWEST
    slope, error, p_value = (np.where(too_few, np.nan, part) for part in (slope, error, p_value))
    return Lines(counts, slope, error, p_value)


def mann_kendall(series: Array) -> Array:
    """Return two-sided p values (S,) of series (S, F): NaN with fewer than :data:`FEWEST` measurements.

    Exact where no two values are equal (Kendall, Rank Correlation Methods, 1970), else normal with the
    variance for ties and the correction for continuity (Gilbert, Statistical Methods for Environmental
    Pollution Monitoring, 1987, chapter 16).
    """
    counts = np.isfinite(series).sum(axis=1)
    score, twins = _pairs(series)
    p_value = np.full(len(series), np.nan)
    is_tied = (twins > 0).any(axis=1)
    for count in np.unique(counts[counts >= FEWEST]):
        exact = (counts == count) & ~is_tied
        below = _share_of_orders(int(count))
        fewest = (count * (count - 1) // 2 - np.abs(score[exact]).astype(np.int_)) // 2
        p_value[exact] = np.minimum(1.0, 2.0 * below[fewest])
    tied = is_tied & (counts >= FEWEST)
    p_value[tied] = _normal(score[tied], counts[tied], twins[tied] + 1.0)
    return p_value


def _pairs(series: Array) -> tuple[Array, Array]:
    """Return rising minus falling pairs (S,), and how many other values equal each value (S, F)."""
    score, twins = np.zeros(len(series)), np.zeros(series.shape)
    for lag in range(1, series.shape[1]):
        difference = series[:, lag:] - series[:, :-lag]
        score += np.nansum(np.sign(difference), axis=1)
        equal = difference == 0.0
        twins[:, lag:] += equal
        twins[:, :-lag] += equal
    return score, twins


@lru_cache(maxsize=256)
def _share_of_orders(count: int) -> Array:
    """Return the shares of the orders of so many values that have at most 0, 1, 2 ... falling pairs."""
    shares = np.ones(1)
    for size in range(2, count + 1):
        shares = np.convolve(shares, np.full(size, 1.0 / size))
    return np.minimum(np.cumsum(shares), 1.0)


def _normal(score: Array, counts: Array, twins: Array) -> Array:
    # Each value of a group of t equal ones stands for 1/t of the group's t (t - 1) (2 t + 5).
    ties = ((twins - 1.0) * (2.0 * twins + 5.0)).sum(axis=1)
    variance = (counts * (counts - 1.0) * (2.0 * counts + 5.0) - ties) / 18.0
    reach = np.maximum(np.abs(score) - 1.0, 0.0) / np.sqrt(np.where(variance > 0.0, variance, 1.0))
    p_value: Array = 2.0 * special.ndtr(-reach)
    return p_value


def fit_trend(values: Array, days: Array) -> Trend | None:
    """Return the trend of one series; None with fewer than :data:`FEWEST` measurements.

    ``values`` and ``days`` are (n,), the days whole numbers from 1 in ascending order.
    """
    if len(values) < FEWEST:
        return None
    series = np.full((1, int(days[-1])), np.nan)
    series[0, np.asarray(days, dtype=np.int_) - 1] = values
    lines = fit_lines(series)
    slope = float(lines.slope[0])
    half = float(special.stdtrit(len(values) - 2, 1.0 - TAIL) * lines.error[0])
    sen = stats.theilslopes(values, days, CONFIDENCE)
    return Trend(
        slope=Estimate(slope, slope - half, slope + half),
        p_slope=float(lines.p_value[0]),
        theil_sen=Estimate(float(sen.slope), float(sen.low_slope), float(sen.high_slope)),
        p_kendall=float(mann_kendall(series)[0]),
    )
