"""A three-dimensional ultrasound image: brightness on a grid, and what of it was seen."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from isoguide.errors import GeometryError
from isoguide.geometry.frames import Frame
from isoguide.geometry.grid import Grid
from isoguide.geometry.transforms import RigidTransform


@dataclass(frozen=True, slots=True, eq=False)
class UltrasoundVolume:
    """A volume that was swept by a probe.

    Parameters
    ----------
    grid
        Where the voxels are; its frame says in what: PLANNING at simulation, FIXED in the treatment room,
        DAILY once it is compared with the plan.
    values
        Brightness ``[k, j, i]``, uint8 (arrays are not copied when they are read-only already).
    seen
        Which voxels the sound reached inside the fan, bool ``[k, j, i]``; elsewhere there is no image.
    shadowed
        Which voxels lie behind bone or gas, where darkness says nothing of the tissue, bool ``[k, j, i]``;
        a part of ``seen``.
    source
        What the user knows this image by.

    Raises
    ------
    GeometryError
        If an array does not fit the grid or has another type, or nothing was seen.
    """

    grid: Grid
    values: NDArray[np.uint8]
    seen: NDArray[np.bool_]
    shadowed: NDArray[np.bool_]
    source: str = ""

    def __post_init__(self) -> None:
        for name, dtype in (("values", np.uint8), ("seen", np.bool_), ("shadowed", np.bool_)):
            array = getattr(self, name)
            if array.dtype != dtype or array.shape != self.grid.shape:
                msg = (
                    f"{name} of an ultrasound volume must be {np.dtype(dtype)} of the shape "
                    f"{self.grid.shape}, not {array.dtype} of {array.shape}"
                )
                raise GeometryError(msg)
            if array.flags.writeable or not array.flags.c_contiguous:
                array = array.copy(order="C")
                array.flags.writeable = False
                object.__setattr__(self, name, array)
        if not self.seen.any():
            msg = (
                f"nothing was seen in the ultrasound volume {self.source or 'given'}: scan the patient again"
            )
            raise GeometryError(msg)

    @property
    def frame(self) -> Frame:
        """The coordinate system of its place."""
        return self.grid.frame

    @property
    def trusted(self) -> NDArray[np.bool_]:
        """Which voxels say something of the tissue: seen, and not in a shadow; bool ``[k, j, i]``."""
        return self.seen & ~self.shadowed

    def in_frame(self, to_from: RigidTransform) -> "UltrasoundVolume":
        """Return the same image with its place in another coordinate system.

        Raises
        ------
        GeometryError
            If ``to_from`` does not start where the image is.
        """
        if to_from.from_frame != self.frame:
            msg = f"the ultrasound volume is in '{self.frame}', not in '{to_from.from_frame}'"
            raise GeometryError(msg)
        grid = replace(
            self.grid,
            frame=to_from.to_frame,
            origin_mm=to_from.apply(self.grid.origin_mm),
            direction=to_from.rotation @ self.grid.direction,
        )
        return replace(self, grid=grid)
