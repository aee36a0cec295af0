"""Voxels as a page takes them: little-endian int16, i fastest, then j, then k, with their SHA-256."""

import hashlib
from dataclasses import dataclass
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from isoguide.errors import GeometryError, InputError
from isoguide.geometry.grid import Grid
from isoguide.images.volume import Volume

Int16 = NDArray[np.int16]

LEAST_SPREAD: Final = 100.0
"""Grey values that span less than this would lose what they show when they are rounded."""


@dataclass(frozen=True, slots=True, eq=False)
class VoxelBytes:
    """Voxels and where they are.

    Parameters
    ----------
    grid
        Of the voxels.
    content
        2 bytes a voxel.
    sha256
        Of the content, hexadecimal.
    """

    grid: Grid
    content: memoryview
    sha256: str

    @classmethod
    def of(cls, grid: Grid, values: Int16) -> Self:
        """Take values ``[k, j, i]`` on a grid; they are not copied where they lie as they are sent.

        Raises
        ------
        GeometryError
            If they do not fit the grid.
        """
        if values.shape != grid.shape:
            msg = f"the voxels have the shape {values.shape} but their grid says {grid.shape}"
            raise GeometryError(msg)
        content = np.ascontiguousarray(values, dtype="<i2").data.cast("B").toreadonly()
        return cls(grid, content, hashlib.sha256(content).hexdigest())


def as_int16(volume: Volume) -> Int16:
    """Return the values ``[k, j, i]`` of an image as whole numbers: as they are where they are whole.

    Values with fractions, which a rescale slope that is not whole makes, are rounded to the nearest.

    Raises
    ------
    InputError
        If a value is beyond ±32767, or so small a range is spanned that rounding would flatten the image.
    """
    values = volume.values
    if values.dtype == np.int16:
        return values.astype(np.int16, copy=False)
    low, high = float(values.min()), float(values.max())
    limit = np.iinfo(np.int16)
    if low < limit.min or high > limit.max:
        msg = (
            f"the image {volume.source or 'given'} has values from {low:g} to {high:g}, more than can be "
            "drawn: export it in Hounsfield units"
        )
        raise InputError(msg)
    if high - low < LEAST_SPREAD:
        msg = (
            f"the image {volume.source or 'given'} has values from {low:g} to {high:g} only, which cannot be "
            "drawn as whole numbers: export it in Hounsfield units"
        )
        raise InputError(msg)
    return np.rint(values).astype(np.int16)
