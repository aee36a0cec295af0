"""A first look at a file: to which series it belongs, without reading its header in full.

A course of treatment has thousands of slices of which only one per series says anything new. The look is at
the bytes of the first elements (PS3.5 7.1), and gives up on everything unusual: the full reader decides then.
"""

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_PEEKED_BYTES: Final = 8192
_IMPLICIT: Final = b"1.2.840.10008.1.2"
_UNLIKE: Final = (b"1.2.840.10008.1.2.2", b"1.2.840.10008.1.2.1.99")
"""Big endian and deflated are left to the full reader."""
_LONG_VRS: Final = frozenset(
    (b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ", b"SV", b"UC", b"UN", b"UR", b"UT", b"UV")
)
_UNDEFINED: Final = 0xFFFFFFFF
_SYNTAX, _CLASS, _INSTANCE = 0x00020010, 0x00080016, 0x00080018
_PATIENT, _POSITION, _SERIES, _FRAME = 0x00100020, 0x00185100, 0x0020000E, 0x00200052


@dataclass(frozen=True, slots=True)
class Peeked:
    """What a file belongs to: equal for all slices of a series, but for the instance."""

    sop_class_uid: str
    patient_id: bytes
    patient_position: bytes
    series_instance_uid: str
    frame_of_reference_uid: str


def peek(path: Path) -> tuple[Peeked, str] | None:
    """Return what a file belongs to and its SOPInstanceUID; None where only the full reader can tell."""
    try:
        with path.open("rb") as stream:
            start = stream.read(_PEEKED_BYTES)
    except OSError:
        return None
    if start[128:132] != b"DICM":
        return None
    meta, offset = _elements(start, 132, last=0x0002FFFF, is_implicit=False)
    syntax = meta.get(_SYNTAX, b"")
    if offset < 0 or not syntax or syntax.startswith(_UNLIKE):
        return None
    found, offset = _elements(start, offset, last=_FRAME, is_implicit=syntax == _IMPLICIT)
    texts = {
        tag: found.get(tag, b"").decode("ascii", "replace") for tag in (_CLASS, _SERIES, _FRAME, _INSTANCE)
    }
    if offset < 0 or not all(texts[tag] for tag in (_CLASS, _SERIES, _INSTANCE)):
        return None
    belonging = Peeked(
        sop_class_uid=texts[_CLASS],
        patient_id=found.get(_PATIENT, b""),
        patient_position=found.get(_POSITION, b""),
        series_instance_uid=texts[_SERIES],
        frame_of_reference_uid=texts[_FRAME],
    )
    return belonging, texts[_INSTANCE]


def _elements(start: bytes, offset: int, *, last: int, is_implicit: bool) -> tuple[dict[int, bytes], int]:
    """Return the values up to the tag ``last`` without padding, and where they end; -1 for not found."""
    found: dict[int, bytes] = {}
    while offset + 12 <= len(start):
        group, element = struct.unpack_from("<HH", start, offset)
        tag = group << 16 | element
        if tag > last:
            return found, offset
        if is_implicit:
            width, (length,) = 8, struct.unpack_from("<I", start, offset + 4)
        elif start[offset + 4 : offset + 6] in _LONG_VRS:
            width, (length,) = 12, struct.unpack_from("<I", start, offset + 8)
        else:
            width, (length,) = 8, struct.unpack_from("<H", start, offset + 6)
        if length == _UNDEFINED:
            break
        value = offset + width
        found[tag] = start[value : value + length].strip(b" \0")
        offset = value + length
    return found, -1
