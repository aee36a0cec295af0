"""Control charts of one series: is today still what it was.

All follow Montgomery, Introduction to Statistical Quality Control (individuals and moving range: chapter 6,
tabular CUSUM and EWMA: chapter 9). The standard deviation is the mean moving range / 1.128, so that a slow
change does not widen its own limits. Series are (n,), in order, without gaps; positions count from 0.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from isoguide.errors import InputError
from isoguide.geometry.frames import Array, frozen_array

D2: Final = 1.128
"""Mean range of two standard normal values; 3 / D2 = 2.66."""
D4: Final = 3.267
"""Upper limit of a range of two, in mean ranges."""
EWMA_WEIGHT: Final = 0.2
EWMA_WIDTH: Final = 2.86
CUSUM_SLACK: Final = 0.5
CUSUM_LIMIT: Final = 5.0


@dataclass(frozen=True, slots=True)
class Baseline:
    """What the series is held against: centre and standard deviation, of the first ``count`` values."""

    centre: float
    deviation: float
    count: int


@dataclass(frozen=True, slots=True, eq=False)
class IndividualsChart:
    """Values (n,) between centre ± 3 standard deviations, moving ranges (n - 1,) below a limit.

    ``signals`` are the positions of values beyond, ``range_signals`` of the later value of too large a range.
    """

    baseline: Baseline
    values: Array
    lower: float
    upper: float
    ranges: Array
    range_centre: float
    range_upper: float
    signals: tuple[int, ...]
    range_signals: tuple[int, ...]


@dataclass(frozen=True, slots=True, eq=False)
class EwmaChart:
    """Exponentially weighted moving average (n,) between its limits (n,), exact for each position."""

    baseline: Baseline
    weight: float
    width: float
    averages: Array
    lower: Array
    upper: Array
    signals: tuple[int, ...]


@dataclass(frozen=True, slots=True, eq=False)
class CusumChart:
    """Sums of what exceeds the slack above and below the centre, (n,) each, in the unit of the values."""

    baseline: Baseline
    slack: float
    limit: float
    above: Array
    below: Array
    signals: tuple[int, ...]


def baseline(values: Array, count: int | None = None) -> Baseline:
    """Return mean and standard deviation of the first values, of all where no count is given.

    Raises
    ------
    InputError
        If fewer than two values can be used.
    """
    first = frozen_array(values, (-1,), "the series")[:count]
    if len(first) < 2:
        msg = f"a baseline takes two values or more, and {len(first)} can be used: wait for more"
        raise InputError(msg)
    deviation = float(np.abs(np.diff(first)).mean()) / D2
    return Baseline(float(first.mean()), deviation, len(first))


def individuals_chart(values: Array, against: Baseline) -> IndividualsChart:
    """Return the individuals and moving range chart of a series (n,)."""
    values = frozen_array(values, (-1,), "the series")
    ranges = np.abs(np.diff(values))
    half, mean_range = 3.0 * against.deviation, D2 * against.deviation
    return IndividualsChart(
        baseline=against,
        values=values,
        lower=against.centre - half,
        upper=against.centre + half,
        ranges=frozen_array(ranges, (-1,), "ranges"),
        range_centre=mean_range,
        range_upper=D4 * mean_range,
        signals=_where(np.abs(values - against.centre) > half),
        range_signals=tuple(at + 1 for at in _where(ranges > D4 * mean_range)),
    )


def ewma_chart(
    values: Array, against: Baseline, *, weight: float = EWMA_WEIGHT, width: float = EWMA_WIDTH
) -> EwmaChart:
    """Return the EWMA chart of a series (n,): weight λ of the latest value, limits L standard deviations.

    Raises
    ------
    InputError
        If the weight is not in (0, 1], or the width not positive.
    """
    if not (0.0 < weight <= 1.0 and width > 0.0):
        msg = f"an EWMA has a weight in (0, 1] and a width above 0, not {weight} and {width}"
        raise InputError(msg)
    values = frozen_array(values, (-1,), "the series")
    averages, latest = np.empty(len(values)), against.centre
    for at, value in enumerate(values):
        latest = weight * value + (1.0 - weight) * latest
        averages[at] = latest
    seen = 1.0 - (1.0 - weight) ** (2.0 * np.arange(1, len(values) + 1))
    half = width * against.deviation * np.sqrt(weight / (2.0 - weight) * seen)
    lower, upper = against.centre - half, against.centre + half
    return EwmaChart(
        baseline=against,
        weight=weight,
        width=width,
        averages=frozen_array(averages, (-1,), "averages"),
        lower=frozen_array(lower, (-1,), "limits"),
        upper=frozen_array(upper, (-1,), "limits"),
        signals=_where((averages < lower) | (averages > upper)),
    )


def cusum_chart(
    values: Array, against: Baseline, *, slack: float = CUSUM_SLACK, limit: float = CUSUM_LIMIT
) -> CusumChart:
    """Return the tabular CUSUM of a series (n,): slack k and limit h in standard deviations.

    Raises
    ------
    InputError
        If slack or limit is not a positive number.
    """
    if not (slack > 0.0 and limit > 0.0):
        msg = f"a CUSUM has a slack and a limit above 0, not {slack} and {limit}"
        raise InputError(msg)
    values = frozen_array(values, (-1,), "the series")
    above = _summed(values - against.centre - slack * against.deviation)
    below = _summed(against.centre - values - slack * against.deviation)
    reach = limit * against.deviation
    return CusumChart(
        baseline=against,
        slack=slack * against.deviation,
        limit=reach,
        above=above,
        below=below,
        signals=_where((above > reach) | (below > reach)),
    )


def _summed(steps: Array) -> Array:
    sums, latest = np.empty(len(steps)), 0.0
    for at, step in enumerate(steps):
        latest = max(0.0, latest + step)
        sums[at] = latest
    return frozen_array(sums, (-1,), "sums")


def _where(is_signal: Sequence[bool] | np.ndarray) -> tuple[int, ...]:
    return tuple(int(at) for at in np.flatnonzero(is_signal))
