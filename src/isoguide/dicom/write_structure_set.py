"""RT Structure Sets (PS3.3 A.19): polygons, points and their meaning, tied to the images they belong to."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final, Literal

from pydicom.dataset import Dataset
from pydicom.uid import RTStructureSetStorage

from isoguide.dicom.modules import (
    ReferencedSeries,
    SeriesDetails,
    WrittenObject,
    add_equipment,
    add_frame_of_reference,
    add_patient_and_study,
    add_series,
    date_text,
    image_references,
    new_dataset,
    sop_reference,
    time_text,
)
from isoguide.dicom.part10 import derived_uid, save_dataset, set_many_decimals, shortened
from isoguide.dicom.write_ct import EXAMPLE_TIME
from isoguide.errors import OutputError
from isoguide.images.structure import Contour, Structure

DETACHED_STUDY_MANAGEMENT: Final = "1.2.840.10008.3.1.2.3.1"
"""A retired class, and still the one that planning systems expect to name the study (PS3.3 C.8.8.5)."""

DISPLAY_COLOURS: Final = ((230, 60, 60), (70, 160, 240), (70, 190, 100), (240, 180, 50), (180, 100, 220))
"""Red, green, blue of the structures in turn."""


@dataclass(frozen=True, slots=True)
class StructureSetDetails:
    """What a structure set says besides its structures.

    ``sop_instance_uid`` follows from the image series and the label when it is empty; ``generation`` says who
    drew, empty when it is not known (ROIGenerationAlgorithm).
    """

    label: str = "STRUCTURES"
    sop_instance_uid: str = ""
    created_at: datetime = EXAMPLE_TIME
    series_number: int = 2
    generation: Literal["", "AUTOMATIC", "SEMIAUTOMATIC", "MANUAL"] = ""


EXAMPLE_STRUCTURE_SET: Final = StructureSetDetails()


def write_structure_set(
    path: Path,
    structures: Sequence[Structure],
    *,
    image: ReferencedSeries,
    details: StructureSetDetails = EXAMPLE_STRUCTURE_SET,
) -> WrittenObject:
    """Write structures drawn on ``image``, in its study and frame of reference.

    Parameters
    ----------
    path
        The file; its folder exists.
    structures
        At least one; numbers are unique. Points (kind POINT) carry isocentres and markers.
    image
        The images they were drawn on.
    details
        Label, date, number.

    Raises
    ------
    OutputError
        If there is nothing to write, two structures share a number or are in different frames, or the file
        cannot be written.
    """
    _check_together(structures)
    uid = details.sop_instance_uid or derived_uid(image.series_instance_uid, "structure set", details.label)
    dataset = new_dataset(str(RTStructureSetStorage), uid, created_at=details.created_at)
    add_patient_and_study(dataset, image)
    series_uid = derived_uid(uid, "series")
    add_series(
        dataset,
        SeriesDetails(series_uid, "RTSTRUCT", details.series_number, details.label),
    )
    dataset.OperatorsName = ""
    add_equipment(dataset)
    add_frame_of_reference(dataset, image.frame_of_reference_uid)
    dataset.StructureSetLabel = shortened(details.label, 16)
    dataset.StructureSetDate = date_text(details.created_at)
    dataset.StructureSetTime = time_text(details.created_at)
    dataset.ReferencedFrameOfReferenceSequence = [_frame_item(image)]
    dataset.StructureSetROISequence = [
        _roi(one, image.frame_of_reference_uid, details.generation) for one in structures
    ]
    dataset.ROIContourSequence = [_contours(one, index) for index, one in enumerate(structures)]
    dataset.RTROIObservationsSequence = [_observation(one, i + 1) for i, one in enumerate(structures)]
    dataset.ApprovalStatus = "UNAPPROVED"
    save_dataset(path, dataset)
    return WrittenObject(path, str(RTStructureSetStorage), uid, series_uid, image.study_instance_uid)


def _check_together(structures: Sequence[Structure]) -> None:
    if not structures:
        msg = "a structure set needs at least one structure; there is none to write"
        raise OutputError(msg)
    numbers = [one.number for one in structures]
    twice = sorted({number for number in numbers if numbers.count(number) > 1})
    if twice:
        msg = f"structures share the ROI number {twice[0]}; give every structure its own number"
        raise OutputError(msg)
    frames = sorted({str(one.frame) for one in structures})
    if len(frames) > 1:
        msg = f"structures in '{frames[0]}' and in '{frames[1]}' cannot be drawn on the same images"
        raise OutputError(msg)


def _frame_item(image: ReferencedSeries) -> Dataset:
    series = Dataset()
    series.SeriesInstanceUID = image.series_instance_uid
    series.ContourImageSequence = image_references(image)
    study = sop_reference(DETACHED_STUDY_MANAGEMENT, image.study_instance_uid)
    study.RTReferencedSeriesSequence = [series]
    frame = Dataset()
    frame.FrameOfReferenceUID = image.frame_of_reference_uid
    frame.RTReferencedStudySequence = [study]
    return frame


def _roi(structure: Structure, frame_of_reference_uid: str, generation: str) -> Dataset:
    item = Dataset()
    item.ROINumber = structure.number
    item.ReferencedFrameOfReferenceUID = frame_of_reference_uid
    item.ROIName = shortened(structure.name, 64)
    if structure.description:
        item.ROIDescription = shortened(structure.description, 1024)
    item.ROIGenerationAlgorithm = generation
    return item


def _contours(structure: Structure, index: int) -> Dataset:
    item = Dataset()
    item.ROIDisplayColor = list(structure.colour or DISPLAY_COLOURS[index % len(DISPLAY_COLOURS)])
    if structure.contours:
        item.ContourSequence = [_contour(contour, n + 1) for n, contour in enumerate(structure.contours)]
    item.ReferencedROINumber = structure.number
    return item


def _contour(contour: Contour, number: int) -> Dataset:
    item = Dataset()
    item.ContourNumber = number
    item.ContourGeometricType = contour.kind
    item.NumberOfContourPoints = len(contour.xyz_mm)
    set_many_decimals(item, "ContourData", contour.xyz_mm.ravel().tolist())
    return item


def _observation(structure: Structure, number: int) -> Dataset:
    item = Dataset()
    item.ObservationNumber = number
    item.ReferencedROINumber = structure.number
    item.RTROIInterpretedType = shortened(structure.interpreted_type, 16)
    item.ROIInterpreter = ""
    return item
