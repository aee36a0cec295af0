"""Keep a displacement from folding: where it changes too steeply, neighbours share it out."""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Float32 = NDArray[np.float32]

STEEPEST = 0.9
"""No displacement changes by more per mm, so that tissue can neither fold nor tear."""
MOST_ROUNDS = 200
REACH = 2
"""In nodes: so far around a steep place the displacement is shared out."""


def steepness(u: Float32, node_mm: float) -> Float32:
    """Return a bound of how much a displacement changes around each node, mm per mm, ``[k, j, i]``.

    It is the largest Frobenius norm of the gradient at the corners of the cells that meet there, which no
    spectral norm exceeds.

    Parameters
    ----------
    u
        ``[3, k, j, i]``, mm.
    node_mm
        Distance of nodes.
    """
    total = np.zeros(u.shape[1:])
    for axis in range(3):
        change = np.square(np.diff(u, axis=axis + 1)).sum(axis=0)
        pad = [(1, 1) if a == axis else (0, 0) for a in range(3)]
        padded = np.pad(change, pad)
        size = u.shape[axis + 1]
        before = padded.take(range(size), axis=axis)
        after = padded.take(range(1, size + 1), axis=axis)
        total += np.maximum(before, after)
    return (np.sqrt(total) / node_mm).astype(np.float32)


def without_folds(u: Float32, node_mm: float) -> Float32:
    """Return a displacement that folds nowhere: the same where it did not change too steeply.

    Parameters
    ----------
    u, node_mm
        As in :func:`steepness`.
    """
    for _ in range(MOST_ROUNDS):
        steep = steepness(u, node_mm) > STEEPEST
        if not steep.any():
            return u
        near = ndimage.binary_dilation(steep, iterations=REACH)
        smooth = np.stack([ndimage.gaussian_filter(part, 0.7, mode="nearest", truncate=3.0) for part in u])
        u = np.where(near, smooth, u).astype(np.float32)
    worst = float(steepness(u, node_mm).max())
    return u * np.float32(min(1.0, STEEPEST / worst))
