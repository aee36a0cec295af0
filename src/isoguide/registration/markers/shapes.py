"""How a small marker looks after blur: closed forms, of any dimension.

A straight wire under a Gaussian blur is a Gaussian across and a difference of error functions along. A disc
of radius r across is taken into the blur by its variance r²/4: that leaves the centre where it is, because
both are symmetric. A ball under an isotropic blur has a closed form of its own.
"""

import numpy as np
from scipy.special import erf

from isoguide.geometry.frames import Array

_LEAST_LENGTH_MM = 1e-3


def blurred_wire(offset: Array, axis: Array, length: float, variance: Array) -> Array:
    """Return a wire of unit height after blur, at offsets from its middle.

    Parameters
    ----------
    offset
        Where to evaluate, (n, d), d = 2 or 3.
    axis
        Unit vector along the wire, (d,).
    length
        Of the wire, in the unit of ``offset``.
    variance
        Of the blur along the axes of ``offset``, (d,).

    Returns
    -------
    Array
        Values (n,): 1 at the middle of a wire that is long against the blur.
    """
    # In coordinates divided by the blur, the blur is round and the wire is still straight.
    scaled = offset / np.sqrt(variance)
    direction = axis / np.sqrt(variance)
    stretch = float(np.linalg.norm(direction))
    direction = direction / stretch
    half = max(length, _LEAST_LENGTH_MM) * stretch / 2.0
    along = scaled @ direction
    across2 = np.maximum((scaled * scaled).sum(axis=1) - along * along, 0.0)
    ends = erf((half - along) / np.sqrt(2.0)) + erf((half + along) / np.sqrt(2.0))
    return np.asarray(0.5 * np.exp(-across2 / 2.0) * ends)


def blurred_ball(offset: Array, radius: float, sigma: float) -> Array:
    """Return a ball of unit height after a round Gaussian blur, (n,), at offsets (n, 3) from its centre."""
    distance = np.maximum(np.linalg.norm(offset, axis=1), 1e-6 * sigma)
    inner, outer = (radius - distance) / sigma, (radius + distance) / sigma
    edges = 0.5 * (erf(inner / np.sqrt(2.0)) + erf(outer / np.sqrt(2.0)))
    slope = sigma / (distance * np.sqrt(2.0 * np.pi))
    return np.asarray(edges - slope * (np.exp(-inner * inner / 2.0) - np.exp(-outer * outer / 2.0)))
