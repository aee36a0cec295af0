"""RT Plans (PS3.3 A.20): beams, control points, patient set-up, prescription and fractions; photons only."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from pydicom.dataset import Dataset
from pydicom.uid import RTPlanStorage, RTStructureSetStorage

from isoguide.dicom.beam_accessories import accessory_state, add_accessories
from isoguide.dicom.modules import (
    ReferencedSeries,
    SeriesDetails,
    WrittenObject,
    add_equipment,
    add_frame_of_reference,
    add_patient_and_study,
    add_series,
    date_text,
    new_dataset,
    sop_reference,
    time_text,
)
from isoguide.dicom.part10 import (
    decimal_string,
    decimal_strings,
    derived_uid,
    save_dataset,
    set_many_decimals,
    shortened,
)
from isoguide.dicom.write_ct import EXAMPLE_TIME
from isoguide.errors import OutputError
from isoguide.plan import Beam, ControlPoint, PatientSetup, Plan, Prescription, SetupDevice

SETUP_NUMBER: Final = 1
"""PatientSetupNumber of beams that name none."""

_UNSET: Final = object()

_AXES: Final[dict[str, tuple[Callable[[ControlPoint], float], str]]] = {
    "Gantry": (lambda point: point.gantry_deg, "CW"),
    "BeamLimitingDevice": (lambda point: point.collimator_deg, "CC"),
    "PatientSupport": (lambda point: point.couch_deg, "CC"),
}
"""The angle of each axis and the direction in which it increases, seen as PS3.3 C.8.8.14 says: the gantry
from the front, the collimator from the source, the patient support from above."""


@dataclass(frozen=True, slots=True)
class PlanDetails:
    """What a plan file says beyond the plan.

    Parameters
    ----------
    created_at, series_number
        As in :class:`isoguide.dicom.StructureSetDetails`.
    source_axis_distance_mm
        SAD of beams that state none.
    jaw_opening_mm
        Both jaw pairs of a control point that states none, as a plan file cannot leave them out.
    """

    created_at: datetime = EXAMPLE_TIME
    series_number: int = 3
    source_axis_distance_mm: float = 1000.0
    jaw_opening_mm: tuple[float, float] = (-50.0, 50.0)


EXAMPLE_PLAN: Final = PlanDetails()


def write_plan(
    path: Path, plan: Plan, *, image: ReferencedSeries, details: PlanDetails = EXAMPLE_PLAN
) -> WrittenObject:
    """Write a photon plan for the patient and in the study of ``image``.

    Values that do not change from one control point to the next are left out, as the standard allows: absent
    means unchanged. Isocentres that are None stay absent.

    Raises
    ------
    OutputError
        If the plan lacks a beam, a beam a control point or leaves their boundaries or has more than wedges in
        its way, or the file cannot be written.
    """
    _check_writable(plan)
    dataset = new_dataset(str(RTPlanStorage), plan.sop_instance_uid, created_at=details.created_at)
    add_patient_and_study(dataset, image)
    series_uid = derived_uid(plan.sop_instance_uid, "series")
    add_series(dataset, SeriesDetails(series_uid, "RTPLAN", details.series_number, plan.label))
    dataset.OperatorsName = ""
    add_equipment(dataset)
    add_frame_of_reference(dataset, plan.frame_of_reference_uid or image.frame_of_reference_uid)
    _add_general_plan(dataset, plan, details)
    if plan.prescriptions:
        dataset.DoseReferenceSequence = [
            _dose_reference(plan, number, one) for number, one in enumerate(plan.prescriptions, start=1)
        ]
    dataset.FractionGroupSequence = [_fraction_group(plan)]
    dataset.PatientSetupSequence = _patient_setups(plan)
    dataset.BeamSequence = [_beam(beam, details) for beam in plan.beams]
    _add_approval(dataset, plan, details)
    save_dataset(path, dataset)
    return WrittenObject(
        path, str(RTPlanStorage), plan.sop_instance_uid, series_uid, image.study_instance_uid
    )


def _check_writable(plan: Plan) -> None:
    if not plan.beams:
        msg = f"plan '{plan.label}' has no beams; a plan file needs at least one"
        raise OutputError(msg)
    for beam in plan.beams:
        if len(beam.control_points) < 2:
            msg = f"beam {beam.number} of plan '{plan.label}' has fewer than two control points; add them"
            raise OutputError(msg)
        described = 0 if beam.leaves is None else beam.leaves.pairs
        for point in beam.control_points:
            pairs = 0 if point.leaf_positions_mm is None else point.leaf_positions_mm.shape[1]
            if pairs not in (0, described):
                msg = (
                    f"beam {beam.number} of plan '{plan.label}' has a control point with {pairs} leaf pairs "
                    f"but its collimator has {described}; describe the collimator of the beam"
                )
                raise OutputError(msg)


def _add_general_plan(dataset: Dataset, plan: Plan, details: PlanDetails) -> None:
    dataset.RTPlanLabel = shortened(plan.label, 16)
    dataset.RTPlanName = shortened(plan.label, 64)
    dataset.RTPlanDate = date_text(details.created_at)
    dataset.RTPlanTime = time_text(details.created_at)
    dataset.RTPlanGeometry = "PATIENT" if plan.structure_set_uid else "TREATMENT_DEVICE"
    if plan.structure_set_uid:
        reference = sop_reference(str(RTStructureSetStorage), plan.structure_set_uid)
        dataset.ReferencedStructureSetSequence = [reference]


def _dose_reference(plan: Plan, number: int, prescription: Prescription) -> Dataset:
    item = Dataset()
    if prescription.structure_number is not None:
        item.ReferencedROINumber = prescription.structure_number
    item.DoseReferenceNumber = number
    item.DoseReferenceUID = derived_uid(plan.sop_instance_uid, "dose reference", str(number))
    item.DoseReferenceStructureType = "SITE" if prescription.structure_number is None else "VOLUME"
    if prescription.description:
        item.DoseReferenceDescription = shortened(prescription.description, 64)
    item.DoseReferenceType = "TARGET"
    item.TargetPrescriptionDose = decimal_string(prescription.dose_gy)
    return item


def _fraction_group(plan: Plan) -> Dataset:
    group = Dataset()
    group.FractionGroupNumber = 1
    group.NumberOfFractionsPlanned = plan.fractions_planned
    group.NumberOfBeams = len(plan.beams)
    group.NumberOfBrachyApplicationSetups = 0
    group.ReferencedBeamSequence = [_referenced_beam(beam) for beam in plan.beams]
    return group


def _referenced_beam(beam: Beam) -> Dataset:
    item = Dataset()
    item.ReferencedBeamNumber = beam.number
    if beam.meterset_mu is not None:
        item.BeamMeterset = decimal_string(beam.meterset_mu)
    return item


def _setup_number(beam: Beam) -> int:
    return SETUP_NUMBER if beam.patient_setup_number is None else beam.patient_setup_number


def _patient_setups(plan: Plan) -> list[Dataset]:
    described = {setup.number: setup for setup in plan.setups}
    numbers = sorted({_setup_number(beam) for beam in plan.beams})
    return [_patient_setup(described.get(number, PatientSetup(number)), plan) for number in numbers]


def _patient_setup(setup: PatientSetup, plan: Plan) -> Dataset:
    item = Dataset()
    item.PatientPosition = str(plan.patient_position)
    item.PatientSetupNumber = setup.number
    if setup.fixation:
        item.FixationDeviceSequence = [_device("Fixation", one) for one in setup.fixation]
    item.SetupTechnique = setup.technique
    if setup.devices:
        item.SetupDeviceSequence = [_device("Setup", one) for one in setup.devices]
    if setup.displacement_mm is not None:
        lateral, longitudinal, vertical = decimal_strings(setup.displacement_mm.tolist())
        item.TableTopVerticalSetupDisplacement = vertical
        item.TableTopLongitudinalSetupDisplacement = longitudinal
        item.TableTopLateralSetupDisplacement = lateral
    return item


def _device(purpose: str, device: SetupDevice) -> Dataset:
    item = Dataset()
    setattr(item, f"{purpose}DeviceType", device.kind)
    setattr(item, f"{purpose}DeviceLabel", shortened(device.label, 16))
    if device.description:
        setattr(item, f"{purpose}DeviceDescription", shortened(device.description, 1024))
    if purpose == "Setup":
        item.SetupDeviceParameter = None
    elif device.position:
        item.FixationDevicePosition = shortened(device.position, 16)
    return item


def _add_approval(dataset: Dataset, plan: Plan, details: PlanDetails) -> None:
    dataset.ApprovalStatus = plan.approval_status or "UNAPPROVED"
    if dataset.ApprovalStatus in ("APPROVED", "REJECTED"):
        dataset.ReviewDate = date_text(details.created_at)
        dataset.ReviewTime = time_text(details.created_at)
        dataset.ReviewerName = ""


def _beam(beam: Beam, details: PlanDetails) -> Dataset:
    item = Dataset()
    item.TreatmentMachineName = shortened(beam.machine, 16)
    item.PrimaryDosimeterUnit = beam.dosimeter_unit
    item.SourceAxisDistance = decimal_string(beam.source_axis_distance_mm or details.source_axis_distance_mm)
    item.BeamLimitingDeviceSequence = _limiting_devices(beam)
    item.BeamNumber = beam.number
    item.BeamName = shortened(beam.name, 64)
    item.RadiationType = beam.radiation_type
    item.TreatmentDeliveryType = beam.delivery_type
    add_accessories(item, beam)
    item.FinalCumulativeMetersetWeight = decimal_string(beam.control_points[-1].cumulative_meterset)
    item.NumberOfControlPoints = len(beam.control_points)
    item.ControlPointSequence = _control_points(beam, details)
    item.ReferencedPatientSetupNumber = _setup_number(beam)
    moves = any(len(point) > 2 for point in item.ControlPointSequence[1:])
    item.BeamType = "DYNAMIC" if moves else "STATIC"
    return item


def _limiting_devices(beam: Beam) -> list[Dataset]:
    devices = []
    for kind in ("ASYMX", "ASYMY"):
        jaws = Dataset()
        jaws.RTBeamLimitingDeviceType = kind
        jaws.NumberOfLeafJawPairs = 1
        devices.append(jaws)
    if beam.leaves is not None:
        leaves = Dataset()
        leaves.RTBeamLimitingDeviceType = f"MLC{beam.leaves.axis}"
        leaves.NumberOfLeafJawPairs = beam.leaves.pairs
        leaves.LeafPositionBoundaries = decimal_strings(beam.leaves.boundaries_mm.tolist())
        devices.append(leaves)
    return devices


def _control_points(beam: Beam, details: PlanDetails) -> list[Dataset]:
    items: list[Dataset] = []
    known: dict[str, object] = {}
    known_openings: list[tuple[str, list[float]]] = []
    for index, point in enumerate(beam.control_points):
        following = beam.control_points[min(index + 1, len(beam.control_points) - 1)]
        item = Dataset()
        item.ControlPointIndex = index
        item.CumulativeMetersetWeight = decimal_string(point.cumulative_meterset)
        openings = _openings(point, beam, details)
        if openings != known_openings:
            item.BeamLimitingDevicePositionSequence = [_device_position(*opening) for opening in openings]
        state = _state(point, following) | accessory_state(point, beam)
        for keyword, value in state.items():
            if known.get(keyword, _UNSET) != value:
                setattr(item, keyword, value)
        known, known_openings = known | state, openings
        items.append(item)
    return items


def _device_position(kind: str, positions_mm: list[float]) -> Dataset:
    item = Dataset()
    item.RTBeamLimitingDeviceType = kind
    set_many_decimals(item, "LeafJawPositions", positions_mm)
    return item


def _state(point: ControlPoint, following: ControlPoint) -> dict[str, object]:
    """Return what a control point says, by keyword, as it is written; what it may leave open is absent."""
    table_mm = point.table_top_mm
    table = [None, None, None] if table_mm is None else decimal_strings(table_mm.tolist())
    state: dict[str, object] = {
        **_turning("Gantry", point, following),
        **_turning("BeamLimitingDevice", point, following),
        **_turning("PatientSupport", point, following),
        "TableTopEccentricAngle": "0.0",
        "TableTopEccentricRotationDirection": "NONE",
        "TableTopLateralPosition": table[0],
        "TableTopLongitudinalPosition": table[1],
        "TableTopVerticalPosition": table[2],
        "TableTopPitchAngle": float(point.table_pitch_deg),
        "TableTopPitchRotationDirection": "NONE",
        "TableTopRollAngle": float(point.table_roll_deg),
        "TableTopRollRotationDirection": "NONE",
    }
    if point.isocentre_mm is not None:
        state["IsocenterPosition"] = decimal_strings(point.isocentre_mm.tolist())
    if point.energy_mv is not None:
        state["NominalBeamEnergy"] = decimal_string(point.energy_mv)
    return state


def _turning(axis: str, point: ControlPoint, following: ControlPoint) -> dict[str, object]:
    angle_deg, increasing = _AXES[axis]
    step_deg = (angle_deg(following) - angle_deg(point) + 180.0) % 360.0 - 180.0
    decreasing = "CC" if increasing == "CW" else "CW"
    direction = "NONE" if step_deg == 0.0 else (increasing if step_deg > 0.0 else decreasing)
    return {f"{axis}Angle": decimal_string(angle_deg(point)), f"{axis}RotationDirection": direction}


def _openings(point: ControlPoint, beam: Beam, details: PlanDetails) -> list[tuple[str, list[float]]]:
    openings = [
        ("ASYMX", list(point.jaw_x_mm or details.jaw_opening_mm)),
        ("ASYMY", list(point.jaw_y_mm or details.jaw_opening_mm)),
    ]
    if point.leaf_positions_mm is not None and beam.leaves is not None:
        openings.append((f"MLC{beam.leaves.axis}", point.leaf_positions_mm.ravel().tolist()))
    return openings
