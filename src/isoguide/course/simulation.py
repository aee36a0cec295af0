"""What is recorded before the first treatment: whose course it is, where the marks are, what lies below him.

Positions are planning LPS in mm. Shifts from the marks to the isocentre are computed where they are needed
(:mod:`isoguide.treatment.marks`), never stored beside the positions they follow from.
"""

from dataclasses import dataclass, field
from datetime import datetime

from isoguide.errors import InputError
from isoguide.geometry.frames import Array, frozen_array
from isoguide.geometry.iec61217 import TableTopPose
from isoguide.plan import Fiducial, PatientPosition, SkinMark


@dataclass(frozen=True, slots=True)
class PatientKey:
    """Two identifiers that have to agree in everything that belongs to a course: ID and birth date.

    ``birth_date`` is ``YYYYMMDD``. The name is shown and never compared: it is written in many ways.

    Raises
    ------
    InputError
        If one of the two is missing.
    """

    patient_id: str
    birth_date: str
    name: str = ""
    issuer: str = ""

    def __post_init__(self) -> None:
        for what, value in (("patient ID", self.patient_id), ("birth date", self.birth_date)):
            if not value.strip():
                msg = f"the {what} is missing, and two identifiers are needed: export the patient with both"
                raise InputError(msg)

    def is_same(self, other: "PatientKey") -> bool:
        """Whether both identifiers, and the issuer where both have one, agree."""
        issuers_agree = not (self.issuer and other.issuer) or self.issuer == other.issuer
        return issuers_agree and (self.patient_id, self.birth_date) == (other.patient_id, other.birth_date)


@dataclass(frozen=True, slots=True)
class PlannedBeam:
    """A treatment beam as records of its delivery refer to it."""

    number: int
    name: str
    meterset_mu: float


@dataclass(frozen=True, slots=True)
class Accessory:
    """Something that holds the patient or that he lies on, with its place on the couch.

    ``kind`` is a defined term of FixationDeviceType, such as MASK, or ``COUCH_TOP``. ``index`` is what the
    device's bar code or the notch of the couch top says, such as "H2"; empty where it has none.
    """

    kind: str
    label: str
    index: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class StructureMotion:
    """How a structure moves with breathing, from a 4DCT.

    Parameters
    ----------
    structure
        Its name.
    displacement_mm
        (phases, 3): centre in each phase minus centre in the first, planning LPS.
    phases_percent
        Of the breathing cycle, (phases,).
    closure_mm
        How far the cycle, followed from phase to phase, ends from where it began: the error of the tracking.
    """

    structure: str
    displacement_mm: Array
    phases_percent: tuple[float, ...]
    closure_mm: float

    def __post_init__(self) -> None:
        shape = (len(self.phases_percent), 3)
        object.__setattr__(
            self, "displacement_mm", frozen_array(self.displacement_mm, shape, "the displacement")
        )

    @property
    def amplitude_mm(self) -> Array:
        """Peak to peak along left-right, anterior-posterior, superior-inferior, (3,)."""
        spread: Array = self.displacement_mm.max(axis=0) - self.displacement_mm.min(axis=0)
        return spread


@dataclass(frozen=True, slots=True)
class ReferenceImage:
    """A picture the patient's set-up is compared with, by the hash of its file in the image store.

    ``kind`` is "planning CT", "set-up DRR", "4DCT phase" ... ``label`` says which one.
    """

    kind: str
    label: str
    sha256: str
    sop_instance_uid: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class SimulationRecord:
    """Everything a course is measured against; made once from DICOM, never typed.

    Parameters
    ----------
    patient
        Whose.
    site
        Part of the body as the department sorts its statistics, such as "prostate".
    machine
        Name of the treatment machine in the plan.
    plan_uid, plan_label, plan_sha256
        The plan, and the hash of its file.
    structure_set_uid, planning_series_uid, frame_of_reference_uid, planning_sha256
        What it rests on; the last one is the content hash of the planning CT.
    isocentre_mm
        (3,).
    target
        Name of the structure that is treated.
    fractions_planned, dose_per_fraction_gy
        None where the plan does not say.
    beams
        The treatment beams.
    marks
        On the skin; three or more that are not on a line, or none.
    fiducials, accessories, motions, reference_images
        As named.
    simulated_at
        When the planning CT was taken, None where it does not say.
    warnings
        What a person should know.
    structure_set_sha256
        Hash of the file of the structure set.
    planned_couch
        Where the plan wants the couch; None where it leaves that open, as plans usually do.
    internal_target_cm3
        Volume of the target united over its places in the 4DCT; None where there is none.
    """

    patient: PatientKey
    site: str
    machine: str
    plan_uid: str
    plan_label: str
    plan_sha256: str
    structure_set_uid: str
    planning_series_uid: str
    frame_of_reference_uid: str
    planning_sha256: str
    patient_position: PatientPosition
    isocentre_mm: Array
    target: str
    fractions_planned: int | None
    dose_per_fraction_gy: float | None
    beams: tuple[PlannedBeam, ...]
    marks: tuple[SkinMark, ...] = ()
    fiducials: tuple[Fiducial, ...] = ()
    accessories: tuple[Accessory, ...] = ()
    motions: tuple[StructureMotion, ...] = ()
    reference_images: tuple[ReferenceImage, ...] = ()
    simulated_at: datetime | None = None
    warnings: tuple[str, ...] = field(default=())
    structure_set_sha256: str = ""
    planned_couch: TableTopPose | None = None
    internal_target_cm3: float | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "isocentre_mm", frozen_array(self.isocentre_mm, (3,), "the isocentre"))
