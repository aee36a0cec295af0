"""Spatial Registrations (PS3.3 A.39.1): the day's image mapped to the planning CT, ready to be sent back.

The registered frame of reference is that of the planning CT, the source is that of the day's image, and the
matrix takes source to registered (PS3.3 C.20.2.1.1). There is exactly one matrix: readers disagree about the
order of several.
"""

from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Final

from pydicom.dataset import Dataset
from pydicom.sr.coding import Code
from pydicom.uid import SpatialRegistrationStorage

from isoguide.dicom.modules import (
    ReferencedSeries,
    SeriesDetails,
    WrittenObject,
    add_equipment,
    add_frame_of_reference,
    add_instance_references,
    add_patient_and_study,
    add_series,
    code_item,
    date_text,
    image_references,
    new_dataset,
    time_text,
)
from isoguide.dicom.part10 import decimal_strings, new_uid, save_dataset, shortened
from isoguide.dicom.ultrasound_volume import VOLUME
from isoguide.errors import OutputError
from isoguide.geometry.frames import DAILY, PLANNING
from isoguide.geometry.transforms import RigidTransform

ALIGNED_BY_CONTENT: Final = Code("125024", "DCM", "Image Content-based Alignment")
"""How the frames were registered (PS3.16 CID 7100)."""

SAME_FRAME_NOTE: Final = "same frame of reference UID in both images"
"""Goes to the comment and to the caller: equal UIDs claim a common position, and the matrix denies it."""


@dataclass(frozen=True, slots=True)
class RegistrationDetails:
    """What a registration object says besides its matrix.

    Parameters
    ----------
    label
        ContentLabel (0070,0080): at most 16 of A-Z, 0-9, space and underscore.
    description, comment
        ContentDescription and the comment on the transformation, at most 64 characters are kept.
    creator
        Who made it, a person name with ``^`` between its components; empty for the software alone.
    created_at
        When; the moment of writing where absent.
    sop_instance_uid, series_instance_uid
        Fresh where absent.
    """

    label: str = "ISOGUIDE"
    description: str = "Daily image registered to the planning CT"
    comment: str = "planning from daily"
    creator: str = ""
    created_at: datetime = field(default_factory=datetime.now)
    sop_instance_uid: str = field(default_factory=new_uid)
    series_instance_uid: str = field(default_factory=new_uid)
    series_number: int = 1


def write_spatial_registration(
    path: Path,
    planning_from_daily: RigidTransform,
    *,
    planning: ReferencedSeries,
    daily: ReferencedSeries,
    details: RegistrationDetails | None = None,
) -> WrittenObject:
    """Write the registration into the study of the day's image.

    Parameters
    ----------
    path
        The file; its folder exists.
    planning_from_daily
        Takes daily LPS, or the volume frame of reference of the day's ultrasound, to planning LPS, mm.
    planning, daily
        The two image series; both are referred to.
    details
        Label, creator, date, UIDs.

    Returns
    -------
    WrittenObject
        With a note when both series carry the same frame of reference UID. A matrix from a frame to itself
        would contradict itself, so the source is then named by its images alone (as PS3.3 C.20.2.1 allows).

    Raises
    ------
    OutputError
        If the transform is not planning from daily, the label is not a code string, a series has no
        instances or no frame of reference, or the file cannot be written.
    """
    details = details or RegistrationDetails()
    _check(planning_from_daily, details)
    uid = details.sop_instance_uid
    dataset = new_dataset(str(SpatialRegistrationStorage), uid, created_at=details.created_at)
    add_patient_and_study(dataset, daily)
    add_series(
        dataset,
        SeriesDetails(details.series_instance_uid, "REG", details.series_number, details.description),
    )
    # Type 2C: empty says that the side is not known, and a registration is not of one side anyway.
    dataset.Laterality = ""
    add_equipment(dataset)
    add_frame_of_reference(dataset, planning.frame_of_reference_uid)
    add_content_identification(dataset, details)
    notes = frame_notes(planning, daily)
    source = _source(planning_from_daily, daily, "; ".join([details.comment, *notes]))
    if daily.frame_of_reference_uid != planning.frame_of_reference_uid:
        source.FrameOfReferenceUID = daily.frame_of_reference_uid
    dataset.RegistrationSequence = [source]
    add_instance_references(dataset, [planning, daily])
    save_dataset(path, dataset)
    return WrittenObject(
        path,
        str(SpatialRegistrationStorage),
        uid,
        details.series_instance_uid,
        daily.study_instance_uid,
        notes,
    )


def _check(planning_from_daily: RigidTransform, details: RegistrationDetails) -> None:
    if planning_from_daily.to_frame != PLANNING or planning_from_daily.from_frame not in (DAILY, VOLUME):
        frames = f"'{planning_from_daily.to_frame} from {planning_from_daily.from_frame}'"
        msg = f"a registration is written as '{PLANNING} from {DAILY}', not {frames}; invert it"
        raise OutputError(msg)
    check_label(details.label)


def check_label(label: str) -> None:
    """Refuse a content label that is not a DICOM code string.

    Raises
    ------
    OutputError
        If it is not 1 to 16 of A-Z, 0-9, space and underscore.
    """
    allowed = all(c == " " or c == "_" or (c.isascii() and (c.isupper() or c.isdigit())) for c in label)
    if not label.strip() or len(label) > 16 or not allowed:
        msg = f"the content label '{label}' is not a DICOM code string; use 1 to 16 of A-Z, 0-9, space and _"
        raise OutputError(msg)


def frame_notes(planning: ReferencedSeries, daily: ReferencedSeries) -> tuple[str, ...]:
    """Return what a reader of a registration should know about the frames of its images."""
    same = planning.frame_of_reference_uid == daily.frame_of_reference_uid
    return (SAME_FRAME_NOTE,) if same else ()


def add_content_identification(dataset: Dataset, details: RegistrationDetails) -> None:
    """Add the Content Identification macro with its date and time (PS3.3 10.9, C.20.2)."""
    dataset.ContentDate = date_text(details.created_at)
    dataset.ContentTime = time_text(details.created_at)
    dataset.InstanceNumber = 1
    dataset.ContentLabel = details.label
    dataset.ContentDescription = shortened(details.description, 64)
    dataset.ContentCreatorName = details.creator


def _source(planning_from_daily: RigidTransform, daily: ReferencedSeries, comment: str) -> Dataset:
    if not daily.frame_of_reference_uid:
        msg = (
            "the daily image has no frame of reference, so no registration can say what it maps; export the "
            "image with its FrameOfReferenceUID, or leave --out out"
        )
        raise OutputError(msg)
    matrix = Dataset()
    matrix.FrameOfReferenceTransformationMatrixType = "RIGID"
    matrix.FrameOfReferenceTransformationMatrix = decimal_strings(planning_from_daily.matrix.ravel().tolist())
    registration = Dataset()
    registration.FrameOfReferenceTransformationComment = shortened(comment, 64)
    registration.RegistrationTypeCodeSequence = [code_item(ALIGNED_BY_CONTENT)]
    registration.MatrixSequence = [matrix]
    source = Dataset()
    source.ReferencedImageSequence = image_references(daily)
    source.MatrixRegistrationSequence = [registration]
    return source
