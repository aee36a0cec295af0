"""Many tests at once: how many of the alarms are false."""

from dataclasses import dataclass

import numpy as np

from isoguide.geometry.frames import Array

FALSE_DISCOVERIES = 0.05
"""Among what is reported, so large a share is false on average."""


@dataclass(frozen=True, slots=True)
class Tested:
    """One of several tests: its p value, and the one adjusted for the others (false discoveries)."""

    p_value: float
    adjusted: float


def adjusted(p_values: Array) -> Array:
    """Return p values adjusted for each other: below q, a share of at most q is false (on average).

    Benjamini and Hochberg (J R Stat Soc B 57:289, 1995), for tests that are independent or positively
    dependent. NaN (no test was made) stays NaN and does not count; any shape.
    """
    p_values = np.asarray(p_values, dtype=np.float64)
    result = np.full(p_values.shape, np.nan)
    is_test = np.isfinite(p_values)
    tested = p_values[is_test]
    order = np.argsort(tested)
    scaled = tested[order] * len(tested) / np.arange(1, len(tested) + 1)
    among = np.empty_like(tested)
    among[order] = np.minimum(np.minimum.accumulate(scaled[::-1])[::-1], 1.0)
    result[is_test] = among
    return result
