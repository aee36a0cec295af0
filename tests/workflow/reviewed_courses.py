"""Courses for the tests of review pages, written down as the errors of their days."""

from datetime import UTC, datetime, timedelta

import numpy as np

from isoguide.course import CourseHistory, FractionSummary, ImagingDose
from isoguide.geometry.correction import CouchCorrection

BEGAN = datetime(2024, 3, 4, 8, tzinfo=UTC)
PELVIS = ImagingDose(4.5, "CTDIw, mGy")


def day(number: int, error=None, **changes) -> FractionSummary:
    """A fraction with this set-up error (3 or 6), corrected in full; None for a day without an image."""
    known = {"state": "closed", "images": 0}
    if error is not None:
        correction = CouchCorrection(*(-float(value) for value in error))
        known |= {
            "measured": correction,
            "applied": correction,
            "deviation": np.array([0.3, 0.3, 0.4, 0.1, 0.1, 0.1]),
            "action": "correct",
            "rule": "the shift is above the tolerance of 2 mm: correct",
            "images": 1,
            "doses": (PELVIS,),
            "delivered_mu": 200.0,
        }
    return FractionSummary(number=number, at=BEGAN + timedelta(days=number), **(known | changes))


def course(errors, name: str = "C0001", **changes) -> CourseHistory:
    """A course with these errors, one a day."""
    known = {"site": "pelvis", "machine": "Linac 1", "protocol": "daily v1", "device": "mask"} | changes
    days = known.pop("fractions", None)
    if days is None:
        days = tuple(day(number, error) for number, error in enumerate(errors, start=1))
    return CourseHistory(course_id=name, patient=f"patient of {name}", fractions=days, **known)


def lateral(*values: float) -> list[tuple[float, float, float]]:
    """Errors that are all lateral."""
    return [(value, 0.0, 0.0) for value in values]


def scattered(seed: int, days: int, name: str = "C0001", **changes) -> CourseHistory:
    """A course with random errors on all axes about a mean of its own."""
    rng = np.random.default_rng(seed)
    mean = rng.normal(0.0, [2.0, 2.0, 2.0, 0.6, 0.6, 0.6])
    return course(mean + rng.normal(0.0, [1.5] * 3 + [0.5] * 3, (days, 6)), name, **changes)


def population(patients: int, days: int = 6, **changes) -> tuple[CourseHistory, ...]:
    """Scattered courses, in turn on two sites."""
    sites = ("pelvis", "lung")
    return tuple(
        scattered(seed, days, f"C{seed:04d}", **({"site": sites[seed % 2]} | changes))
        for seed in range(1, patients + 1)
    )
