"""Tracked ultrasound as Plus records it: a MetaImage sequence with a pose and a time for every image.

Source: the Plus toolkit's "MetaImage sequence file" and "Ultrasound image orientation". A pose
``ProbeToTracker`` takes coordinates of the probe to those of the tracker, row by row in mm.
"""

import secrets
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from isoguide.errors import GeometryError, MissingEvidenceError, OutputError, UnreadableError
from isoguide.geometry.frames import PROBE, REFERENCE_SENSOR, TRACKER, Frame
from isoguide.geometry.transforms import RigidTransform
from isoguide.images.ultrasound_frames import TrackedFrames, UltrasoundFrames

LONGEST_HEADER_BYTES: Final = 64 << 20
"""Some 30,000 images with five sensors; a file that goes on longer without a picture is something else."""
LARGEST_PIXELS: Final = 8 << 30
SEQUENCE_SUFFIXES: Final = (".mha", ".mhd")
MIRRORED: Final[Mapping[str, tuple[bool, bool]]] = {
    "MF": (False, False),
    "UF": (False, True),
    "MN": (True, False),
    "UN": (True, True),
}
"""By the direction of columns and rows: whether rows and columns are turned round, so that columns grow to
the marked side of the probe and rows away from it, which is what Plus calibrates."""
_SPACING: Final = "UltrasoundPixelSpacing"
_FLAT_SUFFIXES: Final = ("", "A")


@dataclass(frozen=True, slots=True, eq=False)
class _Header:
    path: Path
    fields: Mapping[str, str]
    pixels_at: int

    def text(self, name: str) -> str:
        if name not in self.fields:
            msg = f"{self.path} has no {name}; record it again or export it with its tracking"
            raise UnreadableError(msg)
        return self.fields[name]

    def of_frame(self, number: int, name: str) -> str:
        return self.text(f"Seq_Frame{number:04d}_{name}")


def read_tracked_frames(
    path: Path | str, *, probe: str = "Probe", reference: str | None = "Reference"
) -> TrackedFrames:
    """Read a recording of two-dimensional images with the pose of the probe.

    Parameters
    ----------
    path
        A ``.mha`` or ``.mhd`` file of Plus, whose names usually end in ``.igs.mha`` or ``.seq.mha``.
    probe
        Name of the sensor on the probe: its poses are called ``ProbeToTrackerTransform``.
    reference
        Name of the sensor on the patient or the phantom, used where the file has one; None to leave it out.

    Returns
    -------
    TrackedFrames
        Columns grow to the marked side of the probe and rows away from it, turned round where the file has
        it otherwise. A pose is None where the tracker did not see its sensor. Moments at which the scanner
        gave no image are left out.

    Raises
    ------
    UnreadableError
        If the file is damaged, not such a recording, or lacks a pose, status, time or its orientation.
    MissingEvidenceError
        If it has no poses of the probe.
    GeometryError
        If a pose is not rigid, or the times do not increase.
    """
    path = Path(path)
    if not path.is_file():
        msg = f"{path} is not a file; give a MetaImage sequence of tracked ultrasound"
        raise UnreadableError(msg)
    try:
        header = _read_header(path)
        pixels = _pixels(header)
    except OSError as error:
        msg = f"{path} cannot be read ({error.strerror}); check the file and its permissions"
        raise UnreadableError(msg) from error
    _check_sensor(header, probe)
    kept = [number for number in range(len(pixels)) if _is_ok(header, number, "ImageStatus")]
    if not kept:
        msg = f"{path} holds no image: the scanner gave none; record it again"
        raise UnreadableError(msg)
    at_s = np.array([_number(header, number, "Timestamp") for number in kept])
    if (np.diff(at_s) <= 0.0).any():
        late = int(np.flatnonzero(np.diff(at_s) <= 0.0)[0]) + 1
        msg = (
            f"{path} has times that do not increase at image {kept[late]}, {at_s[late]:.3f} s after "
            f"{at_s[late - 1]:.3f} s; record it again"
        )
        raise GeometryError(msg)
    has_reference = reference is not None and any(
        name.endswith(f"_{reference}ToTrackerTransform") for name in header.fields
    )
    return TrackedFrames(
        frames=UltrasoundFrames(
            pixels=_oriented(header, pixels[kept]),
            at_s=at_s,
            pixel_spacing_mm=_spacing_mm(header),
            source=str(path),
        ),
        tracker_from_probe=tuple(_pose(header, number, probe, PROBE) for number in kept),
        tracker_from_reference=tuple(
            _pose(header, number, str(reference), REFERENCE_SENSOR) for number in kept if has_reference
        ),
    )


def is_tracked_sequence(path: Path | str) -> bool:
    """Tell by the first lines whether a file is a recording of Plus: MetaImage with fields of frames."""
    path = Path(path)
    if not path.name.lower().endswith(SEQUENCE_SUFFIXES) or not path.is_file():
        return False
    try:
        with path.open("rb") as stream:
            return b"\nSeq_Frame0000_" in stream.read(4096)
    except OSError:
        return False  # whoever reads it as something else says why it cannot be read


def _read_header(path: Path) -> _Header:
    fields: dict[str, str] = {}
    with path.open("rb") as stream:
        while stream.tell() < LONGEST_HEADER_BYTES:
            line = stream.readline(65536)
            name, mark, value = line.decode("latin-1").partition("=")
            if not mark or not line.endswith(b"\n"):
                break
            fields[name.strip()] = value.strip()
            if name.strip() == "ElementDataFile":
                return _Header(path, fields, stream.tell())
    msg = f"{path} is not a MetaImage file; give another one"
    raise UnreadableError(msg)


def _pixels(header: _Header) -> NDArray[np.uint8]:
    """Read the images ``[frame, row, column]`` as they are stored."""
    if header.text("ElementType") != "MET_UCHAR" or header.fields.get("ElementNumberOfChannels", "1") != "1":
        msg = (
            f"{header.path} holds {header.text('ElementType')} with "
            f"{header.fields.get('ElementNumberOfChannels', '1')} values a pixel; record grey images of "
            "8 bits (MET_UCHAR)"
        )
        raise UnreadableError(msg)
    shape = _shape(header)
    data = _data(header, int(np.prod(shape)))
    if len(data) != np.prod(shape):
        msg = (
            f"{header.path} is damaged: {np.prod(shape)} pixels are announced and {len(data)} are there; "
            "copy it again"
        )
        raise UnreadableError(msg)
    return np.frombuffer(data, dtype=np.uint8).reshape(shape)


def _shape(header: _Header) -> tuple[int, int, int]:
    text = header.text("DimSize")
    try:
        size = [int(part) for part in text.split()]
    except ValueError:
        size = []
    if len(size) != 3 or min(size) < 1 or int(np.prod(size, dtype=object)) > LARGEST_PIXELS:
        msg = f"{header.path} has the size '{text}'; give a sequence of flat images: columns, rows, images"
        raise UnreadableError(msg)
    return size[2], size[1], size[0]


def _data(header: _Header, most: int) -> bytes:
    """Read the bytes of the images, packed ones up to one more than ``most``."""
    name = header.text("ElementDataFile")
    is_local = name.upper() == "LOCAL"
    data_path = header.path if is_local else header.path.with_name(name)
    if not data_path.is_file():
        msg = f"{header.path} names {name} for its pixels, which is not there; copy both files"
        raise UnreadableError(msg)
    stored = data_path.read_bytes()[header.pixels_at if is_local else 0 :]
    if header.fields.get("CompressedData", "False").upper() != "TRUE":
        return stored
    unpack = zlib.decompressobj()
    try:
        data = unpack.decompress(stored, most + 1)
    except zlib.error as error:
        msg = f"{header.path} is damaged: its pixels cannot be unpacked; copy it again"
        raise UnreadableError(msg) from error
    if not unpack.eof and len(data) <= most:
        msg = f"{header.path} is damaged: its packed pixels are cut off; copy it again"
        raise UnreadableError(msg)
    return data


def _oriented(header: _Header, pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    orientation = header.text("UltrasoundImageOrientation").upper()
    mirrored = MIRRORED.get(orientation[:2])
    if mirrored is None or orientation[2:] not in _FLAT_SUFFIXES:
        msg = (
            f"{header.path} has the orientation '{orientation}'; flat images can be used when it is MF, UF, "
            "MN or UN: record it so"
        )
        raise UnreadableError(msg)
    rows, columns = mirrored
    pixels = pixels[:, ::-1] if rows else pixels
    pixels = np.ascontiguousarray(pixels[:, :, ::-1] if columns else pixels)
    pixels.flags.writeable = False
    return pixels


def _spacing_mm(header: _Header) -> tuple[float, float] | None:
    """Return what our own writer says of it: Plus leaves it to the calibration, and 1 in ElementSpacing."""
    if _SPACING not in header.fields:
        return None
    parts = header.text(_SPACING).split()
    try:
        column_mm, row_mm = (float(part) for part in parts)
    except ValueError as error:
        msg = f"{header.path} states {_SPACING} = {' '.join(parts)}; it must be two numbers in mm"
        raise UnreadableError(msg) from error
    return column_mm, row_mm


def _check_sensor(header: _Header, probe: str) -> None:
    if f"Seq_Frame0000_{probe}ToTrackerTransform" in header.fields:
        return
    names = [
        name.removeprefix("Seq_Frame0000_").removesuffix("Transform")
        for name in header.fields
        if name.startswith("Seq_Frame0000_") and name.endswith("Transform")
    ]
    msg = f"{header.path} has no poses {probe}ToTracker; it has {', '.join(names) or 'none'}"
    raise MissingEvidenceError(msg)


def _is_ok(header: _Header, number: int, name: str) -> bool:
    status = header.of_frame(number, name)
    if status not in ("OK", "INVALID"):
        msg = f"{header.path} states {name} = {status} for image {number}; only OK and INVALID are known"
        raise UnreadableError(msg)
    return status == "OK"


def _number(header: _Header, number: int, name: str) -> float:
    text = header.of_frame(number, name)
    try:
        value = float(text)
    except ValueError:
        value = np.nan
    if not np.isfinite(value):
        msg = f"{header.path} states {name} = {text} for image {number}, which is no number; record it again"
        raise UnreadableError(msg)
    return value


def _pose(header: _Header, number: int, sensor: str, frame: Frame) -> RigidTransform | None:
    name = f"{sensor}ToTrackerTransform"
    text = header.of_frame(number, name)
    if not _is_ok(header, number, f"{name}Status"):
        return None
    try:
        matrix = np.array(text.split(), dtype=np.float64)
    except ValueError:
        matrix = np.empty(0)
    if matrix.size != 16:
        msg = f"{header.path} states {name} = {text} for image {number}; it must be 16 numbers"
        raise UnreadableError(msg)
    try:
        return RigidTransform(TRACKER, frame, matrix.reshape(4, 4))
    except GeometryError as error:
        msg = f"{header.path} states a pose of the {sensor} for image {number} that cannot be used: {error}"
        raise GeometryError(msg) from error


def write_tracked_frames(path: Path | str, tracked: TrackedFrames) -> None:
    """Write a recording as Plus does: compressed, columns to the marked side of the probe, rows away from it.

    The file appears complete or not at all.

    Raises
    ------
    OutputError
        If it cannot be written.
    """
    path = Path(path)
    pixels = tracked.frames.pixels
    packed = zlib.compress(pixels.tobytes(), level=1)
    count, rows, columns = pixels.shape
    spacing_mm = tracked.frames.pixel_spacing_mm
    lines = [
        "ObjectType = Image",
        "NDims = 3",
        "AnatomicalOrientation = RAI",
        "BinaryData = True",
        "BinaryDataByteOrderMSB = False",
        "CenterOfRotation = 0 0 0",
        "CompressedData = True",
        f"CompressedDataSize = {len(packed)}",
        f"DimSize = {columns} {rows} {count}",
        "Kinds = domain domain list",
        "ElementSpacing = 1 1 1",
        "ElementType = MET_UCHAR",
        "Offset = 0 0 0",
        "TransformMatrix = 1 0 0 0 1 0 0 0 1",
        "UltrasoundImageOrientation = MF",
        "UltrasoundImageType = BRIGHTNESS",
        *([] if spacing_mm is None else [f"{_SPACING} = {spacing_mm[0]!r} {spacing_mm[1]!r}"]),
        *(line for number in range(count) for line in _frame_lines(tracked, number)),
        "ElementDataFile = LOCAL",
    ]
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        with temporary.open("xb") as file:
            file.write("".join(f"{line}\n" for line in lines).encode("ascii"))
            file.write(packed)
        temporary.replace(path)
    except OSError as error:
        msg = f"{path} cannot be written ({error.strerror}); check the folder and the space on the disk"
        raise OutputError(msg) from error
    finally:
        temporary.unlink(missing_ok=True)


def _frame_lines(tracked: TrackedFrames, number: int) -> list[str]:
    start = f"Seq_Frame{number:04d}_"
    lines = []
    sensors = {"Probe": tracked.tracker_from_probe, "Reference": tracked.tracker_from_reference}
    for name, poses in sensors.items():
        if poses:
            pose = poses[number]
            matrix = np.eye(4) if pose is None else pose.matrix
            numbers = " ".join(repr(float(value)) for value in matrix.ravel())
            lines += [
                f"{start}{name}ToTrackerTransform = {numbers}",
                f"{start}{name}ToTrackerTransformStatus = {'INVALID' if pose is None else 'OK'}",
            ]
    if tracked.frames.at_s is not None:
        lines.append(f"{start}Timestamp = {float(tracked.frames.at_s[number])!r}")
    return [*lines, f"{start}ImageStatus = OK"]
