"""Coarse deformable registration: which of many displacements fits best around each node, smoothly.

A discrete search cannot be caught in a near minimum, so that it finds tissue centimetres away. Features are
self-similarities, whose distance is a count of bits (:mod:`isoguide.kernels.self_similarity`). The field is
found by coupled convex optimisation: every node takes the best of its displacements, drawn to its neighbours'
mean by a spring that is tightened (Heinrich et al., MICCAI 2014, LNCS 8673:405). It is made first at large
steps, then twice at single voxels about that; from the planning CT to the day and back, whose mean is taken.
"""

from dataclasses import dataclass
from itertools import product
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from isoguide.errors import GeometryError
from isoguide.geometry.frames import PLANNING, Array
from isoguide.geometry.grid import Grid
from isoguide.kernels.filtering import filter_axis
from isoguide.kernels.label_costs import SCALE, Costs, best_labels, label_costs, node_shape, soft_labels
from isoguide.kernels.self_similarity import BITS, Words
from isoguide.progress import Progress, silent
from isoguide.registration.deformable.features import features

Float32 = NDArray[np.float32]
Int64 = NDArray[np.int64]
Mask = NDArray[np.bool_]

NODE_MM: Final = 8.0
FAR_NODE_MM: Final = 16.0
"""Distance of the nodes in the searches at single voxels, and in the one at large steps that comes first."""
FAR_STEP_MM: Final = 5.5
NEAR_REACH: Final = 2
"""What the first search at single voxels may add to the one before, in voxels, or half a large step."""
COUPLINGS: Final = (2.0, 6.0, 20.0, 60.0, 100.0, 200.0)
"""Stiffness of the springs, thousandths of a bit per mm², one after the other."""
FAR_SIGMAS: Final = (3.0, 2.5, 2.0, 1.5, 1.2, 1.0)
NEAR_SIGMAS: Final = (2.0, 1.5, 1.2, 1.0, 0.8, 0.7)
"""Over how many nodes the neighbours' mean reaches: at first far, to carry it to where nothing is known."""
SURE_AT: Final = 14_000.0
"""A node whose best displacement is by this much better than its mean one (thousandths of a bit) counts half
of one that is quite sure; noise alone makes a small difference, an edge a large one."""
FARTHER: Final = (2.0, 1.0)
BELIEF: Final = 0.03
"""Where nodes within reach are surer than this together they decide, else those within twice the reach."""
WIDTH: Final = 1500.0
"""Displacements that cost this much more than the best, in thousandths of a bit, are no answer any more."""
STEEPEST: Final = 0.8
"""Largest change of displacement between neighbouring nodes, mm per mm; steeper places are smoothed."""
SMOOTHINGS: Final = 40


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

    def __post_init__(self) -> None:
        for values in (self.vectors_mm, self.cost, self.spread_mm):
            values.flags.writeable = False


@dataclass(frozen=True, slots=True, eq=False)
class _Search:
    """One discrete search: nodes, displacements, every how many rows are used, and how far neighbours reach.

    ``block`` voxels between nodes and ``labels`` (n, 3) in voxels, both along k, j, i.
    """

    block: Int64
    labels: Int64
    step: int
    sigmas: tuple[float, ...]


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
        Of both, frame PLANNING, voxels of 2 to 4 mm; at 3 mm or less the answer is better by a third.
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
    progress(0.0, "looking for displacements")
    spacing = grid.spacing_mm[::-1]
    searches = _searches(spacing, largest_mm)
    block = searches[-1].block
    plan, day = features(fixed), features(moving)
    there = _one_way((plan, day), moving, mask, searches, spacing)
    progress(0.5, "looking for displacements back")
    back = _one_way((day, plan), fixed, mask, searches, spacing)
    field = _unfolded(_halfway(there.field_mm, back.field_mm, block * spacing), block * spacing)
    along = np.stack([field[2], field[1], field[0]], axis=-1)
    vectors = (along @ grid.direction.T.astype(np.float32)).astype(np.float32)
    return CoarseField(_node_grid(grid, block), vectors, there.cost, there.spread_mm)


def _check(fixed: Float32, moving: Float32, grid: Grid, mask: Mask) -> None:
    if grid.frame != PLANNING:
        msg = f"a coarse field belongs to '{PLANNING}', not '{grid.frame}'"
        raise GeometryError(msg)
    shapes = {"planning CT": fixed.shape, "day's image": moving.shape, "mask": mask.shape}
    for name, shape in shapes.items():
        if shape != grid.shape:
            msg = f"the {name} has the shape {shape} but its grid says {grid.shape}: sample it on this grid"
            raise GeometryError(msg)


def _searches(spacing: Array, largest_mm: float) -> tuple[_Search, ...]:
    """Plan the search at large steps and those at single voxels."""
    voxels = np.maximum(np.rint(FAR_STEP_MM / spacing).astype(np.int64), 1)
    reach = np.ceil(largest_mm / (voxels * spacing)).astype(np.int64)
    block = _block(NODE_MM, spacing)
    half_way = max(NEAR_REACH, int(voxels.max() + 1) // 2)
    return (
        _Search(_block(FAR_NODE_MM, spacing), _labels(reach) * voxels, 2, FAR_SIGMAS),
        _Search(block, _labels(np.full(3, half_way)), 2, NEAR_SIGMAS),
        _Search(block, _labels(np.ones(3, np.int64)), 1, NEAR_SIGMAS),
    )


def _block(node_mm: float, spacing: Array) -> Int64:
    return np.maximum(np.rint(node_mm / spacing).astype(np.int64), 1)


def _labels(reach: Int64) -> Int64:
    return np.array(list(product(*(range(-int(n), int(n) + 1) for n in reach))))


def _node_grid(grid: Grid, block: Int64) -> Grid:
    origin_mm = grid.xyz((block[::-1].astype(np.float64) - 1.0) / 2.0)
    return Grid(
        grid.frame, node_shape(grid.shape, block), grid.spacing_mm * block[::-1], origin_mm, grid.direction
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Found:
    """Displacement (3, k, j, i) in mm along k, j, i, its cost and spread ``[k, j, i]``, of the near nodes."""

    field_mm: Float32
    cost: Float32
    spread_mm: Float32


def _one_way(
    words: tuple[Words, Words], moving: Float32, mask: Mask, searches: tuple[_Search, ...], spacing: Array
) -> _Found:
    """Find the displacement from the first image to the second, of which the grey values are given too."""
    fixed, there = np.where(mask, words[0], np.uint64(0)), words[1]
    block = searches[0].block
    start = np.zeros((3, *node_shape(mask.shape, block)), np.float32)
    for number, search in enumerate(searches):
        if number:
            there = features(_warped(moving, _voxelwise(start, block, mask.shape), spacing))
            start = _resampled(start, block, search.block, node_shape(mask.shape, search.block))
            block = search.block
        costs, known = label_costs(fixed, there, search.labels, block, search.step)
        found = _coupled(costs, known, search.labels * spacing, start, search.sigmas)
        start = found.field_mm
    return found


def _coupled(
    costs: Costs, known: Mask, labels_mm: Array, start: Float32, sigmas: tuple[float, ...]
) -> _Found:
    """Find the field that costs little and is smooth; labels are added to the start."""
    table = labels_mm.astype(np.float32)
    weight = _sureness(costs, known)
    smooth = start
    for number, (coupling, sigma) in enumerate(zip(COUPLINGS, sigmas, strict=True)):
        best, _ = best_labels(costs, table, smooth - start, coupling if number else 0.0)
        smooth = _smoothed(start + np.moveaxis(table[best], -1, 0), weight, sigma)
    chosen = np.take_along_axis(costs.reshape(len(costs), -1), best.reshape(1, -1), axis=0)
    share = chosen.reshape(known.shape).astype(np.float32) / np.float32(SCALE * BITS)
    _, spread = soft_labels(costs, table, smooth - start, 0.0, WIDTH)
    return _Found(
        smooth,
        np.where(known, share, np.float32(np.nan)),
        np.where(known, spread, np.float32(np.inf)),
    )


def _sureness(costs: Costs, known: Mask) -> Float32:
    """How much each node counts, 0 to 1, by how far its best displacement stands out."""
    flat = costs.reshape(len(costs), -1)
    ahead = (flat.mean(axis=0, dtype=np.float32) - flat.min(axis=0)).reshape(known.shape)
    share: Float32 = np.square(ahead) / (np.square(ahead) + np.float32(SURE_AT**2))
    return np.where(known, share, np.float32(0.0)) + np.float32(1e-4)


def _smoothed(field: Float32, weight: Float32, sigma: float) -> Float32:
    """Weighted mean of the neighbours, (3, k, j, i), of farther ones where the near ones know little."""
    mean = np.zeros_like(field)
    belief = 0.0
    for times in FARTHER:
        total = ndimage.gaussian_filter(weight, sigma * times, truncate=3.0)
        sums = np.stack([ndimage.gaussian_filter(weight * f, sigma * times, truncate=3.0) for f in field])
        mean = (sums + np.float32(belief) * mean) / (total + np.float32(belief))
        belief = BELIEF
    return mean


def _voxelwise(field: Float32, block: Int64, shape: tuple[int, ...]) -> Float32:
    return _resampled(field, block, np.ones(3, np.int64), shape)


def _resampled(field: Float32, block: Int64, other: Int64, shape: tuple[int, ...]) -> Float32:
    return np.stack([_between(f, block, other, shape) for f in field])


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


def _warped(image: Float32, shift_mm: Float32, spacing: Array) -> Float32:
    """Read an image at x + shift (3, k, j, i), mm; NaN beyond its edge."""
    at = [
        np.arange(count, dtype=np.float32).reshape([-1 if a == axis else 1 for a in range(3)])
        + shift_mm[axis] / np.float32(spacing[axis])
        for axis, count in enumerate(image.shape)
    ]
    return ndimage.map_coordinates(
        image, np.stack(at), order=1, mode="constant", cval=np.nan, prefilter=False
    )


def _halfway(there: Float32, back: Float32, node_mm: Array) -> Float32:
    """Return the mean of a field and of the inverse of the one found from the other image."""
    field, other = there, back
    for _ in range(5):
        after = np.stack([_at_moved(f, field, node_mm) for f in other])
        before = np.stack([_at_moved(f, other, node_mm) for f in field])
        field, other = 0.5 * (field - after), 0.5 * (other - before)
    return field


def _at_moved(values: Float32, shift_mm: Float32, node_mm: Array) -> Float32:
    at = np.indices(values.shape, dtype=np.float32)
    at += shift_mm / node_mm.astype(np.float32).reshape(3, 1, 1, 1)
    return ndimage.map_coordinates(values, at, order=1, mode="nearest", prefilter=False)


def _unfolded(field: Float32, node_mm: Array) -> Float32:
    """Smooth a field (3, k, j, i) about the places where it changes too steeply from node to node."""
    for _ in range(SMOOTHINGS):
        steep = _steepness(field, node_mm) > STEEPEST
        if not steep.any():
            break
        share = ndimage.gaussian_filter(ndimage.binary_dilation(steep, iterations=2).astype(np.float32), 1.0)
        field = np.stack([f + share * (ndimage.gaussian_filter(f, 1.0) - f) for f in field])
    return field


def _steepness(field: Float32, node_mm: Array) -> Float32:
    """Bound of the change of displacement at each node, mm per mm: to its neighbours, along all axes."""
    total = np.zeros(field.shape[1:], np.float32)
    for axis in range(3):
        change = np.linalg.norm(np.diff(field, axis=axis + 1), axis=0) / np.float32(node_mm[axis])
        before = [(1, 0) if a == axis else (0, 0) for a in range(3)]
        after = [(0, 1) if a == axis else (0, 0) for a in range(3)]
        total += np.square(np.maximum(np.pad(change, before), np.pad(change, after)))
    return np.sqrt(total)
