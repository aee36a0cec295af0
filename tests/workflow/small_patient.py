"""A virtual pelvis on a coarse grid, written as DICOM: small enough for tests, real enough to be matched."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from isoguide.dicom import PatientIdentity
from isoguide.geometry.transforms import RigidTransform
from isoguide.images.volume import Volume
from isoguide.virtual import DailySettings, Phantom, build_phantom, random_displacement, simulate_daily
from isoguide.virtual.treatment_plan import PlanSettings
from isoguide.workflow.simulation_session import (
    SimulationSession,
    write_daily_export,
    write_simulation_session,
)

PATIENT = PatientIdentity("T-1", name="Small^Patient & <b>Sons</b>", birth_date="19500101", sex="F")
SPACING_MM = (3.0, 3.0, 4.0)
MACHINE_ISOCENTRE_MM = (2.0, -3.5, 5.0)
"""Where the machine isocentre lies in the day's image: not at its origin, as in real life."""


@dataclass(frozen=True)
class SmallPatient:
    folder: Path
    phantom: Phantom
    session: SimulationSession
    daily_volume: Volume
    planning_from_daily: RigidTransform

    @property
    def planning(self) -> Path:
        return self.folder / "planning"

    @property
    def daily(self) -> Path:
        return self.folder / "daily"


def write_small_patient(folder: Path) -> SmallPatient:
    phantom = build_phantom(spacing_mm=SPACING_MM)
    rng = np.random.default_rng(3)
    machine_mm = np.array(MACHINE_ISOCENTRE_MM)
    planning_from_daily = random_displacement(
        rng,
        largest_mm=8.0,
        largest_deg=2.0,
        isocentre_mm=phantom.isocentre_mm,
        machine_isocentre_mm=machine_mm,
    )
    daily = simulate_daily(
        phantom.volume,
        planning_from_daily,
        isocentre_mm=phantom.isocentre_mm,
        machine_isocentre_mm=machine_mm,
        settings=DailySettings.cone_beam().with_changes(shape=(44, 90, 90), spacing_mm=SPACING_MM),
        rng=rng,
    )
    session = write_simulation_session(
        folder / "planning",
        phantom,
        patient=PATIENT,
        seed="small",
        plan_settings=PlanSettings(label="EXAMPLE"),
    )
    write_daily_export(folder / "daily", daily, machine_mm, patient=PATIENT, seed="small")
    return SmallPatient(folder, phantom, session, daily, planning_from_daily)
