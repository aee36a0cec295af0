"""A three-dimensional image: values on a grid."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from isoguide.errors import GeometryError
from isoguide.geometry.grid import Grid

VolumeValues = NDArray[np.int16] | NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Volume:
    """A scalar image.

    Parameters
    ----------
    grid
        Where the voxels are.
    values
        Array ``[k, j, i]`` of int16 or float32 (not copied when it is read-only already); NaN is not allowed.
    is_hounsfield
        True when the values are Hounsfield units of a calibrated CT; False for cone-beam CT and grey values.
    source
        What the user knows this image by: a file, a folder, or a series description.

    Raises
    ------
    GeometryError
        If the array does not fit the grid, has another type, or holds a value that is not finite.
    """

    grid: Grid
    values: VolumeValues
    is_hounsfield: bool = True
    source: str = ""

    def __post_init__(self) -> None:
        values = self.values
        if values.shape != self.grid.shape:
            msg = f"the image array has the shape {values.shape} but its grid says {self.grid.shape}"
            raise GeometryError(msg)
        if values.dtype not in (np.dtype(np.int16), np.dtype(np.float32)):
            msg = f"image values must be int16 or float32, not {values.dtype}"
            raise GeometryError(msg)
        if values.dtype == np.float32 and not np.isfinite(values.sum()) and not np.isfinite(values).all():
            msg = f"the image {self.source or 'array'} holds values that are not finite numbers"
            raise GeometryError(msg)
        if values.flags.writeable or not values.flags.c_contiguous:
            values = values.copy(order="C")
            values.flags.writeable = False
            object.__setattr__(self, "values", values)
