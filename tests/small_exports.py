"""Small exported courses with known couch errors: plan, planning CT, images of the days, registrations."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np

from isoguide.course import DeliveryRecord
from isoguide.dicom import (
    AxisUncertainty,
    CtAcquisition,
    PatientIdentity,
    PositionReport,
    SeriesUids,
    StructureSetDetails,
    StudyContext,
    TreatmentRecord,
    WrittenObject,
    WrittenSeries,
    write_ct_series,
    write_plan,
    write_position_report,
    write_spatial_registration,
    write_structure_set,
    write_treatment_record,
)
from isoguide.geometry.correction import ANGLE_ORDER, CouchCorrection, planning_from_daily_of
from isoguide.geometry.frames import DAILY, PLANNING, Frame
from isoguide.geometry.grid import Grid
from isoguide.geometry.iec61217 import TableTopPose
from isoguide.images.structure import Contour, Structure
from isoguide.images.volume import Volume
from isoguide.plan import Beam, ControlPoint, PatientPosition, PatientSetup, Plan, SetupDevice
from isoguide.registration.result import Verdict

PLAN_ISOCENTRE_MM = np.array([12.0, -34.0, 56.0])
MACHINE_ISOCENTRE_MM = np.array([1.0, 2.0, 3.0])
FIRST_DAY = datetime(2026, 3, 2, 9, 0, 0)
COUCH = TableTopPose(0.0, -900.0, -150.0)


def tiny_volume(frame: Frame, *, slices: int = 2) -> Volume:
    grid = Grid.axial(frame, (slices, 2, 2), (5.0, 5.0, 3.0), (-5.0, -5.0, -3.0))
    return Volume(grid, np.zeros(grid.shape, dtype=np.int16), is_hounsfield=frame == PLANNING)


def a_plan(name: str, position: str, frame_uid: str, *, isocentres: Sequence[np.ndarray] = ()) -> Plan:
    beams = tuple(
        Beam(
            number,
            f"Field {number}",
            "TREATMENT",
            "PHOTON",
            "LINAC 1",
            tuple(ControlPoint(0.0, 0.0, 0.0, meterset, isocentre_mm=xyz_mm) for meterset in (0.0, 1.0)),
            1,
            100.0,
        )
        for number, xyz_mm in enumerate(isocentres or (PLAN_ISOCENTRE_MM, PLAN_ISOCENTRE_MM), start=1)
    )
    return Plan(
        sop_instance_uid=SeriesUids.from_seed(f"{name} plan").series,
        label=name.upper()[:16],
        patient_position=PatientPosition(position),
        beams=beams,
        frame_of_reference_uid=frame_uid,
        fractions_planned=5,
        setups=(PatientSetup(1, fixation=(SetupDevice("MASK", "Mask A"),)),),
    )


@dataclass
class ExportedCourse:
    """Writes one course piece by piece; every piece can be left out or changed."""

    folder: Path
    name: str = "first"
    position: str = "HFS"
    patient: PatientIdentity = field(
        default_factory=lambda: PatientIdentity("P-1", name="Doe^Jane", birth_date="19500102", sex="F")
    )

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self.uids = SeriesUids.from_seed(f"{self.name} planning")
        self.planning = write_ct_series(
            self.folder / "planning",
            tiny_volume(PLANNING),
            patient=self.patient,
            patient_position=self.position,
            uids=self.uids,
            acquisition=CtAcquisition(acquired_at=FIRST_DAY - timedelta(days=10)),
        )
        self.plan = a_plan(self.name, self.position, self.uids.frame_of_reference)
        self.save_plan(self.plan)

    def save_plan(self, plan: Plan, *, file: str = "plan.dcm") -> WrittenObject:
        return write_plan(self.folder / file, plan, image=self.planning)

    def moment(self, day: int, minute: int = 0) -> datetime:
        return FIRST_DAY + timedelta(days=day, minutes=minute)

    def image(
        self,
        day: int,
        minute: int = 0,
        *,
        frame_uid: str = "",
        has_isocentre: bool = True,
        patient: PatientIdentity | None = None,
        position: str = "",
        slices: int = 2,
        tag: str = "",
    ) -> WrittenSeries:
        name = f"{self.name} day {day} {minute}{tag}"
        uids = SeriesUids.from_seed(name)
        image = write_ct_series(
            self.folder / name,
            tiny_volume(DAILY, slices=slices),
            patient=patient or self.patient,
            patient_position=position or self.position,
            uids=replace(uids, frame_of_reference=frame_uid) if frame_uid else uids,
            acquisition=CtAcquisition(
                acquired_at=self.moment(day, minute),
                model="isoguide virtual CBCT",
                study=StudyContext(study_id="1", date="20260101", time="080000"),
            ),
        )
        if has_isocentre:
            point = Contour("POINT", MACHINE_ISOCENTRE_MM[None, :])
            structures = [Structure("SetupIsocenter", 1, DAILY, (point,), "ISOCENTER")]
            details = StructureSetDetails(label="IN ROOM")
            write_structure_set(self.folder / f"{name}.rs.dcm", structures, image=image, details=details)
        return image

    def register(
        self,
        image: WrittenSeries,
        needed: CouchCorrection,
        *,
        file: str = "",
        machine_isocentre_mm: np.ndarray = MACHINE_ISOCENTRE_MM,
    ) -> WrittenObject:
        """Write the registration that calls for this correction."""
        planning_from_daily = planning_from_daily_of(
            needed,
            plan_isocentre_mm=PLAN_ISOCENTRE_MM,
            machine_isocentre_mm=machine_isocentre_mm,
            patient_position=self.position,
        )
        path = self.folder / (file or f"{image.series_instance_uid[-8:]}.reg.dcm")
        return write_spatial_registration(path, planning_from_daily, planning=self.planning, daily=image)

    def day(self, day: int, needed: CouchCorrection, minute: int = 0) -> WrittenSeries:
        """Write an image with its registration."""
        image = self.image(day, minute)
        self.register(image, needed)
        return image

    def report(
        self,
        image: WrittenSeries,
        needed: CouchCorrection | None,
        registration: WrittenObject | None,
        **changes: object,
    ) -> WrittenObject:
        """Write a position report with half widths of 1.959964 mm or degrees: standard deviations of 1."""
        verdict = Verdict.NOT_AVAILABLE if needed is None else Verdict.REVIEW
        arguments: dict = {
            "verdict": verdict,
            "reasons": ("the image is too small",),
            "correction": needed,
            "uncertainty": None if needed is None else AxisUncertainty(*[1.959964] * 6),
            "order_of_operations": ANGLE_ORDER,
            "match_region": "isocentre",
            "algorithm": "test",
            "algorithm_version": "1",
        }
        path = self.folder / f"{image.series_instance_uid[-8:]}.sr.dcm"
        return write_position_report(
            path,
            PositionReport(**(arguments | changes)),
            planning=self.planning,
            daily=image,
            registration=registration,
        )

    def record(
        self,
        day: int,
        fraction: int,
        *,
        minute: int = 10,
        plan: Plan | None = None,
        deliveries: Sequence[DeliveryRecord] = (),
    ) -> WrittenObject:
        plan = plan or self.plan
        started_at = self.moment(day, minute).astimezone()
        record = TreatmentRecord(
            plan_uid=plan.sop_instance_uid,
            fraction=fraction,
            started_at=started_at,
            ended_at=started_at + timedelta(minutes=2),
            machine="LINAC 1",
            deliveries=tuple(deliveries)
            or tuple(DeliveryRecord(beam.number, beam.name, 100.0, 100.0) for beam in plan.beams),
            couch=COUCH,
        )
        path = self.folder / f"{plan.label} {day} {minute}.record.dcm"
        return write_treatment_record(path, record, plan=plan, image=self.planning)
