"""Short blurred wires in an image: their shapes with slopes, and where templates of them correlate."""

from itertools import pairwise
from math import erf, exp, sqrt

import numpy as np
from numba import njit
from numpy.typing import NDArray
from scipy.special import erf as erf_of_array

Float64 = NDArray[np.float64]
Integers = NDArray[np.int64]
FAST: set[str] = {"contract", "reassoc", "nsz"}
SHORTEST_PX = 0.3
"""A wire seen along its axis is a point; so short a one looks the same and has a height."""
PARAMETERS = 5


@njit(nogil=True, cache=True, error_model="numpy", fastmath=FAST)
def _shapes(places, wires, width2, values, slopes):  # type: ignore[no-untyped-def]  # numba infers the types
    for w in range(len(wires)):
        cosine, sine = np.cos(wires[w, 2]), np.sin(wires[w, 2])
        blur2 = exp(2.0 * min(max(wires[w, 3], -2.0), 2.0))
        variance = blur2 + width2
        sigma = sqrt(variance)
        length = sqrt(wires[w, 4] ** 2 + SHORTEST_PX**2)
        half, scale = length / 2.0, 1.0 / (sqrt(2.0) * sigma)
        for n in range(len(places)):
            x, y = places[n, 0] - wires[w, 0], places[n, 1] - wires[w, 1]
            along, across = x * cosine + y * sine, y * cosine - x * sine
            near, far = half - along, half + along
            profile = exp(-across * across / (2.0 * variance))
            ends = 0.5 * (erf(near * scale) + erf(far * scale))
            near_end = exp(-((near * scale) ** 2)) / (sqrt(2.0 * np.pi) * sigma)
            far_end = exp(-((far * scale) ** 2)) / (sqrt(2.0 * np.pi) * sigma)
            by_along = profile * (far_end - near_end)
            by_across = -across / variance * profile * ends
            by_variance = profile * (
                ends * across * across / (2.0 * variance * variance)
                - (near * near_end + far * far_end) / (2.0 * variance)
            )
            values[w, n] = profile * ends
            slopes[w, 0, n] = -cosine * by_along + sine * by_across
            slopes[w, 1, n] = -sine * by_along - cosine * by_across
            slopes[w, 2, n] = across * by_along - along * by_across
            slopes[w, 3, n] = 2.0 * blur2 * by_variance
            slopes[w, 4, n] = 0.5 * profile * (near_end + far_end) * wires[w, 4] / length


def wire_shapes(places: Float64, wires: Float64, width2: float) -> tuple[Float64, Float64]:
    """Return wires of unit height after blur, and how they change with their parameters.

    Parameters
    ----------
    places
        Pixels (column, row) to look at, (n, 2).
    wires
        Column, row, direction in radians, logarithm of the blur and length of each, (w, 5), pixels.
    width2
        Variance across that the thickness of the wire adds to the blur, pixels².

    Returns
    -------
    tuple
        Values (w, n), 1 in the middle of a wire that is long against the blur, and slopes (w, 5, n).
    """
    values = np.empty((len(wires), len(places)))
    slopes = np.empty((len(wires), PARAMETERS, len(places)))
    _shapes(places, wires, width2, values, slopes)
    return values, slopes


def wire_shapes_reference(places: Float64, wires: Float64, width2: float) -> Float64:
    """Plain NumPy statement of the values of :func:`wire_shapes`."""
    values = []
    for column, row, angle, log_blur, length in wires:
        x, y = places[:, 0] - column, places[:, 1] - row
        along, across = x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)
        variance = np.exp(2.0 * np.clip(log_blur, -2.0, 2.0)) + width2
        half, root = np.hypot(length, SHORTEST_PX) / 2.0, np.sqrt(2.0 * variance)
        ends = 0.5 * (erf_of_array((half - along) / root) + erf_of_array((half + along) / root))
        values.append(np.exp(-across * across / (2.0 * variance)) * ends)
    return np.array(values)


@njit(nogil=True, cache=True, error_model="numpy", fastmath=FAST)
def _correlate(image, pixels, firsts, steps, weights, best, which):  # type: ignore[no-untyped-def]  # numba infers the types
    for p in range(len(pixels)):
        row, column = pixels[p, 0], pixels[p, 1]
        for t in range(len(firsts) - 1):
            product, total, square = 0.0, 0.0, 0.0
            for n in range(firsts[t], firsts[t + 1]):
                value = image[row + steps[n, 0], column + steps[n, 1]]
                product += weights[n] * value
                total += value
                square += value * value
            left = square - total * total / (firsts[t + 1] - firsts[t])
            if left > 0.0 and product > best[p] * sqrt(left):
                best[p], which[p] = product / sqrt(left), t


def best_templates(
    image: Float64, pixels: Integers, firsts: Integers, steps: Integers, weights: Float64
) -> tuple[Float64, Integers]:
    """Return which of several templates correlates best with an image about each pixel, and how well.

    Parameters
    ----------
    image
        [row, column], reaching around every pixel as far as the templates do.
    pixels
        Where to look, (p, 2) row and column.
    firsts
        Where each template begins in ``steps`` and ``weights``, and where the last ends, (t + 1,).
    steps, weights
        Row and column from its middle, and weight, of each pixel of each template, (n, 2) and (n,); the
        weights of a template have mean 0 and length 1.

    Returns
    -------
    tuple
        Correlation (p,), at least 0, and number of the template (p,).
    """
    best, which = np.zeros(len(pixels)), np.zeros(len(pixels), np.int64)
    _correlate(image, pixels, firsts, steps, weights, best, which)
    return best, which


def best_templates_reference(
    image: Float64, pixels: Integers, firsts: Integers, steps: Integers, weights: Float64
) -> tuple[Float64, Integers]:
    """Plain NumPy statement of :func:`best_templates`."""
    all_of_them = []
    for first, stop in pairwise(firsts):
        rows, columns = (pixels[:, axis, None] + steps[first:stop, axis] for axis in (0, 1))
        values = image[rows, columns]
        free = values - values.mean(axis=1, keepdims=True)
        all_of_them.append(values @ weights[first:stop] / np.maximum(np.linalg.norm(free, axis=1), 1e-300))
    correlations = np.array(all_of_them)
    return np.maximum(correlations.max(axis=0), 0.0), correlations.argmax(axis=0)
