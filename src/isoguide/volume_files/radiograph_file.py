"""Radiographs from plain image files, TIFF, PNG and NRRD: values only, geometry comes from elsewhere."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from isoguide.errors import MissingEvidenceError, UnreadableError
from isoguide.volume_files.grey_values import grey_values

RADIOGRAPH_SUFFIXES: Final = (".tif", ".tiff", ".png", ".nrrd")


@dataclass(frozen=True, slots=True, eq=False)
class RadiographFile:
    """The values of a plain image.

    Parameters
    ----------
    values
        float32 ``[row, column]``, as stored.
    is_saturated
        bool ``[row, column]``: whole numbers at an end of the range of their type, such as 255 of 8 bits.
    sha256
        Of the file.
    """

    values: NDArray[np.float32]
    is_saturated: NDArray[np.bool_]
    sha256: str


def read_radiograph_file(path: Path | str) -> RadiographFile:
    """Read a two-dimensional grey image.

    Raises
    ------
    MissingEvidenceError
        If there is no such file, or SimpleITK is not installed.
    UnreadableError
        If the file is damaged, has another format, or is not one grey image of finite numbers.
    """
    path = Path(path)
    if not path.is_file():
        msg = f"there is no image {path}; correct the name or copy the file there"
        raise MissingEvidenceError(msg)
    if not path.name.lower().endswith(RADIOGRAPH_SUFFIXES):
        msg = f"{path} has a name that is not known; give a TIFF, PNG or NRRD file"
        raise UnreadableError(msg)
    stored = _stored(path)
    if stored.dtype.kind not in "iuf" or not np.isfinite(stored).all():
        msg = f"{path} holds values that are not finite numbers; save it again as a grey image"
        raise UnreadableError(msg)
    is_saturated = np.zeros(stored.shape, dtype=bool)
    if stored.dtype.kind in "iu":
        limits = np.iinfo(stored.dtype)
        is_saturated = (stored == limits.min) | (stored == limits.max)
    try:
        with path.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        msg = f"{path} cannot be read ({error.strerror}); check the file and its permissions"
        raise UnreadableError(msg) from error
    return RadiographFile(np.ascontiguousarray(stored, dtype=np.float32), is_saturated, digest)


def _stored(path: Path) -> NDArray[Any]:
    values = grey_values(path, instead="{} values per pixel; save it as a grey image")
    if values.ndim == 3 and values.shape[0] == 1:
        values = values[0]
    if values.ndim != 2:
        msg = f"{path} holds {' × '.join(map(str, values.shape[::-1]))} values; give one flat image per file"
        raise UnreadableError(msg)
    return values
