"""Features of planning CT and day's image that can be compared whatever their grey values mean."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from isoguide.kernels.filtering import filter_axis
from isoguide.kernels.self_similarity import Words, centred_taps, self_similarity

Float32 = NDArray[np.float32]

FLOOR_SHARE: Final = 0.002
"""Where grey values vary by less than this share of the image's mean variation only noise is left."""


SMOOTH: Final = np.array([0.25, 0.5, 0.25], np.float32)
"""Along each axis: takes the noise of a cone-beam CT out of the image, and is the weight of a patch."""
DILATION: Final = 1
"""Distance of the patches from the voxel, in voxels."""


def features(image: Float32) -> Words:
    """Return packed features (:func:`isoguide.kernels.self_similarity.self_similarity`) of an image.

    Parameters
    ----------
    image
        Grey values ``[k, j, i]``; NaN where not imaged.
    """
    smooth = image
    for axis in range(3):
        first, weights = centred_taps(image.shape[axis], SMOOTH)
        smooth = filter_axis(np.ascontiguousarray(smooth), axis, first, weights)
    return self_similarity(smooth, DILATION, SMOOTH, FLOOR_SHARE)
