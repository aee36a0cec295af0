"""Features of planning CT and day's image that can be compared whatever their grey values mean."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from isoguide.kernels.self_similarity import Words, self_similarity

Float32 = NDArray[np.float32]
Mask = NDArray[np.bool_]

FLOOR_SHARE: Final = 0.002
"""Where grey values vary by less than this share of the image's mean variation only noise is left."""


@dataclass(frozen=True, slots=True)
class FeatureScale:
    """How far off and over which patches an image is compared with itself, in voxels.

    Parameters
    ----------
    dilation
        Distance of the patches from the voxel.
    patch
        Odd width of a patch.
    """

    dilation: int
    patch: int

    @property
    def weights(self) -> Float32:
        """Weights of a patch along each axis: a binomial, which has no corners."""
        row = np.array([1.0])
        for _ in range(self.patch - 1):
            row = np.convolve(row, [0.5, 0.5])
        return row.astype(np.float32)


def features(image: Float32, scale: FeatureScale, known: Mask | None = None) -> Words:
    """Return packed features (:func:`isoguide.kernels.self_similarity.self_similarity`) of an image.

    Parameters
    ----------
    image
        Grey values ``[k, j, i]``; NaN where not imaged.
    scale
        Of the patches.
    known
        Voxels that shall count; the others say nothing. None: all.
    """
    words = self_similarity(image, scale.dilation, scale.weights, FLOOR_SHARE)
    return words if known is None else np.where(known, words, np.uint64(0))
