"""Virtual patient and virtual scanner with known truth: for demonstrations, tests and benchmarks."""

from isoguide.virtual.breathing import Breathing, breathing_phases
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
from isoguide.virtual.immobilisation import Support
from isoguide.virtual.moved_anatomy import moved_anatomy
from isoguide.virtual.neck import NeckFlexion
from isoguide.virtual.organ_changes import OrganChanges
from isoguide.virtual.patient_body import patient_only
from isoguide.virtual.patient_day import CourseSettings, PatientDay, PatientMoment, draw_days
from isoguide.virtual.phantom import Phantom, Site, build_phantom
from isoguide.virtual.prostate_motion import ProstateMotion
from isoguide.virtual.real_ct import virtual_from_ct
from isoguide.virtual.set_up_errors import SetUpErrors

__all__ = [
    "Breathing",
    "CourseSettings",
    "DailySettings",
    "Displacement",
    "ExampleCase",
    "NeckFlexion",
    "OrganChanges",
    "PatientDay",
    "PatientMoment",
    "Phantom",
    "ProstateMotion",
    "SetUpErrors",
    "Site",
    "Support",
    "breathing_phases",
    "build_phantom",
    "displacement_of",
    "draw_days",
    "example_case",
    "moved_anatomy",
    "patient_only",
    "random_displacement",
    "simulate_daily",
    "target_error_mm",
    "target_points",
    "virtual_from_ct",
]
