"""What a folder holds, by content: names, nesting and order of the files mean nothing.

Every header is read once and kept; of pixel data only the position in the file is kept, so that it is read
later without parsing anything again.
"""

import os
import struct
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import BinaryIO, Final

import pydicom
from pydicom.errors import BytesLengthException, InvalidDicomError
from pydicom.uid import (
    UID,
    ComputedRadiographyImageStorage,
    CTImageStorage,
    DeformableSpatialRegistrationStorage,
    DigitalXRayImageStorageForPresentation,
    DigitalXRayImageStorageForProcessing,
    EnhancedCTImageStorage,
    EnhancedUSVolumeStorage,
    LegacyConvertedEnhancedCTImageStorage,
    MediaStorageDirectoryStorage,
    RTBeamsTreatmentRecordStorage,
    RTDoseStorage,
    RTImageStorage,
    RTIonPlanStorage,
    RTPlanStorage,
    RTStructureSetStorage,
    SpatialRegistrationStorage,
    UltrasoundImageStorage,
    UltrasoundMultiFrameImageStorage,
    XRayAngiographicImageStorage,
)

from isoguide.dicom.identity import PatientIdentity, patient_of
from isoguide.dicom.item import Item, tolerating_odd_values
from isoguide.errors import UnreadableError
from isoguide.progress import Progress, silent

CT_CLASSES: Final = frozenset(
    {CTImageStorage, EnhancedCTImageStorage, LegacyConvertedEnhancedCTImageStorage},
)
PLAN_CLASSES: Final = frozenset({RTPlanStorage, RTIonPlanStorage})
XRAY_CLASSES: Final = frozenset(
    {
        ComputedRadiographyImageStorage,
        DigitalXRayImageStorageForPresentation,
        DigitalXRayImageStorageForProcessing,
        XRayAngiographicImageStorage,
    }
)
"""Projection images that say nothing about the room."""
RADIOGRAPH_CLASSES: Final = XRAY_CLASSES | {RTImageStorage}
FLAT_ULTRASOUND_CLASSES: Final = frozenset({UltrasoundImageStorage, UltrasoundMultiFrameImageStorage})
ULTRASOUND_CLASSES: Final = FLAT_ULTRASOUND_CLASSES | {EnhancedUSVolumeStorage}

# Doses have pixels without being images, and some planning systems add an empty pixel element to the others.
_NOT_IMAGES: Final = PLAN_CLASSES | {RTDoseStorage, RTStructureSetStorage}

DAMAGE: Final = (
    # pydicom meets damaged bytes with whatever the interpreter raises there: this is the list seen by
    # feeding it truncated, overwritten and random files. Everything else is a mistake of ours.
    InvalidDicomError,
    BytesLengthException,
    EOFError,
    OSError,
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
    NotImplementedError,
    OverflowError,
    RuntimeError,
    MemoryError,
    struct.error,
    zlib.error,
)

_PREAMBLE_BYTES = 132
_DELIMITER_SEARCH_BYTES = 65536
_SEQUENCE_DELIMITER = b"\xfe\xff\xdd\xe0"
_UNDEFINED_LENGTH = 0xFFFFFFFF
_PIXEL_TAGS = (b"\xe0\x7f\x10\x00", b"\xe0\x7f\x08\x00", b"\xe0\x7f\x09\x00")


@dataclass(frozen=True, slots=True, eq=False)
class PixelBytes:
    """Where the value of the pixel data element lies in the file; length None when it is encapsulated."""

    offset: int
    length: int | None


@dataclass(frozen=True, slots=True, eq=False)
class DicomFile:
    """One readable DICOM file: its header, and where its pixels are."""

    path: Path
    item: Item
    sop_class_uid: str
    sop_instance_uid: str
    series_instance_uid: str
    transfer_syntax_uid: str
    pixels: PixelBytes | None = None

    @property
    def class_name(self) -> str:
        """What the standard calls this kind of object, for example 'RT Plan Storage'."""
        return UID(self.sop_class_uid).name

    @property
    def patient(self) -> PatientIdentity:
        """Whose object it is."""
        return patient_of(self.item)


@dataclass(frozen=True, slots=True)
class UnusableFile:
    """A file that is DICOM, or says so, but cannot be used; ``series_instance_uid`` as far as it is known."""

    path: Path
    reason: str
    series_instance_uid: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class FoundSeries:
    """The image files of one series, and the damaged files that say they belong to it."""

    series_instance_uid: str
    files: tuple[DicomFile, ...]
    damaged: tuple[UnusableFile, ...] = ()

    @property
    def item(self) -> Item:
        """The header of its first file, for what all files of a series share."""
        return self.files[0].item

    @property
    def is_ct(self) -> bool:
        """True for CT, cone-beam CT included."""
        return self.files[0].sop_class_uid in CT_CLASSES

    @property
    def is_localizer(self) -> bool:
        """True when every image is a scout view (ImageType LOCALIZER), which is no volume."""
        return all("LOCALIZER" in file.item.texts("ImageType") for file in self.files)

    @property
    def label(self) -> str:
        """What messages call the series: modality, description, number of files and UID."""
        modality = self.item.text("Modality") or "image"
        description = self.item.text("SeriesDescription")
        named = f" '{description}'" if description else ""
        count = f"{len(self.files)} file{'s' if len(self.files) != 1 else ''}"
        return f"{modality} series{named} with {count}, UID {self.series_instance_uid}"


@dataclass(frozen=True, eq=False)
class FolderContents:
    """All that was found under one path, in the order of the files' paths."""

    path: Path
    files: tuple[DicomFile, ...]
    unusable: tuple[UnusableFile, ...]
    not_dicom: tuple[Path, ...]

    @cached_property
    def image_series(self) -> tuple[FoundSeries, ...]:
        """Series of images of any modality; the SOP class splits a series that mixes kinds of object."""
        groups: dict[tuple[str, str], list[DicomFile]] = {}
        for file in self.files:
            if file.pixels is not None and file.sop_class_uid not in _NOT_IMAGES:
                groups.setdefault((file.series_instance_uid, file.sop_class_uid), []).append(file)
        return tuple(
            FoundSeries(
                uid,
                tuple(files),
                tuple(bad for bad in self.unusable if uid and bad.series_instance_uid == uid),
            )
            for (uid, _), files in groups.items()
        )

    @property
    def ct_series(self) -> tuple[FoundSeries, ...]:
        """Series of CT images, cone-beam CT included and scout views left out."""
        return tuple(series for series in self.image_series if series.is_ct and not series.is_localizer)

    @property
    def radiographs(self) -> tuple[DicomFile, ...]:
        """RT Images, DX, CR and XA."""
        return self._of(RADIOGRAPH_CLASSES)

    @property
    def ultrasound(self) -> tuple[DicomFile, ...]:
        """Ultrasound images, single and multi-frame, and ultrasound volumes."""
        return self._of(ULTRASOUND_CLASSES)

    @property
    def plans(self) -> tuple[DicomFile, ...]:
        """RT Plans and RT Ion Plans."""
        return self._of(PLAN_CLASSES)

    @property
    def structure_sets(self) -> tuple[DicomFile, ...]:
        """RT Structure Sets."""
        return self._of({RTStructureSetStorage})

    @property
    def doses(self) -> tuple[DicomFile, ...]:
        """RT Doses."""
        return self._of({RTDoseStorage})

    @property
    def registrations(self) -> tuple[DicomFile, ...]:
        """Spatial Registrations; Raw Data that calls itself modality REG is not among them."""
        return self._of({SpatialRegistrationStorage})

    @property
    def deformable_registrations(self) -> tuple[DicomFile, ...]:
        """Deformable Spatial Registrations."""
        return self._of({DeformableSpatialRegistrationStorage})

    @property
    def treatment_records(self) -> tuple[DicomFile, ...]:
        """RT Beams Treatment Records."""
        return self._of({RTBeamsTreatmentRecordStorage})

    def _of(self, classes: Iterable[str]) -> tuple[DicomFile, ...]:
        return tuple(file for file in self.files if file.sop_class_uid in frozenset(classes))


@tolerating_odd_values
def scan_folder(path: Path | str, progress: Progress = silent) -> FolderContents:
    """Read the header of every file under a folder, or of one file.

    Parameters
    ----------
    path
        A folder with any content at any depth, or a single file.
    progress
        Told the fraction of files done.

    Returns
    -------
    FolderContents
        Damaged files are listed with the reason, not raised: whether they matter depends on what is chosen.

    Raises
    ------
    UnreadableError
        If the path does not exist or cannot be listed.
    """
    path = Path(path)
    return _contents(path, files_under(path), progress)


@tolerating_odd_values
def scan_files(paths: Sequence[Path]) -> FolderContents:
    """Read the headers of these files, as of a folder that holds nothing else.

    Raises
    ------
    UnreadableError
        If one of them does not exist or is a folder.
    """
    missing = next((path for path in paths if not path.is_file()), None)
    if missing is not None:
        msg = f"{missing} is not a file; give either one folder or files"
        raise UnreadableError(msg)
    return _contents(paths[0].parent, paths, silent)


def _contents(path: Path, paths: Sequence[Path], progress: Progress) -> FolderContents:
    files: list[DicomFile] = []
    unusable: list[UnusableFile] = []
    not_dicom: list[Path] = []
    for number, candidate in enumerate(paths):
        progress(number / len(paths), f"reading the headers in {path}")
        found = scan_file(candidate)
        if isinstance(found, DicomFile):
            files.append(found)
        elif isinstance(found, UnusableFile):
            unusable.append(found)
        else:
            not_dicom.append(candidate)
    return FolderContents(path, tuple(files), tuple(unusable), tuple(not_dicom))


@tolerating_odd_values
def open_dicom(path: Path | str) -> DicomFile:
    """Read the header of one DICOM file.

    Raises
    ------
    UnreadableError
        If the file is absent, damaged or not DICOM.
    """
    path = Path(path)
    if not path.is_file():
        msg = f"{path} is not a file; give the path of a DICOM file"
        raise UnreadableError(msg)
    found = scan_file(path)
    if found is None:
        msg = f"{path} is not a DICOM file; give another one"
        raise UnreadableError(msg)
    if isinstance(found, UnusableFile):
        msg = f"{path} cannot be used: {found.reason}; copy or export it again"
        raise UnreadableError(msg)
    return found


def files_under(path: Path) -> list[Path]:
    """List every file under a folder at any depth in order, or the file itself.

    Raises
    ------
    UnreadableError
        If the path does not exist or cannot be listed.
    """
    if path.is_file():
        return [path]
    if not path.is_dir():
        msg = f"{path} does not exist; give a folder with DICOM files"
        raise UnreadableError(msg)
    failures: list[OSError] = []
    paths = [
        Path(folder, name)
        for folder, _, names in os.walk(path, onerror=failures.append)
        for name in names
        if Path(folder, name).is_file()
    ]
    if failures:
        msg = f"{failures[0].filename} cannot be listed ({failures[0].strerror}); check its permissions"
        raise UnreadableError(msg)
    return sorted(paths)


def scan_file(path: Path) -> DicomFile | UnusableFile | None:
    """Read the header of one file; None where it is no DICOM file, or a directory of such files."""
    try:
        with path.open("rb") as stream:
            start = stream.read(_PREAMBLE_BYTES)
            has_preamble = start[128:] == b"DICM"
            if not (has_preamble or _looks_like_bare_dataset(start)):
                return None
            stream.seek(0)
            return _read_header(stream, path, has_preamble=has_preamble)
    except (*DAMAGE, UnreadableError) as error:
        reason = (
            f"it cannot be opened ({error.strerror})"
            if isinstance(error, OSError)
            else "its header is damaged or cut"
        )
        return UnusableFile(path, reason)


def _looks_like_bare_dataset(start: bytes) -> bool:
    # Old exports omit the preamble; their first element is of group 0002 or 0008 in little endian order.
    return len(start) == _PREAMBLE_BYTES and start[:2] in (b"\x08\x00", b"\x02\x00") and start[3] == 0


def _read_header(stream: BinaryIO, path: Path, *, has_preamble: bool) -> DicomFile | UnusableFile | None:
    dataset = pydicom.dcmread(stream, stop_before_pixels=True, force=True)
    item = Item(dataset, str(path))
    sop_class = item.text("SOPClassUID")
    series_uid = item.text("SeriesInstanceUID")
    if sop_class == MediaStorageDirectoryStorage or dataset.file_meta.get("MediaStorageSOPClassUID") == (
        MediaStorageDirectoryStorage
    ):
        return None
    if not sop_class or not item.text("SOPInstanceUID"):
        return UnusableFile(path, "it ends before it says what it is", series_uid) if has_preamble else None
    syntax = str(dataset.file_meta.get("TransferSyntaxUID", ""))
    if UID(syntax).is_private or syntax == pydicom.uid.DeflatedExplicitVRLittleEndian:
        pixels = PixelBytes(0, None) if item.has("Rows") else None
    else:
        found = _locate_pixels(stream, is_implicit=bool(dataset.is_implicit_VR))
        if isinstance(found, str):
            return UnusableFile(path, found, series_uid)
        pixels = found
    is_image = sop_class in CT_CLASSES or (item.has("Rows") and item.has("BitsAllocated"))
    if pixels is None and is_image:
        return UnusableFile(path, "it is truncated: its pixel data is missing", series_uid)
    return DicomFile(path, item, sop_class, item.text("SOPInstanceUID"), series_uid, syntax, pixels)


def _locate_pixels(stream: BinaryIO, *, is_implicit: bool) -> PixelBytes | str | None:
    """Find the pixel value from where the header ends; a text says what is wrong, None that there is none."""
    start = stream.tell()
    head = stream.read(12)
    size = os.fstat(stream.fileno()).st_size
    is_big_endian = head[:4] == b"\x7f\xe0\x00\x10"
    if head[:4] not in _PIXEL_TAGS and not is_big_endian:
        return None
    width = 8 if is_implicit else 12
    if len(head) < width:
        return "it is truncated: its pixel data is missing"
    length = int.from_bytes(head[width - 4 : width], "big" if is_big_endian else "little")
    if length == _UNDEFINED_LENGTH:
        stream.seek(max(start, size - _DELIMITER_SEARCH_BYTES))
        if _SEQUENCE_DELIMITER not in stream.read():
            return "it is truncated: its compressed pixel data does not end"
        return PixelBytes(start + width, None)
    missing = start + width + length - size
    if missing > 0:
        return f"it is truncated: {missing} of {length} bytes of pixel data are missing"
    return PixelBytes(start + width, length)
