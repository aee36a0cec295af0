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
def _sums_of_blocks(images, label, block, step, row, sums):  # type: ignore[no-untyped-def]  # numba infers the types
    """Sum over blocks of voxels, every ``step``-th row of them, for one displacement."""
    fixed, moving = images
    nk, nj, ni = fixed.shape
    for c in range(sums.shape[0]):
        for b in range(sums.shape[1]):
            row[:] = np.uint32(0)
            for k in range(c * block[0], min((c + 1) * block[0], nk), step):
                k_on = k + label[0]
                if k_on < 0 or k_on >= nk:
                    continue
                for j in range(b * block[1] + (k // step) % step, min((b + 1) * block[1], nj), step):
                    j_on = j + label[1]
                    if j_on < 0 or j_on >= nj:
                        continue
                    _add_row(fixed[k, j], moving[k_on, j_on], label[2], row)
            for a in range(sums.shape[2]):
                total = np.uint32(0)
                for i in range(a * block[2], min((a + 1) * block[2], ni)):
                    total += row[i]
                sums[c, b, a] = total


@njit(nogil=True, cache=True, error_model="numpy", fastmath={"contract", "reassoc", "nsz"})
def _add_halves(values, out):  # type: ignore[no-untyped-def]  # numba infers the types
    """Add half of both neighbours along the middle axis."""
    half, last = np.float32(0.5), values.shape[1] - 1
    for outer in range(values.shape[0]):
        for n in range(last + 1):
            # At the ends a neighbour that is not there counts nothing; the node itself is read in its place.
            before, after = max(n - 1, 0), min(n + 1, last)
            below = half if n > 0 else np.float32(0.0)
            above = half if n < last else np.float32(0.0)
            for i in range(values.shape[2]):
                out[outer, n, i] = (
                    values[outer, n, i] + below * values[outer, before, i] + above * values[outer, after, i]
                )


@njit(nogil=True, cache=True, error_model="numpy", fastmath={"contract", "reassoc", "nsz"})
def _spread(values, spare):  # type: ignore[no-untyped-def]  # numba infers the types
    """Add half of each neighbour along every axis: a node's window overlaps those beside it."""
    nk, nj, ni = values.shape
    _add_halves(values.reshape(1, nk, nj * ni), spare.reshape(1, nk, nj * ni))
    _add_halves(spare, values)
    _add_halves(values.reshape(nk * nj, ni, 1), spare.reshape(nk * nj, ni, 1))


@njit(nogil=True, cache=True, error_model="numpy", fastmath={"contract", "reassoc", "nsz"})
def _windows(sums, bits, pairs, spare):  # type: ignore[no-untyped-def]  # numba infers the types
    """Separate the two halves of the sums and spread both; the answers are in ``bits`` and ``pairs``."""
    for values, shift in ((bits, np.uint32(0)), (pairs, np.uint32(16))):
        flat, packed = spare.reshape(-1), sums.reshape(-1)
        for node in range(len(packed)):
            flat[node] = np.float32((packed[node] >> shift) & np.uint32(0xFFFF))
        values[:] = spare
        _spread(values, spare)
        values[:] = spare


@njit(nogil=True, cache=True, error_model="numpy", fastmath={"contract", "reassoc", "nsz"})
def _costs(images, plan, fewest, out, start, stop):  # type: ignore[no-untyped-def]  # numba infers the types
    labels, block, step = plan
    shape = out.shape[1:]
    row = np.empty(images[0].shape[2], np.uint32)
    sums = np.empty(shape, np.uint32)
    bits, pairs, spare = np.empty(shape, np.float32), np.empty(shape, np.float32), np.empty(shape, np.float32)
    told, count, least = bits.reshape(-1), pairs.reshape(-1), fewest.reshape(-1)
    for n in range(start, stop):
        _sums_of_blocks(images, labels[n], block, step, row, sums)
        _windows(sums, bits, pairs, spare)
        costs = out[n].reshape(-1)
        for node in range(len(costs)):
            cost = np.float32(1000.0) * told[node] / max(count[node], np.float32(1.0))
            enough = count[node] >= least[node]
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
        mean[node] /= max(known[node - start], np.float32(1.0))
    for n in range(costs.shape[0]):
        row = costs[n]
        for node in range(start, stop):
            if row[node] == np.uint16(65535):
                row[node] = np.uint16(mean[node] + np.float32(0.5))


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
    out = np.empty((len(labels), *shape), np.uint16)
    own = np.empty((1, *shape), np.float32)
    _pairs_known(fixed, block, step, own[0])
    fewest = np.maximum(own[0] * np.float32(share), np.float32(0.5))

    def piece(start: int, stop: int) -> None:
        _costs((fixed, moving), (labels, block, step), fewest, out, start, stop)

    run_chunked(piece, len(labels))
    flat = out.reshape(len(labels), -1)
    mean = np.empty(flat.shape[1], np.float32)

    def fill(start: int, stop: int) -> None:
        _fill(flat, mean, start, stop)

    run_chunked(fill, flat.shape[1])
    return out, (mean > 0.0).reshape(shape) & (own[0] > 0.0)


def _pairs_known(fixed: Words, block: Int64, step: int, out: Float32) -> None:
    """Known voxels in the window of each node."""
    sums = np.empty(out.shape, np.uint32)
    row = np.empty(fixed.shape[2], np.uint32)
    _sums_of_blocks((fixed, fixed), np.zeros(3, np.int64), block, step, row, sums)
    _windows(sums, np.empty_like(out), out, np.empty_like(out))


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
