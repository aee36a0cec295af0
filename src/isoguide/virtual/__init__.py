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
from isoguide.virtual.examples import ExampleCase, example_case
from isoguide.virtual.patient_body import patient_only
from isoguide.virtual.phantom import Phantom, Site, build_phantom

__all__ = [
    "DailySettings",
    "Displacement",
    "ExampleCase",
    "Phantom",
    "Site",
    "build_phantom",
    "displacement_of",
    "example_case",
    "patient_only",
    "random_displacement",
    "simulate_daily",
    "target_error_mm",
    "target_points",
]
