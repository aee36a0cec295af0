"""The normal distribution that positions come from which are known across a ray only.

A measurement of a point is an information matrix ``I`` and a vector ``I y``: an image tells two of three
coordinates, so that ``I`` is singular along the ray. Given the distribution ``N(m, S)`` of the point, the
rest is conditional: ``(S^-1 + I)^-1``. Mean and covariance are the likeliest ones, by expectation and
maximisation.

Sources: P. R. Poulsen, B. Cho, P. J. Keall, Int J Radiat Oncol Biol Phys 72:1587 (2008), which maximises the
same likelihood for exact pixels; A. P. Dempster, N. M. Laird, D. B. Rubin, J R Stat Soc B 39:1 (1977).
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray

Float64 = NDArray[np.float64]
FAST: set[str] = {"contract", "reassoc", "nsz"}


@njit(nogil=True, cache=True, error_model="numpy", fastmath=FAST)
def _invert(a, out):  # type: ignore[no-untyped-def]  # numba infers the types
    # Symmetric 3 x 3 in closed form.
    c00 = a[1, 1] * a[2, 2] - a[1, 2] * a[1, 2]
    c01 = a[0, 2] * a[1, 2] - a[0, 1] * a[2, 2]
    c02 = a[0, 1] * a[1, 2] - a[0, 2] * a[1, 1]
    scale = 1.0 / (a[0, 0] * c00 + a[0, 1] * c01 + a[0, 2] * c02)
    out[0, 0] = c00 * scale
    out[0, 1] = out[1, 0] = c01 * scale
    out[0, 2] = out[2, 0] = c02 * scale
    out[1, 1] = (a[0, 0] * a[2, 2] - a[0, 2] * a[0, 2]) * scale
    out[1, 2] = out[2, 1] = (a[0, 1] * a[0, 2] - a[0, 0] * a[1, 2]) * scale
    out[2, 2] = (a[0, 0] * a[1, 1] - a[0, 1] * a[0, 1]) * scale


@njit(nogil=True, cache=True, error_model="numpy", fastmath=FAST)
def _expected(information, pulled, weights, mean, spread, first, second):  # type: ignore[no-untyped-def]  # numba infers the types
    # Weighted sums of the first two moments of every point, about the mean.
    precise, both, left = np.empty((3, 3)), np.empty((3, 3)), np.empty((3, 3))
    pull, place = np.empty(3), np.empty(3)
    _invert(spread, precise)
    for n in range(len(weights)):
        for r in range(3):
            pull[r] = pulled[n, r]
            for c in range(3):
                both[r, c] = precise[r, c] + information[n, r, c]
                pull[r] -= information[n, r, c] * mean[c]
        _invert(both, left)
        for r in range(3):
            place[r] = left[r, 0] * pull[0] + left[r, 1] * pull[1] + left[r, 2] * pull[2]
        for r in range(3):
            first[r] += weights[n] * place[r]
            for c in range(3):
                second[r, c] += weights[n] * (left[r, c] + place[r] * place[c])


def likelier(
    information: Float64,
    pulled: Float64,
    weights: Float64,
    now: tuple[Float64, Float64],
    base: tuple[Float64, Float64],
    counts: tuple[float, float],
) -> tuple[Float64, Float64]:
    """Return a mean (3,) and covariance (3, 3) that are likelier than those given.

    Parameters
    ----------
    information, pulled
        Of each measurement: information matrices (n, 3, 3), and their products with the places (n, 3).
    weights
        Of each, (n,).
    now
        Mean and covariance to start from.
    base, counts
        Mean and covariance that are held against the measurements, and for how many each counts.
    """
    first, second = np.zeros(3), np.zeros((3, 3))
    _expected(information, pulled, weights, now[0], now[1], first, second)
    total = float(weights.sum())
    mean = (first + total * now[0] + counts[0] * base[0]) / (total + counts[0])
    step = mean - now[0]
    about = second - np.outer(first, step) - np.outer(step, first) + total * np.outer(step, step)
    return mean, (about + counts[1] * base[1]) / (total + counts[1])


def likelier_reference(
    information: Float64,
    pulled: Float64,
    weights: Float64,
    now: tuple[Float64, Float64],
    base: tuple[Float64, Float64],
    counts: tuple[float, float],
) -> tuple[Float64, Float64]:
    """Plain NumPy statement of :func:`likelier`."""
    precise = np.linalg.inv(now[1])
    left = np.linalg.inv(precise + information)
    places = np.einsum("nij,nj->ni", left, precise @ now[0] + pulled)
    mean = (weights @ places + counts[0] * base[0]) / (weights.sum() + counts[0])
    about = left + np.einsum("ni,nj->nij", places - mean, places - mean)
    spread = (np.einsum("n,nij->ij", weights, about) + counts[1] * base[1]) / (weights.sum() + counts[1])
    return mean, spread
