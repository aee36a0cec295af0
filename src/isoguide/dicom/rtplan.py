"""RT Plans and RT Ion Plans: beams with every control point filled in (PS3.3 C.8.8.14, C.8.8.25).

An attribute that is absent in a later control point means "unchanged". Positions stay in patient LPS: the
plan's isocentre is never in machine coordinates (C.8.8.25.6).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Literal

import numpy as np
from pydicom.uid import RTIonPlanStorage

from isoguide.dicom.beam_accessories import (
    read_fluence_mode,
    read_other_accessories,
    read_wedges,
    read_wedges_in,
)
from isoguide.dicom.item import Item, tolerating_odd_values
from isoguide.dicom.scan import PLAN_CLASSES, DicomFile, open_dicom
from isoguide.dicom.stated_doses import (
    PlanStatements,
    read_stated_doses,
    read_statements,
    read_surface_mm,
)
from isoguide.errors import GeometryError, MismatchError, MissingEvidenceError, UnreadableError
from isoguide.geometry.frames import Array
from isoguide.plan import (
    Beam,
    ControlPoint,
    MultileafCollimator,
    PatientPosition,
    PatientSetup,
    Plan,
    Prescription,
    SetupDevice,
    Wedge,
)

UNPLACED_LEAVES: Final = "multileaf collimator whose leaves the plan does not place"
_TABLE_AXES: Final = ("Lateral", "Longitudinal", "Vertical")
_TABLE_KEYWORDS: Final = tuple(f"TableTop{axis}Position" for axis in _TABLE_AXES)
_JAW_X: Final = frozenset({"X", "ASYMX"})
_JAW_Y: Final = frozenset({"Y", "ASYMY"})
_LEAVES: Final[Mapping[str, Literal["X", "Y"]]] = {"MLCX": "X", "MLCY": "Y"}


@tolerating_odd_values
def read_plan(source: DicomFile | Path | str, *, fallback_position: PatientPosition | None = None) -> Plan:
    """Read a photon, electron or ion plan.

    Parameters
    ----------
    source
        A scanned file, or a path.
    fallback_position
        The position of the planning images, used with a warning where the plan does not state one.

    Raises
    ------
    UnreadableError
        If it is not a plan, or a value in it is not a number.
    MismatchError
        If its beams treat the patient in different positions.
    MissingEvidenceError
        If no patient position is stated.
    GeometryError
        If the position is not one of a lying patient.
    """
    file = source if isinstance(source, DicomFile) else open_dicom(source)
    item = file.item
    if file.sop_class_uid not in PLAN_CLASSES:
        msg = f"{file.path} is {file.class_name}, not an RT Plan; give another file"
        raise UnreadableError(msg)
    is_ion = file.sop_class_uid == RTIonPlanStorage
    groups = item.items("FractionGroupSequence")
    metersets, stated = _metersets(groups), read_statements(item, groups)
    beams = tuple(
        _beam(entry, metersets, stated, is_ion=is_ion)
        for entry in item.items("IonBeamSequence" if is_ion else "BeamSequence")
    )
    position, warnings = _position(item, beams, fallback_position)
    if len(groups) > 1:
        warnings += (
            f"{file.path} has {len(groups)} fraction groups; the number of fractions is of the first",
        )
    return Plan(
        sop_instance_uid=file.sop_instance_uid,
        label=item.text("RTPlanLabel"),
        patient_position=position,
        beams=beams,
        frame_of_reference_uid=item.text("FrameOfReferenceUID"),
        structure_set_uid=referenced_structure_set_of(item),
        approval_status=item.text("ApprovalStatus"),
        fractions_planned=groups[0].integer("NumberOfFractionsPlanned") if groups else None,
        warnings=warnings,
        prescriptions=_prescriptions(item),
        setups=_setups(item),
    )


def referenced_structure_set_of(item: Item) -> str:
    """Return the SOPInstanceUID of the structure set a plan was made on, empty where it is not stated."""
    referenced = item.first("ReferencedStructureSetSequence")
    return referenced.text("ReferencedSOPInstanceUID") if referenced else ""


def _metersets(groups: tuple[Item, ...]) -> Mapping[int, float]:
    found: dict[int, float] = {}
    for group in groups:
        for beam in group.items("ReferencedBeamSequence"):
            number, meterset = beam.integer("ReferencedBeamNumber"), beam.number("BeamMeterset")
            if number is not None and meterset is not None:
                found.setdefault(number, meterset)
    return found


def _prescriptions(item: Item) -> tuple[Prescription, ...]:
    """Return the doses that targets shall receive; limits of organs are no prescription."""
    return tuple(
        Prescription(
            dose_gy=dose_gy,
            structure_number=entry.integer("ReferencedROINumber"),
            description=entry.text("DoseReferenceDescription"),
        )
        for entry in item.items("DoseReferenceSequence")
        if entry.text("DoseReferenceType") == "TARGET"
        and (dose_gy := entry.number("TargetPrescriptionDose")) is not None
    )


def _setups(item: Item) -> tuple[PatientSetup, ...]:
    numbered = ((one.integer("PatientSetupNumber"), one) for one in item.items("PatientSetupSequence"))
    return tuple(_setup(number, entry) for number, entry in numbered if number is not None)


def _setup(number: int, entry: Item) -> PatientSetup:
    shift = [entry.number(f"TableTop{axis}SetupDisplacement") for axis in _TABLE_AXES]
    return PatientSetup(
        number=number,
        technique=entry.text("SetupTechnique"),
        displacement_mm=None if None in shift else np.array(shift, dtype=np.float64),
        fixation=_devices(entry, "Fixation"),
        devices=_devices(entry, "Setup"),
    )


def _devices(entry: Item, purpose: str) -> tuple[SetupDevice, ...]:
    return tuple(
        SetupDevice(
            kind=one.text(f"{purpose}DeviceType"),
            label=one.text(f"{purpose}DeviceLabel"),
            # Only fixation devices have a place of their own (PS3.3 C.8.8.12).
            position=one.text("FixationDevicePosition"),
            description=one.text(f"{purpose}DeviceDescription"),
        )
        for one in entry.items(f"{purpose}DeviceSequence")
    )


def _leaves(beam: Item) -> MultileafCollimator | None:
    """Return the collimator of a beam that has exactly one; leaves without proper boundaries have no place.

    That is no reason to refuse the plan: an isocentre does not depend on leaves.
    """
    devices = [one for one in beam.items("BeamLimitingDeviceSequence") if _kind(one) in _LEAVES]
    boundaries_mm = devices[0].numbers("LeafPositionBoundaries") if len(devices) == 1 else None
    if boundaries_mm is None or boundaries_mm.size < 2 or not (np.diff(boundaries_mm) > 0.0).all():
        return None
    return MultileafCollimator(_LEAVES[_kind(devices[0])], boundaries_mm)


def _unplaced_leaves(
    beam: Item, leaves: MultileafCollimator | None, points: Sequence[ControlPoint]
) -> tuple[str, ...]:
    """Name leaves that nobody can place, so that no dose is computed as if the beam were open there.

    These are two layers of leaves, leaves without boundaries, a device that is neither jaws nor leaves, and
    leaves whose positions are not told.
    """
    kinds = [_kind(one) for one in beam.items("BeamLimitingDeviceSequence")]
    if any(kind not in _JAW_X | _JAW_Y | _LEAVES.keys() for kind in kinds):
        return (UNPLACED_LEAVES,)
    placed = [point.leaf_positions_mm is not None for point in points]
    if leaves is None:
        is_unplaced = any(placed) or any(kind in _LEAVES for kind in kinds)
    else:
        pairs = {point.leaf_positions_mm.shape[1] for point in points if point.leaf_positions_mm is not None}
        is_unplaced = not all(placed) or not pairs <= {leaves.pairs}
    return (UNPLACED_LEAVES,) if is_unplaced else ()


def _kind(device: Item) -> str:
    return device.text("RTBeamLimitingDeviceType")


def _beam(entry: Item, metersets: Mapping[int, float], stated: PlanStatements, *, is_ion: bool) -> Beam:
    number = entry.need_integer("BeamNumber")
    named = Item(entry.dataset, f"{entry.source} beam {number}")
    radiation, wedges, leaves = named.text("RadiationType"), read_wedges(named), _leaves(named)
    points: list[ControlPoint] = []
    state = _State(None, table_is_relative=False)
    for point in named.items("IonControlPointSequence" if is_ion else "ControlPointSequence"):
        state = _advance(state, point, wedges, is_photon=radiation == "PHOTON")
        if state.point is not None:
            points.append(state.point)
    return Beam(
        number=number,
        name=named.text("BeamName"),
        delivery_type=named.text("TreatmentDeliveryType"),
        radiation_type=radiation,
        machine=named.text("TreatmentMachineName"),
        control_points=tuple(points),
        patient_setup_number=named.integer("ReferencedPatientSetupNumber"),
        meterset_mu=metersets.get(number),
        leaves=leaves,
        source_axis_distance_mm=named.number("SourceAxisDistance"),
        wedges=wedges,
        other_accessories=(*_unplaced_leaves(named, leaves, points), *read_other_accessories(named)),
        fluence_mode=read_fluence_mode(named),
        # Type 3: only those of another unit have to say so.
        dosimeter_unit=named.text("PrimaryDosimeterUnit") or "MU",
        stated_surface_mm=read_surface_mm(named),
        stated_doses=read_stated_doses(named, number, stated),
    )


@dataclass(frozen=True, slots=True, eq=False)
class _State:
    """The control point so far, and whether its table position has an unknown start (C.8.8.14.6)."""

    point: ControlPoint | None
    table_is_relative: bool


def _advance(state: _State, item: Item, wedges: tuple[Wedge, ...], *, is_photon: bool) -> _State:
    """Fill in what a control point leaves out from the one before it."""
    before = state.point or ControlPoint(0.0, 0.0, 0.0, 0.0)
    # Zero-length table positions in the first control point make later ones relative to an unknown start.
    relative = state.table_is_relative or (
        state.point is None
        and any(item.has(keyword) and item.number(keyword) is None for keyword in _TABLE_KEYWORDS)
    )

    def changed(keyword: str, unchanged: float) -> float:
        value = item.number(keyword)
        return unchanged if value is None else value

    isocentre = item.numbers("IsocenterPosition", 3)
    energy = item.number("NominalBeamEnergy") if is_photon else None
    dose_rate = item.number("DoseRateSet")
    point = replace(
        before,
        gantry_deg=changed("GantryAngle", before.gantry_deg),
        collimator_deg=changed("BeamLimitingDeviceAngle", before.collimator_deg),
        couch_deg=changed("PatientSupportAngle", before.couch_deg),
        cumulative_meterset=changed("CumulativeMetersetWeight", before.cumulative_meterset),
        isocentre_mm=before.isocentre_mm if isocentre is None else isocentre,
        table_top_mm=None if relative else _table_top(item, before.table_top_mm),
        table_pitch_deg=changed("TableTopPitchAngle", before.table_pitch_deg),
        table_roll_deg=changed("TableTopRollAngle", before.table_roll_deg),
        energy_mv=before.energy_mv if energy is None else energy,
        wedges_in=read_wedges_in(item, state.point, wedges),
        dose_rate_mu_per_min=before.dose_rate_mu_per_min if dose_rate is None else dose_rate,
    )
    return _State(_with_devices(point, item), relative)


def _table_top(item: Item, before: Array | None) -> Array | None:
    values = [item.number(keyword) for keyword in _TABLE_KEYWORDS]
    if before is not None:
        values = [old if new is None else new for new, old in zip(values, before.tolist(), strict=True)]
    return None if any(value is None for value in values) else np.array(values, dtype=np.float64)


def _with_devices(point: ControlPoint, item: Item) -> ControlPoint:
    for device in item.items("BeamLimitingDevicePositionSequence"):
        kind = _kind(device)
        positions = device.numbers("LeafJawPositions")
        if positions is None:
            continue
        if kind in _LEAVES and positions.size % 2 == 0:
            point = replace(point, leaf_positions_mm=positions.reshape(2, -1))
        elif kind in _JAW_X and positions.size == 2:
            point = replace(point, jaw_x_mm=(float(positions[0]), float(positions[1])))
        elif kind in _JAW_Y and positions.size == 2:
            point = replace(point, jaw_y_mm=(float(positions[0]), float(positions[1])))
    return point


def _position(
    item: Item, beams: tuple[Beam, ...], fallback: PatientPosition | None
) -> tuple[PatientPosition, tuple[str, ...]]:
    setups = {
        setup.integer("PatientSetupNumber"): setup.text("PatientPosition")
        for setup in item.items("PatientSetupSequence")
    }
    used = {beam.patient_setup_number for beam in beams if beam.patient_setup_number in setups}
    stated = sorted({setups[number] for number in used or setups if setups[number]})
    if len(stated) > 1:
        msg = f"{item.source} treats the patient in several positions ({', '.join(stated)}); split the plan"
        raise MismatchError(msg)
    if not stated and fallback is None:
        msg = f"{item.source} states no patient position; export the plan with its patient setup"
        raise MissingEvidenceError(msg)
    if not stated and fallback is not None:
        return fallback, (
            f"{item.source} states no patient position: {fallback} of the planning images is used",
        )
    if stated[0] not in PatientPosition.__members__:
        msg = f"{item.source} has the PatientPosition '{stated[0]}', which is not one of a lying patient"
        raise GeometryError(msg + "; it cannot be used")
    return PatientPosition(stated[0]), ()
