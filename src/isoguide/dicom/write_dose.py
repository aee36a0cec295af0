"""RT Dose (PS3.3 A.18, C.8.8.3): a physical dose in Gy on its grid, tied to its plan and its structures."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.tag import Tag
from pydicom.uid import RTDoseStorage, RTPlanStorage, RTStructureSetStorage

from isoguide.dicom.modules import (
    ReferencedSeries,
    SeriesDetails,
    WrittenObject,
    add_equipment,
    add_frame_of_reference,
    add_patient_and_study,
    add_series,
    date_text,
    new_dataset,
    sop_reference,
    time_text,
)
from isoguide.dicom.part10 import (
    decimal_string,
    decimal_strings,
    derived_uid,
    save_dataset,
    shortened,
)
from isoguide.dicom.write_ct import EXAMPLE_TIME
from isoguide.dose.result import DoseVolume
from isoguide.errors import OutputError

LARGEST_STORED: Final = 2**31 - 1
"""Of 32 bits, so that a reader that takes them as signed reads the same."""

Summation = Literal["PLAN", "FRACTION_SESSION"]
"""PLAN: of all fractions of the plan. FRACTION_SESSION: of one session ("fraction"); FRACTION would mean the
whole fraction group (C.8.8.3)."""


@dataclass(frozen=True, slots=True)
class DoseDetails:
    """What a dose file says besides the dose.

    Parameters
    ----------
    summation
        Of what it is the dose, see :data:`Summation`.
    plan_uid, structure_set_uid
        SOPInstanceUID of the plan it belongs to, and of its structures (empty: none named).
    comment
        How it was computed, in at most 64 characters.
    created_at, series_number
        As in :class:`isoguide.dicom.StructureSetDetails`.
    sop_instance_uid
        Its own; it follows from series, plan, summation and comment when it is empty.
    """

    plan_uid: str
    summation: Summation = "FRACTION_SESSION"
    structure_set_uid: str = ""
    comment: str = ""
    created_at: datetime = EXAMPLE_TIME
    series_number: int = 4
    sop_instance_uid: str = ""


def write_dose(
    path: Path, dose: DoseVolume, *, image: ReferencedSeries, details: DoseDetails
) -> WrittenObject:
    """Write a dose for the patient, in the study and the frame of reference of ``image``.

    Parameters
    ----------
    path
        The file; its folder exists.
    dose
        On a grid of at least two planes, of any orientation. Values are kept to half a billionth of the
        largest.
    image
        The images whose frame of reference the dose is in.
    details
        Plan, structures, what it is the dose of.

    Raises
    ------
    OutputError
        If there is no plan to refer to, the dose is a single plane, or the file cannot be written.
    """
    if not details.plan_uid:
        msg = "a dose without a plan cannot be written; give the SOPInstanceUID of its plan"
        raise OutputError(msg)
    if dose.grid.shape[0] < 2:
        msg = "a dose of a single plane has no thickness and cannot be written; compute it on several planes"
        raise OutputError(msg)
    uid = details.sop_instance_uid or derived_uid(
        image.series_instance_uid, "dose", details.plan_uid, details.summation, details.comment
    )
    dataset = new_dataset(str(RTDoseStorage), uid, created_at=details.created_at)
    add_patient_and_study(dataset, image)
    series_uid = derived_uid(uid, "series")
    add_series(dataset, SeriesDetails(series_uid, "RTDOSE", details.series_number, details.comment))
    dataset.OperatorsName = ""
    add_equipment(dataset)
    add_frame_of_reference(dataset, image.frame_of_reference_uid)
    _add_image(dataset, details)
    values = _add_grid(dataset, dose)
    _add_pixels(dataset, values)
    _add_references(dataset, details)
    save_dataset(path, dataset)
    return WrittenObject(path, str(RTDoseStorage), uid, series_uid, image.study_instance_uid)


def _add_image(dataset: Dataset, details: DoseDetails) -> None:
    dataset.InstanceNumber = 1
    dataset.ContentDate = date_text(details.created_at)
    dataset.ContentTime = time_text(details.created_at)
    dataset.DoseUnits = "GY"
    dataset.DoseType = "PHYSICAL"
    dataset.DoseSummationType = details.summation
    dataset.TissueHeterogeneityCorrection = "IMAGE"
    if details.comment:
        dataset.DoseComment = shortened(details.comment, 64)


def _add_grid(dataset: Dataset, dose: DoseVolume) -> NDArray[np.float32]:
    """Add where the voxels are, and return the frames in the order of their offsets.

    Frames follow each other along row × column direction; the grid of a dose may run against it.
    """
    grid = dose.grid
    rows, columns, normal = grid.direction.T
    runs_along = bool(np.cross(rows, columns) @ normal > 0.0)
    first = 0 if runs_along else grid.shape[0] - 1
    dataset.ImagePositionPatient = decimal_strings(grid.xyz(np.array([0.0, 0.0, first])).tolist())
    dataset.ImageOrientationPatient = decimal_strings([*rows.tolist(), *columns.tolist()])
    dataset.PixelSpacing = decimal_strings([float(grid.spacing_mm[1]), float(grid.spacing_mm[0])])
    dataset.SliceThickness = decimal_string(float(grid.spacing_mm[2]))
    dataset.NumberOfFrames = grid.shape[0]
    dataset.FrameIncrementPointer = Tag("GridFrameOffsetVector")
    dataset.GridFrameOffsetVector = decimal_strings(
        [float(frame * grid.spacing_mm[2]) for frame in range(grid.shape[0])]
    )
    return dose.dose_gy if runs_along else dose.dose_gy[::-1]


def _add_pixels(dataset: Dataset, values: NDArray[np.float32]) -> None:
    scaling = decimal_string(max(float(values.max()), 1e-6) / LARGEST_STORED * (1.0 + 1e-9))
    stored = np.rint(values.astype(np.float64) / float(scaling)).astype("<u4")
    dataset.DoseGridScaling = scaling
    dataset.SamplesPerPixel = 1
    dataset.PhotometricInterpretation = "MONOCHROME2"
    dataset.Rows, dataset.Columns = values.shape[1:]
    dataset.BitsAllocated = 32
    dataset.BitsStored = 32
    dataset.HighBit = 31
    dataset.PixelRepresentation = 0
    dataset.PixelData = stored.tobytes()


def _add_references(dataset: Dataset, details: DoseDetails) -> None:
    plan = sop_reference(str(RTPlanStorage), details.plan_uid)
    if details.summation == "FRACTION_SESSION":
        group = Dataset()
        group.ReferencedFractionGroupNumber = 1
        plan.ReferencedFractionGroupSequence = [group]
    dataset.ReferencedRTPlanSequence = [plan]
    if details.structure_set_uid:
        reference = sop_reference(str(RTStructureSetStorage), details.structure_set_uid)
        dataset.ReferencedStructureSetSequence = [reference]
