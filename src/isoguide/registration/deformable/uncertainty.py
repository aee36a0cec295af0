"""How sure a displacement is: what the images hold there, what the neighbours add, and a way back."""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from isoguide.kernels.fields import moved_points

Float32 = NDArray[np.float32]
Mask = NDArray[np.bool_]

LATTICE_SHARE = 0.2527
"""Variance of a node of an endless cubic lattice of unit springs, which nothing else holds (Watson 1939)."""
FLOOR_MM = 0.1
"""Nothing is surer: what interpolation and the scanners' blur leave."""
GAIN = 1.2
"""Calibrated on virtual patients, whose displacement is known."""
STRAIN = 0.1
"""Beyond what is seen, the displacement becomes unsure by so much per mm."""


def sigma_mm(hessian: Float32, stiffness: tuple[Float32, Float32], seen: Mask, node_mm: float) -> Float32:
    """Return the standard deviation of the displacement along an axis, mean of the three.

    A node is held by what the images say about it and its surroundings, by the springs to its neighbours and
    by their stiffness against bending; ``1 / (h + s / 0.2527 + 4 pi sqrt(s b))`` is exact where only the
    images or the springs are there, and where bending is much stiffer than the springs.

    Parameters
    ----------
    hessian
        Data's blocks ``[6, k, j, i]`` as xx, yy, zz, xy, xz, yz, 1/mm².
    stiffness
        Springs ``[3, k, j, i]`` and stiffness against bending ``[k, j, i]``, 1/mm².
    seen
        Where the day's image shows the tissue.
    node_mm
        Distance of nodes.
    """
    p, q, r, a, b, c = (ndimage.gaussian_filter(h, 1.0, truncate=2.0).astype(np.float64) for h in hessian)
    spring = stiffness[0].mean(axis=0).astype(np.float64)
    held = spring / LATTICE_SHARE + 4.0 * np.pi * np.sqrt(spring * stiffness[1])
    p, q, r = p + held, q + held, r + held
    minors = (q * r - c * c, p * r - b * b, p * q - a * a)
    determinant = p * minors[0] - a * (a * r - b * c) + b * (a * c - b * q)
    spread = sum(np.sqrt(np.maximum(minor / determinant, 0.0)) for minor in minors) / 3.0
    far = ndimage.distance_transform_edt(~seen) * node_mm if not seen.all() else np.zeros(seen.shape)
    total: Float32 = np.sqrt((GAIN * spread) ** 2 + FLOOR_MM**2 + (STRAIN * far) ** 2).astype(np.float32)
    return total


def way_back_mm(there: Float32, back: Float32, node_mm: float, back_node_mm: float) -> Float32:
    """Return how far from where it started tissue ends up after both displacements.

    Parameters
    ----------
    there, back
        ``[3, k, j, i]``, mm along the lattices' axes; both lattices begin at the same place.
    node_mm, back_node_mm
        Distance of the nodes of each.

    Returns
    -------
    Float32
        ``[k, j, i]`` at the nodes of ``there``.
    """
    sizes = there.shape[1:]
    k, j, i = (np.arange(n) * node_mm for n in sizes)
    start = np.stack(np.meshgrid(k, j, i, indexing="ij")[::-1], axis=-1).reshape(-1, 3)
    moved = start + there.reshape(3, -1).T.astype(np.float64)
    to_index = np.hstack([np.eye(3) / back_node_mm, np.zeros((3, 1))])
    vectors = np.ascontiguousarray(np.moveaxis(back, 0, -1))
    end = moved_points(vectors, to_index, moved)
    distance: Float32 = np.linalg.norm(end - start, axis=1).reshape(sizes).astype(np.float32)
    return distance
