"""Patients who do not belong: a rule that the patients themselves cannot mask.

The modified z score is 0.6745 (x - median) / MAD with MAD = median |x - median|; beyond 3.5 a patient stands
out (Iglewicz and Hoaglin, How to Detect and Handle Outliers, 1993). It is taken of the patients' means, and
of their spreads: s² is first made normal by the cube root of Wilson and Hilferty (1931), which allows for
unequal numbers of measurements.
"""

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from isoguide.course import AXES
from isoguide.geometry.frames import Array
from isoguide.review.error_table import ErrorTable

BEYOND: Final = 3.5
NORMAL: Final = 0.6745
"""MAD of a standard normal distribution."""
FEWEST_PATIENTS: Final = 8
"""With fewer patients nobody can stand out against the others."""
FEWEST_DAYS: Final = 3
"""Measurements that a patient's spread takes."""


@dataclass(frozen=True, slots=True)
class Outlier:
    """One patient on one axis, by his mean or his spread (standard deviation), in the axis' unit."""

    course_id: str
    patient: str
    axis: str
    by: Literal["mean", "spread"]
    value: float
    score: float


def find_outliers(table: ErrorTable) -> tuple[Outlier, ...]:
    """Return the patients who stand out, the furthest first; the rule stands at the head of this module."""
    is_measured = table.is_measured[:, :, None]
    counts = np.maximum(is_measured.sum(axis=1), 1)
    filled = np.where(is_measured, table.errors, 0.0)
    means = filled.sum(axis=1) / counts
    squares = (np.where(is_measured, filled - means[:, None, :], 0.0) ** 2).sum(axis=1)
    means = np.where(is_measured.any(axis=1), means, np.nan)
    spreads = np.where(counts >= FEWEST_DAYS, np.sqrt(squares / np.maximum(counts - 1, 1)), np.nan)
    found = [
        *_found(table, "mean", means, modified_z(means)),
        *_found(table, "spread", spreads, modified_z(_made_normal(spreads, counts - 1.0))),
    ]
    return tuple(sorted(found, key=lambda outlier: -abs(outlier.score)))


def modified_z(values: Array) -> Array:
    """Return the modified z scores of each column of (P, A), NaN where there is no value or no comparison."""
    scores = np.full(values.shape, np.nan)
    for axis, column in enumerate(values.T):
        known = np.isfinite(column)
        off = column[known] - np.median(column[known]) if known.any() else column[known]
        spread = float(np.median(np.abs(off))) if len(off) else 0.0
        if len(off) >= FEWEST_PATIENTS and spread > 0.0:
            scores[known, axis] = NORMAL * off / spread
    return scores


def _made_normal(spreads: Array, freedom: Array) -> Array:
    """Return standard normal scores of standard deviations (P, A) with (P, 1) degrees of freedom."""
    known = np.isfinite(spreads)
    if not known.any():
        return spreads
    typical = np.nanmedian(spreads, axis=0)
    ratio = np.divide(spreads, typical, out=np.full_like(spreads, np.nan), where=known & (typical > 0.0))
    width = 2.0 / (9.0 * np.maximum(freedom, 1.0))
    scores: Array = (np.cbrt(ratio**2) - (1.0 - width)) / np.sqrt(width)
    return scores


def _found(table: ErrorTable, by: Literal["mean", "spread"], values: Array, scores: Array) -> list[Outlier]:
    rows, axes = np.nonzero(np.nan_to_num(np.abs(scores)) > BEYOND)
    return [
        Outlier(
            course_id=table.courses[row].course_id,
            patient=table.courses[row].patient,
            axis=AXES[axis],
            by=by,
            value=float(values[row, axis]),
            score=float(scores[row, axis]),
        )
        for row, axis in zip(rows, axes, strict=True)
    ]
