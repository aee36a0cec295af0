"""How unlike two images are around each node for each of many displacements, and the best of these.

Features are words of bits (:mod:`isoguide.kernels.self_similarity`): the number of bits in which two words
differ is their distance. Costs lie label by label, so that every loop runs along a row of voxels or nodes.
"""

from typing import Final

import numpy as np
from numba import njit
from numpy.typing import NDArray

from isoguide.kernels.chunks import run_chunked

Words = NDArray[np.uint64]
Costs = NDArray[np.uint16]
Float32 = NDArray[np.float32]
Int64 = NDArray[np.int64]

SCALE: Final = 1000
"""Costs are kept in thousandths of a bit."""
UNKNOWN: Final = 65535
"""Cost of a displacement that leads out of what was imaged."""

_FEATURES = np.uint64((1 << 60) - 1)
_A, _B, _C, _D = (
    np.uint64(n) for n in (0x5555555555555555, 0x3333333333333333, 0x0F0F0F0F0F0F0F0F, 0x0101010101010101)
)
_ONE, _TWO, _FOUR, _TOP_BYTE, _TOP_BIT = (np.uint64(n) for n in (1, 2, 4, 56, 63))
_COUNT = np.uint32(1 << 16)
"""Bits that differ are summed in the lower half of a 32-bit number, pairs of voxels in the upper one."""


@njit(nogil=True, cache=True, error_model="numpy", fastmath={"contract", "reassoc", "nsz"})
def _add_row(fixed, moving, shift, row) -> None:  # type: ignore[no-untyped-def]  # numba infers the types
    """Add to each voxel of a row the bits in which it differs from the one at a shift, and one pair."""
    first, last = max(0, -shift), min(len(fixed), len(fixed) - shift)
    here, there, sums = fixed[first:last], moving[first + shift : last + shift], row[first:last]
    for i in range(len(here)):
        a, b = here[i], there[i]
        # The compiler knows this way of counting bits and takes the processor's instruction.
        x = (a ^ b) & _FEATURES
        x = x - ((x >> _ONE) & _A)
        x = (x & _B) + ((x >> _TWO) & _B)
        x = (x + (x >> _FOUR)) & _C
        bits = np.uint32((x * _D) >> _TOP_BYTE)
        sums[i] += (bits + _COUNT) * np.uint32((a & b) >> _TOP_BIT)


@njit(nogil=True, cache=True, error_model="numpy", fastmath={"contract", "reassoc", "nsz"})
def _sums_of_blocks(images, label, block, step, shape, row, sums):  # type: ignore[no-untyped-def]  # numba infers the types
    """Sum over blocks of voxels, every ``step``-th row of them, for one displacement; ``sums`` is flat."""
    fixed, moving = images
    nk, nj, ni = fixed.shape
    node = 0
    for c in range(shape[0]):
        for b in range(shape[1]):
            row[:] = np.uint32(0)
            for k in range(c * block[0], min((c + 1) * block[0], nk), step):
                k_on = k + label[0]
                if k_on < 0 or k_on >= nk:
                    continue
                for j in range(b * block[1] + (k // step) % step, min((b + 1) * block[1], nj), step):
                    j_on = j + label[1]
                    if j_on >= 0 and j_on < nj:
                        _add_row(fixed[k, j], moving[k_on, j_on], label[2], row)
            for a in range(shape[2]):
                total = np.uint32(0)
                for i in range(a * block[2], min((a + 1) * block[2], ni)):
                    total += row[i]
                sums[node] = total
                node += 1


@njit(nogil=True, cache=True, error_model="numpy", fastmath={"contract", "reassoc", "nsz"})
def _add_halves(values, out, rows, stride):  # type: ignore[no-untyped-def]  # numba infers the types
    """Add half of both neighbours ``stride`` away, of which each run of ``rows`` has its own."""
    half, nothing = np.float32(0.5), np.float32(0.0)
    for start in range(0, len(values), rows * stride):
        for n in range(rows):
            here = start + n * stride
            # At the ends a neighbour that is not there counts nothing; the node itself is read in its place.
            before, after = here - (stride if n > 0 else 0), here + (stride if n < rows - 1 else 0)
            below, above = (half if n > 0 else nothing), (half if n < rows - 1 else nothing)
            for i in range(stride):
                out[here + i] = values[here + i] + below * values[before + i] + above * values[after + i]


@njit(nogil=True, cache=True, error_model="numpy", fastmath={"contract", "reassoc", "nsz"})
def _windows(sums, shift, shape, out, spare):  # type: ignore[no-untyped-def]  # numba infers the types
    """Take one half of the sums; add half of each neighbour along every axis, so that windows overlap."""
    for node in range(len(sums)):
        spare[node] = np.float32((sums[node] >> shift) & np.uint32(0xFFFF))
    _add_halves(spare, out, shape[0], shape[1] * shape[2])
    _add_halves(out, spare, shape[1], shape[2])
    _add_halves(spare, out, shape[2], 1)


@njit(nogil=True, cache=True, error_model="numpy", fastmath={"contract", "reassoc", "nsz"})
def _costs(images, plan, fewest, out, start, stop):  # type: ignore[no-untyped-def]  # numba infers the types
    labels, block, step, shape = plan
    nodes = len(fewest)
    row = np.empty(images[0].shape[2], np.uint32)
    sums = np.empty(nodes, np.uint32)
    bits, pairs, spare = np.empty(nodes, np.float32), np.empty(nodes, np.float32), np.empty(nodes, np.float32)
    for n in range(start, stop):
        _sums_of_blocks(images, labels[n], block, step, shape, row, sums)
        _windows(sums, np.uint32(0), shape, bits, spare)
        _windows(sums, np.uint32(16), shape, pairs, spare)
        costs = out[n]
        for node in range(nodes):
            cost = np.float32(1000.0) * bits[node] / max(pairs[node], np.float32(1.0))
            enough = pairs[node] >= fewest[node]
            costs[node] = np.uint16(cost + np.float32(0.5)) if enough else np.uint16(65535)


@njit(nogil=True, cache=True, error_model="numpy", fastmath={"contract", "reassoc", "nsz"})
def _best(costs, labels, spring, answer, start, stop):  # type: ignore[no-untyped-def]  # numba infers the types
    goal, coupling = spring
    best, least = answer
    for node in range(start, stop):
        least[node] = np.float32(np.inf)
        best[node] = 0
    for n in range(len(labels)):
        row = costs[n]
        z, y, x = labels[n, 0], labels[n, 1], labels[n, 2]
        for node in range(start, stop):
            dz, dy, dx = goal[0, node] - z, goal[1, node] - y, goal[2, node] - x
            value = np.float32(row[node]) + coupling * (dz * dz + dy * dy + dx * dx)
            if value < least[node]:
                least[node] = value
                best[node] = n


@njit(nogil=True, cache=True, error_model="numpy", fastmath={"contract", "reassoc", "nsz"})
def _soft(costs, labels, spring, least, answer, start, stop):  # type: ignore[no-untyped-def]  # numba infers the types
    goal, coupling, width = spring
    mean, spread = answer
    total = np.zeros(stop - start, np.float32)
    mean[:, start:stop] = np.float32(0.0)
    spread[start:stop] = np.float32(0.0)
    inverse = np.float32(1.0) / width
    for n in range(len(labels)):
        row = costs[n]
        z, y, x = labels[n, 0], labels[n, 1], labels[n, 2]
        for node in range(start, stop):
            dz, dy, dx = goal[0, node] - z, goal[1, node] - y, goal[2, node] - x
            value = np.float32(row[node]) + coupling * (dz * dz + dy * dy + dx * dx)
            weight = max(np.float32(1.0) - (value - least[node]) * inverse, np.float32(0.0))
            weight *= weight
            total[node - start] += weight
            mean[0, node] += weight * z
            mean[1, node] += weight * y
            mean[2, node] += weight * x
            spread[node] += weight * (z * z + y * y + x * x)
    for node in range(start, stop):
        inverse = np.float32(1.0) / total[node - start]
        square = np.float32(0.0)
        for axis in range(3):
            mean[axis, node] *= inverse
            square += mean[axis, node] * mean[axis, node]
        variance = max(spread[node] * inverse - square, np.float32(0.0))
        spread[node] = np.sqrt(variance / np.float32(3.0))


@njit(nogil=True, cache=True, error_model="numpy", fastmath={"contract", "reassoc", "nsz"})
def _fill(costs, mean, start, stop):  # type: ignore[no-untyped-def]  # numba infers the types
    known = np.zeros(stop - start, np.float32)
    for node in range(start, stop):
        mean[node] = np.float32(0.0)
    for n in range(costs.shape[0]):
        row = costs[n]
        for node in range(start, stop):
            told = np.float32(row[node] != np.uint16(65535))
            known[node - start] += told
            mean[node] += told * np.float32(row[node])
    for node in range(start, stop):
        told = known[node - start]
        mean[node] = mean[node] / told if told > np.float32(0.0) else np.float32(-1.0)
    for n in range(costs.shape[0]):
        row = costs[n]
        for node in range(start, stop):
            if row[node] == np.uint16(65535):
                row[node] = np.uint16(max(mean[node], np.float32(0.0)) + np.float32(0.5))


def node_shape(shape: tuple[int, ...], block: Int64) -> tuple[int, int, int]:
    """Return how many blocks cover an image, ``[k, j, i]``; the last may be cut off by its edge."""
    nk, nj, ni = (-(-count // int(side)) for count, side in zip(shape, block, strict=True))
    return nk, nj, ni


def label_costs(
    fixed: Words, moving: Words, labels: Int64, block: Int64, step: int = 1, share: float = 0.5
) -> tuple[Costs, NDArray[np.bool_]]:
    """Return the mean distance of the features about each node for each displacement.

    The window of a node is its block of voxels, and the neighbouring blocks with weights of a half along
    each axis. Only pairs of voxels that are both known count.

    Parameters
    ----------
    fixed, moving
        Packed features ``[k, j, i]`` of one shape.
    labels
        Displacements (n, 3) along k, j, i in voxels: ``fixed[x]`` is compared with ``moving[x + label]``.
    block
        Voxels between nodes (3,) along k, j, i.
    step
        Every how many rows and slices are compared, in a staggered pattern.
    share
        A displacement by which less than this share of a node's known voxels meets known ones gets, in the
        place of a cost, the mean of the node's other displacements: it is neither good nor bad.

    Returns
    -------
    tuple
        Costs (n, k, j, i) in thousandths of a bit, and at which nodes anything is known.
    """
    shape = node_shape(fixed.shape, block)
    nodes = shape[0] * shape[1] * shape[2]
    out = np.empty((len(labels), nodes), np.uint16)
    own = _known_voxels(fixed, block, step, shape)
    fewest = np.maximum(own * np.float32(share), np.float32(0.5))

    def piece(start: int, stop: int) -> None:
        _costs((fixed, moving), (labels, block, step, shape), fewest, out, start, stop)

    run_chunked(piece, len(labels))
    mean = np.empty(nodes, np.float32)

    def fill(start: int, stop: int) -> None:
        _fill(out, mean, start, stop)

    run_chunked(fill, nodes)
    return out.reshape(len(labels), *shape), np.asarray(mean.reshape(shape) >= 0.0)


def _known_voxels(fixed: Words, block: Int64, step: int, shape: tuple[int, int, int]) -> Float32:
    """Return how many known voxels the window of each node holds, flat."""
    nodes = shape[0] * shape[1] * shape[2]
    sums, row = np.empty(nodes, np.uint32), np.empty(fixed.shape[2], np.uint32)
    _sums_of_blocks((fixed, fixed), np.zeros(3, np.int64), block, step, shape, row, sums)
    out = np.empty(nodes, np.float32)
    _windows(sums, np.uint32(16), shape, out, np.empty_like(out))
    return out


def label_costs_reference(
    fixed: Words, moving: Words, labels: Int64, block: Int64, step: int = 1, share: float = 0.5
) -> tuple[Costs, NDArray[np.bool_]]:
    """Plain NumPy statement of :func:`label_costs`."""
    shape = node_shape(fixed.shape, block)
    slices, rows = np.arange(fixed.shape[0])[:, None, None], np.arange(fixed.shape[1])[:, None]
    taken = (slices % block[0] % step == 0) & ((rows % block[1] - slices // step) % step == 0)
    here = np.where(taken, fixed, np.uint64(0))
    own = _window_sums((here >> _TOP_BIT).astype(np.float64), block, shape)
    reach = np.abs(labels).max(axis=0)
    around = np.pad(moving, [(int(n), int(n)) for n in reach])
    costs = np.empty((len(labels), *shape))
    for n, first in enumerate(labels + reach):
        there = around[tuple(slice(a, a + size) for a, size in zip(first, fixed.shape, strict=True))]
        both = ((here & there) >> _TOP_BIT).astype(np.float64)
        count = _window_sums(both, block, shape)
        bits = _window_sums(np.bitwise_count((here ^ there) & _FEATURES) * both, block, shape)
        enough = count >= np.maximum(share * own, 0.5)
        costs[n] = np.where(enough, SCALE * bits / np.maximum(count, 1.0), np.nan)
    told = np.isfinite(costs)
    mean = np.nansum(costs, axis=0) / np.maximum(told.sum(axis=0), 1)
    return np.floor(np.where(told, costs, mean) + 0.5).astype(np.uint16), np.asarray(told.any(axis=0))


def _window_sums(
    values: NDArray[np.float64], block: Int64, shape: tuple[int, int, int]
) -> NDArray[np.float64]:
    """Sum over blocks, then add half of each neighbour along every axis."""
    for axis in range(3):
        values = np.add.reduceat(values, np.arange(shape[axis]) * int(block[axis]), axis=axis)
        around = np.pad(values, [(1, 1) if a == axis else (0, 0) for a in range(3)])
        below, above = (np.take(around, np.arange(shape[axis]) + side, axis=axis) for side in (0, 2))
        values = values + 0.5 * (below + above)
    return values


def best_labels(costs: Costs, labels_mm: Float32, goal_mm: Float32, coupling: float) -> tuple[Int64, Float32]:
    """Return for each node the displacement that costs least, a spring to a goal included.

    Parameters
    ----------
    costs
        (n, k, j, i), thousandths of a bit.
    labels_mm
        Displacements (n, 3), mm, along k, j, i.
    goal_mm
        Where the neighbours are drawn to, (3, k, j, i), mm, along k, j, i.
    coupling
        Stiffness of the spring, thousandths of a bit per mm².

    Returns
    -------
    tuple
        Number of the displacement and what it costs, spring included, both ``[k, j, i]``.
    """
    shape = costs.shape[1:]
    flat = costs.reshape(len(costs), -1)
    goal = np.ascontiguousarray(goal_mm, dtype=np.float32).reshape(3, -1)
    best, least = np.empty(flat.shape[1], np.int64), np.empty(flat.shape[1], np.float32)

    def piece(start: int, stop: int) -> None:
        _best(flat, labels_mm, (goal, np.float32(coupling)), (best, least), start, stop)

    run_chunked(piece, flat.shape[1])
    return best.reshape(shape), least.reshape(shape)


def best_labels_reference(
    costs: Costs, labels_mm: Float32, goal_mm: Float32, coupling: float
) -> tuple[Int64, Float32]:
    """Plain NumPy statement of :func:`best_labels`."""
    away = np.square(goal_mm[None] - labels_mm[:, :, None, None, None]).sum(axis=1)
    total = costs.astype(np.float32) + np.float32(coupling) * away
    return total.argmin(axis=0), total.min(axis=0)


def soft_labels(
    costs: Costs, labels_mm: Float32, goal_mm: Float32, coupling: float, width: float
) -> tuple[Float32, Float32]:
    """Return for each node the mean of the displacements that cost little more than the best, and its width.

    A displacement whose cost exceeds the least by the share t of ``width`` has the weight (1 - t)².

    Parameters
    ----------
    costs, labels_mm, goal_mm, coupling
        As of :func:`best_labels`.
    width
        How much more than the best a displacement may cost, thousandths of a bit.

    Returns
    -------
    tuple
        Mean displacement (3, k, j, i) and its standard deviation along an axis ``[k, j, i]``, mm.
    """
    shape = costs.shape[1:]
    flat = costs.reshape(len(costs), -1)
    goal = np.ascontiguousarray(goal_mm, dtype=np.float32).reshape(3, -1)
    least = best_labels(costs, labels_mm, goal_mm, coupling)[1].reshape(-1)
    mean, spread = np.empty_like(goal), np.empty_like(least)

    def piece(start: int, stop: int) -> None:
        spring = (goal, np.float32(coupling), np.float32(width))
        _soft(flat, labels_mm, spring, least, (mean, spread), start, stop)

    run_chunked(piece, flat.shape[1])
    return mean.reshape(3, *shape), spread.reshape(shape)


def soft_labels_reference(
    costs: Costs, labels_mm: Float32, goal_mm: Float32, coupling: float, width: float
) -> tuple[Float32, Float32]:
    """Plain NumPy statement of :func:`soft_labels`."""
    away = np.square(goal_mm[None] - labels_mm[:, :, None, None, None]).sum(axis=1)
    total = costs.astype(np.float64) + coupling * away
    weight = np.square(np.maximum(1.0 - (total - total.min(axis=0)) / width, 0.0))
    weight /= weight.sum(axis=0)
    mean = np.einsum("nkji,na->akji", weight, labels_mm)
    square = np.einsum("nkji,na->kji", weight, np.square(labels_mm))
    spread = np.sqrt(np.maximum(square - np.square(mean).sum(axis=0), 0.0) / 3.0)
    return mean.astype(np.float32), spread.astype(np.float32)
