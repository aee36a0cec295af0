"""What is stiff in a patient: bones keep their shape, though not their place nor their direction."""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from isoguide.kernels.local_correlation import moments

Float32 = NDArray[np.float32]
Mask = NDArray[np.bool_]

BONE_ABOVE_HU = 180.0
CLOSED_MM = 3.0
"""Marrow that bone encloses at this distance is bone too."""
SMALLEST_BONE_MM3 = 500.0
"""Smaller bright spots are calcifications, seeds or noise: they go where they are taken."""
ROTATION_WINDOW = 2.0
"""Sigma in nodes of the neighbourhood that turns together in a bone."""


def bone_mask(values: Float32, spacing_mm: float) -> Mask:
    """Return the bones of an image.

    Parameters
    ----------
    values
        HU ``[k, j, i]`` on isotropic samples; NaN where there is nothing.
    spacing_mm
        Distance of samples.
    """
    bright = np.nan_to_num(values, nan=-1000.0) > BONE_ABOVE_HU
    closed = ndimage.binary_closing(bright, iterations=max(1, round(CLOSED_MM / spacing_mm / 2.0)))
    labels, count = ndimage.label(closed)
    if count == 0:
        return closed
    sizes = np.bincount(labels.ravel())
    large = sizes * spacing_mm**3 >= SMALLEST_BONE_MM3
    large[0] = False
    chosen: Mask = large[labels]
    return chosen


def share_at_nodes(mask: Mask, nodes: tuple[int, int, int], steps: int) -> Float32:
    """Return the share of each node's tent that a mask fills, 0 to 1, ``[k, j, i]``."""
    values = mask.astype(np.float32)
    weight, filled = moments(values, values, nodes, steps)[:2]
    share: Float32 = filled / np.maximum(weight, np.float32(1e-6))
    return share


def edge_shares(share: Float32) -> Float32:
    """Return for each edge to the next node along i, j, k the smaller share of its ends, ``[3, k, j, i]``.

    Two bones that meet at a joint have a node between them that is not all bone: there they may turn.
    """
    edges = np.zeros((3, *share.shape), dtype=np.float32)
    for axis in range(3):
        along = 2 - axis
        low = share.take(range(share.shape[along] - 1), axis=along)
        high = share.take(range(1, share.shape[along]), axis=along)
        view = np.moveaxis(edges[axis], along, 0)
        view[:-1] = np.moveaxis(np.minimum(low, high), along, 0)
    return edges


def turned_edges(u: Float32, stiff: Float32, node_mm: float) -> Float32:
    """Return by how much bones stretch their edges when they turn without being strained.

    Around every node of a bone the rotation is that of the displacement there, its mean over a neighbourhood
    of the bone.

    Parameters
    ----------
    u
        Displacement ``[3, k, j, i]``, mm along the grid's axes.
    stiff
        Share of bone at the nodes ``[k, j, i]``.
    node_mm
        Distance of nodes.

    Returns
    -------
    Float32
        ``[axis of the edge, component, k, j, i]``, mm from a node to the next along i, j, k.
    """
    turn = [_rotation(u, a, b, stiff, node_mm) for a, b in ((0, 1), (0, 2), (1, 2))]
    out = np.zeros((3, 3, *stiff.shape), dtype=np.float32)
    for (a, b), w in zip(((0, 1), (0, 2), (1, 2)), turn, strict=True):
        out[b, a] = np.float32(node_mm) * _to_next(w, b)
        out[a, b] = np.float32(-node_mm) * _to_next(w, a)
    return out


def _rotation(u: Float32, a: int, b: int, stiff: Float32, node_mm: float) -> Float32:
    """Half the difference of du_a/dx_b and du_b/dx_a, mean over the bone around each node."""
    curl = 0.5 * (np.gradient(u[a], node_mm, axis=2 - b) - np.gradient(u[b], node_mm, axis=2 - a))
    weight = ndimage.gaussian_filter(stiff, ROTATION_WINDOW, truncate=2.0)
    mean = ndimage.gaussian_filter(curl * stiff, ROTATION_WINDOW, truncate=2.0)
    return np.asarray(mean / np.maximum(weight, np.float32(1e-3)), dtype=np.float32)


def _to_next(values: Float32, axis: int) -> Float32:
    """Mean of each node and the next along i, j or k."""
    along = 2 - axis
    size = values.shape[along]
    following = values.take(np.minimum(np.arange(size) + 1, size - 1), axis=along)
    mean: Float32 = np.float32(0.5) * (values + following)
    return mean


def divergence(tension: Float32) -> Float32:
    """Return the force at each node from what pulls along its edges.

    Parameters
    ----------
    tension
        ``[axis of the edge, component, k, j, i]``: wanted stretch times stiffness of the edge to the next
        node; what the last node has is not looked at.

    Returns
    -------
    Float32
        ``[component, k, j, i]``.
    """
    out = np.zeros(tension.shape[1:], dtype=np.float32)
    for axis in range(3):
        along = 3 - axis
        size: int = out.shape[along]
        inner = np.moveaxis(tension[axis].take(range(size - 1), axis=along), along, 0)
        view = np.moveaxis(out, along, 0)
        view[1:] += inner
        view[:-1] -= inner
    return out
