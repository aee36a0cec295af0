"""An ultrasound volume as a page takes it: brightness, how far the sound reached, what lies in a shadow."""

from dataclasses import dataclass
from typing import Final, Literal, Self

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from isoguide.errors import MissingEvidenceError
from isoguide.geometry.grid import Grid
from isoguide.images.ultrasound_volume import UltrasoundVolume
from isoguide.workflow.clinic.pictures.voxel_bytes import Int16, VoxelBytes

UltrasoundPart = Literal["brightness", "fan", "shadow"]

NOT_IMAGED: Final = np.iinfo(np.int16).min
"""Brightness of a voxel that was not seen: the page shows and measures nothing there."""
INSIDE: Final = -32
"""Of a mask inside, and with the other sign outside: the page draws its edge where it is zero."""
EDGE_VOXELS: Final = 3
"""The edge of the fan is drawn through the means of so many voxels, so that it has no stairs."""


@dataclass(frozen=True, slots=True, eq=False)
class UltrasoundVoxels:
    """Brightness 0 to 255 or :data:`NOT_IMAGED`; fan, and shadow where there is one, below zero inside."""

    brightness: VoxelBytes
    fan: VoxelBytes
    shadow: VoxelBytes | None

    @classmethod
    def of(cls, volume: UltrasoundVolume) -> Self:
        """Take a volume."""
        brightness = np.where(volume.seen, volume.values.astype(np.int16), np.int16(NOT_IMAGED))
        # Beyond the grid nothing was seen: the edge of the fan goes round a volume that fills its grid.
        around = np.pad(volume.seen, 1)
        share = ndimage.uniform_filter(around.astype(np.float32), EDGE_VOXELS, mode="constant")
        fan = np.rint((1.0 - 2.0 * share) * -INSIDE).astype(np.int16)
        shadow = None
        if volume.shadowed.any():
            shadow = VoxelBytes.of(volume.grid, _mask(volume.shadowed))
        return cls(VoxelBytes.of(volume.grid, brightness), VoxelBytes.of(_around(volume.grid), fan), shadow)

    def part(self, name: UltrasoundPart) -> VoxelBytes:
        """Return one of the three by its name.

        Raises
        ------
        MissingEvidenceError
            If there is no shadow.
        """
        found: VoxelBytes | None = getattr(self, name)
        if found is None:
            msg = (
                "nothing of this ultrasound lies in a shadow, so there is no mask of it: load the page again"
            )
            raise MissingEvidenceError(msg)
        return found


def _mask(inside: NDArray[np.bool_]) -> Int16:
    return np.where(inside, np.int16(INSIDE), np.int16(-INSIDE))


def _around(grid: Grid) -> Grid:
    """Return the grid with one more voxel on every side."""
    k, j, i = grid.shape
    origin_mm = grid.xyz(np.array([-1.0, -1.0, -1.0]))
    return Grid(grid.frame, (k + 2, j + 2, i + 2), grid.spacing_mm, origin_mm, grid.direction)
