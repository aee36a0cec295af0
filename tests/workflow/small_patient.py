"""A virtual pelvis on a coarse grid, written as DICOM: small enough for tests, real enough to be matched."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from isoguide.dicom import PatientIdentity
from isoguide.geometry.transforms import RigidTransform
from isoguide.images.volume import Volume
from isoguide.virtual import DailySettings, Phantom, build_phantom, random_displacement, simulate_daily
from isoguide.workflow.example import MACHINE_ISOCENTRE_MM, write_planning_export
from isoguide.workflow.simulation_session import write_daily_export

PATIENT = PatientIdentity("T-1", name="Small^Patient & <b>Sons</b>", birth_date="19500101", sex="F")
SPACING_MM = (3.0, 3.0, 4.0)


@dataclass(frozen=True)
class SmallPatient:
    folder: Path
    phantom: Phantom
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
    write_planning_export(folder / "planning", phantom, patient=PATIENT, seed="small")
    write_daily_export(folder / "daily", daily, machine_mm, patient=PATIENT, seed="small")
    return SmallPatient(folder, phantom, daily, planning_from_daily)
