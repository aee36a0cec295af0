"""Gaussian blur of volumes, several times faster than SciPy's and equal to it but for float32 rounding."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from isoguide.kernels.convolution import convolved

Floats = NDArray[np.float32]


def blurred(values: Floats, sigma: Sequence[float], truncate: float, *, wrap: bool = False) -> Floats:
    """Return a blurred volume.

    Parameters
    ----------
    values
        ``[k, j, i]``.
    sigma
        Standard deviation along k, j, i, voxels; 0 leaves an axis alone.
    truncate
        Where the Gaussian is cut off, standard deviations.
    wrap
        Beyond the edge lies the opposite side; else the mirror image.
    """
    for axis, deviation in enumerate(sigma):
        reach = int(truncate * deviation + 0.5)
        if reach:
            taps = np.exp(-0.5 * np.square(np.arange(-reach, reach + 1) / deviation))
            values = convolved(values, axis, (taps / taps.sum()).astype(np.float32), wrap=wrap)
    return values
