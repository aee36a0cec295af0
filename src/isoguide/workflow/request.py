"""What a user asks of the alignment, validated once."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from isoguide.errors import InputError
from isoguide.plan import PatientPosition

Content = Literal["auto", "bone", "soft"]
DegreesOfFreedom = Literal[3, 4, 6]
Point = tuple[float, float, float]

IMAGE_ORIGIN: Literal["image-origin"] = "image-origin"


@dataclass(frozen=True, slots=True)
class RegionChoice:
    """Which part of the planning CT counts: everything, a box about the isocentre, or a structure.

    Exactly one of ``box_mm`` (edge lengths along patient x, y, z) and ``structure_name`` may be set;
    neither means that the engine chooses.
    """

    box_mm: Point | None = None
    structure_name: str | None = None

    def __post_init__(self) -> None:
        if self.box_mm is not None and self.structure_name is not None:
            msg = "the region of match is either a box or a structure, not both"
            raise InputError(msg)
        if self.box_mm is not None and min(self.box_mm) <= 0.0:
            msg = f"the region box must have positive edges, not {_point_text(self.box_mm)} mm"
            raise InputError(msg)

    def __str__(self) -> str:
        if self.structure_name is not None:
            return f"structure '{self.structure_name}' with a margin"
        if self.box_mm is not None:
            return f"box of {_point_text(self.box_mm)} mm about the isocentre"
        return "automatic"


@dataclass(frozen=True, slots=True)
class AlignRequest:
    """Everything :func:`isoguide.workflow.align.align` needs to know; points are LPS mm.

    Parameters
    ----------
    planning, daily
        A folder of DICOM files, one DICOM file, or a NIfTI, NRRD or MetaImage volume.
    region, content, degrees_of_freedom
        What to match, on what, and what the couch can do (4: translations and yaw).
    beam, isocentre_mm
        Which isocentre of the plan, or one stated by hand in planning LPS; at most one of them.
    machine_isocentre_mm
        Where the machine isocentre lies in the day's image: a point, ``"image-origin"``, or None to take it
        from the evidence in the day's files.
    planning_series_uid, daily_series_uid, plan_uid, structure_set_uid
        Choices where a folder holds several.
    patient_position
        How the patient lies, where the files do not say.
    assume_mm
        Take volume files without a unit as millimetres.
    """

    planning: Path
    daily: Path
    region: RegionChoice = RegionChoice()
    content: Content = "auto"
    degrees_of_freedom: DegreesOfFreedom = 6
    beam: int | None = None
    isocentre_mm: Point | None = None
    machine_isocentre_mm: Point | Literal["image-origin"] | None = None
    planning_series_uid: str | None = None
    daily_series_uid: str | None = None
    plan_uid: str | None = None
    structure_set_uid: str | None = None
    patient_position: PatientPosition | None = None
    assume_mm: bool = False

    def __post_init__(self) -> None:
        if self.beam is not None and self.isocentre_mm is not None:
            msg = "--beam and --isocentre both choose the isocentre: give only one of them"
            raise InputError(msg)


def _point_text(point: Point) -> str:
    return " x ".join(f"{value:g}" for value in point)
