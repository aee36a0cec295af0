"""Courses for the tests of reviews, written down as the errors of their days."""

from datetime import UTC, datetime, timedelta

import numpy as np

from isoguide.course import CourseHistory, FractionSummary
from isoguide.geometry.correction import CouchCorrection

BEGAN = datetime(2024, 3, 4, 8, tzinfo=UTC)


def correction_of(error) -> CouchCorrection:
    """Return the correction that an error of three or six numbers calls for."""
    return CouchCorrection(*(-float(value) for value in error))


def fraction(number, error=None, **changes) -> FractionSummary:
    measured = None if error is None else correction_of(error)
    known = {"state": "closed", "measured": measured, "images": 0 if error is None else 1} | changes
    return FractionSummary(number=number, at=BEGAN + timedelta(days=number), **known)


def course(errors, name="C1", **changes) -> CourseHistory:
    """Return a course with these errors (F, 3 or 6), None for a day without an image."""
    known = {"site": "pelvis", "machine": "machine 1", "protocol": "daily v1", "device": ""} | changes
    fractions = tuple(fraction(number, error) for number, error in enumerate(errors, start=1))
    return CourseHistory(course_id=name, patient=f"patient of {name}", fractions=fractions, **known)


def along_x(values) -> np.ndarray:
    """Return errors (F, 3) that are all lateral."""
    return np.outer(np.asarray(values, dtype=float), [1.0, 0.0, 0.0])
