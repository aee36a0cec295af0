"""The MetaImage header: one coordinate system, LPS in millimetres, unless the file says otherwise."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import numpy as np

from isoguide.errors import UnreadableError
from isoguide.geometry.frames import Array
from isoguide.units import MM_PER_CM, MM_PER_M, MM_PER_MICROMETRE
from isoguide.volume_files.placement import Placement, unknown_units

_LONGEST_HEADER_BYTES: Final = 65536
_MM_PER_UNIT: Final[Mapping[str, float]] = {
    "": 1.0,
    "mm": 1.0,
    "cm": MM_PER_CM,
    "m": MM_PER_M,
    "um": MM_PER_MICROMETRE,
}
_BYTES_PER_VALUE: Final[Mapping[str, int]] = {
    "MET_CHAR": 1,
    "MET_UCHAR": 1,
    "MET_SHORT": 2,
    "MET_USHORT": 2,
    "MET_INT": 4,
    "MET_UINT": 4,
    "MET_LONG_LONG": 8,
    "MET_ULONG_LONG": 8,
    "MET_FLOAT": 4,
    "MET_DOUBLE": 8,
}
"""Types whose size is the same everywhere; the length of others is left to the reader of the voxels."""
_LPS_NAMES: Final = ("", "RAI", "LPS")
"""MetaImage names the corner that axes come from, so RAI is LPS; many writers put LPS for the same thing."""


def read_fields(path: Path) -> dict[str, str]:
    """Read the ``Key = value`` lines up to ElementDataFile, keys as written.

    Raises
    ------
    UnreadableError
        If it is not MetaImage.
    """
    with path.open("rb") as stream:
        head = stream.read(_LONGEST_HEADER_BYTES)
    fields: dict[str, str] = {}
    for line in head.split(b"\n"):
        name, mark, value = line.decode("latin-1").partition("=")
        if not mark:
            break
        fields[name.strip()] = value.strip()
        if name.strip() == "ElementDataFile":
            return fields
    msg = f"{path} is not a MetaImage file; give another one"
    raise UnreadableError(msg)


def check_complete(fields: Mapping[str, str], path: Path) -> None:
    """Refuse a file with fewer bytes of voxels than its header announces.

    The library that reads the voxels would complain on standard error, beside our own sentence.

    Raises
    ------
    UnreadableError
        If so, or the file with the voxels is not there.
    """
    name = fields["ElementDataFile"]
    is_local = name.upper() == "LOCAL"
    data = path if is_local else path.with_name(name)
    if not is_local and (name.upper().startswith("LIST") or "%" in name):
        return
    if not data.is_file():
        msg = f"{path} names {name} for its voxels, which is not there; copy both files"
        raise UnreadableError(msg)
    needed = _announced_bytes(fields) + (_header_bytes(path) if is_local else 0)
    if data.stat().st_size < needed:
        msg = f"{data} is truncated: {needed} bytes are announced; copy it again"
        raise UnreadableError(msg)


def _announced_bytes(fields: Mapping[str, str]) -> int:
    """Bytes of the voxels as they lie in the file, 0 where the header does not tell."""
    try:
        if fields.get("CompressedData", "False").upper() == "TRUE":
            return int(fields.get("CompressedDataSize", "0"))
        size = [int(part) for part in fields.get("DimSize", "0").split()]
        channels = int(fields.get("ElementNumberOfChannels", "1"))
    except ValueError:
        return 0
    return math.prod(size) * channels * _BYTES_PER_VALUE.get(fields.get("ElementType", ""), 0)


def _header_bytes(path: Path) -> int:
    with path.open("rb") as stream:
        head = stream.read(_LONGEST_HEADER_BYTES)
    return head.index(b"\n", head.index(b"ElementDataFile")) + 1


def place(fields: Mapping[str, str], path: Path, *, assume_mm: bool) -> Placement:
    """Place the voxels in patient LPS mm.

    Raises
    ------
    MissingEvidenceError
        If its DistanceUnits are unknown and ``assume_mm`` is not given.
    UnreadableError
        If its matrix, origin or spacing cannot be read.
    """
    units = fields.get("DistanceUnits", "").lower()
    warnings: tuple[str, ...] = ()
    scale = _MM_PER_UNIT.get(units)
    if scale is None:
        if not assume_mm:
            raise unknown_units(path, f"has the units {units}")
        scale = 1.0
        warnings += (f"{path} has the units {units}: millimetres were assumed as asked",)
    orientation = fields.get("AnatomicalOrientation", "").upper()
    if orientation not in _LPS_NAMES:
        warnings += (f"{path} states the orientation {orientation}; its matrix is taken for patient LPS",)
    axes = _numbers(fields, ("TransformMatrix", "Orientation", "Rotation"), 9, path)
    origin = _numbers(fields, ("Offset", "Position", "Origin"), 3, path)
    spacing = _numbers(fields, ("ElementSpacing", "ElementSize"), 3, path)
    if spacing is None:
        raise UnreadableError(f"{path} has no ElementSpacing; save it with its geometry")
    matrix = np.eye(4)
    # The matrix lists the direction of each voxel axis in turn.
    matrix[:3, :3] = (np.eye(3) if axes is None else axes.reshape(3, 3)).T * spacing
    matrix[:3, 3] = 0.0 if origin is None else origin
    return Placement(np.diag([scale, scale, scale, 1.0]) @ matrix, warnings)


def _numbers(fields: Mapping[str, str], names: tuple[str, ...], count: int, path: Path) -> Array | None:
    text = next((fields[name] for name in names if name in fields), None)
    if text is None:
        return None
    try:
        values = np.array(text.split(), dtype=np.float64)
    except ValueError:
        values = np.empty(0)
    if values.size != count:
        msg = f"{path} has the {names[0]} '{text}' instead of {count} numbers; only 3-D images can be used"
        raise UnreadableError(msg)
    return values
