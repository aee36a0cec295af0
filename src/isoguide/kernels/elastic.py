"""The linear system of a Gauss-Newton step: 3×3 blocks at the nodes, springs between neighbours.

``(H + R) x = b`` with the data's Hessian blocks ``H`` and ``R`` the sum over the lattice's edges of
``spring (x_a - x_b)``; solved by conjugate gradients, preconditioned by the inverses of the diagonal blocks.
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray

from isoguide.kernels.chunks import run_chunked

Floats = NDArray[np.float32]
FAST: set[str] = {"contract", "reassoc", "nsz"}


@njit(nogil=True, cache=True, error_model="numpy", fastmath=FAST)
def _pull(x, springs, k, j, i, n):  # type: ignore[no-untyped-def]  # numba infers the types
    """Sum of the springs at a node, component n; springs[k, j, i, axis] lead to the next node."""
    nk, nj, ni, _ = x.shape
    here, total = x[k, j, i, n], np.float32(0.0)
    if i > 0:
        total += springs[k, j, i - 1, 0] * (here - x[k, j, i - 1, n])
    if i < ni - 1:
        total += springs[k, j, i, 0] * (here - x[k, j, i + 1, n])
    if j > 0:
        total += springs[k, j - 1, i, 1] * (here - x[k, j - 1, i, n])
    if j < nj - 1:
        total += springs[k, j, i, 1] * (here - x[k, j + 1, i, n])
    if k > 0:
        total += springs[k - 1, j, i, 2] * (here - x[k - 1, j, i, n])
    if k < nk - 1:
        total += springs[k, j, i, 2] * (here - x[k + 1, j, i, n])
    return total


@njit(nogil=True, cache=True, error_model="numpy", fastmath=FAST)
def _apply(blocks, springs, x, out, start, stop):  # type: ignore[no-untyped-def]  # numba infers the types
    """Fill ``out`` with (H + R) x for these slices; return their share of the product with x."""
    dot = 0.0
    for k in range(start, stop):
        for j in range(x.shape[1]):
            for i in range(x.shape[2]):
                h, v = blocks[k, j, i], x[k, j, i]
                a = h[0] * v[0] + h[3] * v[1] + h[4] * v[2] + _pull(x, springs, k, j, i, 0)
                b = h[3] * v[0] + h[1] * v[1] + h[5] * v[2] + _pull(x, springs, k, j, i, 1)
                c = h[4] * v[0] + h[5] * v[1] + h[2] * v[2] + _pull(x, springs, k, j, i, 2)
                out[k, j, i, 0], out[k, j, i, 1], out[k, j, i, 2] = a, b, c
                dot += a * v[0] + b * v[1] + c * v[2]
    return dot


@njit(nogil=True, cache=True, error_model="numpy", fastmath=FAST)
def _invert(blocks, springs, out, start, stop):  # type: ignore[no-untyped-def]  # numba infers the types
    """Fill ``out`` with the inverses of the diagonal blocks, as xx, yy, zz, xy, xz, yz."""
    nk, nj, ni, _ = blocks.shape
    for k in range(start, stop):
        for j in range(nj):
            for i in range(ni):
                s = springs[k, j, i, 0] * (i < ni - 1) + springs[k, j, i, 1] * (j < nj - 1)
                s += springs[k, j, i, 2] * (k < nk - 1)
                if i > 0:
                    s += springs[k, j, i - 1, 0]
                if j > 0:
                    s += springs[k, j - 1, i, 1]
                if k > 0:
                    s += springs[k - 1, j, i, 2]
                h, o = blocks[k, j, i], out[k, j, i]
                p, q, r = float(h[0] + s), float(h[1] + s), float(h[2] + s)
                a, b, c = float(h[3]), float(h[4]), float(h[5])
                inverse = 1.0 / max(p * (q * r - c * c) - a * (a * r - b * c) + b * (a * c - b * q), 1e-30)
                o[0], o[1], o[2] = (
                    (q * r - c * c) * inverse,
                    (p * r - b * b) * inverse,
                    (p * q - a * a) * inverse,
                )
                o[3], o[4], o[5] = (
                    (b * c - a * r) * inverse,
                    (a * c - b * q) * inverse,
                    (a * b - p * c) * inverse,
                )


@njit(nogil=True, cache=True, error_model="numpy", fastmath=FAST)
def _step(vectors, inverse, length, start, stop):  # type: ignore[no-untyped-def]  # numba infers the types
    """Go along p and precondition the new residual; return the share of r·z."""
    x, r, p, ap, z = vectors
    dot, length = 0.0, np.float32(length)
    for k in range(start, stop):
        for j in range(x.shape[1]):
            for i in range(x.shape[2]):
                for n in range(3):
                    x[k, j, i, n] += length * p[k, j, i, n]
                    r[k, j, i, n] -= length * ap[k, j, i, n]
                h, v = inverse[k, j, i], r[k, j, i]
                a = h[0] * v[0] + h[3] * v[1] + h[4] * v[2]
                b = h[3] * v[0] + h[1] * v[1] + h[5] * v[2]
                c = h[4] * v[0] + h[5] * v[1] + h[2] * v[2]
                z[k, j, i, 0], z[k, j, i, 1], z[k, j, i, 2] = a, b, c
                dot += a * v[0] + b * v[1] + c * v[2]
    return dot


@njit(nogil=True, cache=True, error_model="numpy", fastmath=FAST)
def _turn(p, z, share, start, stop):  # type: ignore[no-untyped-def]  # numba infers the types
    share = np.float32(share)
    for k in range(start, stop):
        for j in range(p.shape[1]):
            for i in range(p.shape[2]):
                for n in range(3):
                    p[k, j, i, n] = z[k, j, i, n] + share * p[k, j, i, n]


def _summed(piece, count: int) -> float:  # type: ignore[no-untyped-def]  # a compiled kernel
    parts: dict[int, float] = {}

    def run(start: int, stop: int) -> None:
        parts[start] = piece(start, stop)

    run_chunked(run, count)
    return float(sum(parts[start] for start in sorted(parts)))


def applied(blocks: Floats, springs: Floats, x: Floats) -> Floats:
    """Return ``(H + R) x``; arguments as in :func:`solved`."""
    out = np.empty(x.shape, dtype=np.float32)
    _summed(lambda a, b: _apply(blocks, springs, x, out, a, b), x.shape[0])
    return out


def solved(blocks: Floats, springs: Floats, right: Floats, *, steps: int, tolerance: float) -> Floats:
    """Solve ``(H + R) x = right`` from x = 0.

    Parameters
    ----------
    blocks
        Symmetric 3×3 blocks ``[k, j, i, 6]`` as xx, yy, zz, xy, xz, yz, positive semidefinite.
    springs
        ``[k, j, i, 3]``: stiffness of the edge to the next node along i, j and k, positive.
    right
        ``[k, j, i, 3]``.
    steps, tolerance
        At most so many steps, and until the preconditioned residual has shrunk to this share.
    """
    count = right.shape[0]
    inverse = np.empty(blocks.shape, dtype=np.float32)
    run_chunked(lambda a, b: _invert(blocks, springs, inverse, a, b), count)
    x, r = np.zeros(right.shape, dtype=np.float32), right.astype(np.float32)
    z, ap, p = np.empty_like(x), np.zeros_like(x), np.zeros_like(x)
    vectors = (x, r, p, ap, z)
    rz = _summed(lambda a, b: _step(vectors, inverse, 0.0, a, b), count)
    p[:] = z
    enough = rz * tolerance**2
    for _ in range(steps):
        if rz <= max(enough, 1e-30):
            break
        curvature = _summed(lambda a, b: _apply(blocks, springs, p, ap, a, b), count)
        length = rz / curvature
        previous = rz
        rz = _summed(lambda a, b, s=length: _step(vectors, inverse, s, a, b), count)
        run_chunked(lambda a, b, s=rz / previous: _turn(p, z, s, a, b), count)  # type: ignore[misc]  # a default binds the loop's value
    return x


def applied_reference(blocks: Floats, springs: Floats, x: Floats) -> Floats:
    """Do the same as :func:`applied` with whole arrays."""
    xx, yy, zz, xy, xz, yz = np.moveaxis(blocks.astype(np.float64), -1, 0)
    matrix = np.stack([np.stack(r, -1) for r in ((xx, xy, xz), (xy, yy, yz), (xz, yz, zz))], axis=-2)
    out = np.einsum("kjiab,kjib->kjia", matrix, x)
    for axis in range(3):
        along = 2 - axis
        stretch = np.diff(x.astype(np.float64), axis=along)
        inner = springs[..., axis].take(range(x.shape[along] - 1), axis=along)[..., None]
        pad = [(0, 0)] * 4
        pad[along] = (1, 1)
        tension = np.pad(inner * stretch, pad)
        out -= np.diff(tension, axis=along)
    return out.astype(np.float32)
