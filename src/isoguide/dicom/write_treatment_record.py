"""RT Beams Treatment Records as files (PS3.3 A.29): only what was delivered, as far as it is known."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Final

from pydicom.dataset import Dataset
from pydicom.sr.coding import Code
from pydicom.uid import RTBeamsTreatmentRecordStorage, RTPlanStorage

from isoguide.course.fraction_record import DeliveryRecord
from isoguide.dicom.modules import (
    ReferencedSeries,
    SeriesDetails,
    WrittenObject,
    WrittenSeries,
    add_equipment,
    add_instance_references,
    add_patient_and_study,
    add_series,
    code_item,
    date_text,
    image_references,
    new_dataset,
    sop_reference,
    time_text,
)
from isoguide.dicom.part10 import decimal_string, decimal_strings, new_uid, save_dataset, shortened
from isoguide.dicom.treatment_record import TreatmentRecord
from isoguide.errors import MissingEvidenceError, OutputError
from isoguide.geometry.iec61217 import TableTopPose
from isoguide.plan import Beam, ControlPoint, Plan
from isoguide.units import wrap_deg

COMPLETE_MU: Final = 1.0
"""A beam that ended by itself does not lack more than this: machines count in steps of up to 1 MU."""
SAME_COUCH_ANGLE_DEG: Final = 10.0
"""The couch angle of a beam and of the record differ by a yaw correction at most."""
LINK_LOST: Final = "The dose is the last confirmed one: the machine did not say what it gave afterwards."
"""The comment on a beam that ended UNKNOWN."""
ANGLES_OF_PLAN: Final = (
    "Gantry, collimator and jaws are those of the plan at the last control point passed, not readings; "
    "the times are those of the session."
)
"""The description of every beam: a delivery states no readings and no times of its own."""
TREATMENT_IMAGE: Final = Code("129203", "DCM", "Image Acquired during Treatment")
TREATMENT_REGISTRATION: Final = Code("129211", "DCM", "Registration created during Treatment")
"""Why the record refers to them (PS3.16 CID 7201 and 7022)."""
_TREATED: Final = frozenset({"PHOTON", "ELECTRON"})
_DIRECTIONS: Final = {"Gantry": ("CW", "CC"), "BeamLimitingDevice": ("CC", "CW")}
"""What a growing and a falling angle is called (PS3.3 C.8.8.14): from the front, and from the source."""


@dataclass(frozen=True, slots=True)
class TreatmentRecordDetails:
    """When a record was made, what identifies it; the moment of writing and fresh UIDs where absent."""

    created_at: datetime = field(default_factory=datetime.now)
    sop_instance_uid: str = field(default_factory=new_uid)
    series_instance_uid: str = field(default_factory=new_uid)
    series_number: int = 1
    description: str = "Treatment record"


def write_treatment_record(
    path: Path,
    record: TreatmentRecord,
    *,
    plan: Plan,
    image: ReferencedSeries,
    daily: Sequence[ReferencedSeries] = (),
    registrations: Sequence[WrittenObject] = (),
    details: TreatmentRecordDetails | None = None,
) -> WrittenObject:
    """Write what was delivered of a fraction; beams that were not started are not in the file.

    A beam that ended UNKNOWN is in it even without a confirmed monitor unit, because it may have given some.

    Parameters
    ----------
    path
        The file; its folder exists.
    record
        What was delivered. Times are kept to the second.
    plan
        The plan it was delivered of.
    image
        The record joins its patient and study: the day's image, or the planning CT where there is none.
    daily, registrations
        The images taken in the session, and what they were registered with; referred to.
    details
        Date and UIDs.

    Raises
    ------
    OutputError
        If nothing was delivered, the record contradicts itself or the plan, lacks a number of fraction, a
        time or the position of the couch, or the file cannot be written.
    """
    details = details or TreatmentRecordDetails()
    started_at, ended_at, couch = _checked(record, plan)
    given = [one for one in record.deliveries if one.delivered_mu > 0.0 or one.ended == "UNKNOWN"]
    if not given:
        msg = f"fraction {record.fraction} of plan '{plan.label}' gave nothing, so there is nothing to record"
        raise OutputError(msg)
    dataset = new_dataset(
        str(RTBeamsTreatmentRecordStorage), details.sop_instance_uid, created_at=details.created_at
    )
    zone = started_at.astimezone().tzinfo
    times = (started_at.astimezone(zone).replace(tzinfo=None), ended_at.astimezone(zone).replace(tzinfo=None))
    dataset.TimezoneOffsetFromUTC = started_at.astimezone(zone).strftime("%z")[:5]
    add_patient_and_study(dataset, image)
    series = SeriesDetails(
        details.series_instance_uid, "RTRECORD", details.series_number, details.description
    )
    add_series(dataset, series)
    dataset.OperatorsName = shortened(record.operator, 64)
    add_equipment(dataset)
    _add_session(dataset, record, plan, times[0])
    dataset.TreatmentSessionBeamSequence = [
        _session_beam(one, plan.beam(one.beam_number), record, couch, times) for one in given
    ]
    _add_references(dataset, daily, [_as_series(one, image) for one in registrations])
    save_dataset(path, dataset)
    return WrittenObject(
        path,
        str(RTBeamsTreatmentRecordStorage),
        details.sop_instance_uid,
        details.series_instance_uid,
        image.study_instance_uid,
    )


def _checked(record: TreatmentRecord, plan: Plan) -> tuple[datetime, datetime, TableTopPose]:
    """Refuse what contradicts itself; return what our own records always have."""
    if record.plan_uid != plan.sop_instance_uid:
        msg = f"the record is of the plan {record.plan_uid}, not of '{plan.label}' ({plan.sop_instance_uid})"
        raise OutputError(f"{msg}; give the plan that was treated")
    if (
        record.fraction is None
        or record.started_at is None
        or record.ended_at is None
        or record.couch is None
        or not record.verification
    ):
        msg = (
            f"the record of plan '{plan.label}' lacks its fraction number, times, couch position or "
            "verification status; complete it"
        )
        raise OutputError(msg)
    for one in record.deliveries:
        _check_beam(one, plan, record.couch)
    return record.started_at, record.ended_at, record.couch


def _check_beam(one: DeliveryRecord, plan: Plan, couch: TableTopPose) -> None:
    try:
        beam = plan.beam(one.beam_number)
    except MissingEvidenceError as error:
        msg = f"the record does not fit: {error}"
        raise OutputError(msg) from error
    if beam.radiation_type not in _TREATED or not beam.control_points:
        msg = (
            f"beam {beam.number} of plan '{plan.label}' is of {beam.radiation_type or 'unknown'} radiation "
            f"with {len(beam.control_points)} control points; only photon and electron beams can be recorded"
        )
        raise OutputError(msg)
    if one.ended == "NORMAL" and one.delivered_mu < one.planned_mu - COMPLETE_MU:
        msg = (
            f"beam {beam.number} gave {one.delivered_mu:g} of {one.planned_mu:g} MU and is said to have "
            "ended NORMAL; say who stopped it"
        )
        raise OutputError(msg)
    apart_deg = wrap_deg(beam.control_points[0].couch_deg - couch.support_deg)
    if abs(apart_deg) > SAME_COUCH_ANGLE_DEG:
        msg = (
            f"beam {beam.number} is planned {abs(apart_deg):.1f}° from the couch angle of the record; write "
            "one record for the beams of each couch angle"
        )
        raise OutputError(msg)


def _add_session(dataset: Dataset, record: TreatmentRecord, plan: Plan, started_at: datetime) -> None:
    dataset.InstanceNumber = record.fraction
    dataset.TreatmentDate = date_text(started_at)
    dataset.TreatmentTime = time_text(started_at)
    dataset.ReferencedRTPlanSequence = [sop_reference(str(RTPlanStorage), plan.sop_instance_uid)]
    machine = Dataset()
    machine.Manufacturer = ""
    machine.InstitutionName = ""
    machine.ManufacturerModelName = ""
    machine.DeviceSerialNumber = ""
    machine.TreatmentMachineName = shortened(record.machine, 16)
    dataset.TreatmentMachineSequence = [machine]
    dataset.NumberOfFractionsPlanned = plan.fractions_planned
    dataset.PrimaryDosimeterUnit = "MU"


def _session_beam(
    delivery: DeliveryRecord,
    beam: Beam,
    record: TreatmentRecord,
    couch: TableTopPose,
    times: tuple[datetime, datetime],
) -> Dataset:
    item = Dataset()
    item.ReferencedBeamNumber = beam.number
    item.BeamName = shortened(beam.name, 64)
    item.BeamDescription = ANGLES_OF_PLAN
    item.RadiationType = beam.radiation_type
    item.TreatmentDeliveryType = beam.delivery_type
    for accessory in ("Wedges", "Compensators", "Boli", "Blocks"):
        setattr(item, f"NumberOf{accessory}", 0)
    item.CurrentFractionNumber = record.fraction
    item.TreatmentTerminationStatus = delivery.ended
    if delivery.ended == "UNKNOWN":
        item.TreatmentTerminationDescription = LINK_LOST
    item.TreatmentVerificationStatus = record.verification
    item.SpecifiedPrimaryMeterset = decimal_string(delivery.planned_mu)
    item.DeliveredPrimaryMeterset = decimal_string(delivery.delivered_mu)
    devices = _limiting_devices(beam)
    if devices:
        item.BeamLimitingDeviceLeafPairsSequence = devices
    passed = _points_passed(delivery, beam)
    item.ControlPointDeliverySequence = [
        _point_item(number, passed, beam, couch, times) for number in range(len(passed))
    ]
    item.NumberOfControlPoints = len(passed)
    moves = any(_state(passed[0].point, beam) != _state(one.point, beam) for one in passed[1:])
    item.BeamType = "DYNAMIC" if moves else "STATIC"
    return item


@dataclass(frozen=True, slots=True)
class _Passed:
    """A control point that was passed, or where the beam ended between two (index and specified None)."""

    point: ControlPoint
    delivered_mu: float
    specified_mu: float | None
    index: int | None


def _points_passed(delivery: DeliveryRecord, beam: Beam) -> list[_Passed]:
    """List the control points before the delivered meterset, and the one where the beam ended.

    Where it ended between two, the machine is said to be as at the first of them: a plan does not say which
    way it turns, and nobody read it.
    """
    points, delivered_mu = beam.control_points, delivery.delivered_mu
    final = points[-1].cumulative_meterset
    scale = delivery.planned_mu / final if final > 0.0 else 0.0
    planned_mu = [point.cumulative_meterset * scale for point in points]
    count = sum(at_mu < delivered_mu for at_mu in planned_mu[:-1])
    passed = [_Passed(points[index], planned_mu[index], planned_mu[index], index) for index in range(count)]
    if delivered_mu >= planned_mu[count]:
        return [*passed, _Passed(points[count], delivered_mu, planned_mu[count], count)]
    return [*passed, _Passed(points[count - 1], delivered_mu, None, None)]


def _point_item(
    number: int,
    passed: Sequence[_Passed],
    beam: Beam,
    couch: TableTopPose,
    times: tuple[datetime, datetime],
) -> Dataset:
    here = passed[number]
    is_last = number + 1 == len(passed)
    item = Dataset()
    if here.index is not None:
        item.ReferencedControlPointIndex = here.index
    moment = times[1] if is_last and number > 0 else times[0]
    item.TreatmentControlPointDate = date_text(moment)
    item.TreatmentControlPointTime = time_text(moment)
    item.SpecifiedMeterset = None if here.specified_mu is None else decimal_string(here.specified_mu)
    item.DeliveredMeterset = decimal_string(here.delivered_mu)
    item.DoseRateSet = None
    item.DoseRateDelivered = None
    state, before = _state(here.point, beam), _state(passed[number - 1].point, beam) if number else {}
    following = here.point if is_last else beam.control_points[number + 1]
    for keyword, value in (state | _turning(here.point, following)).items():
        if before.get(keyword, _UNSET) != value:
            setattr(item, keyword, value)
    if number == 0:
        _add_couch(item, couch)
        if here.point.energy_mv is not None:
            item.NominalBeamEnergy = decimal_string(here.point.energy_mv)
            item.NominalBeamEnergyUnit = "MV" if beam.radiation_type == "PHOTON" else "MEV"
    return item


_UNSET: Final = object()


def _state(point: ControlPoint, beam: Beam) -> dict[str, object]:
    """Return where the machine is, by keyword, without what the plan leaves open."""
    state: dict[str, object] = {
        "GantryAngle": decimal_string(point.gantry_deg),
        "BeamLimitingDeviceAngle": decimal_string(point.collimator_deg),
    }
    openings = [
        _opening(kind, positions_mm)
        for kind, positions_mm in (("ASYMX", point.jaw_x_mm), ("ASYMY", point.jaw_y_mm))
        if positions_mm is not None
    ]
    if point.leaf_positions_mm is not None and beam.leaves is not None:
        openings.append(_opening(f"MLC{beam.leaves.axis}", point.leaf_positions_mm.ravel().tolist()))
    if openings:
        state["BeamLimitingDevicePositionSequence"] = openings
    return state


def _opening(kind: str, positions_mm: Sequence[float]) -> Dataset:
    item = Dataset()
    item.RTBeamLimitingDeviceType = kind
    item.LeafJawPositions = decimal_strings(positions_mm)
    return item


def _turning(point: ControlPoint, following: ControlPoint) -> dict[str, object]:
    steps_deg = {
        "Gantry": wrap_deg(following.gantry_deg - point.gantry_deg),
        "BeamLimitingDevice": wrap_deg(following.collimator_deg - point.collimator_deg),
    }
    return {
        f"{axis}RotationDirection": "NONE" if step == 0.0 else _DIRECTIONS[axis][int(step < 0.0)]
        for axis, step in steps_deg.items()
    }


def _limiting_devices(beam: Beam) -> list[Dataset]:
    first = beam.control_points[0]
    pairs = [
        (kind, 1) for kind, jaw in (("ASYMX", first.jaw_x_mm), ("ASYMY", first.jaw_y_mm)) if jaw is not None
    ]
    if first.leaf_positions_mm is not None and beam.leaves is not None:
        pairs.append((f"MLC{beam.leaves.axis}", beam.leaves.pairs))
    devices = []
    for kind, count in pairs:
        item = Dataset()
        item.RTBeamLimitingDeviceType = kind
        item.NumberOfLeafJawPairs = count
        devices.append(item)
    return devices


def _add_couch(item: Dataset, couch: TableTopPose) -> None:
    item.PatientSupportAngle = decimal_string(couch.support_deg % 360.0)
    item.PatientSupportRotationDirection = "NONE"
    if couch.eccentric_distance_mm:
        item.TableTopEccentricAxisDistance = decimal_string(couch.eccentric_distance_mm)
    item.TableTopEccentricAngle = decimal_string(couch.eccentric_deg % 360.0)
    item.TableTopEccentricRotationDirection = "NONE"
    for axis, position_mm in zip(
        ("Lateral", "Longitudinal", "Vertical"), couch.position_mm.tolist(), strict=True
    ):
        setattr(item, f"TableTop{axis}Position", decimal_string(position_mm))
    item.TableTopPitchAngle = float(couch.pitch_deg)
    item.TableTopPitchRotationDirection = "NONE"
    item.TableTopRollAngle = float(couch.roll_deg)
    item.TableTopRollRotationDirection = "NONE"


def _add_references(
    dataset: Dataset, daily: Sequence[ReferencedSeries], registrations: Sequence[ReferencedSeries]
) -> None:
    """Add the General Reference and the Common Instance Reference modules (PS3.3 C.12.4, C.12.2)."""
    if daily:
        dataset.ReferencedImageSequence = _with_purpose(daily, TREATMENT_IMAGE)
    if registrations:
        dataset.ReferencedInstanceSequence = _with_purpose(registrations, TREATMENT_REGISTRATION)
    add_instance_references(dataset, [*daily, *registrations])


def _with_purpose(series: Sequence[ReferencedSeries], purpose: Code) -> list[Dataset]:
    references = [reference for one in series for reference in image_references(one)]
    for reference in references:
        reference.PurposeOfReferenceCodeSequence = [code_item(purpose)]
    return references


def _as_series(written: WrittenObject, image: ReferencedSeries) -> WrittenSeries:
    """Let a single object be referred to as a series of one."""
    return WrittenSeries(
        image.patient,
        image.study,
        written.study_instance_uid,
        written.series_instance_uid,
        "",
        written.sop_class_uid,
        (written.sop_instance_uid,),
        (written.path,),
    )
