"""Small objects for the tests of the writing side: a patient, two image series, structures, a plan."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from isoguide.dicom import (
    CtAcquisition,
    PatientIdentity,
    SeriesUids,
    WrittenSeries,
    write_ct_series,
)
from isoguide.geometry.frames import DAILY, PLANNING, Frame
from isoguide.geometry.grid import Grid
from isoguide.images.structure import Contour, Structure
from isoguide.images.volume import Volume
from isoguide.plan import (
    Beam,
    ControlPoint,
    MultileafCollimator,
    PatientPosition,
    PatientSetup,
    Plan,
    Prescription,
    SetupDevice,
)

PATIENT = PatientIdentity(
    patient_id="ISO-001", issuer="TEST", name="Müller^Zoë", birth_date="19500102", sex="F"
)


@dataclass(frozen=True)
class Pair:
    planning: WrittenSeries
    daily: WrittenSeries


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def small_volume(frame: Frame = PLANNING, *, slices: int = 4, is_hounsfield: bool = True) -> Volume:
    rng = np.random.default_rng(3)
    grid = Grid.axial(frame, (slices, 6, 5), (0.9765625, 1.5, 3.0), (-10.1, -20.2, -30.3))
    values = rng.integers(-1000, 1500, grid.shape).astype(np.int16)
    return Volume(grid, values, is_hounsfield=is_hounsfield)


def write_pair(folder: Path, *, same_frame: bool = False) -> Pair:
    planning_uids = SeriesUids.from_seed("test planning")
    daily_uids = SeriesUids.from_seed("test daily")
    if same_frame:
        daily_uids = SeriesUids(daily_uids.study, daily_uids.series, planning_uids.frame_of_reference)
    planning = write_ct_series(
        folder / "planning", small_volume(), patient=PATIENT, patient_position="HFS", uids=planning_uids
    )
    daily = write_ct_series(
        folder / "daily",
        small_volume(DAILY, slices=3, is_hounsfield=False),
        patient=PATIENT,
        patient_position="HFS",
        uids=daily_uids,
        acquisition=CtAcquisition(model="isoguide virtual CBCT", body_part="CHEST"),
    )
    return Pair(planning, daily)


def square(z_mm: float, size_mm: float = 10.0) -> Contour:
    corners = [(0.0, 0.0), (size_mm, 0.0), (size_mm, size_mm), (0.0, size_mm / 3.0)]
    return Contour("CLOSED_PLANAR", np.array([(x, y, z_mm) for x, y in corners]))


def some_structures() -> tuple[Structure, ...]:
    isocentre = Contour("POINT", np.array([[1.25, -2.5, 3.75]]))
    return (
        Structure("BODY", 1, PLANNING, (square(-30.3, 40.0), square(-27.3, 40.0)), "EXTERNAL"),
        Structure("PTV_60", 2, PLANNING, (square(-30.3), square(-30.3, 4.0)), "PTV"),
        Structure("Isozentrum ä", 7, PLANNING, (isocentre,), "ISOCENTER"),
        Structure("not drawn", 9, PLANNING, (), ""),
    )


LEAVES = MultileafCollimator("X", np.array([-10.0, 0.0, 10.0]))
SETUP = PatientSetup(
    1,
    displacement_mm=np.array([4.0, -21.5, 0.0]),
    fixation=(SetupDevice("MASK", "Mask 3 points"),),
    devices=(SetupDevice("LASER_POINTER", "Room lasers"),),
)


def some_plan(uids: SeriesUids, structure_set_uid: str) -> Plan:
    isocentre_mm = np.array([1.25, -2.5, 3.75])
    arc = tuple(
        ControlPoint(
            gantry_deg=gantry,
            collimator_deg=10.0 + 5.0 * index,
            couch_deg=350.0,
            cumulative_meterset=meterset,
            isocentre_mm=isocentre_mm,
            table_top_mm=np.array([1.0, 900.0, -150.0]),
            table_pitch_deg=1.5,
            table_roll_deg=-0.5,
            energy_mv=6.0,
            jaw_x_mm=(-40.0, 40.0),
            jaw_y_mm=(-30.0, 30.0 + index),
            leaf_positions_mm=np.array([[-10.0, -11.0], [10.0, 12.0 + index]]),
        )
        for index, (gantry, meterset) in enumerate(((350.0, 0.0), (20.0, 0.4), (40.0, 1.0)))
    )
    setup = tuple(ControlPoint(0.0, 0.0, 0.0, 0.0, isocentre_mm=isocentre_mm) for _ in range(2))
    return Plan(
        sop_instance_uid="2.25.314159",
        label="PELVIS ARC",
        patient_position=PatientPosition.HFS,
        beams=(
            Beam(1, "Arc 1", "TREATMENT", "PHOTON", "LINAC 1", arc, None, 212.5, LEAVES, 1000.0),
            Beam(2, "CBCT", "SETUP", "PHOTON", "LINAC 1", setup),
        ),
        frame_of_reference_uid=uids.frame_of_reference,
        structure_set_uid=structure_set_uid,
        approval_status="APPROVED",
        fractions_planned=20,
        prescriptions=(Prescription(60.0, 2, "prostate"), Prescription(44.0)),
        setups=(SETUP,),
    )
