"""The MetaImage header: one coordinate system, LPS in millimetres, unless the file says otherwise."""

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
