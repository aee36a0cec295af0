"""Ultrasound scatterers that belong to the tissue, and the beam that sums them up.

Tissue is cut into cells far smaller than the resolution of any transducer, and a hash of a cell's indices
says how it scatters: a field of unlimited size without memory, the same whenever the same tissue is imaged.
The hash is that of Teschner et al. 2003 (Optimized Spatial Hashing for Collision Detection of Deformable
Objects, VMV), followed by a multiplicative mix (Knuth, The Art of Computer Programming 3, 6.4).
"""

from math import floor

import numpy as np
from numba import njit
from numpy.typing import NDArray

from isoguide.kernels.chunks import run_chunked

Float32 = NDArray[np.float32]
Float64 = NDArray[np.float64]

OFFSET = 1 << 20
"""Added to cell indices so that all are positive: tissue reaches a million cells to either side."""
_A, _B, _C = 73856093, 19349663, 83492791
_MIX = 2654435761
_LOW = 0xFFFFFFFF
_HIGH_BITS = 16


@njit(nogil=True, cache=True, error_model="numpy", inline="always")
def _entry(x, y, z, mask):  # type: ignore[no-untyped-def]  # numba infers the types
    """Return which entry of the table a position in cells takes."""
    i = np.uint64(floor(x) + OFFSET) * np.uint64(_A)
    j = np.uint64(floor(y) + OFFSET) * np.uint64(_B)
    k = np.uint64(floor(z) + OFFSET) * np.uint64(_C)
    mixed = ((i ^ j ^ k) & np.uint64(_LOW)) * np.uint64(_MIX)
    return (mixed >> np.uint64(_HIGH_BITS)) & mask


@njit(nogil=True, cache=True, error_model="numpy", fastmath={"contract", "reassoc", "nsz"})
def _scatter(cells, across, weights, table, mask, out):  # type: ignore[no-untyped-def]  # numba infers the types
    for n in range(cells.shape[0]):
        x, y, z = cells[n, 0], cells[n, 1], cells[n, 2]
        real, imaginary = 0.0, 0.0
        for e in range(weights.size):
            entry = _entry(x + across[e, 0], y + across[e, 1], z + across[e, 2], mask)
            real += weights[e] * table[entry, 0]
            imaginary += weights[e] * table[entry, 1]
        out[n, 0] = real
        out[n, 1] = imaginary


@njit(nogil=True, cache=True, error_model="numpy", fastmath={"contract", "reassoc", "nsz"})
def _blur_lines(echoes, taps, out, start, stop):  # type: ignore[no-untyped-def]  # numba infers the types
    lines, depths, _ = echoes.shape
    half = taps.shape[0] // 2
    for line in range(start, stop):
        for d in range(depths):
            out[line, d, 0] = 0.0
            out[line, d, 1] = 0.0
        for tap in range(taps.shape[0]):
            other = min(max(line + tap - half, 0), lines - 1)
            for d in range(depths):
                out[line, d, 0] += taps[tap, d] * echoes[other, d, 0]
                out[line, d, 1] += taps[tap, d] * echoes[other, d, 1]


def scattered(
    positions_mm: Float64, across_mm: Float64, weights: Float64, table: Float32, cell_mm: float
) -> Float32:
    """Sum the scatterers across the thickness of the image at positions in the tissue.

    Parameters
    ----------
    positions_mm
        Shape (n, 3), where the tissue is in the planning CT.
    across_mm, weights
        Steps (m, 3) across the plane of the image and how much each counts (m,).
    table
        Real and imaginary part of the scattering of a cell, float32 (a power of two, 2).
    cell_mm
        Edge length of a cell.

    Returns
    -------
    NDArray
        Real and imaginary part, float32 (n, 2).
    """
    cells = np.ascontiguousarray(positions_mm / cell_mm)
    across = np.ascontiguousarray(across_mm / cell_mm)
    mask = np.uint64(len(table) - 1)
    out = np.empty((len(cells), 2), dtype=np.float32)
    run_chunked(lambda a, b: _scatter(cells[a:b], across, weights, table, mask, out[a:b]), len(cells))
    return out


def scattered_reference(
    positions_mm: Float64, across_mm: Float64, weights: Float64, table: Float32, cell_mm: float
) -> Float32:
    """Compute :func:`scattered` in plain NumPy."""
    cells = positions_mm[:, None, :] / cell_mm + across_mm / cell_mm
    i, j, k = np.moveaxis(np.floor(cells).astype(np.int64) + OFFSET, -1, 0).astype(np.uint64)
    hashed = (i * np.uint64(_A)) ^ (j * np.uint64(_B)) ^ (k * np.uint64(_C))
    mixed = (hashed & np.uint64(_LOW)) * np.uint64(_MIX)
    entries = (mixed >> np.uint64(_HIGH_BITS)) & np.uint64(len(table) - 1)
    return np.einsum("e,nec->nc", weights, table[entries]).astype(np.float32)


def blurred_across_lines(echoes: Float32, taps: Float32) -> Float32:
    """Sum neighbouring lines as a beam does whose width changes with depth.

    Parameters
    ----------
    echoes
        Real and imaginary part, float32 [line, depth, 2]; the outermost lines go on beyond the edge.
    taps
        Weight of the neighbours at every depth, float32 [tap, depth], an odd number of taps.
    """
    out = np.empty_like(echoes)
    run_chunked(lambda a, b: _blur_lines(echoes, taps, out, a, b), len(echoes))
    return out


def blurred_across_lines_reference(echoes: Float32, taps: Float32) -> Float32:
    """Compute :func:`blurred_across_lines` in plain NumPy."""
    half = len(taps) // 2
    padded = np.pad(echoes, ((half, half), (0, 0), (0, 0)), mode="edge")
    total = np.zeros(echoes.shape, dtype=np.float64)
    for tap, weight in enumerate(taps):
        total += weight[None, :, None] * padded[tap : tap + len(echoes)]
    return total.astype(np.float32)
