"""Coarse deformable registration: which of many displacements fits best around each node, smoothly.

A discrete search cannot be caught in a near minimum, so that it finds tissue centimetres away. Features are
self-similarities, whose distance is a count of bits (:mod:`isoguide.kernels.self_similarity`). The field is
found by coupled convex optimisation: every node takes the best of its displacements, drawn to its neighbours'
mean by a spring that is tightened (Heinrich et al., MICCAI 2014, LNCS 8673:405). It is made first at large
steps, then at single voxels about that; from the planning CT to the day and back, and the mean is taken.
"""

from dataclasses import dataclass
from itertools import product
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from isoguide.errors import GeometryError
from isoguide.geometry.frames import PLANNING
from isoguide.geometry.grid import Grid
from isoguide.kernels.filtering import filter_axis
from isoguide.kernels.label_costs import SCALE, Costs, best_labels, label_costs, node_shape
from isoguide.kernels.self_similarity import BITS
from isoguide.progress import Progress, part_of, silent
from isoguide.registration.deformable.features import FeatureScale, features

Float32 = NDArray[np.float32]
Int64 = NDArray[np.int64]
Mask = NDArray[np.bool_]

NODE_MM: Final = 8.0
FAR_NODE_MM: Final = 12.0
"""Distance of the nodes at single voxels, and at the large steps that come before."""
FAR_STEP_MM: Final = 6.0
NEAR_REACH: Final = 2
"""What the second search may add, in voxels."""
COUPLINGS: Final = (2.0, 6.0, 20.0, 60.0, 200.0, 600.0)
"""Stiffness of the springs, thousandths of a bit per mm², one after the other."""
SMOOTH_NODES: Final = 1.0
"""Sigma of the neighbours' mean, nodes."""


@dataclass(frozen=True, slots=True, eq=False)
class CoarseField:
    """Where tissue of the planning CT is about found in the day's image.

    Parameters
    ----------
    grid
        Of the nodes, frame PLANNING, about 8 mm.
    vectors_mm
        float32 ``[k, j, i, (x, y, z)]``: what the planning CT shows at x the day shows at ``x + u(x)``.
    cost
        float32 ``[k, j, i]``: mean distance of the features there, 0 to 1; NaN where nothing is known.
    spread_mm
        float32 ``[k, j, i]``: how wide the minimum of the cost is, along an axis; infinite where nothing is
        known and the neighbours decided.
    """

    grid: Grid
    vectors_mm: Float32
    cost: Float32
    spread_mm: Float32


@dataclass(frozen=True, slots=True, eq=False)
class _Search:
    """One discrete search: nodes, displacements and features.

    ``block`` voxels between nodes and ``labels`` (n, 3) in voxels, both along k, j, i.
    """

    block: Int64
    labels: Int64
    scale: FeatureScale
    step: int


def coarse_field(
    fixed: Float32,
    moving: Float32,
    grid: Grid,
    *,
    mask: Mask,
    largest_mm: float = 24.0,
    progress: Progress = silent,
) -> CoarseField:
    """Find roughly how tissue is displaced.

    Parameters
    ----------
    fixed
        Planning CT ``[k, j, i]``; NaN where not imaged.
    moving
        The day's image on the same grid, put there by the rigid match; NaN where not imaged.
    grid
        Of both, frame PLANNING, voxels of 2 to 4 mm.
    mask
        Where tissue is that both show; nothing else is compared.
    largest_mm
        How far to look along each axis.
    progress
        Told how far the search is.

    Raises
    ------
    GeometryError
        If shapes or frame do not fit.
    """
    _check(fixed, moving, grid, mask)
    spacing = grid.spacing_mm[::-1]
    far, near = _searches(spacing, largest_mm)
    there = _one_way((fixed, moving), mask, (far, near), spacing, part_of(progress, 0.0, 0.5))
    back = _one_way((moving, fixed), mask, (far, near), spacing, part_of(progress, 0.5, 1.0))
    field = _halfway(there[0], back[0], near.block * spacing)
    along = np.stack([field[2], field[1], field[0]], axis=-1)
    vectors = (along @ grid.direction.T.astype(np.float32)).astype(np.float32)
    return CoarseField(_node_grid(grid, near.block), vectors, there[1], there[2])


def _check(fixed: Float32, moving: Float32, grid: Grid, mask: Mask) -> None:
    if grid.frame != PLANNING:
        msg = f"a coarse field belongs to '{PLANNING}', not '{grid.frame}'"
        raise GeometryError(msg)
    shapes = {"planning CT": fixed.shape, "day's image": moving.shape, "mask": mask.shape}
    for name, shape in shapes.items():
        if shape != grid.shape:
            msg = f"the {name} has the shape {shape} but its grid says {grid.shape}: sample it on this grid"
            raise GeometryError(msg)


def _searches(spacing: NDArray[np.float64], largest_mm: float) -> tuple[_Search, _Search]:
    """Plan the search at large steps and the one at single voxels."""
    voxel = np.maximum(np.rint(FAR_STEP_MM / spacing).astype(np.int64), 1)
    reach = np.ceil(largest_mm / (voxel * spacing)).astype(np.int64)
    far = _Search(_block(FAR_NODE_MM, spacing), _labels(reach) * voxel, FeatureScale(2, 5), 2)
    near = _Search(_block(NODE_MM, spacing), _labels(np.full(3, NEAR_REACH)), FeatureScale(1, 3), 1)
    return far, near


def _block(node_mm: float, spacing: NDArray[np.float64]) -> Int64:
    return np.maximum(np.rint(node_mm / spacing).astype(np.int64), 1)


def _labels(reach: Int64) -> Int64:
    return np.array(list(product(*(range(-int(n), int(n) + 1) for n in reach))))


def _node_grid(grid: Grid, block: Int64) -> Grid:
    origin_mm = grid.xyz((block[::-1].astype(np.float64) - 1.0) / 2.0)
    return Grid(
        grid.frame, node_shape(grid.shape, block), grid.spacing_mm * block[::-1], origin_mm, grid.direction
    )


def _one_way(
    images: tuple[Float32, Float32],
    mask: Mask,
    searches: tuple[_Search, _Search],
    spacing: NDArray[np.float64],
    progress: Progress,
) -> tuple[Float32, Float32, Float32]:
    """Return displacement (3, k, j, i) in mm along k, j, i at the near nodes, cost and spread."""
    far, near = searches
    fixed, moving = images
    progress(0.0, "looking for far displacements")
    costs, known = label_costs(
        features(fixed, far.scale, mask), features(moving, far.scale), far.labels, far.block, far.step
    )
    start = np.zeros((3, *known.shape), np.float32)
    field, _ = _coupled(costs, known, far.labels * spacing, start)
    progress(0.5, "looking for near displacements")
    shape = node_shape(fixed.shape, near.block)
    dense = np.stack([_between(f, far.block, np.ones(3, np.int64), fixed.shape) for f in field])
    start = np.stack([_between(f, far.block, near.block, shape) for f in field])
    words = features(_warped(moving, dense, spacing), near.scale)
    costs, known = label_costs(features(fixed, near.scale, mask), words, near.labels, near.block, near.step)
    field, best = _coupled(costs, known, near.labels * spacing, start)
    chosen = np.take_along_axis(costs.reshape(len(costs), -1), best.reshape(1, -1), axis=0)
    share = chosen.reshape(known.shape).astype(np.float32) / np.float32(SCALE * BITS)
    cost = np.where(known, share, np.float32(np.nan))
    spread = np.where(known, np.float32(spacing.mean()), np.float32(np.inf)).astype(np.float32)
    return field, cost, spread


def _coupled(
    costs: Costs, known: Mask, labels_mm: NDArray[np.float64], start: Float32
) -> tuple[Float32, Int64]:
    """Return the field and the label of each node; labels are added to the start."""
    table = labels_mm.astype(np.float32)
    weight = np.maximum(known.astype(np.float32), np.float32(1e-3))
    field, smooth = start, start
    best = np.zeros(known.shape, np.int64)
    for number, coupling in enumerate(COUPLINGS):
        best, _ = best_labels(costs, table, smooth - start, coupling if number else 0.0)
        field = start + np.moveaxis(table[best], -1, 0)
        smooth = _smoothed(field, weight)
    return smooth, best


def _smoothed(field: Float32, weight: Float32) -> Float32:
    """Weighted mean of the neighbours, (3, k, j, i)."""
    total = ndimage.gaussian_filter(weight, SMOOTH_NODES)
    return np.stack([ndimage.gaussian_filter(weight * f, SMOOTH_NODES) / total for f in field])


def _between(values: Float32, block: Int64, other: Int64, shape: tuple[int, ...]) -> Float32:
    """Interpolate from the nodes of one block size to those of another, ``shape`` of them."""
    for axis in range(3):
        at = (np.arange(shape[axis]) * other[axis] + (other[axis] - block[axis]) / 2.0) / block[axis]
        count = values.shape[axis]
        at = np.clip(at, 0.0, count - 1.0)
        first = np.clip(np.floor(at).astype(np.int64), 0, max(count - 2, 0))
        share = (at - first).astype(np.float32)
        weights = np.stack([1.0 - share, share], axis=1) if count > 1 else np.ones((len(at), 1))
        values = filter_axis(np.ascontiguousarray(values), axis, first, weights.astype(np.float32))
    return values


def _warped(image: Float32, shift_mm: Float32, spacing: NDArray[np.float64]) -> Float32:
    """Read an image at x + shift (3, k, j, i), mm; NaN beyond its edge."""
    at = [
        np.arange(count, dtype=np.float32).reshape([-1 if a == axis else 1 for a in range(3)])
        + shift_mm[axis] / np.float32(spacing[axis])
        for axis, count in enumerate(image.shape)
    ]
    return ndimage.map_coordinates(
        image, np.stack(at), order=1, mode="constant", cval=np.nan, prefilter=False
    )


def _halfway(there: Float32, back: Float32, node_mm: NDArray[np.float64]) -> Float32:
    """Return the mean of a field and of the inverse of the one found from the other image."""
    field, other = there, back
    for _ in range(5):
        after = np.stack([_at_moved(f, field, node_mm) for f in other])
        before = np.stack([_at_moved(f, other, node_mm) for f in field])
        field, other = 0.5 * (field - after), 0.5 * (other - before)
    return field


def _at_moved(values: Float32, shift_mm: Float32, node_mm: NDArray[np.float64]) -> Float32:
    at = np.indices(values.shape, dtype=np.float32)
    at += shift_mm / node_mm.astype(np.float32).reshape(3, 1, 1, 1)
    return ndimage.map_coordinates(values, at, order=1, mode="nearest", prefilter=False)
