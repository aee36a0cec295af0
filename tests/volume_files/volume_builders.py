"""Research files made byte by byte, so that what the header says is known exactly."""

import gzip
import struct
from pathlib import Path

import numpy as np

VALUES = (np.arange(3 * 4 * 5, dtype=np.int16) * 40 - 1000).reshape(3, 4, 5)


def nifti(
    path: Path,
    values: np.ndarray = VALUES,
    *,
    units: int = 2,
    sform: np.ndarray | None = None,
    qform: tuple[float, ...] | None = None,
    spacing: tuple[float, float, float] = (1.0, 2.0, 3.0),
    qfac: float = 1.0,
    big_endian: bool = False,
    size: tuple[int, ...] | None = None,
    slope: float = 1.0,
) -> Path:
    """A NIfTI-1 file; ``qform`` is quaternion b, c, d and the offset, ``sform`` a 3×4 affine."""
    order = ">" if big_endian else "<"
    kinds = {"int16": (4, 16), "uint8": (2, 8), "float32": (16, 32), "int32": (8, 32)}
    code, bits = kinds[values.dtype.name]
    size = size or values.shape[::-1]
    head = bytearray(352)

    def put(offset: int, form: str, *numbers: float) -> None:
        struct.pack_into(order + form, head, offset, *numbers)

    put(0, "i", 348)
    put(40, "8h", len(size), *size, *[1] * (7 - len(size)))
    put(70, "2h", code, bits)
    put(76, "8f", qfac, *spacing, 0, 0, 0, 0)
    put(108, "3f", 352, slope, 0)
    head[123] = units
    if qform is not None:
        put(252, "h", 1)
        put(256, "6f", *qform)
    if sform is not None:
        put(254, "h", 1)
        put(280, "12f", *np.asarray(sform).ravel())
    head[344:348] = b"n+1\0"
    raw = bytes(head) + values.astype(values.dtype.newbyteorder(order)).tobytes()
    path.write_bytes(gzip.compress(raw) if path.suffix == ".gz" else raw)
    return path


def nrrd(path: Path, *fields: str, values: np.ndarray = VALUES) -> Path:
    """An NRRD file with these extra header fields."""
    kind = {"int16": "short", "uint8": "uchar", "float32": "float"}[values.dtype.name]
    lines = [
        "NRRD0004",
        "# made for a test",
        f"type: {kind}",
        f"dimension: {values.ndim}",
        f"sizes: {' '.join(str(n) for n in values.shape[::-1])}",
        "endian: little",
        "encoding: raw",
        *fields,
    ]
    path.write_bytes("\n".join([*lines, "", ""]).encode() + values.tobytes())
    return path


def metaimage(path: Path, *fields: str, values: np.ndarray = VALUES, spacing: str | None = "1 2 3") -> Path:
    """A MetaImage file in one piece with these extra header fields."""
    kind = {"int16": "MET_SHORT", "float32": "MET_FLOAT"}[values.dtype.name]
    lines = [
        "ObjectType = Image",
        "NDims = 3",
        "BinaryData = True",
        "BinaryDataByteOrderMSB = False",
        *fields,
        *([f"ElementSpacing = {spacing}"] if spacing is not None else []),
        f"DimSize = {' '.join(str(n) for n in values.shape[::-1])}",
        f"ElementType = {kind}",
        "ElementDataFile = LOCAL",
        "",
    ]
    path.write_bytes("\n".join(lines).encode() + values.tobytes())
    return path
