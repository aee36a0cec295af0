"""The files of courses of treatment, sorted by what they are; of each image series one header is read."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, NamedTuple

from pydicom.uid import (
    Comprehensive3DSRStorage,
    CTImageStorage,
    DeformableSpatialRegistrationStorage,
    RTBeamsTreatmentRecordStorage,
    RTImageStorage,
    RTIonBeamsTreatmentRecordStorage,
    RTStructureSetStorage,
    SpatialRegistrationStorage,
)

from isoguide.dicom import report_codes
from isoguide.dicom.header_peek import Peeked, peek
from isoguide.dicom.item import Item
from isoguide.dicom.scan import CT_CLASSES, PLAN_CLASSES, DicomFile, UnusableFile, files_under, scan_file
from isoguide.progress import Progress

_READ: Final = {
    **{str(uid): "plans" for uid in PLAN_CLASSES},
    str(SpatialRegistrationStorage): "registrations",
    str(Comprehensive3DSRStorage): "reports",
    str(RTBeamsTreatmentRecordStorage): "records",
    str(RTStructureSetStorage): "structure_sets",
}
_NOT_READ: Final = {
    str(DeformableSpatialRegistrationStorage): "a deformable registration calls for no couch correction",
    str(RTIonBeamsTreatmentRecordStorage): "treatment records of ion beams are not read",
    str(RTImageStorage): "planar images of the day are not read, only volumes with a registration",
}


class Refused(NamedTuple):
    """What could not be used, and why in one sentence."""

    what: str
    why: str


@dataclass(frozen=True, slots=True, eq=False)
class SeriesHeader:
    """A CT series by the header of its first file.

    ``instance_uids`` are those of all its files; ``contradicts`` is True where a file of it belongs to
    another patient, frame of reference or position than the first one.
    """

    file: DicomFile
    instance_uids: frozenset[str]
    contradicts: bool

    @property
    def series_instance_uid(self) -> str:
        """SeriesInstanceUID (0020,000E)."""
        return self.file.series_instance_uid

    @property
    def frame_of_reference_uid(self) -> str:
        """FrameOfReferenceUID (0020,0052)."""
        return self.file.item.text("FrameOfReferenceUID")

    @property
    def label(self) -> str:
        """What messages call the series."""
        description = self.file.item.text("SeriesDescription")
        named = f" '{description}'" if description else ""
        return f"CT series{named} in {self.file.path.parent} (UID {self.series_instance_uid})"


@dataclass(frozen=True, slots=True, eq=False)
class CourseFiles:
    """Every object of a folder that courses are made of, each instance once, in the order of the paths."""

    plans: tuple[DicomFile, ...]
    registrations: tuple[DicomFile, ...]
    reports: tuple[DicomFile, ...]
    records: tuple[DicomFile, ...]
    structure_sets: tuple[DicomFile, ...]
    series: tuple[SeriesHeader, ...]
    refused: tuple[Refused, ...]


@dataclass(slots=True, eq=False)
class _Sorter:
    """Takes one file after the other."""

    found: dict[str, dict[str, DicomFile]] = field(default_factory=dict)
    slices: dict[Peeked, list[str]] = field(default_factory=dict)
    firsts: dict[str, DicomFile] = field(default_factory=dict)
    more: dict[str, list[str]] = field(default_factory=dict)
    odd: set[str] = field(default_factory=set)
    refused: list[Refused] = field(default_factory=list)

    def take(self, path: Path) -> None:
        """Look at a file, and read its header unless it is one more slice of a series that is known."""
        peeked = peek(path)
        if peeked is not None and peeked[0] in self.slices:
            self.slices[peeked[0]].append(peeked[1])
            return
        file = scan_file(path)
        if isinstance(file, UnusableFile):
            self.refused.append(Refused(str(path), file.reason))
        elif isinstance(file, DicomFile):
            self._sort(file, peeked[0] if peeked is not None else None)

    def _sort(self, file: DicomFile, belonging: Peeked | None) -> None:
        kind = _READ.get(file.sop_class_uid)
        if kind is not None:
            self.found.setdefault(kind, {}).setdefault(file.sop_instance_uid, file)
        elif file.sop_class_uid in CT_CLASSES:
            self._add_slice(file, belonging)
        elif file.sop_class_uid in _NOT_READ:
            self.refused.append(Refused(str(file.path), _NOT_READ[file.sop_class_uid]))

    def _add_slice(self, file: DicomFile, belonging: Peeked | None) -> None:
        if "LOCALIZER" in file.item.texts("ImageType"):
            return
        uid = file.series_instance_uid
        if belonging is not None and file.sop_class_uid == CTImageStorage:
            self.slices[belonging] = []
        first = self.firsts.setdefault(uid, file)
        self.more.setdefault(uid, []).append(file.sop_instance_uid)
        if _belonging(first) != _belonging(file):
            self.odd.add(uid)

    def files(self) -> CourseFiles:
        """Return what was found."""
        for belonging, uids in self.slices.items():
            self.more[belonging.series_instance_uid].extend(uids)
        series = tuple(
            SeriesHeader(file, frozenset(self.more[uid]), uid in self.odd)
            for uid, file in self.firsts.items()
        )
        plans, registrations, reports, records, structure_sets = (
            tuple(self.found.get(kind, {}).values())
            for kind in ("plans", "registrations", "reports", "records", "structure_sets")
        )
        return CourseFiles(
            plans, registrations, reports, records, structure_sets, series, tuple(self.refused)
        )


def _belonging(file: DicomFile) -> tuple[str, ...]:
    return tuple(
        file.item.text(keyword) for keyword in ("PatientID", "FrameOfReferenceUID", "PatientPosition")
    )


def collect_course_files(path: Path, progress: Progress) -> CourseFiles:
    """Sort the files under a folder; copies of one object count once, what no course is made of is left out.

    Raises
    ------
    UnreadableError
        If the path does not exist or cannot be listed.
    """
    sorter = _Sorter()
    paths = files_under(path)
    for number, one in enumerate(paths):
        progress(number / len(paths), f"reading the headers in {path}")
        sorter.take(one)
    return sorter.files()


def references_of(file: DicomFile) -> frozenset[str]:
    """Return the SOPInstanceUIDs of everything that an object refers to, at any depth."""
    return frozenset(
        str(element.value)
        for element in file.item.dataset.iterall()
        if element.keyword == "ReferencedSOPInstanceUID"
    )


def named_series(file: DicomFile) -> frozenset[str]:
    """Return the SeriesInstanceUIDs of the Common Instance Reference module of an object (PS3.3 C.12.2)."""
    holders = [file.item, *file.item.items("StudiesContainingOtherReferencedInstancesSequence")]
    series = (one for holder in holders for one in holder.items("ReferencedSeriesSequence"))
    return frozenset(one.text("SeriesInstanceUID") for one in series) - {""}


def registration_of_report(file: DicomFile) -> str:
    """Return the SOPInstanceUID of the registration that a position report rests on; empty for none."""
    concept = report_codes.REGISTRATION
    for entry in _content(file.item, depth=3):
        name = entry.first("ConceptNameCodeSequence")
        if name is not None and (name.text("CodeValue"), name.text("CodingSchemeDesignator")) == concept[:2]:
            referenced = entry.first("ReferencedSOPSequence")
            return referenced.text("ReferencedSOPInstanceUID") if referenced is not None else ""
    return ""


def _content(item: Item, depth: int) -> Iterator[Item]:
    for entry in item.items("ContentSequence"):
        yield entry
        if depth > 1:
            yield from _content(entry, depth - 1)
