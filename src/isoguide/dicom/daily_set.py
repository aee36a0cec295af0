"""The images of the day: what they show of whom, and where the machine isocentre is in them."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

import numpy as np

from isoguide.dicom.choice import (
    file_candidates,
    no_ct,
    refuse_strangers,
    series_candidates,
    the_only_one,
    with_uid,
)
from isoguide.dicom.ct import ImageSeries, read_ct_series
from isoguide.dicom.identity import compare_patients
from isoguide.dicom.item import tolerating_odd_values
from isoguide.dicom.planning_set import PlanningSet
from isoguide.dicom.rtstruct import (
    StructureSet,
    frame_of_reference_of,
    read_structure_set,
    referenced_series_of,
)
from isoguide.dicom.scan import FolderContents, FoundSeries, scan_folder
from isoguide.errors import AmbiguityError, GeometryError, MismatchError, MissingEvidenceError
from isoguide.geometry.frames import DAILY, FIXED, Array, frozen_array
from isoguide.geometry.transforms import RigidTransform
from isoguide.plan import SAME_ISOCENTRE_MM
from isoguide.progress import Progress, part_of, silent

SERIES_OPTION: Final = "--daily-series"
IEC_FIXED_FRAME_UID: Final = "1.2.840.10008.1.4.3.1"
"""Well-known frame of reference UID of the IEC 61217 fixed system: its origin is the machine isocentre."""
ISOCENTRE_POINT_NAMES: Final = ("SetupIsocenter", "InitMatchIso", "InitLaserIso", "AcqIsocenter")
"""Names under which in-room structure sets carry the machine isocentre as a POINT."""
_REMEDY: Final = "give it with --machine-isocentre X,Y,Z or --machine-isocentre image-origin"


@dataclass(frozen=True, slots=True, eq=False)
class DailySet:
    """The image of the day, with the in-room structure set where there is one, and all warnings."""

    image: ImageSeries
    structure_set: StructureSet | None = None
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class IsocentreEvidence:
    """Where the machine isocentre is, (3,) daily LPS mm, and what says so."""

    xyz_mm: Array
    evidence: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "xyz_mm", frozen_array(self.xyz_mm, (3,), "machine isocentre"))


class SituatedImage(Protocol):
    """What an image of the day says about where it is; its pixels are not needed for that."""

    @property
    def label(self) -> str:
        """What messages call it."""
        ...

    @property
    def frame_of_reference_uid(self) -> str:
        """FrameOfReferenceUID (0020,0052)."""
        ...

    @property
    def equipment_from_patient(self) -> Array | None:
        """ImageToEquipmentMappingMatrix (0028,9520), (4, 4) in mm."""
        ...

    @property
    def equipment_system(self) -> str:
        """EquipmentCoordinateSystemIdentification (0028,9537)."""
        ...


@tolerating_odd_values
def load_daily_set(
    path: Path | str | FolderContents, *, series_uid: str | None = None, progress: Progress = silent
) -> DailySet:
    """Find and read the CT or cone-beam CT of the day.

    Parameters
    ----------
    path
        A folder with any content in any order, one multi-frame file, or what was found in it.
    series_uid
        What to take where there are several; the option ``--daily-series``.
    progress
        Told what is being read.

    Raises
    ------
    AmbiguityError, MismatchError, MissingEvidenceError, UnreadableError, GeometryError
        As :func:`isoguide.dicom.load_planning_set`; values without rescale are accepted with a warning.
    """
    contents = path if isinstance(path, FolderContents) else scan_folder(path, part_of(progress, 0.0, 0.4))
    series = _choose_series(contents, series_uid)
    progress(0.4, f"reading the {series.label}")
    image = read_ct_series(series, DAILY, needs_hounsfield=False)
    structures, warnings = _in_room_structures(contents, image)
    warnings += tuple(f"{bad.path} was left out: {bad.reason}" for bad in contents.unusable)
    return DailySet(image, structures, image.warnings + warnings)


def machine_isocentre(daily: DailySet) -> IsocentreEvidence:
    """Return where the machine isocentre is in the daily image; see :func:`isocentre_evidence`."""
    return isocentre_evidence(daily.image, daily.structure_set)


def isocentre_evidence(image: SituatedImage, structures: StructureSet | None) -> IsocentreEvidence:
    """Return where the machine isocentre is in an image of the day, from what the files prove.

    In this order: ImageToEquipmentMappingMatrix of an ISOCENTER system (PS3.3 C.7.6.21), images in the frame
    of reference of the IEC fixed system, a POINT of the in-room structure set with a known name.

    Raises
    ------
    MissingEvidenceError
        If nothing says it: the origin of an image is not the isocentre by right.
    AmbiguityError
        If several points say different things.
    GeometryError
        If the mapping matrix is not rigid.
    """
    if image.equipment_from_patient is not None and image.equipment_system == "ISOCENTER":
        try:
            equipment_from_daily = RigidTransform(FIXED, DAILY, image.equipment_from_patient)
        except GeometryError as error:
            msg = f"the ImageToEquipmentMappingMatrix of the {image.label} cannot be used: {error}; {_REMEDY}"
            raise GeometryError(msg) from error
        isocentre_mm = equipment_from_daily.inverse().translation_mm
        return IsocentreEvidence(isocentre_mm, "ImageToEquipmentMappingMatrix of the daily image")
    if image.frame_of_reference_uid == IEC_FIXED_FRAME_UID:
        return IsocentreEvidence(np.zeros(3), "the daily image is in the IEC 61217 fixed frame of reference")
    return _isocentre_point(image, structures)


def check_same_patient(planning: PlanningSet, daily: DailySet) -> tuple[str, ...]:
    """Check that both sets show one patient in one position, and return what remains doubtful.

    Raises
    ------
    MismatchError
        If the patients differ or may differ, or the patient lay in another position than planned.
    """
    planned, today = planning.image, daily.image
    warnings = compare_patients(planned.patient, f"the planning {planned.label}", today.patient, _day(today))
    position = planning.plan.patient_position if planning.plan else planned.patient_position
    if position is not None and today.patient_position is not None and position != today.patient_position:
        msg = (
            f"{_day(today)} was taken in the patient position {today.patient_position} but the treatment is "
            f"planned in {position}; give the image of this treatment position"
        )
        raise MismatchError(msg)
    if today.content_sha256 and today.content_sha256 == planned.content_sha256:
        warnings += (f"{_day(today)} is the planning image itself",)
    elif today.frame_of_reference_uid and today.frame_of_reference_uid == planned.frame_of_reference_uid:
        warnings += (
            f"{_day(today)} has the frame of reference of the planning CT: it may have been registered or "
            "re-stamped before",
        )
    return warnings


def _day(image: ImageSeries) -> str:
    return f"the daily {image.label}"


def _choose_series(contents: FolderContents, uid: str | None) -> FoundSeries:
    candidates = series_candidates(contents.ct_series)
    if uid is not None:
        return with_uid(candidates, uid, kind="CT series", path=contents.path).series
    found = the_only_one(candidates, kind="daily image", option=SERIES_OPTION, path=contents.path)
    if found is None:
        raise no_ct(contents, "daily image")
    return found.series


def _in_room_structures(
    contents: FolderContents, image: ImageSeries
) -> tuple[StructureSet | None, tuple[str, ...]]:
    """Find the structure set of the daily image; contours of another frame of reference are left alone."""
    files = [one.file for one in file_candidates(contents.structure_sets)]
    on_series = [file for file in files if referenced_series_of(file.item) == image.series_instance_uid]
    frame_uid = image.frame_of_reference_uid
    in_frame = [file for file in files if frame_uid and frame_of_reference_of(file.item) == frame_uid]
    candidates = on_series or in_frame
    refuse_strangers(candidates, image.patient, source=f"the {image.label}", option=SERIES_OPTION)
    if len(candidates) > 1:
        names = ", ".join(file.path.name for file in candidates)
        return None, (
            f"{contents.path} holds several structure sets of the daily image ({names}); none is used",
        )
    if not candidates:
        return None, ()
    structures = read_structure_set(candidates[0], DAILY)
    if frame_uid and structures.frame_of_reference_uid not in ("", frame_uid):
        msg = (
            f"{structures.path} names the {image.label} but is in another frame of reference "
            f"({structures.frame_of_reference_uid}); export both again"
        )
        raise MismatchError(msg)
    return structures, structures.warnings


def _isocentre_point(image: SituatedImage, structures: StructureSet | None) -> IsocentreEvidence:
    points = {
        structure.name: structure.points_mm[0]
        for structure in (structures.structures if structures else ())
        if len(structure.contours) == 1 and structure.contours[0].kind == "POINT"
    }
    known = {name.casefold(): name for name in ISOCENTRE_POINT_NAMES}
    found = {name: point for name, point in points.items() if name.strip().casefold() in known}
    if not found:
        seen = f"; its points are called {', '.join(points)}" if points else ""
        msg = f"nothing says where the machine isocentre is in the daily {image.label}{seen}; {_REMEDY}"
        raise MissingEvidenceError(msg)
    first_name, first = next(iter(found.items()))
    for name, point in found.items():
        if np.linalg.norm(point - first) > SAME_ISOCENTRE_MM:
            msg = (
                f"the points {first_name} and {name} of the in-room structure set disagree about the machine "
                f"isocentre by {np.linalg.norm(point - first):.1f} mm; {_REMEDY}"
            )
            raise AmbiguityError(msg)
    path = structures.path if structures else ""
    return IsocentreEvidence(first, f"point '{first_name}' of {path}")
