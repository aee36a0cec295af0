"""Back-projection of filtered cone-beam projections with distance weights (Feldkamp, Davis, Kress, 1984)."""

import numpy as np
from numba import njit
from numpy.typing import NDArray
from scipy import ndimage

from isoguide.kernels.chunks import run_chunked

Float32 = NDArray[np.float32]
Float64 = NDArray[np.float64]
FAST: set[str] = {"contract", "reassoc", "nsz"}


@njit(nogil=True, cache=True, error_model="numpy", fastmath=FAST)
def _back_project_voxel(flat, lines, i, sizes):  # type: ignore[no-untyped-def]  # numba infers the types
    # The sum runs over projections, not voxels: only reads, so that the loop becomes vector instructions.
    columns, rows = sizes
    zero, one = np.float32(0.0), np.float32(1.0)
    last_column, last_row = np.float32(columns - 2), np.float32(rows - 2)
    width, plane = np.uint32(columns), np.uint32(rows * columns)
    total = np.float32(0.0)
    for n in range(lines.shape[1]):
        inverse = one / (lines[4, n] + i * lines[5, n])
        u = (lines[0, n] + i * lines[1, n]) * inverse + one
        v = (lines[2, n] + i * lines[3, n]) * inverse + one
        u = min(max(u, zero), last_column)
        v = min(max(v, zero), last_row)
        column = np.int32(u)
        row = np.int32(v)
        x = u - np.float32(column)
        y = v - np.float32(row)
        o = np.uint32(n) * plane + np.uint32(row) * width + np.uint32(column)
        a = flat[o]
        b = flat[o + width]
        a += x * (flat[o + np.uint32(1)] - a)
        b += x * (flat[o + width + np.uint32(1)] - b)
        total += (a + y * (b - a)) * inverse * inverse
    return total


@njit(nogil=True, cache=True, error_model="numpy", fastmath=FAST)
def _back_project(flat, matrices, sizes, out, start, stop):  # type: ignore[no-untyped-def]  # numba infers the types
    count = matrices.shape[0]
    lines = np.empty((6, count), dtype=np.float32)
    for k in range(start, stop):
        for j in range(out.shape[1]):
            for n in range(count):
                for r in range(3):
                    m = matrices[n, r]
                    lines[2 * r, n] = np.float32(m[1] * j + m[2] * k + m[3])
                    lines[2 * r + 1, n] = np.float32(m[0])
            for i in range(out.shape[2]):
                out[k, j, i] = _back_project_voxel(flat, lines, np.float32(i), sizes)


def back_project(projections: Float32, matrices: Float64, shape: tuple[int, int, int]) -> Float32:
    """Sum, for each voxel, the projections where it appears, weighted by 1/w².

    Parameters
    ----------
    projections
        Filtered projections (projections, rows, columns), zero beyond their edges.
    matrices
        (projections, 3, 4) from voxel index (i, j, k, 1) to (column·w, row·w, w); w is the depth relative to
        that of the axis and positive everywhere.
    shape
        Of the result [k, j, i].
    """
    # One zero before, two behind: positions beside the detector are held where both neighbours are zero.
    padded = np.pad(projections, ((0, 0), (1, 2), (1, 2)))
    flat, sizes = padded.ravel(), (padded.shape[2], padded.shape[1])
    out = np.empty(shape, dtype=np.float32)

    def piece(start: int, stop: int) -> None:
        _back_project(flat, matrices, sizes, out, start, stop)

    run_chunked(piece, shape[0])
    return out


def back_project_reference(projections: Float32, matrices: Float64, shape: tuple[int, int, int]) -> Float32:
    """Plain NumPy statement of :func:`back_project`."""
    k, j, i = np.meshgrid(*(np.arange(size) for size in shape), indexing="ij")
    index = np.stack([i, j, k, np.ones(shape)], axis=-1)
    out = np.zeros(shape)
    for image, matrix in zip(np.pad(projections, ((0, 0), (1, 1), (1, 1))), matrices, strict=True):
        column, row, w = np.moveaxis(index @ matrix.T, -1, 0)
        at = [row / w + 1.0, column / w + 1.0]
        out += ndimage.map_coordinates(image.astype(np.float64), at, order=1, mode="nearest") / w**2
    return out.astype(np.float32)
