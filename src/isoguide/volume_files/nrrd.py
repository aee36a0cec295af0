"""The NRRD header: space, directions and units (teem.sourceforge.net/nrrd/format.html)."""

import re
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
    "mm": 1.0,
    "millimeter": 1.0,
    "millimeters": 1.0,
    "cm": MM_PER_CM,
    "m": MM_PER_M,
    "um": MM_PER_MICROMETRE,
}
_TO_LPS: Final[Mapping[str, tuple[float, float, float]]] = {
    "left-posterior-superior": (1.0, 1.0, 1.0),
    "lps": (1.0, 1.0, 1.0),
    "right-anterior-superior": (-1.0, -1.0, 1.0),
    "ras": (-1.0, -1.0, 1.0),
    "left-anterior-superior": (1.0, -1.0, 1.0),
    "las": (1.0, -1.0, 1.0),
}


def read_fields(path: Path) -> dict[str, str]:
    """Read the ``field: value`` lines of a header, names in lower case.

    Raises
    ------
    UnreadableError
        If it is not NRRD.
    """
    with path.open("rb") as stream:
        head = stream.read(_LONGEST_HEADER_BYTES)
    if not head.startswith(b"NRRD000"):
        msg = f"{path} is not an NRRD file; give another one"
        raise UnreadableError(msg)
    text = re.split(rb"\r?\n\r?\n", head, maxsplit=1)[0].decode("latin-1")
    lines = [line for line in text.splitlines()[1:] if not line.startswith("#")]
    return {
        name.strip().lower(): value.strip()
        for name, mark, value in (line.partition(": ") for line in lines)
        if mark
    }


def place(fields: Mapping[str, str], path: Path, *, assume_mm: bool) -> Placement:
    """Place the voxels in patient LPS mm.

    The patient spaces of NRRD are in millimetres by the custom of every writer, so units are only asked for
    where the file has no such space.

    Raises
    ------
    MissingEvidenceError
        If the file has neither a known space nor units and ``assume_mm`` is not given.
    UnreadableError
        If directions or origin cannot be read.
    """
    space = fields.get("space", "").lower()
    flips = _TO_LPS.get(space)
    units = re.findall(r'"([^"]*)"', fields.get("space units", ""))
    scale, warnings = _scale(units, path, is_patient_space=flips is not None, assume_mm=assume_mm)
    if flips is None:
        named = f"the space '{space}'" if space else "no patient space"
        warnings += (f"{path} states {named}: its axes are taken for patient left, posterior, superior",)
    axes = _vectors(fields.get("space directions", ""), path)
    matrix = np.eye(4)
    matrix[:3, :3] = (axes if axes is not None else _spacings(fields, path)).T
    origin = _vectors(fields.get("space origin", ""), path)
    matrix[:3, 3] = 0.0 if origin is None else origin[0]
    return Placement(np.diag([*(np.array(flips or (1.0, 1.0, 1.0)) * scale), 1.0]) @ matrix, warnings)


def _scale(
    units: list[str], path: Path, *, is_patient_space: bool, assume_mm: bool
) -> tuple[float, tuple[str, ...]]:
    if units and len(set(units)) == 1 and units[0].lower() in _MM_PER_UNIT:
        return _MM_PER_UNIT[units[0].lower()], ()
    if units and not assume_mm:
        raise unknown_units(path, f"has the units {', '.join(sorted(set(units)))}")
    if is_patient_space and not units:
        return 1.0, ()
    if not assume_mm:
        raise unknown_units(path, "says neither the units of its voxel sizes nor a patient space")
    return 1.0, (f"{path} does not say its units: millimetres were assumed as asked",)


def _vectors(text: str, path: Path) -> Array | None:
    found = re.findall(r"\(([^)]*)\)", text)
    if not found:
        return None
    try:
        vectors = np.array([part.split(",") for part in found], dtype=np.float64)
    except ValueError as error:
        msg = f"{path} has directions or an origin that are not numbers ({text}); save it again"
        raise UnreadableError(msg) from error
    if vectors.shape not in ((3, 3), (1, 3)):
        msg = (
            f"{path} has {len(found)} directions instead of 3; only three-dimensional grey images can be used"
        )
        raise UnreadableError(msg)
    return vectors


def _spacings(fields: Mapping[str, str], path: Path) -> Array:
    try:
        sizes = [float(value) for value in fields.get("spacings", "").split()]
    except ValueError:
        sizes = []
    if len(sizes) != 3:
        msg = f"{path} has neither space directions nor three spacings; save it with its geometry"
        raise UnreadableError(msg)
    return np.diag(sizes)
