"""DICOM files as they go to disk: identifiers, decimal strings, file meta information, and safe saving.

A file appears under its name complete or not at all: it is written under a temporary name beside its place,
flushed to the disk, and renamed.
"""

import hashlib
import io
import os
import secrets
import uuid
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Final

from pydicom.charset import default_encoding
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.filewriter import dcmwrite
from pydicom.tag import Tag
from pydicom.uid import UID, ExplicitVRLittleEndian
from pydicom.valuerep import format_number_as_ds

from isoguide.errors import OutputError

MANUFACTURER: Final = "isoguide"
CHARACTER_SET: Final = "ISO_IR 192"
"""Everything is written in UTF-8, so that no name loses a letter."""


def software_version() -> str:
    """Return the version of the installed package, as it is written to SoftwareVersions (0018,1020)."""
    return version("isoguide")


def new_uid() -> str:
    """Return a fresh UID under 2.25 (a random UUID as a decimal, ITU-T X.667, PS3.5 B.2)."""
    return f"2.25.{uuid.uuid4().int}"


def derived_uid(*seeds: str) -> str:
    """Return the UID under 2.25 that always belongs to these strings, so that examples are reproducible.

    The first 16 bytes of the SHA-256 of the strings become a name-based UUID (RFC 9562 version 8).
    """
    digest = bytearray(hashlib.sha256("\x1f".join(seeds).encode()).digest()[:16])
    digest[6] = digest[6] & 0x0F | 0x80
    digest[8] = digest[8] & 0x3F | 0x80
    return f"2.25.{uuid.UUID(bytes=bytes(digest)).int}"


_ENCODING_ERRORS: Final = (
    ValueError,
    TypeError,
    AttributeError,
    OverflowError,
    NotImplementedError,
    OSError,
)
"""What pydicom raises when a value cannot be encoded as its value representation (OSError for numbers)."""

IMPLEMENTATION_CLASS_UID: Final = derived_uid("isoguide", "implementation class")


def decimal_string(value: float) -> str:
    """Write a number as a DICOM decimal string of at most 16 characters (PS3.5 6.2, VR DS).

    Raises
    ------
    OutputError
        If the number is not finite.
    """
    try:
        return str(format_number_as_ds(float(value) + 0.0))  # adding zero turns -0.0 into 0.0
    except ValueError as error:
        msg = f"the value {value} cannot be written to DICOM: it is not a finite number; correct the input"
        raise OutputError(msg) from error


def decimal_strings(values: Sequence[float]) -> list[str]:
    """Write several numbers as decimal strings, see :func:`decimal_string`."""
    return [decimal_string(value) for value in values]


def set_many_decimals(item: Dataset, keyword: str, values: Sequence[float]) -> None:
    """Set an attribute of type DS of a new, unnamed item to many numbers, see :func:`decimal_strings`.

    pydicom checks and wraps every number it is given, seconds for the vertices of a structure set: here it
    gets the bytes as they go to the file, and is told that the item has them in the file's encoding.
    """
    text = "\\".join(decimal_strings(values))
    content = (text + " " * (len(text) % 2)).encode("ascii")
    tag = Tag(keyword)
    item[tag] = RawDataElement(
        tag, "DS", len(content), content, 0, is_implicit_VR=False, is_little_endian=True
    )
    item.set_original_encoding(
        is_implicit_vr=False, is_little_endian=True, character_encoding=default_encoding
    )


def shortened(text: str, length: int) -> str:
    """Cut ``text`` to the length its value representation allows; backslashes would separate values."""
    return text.replace("\\", "/").strip()[:length]


def file_meta(sop_class_uid: str, sop_instance_uid: str) -> FileMetaDataset:
    """Return the file meta information (PS3.10 7.1) of an uncompressed explicit VR little endian file."""
    meta = FileMetaDataset()
    meta.FileMetaInformationVersion = b"\x00\x01"
    meta.MediaStorageSOPClassUID = UID(sop_class_uid)
    meta.MediaStorageSOPInstanceUID = UID(sop_instance_uid)
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.ImplementationClassUID = UID(IMPLEMENTATION_CLASS_UID)
    meta.ImplementationVersionName = shortened(f"ISOGUIDE_{software_version()}", 16)
    return meta


def save_dataset(path: Path, dataset: Dataset) -> None:
    """Save ``dataset``, which has its file meta information, as ``path``, complete or not at all.

    An existing file of that name is replaced; whether that is wanted is the caller's decision.

    Raises
    ------
    OutputError
        If the folder does not exist or cannot be written, or a value does not fit its DICOM type.
    """
    content = _encoded(path, dataset)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        with temporary.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        msg = f"cannot write {path} ({error.strerror or error}); choose a folder that can be written"
        raise OutputError(msg) from error
    finally:
        temporary.unlink(missing_ok=True)


def _encoded(path: Path, dataset: Dataset) -> bytes:
    buffer = io.BytesIO()
    try:
        dcmwrite(buffer, dataset, enforce_file_format=True)
    except _ENCODING_ERRORS as error:
        reason = str(error).partition("\n")[0]  # pydicom appends a traceback
        msg = f"cannot write {path}: a value does not fit its attribute ({reason}); correct the input"
        raise OutputError(msg) from error
    return buffer.getvalue()
