"""Compare patches of the planning CT with the daily image under a rigid pose, one image read per sample.

A patch is a cube of samples on a lattice of the planning CT. Its template is ``f`` (zero mean, unit length) and
``d`` (derivatives of ``f`` by the motion parameters, orthogonal to ``f`` and to the constant). Because of the
orthogonality the grey-value gain and offset of a patch drop out: ``d · m / (f · m)`` is the gradient itself.
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray

from isoguide.kernels.chunks import run_chunked

Float32 = NDArray[np.float32]
Float64 = NDArray[np.float64]
FAST: set[str] = {"contract", "reassoc", "nsz"}

CORRELATION, LENGTH, GRADIENT = 0, 1, 2
"""Columns of the sums: f·m, then |m - mean(m)|, then d·m for each parameter."""


@njit(nogil=True, cache=True, error_model="numpy", fastmath=FAST)
def _patch_sums(volume, size, matrix, centres, steps, f, d, out, start, stop):  # type: ignore[no-untyped-def]  # numba infers the types
    samples = f.shape[1]
    parameters = d.shape[1]
    low = np.empty(3, np.float32)
    high = np.empty(3, np.float32)
    for axis in range(3):
        low[axis] = steps[axis, 0]
        high[axis] = steps[axis, 0]
        for s in range(samples):
            low[axis] = min(low[axis], steps[axis, s])
            high[axis] = max(high[axis], steps[axis, s])
    stride_j = np.uint64(size[2])
    stride_k = np.uint64(size[2] * size[1])
    one_j = stride_j + np.uint64(1)
    m = np.empty(samples, np.float32)
    one = np.float32(1.0)
    for p in range(start, stop):
        cx, cy, cz = centres[p, 0], centres[p, 1], centres[p, 2]
        bx = np.float32(matrix[0, 0] * cx + matrix[0, 1] * cy + matrix[0, 2] * cz + matrix[0, 3])
        by = np.float32(matrix[1, 0] * cx + matrix[1, 1] * cy + matrix[1, 2] * cz + matrix[1, 3])
        bz = np.float32(matrix[2, 0] * cx + matrix[2, 1] * cy + matrix[2, 2] * cz + matrix[2, 3])
        inside = bx + low[0] >= 0 and bx + high[0] < size[2] - 1
        inside = inside and by + low[1] >= 0 and by + high[1] < size[1] - 1
        inside = inside and bz + low[2] >= 0 and bz + high[2] < size[0] - 1
        if not inside:
            for c in range(out.shape[1]):
                out[p, c] = np.nan
            continue
        for s in range(samples):
            x = bx + steps[0, s]
            y = by + steps[1, s]
            z = bz + steps[2, s]
            i = np.uint64(x)
            j = np.uint64(y)
            k = np.uint64(z)
            u = x - np.float32(i)
            v = y - np.float32(j)
            w = z - np.float32(k)
            o = k * stride_k + j * stride_j + i
            q = o + stride_k
            a = volume[o] * (one - u) + volume[o + np.uint64(1)] * u
            b = volume[o + stride_j] * (one - u) + volume[o + one_j] * u
            e = volume[q] * (one - u) + volume[q + np.uint64(1)] * u
            g = volume[q + stride_j] * (one - u) + volume[q + one_j] * u
            m[s] = (a * (one - v) + b * v) * (one - w) + (e * (one - v) + g * v) * w
        total = np.float32(0.0)
        for s in range(samples):
            total += m[s]
        mean = total / np.float32(samples)
        square = np.float32(0.0)
        product = np.float32(0.0)
        for s in range(samples):
            square += (m[s] - mean) * (m[s] - mean)
            product += f[p, s] * m[s]
        out[p, 0] = product
        out[p, 1] = np.sqrt(square)
        for c in range(parameters):
            total = np.float32(0.0)
            for s in range(samples):
                total += d[p, c, s] * m[s]
            out[p, 2 + c] = total


def patch_sums(
    volume: Float32, index_from_mm: Float64, centres_mm: Float64, offsets_mm: Float64, f: Float32, d: Float32
) -> Float64:
    """Correlate every patch with the daily image at one pose.

    Parameters
    ----------
    volume
        Daily image [k, j, i], C-contiguous float32, NaN outside the field of view.
    index_from_mm
        (3, 4) affine from planning mm to fractional (i, j, k) of ``volume``: the pose is inside it.
    centres_mm, offsets_mm
        Patch centres (patches, 3) and the shared sample offsets (samples, 3), planning mm.
    f, d
        Templates (patches, samples) and derivatives (patches, parameters, samples).

    Returns
    -------
    (patches, 2 + parameters): f·m, |m - mean(m)| and d·m; a row is NaN where the daily image does not show
    the whole patch.
    """
    out = np.empty((len(centres_mm), 2 + d.shape[1]))
    steps = np.ascontiguousarray((index_from_mm[:, :3] @ offsets_mm.T).astype(np.float32))
    size = np.array(volume.shape, dtype=np.int64)
    flat = volume.reshape(-1)

    def piece(start: int, stop: int) -> None:
        _patch_sums(flat, size, index_from_mm, centres_mm, steps, f, d, out, start, stop)

    run_chunked(piece, len(centres_mm))
    return out


def patch_sums_reference(
    volume: Float32, index_from_mm: Float64, centres_mm: Float64, offsets_mm: Float64, f: Float32, d: Float32
) -> Float64:
    """Plain NumPy statement of :func:`patch_sums`."""
    xyz = centres_mm[:, None, :] + offsets_mm
    ijk = xyz @ index_from_mm[:, :3].T + index_from_mm[:, 3]
    last = np.array(volume.shape[::-1]) - 1
    inside = ((ijk >= 0) & (ijk < last)).all(axis=(1, 2))
    base = np.clip(np.floor(ijk).astype(int), 0, last - 1)
    frac = np.clip(ijk - base, 0.0, 1.0)
    m = np.zeros(ijk.shape[:2])
    for corner in np.ndindex(2, 2, 2):
        at = base + corner
        weight = np.where(corner, frac, 1.0 - frac).prod(axis=-1)
        m += weight * volume[at[..., 2], at[..., 1], at[..., 0]]
    centred = m - m.mean(axis=1, keepdims=True)
    sums = np.column_stack(
        [(f * m).sum(axis=1), np.linalg.norm(centred, axis=1), np.einsum("pcs,ps->pc", d, m)]
    )
    return np.where(inside[:, None], sums, np.nan)
