"""What is recorded before the first treatment: whose course it is, where the marks are, what lies below him.

Positions are planning LPS in mm. Shifts from the marks to the isocentre are computed where they are needed
(:mod:`isoguide.treatment.marks`), never stored beside the positions they follow from.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

import numpy as np

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
    from_planning_mm
        (3,) planning LPS: centre in the first phase minus centre where it was drawn; None in a record that
        was made before it was kept.
    sorted_by
        "phase" where the percentages are times of the cycle, "amplitude" where they are depths of the breath.
    """

    structure: str
    displacement_mm: Array
    phases_percent: tuple[float, ...]
    closure_mm: float
    from_planning_mm: Array | None = None
    sorted_by: str = "phase"

    def __post_init__(self) -> None:
        shape = (len(self.phases_percent), 3)
        object.__setattr__(
            self, "displacement_mm", frozen_array(self.displacement_mm, shape, "the displacement")
        )
        if self.from_planning_mm is not None:
            there = frozen_array(self.from_planning_mm, (3,), "the place in the first phase")
            object.__setattr__(self, "from_planning_mm", there)

    @property
    def amplitude_mm(self) -> Array:
        """Peak to peak along left-right, anterior-posterior, superior-inferior, (3,)."""
        spread: Array = self.displacement_mm.max(axis=0) - self.displacement_mm.min(axis=0)
        return spread

    @property
    def mean_mm(self) -> Array | None:
        """Mean place over time minus that in the first phase, (3,); None where phases are not times."""
        if self.sorted_by != "phase":
            return None
        return np.asarray(time_shares(self.phases_percent) @ self.displacement_mm)

    @property
    def mid_position_mm(self) -> Array | None:
        """Mean place over time minus where it was drawn, (3,); None where one of them is not known."""
        if self.mean_mm is None or self.from_planning_mm is None:
            return None
        return self.from_planning_mm + self.mean_mm

    @property
    def mid_ventilation(self) -> int | None:
        """Number of the phase nearest to the mean place; None where that is not known.

        J. W. H. Wolthaus et al., Int. J. Radiat. Oncol. Biol. Phys. 65:1560 (2006).
        """
        off_mm = self._off_mean_mm()
        return None if off_mm is None else int(off_mm.argmin())

    @property
    def mid_ventilation_off_mm(self) -> float | None:
        """How far that phase is from the mean place; None likewise."""
        off_mm = self._off_mean_mm()
        return None if off_mm is None else float(off_mm.min())

    def _off_mean_mm(self) -> Array | None:
        mean_mm = self.mean_mm
        return None if mean_mm is None else np.asarray(np.linalg.norm(self.displacement_mm - mean_mm, axis=1))


def time_shares(phases_percent: Sequence[float]) -> Array:
    """Return the share of the cycle that each phase stands for, (phases,): half-way to its neighbours.

    Parameters
    ----------
    phases_percent
        Increasing, in the order of the cycle; 100 % is 0 % again.
    """
    percent = np.asarray(phases_percent, dtype=np.float64)
    around = np.concatenate([percent[-1:] - 100.0, percent, percent[:1] + 100.0])
    return np.asarray((around[2:] - around[:-2]) / 200.0)


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
