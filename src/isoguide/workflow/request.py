"""What a user asks of the alignment, validated once."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from isoguide.dicom.radiograph_pixels import PixelMeaning
from isoguide.errors import InputError
from isoguide.plan import PatientPosition
from isoguide.registration.markers import DeclaredMarkers

Engine = Literal["auto", "anatomy", "markers"]
Content = Literal["auto", "bone", "soft"]
Against = Literal["auto", "reference", "ct"]
DegreesOfFreedom = Literal[3, 4, 6]
Point = tuple[float, float, float]

IMAGE_ORIGIN: Literal["image-origin"] = "image-origin"
MOMENTS_APART_S: Final = 60.0
"""Within this a patient counts as still, so that two images show him in one place. A choice: a gantry that
turns by 6° a second needs 15 s for the quarter turn between two images of a kV arm, and people take time."""


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
class RadiographChoice:
    """What a user says about radiographs of the day that their files do not say.

    Parameters
    ----------
    files
        Which files make up the pair, where they were named one by one; empty: those of the day's folder.
    imagers
        Imager files.
    view_names
        Pairs of a file's name and the imager's view that took it, or the gantry angle in degrees.
    source_from_gantry_deg
        Added to the GantryAngle of a kV image it is the angle of its source.
    pixels
        How pixels follow the X-rays.
    moments_apart_s
        Images taken within this many seconds show the patient in one place.
    """

    files: tuple[Path, ...] = ()
    imagers: tuple[Path, ...] = ()
    view_names: tuple[tuple[str, str], ...] = ()
    source_from_gantry_deg: float | None = None
    pixels: PixelMeaning | None = None
    moments_apart_s: float = MOMENTS_APART_S

    def __post_init__(self) -> None:
        if not 0.0 <= self.moments_apart_s < float("inf"):
            msg = f"--moments-apart needs seconds from 0 on, not {self.moments_apart_s:g}"
            raise InputError(msg)


@dataclass(frozen=True, slots=True)
class UltrasoundChoice:
    """What a user says about ultrasound of the day.

    Parameters
    ----------
    probe
        The probe file of a tracked sequence: its calibration, and where the tracker is in the room.
    reference
        The ultrasound reference of the simulation, where the planning export holds none or several.
    against
        Match to the reference or to the planning CT; "auto" takes the reference where there is one.

    Raises
    ------
    InputError
        If a reference is given for a match to the CT.
    """

    probe: Path | None = None
    reference: Path | None = None
    against: Against = "auto"

    def __post_init__(self) -> None:
        if self.against == "ct" and self.reference is not None:
            msg = (
                "a match to the planning CT needs no reference: leave --ultrasound-reference or --against out"
            )
            raise InputError(msg)


@dataclass(frozen=True, slots=True)
class AlignRequest:
    """Everything :func:`isoguide.workflow.align.align` needs to know; points are LPS mm.

    Parameters
    ----------
    planning, daily
        A folder of DICOM files, one DICOM file, or a NIfTI, NRRD or MetaImage volume; ``daily`` also a folder
        of radiographs, a views file, an ultrasound volume or a tracked ultrasound sequence.
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
    engine, markers
        Match the anatomy or implanted markers: "auto" takes markers where they are declared.
    radiographs, ultrasound
        What their files do not say.
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
    engine: Engine = "auto"
    markers: DeclaredMarkers | None = None
    radiographs: RadiographChoice = RadiographChoice()
    ultrasound: UltrasoundChoice = UltrasoundChoice()

    def __post_init__(self) -> None:
        if self.engine == "markers" and self.markers is None:
            msg = "a match by markers has to know what was implanted: declare it with --markers seed:3:5x1"
            raise InputError(msg)
        if self.engine == "anatomy" and self.markers is not None:
            msg = "--markers is for a match by markers: leave it or --engine anatomy out"
            raise InputError(msg)
        if self.markers is not None and (self.region != RegionChoice() or self.content != "auto"):
            msg = "implanted markers are matched wherever they are: leave --roi and --content out"
            raise InputError(msg)
        if self.beam is not None and self.isocentre_mm is not None:
            msg = "--beam and --isocentre both choose the isocentre: give only one of them"
            raise InputError(msg)


def _point_text(point: Point) -> str:
    return " x ".join(f"{value:g}" for value in point)
