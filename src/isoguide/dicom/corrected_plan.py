"""A corrected plan as a file: the predecessor's, with what the correction changed and nothing stale.

What a plan says of the patient, the machine, prescriptions, accessories and tolerances is taken over as it
stands. Replaced are openings, angles, isocentres and meterset; taken out is what would describe the
predecessor only: doses and doses of beams, distances to the skin, entry points, positions and displacements
of the table, reference images, private attributes, reviews. The file names its predecessor (PS3.3 C.8.8.9,
Referenced RT Plan Sequence) and is UNAPPROVED.
"""

from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

import pydicom
from pydicom.dataset import Dataset
from pydicom.uid import RTPlanStorage, RTStructureSetStorage

from isoguide.dicom.modules import WrittenObject, add_equipment, date_text, sop_reference, time_text
from isoguide.dicom.part10 import (
    CHARACTER_SET,
    decimal_string,
    decimal_strings,
    file_meta,
    new_uid,
    save_dataset,
    set_many_decimals,
    shortened,
)
from isoguide.dicom.rtplan import read_plan
from isoguide.errors import MismatchError, OutputError, UnreadableError
from isoguide.plan import Beam, ControlPoint, Plan
from isoguide.units import wrap_deg

_STALE_IN_PLAN: Final = (
    "ReferencedDoseSequence",
    "ReferencedRTPlanSequence",
    "ReviewDate",
    "ReviewTime",
    "ReviewerName",
    "DigitalSignaturesSequence",
    "MACParametersSequence",
    "OriginalAttributesSequence",
)
_STALE_IN_BEAM: Final = ("ReferencedReferenceImageSequence", "PlannedVerificationImageSequence")
_STALE_IN_POINT: Final = (
    "SourceToSurfaceDistance",
    "SourceToExternalContourDistance",
    "SurfaceEntryPoint",
    "ExternalContourEntryPoint",
    "ReferencedDoseReferenceSequence",
    "ReferencedDoseSequence",
)
_STALE_IN_BEAM_REFERENCE: Final = (
    "BeamDose",
    "BeamDoseSpecificationPoint",
    "BeamDosePointDepth",
    "BeamDosePointEquivalentDepth",
    "BeamDosePointSSD",
    "BeamDosePointSourceToExternalContourDistance",
    "BeamDoseVerificationControlPointSequence",
    "BeamDeliveryDurationLimit",
    "BeamDoseType",
    "AlternateBeamDose",
    "AlternateBeamDoseType",
)
_STALE_IN_SETUP: Final = tuple(
    f"TableTop{axis}SetupDisplacement" for axis in ("Vertical", "Longitudinal", "Lateral")
)
_TABLE: Final = tuple(f"TableTop{axis}Position" for axis in ("Vertical", "Longitudinal", "Lateral"))
_AXES: Final[tuple[tuple[str, Callable[[ControlPoint], float], str], ...]] = (
    ("Gantry", lambda point: point.gantry_deg, "CW"),
    ("BeamLimitingDevice", lambda point: point.collimator_deg, "CC"),
    ("PatientSupport", lambda point: point.couch_deg, "CC"),
)


@dataclass(frozen=True, slots=True)
class CorrectedPlanDetails:
    """What a corrected plan says of itself.

    Parameters
    ----------
    label
        RTPlanLabel; cut to 16 characters.
    description
        RTPlanDescription: what was corrected.
    created_at
        When.
    frame_of_reference_uid, structure_set_uid
        Of the image of the day and what was drawn on it; empty: those of the predecessor. A plan in another
        frame than its predecessor without structures of its own refers to none.
    """

    label: str
    description: str
    created_at: datetime
    frame_of_reference_uid: str = ""
    structure_set_uid: str = ""


def write_corrected_plan(
    path: Path, predecessor: Path, plan: Plan, details: CorrectedPlanDetails
) -> WrittenObject:
    """Write a corrected plan beside its predecessor, which is only read.

    Parameters
    ----------
    path
        The new file.
    predecessor
        File of the plan that was corrected.
    plan
        The correction; ``sop_instance_uid`` is that of the new file.

    Raises
    ------
    UnreadableError
        If the predecessor cannot be read.
    MismatchError
        If the plans have other beams or other control points, or one identity.
    OutputError
        If the file cannot be written, or does not read back as the plan that it shall hold; it is then not
        there.
    """
    dataset = _read(predecessor)
    if not plan.sop_instance_uid or plan.sop_instance_uid == dataset.SOPInstanceUID:
        msg = f"the corrected plan needs an identity of its own, other than that of {predecessor.name}"
        raise MismatchError(msg)
    _require_same_beams(dataset, plan, predecessor)
    old_uid = str(dataset.SOPInstanceUID)
    _describe(dataset, plan, details, old_uid)
    for item in dataset.BeamSequence:
        _correct_beam(item, plan.beam(int(item.BeamNumber)))
    _correct_metersets(dataset, plan)
    for setup in dataset.get("PatientSetupSequence", []):
        _take_out(setup, _STALE_IN_SETUP)
    save_dataset(path, dataset)
    _require_read_back(path, plan)
    return WrittenObject(
        path,
        str(RTPlanStorage),
        plan.sop_instance_uid,
        str(dataset.SeriesInstanceUID),
        str(dataset.StudyInstanceUID),
    )


def _read(predecessor: Path) -> Dataset:
    try:
        dataset = deepcopy(pydicom.dcmread(predecessor))
    except (OSError, pydicom.errors.InvalidDicomError) as error:
        msg = f"{predecessor} cannot be read as the plan to correct: give the RT Plan file again"
        raise UnreadableError(msg) from error
    if dataset.get("SOPClassUID") != RTPlanStorage:
        msg = f"{predecessor} is not an RT Plan of photons: only such a plan can be corrected"
        raise UnreadableError(msg)
    return dataset


def _require_same_beams(dataset: Dataset, plan: Plan, predecessor: Path) -> None:
    there = {int(item.BeamNumber): len(item.ControlPointSequence) for item in dataset.BeamSequence}
    here = {beam.number: len(beam.control_points) for beam in plan.beams}
    if there != here:
        msg = (
            f"the corrected plan has other beams or control points than {predecessor.name}: correct that plan"
        )
        raise MismatchError(msg)


def _describe(dataset: Dataset, plan: Plan, details: CorrectedPlanDetails, old_uid: str) -> None:
    dataset.remove_private_tags()
    _take_out(dataset, _STALE_IN_PLAN)
    dataset.file_meta = file_meta(str(RTPlanStorage), plan.sop_instance_uid)
    dataset.SpecificCharacterSet = CHARACTER_SET
    dataset.SOPInstanceUID = plan.sop_instance_uid
    dataset.SeriesInstanceUID = new_uid()
    dataset.SeriesDescription = shortened(details.label, 64)
    dataset.SeriesDate = dataset.InstanceCreationDate = dataset.RTPlanDate = date_text(details.created_at)
    dataset.SeriesTime = dataset.InstanceCreationTime = dataset.RTPlanTime = time_text(details.created_at)
    add_equipment(dataset)
    dataset.OperatorsName = ""
    dataset.RTPlanLabel = shortened(details.label, 16)
    dataset.RTPlanName = shortened(details.label, 64)
    dataset.RTPlanDescription = shortened(details.description, 1024)
    dataset.ApprovalStatus = "UNAPPROVED"
    reference = sop_reference(str(RTPlanStorage), old_uid)
    reference.RTPlanRelationship = "PREDECESSOR"
    dataset.ReferencedRTPlanSequence = [reference]
    if details.frame_of_reference_uid:
        dataset.FrameOfReferenceUID = details.frame_of_reference_uid
        if not details.structure_set_uid:
            _refer_to_no_structures(dataset)
    if details.structure_set_uid:
        dataset.RTPlanGeometry = "PATIENT"
        drawn = sop_reference(str(RTStructureSetStorage), details.structure_set_uid)
        dataset.ReferencedStructureSetSequence = [drawn]


def _refer_to_no_structures(dataset: Dataset) -> None:
    """Take out what lies in the predecessor's frame: doses are then prescribed to a site."""
    dataset.RTPlanGeometry = "TREATMENT_DEVICE"
    _take_out(dataset, ("ReferencedStructureSetSequence",))
    for reference in dataset.get("DoseReferenceSequence", []):
        if reference.get("DoseReferenceStructureType") == "VOLUME":
            reference.DoseReferenceStructureType = "SITE"
            _take_out(reference, ("ReferencedROINumber",))


def _take_out(dataset: Dataset, keywords: tuple[str, ...]) -> None:
    for keyword in keywords:
        if keyword in dataset:
            delattr(dataset, keyword)


def _correct_beam(item: Dataset, beam: Beam) -> None:
    _take_out(item, _STALE_IN_BEAM)
    points = beam.control_points
    kinds = tuple(str(one.RTBeamLimitingDeviceType) for one in item.BeamLimitingDeviceSequence)
    for index, (entry, point) in enumerate(zip(item.ControlPointSequence, points, strict=True)):
        following = points[min(index + 1, len(points) - 1)]
        _correct_point(entry, point, following, is_first=index == 0)
        _correct_openings(entry, point, kinds)
    if len({_state(point) for point in points}) > 1:
        item.BeamType = "DYNAMIC"


def _state(point: ControlPoint) -> tuple[object, ...]:
    leaves = () if point.leaf_positions_mm is None else tuple(point.leaf_positions_mm.ravel().tolist())
    return (point.gantry_deg, point.collimator_deg, point.couch_deg, point.jaw_x_mm, point.jaw_y_mm, leaves)


def _correct_point(item: Dataset, point: ControlPoint, following: ControlPoint, *, is_first: bool) -> None:
    _take_out(item, _STALE_IN_POINT)
    item.CumulativeMetersetWeight = decimal_string(point.cumulative_meterset)
    for axis, angle_deg, increasing in _AXES:
        step_deg = wrap_deg(angle_deg(following) - angle_deg(point))
        decreasing = "CC" if increasing == "CW" else "CW"
        way = "NONE" if step_deg == 0.0 else (increasing if step_deg > 0.0 else decreasing)
        setattr(item, f"{axis}Angle", decimal_string(angle_deg(point)))
        setattr(item, f"{axis}RotationDirection", way)
    if point.isocentre_mm is not None:
        item.IsocenterPosition = decimal_strings(point.isocentre_mm.tolist())
    if point.table_top_mm is None:
        # The first control point has to have them, and empty says that nobody knows (type 2).
        for keyword in _TABLE:
            if is_first:
                setattr(item, keyword, None)
            elif keyword in item:
                delattr(item, keyword)


def _correct_openings(item: Dataset, point: ControlPoint, kinds: tuple[str, ...]) -> None:
    """Position all devices that the beam describes, in every control point."""
    leaves_mm = point.leaf_positions_mm
    jaws_mm = {"X": point.jaw_x_mm, "Y": point.jaw_y_mm}
    openings: list[Dataset] = []
    for kind in kinds:
        jaw_mm = jaws_mm[kind[-1]]
        if kind.startswith("MLC"):
            if leaves_mm is not None:
                openings.append(_device(kind, leaves_mm.ravel().tolist()))
        elif jaw_mm is not None:
            openings.append(_device(kind, list(jaw_mm)))
    item.BeamLimitingDevicePositionSequence = openings


def _device(kind: str, positions_mm: list[float]) -> Dataset:
    item = Dataset()
    item.RTBeamLimitingDeviceType = kind
    set_many_decimals(item, "LeafJawPositions", positions_mm)
    return item


def _correct_metersets(dataset: Dataset, plan: Plan) -> None:
    for group in dataset.FractionGroupSequence:
        for reference in group.get("ReferencedBeamSequence", []):
            _take_out(reference, _STALE_IN_BEAM_REFERENCE)
            meterset_mu = plan.beam(int(reference.ReferencedBeamNumber)).meterset_mu
            if meterset_mu is not None:
                reference.BeamMeterset = decimal_string(meterset_mu)


def _require_read_back(path: Path, plan: Plan) -> None:
    """Read the file again, and take it away where it does not say what was meant."""
    read = read_plan(path)
    for beam in plan.beams:
        if not _reads_as(read.beam(beam.number), beam):
            path.unlink()
            msg = f"beam {beam.number} does not read back as it was corrected: {path.name} was not written"
            raise OutputError(msg)


def _reads_as(read: Beam, meant: Beam) -> bool:
    if read.meterset_mu != meant.meterset_mu or len(read.control_points) != len(meant.control_points):
        return False
    return all(
        _state(one) == _state(other)
        and one.cumulative_meterset == other.cumulative_meterset
        and _place(one) == _place(other)
        for one, other in zip(read.control_points, meant.control_points, strict=True)
    )


def _place(point: ControlPoint) -> tuple[float, ...] | None:
    """Return the isocentre as decimal strings of 16 characters keep it."""
    if point.isocentre_mm is None:
        return None
    return tuple(float(text) for text in decimal_strings(point.isocentre_mm.tolist()))
