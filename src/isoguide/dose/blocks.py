"""Blocks of voxels, for what scattered photons do: they fly decimetres, and their dose has no sharp edges.

Narrow cones for them would cost several times as much as electrons do; on blocks they cost a fraction.
"""

from dataclasses import dataclass
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import affine_transform, correlate1d

from isoguide.geometry.frames import Array

Float32 = NDArray[np.float32]

LARGEST_MM: Final = 6.0
"""Largest side of a block; a larger voxel is a block of its own."""


@dataclass(frozen=True, slots=True)
class Blocks:
    """Blocks of a lattice, with one more layer of them all around.

    Parameters
    ----------
    shape
        Voxels of the lattice, ``(k, j, i)``.
    voxels
        In a block, along k, j, i.
    """

    shape: tuple[int, int, int]
    voxels: tuple[int, int, int]

    @classmethod
    def of(cls, shape: tuple[int, int, int], spacing_mm: Array) -> Self:
        """Return as large blocks as may be of voxels with a spacing along i, j, k, (3,)."""
        k, j, i = (max(1, int(LARGEST_MM / spacing)) for spacing in spacing_mm[::-1])
        return cls(shape, (k, j, i))

    @property
    def count(self) -> tuple[int, int, int]:
        """Blocks along k, j, i."""
        k, j, i = (-(-size // voxels) + 2 for size, voxels in zip(self.shape, self.voxels, strict=True))
        return k, j, i

    def means(self, values: Float32) -> Float32:
        """Return the means of values ``[k, j, i]`` over blocks, (count); beyond the lattice there is 0."""
        whole = [size * voxels for size, voxels in zip(self.count, self.voxels, strict=True)]
        held = np.zeros(whole, np.float32)
        inside = (slice(first, first + size) for first, size in zip(self.voxels, self.shape, strict=True))
        held[tuple(inside)] = values
        for axis, voxels in enumerate(self.voxels):
            along = np.moveaxis(held, axis, 0)
            held = np.moveaxis(sum((along[n::voxels] for n in range(1, voxels)), along[::voxels]), 0, axis)
        return np.asarray(held / np.float32(np.prod(self.voxels)), np.float32)

    def onto_voxels(self, means: Float32) -> Float32:
        """Interpolate between the middles of blocks, ``[k, j, i]`` of the voxels.

        Means over n voxels and linear shares between them smear by ``(1 - 1/n²) / 4`` (n odd) or 1/4 (n even)
        of a block squared; half the second difference takes as much away.
        """
        voxels = np.array(self.voxels, np.float64)
        smear = np.where(voxels % 2 == 0, 1.0, 1.0 - voxels**-2) / 4.0
        sharp = means
        for axis, part in enumerate(0.5 * smear):
            sharp = correlate1d(sharp, [-part, 1.0 + 2.0 * part, -part], axis, mode="nearest")
        shift = 1.0 - (voxels - 1.0) / (2.0 * voxels)
        found = affine_transform(sharp, 1.0 / voxels, shift, self.shape, order=1, mode="nearest")
        return np.asarray(found, np.float32)
