"""The NIfTI-1 header: units, and which of three ways places the voxels (nifti1.h, "3D IMAGE ORIENTATION")."""

import gzip
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from isoguide.errors import GeometryError, UnreadableError
from isoguide.geometry.frames import Array
from isoguide.units import MM_PER_M, MM_PER_MICROMETRE
from isoguide.volume_files.placement import ASSUME_OPTION, Placement, unknown_units

_HEADER_BYTES: Final = 348
_MM_PER_UNIT: Final = {1: MM_PER_M, 2: 1.0, 3: MM_PER_MICROMETRE}
_FORMS_AGREE_MM: Final = 0.05
_LPS_FROM_RAS: Final = np.diag([-1.0, -1.0, 1.0, 1.0])


@dataclass(frozen=True, slots=True, eq=False)
class NiftiHeader:
    """The fields that place the voxels; matrices RAS in the units of the file, None where their code is 0."""

    size: tuple[int, ...]
    bits: int
    data_offset: int
    pixel_sizes: tuple[float, ...]
    space_unit: int
    quaternion_form: Array | None
    affine_form: Array | None


def read_header(path: Path) -> NiftiHeader:
    """Read the header of a ``.nii`` or ``.nii.gz`` file.

    Raises
    ------
    UnreadableError
        If it is truncated, damaged or not NIfTI-1.
    """
    try:
        with gzip.open(path) if path.name.lower().endswith(".gz") else path.open("rb") as stream:
            head = stream.read(_HEADER_BYTES)
    except (OSError, EOFError, zlib.error) as error:
        msg = f"{path} cannot be read as NIfTI: it is damaged; copy it again"
        raise UnreadableError(msg) from error
    order = "<" if head[:4] == struct.pack("<i", _HEADER_BYTES) else ">"
    is_nifti = head[:4] == struct.pack(order + "i", _HEADER_BYTES) and head[344:348] == b"n+1\0"
    if not is_nifti:
        msg = f"{path} is not a NIfTI-1 file in one piece; save it as one"
        raise UnreadableError(msg)
    dimensions = struct.unpack(order + "8h", head[40:56])
    quaternion_code, affine_code = struct.unpack(order + "2h", head[252:256])
    pixel_sizes = struct.unpack(order + "8f", head[76:108])
    return NiftiHeader(
        size=dimensions[1 : 1 + max(0, min(dimensions[0], 7))],
        bits=struct.unpack(order + "h", head[72:74])[0],
        data_offset=int(struct.unpack(order + "f", head[108:112])[0]),
        pixel_sizes=pixel_sizes,
        space_unit=head[123] & 0x07,
        quaternion_form=_quaternion_form(struct.unpack(order + "6f", head[256:280]), pixel_sizes)
        if quaternion_code > 0
        else None,
        affine_form=np.vstack([np.reshape(struct.unpack(order + "12f", head[280:328]), (3, 4)), [0, 0, 0, 1]])
        if affine_code > 0
        else None,
    )


def place(header: NiftiHeader, path: Path, *, assume_mm: bool) -> Placement:
    """Place the voxels in patient LPS mm.

    Raises
    ------
    MissingEvidenceError
        If the file does not say its units or its orientation and ``assume_mm`` is not given.
    GeometryError
        If its two orientations contradict each other.
    """
    scale = _MM_PER_UNIT.get(header.space_unit)
    warnings: tuple[str, ...] = ()
    if scale is None:
        if not assume_mm:
            raise unknown_units(path, "does not say the units of its voxel sizes")
        scale = 1.0
        warnings += (f"{path} does not say its units: millimetres were assumed as asked",)
    if header.affine_form is None and header.quaternion_form is None:
        if not assume_mm:
            raise unknown_units(path, "does not say how its voxels lie in the patient")
        warnings += (
            f"{path} states no orientation: its axes are taken for patient left, posterior, superior",
        )
        return Placement(np.diag([*(abs(size) * scale for size in header.pixel_sizes[1:4]), 1.0]), warnings)
    form = header.affine_form if header.affine_form is not None else header.quaternion_form
    if header.affine_form is not None and header.quaternion_form is not None:
        _check_forms(header.affine_form, header.quaternion_form, header.size, path)
    scaled = np.diag([scale, scale, scale, 1.0]) @ np.asarray(form)
    return Placement(_LPS_FROM_RAS @ scaled, warnings)


def _quaternion_form(values: tuple[float, ...], pixel_sizes: tuple[float, ...]) -> Array:
    b, c, d, *offset = values
    a = float(np.sqrt(max(0.0, 1.0 - (b * b + c * c + d * d))))
    rotation = np.array(
        [
            [a * a + b * b - c * c - d * d, 2 * (b * c - a * d), 2 * (b * d + a * c)],
            [2 * (b * c + a * d), a * a + c * c - b * b - d * d, 2 * (c * d - a * b)],
            [2 * (b * d - a * c), 2 * (c * d + a * b), a * a + d * d - b * b - c * c],
        ]
    )
    handedness = -1.0 if pixel_sizes[0] < 0.0 else 1.0
    form = np.eye(4)
    form[:3, :3] = rotation * np.array([pixel_sizes[1], pixel_sizes[2], handedness * pixel_sizes[3]])
    form[:3, 3] = offset
    return form


def _check_forms(affine: Array, quaternion: Array, size: tuple[int, ...], path: Path) -> None:
    corner = np.array([*(n - 1.0 for n in size[:3]), 1.0])
    difference = affine - quaternion
    apart = max(float(np.abs(difference @ corner).max()), float(np.abs(difference[:, 3]).max()))
    if apart > _FORMS_AGREE_MM:
        msg = (
            f"{path} states two orientations (qform and sform) that differ by {apart:.2f} units; "
            f"save it with one of them ({ASSUME_OPTION} does not help here)"
        )
        raise GeometryError(msg)
