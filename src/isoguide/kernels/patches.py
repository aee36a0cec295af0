"""Compare patches of the planning CT with the daily image under a rigid pose, one image read per sample.

A patch is a cube of samples on a lattice of the planning CT. Its template is ``f`` (zero mean, unit length)
and ``d`` (derivatives of ``f`` by the motion parameters, orthogonal to ``f`` and to the constant). Because of
the orthogonality the grey-value gain and offset of a patch drop out: ``d · m / (f · m)`` is the gradient.
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray

from isoguide.kernels.chunks import run_chunked

Float32 = NDArray[np.float32]
Float64 = NDArray[np.float64]
FAST: set[str] = {"contract", "reassoc", "nsz"}
FLAT = np.float32(1e-4)
"""A patch whose values vary by less than this share of their mean is flat: only rounding is left in it."""

CORRELATION, LENGTH, GRADIENT = 0, 1, 2
"""Columns of the sums: f·m, then |m - mean(m)|, then d·m for each parameter."""


@njit(nogil=True, cache=True, error_model="numpy", fastmath=FAST)
def _bounds(steps, bounds):  # type: ignore[no-untyped-def]  # numba infers the types
    for axis in range(3):
        bounds[axis, 0] = steps[axis, 0]
        bounds[axis, 1] = steps[axis, 0]
        for s in range(steps.shape[1]):
            bounds[axis, 0] = min(bounds[axis, 0], steps[axis, s])
            bounds[axis, 1] = max(bounds[axis, 1], steps[axis, s])


@njit(nogil=True, cache=True, error_model="numpy", fastmath=FAST)
def _lies_inside(base, bounds, shape):  # type: ignore[no-untyped-def]  # numba infers the types
    for axis in range(3):
        if not (base[axis] + bounds[axis, 0] >= 0 and base[axis] + bounds[axis, 1] < shape[2 - axis] - 1):
            return False
    return True


@njit(nogil=True, cache=True, error_model="numpy", fastmath=FAST)
def _sample(volume, base, steps, m):  # type: ignore[no-untyped-def]  # numba infers the types
    # Unsigned offsets into the flat array: no test for negative indices in the innermost loop.
    flat = volume.reshape(-1)
    stride_j = np.uint64(volume.shape[2])
    stride_k = np.uint64(volume.shape[2] * volume.shape[1])
    one_j = stride_j + np.uint64(1)
    one = np.float32(1.0)
    bx, by, bz = base[0], base[1], base[2]
    for s in range(len(m)):
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
        a = flat[o] * (one - u) + flat[o + np.uint64(1)] * u
        b = flat[o + stride_j] * (one - u) + flat[o + one_j] * u
        e = flat[q] * (one - u) + flat[q + np.uint64(1)] * u
        g = flat[q + stride_j] * (one - u) + flat[q + one_j] * u
        m[s] = (a * (one - v) + b * v) * (one - w) + (e * (one - v) + g * v) * w


@njit(nogil=True, cache=True, error_model="numpy", fastmath=FAST)
def _patch_sums(volume, matrix, centres, steps, f, d, out):  # type: ignore[no-untyped-def]  # numba infers the types
    samples = f.shape[1]
    parameters = d.shape[1]
    bounds = np.empty((3, 2), np.float32)
    _bounds(steps, bounds)
    base = np.empty(3, np.float32)
    m = np.empty(samples, np.float32)
    for p in range(len(centres)):
        cx, cy, cz = centres[p, 0], centres[p, 1], centres[p, 2]
        for axis in range(3):
            row = matrix[axis]
            base[axis] = np.float32(row[0] * cx + row[1] * cy + row[2] * cz + row[3])
        if not _lies_inside(base, bounds, volume.shape):
            out[p] = np.nan
            continue
        _sample(volume, base, steps, m)
        total = np.float32(0.0)
        for s in range(samples):
            total += m[s]
        mean = total / np.float32(samples)
        square = np.float32(0.0)
        product = np.float32(0.0)
        for s in range(samples):
            m[s] -= mean
            square += m[s] * m[s]
            product += f[p, s] * m[s]
        if square <= np.float32(samples) * (FLAT * mean) * (FLAT * mean):
            out[p] = 0.0
            continue
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
    the whole patch, and zero where the daily image is flat.
    """
    out = np.empty((len(centres_mm), 2 + d.shape[1]))
    steps = np.ascontiguousarray((index_from_mm[:, :3] @ offsets_mm.T).astype(np.float32))

    def piece(start: int, stop: int) -> None:
        part = slice(start, stop)
        _patch_sums(volume, index_from_mm, centres_mm[part], steps, f[part], d[part], out[part])

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
    mean = m.mean(axis=1, keepdims=True)
    centred = m - mean
    length = np.linalg.norm(centred, axis=1)
    sums = np.column_stack([(f * centred).sum(axis=1), length, np.einsum("pcs,ps->pc", d, centred)])
    sums[length <= np.sqrt(f.shape[1]) * FLAT * np.abs(mean[:, 0])] = 0.0
    return np.asarray(np.where(np.expand_dims(inside, 1), sums, np.nan))
