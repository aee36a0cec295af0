"""A treatment plan for a virtual patient: fields shaped to the target, set-up fields, prescription, set-up.

Geometry and delivery are those of a real plan. Apertures follow the target's outline and are not optimised.
The meterset is of a usual size: the one that gives the prescription is computed by
:func:`isoguide.virtual.prescribed_dose.with_prescribed_dose`.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final, Literal

import numpy as np

from isoguide.adaptation.field_shape import (
    beams_eye_view_mm,
    shaped_field,
    target_outline_mm,
    with_common_jaws,
)
from isoguide.errors import InputError, MissingEvidenceError
from isoguide.geometry.frames import PLANNING, Array, Points
from isoguide.geometry.iec61217 import TableTopPose, fixed_from_planning, iec_from_lps
from isoguide.images.structure import Structure
from isoguide.plan import (
    Beam,
    ControlPoint,
    MultileafCollimator,
    PatientPosition,
    PatientSetup,
    Plan,
    Prescription,
    SetupDevice,
    SkinMark,
)
from isoguide.virtual.phantom import Phantom

Technique = Literal["VMAT", "IMRT"]

SAD_MM: Final = 1000.0
ENERGY_MV: Final = 6.0
KV_ENERGY_MV: Final = 0.12
"""Tube voltage of the set-up fields, 120 kV; DICOM gives the energy of every beam in MV."""
LEAVES: Final = MultileafCollimator(
    "X",
    np.concatenate(
        [np.arange(-200.0, -100.0, 10.0), np.arange(-100.0, 100.0, 5.0), np.arange(100.0, 201.0, 10.0)]
    ),
)
"""60 pairs: 10 mm wide at both ends and 5 mm within 100 mm of the axis, a common arrangement."""
MACHINE: Final = "VIRTUAL"
ARC_DEG: Final = 358.0
ARC_INTERVALS: Final = 90
"""From 181° over 0° to 179°, a control point about every 4°."""
IMRT_FIELDS: Final = 7
WINDOW: Final = 0.4
"""Share of the width of the target that a sliding window is open for; both banks sweep at one speed."""
IMRT_INTERVALS: Final = 14
"""Control points then stand where a bank starts or stops: after 4 and 10 of 14 steps with this window."""
MU_PER_CGY: Final = 2.5
"""Monitor units for a centigray: of the order of modulated plans, until a dose says better."""
SETUP_JAW_MM: Final = (-100.0, 100.0)
SETUP_FIELDS: Final = (("kV AP, source 0", 0.0), ("kV LAT, source 90", 90.0), ("CBCT", 0.0))
"""Set-up fields with the angle of the kV source."""
TARGET_TYPES: Final = ("PTV", "CTV", "GTV")


@dataclass(frozen=True, slots=True)
class PlanSettings:
    """How a virtual patient is treated.

    Parameters
    ----------
    label
        RTPlanLabel.
    technique
        VMAT is one arc whose leaves follow the target; IMRT is seven fields with a sliding window.
    dose_gy, fractions
        Prescription to the target over all fractions.
    margin_mm
        From the projection of the target to the leaves.
    collimator_deg
        Collimator angle of all treatment beams.
    table_top
        Planned readings of the couch drives, nothing turned; None leaves them open, as plans usually do.
    fixation
        What holds the patient and what he lies on, with its place on the couch.

    Raises
    ------
    InputError
        If the technique is unknown, the table turned, or a number impossible.
    """

    label: str = "VIRTUAL"
    technique: Technique = "VMAT"
    dose_gy: float = 60.0
    fractions: int = 20
    margin_mm: float = 5.0
    collimator_deg: float = 10.0
    table_top: TableTopPose | None = None
    fixation: tuple[SetupDevice, ...] = ()

    def __post_init__(self) -> None:
        if self.technique not in ("VMAT", "IMRT"):
            msg = f"unknown technique '{self.technique}'; choose VMAT or IMRT"
            raise InputError(msg)
        for name, least in (("dose_gy", 0.0), ("fractions", 0.0), ("margin_mm", -1e-9)):
            value = getattr(self, name)
            if not (np.isfinite(value) and value > least):
                msg = f"{name} of the plan is {value}; give a number above 0"
                raise InputError(msg)
        table = self.table_top
        if table and (table.pitch_deg, table.roll_deg, table.support_deg, table.eccentric_deg) != (0.0,) * 4:
            msg = f"the planned table position is turned ({table}); plan with all its angles at 0"
            raise InputError(msg)


_COUCH_TOP: Final = SetupDevice("COUCH_TOP", "Carbon flat top", "H2")
_HEADREST: Final = SetupDevice("HEADREST", "Head rest B", "H2")
_MASK: Final = SetupDevice("MASK", "Mask 5 points", "H2", "thermoplastic, head to shoulders")
_WING_BOARD: Final = SetupDevice("BODY_FRAME", "Wing board", "H1", "arms above the head")
_VACUUM_CUSHION: Final = SetupDevice("VACUUM_MOLD", "Vacuum cushion", "F1")
_KNEE_REST: Final = SetupDevice("KNEE_REST", "Knee rest", "F3")
_FEET_REST: Final = SetupDevice("FEET_REST", "Feet rest", "F5")

SITE_SETTINGS: Final[dict[str, PlanSettings]] = {
    "pelvis": PlanSettings("PROSTATE", "VMAT", 60.0, 20, fixation=(_KNEE_REST, _FEET_REST, _COUCH_TOP)),
    "thorax": PlanSettings("LUNG", "VMAT", 55.0, 5, fixation=(_WING_BOARD, _KNEE_REST, _COUCH_TOP)),
    "head-neck": PlanSettings("HEAD NECK", "IMRT", 70.0, 35, fixation=(_MASK, _HEADREST, _COUCH_TOP)),
    "abdomen": PlanSettings("LIVER", "VMAT", 50.0, 5, fixation=(_VACUUM_CUSHION, _KNEE_REST, _COUCH_TOP)),
}
"""Usual schedules: 60 Gy in 20 (CHHiP, Dearnaley 2016), 55 Gy in 5 (UK SABR Consortium guidelines), 70 Gy in
35 (RTOG 0522), 50 Gy in 5 (upper level of RTOG 1112). They label the example and decide nothing. DICOM has no
defined term for couch tops, knee and feet rests; terms may be added (PS3.3 C.8.8.12)."""


def settings_for(phantom: Phantom) -> PlanSettings:
    """Return what is usual at the patient's site; the defaults for a patient made from a CT."""
    return SITE_SETTINGS.get(phantom.site or "", PlanSettings())


def treatment_plan(phantom: Phantom, settings: PlanSettings | None = None) -> Plan:
    """Plan a virtual patient, head first supine, couch at 0°.

    Parameters
    ----------
    phantom
        Its target is the first structure of type PTV, else CTV, else GTV.
    settings
        What is usual at the site when None.

    Returns
    -------
    Plan
        Treatment beams first, then the set-up fields; UIDs are empty until the plan is written. No dose
        calculation stands behind its monitor units.

    Raises
    ------
    MissingEvidenceError
        If the patient has no target that was drawn.
    GeometryError
        If the target is larger than the field.
    """
    settings = settings or settings_for(phantom)
    target = target_of(phantom)
    start = _control_point(phantom, settings)
    shadows = _Shadows(phantom, target, settings)
    fraction_mu = MU_PER_CGY * 100.0 * settings.dose_gy / settings.fractions
    if settings.technique == "VMAT":
        beams = [_arc(start, shadows, fraction_mu)]
    else:
        gantry_deg = [360.0 * n / IMRT_FIELDS for n in range(IMRT_FIELDS)]
        per_field = fraction_mu / IMRT_FIELDS
        beams = [
            _sliding_window(replace(start, gantry_deg=round(angle, 1)), shadows, n + 1, per_field)
            for n, angle in enumerate(gantry_deg)
        ]
    beams += _setup_fields(start, len(beams) + 1)
    return Plan(
        sop_instance_uid="",
        label=settings.label,
        patient_position=PatientPosition.HFS,
        beams=tuple(beams),
        approval_status="UNAPPROVED",
        fractions_planned=settings.fractions,
        prescriptions=(Prescription(settings.dose_gy, target.number, target.name),),
        setups=(_patient_setup(phantom, settings),),
    )


def target_of(phantom: Phantom) -> Structure:
    """Return what is treated: the first structure of type PTV, else CTV, else GTV, that was drawn.

    Raises
    ------
    MissingEvidenceError
        If there is none.
    """
    for kind in TARGET_TYPES:
        for structure in phantom.structures:
            if structure.interpreted_type == kind and structure.is_volume:
                return structure
    names = ", ".join(f"{one.name} ({one.interpreted_type})" for one in phantom.structures) or "none"
    msg = f"{phantom.name} has no target to plan: none of its structures is a PTV, CTV or GTV; it has {names}"
    raise MissingEvidenceError(msg)


class _Shadows:
    """The target as the source sees it."""

    def __init__(self, phantom: Phantom, target: Structure, settings: PlanSettings) -> None:
        fixed = fixed_from_planning(PatientPosition.HFS, phantom.isocentre_mm)
        self._points = fixed @ Points(PLANNING, target_outline_mm(target))
        self.margin_mm = settings.margin_mm

    def at(self, point: ControlPoint) -> Array:
        """Project the target for the gantry and collimator angles of a control point, (n, 2)."""
        return beams_eye_view_mm(self._points, point.gantry_deg, point.collimator_deg, SAD_MM)


def _control_point(phantom: Phantom, settings: PlanSettings) -> ControlPoint:
    table = settings.table_top
    return ControlPoint(
        gantry_deg=0.0,
        collimator_deg=settings.collimator_deg,
        couch_deg=0.0,
        cumulative_meterset=0.0,
        isocentre_mm=phantom.isocentre_mm,
        table_top_mm=table.position_mm if table else None,
        energy_mv=ENERGY_MV,
    )


def _arc(start: ControlPoint, shadows: _Shadows, meterset_mu: float) -> Beam:
    """Turn once around the patient with the leaves around the target."""
    steps = np.linspace(0.0, 1.0, ARC_INTERVALS + 1).tolist()
    points = [
        replace(start, gantry_deg=round((181.0 + ARC_DEG * step) % 360.0, 2), cumulative_meterset=step)
        for step in steps
    ]
    shapes = with_common_jaws(
        [shaped_field(shadows.at(point), LEAVES, shadows.margin_mm) for point in points]
    )
    opened = tuple(shape.of(point) for shape, point in zip(shapes, points, strict=True))
    return _treatment_beam(1, "Arc 1", opened, meterset_mu)


def _sliding_window(start: ControlPoint, shadows: _Shadows, number: int, meterset_mu: float) -> Beam:
    """Sweep a window over the target: every point of a leaf's way sees the same share of the meterset."""
    shape = shaped_field(shadows.at(start), LEAVES, shadows.margin_mm)
    low_mm, high_mm = shape.leaf_positions_mm
    points = []
    for step in np.linspace(0.0, 1.0, IMRT_INTERVALS + 1).tolist():
        front = min(step * (1.0 + WINDOW), 1.0)
        back = max(step * (1.0 + WINDOW) - WINDOW, 0.0)
        swept = np.stack([low_mm + back * (high_mm - low_mm), low_mm + front * (high_mm - low_mm)])
        opened = replace(shape, leaf_positions_mm=swept)
        points.append(opened.of(replace(start, cumulative_meterset=step)))
    return _treatment_beam(number, f"Field {number}", tuple(points), meterset_mu)


def _treatment_beam(number: int, name: str, points: tuple[ControlPoint, ...], meterset_mu: float) -> Beam:
    return Beam(
        number, name, "TREATMENT", "PHOTON", MACHINE, points, 1, round(meterset_mu, 1), LEAVES, SAD_MM
    )


def _setup_fields(start: ControlPoint, first_number: int) -> Iterator[Beam]:
    for number, (name, source_deg) in enumerate(SETUP_FIELDS, start=first_number):
        point = replace(
            start,
            gantry_deg=source_deg,
            collimator_deg=0.0,
            energy_mv=KV_ENERGY_MV,
            jaw_x_mm=SETUP_JAW_MM,
            jaw_y_mm=SETUP_JAW_MM,
        )
        yield Beam(
            number, name, "SETUP", "PHOTON", MACHINE, (point, point), 1, source_axis_distance_mm=SAD_MM
        )


def _patient_setup(phantom: Phantom, settings: PlanSettings) -> PatientSetup:
    laser_mm = laser_point_mm(phantom.marks)
    shift_mm = None
    if laser_mm is not None:
        shift_mm = np.round(iec_from_lps(PatientPosition.HFS) @ (laser_mm - phantom.isocentre_mm), 2)
    return PatientSetup(
        number=1,
        displacement_mm=shift_mm,
        fixation=settings.fixation,
        devices=(SetupDevice("LASER_POINTER", "Room lasers"),),
    )


def laser_point_mm(marks: tuple[SkinMark, ...]) -> Array | None:
    """Return where the lasers cross when they lie on three marks, (3,) planning LPS; None for another number.

    The marks in front, at the left and at the right share two coordinates each with the crossing, which is
    therefore the middle value of each coordinate.
    """
    if len(marks) != 3:
        return None
    point_mm: Array = np.median([mark.position_mm for mark in marks], axis=0)
    return point_mm
