"""Virtual patient and virtual scanner with known truth: for demonstrations, tests and benchmarks."""

from isoguide.virtual.daily import simulate_daily
from isoguide.virtual.daily_settings import DailySettings
from isoguide.virtual.displacement import (
    Displacement,
    displacement_of,
    random_displacement,
    target_error_mm,
    target_points,
)
from isoguide.virtual.patient_body import patient_only
from isoguide.virtual.phantom import Phantom, build_phantom

__all__ = [
    "DailySettings",
    "Displacement",
    "Phantom",
    "build_phantom",
    "displacement_of",
    "patient_only",
    "random_displacement",
    "simulate_daily",
    "target_error_mm",
    "target_points",
]
