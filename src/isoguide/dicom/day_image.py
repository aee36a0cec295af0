"""An image of the day by its header alone: when it was taken, and where the machine isocentre is in it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Final

from isoguide.dicom.course_files import SeriesHeader
from isoguide.dicom.ct import acquired_at
from isoguide.dicom.daily_set import IsocentreEvidence, isocentre_evidence
from isoguide.dicom.rtstruct import StructureSet, read_structure_set
from isoguide.dicom.scan import DicomFile
from isoguide.dicom.treatment_record import aware, zone_of
from isoguide.errors import AmbiguityError, MismatchError, MissingEvidenceError
from isoguide.geometry.frames import DAILY, Array

_OWN_DATES: Final = ("AcquisitionDateTime", "AcquisitionDate", "ContentDate", "SeriesDate")
"""Dates that are of the image; the date of the study may be that of the first day of the course."""


@dataclass(frozen=True, slots=True, eq=False)
class _Situated:
    label: str
    frame_of_reference_uid: str
    equipment_from_patient: Array | None
    equipment_system: str


def taken_at(image: SeriesHeader) -> tuple[datetime, date]:
    """Return the moment an image was taken, aware UTC, and the day by the clock of the room.

    Raises
    ------
    MissingEvidenceError
        If it has no date of its own.
    """
    item = image.file.item
    taken = acquired_at(item) if any(item.text(keyword) for keyword in _OWN_DATES) else None
    moment = aware(taken, zone_of(item))
    if taken is None or moment is None:
        msg = "it does not say when it was taken, so it belongs to no fraction"
        raise MissingEvidenceError(msg)
    return moment.astimezone(UTC), taken.date()


def isocentre_in(image: SeriesHeader, structure_sets: Sequence[DicomFile]) -> IsocentreEvidence:
    """Return where the machine isocentre is, see :func:`isoguide.dicom.daily_set.isocentre_evidence`.

    Parameters
    ----------
    image
        The image of the day.
    structure_sets
        Those of the image; several are not guessed among.

    Raises
    ------
    MissingEvidenceError
        If nothing says it, or two things contradict each other.
    MismatchError, GeometryError, UnreadableError
        If the structure set does not fit, or a value makes no sense.
    """
    item = image.file.item
    matrix = item.numbers("ImageToEquipmentMappingMatrix", 16)
    situated = _Situated(
        label=image.label,
        frame_of_reference_uid=image.frame_of_reference_uid,
        equipment_from_patient=None if matrix is None else matrix.reshape(4, 4),
        equipment_system=item.text("EquipmentCoordinateSystemIdentification"),
    )
    structures = _structures(image, structure_sets[0]) if len(structure_sets) == 1 else None
    try:
        return isocentre_evidence(situated, structures)
    except (MissingEvidenceError, AmbiguityError) as error:
        # The remedy after the last semicolon is an option of the commands that align one pair of images.
        several = f", and there are {len(structure_sets)} structure sets" if len(structure_sets) > 1 else ""
        raise MissingEvidenceError(str(error).rpartition("; ")[0] + several) from error


def _structures(image: SeriesHeader, file: DicomFile) -> StructureSet:
    structures = read_structure_set(file, DAILY)
    if structures.frame_of_reference_uid not in ("", image.frame_of_reference_uid):
        msg = f"{file.path} was drawn on it but is in another frame of reference; export both again"
        raise MismatchError(msg)
    return structures
