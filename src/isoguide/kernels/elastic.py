"""The linear system of a Gauss-Newton step: 3×3 blocks at the nodes, springs between neighbours.

``(H + R) x = b`` with the data's Hessian blocks ``H`` and ``R`` the sum over the lattice's edges of
``spring (x_a - x_b)``; solved by conjugate gradients, preconditioned by the inverses of the diagonal blocks.
Components are planes of their own, ``[component, k, j, i]``, so that rows are worked on as a whole.
"""

from collections.abc import Callable

import numpy as np
from numba import njit
from numpy.typing import NDArray

from isoguide.kernels.chunks import run_chunked

Floats = NDArray[np.float32]
DIAGONAL = 42.0
"""Of the squared Laplacian of a lattice: six neighbours, squared, and each of them once."""
FAST: set[str] = {"contract", "reassoc", "nsz"}


@njit(nogil=True, cache=True, error_model="numpy", fastmath=FAST)
def _blocks_on(h0, h1, h2, x, y, z, out):  # type: ignore[no-untyped-def]  # numba infers the types
    for i in range(out.size):
        out[i] = h0[i] * x[i] + h1[i] * y[i] + h2[i] * z[i]


@njit(nogil=True, cache=True, error_model="numpy", fastmath=FAST)
def _add_across(before, after, x, x_before, x_after, out):  # type: ignore[no-untyped-def]  # numba infers the types
    """Add the springs to the rows on either side."""
    for i in range(out.size):
        out[i] += before[i] * (x[i] - x_before[i]) + after[i] * (x[i] - x_after[i])


@njit(nogil=True, cache=True, error_model="numpy", fastmath=FAST)
def _add_along(spring, x, out):  # type: ignore[no-untyped-def]  # numba infers the types
    """Add the springs within a row."""
    last = out.size - 1
    out[0] += spring[0] * (x[0] - x[1])
    for i in range(1, last):
        out[i] += spring[i - 1] * (x[i] - x[i - 1]) + spring[i] * (x[i] - x[i + 1])
    out[last] += spring[last - 1] * (x[last] - x[last - 1])


@njit(nogil=True, cache=True, error_model="numpy", fastmath=FAST)
def _dot(x, y):  # type: ignore[no-untyped-def]  # numba infers the types
    total = np.float32(0.0)
    for i in range(x.size):
        total += x[i] * y[i]
    return float(total)


@njit(nogil=True, cache=True, error_model="numpy", fastmath=FAST)
def _add(length, p, x):  # type: ignore[no-untyped-def]  # numba infers the types
    for i in range(x.size):
        x[i] += length * p[i]


@njit(nogil=True, cache=True, error_model="numpy", fastmath=FAST)
def _springs_on(springs, x, k, j, out):  # type: ignore[no-untyped-def]  # numba infers the types
    """Add the springs of row (k, j) of one component; a neighbour that is not there is the row itself."""
    nk, nj, _ = x.shape
    k0, k1 = max(k - 1, 0), min(k + 1, nk - 1)
    j0, j1 = max(j - 1, 0), min(j + 1, nj - 1)
    _add_across(springs[2, k0, j], springs[2, k, j], x[k, j], x[k0, j], x[k1, j], out)
    _add_across(springs[1, k, j0], springs[1, k, j], x[k, j], x[k, j0], x[k, j1], out)
    _add_along(springs[0, k, j], x[k, j], out)


@njit(nogil=True, cache=True, error_model="numpy", fastmath=FAST)
def _apply(blocks, springs, x, out, start, stop):  # type: ignore[no-untyped-def]  # numba infers the types
    """Fill ``out`` with (H + R) x for these slices; return their share of the product with x."""
    dot = 0.0
    for k in range(start, stop):
        for j in range(x.shape[2]):
            h, v, o = blocks[:, k, j], x[:, k, j], out[:, k, j]
            _blocks_on(h[0], h[3], h[4], v[0], v[1], v[2], o[0])
            _blocks_on(h[3], h[1], h[5], v[0], v[1], v[2], o[1])
            _blocks_on(h[4], h[5], h[2], v[0], v[1], v[2], o[2])
            for n in range(3):
                _springs_on(springs, x[n], k, j, o[n])
                dot += _dot(o[n], v[n])
    return dot


@njit(nogil=True, cache=True, error_model="numpy", fastmath=FAST)
def _bend(springs, x, out, start, stop):  # type: ignore[no-untyped-def]  # numba infers the types
    """Fill ``out`` with R x for these slices; return their share of the product with x."""
    dot = 0.0
    for k in range(start, stop):
        for j in range(x.shape[2]):
            for n in range(3):
                row = out[n, k, j]
                row[:] = np.float32(0.0)
                _springs_on(springs, x[n], k, j, row)
                dot += _dot(row, x[n, k, j])
    return dot


@njit(nogil=True, cache=True, error_model="numpy", fastmath=FAST)
def _add_bending(unit, curved, x, out, start, stop):  # type: ignore[no-untyped-def]  # numba infers the types
    """Add the bending force to ``out`` for these slices; return the share of its product with x."""
    dot, one = 0.0, np.float32(1.0)
    row = np.empty(x.shape[3], dtype=np.float32)
    for k in range(start, stop):
        for j in range(x.shape[2]):
            for n in range(3):
                row[:] = np.float32(0.0)
                _springs_on(unit, curved[n], k, j, row)
                _add(one, row, out[n, k, j])
                dot += _dot(row, x[n, k, j])
    return dot


@njit(nogil=True, cache=True, error_model="numpy", fastmath=FAST)
def _invert(blocks, springs, bending, out, start, stop):  # type: ignore[no-untyped-def]  # numba infers the types
    """Fill ``out`` with the inverses of the diagonal blocks, as xx, yy, zz, xy, xz, yz."""
    _, nk, nj, ni = blocks.shape
    for k in range(start, stop):
        for j in range(nj):
            for i in range(ni):
                s = springs[0, k, j, i] * (i < ni - 1) + springs[1, k, j, i] * (j < nj - 1)
                s += springs[2, k, j, i] * (k < nk - 1)
                s += springs[0, k, j, max(i - 1, 0)] * (i > 0) + springs[1, k, max(j - 1, 0), i] * (j > 0)
                s += springs[2, max(k - 1, 0), j, i] * (k > 0) + bending[k, j, i]
                p, q, r = blocks[0, k, j, i] + s, blocks[1, k, j, i] + s, blocks[2, k, j, i] + s
                a, b, c = blocks[3, k, j, i], blocks[4, k, j, i], blocks[5, k, j, i]
                determinant = p * (q * r - c * c) - a * (a * r - b * c) + b * (a * c - b * q)
                inverse = 1.0 / max(determinant, 1e-30)
                out[0, k, j, i] = (q * r - c * c) * inverse
                out[1, k, j, i] = (p * r - b * b) * inverse
                out[2, k, j, i] = (p * q - a * a) * inverse
                out[3, k, j, i] = (b * c - a * r) * inverse
                out[4, k, j, i] = (a * c - b * q) * inverse
                out[5, k, j, i] = (a * b - p * c) * inverse


@njit(nogil=True, cache=True, error_model="numpy", fastmath=FAST)
def _step(vectors, inverse, length, start, stop):  # type: ignore[no-untyped-def]  # numba infers the types
    """Go along p and precondition the new residual; return the share of r·z."""
    x, r, p, ap, z = vectors
    dot, length = 0.0, np.float32(length)
    for k in range(start, stop):
        for j in range(x.shape[2]):
            for n in range(3):
                _add(length, p[n, k, j], x[n, k, j])
                _add(-length, ap[n, k, j], r[n, k, j])
            h, v, o = inverse[:, k, j], r[:, k, j], z[:, k, j]
            _blocks_on(h[0], h[3], h[4], v[0], v[1], v[2], o[0])
            _blocks_on(h[3], h[1], h[5], v[0], v[1], v[2], o[1])
            _blocks_on(h[4], h[5], h[2], v[0], v[1], v[2], o[2])
            dot += _dot(o[0], v[0]) + _dot(o[1], v[1]) + _dot(o[2], v[2])
    return dot


@njit(nogil=True, cache=True, error_model="numpy", fastmath=FAST)
def _turn(p, z, share, start, stop):  # type: ignore[no-untyped-def]  # numba infers the types
    share = np.float32(share)
    for k in range(start, stop):
        for j in range(p.shape[2]):
            for n in range(3):
                old, new = p[n, k, j], z[n, k, j]
                for i in range(old.size):
                    old[i] = new[i] + share * old[i]


def _summed(piece: Callable[[int, int], float], count: int) -> float:
    """Add up what pieces return, in order: the same bits on any number of cores."""
    parts: dict[int, float] = {}

    def run(start: int, stop: int) -> None:
        parts[start] = piece(start, stop)

    run_chunked(run, count)
    return float(sum(parts[start] for start in sorted(parts)))


def bent(springs: Floats, x: Floats) -> tuple[Floats, float]:
    """Return ``R x`` and ``x R x``; arguments as in :func:`solved`."""
    out = np.empty(x.shape, dtype=np.float32)
    return out, _summed(lambda a, b: _bend(springs, x, out, a, b), x.shape[1])


def curved(bending: Floats, x: Floats) -> tuple[Floats, float]:
    """Return ``B x`` and ``x B x`` with the bending stiffness ``B``; arguments as in :func:`solved`."""
    unit = np.ones(x.shape, dtype=np.float32)
    once = bending * bent(unit, x)[0]
    out = np.zeros(x.shape, dtype=np.float32)
    energy = _summed(lambda a, b: _add_bending(unit, once, x, out, a, b), x.shape[1])
    return out, energy


def solved(
    blocks: Floats,
    springs: Floats,
    right: Floats,
    *,
    bending: Floats,
    steps: int,
    tolerance: float,
) -> Floats:
    """Solve ``(H + R) x = right`` from x = 0.

    Parameters
    ----------
    blocks
        Symmetric 3×3 blocks ``[6, k, j, i]`` as xx, yy, zz, xy, xz, yz, positive semidefinite.
    springs
        ``[3, k, j, i]``: stiffness of the edge to the next node along i, j and k, positive.
    right
        ``[3, k, j, i]``.
    bending
        Stiffness against curvature at the nodes ``[k, j, i]``: of the squared sum of the differences to the
        six neighbours.
    steps, tolerance
        At most so many steps, and until the preconditioned residual has shrunk to this share.
    """
    count = right.shape[1]
    inverse, diagonal = np.empty(blocks.shape, dtype=np.float32), np.float32(DIAGONAL) * bending
    run_chunked(lambda a, b: _invert(blocks, springs, diagonal, inverse, a, b), count)
    x, r = np.zeros(right.shape, dtype=np.float32), right.astype(np.float32)
    z, ap, p = np.empty_like(x), np.zeros_like(x), np.zeros_like(x)
    unit, once = np.ones_like(x), np.empty_like(x)
    vectors = (x, r, p, ap, z)
    rz = _summed(lambda a, b: _step(vectors, inverse, 0.0, a, b), count)
    p[:] = z
    enough = max(rz * tolerance**2, 1e-30)
    for _ in range(steps):
        if rz <= enough:
            break
        stiff = _summed(lambda a, b: _apply(blocks, springs, p, ap, a, b), count)
        run_chunked(lambda a, b: _bend(unit, p, once, a, b), count)
        np.multiply(once, bending, out=once)
        stiff += _summed(lambda a, b: _add_bending(unit, once, p, ap, a, b), count)
        length = rz / stiff
        previous = rz
        rz = _summed(lambda a, b, s=length: _step(vectors, inverse, s, a, b), count)  # type: ignore[misc]  # a default binds the loop's value
        run_chunked(lambda a, b, s=rz / previous: _turn(p, z, s, a, b), count)  # type: ignore[misc]  # as above
    return x


def matrix_reference(blocks: Floats, springs: Floats) -> NDArray[np.float64]:
    """Return ``H + R`` as a full matrix over [component, k, j, i], entry by entry."""
    sizes = blocks.shape[1:]
    number = np.arange(3 * int(np.prod(sizes))).reshape(3, *sizes)
    matrix = np.zeros((number.size, number.size))
    for a, b, channel in ((0, 0, 0), (1, 1, 1), (2, 2, 2), (0, 1, 3), (0, 2, 4), (1, 2, 5)):
        matrix[number[a].ravel(), number[b].ravel()] = blocks[channel].ravel()
        matrix[number[b].ravel(), number[a].ravel()] = blocks[channel].ravel()
    for axis in range(3):
        along = 2 - axis
        inner = springs[axis].take(range(sizes[along] - 1), axis=along).ravel().astype(np.float64)
        for n in range(3):
            low = number[n].take(range(sizes[along] - 1), axis=along).ravel()
            high = number[n].take(range(1, sizes[along]), axis=along).ravel()
            for one, other in ((low, high), (high, low)):
                matrix[one, one] += inner
                matrix[one, other] -= inner
    return matrix
