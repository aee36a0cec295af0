"""Mean and spread of every patient, for the figure and the table of patients."""

from dataclasses import dataclass
from typing import Self

import numpy as np

from isoguide.course import CourseHistory
from isoguide.geometry.frames import Array
from isoguide.review.error_table import error_table


@dataclass(frozen=True, slots=True, eq=False)
class PatientPoints:
    """Patients with at least one measurement.

    Parameters
    ----------
    courses
        P of them.
    counts
        (P,) measured fractions.
    means, spreads
        (P, 6) mean and standard deviation of the errors from the marks; a spread is NaN with one measurement.
    """

    courses: tuple[CourseHistory, ...]
    counts: Array
    means: Array
    spreads: Array

    @classmethod
    def of(cls, histories: tuple[CourseHistory, ...]) -> Self:
        """Return the points of all courses that were measured."""
        table = error_table(histories)
        counts = table.is_measured.sum(axis=1)
        chosen = np.flatnonzero(counts)
        errors, counts = table.errors[chosen], counts[chosen]
        known = np.isfinite(errors)
        per_patient = np.maximum(counts, 1)[:, None]
        means = np.where(known, errors, 0.0).sum(axis=1) / per_patient
        squares = (np.where(known, errors - means[:, None, :], 0.0) ** 2).sum(axis=1)
        spreads = np.where(per_patient > 1, np.sqrt(squares / np.maximum(per_patient - 1, 1)), np.nan)
        return cls(tuple(histories[row] for row in chosen), counts.astype(np.float64), means, spreads)
