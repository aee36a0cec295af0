"""Explain patches of an ultrasound volume by the planning CT under a rigid pose, one image read per sample.

In every patch the ultrasound is fitted by a constant, the CT value and the size of its gradient; what is left
is the residual (the linear correlation of linear combination, LC2: Wein et al., Med. Image Anal. 12 (2008)
577). The three coefficients drop out by variable projection with Kaufman's approximation (BIT 15 (1975) 49):
the Gauss-Newton step of a patch along x, y, z needs only sums over its samples.
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray

from isoguide.kernels.chunks import run_chunked

Float32 = NDArray[np.float32]
Float64 = NDArray[np.float64]
FAST: set[str] = {"contract", "reassoc", "nsz"}

COUNT, TOTAL, RESIDUAL = 0, 1, 2
"""Columns of the sums: samples used, their sum of squares about the mean, and what of it is not explained."""
GRADIENT = slice(3, 6)
"""Half the derivative of the explained sum of squares by a shift of the CT sample along x, y, z."""
NORMAL = slice(6, 12)
"""The Gauss-Newton matrix of the same, xx, xy, xz, yy, yz, zz."""
COLUMNS = 12
CHANNELS = 8
"""Per voxel: CT value and its derivatives along x, y, z, then the size of its gradient and the same."""
SMALL = 40_000
"""Fewer samples take less time than handing them to several threads."""
RIDGE = 1e-4
"""Share of a feature's own sum of squares below which it says nothing beside the others."""


@njit(nogil=True, cache=True, error_model="numpy", fastmath=FAST)
def _sample(volume, x, y, z, out):  # type: ignore[no-untyped-def]  # numba infers the types
    i = np.int64(x)
    j = np.int64(y)
    k = np.int64(z)
    u = np.float32(x - i)
    v = np.float32(y - j)
    w = np.float32(z - k)
    one = np.float32(1.0)
    for dk in range(2):
        wk = w if dk else one - w
        for dj in range(2):
            wj = wk * (v if dj else one - v)
            first = wj * (one - u)
            second = wj * u
            here = volume[k + dk, j + dj, i]
            there = volume[k + dk, j + dj, i + 1]
            if dk == 0 and dj == 0:
                for c in range(8):
                    out[c] = first * here[c] + second * there[c]
            else:
                for c in range(8):
                    out[c] += first * here[c] + second * there[c]


@njit(nogil=True, cache=True, error_model="numpy", fastmath=FAST)
def _solved(aa, ab, bb, au, bu):  # type: ignore[no-untyped-def]  # numba infers the types
    """Return coefficients and the inverse (xx, xy, yy) of the 2×2 system of the centred features."""
    if aa <= 0.0 and bb <= 0.0:
        return 0.0, 0.0, 0.0, 0.0, 0.0
    determinant = aa * bb - ab * ab
    if determinant <= RIDGE * aa * bb:
        if aa >= bb:
            return au / aa, 0.0, 1.0 / aa, 0.0, 0.0
        return 0.0, bu / bb, 0.0, 0.0, 1.0 / bb
    p, q, r = bb / determinant, -ab / determinant, aa / determinant
    return p * au + q * bu, q * au + r * bu, p, q, r


@njit(nogil=True, cache=True, error_model="numpy", fastmath=FAST)
def _patch(channels, u, weights, out):  # type: ignore[no-untyped-def]  # numba infers the types
    n = 0.0
    su = 0.0
    sa = 0.0
    sb = 0.0
    for s in range(len(u)):
        w = weights[s]
        n += w
        su += w * u[s]
        sa += w * channels[s, 0]
        sb += w * channels[s, 4]
    mu, ma, mb = su / n, sa / n, sb / n
    uu = aa = ab = bb = au = bu = 0.0
    for s in range(len(u)):
        w = weights[s]
        du, da, db = u[s] - mu, channels[s, 0] - ma, channels[s, 4] - mb
        uu += w * du * du
        aa += w * da * da
        ab += w * da * db
        bb += w * db * db
        au += w * da * du
        bu += w * db * du
    ca, cb, p, q, r = _solved(aa, ab, bb, au, bu)
    gx = gy = gz = xx = xy = xz = yy = yz = zz = 0.0
    ox = oy = oz = ax = ay = az = bx = by = bz = 0.0
    for s in range(len(u)):
        w = weights[s]
        da, db = channels[s, 0] - ma, channels[s, 4] - mb
        rest = w * (u[s] - mu - ca * da - cb * db)
        x = ca * channels[s, 1] + cb * channels[s, 5]
        y = ca * channels[s, 2] + cb * channels[s, 6]
        z = ca * channels[s, 3] + cb * channels[s, 7]
        gx += rest * x
        gy += rest * y
        gz += rest * z
        x, y, z = w * x, w * y, w * z
        xx += x * x
        xy += x * y
        xz += x * z
        yy += y * y
        yz += y * z
        zz += z * z
        ox += x
        oy += y
        oz += z
        ax += da * x
        ay += da * y
        az += da * z
        bx += db * x
        by += db * y
        bz += db * z
    out[0] = n
    out[1] = uu
    out[2] = uu - ca * au - cb * bu
    out[3], out[4], out[5] = gx, gy, gz
    out[6] = xx - ox * ox / n - p * ax * ax - 2.0 * q * ax * bx - r * bx * bx
    out[7] = xy - ox * oy / n - p * ax * ay - q * (ax * by + ay * bx) - r * bx * by
    out[8] = xz - ox * oz / n - p * ax * az - q * (ax * bz + az * bx) - r * bx * bz
    out[9] = yy - oy * oy / n - p * ay * ay - 2.0 * q * ay * by - r * by * by
    out[10] = yz - oy * oz / n - p * ay * az - q * (ay * bz + az * by) - r * by * bz
    out[11] = zz - oz * oz / n - p * az * az - 2.0 * q * az * bz - r * bz * bz


@njit(nogil=True, cache=True, error_model="numpy", fastmath=FAST)
def _lc2_sums(volume, matrix, centres, steps, values, weights, out):  # type: ignore[no-untyped-def]  # numba infers the types
    samples = values.shape[1]
    channels = np.empty((samples, 8), np.float32)
    last_i, last_j, last_k = volume.shape[2] - 1, volume.shape[1] - 1, volume.shape[0] - 1
    for p in range(len(centres)):
        cx, cy, cz = centres[p, 0], centres[p, 1], centres[p, 2]
        bx = matrix[0, 0] * cx + matrix[0, 1] * cy + matrix[0, 2] * cz + matrix[0, 3]
        by = matrix[1, 0] * cx + matrix[1, 1] * cy + matrix[1, 2] * cz + matrix[1, 3]
        bz = matrix[2, 0] * cx + matrix[2, 1] * cy + matrix[2, 2] * cz + matrix[2, 3]
        inside = True
        for s in range(samples):
            x, y, z = bx + steps[0, s], by + steps[1, s], bz + steps[2, s]
            if not (x >= 0.0 and y >= 0.0 and z >= 0.0 and x < last_i and y < last_j and z < last_k):
                inside = False
                break
            _sample(volume, x, y, z, channels[s])
        if inside:
            _patch(channels, values[p], weights[p], out[p])
        else:
            out[p] = np.nan


def lc2_sums(
    volume: Float32,
    index_from_mm: Float64,
    centres_mm: Float64,
    offsets_mm: Float64,
    values: Float32,
    weights: Float32,
) -> Float64:
    """Explain every patch of the ultrasound by the CT at one pose.

    Parameters
    ----------
    volume
        The CT's channels ``[k, j, i, channel]``, C-contiguous float32, :data:`CHANNELS` of them.
    index_from_mm
        (3, 4) affine from millimetres of the ultrasound to fractional (i, j, k) of ``volume``: the pose is
        inside it.
    centres_mm, offsets_mm
        Patch centres (patches, 3) and the shared sample offsets (samples, 3), in the ultrasound's frame.
    values, weights
        Ultrasound (patches, samples), and 1 where a sample takes part, 0 where nothing was seen.

    Returns
    -------
    (patches, 12): see :data:`COUNT`, :data:`TOTAL`, :data:`RESIDUAL`, :data:`GRADIENT`, :data:`NORMAL`; a row
    is NaN where the CT does not show the whole patch.
    """
    out = np.empty((len(centres_mm), COLUMNS))
    steps = np.ascontiguousarray(index_from_mm[:, :3] @ offsets_mm.T)

    def piece(start: int, stop: int) -> None:
        part = slice(start, stop)
        _lc2_sums(volume, index_from_mm, centres_mm[part], steps, values[part], weights[part], out[part])

    if values.size < SMALL:
        piece(0, len(centres_mm))
    else:
        run_chunked(piece, len(centres_mm))
    return out


def lc2_sums_reference(
    volume: Float32,
    index_from_mm: Float64,
    centres_mm: Float64,
    offsets_mm: Float64,
    values: Float32,
    weights: Float32,
) -> Float64:
    """Plain NumPy statement of :func:`lc2_sums`."""
    last = np.array(volume.shape[2::-1]) - 1
    out = np.full((len(centres_mm), COLUMNS), np.nan)
    for p, centre_mm in enumerate(centres_mm):
        ijk = (centre_mm + offsets_mm) @ index_from_mm[:, :3].T + index_from_mm[:, 3]
        if not ((ijk >= 0.0) & (ijk < last)).all():
            continue
        base = np.floor(ijk).astype(int)
        channels = np.zeros((len(ijk), CHANNELS))
        for corner in np.ndindex(2, 2, 2):
            at = base + corner
            share = np.where(corner, ijk - base, 1.0 - (ijk - base)).prod(axis=1)
            channels += share[:, None] * volume[at[:, 2], at[:, 1], at[:, 0]]
        out[p] = _patch_reference(channels, values[p].astype(np.float64), weights[p] > 0.0)
    return out


def _patch_reference(channels: Float64, u: Float64, used: NDArray[np.bool_]) -> Float64:
    channels, u = channels[used], u[used]
    design = np.column_stack([np.ones(len(u)), channels[:, 0], channels[:, 4]])
    fitted, *_ = np.linalg.lstsq(design, u, rcond=None)
    slope = fitted[1] * channels[:, 1:4] + fitted[2] * channels[:, 5:8]
    unexplained, *_ = np.linalg.lstsq(design, slope, rcond=None)
    rest = u - design @ fitted
    turned = slope - design @ unexplained
    normal = turned.T @ turned
    total = ((u - u.mean()) ** 2).sum()
    sums = [len(u), total, (rest**2).sum(), *(slope.T @ rest), *normal[np.triu_indices(3)]]
    return np.array(sums, dtype=np.float64)
