"""The treatment plan as data: beams, control points, isocentres. No behaviour beyond looking things up."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal

import numpy as np

from isoguide.errors import AmbiguityError, GeometryError, MissingEvidenceError
from isoguide.geometry.frames import Array, frozen_array

SAME_ISOCENTRE_MM = 0.1
"""Isocentres closer than this are one: plans repeat the same point per beam with rounding."""


class PatientPosition(StrEnum):
    """DICOM PatientPosition (0018,5100) of a lying patient; anything else is refused."""

    HFS = "HFS"
    HFP = "HFP"
    HFDR = "HFDR"
    HFDL = "HFDL"
    FFS = "FFS"
    FFP = "FFP"
    FFDR = "FFDR"
    FFDL = "FFDL"


@dataclass(frozen=True, slots=True)
class Wedge:
    """A wedge that a beam may have in its way (PS3.3 C.8.8.14, Wedge Sequence).

    Parameters
    ----------
    number
        WedgeNumber, by which control points say where it is.
    kind
        WedgeType: STANDARD, DYNAMIC or MOTORIZED.
    identifier
        WedgeID, the name of the machine's data for it.
    angle_deg, orientation_deg
        Nominal angle; orientation about the beam, counter-clockwise seen from the source, at which the thin
        end points away from the collimator's +Y (C.8.8.14.3); None where the plan does not say.
    """

    number: int
    kind: str
    identifier: str = ""
    angle_deg: float | None = None
    orientation_deg: float | None = None


@dataclass(frozen=True, slots=True, eq=False)
class ControlPoint:
    """One control point with inherited values filled in; angles in degrees, positions in mm.

    ``isocentre_mm`` (3,) is in planning LPS. ``table_top_mm`` is (lateral, longitudinal, vertical) and None
    where the plan leaves the table position open. ``leaf_positions_mm`` (2, pairs) holds both banks, the one
    on the negative side first, at the isocentre along the axis of the beam's :class:`MultileafCollimator`.
    ``wedges_in`` are the numbers of the wedges in the beam; ``dose_rate_mu_per_min`` is DoseRateSet.
    """

    gantry_deg: float
    collimator_deg: float
    couch_deg: float
    cumulative_meterset: float
    isocentre_mm: Array | None = None
    table_top_mm: Array | None = None
    table_pitch_deg: float = 0.0
    table_roll_deg: float = 0.0
    energy_mv: float | None = None
    jaw_x_mm: tuple[float, float] | None = None
    jaw_y_mm: tuple[float, float] | None = None
    leaf_positions_mm: Array | None = None
    wedges_in: tuple[int, ...] = ()
    dose_rate_mu_per_min: float | None = None

    def __post_init__(self) -> None:
        if self.isocentre_mm is not None:
            object.__setattr__(self, "isocentre_mm", frozen_array(self.isocentre_mm, (3,), "isocentre"))
        if self.table_top_mm is not None:
            object.__setattr__(self, "table_top_mm", frozen_array(self.table_top_mm, (3,), "table position"))
        if self.leaf_positions_mm is not None:
            leaves = frozen_array(self.leaf_positions_mm, (2, -1), "leaf positions")
            object.__setattr__(self, "leaf_positions_mm", leaves)


@dataclass(frozen=True, slots=True, eq=False)
class MultileafCollimator:
    """The leaf pairs of a machine, as every control point of a beam uses them (PS3.3 C.8.8.14).

    Parameters
    ----------
    axis
        Axis of the IEC beam limiting device system along which the leaves travel: X for MLCX, Y for MLCY.
    boundaries_mm
        Edges between the leaf pairs along the other axis, at the isocentre, (pairs + 1,), increasing.

    Raises
    ------
    GeometryError
        If the boundaries do not increase, or there is no pair between them.
    """

    axis: Literal["X", "Y"]
    boundaries_mm: Array

    def __post_init__(self) -> None:
        boundaries_mm = frozen_array(self.boundaries_mm, (-1,), "leaf boundaries")
        if len(boundaries_mm) < 2 or not (np.diff(boundaries_mm) > 0.0).all():
            msg = f"leaf boundaries must increase and number at least two, not {boundaries_mm.tolist()} mm"
            raise GeometryError(msg)
        object.__setattr__(self, "boundaries_mm", boundaries_mm)

    @property
    def pairs(self) -> int:
        """Number of leaf pairs."""
        return len(self.boundaries_mm) - 1


@dataclass(frozen=True, slots=True, eq=False)
class StatedDose:
    """What the planning system says one fraction of a beam delivers (PS3.3 C.8.8.13, Beam Dose).

    Parameters
    ----------
    dose_gy
        Of one fraction.
    position_mm
        Where, (3,) planning LPS; None where the plan does not say: then it may be nothing but the share of
        the prescription that was put down for the beam.
    name
        What the point is called; empty for the specification point of the beam.
    """

    dose_gy: float
    position_mm: Array | None = None
    name: str = ""

    def __post_init__(self) -> None:
        if self.position_mm is not None:
            point_mm = frozen_array(self.position_mm, (3,), "point of a stated dose")
            object.__setattr__(self, "position_mm", point_mm)


@dataclass(frozen=True, slots=True, eq=False)
class Beam:
    """A beam: ``delivery_type`` is TREATMENT, SETUP, OPEN_PORTFILM, TRMT_PORTFILM ... (300A,00CE).

    ``leaves`` describes the collimator whose positions the control points hold; None where there are none.
    ``other_accessories`` names what else is in the way, such as "block", "compensator", "bolus" and
    "applicator". ``fluence_mode`` is FluenceMode (3002,0051): STANDARD, or NON_STANDARD for a beam without
    flattening filter, with FluenceModeID behind a colon where stated; empty where the plan does not say.
    ``stated_surface_mm`` (source to the patient's surface at the first control point) and ``stated_doses``
    are what the planning system found with its own data: to compare with, never to compute from.
    """

    number: int
    name: str
    delivery_type: str
    radiation_type: str
    machine: str
    control_points: tuple[ControlPoint, ...]
    patient_setup_number: int | None = None
    meterset_mu: float | None = None
    leaves: MultileafCollimator | None = None
    source_axis_distance_mm: float | None = None
    wedges: tuple[Wedge, ...] = ()
    other_accessories: tuple[str, ...] = ()
    fluence_mode: str = ""
    dosimeter_unit: str = "MU"
    stated_surface_mm: float | None = None
    stated_doses: tuple[StatedDose, ...] = ()

    @property
    def is_treatment(self) -> bool:
        """True for a beam that treats, false for set-up and portal imaging fields."""
        return self.delivery_type in ("TREATMENT", "")

    @property
    def isocentre_mm(self) -> Array | None:
        """Isocentre of the first control point, planning LPS mm, None where the beam has none."""
        return self.control_points[0].isocentre_mm if self.control_points else None

    @property
    def interval_mu(self) -> list[float]:
        """Monitor units between each two control points; nothing where the beam states none."""
        total = self.control_points[-1].cumulative_meterset if self.control_points else 0.0
        if self.meterset_mu is None or total <= 0.0:
            return [0.0] * (len(self.control_points) - 1)
        weights = np.diff([point.cumulative_meterset for point in self.control_points])
        return [float(one) for one in weights * self.meterset_mu / total]


@dataclass(frozen=True, slots=True)
class Prescription:
    """What a target shall receive over all fractions: a dose reference of type TARGET (PS3.3 C.8.8.10).

    ``structure_number`` is the ROI number of the target, None where the plan names a site instead.
    """

    dose_gy: float
    structure_number: int | None = None
    description: str = ""


@dataclass(frozen=True, slots=True)
class SetupDevice:
    """What the patient is set up with, and what the department calls it.

    ``kind`` is a defined term of SetupDeviceType, such as LASER_POINTER, or of FixationDeviceType, such as
    MASK. ``position`` says where a fixation device is put, FixationDevicePosition (300A,0198), for instance
    the notch of the couch top; ``description`` is FixationDeviceDescription or SetupDeviceDescription.
    """

    kind: str
    label: str
    position: str = ""
    description: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class PatientSetup:
    """How the patient is brought to the isocentre before imaging (PS3.3 C.8.8.12).

    Parameters
    ----------
    number
        PatientSetupNumber, which beams refer to.
    technique
        SetupTechnique: ISOCENTRIC, FIXED_SSD ...
    displacement_mm
        (lateral, longitudinal, vertical) in the IEC table top system, (3,): how the table moves from where
        the marks lie in the lasers to the treatment position; None where the plan does not say.
    fixation, devices
        Masks and moulds that hold the patient; lasers and rulers to set up with.
    """

    number: int
    technique: str = "ISOCENTRIC"
    displacement_mm: Array | None = None
    fixation: tuple[SetupDevice, ...] = ()
    devices: tuple[SetupDevice, ...] = ()

    def __post_init__(self) -> None:
        if self.displacement_mm is not None:
            shift_mm = frozen_array(self.displacement_mm, (3,), "set-up displacement")
            object.__setattr__(self, "displacement_mm", shift_mm)


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """A treatment plan (photon or ion)."""

    sop_instance_uid: str
    label: str
    patient_position: PatientPosition
    beams: tuple[Beam, ...]
    frame_of_reference_uid: str = ""
    structure_set_uid: str = ""
    approval_status: str = ""
    fractions_planned: int | None = None
    warnings: tuple[str, ...] = field(default=())
    prescriptions: tuple[Prescription, ...] = ()
    setups: tuple[PatientSetup, ...] = ()

    @property
    def treatment_mu(self) -> float:
        """Monitor units of all treatment beams, one fraction; a beam that states none adds nothing."""
        return sum(beam.meterset_mu or 0.0 for beam in self.beams if beam.is_treatment)

    def fraction_prescription(self, target: str = "its target") -> tuple[float, int]:
        """Return what a fraction shall give, Gy, by the highest prescription, and how many there are.

        Raises
        ------
        MissingEvidenceError
            If the plan does not say, in a sentence that calls the target ``target``.
        """
        if not self.prescriptions or not self.fractions_planned:
            msg = f"the plan '{self.label}' does not say what {target} shall get in how many fractions"
            raise MissingEvidenceError(msg)
        highest_gy = max(one.dose_gy for one in self.prescriptions)
        return highest_gy / self.fractions_planned, self.fractions_planned

    def beam(self, number: int) -> Beam:
        """Return the beam with this number.

        Raises
        ------
        MissingEvidenceError
            If the plan has no such beam.
        """
        for beam in self.beams:
            if beam.number == number:
                return beam
        known = ", ".join(f"{beam.number} ({beam.name})" for beam in self.beams)
        msg = f"plan '{self.label}' has no beam {number}; it has {known or 'none'}"
        raise MissingEvidenceError(msg)

    def isocentre_mm(self, beam_number: int | None = None) -> Array:
        """Return the one isocentre of the treatment beams, or that of the beam asked for: (3,) planning LPS.

        Raises
        ------
        MissingEvidenceError
            If no beam, or not the one asked for, states an isocentre.
        AmbiguityError
            If the treatment beams have several isocentres and none was chosen.
        """
        if beam_number is not None:
            chosen = self.beam(beam_number).isocentre_mm
            if chosen is None:
                msg = (
                    f"beam {beam_number} of plan '{self.label}' has no isocentre; "
                    "give one with --isocentre X,Y,Z"
                )
                raise MissingEvidenceError(msg)
            return chosen
        treating = [beam for beam in self.beams if beam.is_treatment]
        groups = group_isocentres(treating or self.beams)
        if not groups:
            msg = f"plan '{self.label}' has no isocentre in any beam; give one with --isocentre X,Y,Z"
            raise MissingEvidenceError(msg)
        if len(groups) > 1:
            choices = "; ".join(f"{_xyz(point)} for beam {_numbers(beams)}" for point, beams in groups)
            msg = f"plan '{self.label}' has {len(groups)} isocentres ({choices}); choose with --beam N"
            raise AmbiguityError(msg)
        return groups[0][0]


@dataclass(frozen=True, slots=True, eq=False)
class SkinMark:
    """A mark on the patient's skin that a laser points at in set-up; ``position_mm`` (3,) planning LPS."""

    name: str
    position_mm: Array

    def __post_init__(self) -> None:
        object.__setattr__(self, "position_mm", frozen_array(self.position_mm, (3,), f"mark '{self.name}'"))


@dataclass(frozen=True, slots=True, eq=False)
class Fiducial:
    """An implanted marker as it lies in the planning CT; ``position_mm`` (3,) of its centre, planning LPS."""

    name: str
    position_mm: Array
    kind: str = "gold seed"

    def __post_init__(self) -> None:
        object.__setattr__(self, "position_mm", frozen_array(self.position_mm, (3,), f"marker '{self.name}'"))


def group_isocentres(beams: Sequence[Beam]) -> list[tuple[Array, list[Beam]]]:
    """Group beams by isocentre within :data:`SAME_ISOCENTRE_MM`, in beam order, over all control points."""
    groups: list[tuple[Array, list[Beam]]] = []
    for beam in beams:
        for point in beam.control_points:
            if point.isocentre_mm is not None:
                _add(groups, point.isocentre_mm, beam)
    return groups


def _add(groups: list[tuple[Array, list[Beam]]], point_mm: Array, beam: Beam) -> None:
    for known, members in groups:
        if np.linalg.norm(known - point_mm) <= SAME_ISOCENTRE_MM:
            if beam not in members:
                members.append(beam)
            return
    groups.append((point_mm, [beam]))


def _xyz(point_mm: Array) -> str:
    return "(" + ", ".join(f"{value:.1f}" for value in point_mm) + ") mm"


def _numbers(beams: Sequence[Beam]) -> str:
    return ", ".join(str(beam.number) for beam in beams)
