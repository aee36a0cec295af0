"""Fields known at every few voxels, interpolated to all of them."""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]


def interpolated(field: Floats, axis: int, positions: NDArray[np.float64]) -> Floats:
    """Interpolate linearly along one axis.

    Parameters
    ----------
    field
        Values at whole positions.
    axis
        Along which.
    positions
        Where values are wanted, in steps of the lattice; beyond the last one the last value holds.
    """
    last = field.shape[axis] - 1
    inside = np.clip(positions, 0.0, last)
    below = np.minimum(inside.astype(np.intp), max(last - 1, 0))
    share = (inside - below).astype(np.float32)
    share = share.reshape([-1 if n == axis else 1 for n in range(field.ndim)])
    values: Floats = field.take(below, axis=axis)
    above = field.take(np.minimum(below + 1, last), axis=axis)
    above -= values
    above *= share
    values += above
    return values


def upsampled(field: Floats, shape: tuple[int, int, int], steps: tuple[int, int, int]) -> Floats:
    """Interpolate the last three axes linearly from every ``step``-th voxel to all voxels of a shape."""
    first = field.ndim - 3
    for axis, (count, step) in enumerate(zip(shape, steps, strict=True), start=first):
        field = interpolated(field, axis, np.arange(count) / step)
    return field
