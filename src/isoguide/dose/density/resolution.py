"""From coarse to fine: what is known on a level of a grid, brought back to the grid."""

import numpy as np
from numpy.typing import NDArray

from isoguide.geometry.grid import Grid
from isoguide.kernels.filtering import filter_axis

Float32 = NDArray[np.float32]


def refined(values: Float32, coarse: Grid, fine: Grid) -> Float32:
    """Interpolate linearly between the samples of a level, made by ``make_level``, on the grid it is from.

    Parameters
    ----------
    values
        ``[k, j, i]`` on ``coarse``.
    coarse
        Same axes and first voxel as ``fine``; beyond its last sample the value is kept.
    fine
        Where to interpolate.
    """
    for axis in (2, 1, 0):
        count = fine.shape[axis]
        step = float(fine.spacing_mm[2 - axis] / coarse.spacing_mm[2 - axis])
        values = _along(values, axis, count, step)
    return values


def _along(values: Float32, axis: int, count: int, step: float) -> Float32:
    last = values.shape[axis] - 1
    if last == 0:
        return np.ascontiguousarray(np.repeat(values, count, axis=axis))
    at = np.minimum(np.arange(count) * step, last)
    first = np.minimum(at.astype(np.int64), last - 1)
    share = (at - first).astype(np.float32)
    return filter_axis(np.ascontiguousarray(values), axis, first, np.stack([1.0 - share, share], axis=1))
