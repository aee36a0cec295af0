"""How probable it is that a point known with an error lies inside a ball."""

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

NODES = 20
REACH = 4.5
"""Standard deviations that are integrated over: what lies outside is 7e-6 along an axis."""
LEAST_SHARE = 1e-6
"""Of the radius: a standard deviation below it counts as this, where an exact one would be a step."""
SWEEPS = 12
"""Of Jacobi rotations; three to five bring a 3 × 3 matrix to rounding."""

_nodes, _weights = np.polynomial.legendre.leggauss(NODES)
_NODES: FloatArray = np.ascontiguousarray(_nodes)
_WEIGHTS: FloatArray = np.ascontiguousarray(_weights)


@njit(nogil=True, cache=True, error_model="numpy")
def _diagonalise(covariance: FloatArray, point: FloatArray) -> None:
    """Turn both, in place, into axes in which the covariance is diagonal (cyclic Jacobi rotations)."""
    for _ in range(SWEEPS):
        off = abs(covariance[0, 1]) + abs(covariance[0, 2]) + abs(covariance[1, 2])
        scale = abs(covariance[0, 0]) + abs(covariance[1, 1]) + abs(covariance[2, 2])
        if off <= 1e-15 * scale:
            return
        for p in range(2):
            for q in range(p + 1, 3):
                if covariance[p, q] == 0.0:
                    continue
                theta = (covariance[q, q] - covariance[p, p]) / (2.0 * covariance[p, q])
                tangent = 1.0 / (abs(theta) + math.sqrt(theta * theta + 1.0))
                if theta < 0.0:
                    tangent = -tangent
                cosine = 1.0 / math.sqrt(tangent * tangent + 1.0)
                sine = tangent * cosine
                for k in range(3):
                    a, b = covariance[k, p], covariance[k, q]
                    covariance[k, p], covariance[k, q] = cosine * a - sine * b, sine * a + cosine * b
                for k in range(3):
                    a, b = covariance[p, k], covariance[q, k]
                    covariance[p, k], covariance[q, k] = cosine * a - sine * b, sine * a + cosine * b
                a, b = point[p], point[q]
                point[p], point[q] = cosine * a - sine * b, sine * a + cosine * b


@njit(nogil=True, cache=True, error_model="numpy")
def _limits(mean: float, sigma: float, radius: float) -> tuple[float, float]:
    """Angles between which a sphere's axis carries the Gaussian: it is cut at the sphere."""
    low = min(max((mean - REACH * sigma) / radius, -1.0), 1.0)
    high = min(max((mean + REACH * sigma) / radius, -1.0), 1.0)
    return math.asin(low), math.asin(high)


@njit(nogil=True, cache=True, error_model="numpy")
def _integrate(
    mean: FloatArray, sigma: FloatArray, radius: float, nodes: FloatArray, weights: FloatArray
) -> float:
    """Integrate over the other two axes; along the first the integral is known.

    With z = r sin ψ and y = r cos ψ sin θ the chord through the ball is r cos ψ cos θ to both sides: nothing
    in the integrand has a corner or a root, so that few nodes are enough.
    """
    first_z, last_z = _limits(mean[2], sigma[2], radius)
    half_z, middle_z = 0.5 * (last_z - first_z), 0.5 * (last_z + first_z)
    first = 1.0 / (math.sqrt(2.0) * sigma[0])
    total = 0.0
    for n in range(nodes.size):
        psi = middle_z + half_z * nodes[n]
        disc = radius * math.cos(psi)
        if disc <= 0.0:
            continue
        away_z = (radius * math.sin(psi) - mean[2]) / sigma[2]
        first_y, last_y = _limits(mean[1], sigma[1], disc)
        half_y, middle_y = 0.5 * (last_y - first_y), 0.5 * (last_y + first_y)
        row = 0.0
        for m in range(nodes.size):
            theta = middle_y + half_y * nodes[m]
            chord = disc * math.cos(theta)
            away_y = (disc * math.sin(theta) - mean[1]) / sigma[1]
            along = math.erf((chord - mean[0]) * first) + math.erf((chord + mean[0]) * first)
            row += weights[m] * chord * math.exp(-0.5 * away_y * away_y) * along
        total += weights[n] * disc * math.exp(-0.5 * away_z * away_z) * row * half_y
    return total * half_z / (4.0 * math.pi * sigma[1] * sigma[2])


@njit(nogil=True, cache=True, error_model="numpy")
def _roughness(mean: FloatArray, sigma: FloatArray, radius: float, axis: int) -> float:
    """How much the chord along an axis varies where the point may be, in standard deviations along it."""
    nearest, farthest = 0.0, 0.0
    for k in range(3):
        if k != axis:
            away, reach = abs(mean[k]), REACH * sigma[k]
            nearest += max(away - reach, 0.0) ** 2
            farthest += (away + reach) ** 2
    longest = math.sqrt(max(radius * radius - nearest, 0.0))
    return (longest - math.sqrt(max(radius * radius - farthest, 0.0))) / sigma[axis]


@njit(nogil=True, cache=True, error_model="numpy")
def _swap(values: FloatArray, one: int, other: int) -> None:
    values[one], values[other] = values[other], values[one]


@njit(nogil=True, cache=True, error_model="numpy")
def _probability(
    mean: FloatArray, covariance: FloatArray, radius: float, nodes: FloatArray, weights: FloatArray
) -> float:
    point, turned = mean.copy(), covariance.copy()
    _diagonalise(turned, point)
    sigma = np.empty(3)
    for k in range(3):
        sigma[k] = max(math.sqrt(max(turned[k, k], 0.0)), LEAST_SHARE * radius)
    best = 0
    for k in range(1, 3):
        if _roughness(point, sigma, radius, k) < _roughness(point, sigma, radius, best):
            best = k
    _swap(sigma, 0, best)
    _swap(point, 0, best)
    if sigma[2] > sigma[1]:
        _swap(sigma, 1, 2)
        _swap(point, 1, 2)
    return min(max(_integrate(point, sigma, radius, nodes, weights), 0.0), 1.0)


def gate_probability(mean: FloatArray, covariance: FloatArray, radius: float) -> float:
    """Return the probability that a point lies inside the ball about the origin.

    Parameters
    ----------
    mean
        Where it is expected, (3,).
    covariance
        Of the error of that, (3, 3), symmetric and not negative; directions without error are allowed.
    radius
        Of the ball, positive, in the same unit.

    Returns
    -------
    float
        0 to 1, right to 1e-4.
    """
    return float(_probability(mean, covariance, radius, _NODES, _WEIGHTS))


def gate_probability_reference(mean: FloatArray, covariance: FloatArray, radius: float) -> float:
    """Return what :func:`gate_probability` does: the density summed over shells of the ball.

    For errors of a tenth of the radius or more along every axis: narrower ones fall between its points.
    """
    nodes, weights = np.polynomial.legendre.leggauss(64)
    around = np.arange(96) * 2.0 * np.pi / 96
    r, cosine = 0.5 * radius * (nodes + 1.0), nodes
    sine = np.sqrt(1.0 - cosine**2)
    x = r[:, None, None] * sine[:, None] * np.cos(around)
    y = r[:, None, None] * sine[:, None] * np.sin(around)
    z = r[:, None, None] * cosine[:, None] * np.ones_like(around)
    away = np.stack([x, y, z], axis=-1) - mean
    squares = np.einsum("...i,ij,...j", away, np.linalg.inv(covariance), away)
    density = np.exp(-0.5 * squares) / np.sqrt((2.0 * np.pi) ** 3 * np.linalg.det(covariance))
    shells = np.einsum("a,b,abc->", 0.5 * radius * weights * r**2, weights, density)
    return float(shells * 2.0 * np.pi / 96)
