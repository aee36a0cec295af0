"""The modules that every object written has in common: patient, study, series, equipment, frame, references.

Source: DICOM PS3.3 C.7.1 to C.7.5, C.12.1 and C.12.2.
"""

import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

from pydicom.dataset import Dataset
from pydicom.sr.coding import Code

from isoguide.dicom.identity import PatientIdentity, StudyContext
from isoguide.dicom.part10 import (
    CHARACTER_SET,
    MANUFACTURER,
    derived_uid,
    file_meta,
    shortened,
    software_version,
)
from isoguide.errors import OutputError


class ReferencedSeries(Protocol):
    """What it takes to refer to an image series: ``ImageSeries`` and :class:`WrittenSeries` both have it."""

    @property
    def patient(self) -> PatientIdentity:
        """Whose images they are."""
        ...

    @property
    def study(self) -> StudyContext:
        """What their study says of itself."""
        ...

    @property
    def study_instance_uid(self) -> str:
        """StudyInstanceUID (0020,000D)."""
        ...

    @property
    def series_instance_uid(self) -> str:
        """SeriesInstanceUID (0020,000E)."""
        ...

    @property
    def frame_of_reference_uid(self) -> str:
        """FrameOfReferenceUID (0020,0052)."""
        ...

    @property
    def sop_class_uid(self) -> str:
        """SOPClassUID (0008,0016) of every image."""
        ...

    @property
    def instance_uids(self) -> tuple[str, ...]:
        """SOPInstanceUID (0008,0018) of every image."""
        ...


@dataclass(frozen=True, slots=True)
class SeriesUids:
    """The study, series and frame of reference that a new series belongs to."""

    study: str
    series: str
    frame_of_reference: str

    @classmethod
    def from_seed(cls, seed: str) -> "SeriesUids":
        """Derive all three from one string: the same string gives the same UIDs, for ever and everywhere."""
        return cls(
            study=derived_uid(seed, "study"),
            series=derived_uid(seed, "series"),
            frame_of_reference=derived_uid(seed, "frame of reference"),
        )


@dataclass(frozen=True, slots=True)
class WrittenSeries:
    """An image series that was just written."""

    patient: PatientIdentity
    study: StudyContext
    study_instance_uid: str
    series_instance_uid: str
    frame_of_reference_uid: str
    sop_class_uid: str
    instance_uids: tuple[str, ...]
    paths: tuple[Path, ...]


@dataclass(frozen=True, slots=True)
class WrittenObject:
    """A single object that was just written, and what its reader should know about it."""

    path: Path
    sop_class_uid: str
    sop_instance_uid: str
    series_instance_uid: str
    study_instance_uid: str
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SeriesDetails:
    """What makes a new series: its UID, its kind, its number and what it is called."""

    series_instance_uid: str
    modality: str
    number: int
    description: str = ""
    body_part: str = ""


def local_time(moment: datetime) -> datetime:
    """Bring an aware time to the local clock: DICOM times without an offset are local (PS3.3 C.12.1)."""
    return moment.astimezone().replace(tzinfo=None) if moment.tzinfo is not None else moment


def date_text(moment: datetime | None) -> str:
    """Write a date as DICOM does, ``YYYYMMDD``, empty for None."""
    return local_time(moment).strftime("%Y%m%d") if moment is not None else ""


def time_text(moment: datetime | None) -> str:
    """Write a time of day as DICOM does, ``HHMMSS``, empty for None."""
    return local_time(moment).strftime("%H%M%S") if moment is not None else ""


def new_dataset(sop_class_uid: str, sop_instance_uid: str, *, created_at: datetime) -> Dataset:
    """Start a data set with its file meta information and the SOP Common module (PS3.3 C.12.1)."""
    dataset = Dataset()
    dataset.file_meta = file_meta(sop_class_uid, sop_instance_uid)
    dataset.SpecificCharacterSet = CHARACTER_SET
    dataset.InstanceCreationDate = date_text(created_at)
    dataset.InstanceCreationTime = time_text(created_at)
    dataset.SOPClassUID = sop_class_uid
    dataset.SOPInstanceUID = sop_instance_uid
    return dataset


def add_patient_and_study(dataset: Dataset, image: ReferencedSeries) -> None:
    """Add the Patient and General Study modules (PS3.3 C.7.1.1, C.7.2.1), exactly as ``image`` has them.

    Raises
    ------
    OutputError
        If there is no study UID.
    """
    if not image.study_instance_uid:
        msg = "the object has no study to belong to; give the StudyInstanceUID of the images"
        raise OutputError(msg)
    patient, study = image.patient, image.study
    with warnings.catch_warnings():
        # What breaks a rule of its type (a hashed date, a long name) still has to come out as it went in:
        # corrected, it would name somebody else or start another study.
        warnings.simplefilter("ignore")
        dataset.PatientName = patient.name
        dataset.PatientID = patient.patient_id
        if patient.issuer:
            dataset.IssuerOfPatientID = patient.issuer
        dataset.PatientBirthDate = patient.birth_date
        dataset.PatientSex = patient.sex
        dataset.StudyInstanceUID = image.study_instance_uid
        dataset.StudyDate = study.date
        dataset.StudyTime = study.time
        dataset.StudyID = study.study_id
        dataset.AccessionNumber = study.accession_number
        dataset.ReferringPhysicianName = study.referring_physician
        if study.description:
            dataset.StudyDescription = study.description


def add_series(dataset: Dataset, series: SeriesDetails) -> None:
    """Add the General Series or RT Series module (PS3.3 C.7.3.1, C.8.8.1), without a modality's specials."""
    dataset.Modality = series.modality
    dataset.SeriesInstanceUID = series.series_instance_uid
    dataset.SeriesNumber = series.number
    if series.description:
        dataset.SeriesDescription = shortened(series.description, 64)
    if series.body_part:
        dataset.BodyPartExamined = shortened(series.body_part, 16)


def add_equipment(dataset: Dataset, *, model: str = "isoguide") -> None:
    """Add the General Equipment module (PS3.3 C.7.5.1): this software, with its version."""
    dataset.Manufacturer = MANUFACTURER
    dataset.ManufacturerModelName = shortened(model, 64)
    dataset.SoftwareVersions = shortened(software_version(), 64)


def add_frame_of_reference(dataset: Dataset, frame_of_reference_uid: str) -> None:
    """Add the Frame of Reference module (PS3.3 C.7.4.1); the frame has no anatomical reference point.

    Raises
    ------
    OutputError
        If there is no frame UID.
    """
    if not frame_of_reference_uid:
        msg = "the object has no frame of reference; give the FrameOfReferenceUID of the images"
        raise OutputError(msg)
    dataset.FrameOfReferenceUID = frame_of_reference_uid
    dataset.PositionReferenceIndicator = ""


def code_item(code: Code) -> Dataset:
    """Return one item of a code sequence (PS3.3 8.8), meaning cut to the 64 characters of an LO."""
    item = Dataset()
    item.CodeValue = code.value
    item.CodingSchemeDesignator = code.scheme_designator
    item.CodeMeaning = shortened(code.meaning, 64)
    return item


def sop_reference(sop_class_uid: str, sop_instance_uid: str) -> Dataset:
    """Return one item that refers to an instance (PS3.3 10.8)."""
    item = Dataset()
    item.ReferencedSOPClassUID = sop_class_uid
    item.ReferencedSOPInstanceUID = sop_instance_uid
    return item


def image_references(series: ReferencedSeries) -> list[Dataset]:
    """Return one reference per image of a series.

    Raises
    ------
    OutputError
        If the series has no instance that could be referred to, for example an image that was not DICOM.
    """
    if not series.instance_uids or not series.sop_class_uid:
        name = series.series_instance_uid or "without UID"
        msg = f"the image series {name} has no DICOM instances to refer to; give images that are DICOM files"
        raise OutputError(msg)
    return [sop_reference(series.sop_class_uid, uid) for uid in series.instance_uids]


def series_reference(series: ReferencedSeries) -> Dataset:
    """Return one item of a Referenced Series Sequence (PS3.3 10.4) with every image of the series."""
    item = Dataset()
    item.SeriesInstanceUID = series.series_instance_uid
    item.ReferencedInstanceSequence = image_references(series)
    return item


def add_instance_references(dataset: Dataset, series: Iterable[ReferencedSeries]) -> None:
    """Add the Common Instance Reference module (PS3.3 C.12.2): own study directly, other studies grouped."""
    per_study: dict[str, list[Dataset]] = {}
    for one in unique_series(series):
        per_study.setdefault(one.study_instance_uid, []).append(series_reference(one))
    own = per_study.pop(dataset.StudyInstanceUID, None)
    if own:
        dataset.ReferencedSeriesSequence = own
    others = []
    for study_uid, items in per_study.items():
        study = Dataset()
        study.StudyInstanceUID = study_uid
        study.ReferencedSeriesSequence = items
        others.append(study)
    if others:
        dataset.StudiesContainingOtherReferencedInstancesSequence = others


def unique_series(series: Iterable[ReferencedSeries]) -> Sequence[ReferencedSeries]:
    """Drop repeated series, keeping the order: a volume matched with itself is referred to once."""
    return list({one.series_instance_uid: one for one in series}.values())
