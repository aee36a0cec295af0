"""RT Beams Treatment Records (PS3.3 A.29, C.8.8.17 to C.8.8.21): what was delivered of a plan, how it ended.

A record tells of what was delivered, never of what was planned only. What it does not say is not made up:
a record that lacks a number which is needed is refused.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Final

from pydicom.uid import RTBeamsTreatmentRecordStorage

from isoguide.course.fraction_record import DeliveryRecord
from isoguide.dicom.identity import PatientIdentity, compare_patients
from isoguide.dicom.item import Item, tolerating_odd_values
from isoguide.dicom.scan import DicomFile, open_dicom
from isoguide.errors import InputError, MismatchError, MissingEvidenceError, UnreadableError
from isoguide.geometry.iec61217 import TableTopPose
from isoguide.plan import Plan
from isoguide.units import wrap_deg

TERMINATIONS: Final = ("NORMAL", "OPERATOR", "MACHINE", "UNKNOWN")
"""TreatmentTerminationStatus (3008,002A)."""
VERIFICATIONS: Final = ("VERIFIED", "VERIFIED_OVR", "NOT_VERIFIED")
"""TreatmentVerificationStatus (3008,002C), from the best to the gravest."""


@dataclass(frozen=True, slots=True)
class TreatmentRecord:
    """What was delivered in one session with the couch in one place.

    Parameters
    ----------
    plan_uid
        SOPInstanceUID of the plan.
    fraction
        Number of the fraction, from 1; None where the record of another system does not say.
    started_at, ended_at
        First beam on, last beam off, aware; None where the record of another system does not say.
    machine
        Name of the treatment machine.
    deliveries
        Per beam; a beam that was interrupted and resumed may be there more than once.
    couch
        Where the couch stood; None where the record of another system does not say.
    operator
        Who delivered it.
    verification
        Whether the set values were checked against the plan: one of :data:`VERIFICATIONS`, or empty.

    Raises
    ------
    InputError
        If a meterset is negative or not finite, a status is not one of the standard's, or the times
        contradict each other.
    """

    plan_uid: str
    fraction: int | None
    started_at: datetime | None
    ended_at: datetime | None
    machine: str
    deliveries: tuple[DeliveryRecord, ...]
    couch: TableTopPose | None = None
    operator: str = ""
    verification: str = "NOT_VERIFIED"

    def __post_init__(self) -> None:
        for one in self.deliveries:
            _check_delivery(one)
        if self.fraction is not None and self.fraction < 1:
            msg = f"the fraction number is {self.fraction}; fractions count from 1"
            raise InputError(msg)
        if self.verification not in ("", *VERIFICATIONS):
            msg = f"the verification status is '{self.verification}'; it can be {', '.join(VERIFICATIONS)}"
            raise InputError(msg)
        _check_times(self.started_at, self.ended_at)

    @property
    def delivered_mu(self) -> float:
        """Over all beams; after a status UNKNOWN it may have been more."""
        return sum(one.delivered_mu for one in self.deliveries)

    @property
    def is_complete(self) -> bool:
        """True when every beam in it ended by itself."""
        return all(one.ended == "NORMAL" for one in self.deliveries)


def _check_delivery(one: DeliveryRecord) -> None:
    for what, value in (("delivered", one.delivered_mu), ("planned", one.planned_mu)):
        if not (math.isfinite(value) and value >= 0.0):
            msg = f"beam {one.beam_number} has {value:g} MU {what}; a meterset is a number of zero or more"
            raise InputError(msg)
    if one.ended not in TERMINATIONS:
        msg = f"beam {one.beam_number} ended '{one.ended}'; it can end {', '.join(TERMINATIONS)}"
        raise InputError(msg)


def _check_times(started_at: datetime | None, ended_at: datetime | None) -> None:
    for moment in (started_at, ended_at):
        if moment is not None and moment.utcoffset() is None:
            msg = f"the time {moment} has no time zone; give an aware time"
            raise InputError(msg)
    if started_at is not None and ended_at is not None and ended_at < started_at:
        msg = f"the treatment ended at {ended_at}, before it started at {started_at}; correct the clock"
        raise InputError(msg)


@dataclass(frozen=True, slots=True)
class StoredTreatmentRecord:
    """A record as it was found: its content, whose it is, and where it lies."""

    record: TreatmentRecord
    patient: PatientIdentity
    sop_instance_uid: str
    path: Path


def require_record_of(stored: StoredTreatmentRecord, plan: Plan, patient: PatientIdentity) -> tuple[str, ...]:
    """Check that a record is one of this plan of this patient, and return what remains doubtful.

    Raises
    ------
    MismatchError
        If it is of another patient or plan.
    MissingEvidenceError
        If it tells of a beam that the plan does not have.
    """
    warnings = compare_patients(patient, f"plan '{plan.label}'", stored.patient, str(stored.path))
    if stored.record.plan_uid != plan.sop_instance_uid:
        msg = (
            f"{stored.path} records a treatment with the plan {stored.record.plan_uid}, not with plan "
            f"'{plan.label}' ({plan.sop_instance_uid}); give the records of this plan"
        )
        raise MismatchError(msg)
    for one in stored.record.deliveries:
        plan.beam(one.beam_number)
    return warnings


@tolerating_odd_values
def read_treatment_record(source: DicomFile | Path | str) -> StoredTreatmentRecord:
    """Read a record, of whatever system.

    Parameters
    ----------
    source
        A scanned file, or a path.

    Raises
    ------
    UnreadableError
        If it is not an RT Beams Treatment Record, or a value that is needed is absent or makes no sense: the
        number of each beam, its delivered and its specified meterset in MU, and how it ended.
    MissingEvidenceError
        If it names no plan, or more than one.
    """
    file = source if isinstance(source, DicomFile) else open_dicom(source)
    item = file.item
    if file.sop_class_uid != RTBeamsTreatmentRecordStorage:
        msg = f"{file.path} is {file.class_name}, not an RT Beams Treatment Record; give another file"
        raise UnreadableError(msg)
    beams = item.items("TreatmentSessionBeamSequence")
    if not beams:
        msg = f"{file.path} records no beam; export the record of the session, not a summary"
        raise UnreadableError(msg)
    _need_monitor_units(item)
    points = beams[0].items("ControlPointDeliverySequence")
    started_at, ended_at = _times(item, beams)
    try:
        record = TreatmentRecord(
            plan_uid=_plan_uid(item),
            fraction=_fraction(item.source, beams),
            started_at=started_at,
            ended_at=ended_at,
            machine=_machine(item),
            deliveries=tuple(_delivery(beam) for beam in beams),
            couch=_couch(points[0]) if points else None,
            operator=item.text("OperatorsName"),
            verification=_verification(beams),
        )
    except (UnreadableError, MissingEvidenceError):
        raise
    except InputError as error:
        msg = f"{file.path} cannot be used: {error}"
        raise UnreadableError(msg) from error
    return StoredTreatmentRecord(record, file.patient, file.sop_instance_uid, file.path)


def _plan_uid(item: Item) -> str:
    uids = {one.text("ReferencedSOPInstanceUID") for one in item.items("ReferencedRTPlanSequence")} - {""}
    if len(uids) != 1:
        stated = "several plans" if uids else "no plan"
        msg = f"{item.source} refers to {stated}, so nothing says what was delivered; export it again"
        raise MissingEvidenceError(msg)
    return uids.pop()


def _need_monitor_units(item: Item) -> None:
    unit = item.text("PrimaryDosimeterUnit")
    if unit != "MU":
        msg = f"{item.source} counts the meterset in '{unit}'; only monitor units (MU) can be compared"
        raise UnreadableError(msg)


def _fraction(source: str, beams: Sequence[Item]) -> int | None:
    numbers = {beam.integer("CurrentFractionNumber") for beam in beams} - {None}
    if len(numbers) > 1:
        stated = " and ".join(str(number) for number in sorted(number or 0 for number in numbers))
        msg = f"{source} records beams of the fractions {stated} together; export one record per fraction"
        raise UnreadableError(msg)
    return numbers.pop() if numbers else None


def _machine(item: Item) -> str:
    machine = item.first("TreatmentMachineSequence")
    return machine.text("TreatmentMachineName") if machine is not None else ""


def _delivery(beam: Item) -> DeliveryRecord:
    number = beam.need_integer("ReferencedBeamNumber")
    named = Item(beam.dataset, f"{beam.source} beam {number}")
    return DeliveryRecord(
        beam_number=number,
        beam_name=named.text("BeamName"),
        planned_mu=named.need_number("SpecifiedPrimaryMeterset"),
        delivered_mu=named.need_number("DeliveredPrimaryMeterset"),
        ended=named.text("TreatmentTerminationStatus"),
    )


def _verification(beams: Iterable[Item]) -> str:
    """Return the gravest status of all beams; empty where one has none."""
    stated = [beam.text("TreatmentVerificationStatus") for beam in beams]
    known = [one for one in stated if one in VERIFICATIONS]
    odd = [one for one in stated if one not in VERIFICATIONS]
    return odd[0] if odd else max(known, key=VERIFICATIONS.index)


def _couch(point: Item) -> TableTopPose | None:
    position = [point.number(f"TableTop{axis}Position") for axis in ("Lateral", "Longitudinal", "Vertical")]
    lateral_mm, longitudinal_mm, vertical_mm = position
    if lateral_mm is None or longitudinal_mm is None or vertical_mm is None:
        return None
    return TableTopPose(
        lateral_mm,
        longitudinal_mm,
        vertical_mm,
        pitch_deg=point.number("TableTopPitchAngle") or 0.0,
        roll_deg=point.number("TableTopRollAngle") or 0.0,
        support_deg=wrap_deg(point.number("PatientSupportAngle") or 0.0),
        eccentric_deg=wrap_deg(point.number("TableTopEccentricAngle") or 0.0),
        eccentric_distance_mm=point.number("TableTopEccentricAxisDistance") or 0.0,
    )


def _times(item: Item, beams: Sequence[Item]) -> tuple[datetime | None, datetime | None]:
    zone = zone_of(item)
    points = [point for beam in beams for point in beam.items("ControlPointDeliverySequence")]
    moments = [point.moment("TreatmentControlPointDate", "TreatmentControlPointTime") for point in points]
    known = [moment for moment in moments if moment is not None]
    # The points come first: some systems put the moment of recording into the treatment time.
    started_at = min(known) if known else item.moment("TreatmentDate", "TreatmentTime")
    return aware(started_at, zone), aware(max(known, default=None), zone)


def zone_of(item: Item) -> timezone | None:
    """Return the offset that a file states for its times (0008,0201), None for the clock of the room."""
    text = item.text("TimezoneOffsetFromUTC")
    if len(text) != 5 or text[0] not in "+-" or not text[1:].isdecimal():
        return None
    offset = timedelta(hours=int(text[1:3]), minutes=int(text[3:]))
    return timezone(-offset if text[0] == "-" else offset) if offset < timedelta(hours=24) else None


def aware(moment: datetime | None, zone: timezone | None) -> datetime | None:
    """Give a time its zone; without one it is of the local clock (PS3.3 C.12.1)."""
    if moment is None:
        return None
    return moment.replace(tzinfo=zone) if zone is not None else moment.astimezone()
