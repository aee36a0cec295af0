"""A department with one registered course of the small patient, its staff, and a clock that tests set."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
from small_patient import MACHINE_ISOCENTRE_MM, PATIENT, SmallPatient

from isoguide.course import (
    Accessory,
    DeliveryRecord,
    PatientKey,
    Person,
    PlannedBeam,
    ReferenceImage,
    Role,
    SimulationRecord,
)
from isoguide.dicom import content_hash, load_planning_set
from isoguide.geometry.correction import CouchCorrection, couch_correction
from isoguide.geometry.couch import corrected_pose
from isoguide.geometry.iec61217 import TableTopPose
from isoguide.records.image_store import ImageStore
from isoguide.workflow.clinic.course_planning import PLANNING_FILE
from isoguide.workflow.clinic.department import new_desk, open_desk
from isoguide.workflow.clinic.desk import Desk
from isoguide.workflow.clinic.fraction_status import FractionStatus
from isoguide.workflow.protocol_file import parse_protocol
from isoguide.workflow.same_plan import file_sha256
from isoguide.workflow.simulation_session import write_daily_export

SET_UP = TableTopPose(1.2, 853.4, -118.0)
ACCESSORIES = (Accessory("COUCH_TOP", "Carbon top"), Accessory("KNEE_REST", "Knee rest", "H2"))
PROTOCOL = """
name = "test-pelvis"
version = 1
title = "Pelvis, for tests"
site = "prostate"
modality = "cone-beam CT"
[schedule]
kind = "daily"
[match]
content = "auto"
degrees_of_freedom = 6
[tolerance]
shift_mm = 1.0
rotation_deg = 0.5
[[action_levels]]
action = "second look"
shift_mm = 20.0
[[action_levels]]
action = "stop"
shift_mm = 50.0
"""


@dataclass
class SetClock:
    """Stands still until it is told to go on."""

    at: datetime = field(default_factory=lambda: datetime.now(UTC).replace(microsecond=0) + timedelta(days=1))

    def __call__(self) -> datetime:
        return self.at

    def wait(self, seconds: float) -> datetime:
        self.at += timedelta(seconds=seconds)
        return self.at


def simulation_of(patient: SmallPatient, store: ImageStore) -> SimulationRecord:
    plan, session = patient.session.plan, patient.session
    files = tuple(
        ReferenceImage(PLANNING_FILE, path.name, store.add(path))
        for path in sorted(patient.planning.glob("*.dcm"))
    )
    return SimulationRecord(
        patient=PatientKey(PATIENT.patient_id, PATIENT.birth_date, PATIENT.name),
        site="prostate",
        machine="virtual",
        plan_uid=plan.sop_instance_uid,
        plan_label=plan.label,
        plan_sha256=file_sha256(session.plan_file.path),
        structure_set_uid=plan.structure_set_uid,
        structure_set_sha256=file_sha256(session.structures.path),
        planning_series_uid=session.planning.series_instance_uid,
        frame_of_reference_uid=plan.frame_of_reference_uid,
        planning_sha256=content_hash(load_planning_set(patient.planning).image.volume),
        patient_position=plan.patient_position,
        isocentre_mm=patient.phantom.isocentre_mm,
        target="PTV",
        fractions_planned=plan.fractions_planned,
        dose_per_fraction_gy=2.0,
        beams=tuple(
            PlannedBeam(beam.number, beam.name, beam.meterset_mu or 0.0)
            for beam in plan.beams
            if beam.is_treatment
        ),
        marks=patient.phantom.marks,
        fiducials=patient.phantom.fiducials,
        accessories=ACCESSORIES,
        reference_images=files,
    )


@dataclass
class Department:
    """An open desk, its clock, and the small patient as course C0001."""

    desk: Desk
    clock: SetClock
    patient: SmallPatient
    folder: Path
    course: str = "C0001"

    @property
    def needed(self) -> CouchCorrection:
        """What the patient of the day's image needs: the truth."""
        return couch_correction(
            self.patient.planning_from_daily,
            plan_isocentre_mm=self.patient.phantom.isocentre_mm,
            machine_isocentre_mm=np.array(MACHINE_ISOCENTRE_MM),
            patient_position="HFS",
        )

    @property
    def corrected(self) -> TableTopPose:
        """Where the couch has to go."""
        return corrected_pose(SET_UP, self.needed)

    def export_image(self, name: str, *, moved: bool = False) -> Path:
        """Write an image of now into a folder, of the patient as he lies, or in place where ``moved``."""
        folder = self.folder / name
        volume = self.patient.daily_volume
        write_daily_export(
            folder,
            volume,
            np.array(MACHINE_ISOCENTRE_MM),
            patient=PATIENT,
            seed=f"small {name} {moved}",
            acquired_at=self.clock.wait(30.0),
        )
        self.clock.wait(60.0)
        return folder


@contextmanager
def open_department(
    folder: Path, patient: SmallPatient, simulation: SimulationRecord | None = None, protocol: str = PROTOCOL
) -> Iterator[Department]:
    """Open a new department; the ``simulation`` of an earlier one saves the time to make it."""
    clock = SetClock()
    with new_desk(str(folder / "records"), now=clock) as desk:
        for person in (
            Person("anna", Role.THERAPIST),
            Person("ben", Role.THERAPIST),
            Person("berg", Role.PHYSICIST),
        ):
            desk.records.add_person(person, by="admin")
        parsed = parse_protocol(protocol, "test")
        desk.records.add_protocol(parsed, protocol, by="berg")
        if simulation is None:
            simulation = simulation_of(patient, desk.store)
        desk.records.add_course(
            simulation, protocol_name=parsed.name, protocol_version=parsed.version, by="berg"
        )
        yield Department(desk, clock, patient, folder)


def near(pose: TableTopPose, **changes: float) -> TableTopPose:
    """Return a reading like this pose with some axes changed by so much."""
    return replace(pose, **{name: getattr(pose, name) + by for name, by in changes.items()})


@contextmanager
def opened(folder: Path, patient: SmallPatient, simulated: tuple, text: str) -> Iterator[Department]:
    """Open a new department whose image store is filled already."""
    shutil.copytree(simulated[0], folder / "records" / "images")
    with open_department(folder, patient, simulated[1], text) as department:
        yield department


def begun(d: Department) -> FractionStatus:
    return d.desk.begin(d.course, by="anna", accessories=ACCESSORIES)


def set_up(d: Department) -> FractionStatus:
    begun(d)
    return d.desk.set_up(d.course, by="anna", couch=SET_UP)


def imaged(d: Department, name: str = "one") -> FractionStatus:
    set_up(d)
    return d.desk.image(d.course, d.export_image(name), by="anna", couch=SET_UP)


def approved(d: Department) -> FractionStatus:
    imaged(d)
    return d.desk.approve(d.course, by=["anna"], couch=SET_UP)


def verified(d: Department) -> tuple[FractionStatus, TableTopPose]:
    target = approved(d).target_pose
    return d.desk.move(d.course, by="anna", couch=target), target


def all_delivered(d: Department) -> list[DeliveryRecord]:
    beams = d.desk.records.course(d.course).simulation.beams
    return [DeliveryRecord(one.number, one.name, one.meterset_mu, one.meterset_mu) for one in beams]


def imaged_records(folder: Path, patient: SmallPatient, simulated: tuple, text: str) -> tuple[Path, datetime]:
    """Match an image in a new department; return its records and the time of its clock."""
    with opened(folder, patient, simulated, text) as department:
        imaged(department)
    return folder / "records", department.clock.at


@contextmanager
def copied(records: tuple[Path, datetime], folder: Path, patient: SmallPatient) -> Iterator[Department]:
    """Open a copy of such records."""
    shutil.copytree(records[0], folder / "records")
    clock = SetClock(records[1])
    with open_desk(str(folder / "records"), now=clock) as desk:
        yield Department(desk, clock, patient, folder)
