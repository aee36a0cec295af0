"""Enhanced US Volume (PS3.3 A.59): a volume with its place in the room or in the patient.

A room is stated by the well-known IEC 61217 fixed frame of reference and the matrix from the volume to it
(C.8.24.2); everything else counts as a patient's own frame of reference, which the caller compares with that
of the plan.
"""

import hashlib
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from isoguide.dicom.identity import PatientIdentity
from isoguide.dicom.item import Item, moment_of, tolerating_odd_values
from isoguide.dicom.pixels import read_stored
from isoguide.dicom.scan import ULTRASOUND_CLASSES, DicomFile, open_dicom
from isoguide.dicom.slices import Slice, stack
from isoguide.dicom.ultrasound import NO_PLACE
from isoguide.dicom.write_ultrasound import (
    ENHANCED_US_VOLUME,
    IEC_FIXED_UID,
    PRIVATE_CREATOR,
    PRIVATE_GROUP,
    SEEN_ELEMENT,
    SHADOWED_ELEMENT,
)
from isoguide.errors import AmbiguityError, GeometryError, MissingEvidenceError, UnreadableError
from isoguide.geometry.frames import FIXED, PLANNING, Array, Frame
from isoguide.geometry.grid import Grid
from isoguide.geometry.transforms import RigidTransform
from isoguide.images.ultrasound_volume import UltrasoundVolume

VOLUME: Final = Frame("ultrasound volume")
"""The volume frame of reference of one file."""
FARTHEST_MM: Final = 1e5
"""No room is larger."""


@dataclass(frozen=True, slots=True, eq=False)
class UltrasoundVolumeFile:
    """A volume and what its file says of it.

    Parameters
    ----------
    volume
        In FIXED where the file states its place in the room, otherwise in PLANNING: patient coordinates of
        its own frame of reference.
    patient
        Whose it is.
    laterality
        L or R where the file states the side of a paired part, else empty.
    sop_instance_uid, study_instance_uid, series_instance_uid, frame_of_reference_uid
        As in the file.
    acquired_at
        When it was acquired, by the clock of the room; None where the file does not say.
    in_room
        True when it states its place in the room.
    warnings
        What the user should know before relying on it.
    sha256
        Of the file.
    """

    volume: UltrasoundVolume
    patient: PatientIdentity
    laterality: str
    sop_instance_uid: str
    study_instance_uid: str
    series_instance_uid: str
    frame_of_reference_uid: str
    acquired_at: datetime | None
    in_room: bool
    warnings: tuple[str, ...]
    sha256: str

    @property
    def patient_id(self) -> str:
        """PatientID (0010,0020)."""
        return self.patient.patient_id

    @property
    def patient_name(self) -> str:
        """PatientName (0010,0010)."""
        return self.patient.name

    @property
    def birth_date(self) -> str:
        """PatientBirthDate (0010,0030)."""
        return self.patient.birth_date


@dataclass(frozen=True, slots=True, eq=False)
class _Plane:
    """One frame: the groups that hold for it, its number from 0, its moment."""

    frame: Item
    shared: Item
    index: int

    def group(self, keyword: str) -> Item | None:
        return self.frame.first(keyword) or self.shared.first(keyword)

    @property
    def moment(self) -> tuple[float, ...]:
        content = self.group("FrameContentSequence")
        values = None if content is None else content.numbers("DimensionIndexValues")
        offset = self.group("TemporalPositionSequence")
        offset_s = None if offset is None else offset.number("TemporalPositionTimeOffset")
        return (
            0.0 if offset_s is None else offset_s,
            float(values[0]) if values is not None and len(values) == 3 else 1.0,
        )

    @property
    def data_type(self) -> str:
        group = self.group("ImageDataTypeSequence")
        return "" if group is None else group.text("DataType")


@tolerating_odd_values
def read_ultrasound_volume(path: Path | str, *, number: int | None = None) -> UltrasoundVolumeFile:
    """Read a volume.

    Parameters
    ----------
    path
        The file.
    number
        Which of several volumes of different times, counted from 1; None when there is one.

    Raises
    ------
    UnreadableError
        If the file is damaged, is no such volume, or lacks what places its planes.
    MissingEvidenceError
        If it states no place in the room or the patient.
    AmbiguityError
        If it holds several volumes and none is chosen.
    GeometryError
        If its planes form no regular grid.
    """
    file = open_dicom(path)
    _check_class(file)
    grid, ordered, in_room = _placed(file, _chosen(_planes(file), number, file.item.source))
    order = [plane.frame_index for plane in ordered]
    values = _brightness(file)[order]
    seen, shadowed, warnings = _masks(file, values, order)
    volume = UltrasoundVolume(
        grid=grid,
        values=np.where(seen, values, 0).astype(np.uint8),
        seen=seen,
        shadowed=shadowed & seen,
        source=str(path),
    )
    if in_room:
        volume = volume.in_frame(_fixed_from_volume(file.item))
    return UltrasoundVolumeFile(
        volume=volume,
        patient=file.patient,
        laterality=file.item.text("Laterality"),
        sop_instance_uid=file.sop_instance_uid,
        study_instance_uid=file.item.text("StudyInstanceUID"),
        series_instance_uid=file.series_instance_uid,
        frame_of_reference_uid=file.item.text("FrameOfReferenceUID"),
        acquired_at=moment_of(file.item.text("AcquisitionDateTime")[:14]),
        in_room=in_room,
        warnings=warnings + _lossy(file.item),
        sha256=_sha256(Path(path)),
    )


@tolerating_odd_values
def describe_ultrasound_volume(file: DicomFile) -> str:
    """Say in words what the header of an ultrasound volume promises.

    Raises
    ------
    InputError
        If it has no place, or its planes form no regular grid.
    """
    planes = _planes(file)
    moments = sorted({plane.moment for plane in planes})
    grid, _, in_room = _placed(file, [plane for plane in planes if plane.moment == moments[0]])
    if in_room:
        _fixed_from_volume(file.item)
    slices, rows, columns = grid.shape
    spacing = "{:.2f} × {:.2f} × {:.2f} mm".format(*grid.spacing_mm)
    several = f"{len(moments)} volumes of different times, " if len(moments) > 1 else ""
    frame_uid = file.item.text("FrameOfReferenceUID")
    place = "placed in the room" if in_room else f"placed in the frame of reference {frame_uid}"
    return f"{several}{slices} planes of {columns} × {rows}, {spacing}, {place}"


def _placed(file: DicomFile, planes: Sequence[_Plane]) -> tuple[Grid, tuple[Slice, ...], bool]:
    """Return the grid, of the file's own volume frame where it is in the room; planes; whether it is."""
    if file.item.text("TableFrameOfReferenceUID") == IEC_FIXED_UID:
        return (*stack(_slices(file, planes, "Volume"), VOLUME), True)
    _check_patient(file, planes)
    return (*stack(_slices(file, planes, "Patient"), PLANNING), False)


def _check_class(file: DicomFile) -> None:
    if file.sop_class_uid == ENHANCED_US_VOLUME:
        return
    if file.sop_class_uid in ULTRASOUND_CLASSES:
        msg = (
            f"{file.path} is a flat ultrasound image, and {NO_PLACE}: record it with a tracked probe and its "
            "calibration"
        )
        raise MissingEvidenceError(msg)
    msg = f"{file.path} is no ultrasound volume but {file.class_name}; give an Enhanced US Volume"
    raise UnreadableError(msg)


def _planes(file: DicomFile) -> tuple[_Plane, ...]:
    frames = file.item.items("PerFrameFunctionalGroupsSequence")
    shared = file.item.first("SharedFunctionalGroupsSequence")
    count = file.item.need_integer("NumberOfFrames")
    if shared is None or len(frames) != count:
        msg = f"{file.path} describes {len(frames)} of its {count} planes; export it again"
        raise UnreadableError(msg)
    planes = tuple(_Plane(frame, shared, index) for index, frame in enumerate(frames))
    grey = tuple(plane for plane in planes if plane.data_type == "TISSUE_INTENSITY")
    if not grey:
        found = ", ".join(sorted({plane.data_type or "nothing" for plane in planes}))
        msg = f"{file.path} shows {found} instead of the brightness of tissue; export its B-mode volume"
        raise UnreadableError(msg)
    return grey


def _chosen(planes: Sequence[_Plane], number: int | None, source: str) -> tuple[_Plane, ...]:
    moments = sorted({plane.moment for plane in planes})
    if number is None and len(moments) > 1:
        msg = f"{source} holds {len(moments)} volumes of different times; choose one by its number, from 1"
        raise AmbiguityError(msg)
    wanted = 1 if number is None else number
    if not 1 <= wanted <= len(moments):
        msg = f"{source} has no volume {wanted}, only {len(moments)}; choose one of them"
        raise AmbiguityError(msg)
    return tuple(plane for plane in planes if plane.moment == moments[wanted - 1])


def _check_patient(file: DicomFile, planes: Sequence[_Plane]) -> None:
    has_planes = planes[0].group("PlanePositionSequence") and planes[0].group("PlaneOrientationSequence")
    if has_planes and file.item.text("FrameOfReferenceUID"):
        return
    msg = (
        f"{file.path} states neither its place in the room nor in a patient, and {NO_PLACE}: record it with "
        "a tracked probe"
    )
    raise MissingEvidenceError(msg)


def _slices(file: DicomFile, planes: Sequence[_Plane], of: str) -> tuple[Slice, ...]:
    """Return the planes as the volume (``of`` "Volume") or the patient ("Patient") frame has them."""
    suffix = "Volume" if of == "Volume" else ""
    shape = (file.item.need_integer("Rows"), file.item.need_integer("Columns"))
    found = []
    for plane in planes:
        position = _needed(plane, f"PlanePosition{suffix}Sequence", file)
        orientation = _needed(plane, f"PlaneOrientation{suffix}Sequence", file)
        measures = _needed(plane, "PixelMeasuresSequence", file)
        row_mm, column_mm = _sane(measures.need_numbers("PixelSpacing", 2), file)
        found.append(
            Slice(
                file=file,
                frame_index=plane.index,
                position_mm=_sane(position.need_numbers(f"ImagePosition{of}", 3), file),
                cosines=_sane(orientation.need_numbers(f"ImageOrientation{of}", 6), file).reshape(2, 3),
                spacing_mm=(float(row_mm), float(column_mm)),
                shape=shape,
                rescale=None,
                rescale_type="",
                is_localizer=False,
            )
        )
    return tuple(found)


def _sane(values: Array, file: DicomFile) -> Array:
    if np.abs(values).max() > FARTHEST_MM:
        msg = f"{file.path} states a plane {np.abs(values).max():.3g} mm away; export it again"
        raise UnreadableError(msg)
    return values


def _needed(plane: _Plane, keyword: str, file: DicomFile) -> Item:
    group = plane.group(keyword)
    if group is None:
        msg = f"{file.path} has no {keyword} for its plane {plane.index + 1}; export it again"
        raise UnreadableError(msg)
    return group


def _fixed_from_volume(item: Item) -> RigidTransform:
    matrix = item.need_numbers("VolumeToTableMappingMatrix", 16).reshape(4, 4)
    try:
        if np.abs(matrix).max() > FARTHEST_MM:
            msg = f"it moves the volume by {np.abs(matrix).max():.3g} mm"
            raise GeometryError(msg)  # noqa: TRY301 - said with the file like the others
        return RigidTransform(FIXED, VOLUME, matrix)
    except GeometryError as error:
        msg = f"{item.source} has a VolumeToTableMappingMatrix that cannot be used: {error}"
        raise GeometryError(msg) from error


def _brightness(file: DicomFile) -> NDArray[np.uint8]:
    """Return all planes ``[frame, row, column]``, 16 bits reduced to 8."""
    item = file.item
    if item.text("PhotometricInterpretation") != "MONOCHROME2" or item.integer("SamplesPerPixel") != 1:
        msg = f"{file.path} is {item.text('PhotometricInterpretation')}; only grey ultrasound can be used"
        raise UnreadableError(msg)
    stored = read_stored(file).values
    surplus = max(0, (item.integer("BitsStored") or item.need_integer("BitsAllocated")) - 8)
    if item.integer("PixelRepresentation") == 1:
        msg = f"{file.path} holds signed values, which are no brightness; export it again"
        raise UnreadableError(msg)
    return np.asarray(stored >> surplus).astype(np.uint8)


def _masks(
    file: DicomFile, values: NDArray[np.uint8], order: Sequence[int]
) -> tuple[NDArray[np.bool_], NDArray[np.bool_], tuple[str, ...]]:
    """Return what was seen, what of it lies in shadow, and what to say of how that is known."""
    seen = _mask(file, SEEN_ELEMENT)
    shadowed = _mask(file, SHADOWED_ELEMENT)
    if seen is not None and shadowed is not None:
        return seen[order], shadowed[order], ()
    # Zeros that hang together with the outside are no image; zeros inside may be the fluid of a bladder.
    parts, _ = ndimage.label(values == 0)
    outer = np.ones_like(values, dtype=bool)
    outer[1:-1, 1:-1, 1:-1] = False
    touching = np.unique(parts[outer])
    outside = np.isin(parts, touching[touching > 0])
    warning = f"{file.path} does not say what lies in shadow: all that is not black around it counts as seen"
    return ~outside, np.zeros_like(outside), (warning,)


def _mask(file: DicomFile, element: int) -> NDArray[np.bool_] | None:
    try:
        block = file.item.dataset.private_block(PRIVATE_GROUP, PRIVATE_CREATOR)
    except KeyError:
        return None
    if element not in block:
        return None
    shape = tuple(file.item.need_integer(name) for name in ("NumberOfFrames", "Rows", "Columns"))
    count = int(np.prod(shape))
    try:
        packed = zlib.decompressobj().decompress(bytes(block[element].value), (count + 7) // 8 + 1)
    except (zlib.error, TypeError):
        packed = b""
    if len(packed) != (count + 7) // 8:
        msg = f"{file.path} has a damaged mask of what was seen; copy it again"
        raise UnreadableError(msg)
    bits = np.unpackbits(np.frombuffer(packed, dtype=np.uint8), count=count)
    return bits.reshape(shape).astype(bool)


def _lossy(item: Item) -> tuple[str, ...]:
    if item.text("LossyImageCompression") == "01":
        return (f"{item.source} was compressed with loss of detail",)
    return ()


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
