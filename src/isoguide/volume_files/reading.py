"""Reading a research file into a volume: voxels through SimpleITK, geometry from the header itself.

SimpleITK silently takes files without units for millimetres, invents an orientation where there is none and
repairs what it cannot represent; a position must not rest on that.
"""

import gzip
import hashlib
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from isoguide.errors import UnreadableError
from isoguide.geometry.frames import Frame
from isoguide.geometry.grid import Grid
from isoguide.images.volume import Volume, VolumeValues
from isoguide.volume_files import metaimage, nifti, nrrd
from isoguide.volume_files.grey_values import grey_values
from isoguide.volume_files.placement import Placement, axes_of
from isoguide.volume_files.tracked_sequence import is_tracked_sequence

NIFTI_SUFFIXES: Final = (".nii", ".nii.gz")
NRRD_SUFFIXES: Final = (".nrrd", ".nhdr")
META_SUFFIXES: Final = (".mha", ".mhd")
AIR_BELOW_HU: Final = -900.0
BONE_ABOVE_HU: Final = 100.0
"""Values look like Hounsfield units when some lie below the one and some above the other."""
_CHUNK_BYTES: Final = 1 << 20


@dataclass(frozen=True, slots=True, eq=False)
class VolumeFile:
    """A volume, what the user should know about it, and the SHA-256 of the file it came from."""

    volume: Volume
    warnings: tuple[str, ...]
    sha256: str


def is_volume_file(path: Path | str) -> bool:
    """Tell by the name whether a path is a NIfTI, NRRD or MetaImage file."""
    path = Path(path)
    return path.name.lower().endswith(NIFTI_SUFFIXES + NRRD_SUFFIXES + META_SUFFIXES) and not path.is_dir()


def read_volume_file(path: Path | str, frame: Frame, *, assume_mm: bool = False) -> Volume:
    """Read a three-dimensional grey image; :func:`load_volume_file` returns its warnings as well."""
    return load_volume_file(path, frame, assume_mm=assume_mm).volume


def load_volume_file(path: Path | str, frame: Frame, *, assume_mm: bool = False) -> VolumeFile:
    """Read a three-dimensional grey image with what the user should know about it.

    Parameters
    ----------
    path
        A ``.nii``, ``.nii.gz``, ``.nrrd``, ``.nhdr``, ``.mha`` or ``.mhd`` file.
    frame
        The frame to put the volume in.
    assume_mm
        The user says that lengths without units are millimetres, and that a file without orientation has its
        axes along patient left, posterior, superior.

    Returns
    -------
    VolumeFile
        Values are int16 where that holds them exactly, otherwise float32; they count as Hounsfield units only
        when they look like them.

    Raises
    ------
    MissingEvidenceError
        If units or orientation are not stated and not assumed, or SimpleITK is not installed.
    GeometryError
        If the axes are sheared.
    UnreadableError
        If the file is damaged, or not a three-dimensional grey image.
    """
    path = Path(path)
    if not path.is_file():
        msg = f"{path} is not a file; give a NIfTI, NRRD or MetaImage file"
        raise UnreadableError(msg)
    if is_tracked_sequence(path):
        msg = f"{path} is a recording of flat ultrasound images, not a volume; reconstruct one from it first"
        raise UnreadableError(msg)
    try:
        placement = _placement(path, assume_mm=assume_mm)
        spacing_mm, direction = axes_of(placement, path)
        values = _values(path)
        digest = _sha256(path)
    except OSError as error:
        msg = f"{path} cannot be read ({error.strerror}); check the file and its permissions"
        raise UnreadableError(msg) from error
    grid = Grid(frame, values.shape, spacing_mm, placement.lps_from_index[:3, 3], direction)
    looks_like_hu = float(values.min()) <= AIR_BELOW_HU and float(values.max()) >= BONE_ABOVE_HU
    warnings = placement.warnings
    if not looks_like_hu:
        warnings += (f"the values of {path} do not look like Hounsfield units: they are used as grey values",)
    return VolumeFile(Volume(grid, values, is_hounsfield=looks_like_hu, source=str(path)), warnings, digest)


def _placement(path: Path, *, assume_mm: bool) -> Placement:
    name = path.name.lower()
    if name.endswith(NIFTI_SUFFIXES):
        header = nifti.read_header(path)
        _check_complete(header, path)
        return nifti.place(header, path, assume_mm=assume_mm)
    if name.endswith(NRRD_SUFFIXES):
        return nrrd.place(nrrd.read_fields(path), path, assume_mm=assume_mm)
    if name.endswith(META_SUFFIXES):
        fields = metaimage.read_fields(path)
        metaimage.check_complete(fields, path)
        return metaimage.place(fields, path, assume_mm=assume_mm)
    msg = f"{path} has a name that is not known; give a NIfTI, NRRD or MetaImage file"
    raise UnreadableError(msg)


def _check_complete(header: nifti.NiftiHeader, path: Path) -> None:
    """Refuse a NIfTI file that is not three-dimensional or shorter than its header says."""
    size = [n for n in header.size[3:] if n != 1]
    if len(header.size) < 3 or size or min(header.size[:3]) < 1:
        msg = (
            f"{path} has the size {' × '.join(map(str, header.size))}; only three-dimensional images can "
            "be used"
        )
        raise UnreadableError(msg)
    needed = header.data_offset + int(np.prod(header.size[:3], dtype=np.int64)) * header.bits // 8
    if _length(path) < needed:
        msg = f"{path} is truncated: {needed} bytes are announced; copy it again"
        raise UnreadableError(msg)


def _length(path: Path) -> int:
    if not path.name.lower().endswith(".gz"):
        return path.stat().st_size
    length = 0
    try:
        with gzip.open(path) as stream:
            while chunk := stream.read(_CHUNK_BYTES):
                length += len(chunk)
    except (EOFError, zlib.error, OSError):
        return 0
    return length


def _values(path: Path) -> VolumeValues:
    values = grey_values(path, instead="{} values per voxel; only grey images can be used")
    if values.ndim == 4 and values.shape[0] == 1:
        values = values[0]
    if values.ndim != 3:
        msg = f"{path} has {values.ndim} dimensions; only three-dimensional images can be used"
        raise UnreadableError(msg)
    return _exact(values, path)


def _exact(values: NDArray[Any], path: Path) -> VolumeValues:
    if values.dtype.kind not in "iuf":
        msg = f"{path} holds values of type {values.dtype}; only real numbers can be used"
        raise UnreadableError(msg)
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        msg = f"{path} holds values that are not finite numbers; replace them"
        raise UnreadableError(msg)
    limits = np.iinfo(np.int16)
    fits = values.min() >= limits.min and values.max() <= limits.max
    if fits and (values.dtype.kind in "iu" or np.array_equal(values, np.rint(values))):
        return values.astype(np.int16)
    return values.astype(np.float32)


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
