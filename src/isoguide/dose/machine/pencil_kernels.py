"""Pencil kernels: the point kernel added up along the depth of a narrow beam, and taken apart into three terms.

The dose on the axis of a round parallel beam follows from the point kernel in closed form for every direction: energy
that arrives at a depth from the direction θ was released on a straight line that leaves the beam at its
edge, R / sin θ away. Differences between beams of neighbouring radii are what the pencil kernels have to give.

T. Bortfeld, W. Schlegel and B. Rhein, Decomposition of pencil beam kernels for fast dose calculations in
three-dimensional treatment planning, Med. Phys. 20 (1993) 311; A. Ahnesjö, M. Saxner and A. Trepp, A pencil beam
model for photon dose calculation, Med. Phys. 19 (1992) 263.
"""

from typing import Final

import numpy as np
from scipy.optimize import least_squares

from isoguide.dose.beam_data import PencilKernels, PointKernel, Spectrum
from isoguide.geometry.frames import Array

DEPTH_MM: Final = np.concatenate([np.arange(4.0, 30.0, 2.0), np.arange(30.0, 405.0, 10.0)])
"""Depths at which the terms are fitted."""
RADIUS_MM: Final = np.concatenate(
    [
        np.arange(0.0, 5.0, 0.25),
        np.arange(5.0, 20.0, 1.0),
        np.arange(20.0, 60.0, 4.0),
        np.geomspace(60.0, 400.0, 18),
    ]
)
"""Radii of the kernels: fine where electrons carry energy sideways, coarse where photons do."""


def round_beam_dose(spectrum: Spectrum, point: PointKernel, radius_mm: Array, depth_mm: Array) -> Array:
    """Dose on the axis of parallel round beams in a half space of water, per unit of energy fluence.

    Parameters
    ----------
    spectrum, point
        Of the beam.
    radius_mm, depth_mm
        (r,) and (d,); a radius of 0 gives 0.

    Returns
    -------
    Array
        (d, r), per mm.
    """
    angle = np.deg2rad(point.angle_deg)
    cosine, sine = np.cos(angle), np.sin(angle)
    reach = radius_mm[None, :, None] / sine
    surface = np.where(cosine > 0.0, depth_mm[:, None] / np.where(cosine > 0.0, cosine, 1.0), np.inf)
    length = np.minimum(reach, surface[:, None, :])
    dose = np.zeros((len(depth_mm), len(radius_mm)))
    to_electrons, to_photons = released_shares(spectrum, point)
    terms = (
        (to_electrons, point.primary_per_mm_sr * point.solid_angle_sr, point.primary_decay_per_mm),
        (to_photons, point.scatter_per_mm_sr * point.solid_angle_sr, point.scatter_decay_per_mm),
    )
    for index, attenuation in enumerate(spectrum.attenuation_per_mm):
        at_depth = np.exp(-attenuation * depth_mm)[:, None]
        for released, amplitude, decay in terms:
            reached = (amplitude * _reached(decay - attenuation * cosine, length)).sum(axis=2)
            dose += released[index] * at_depth * reached
    return dose


def released_shares(spectrum: Spectrum, point: PointKernel) -> tuple[Array, Array]:
    """Energy released per mm of water at its surface, per bin: that of which electrons, and photons, take a part.

    What electrons take follows the absorption coefficient and what photons take the rest, so that hardening
    with depth is the right one for both; each is divided by its share in the kernel, which is then applied as it is.
    """
    absorbed = spectrum.energy_fluence * spectrum.absorption_per_mm
    passed_on = spectrum.energy_fluence * (spectrum.attenuation_per_mm - spectrum.absorption_per_mm)
    total = float(absorbed.sum() + passed_on.sum())
    return (
        absorbed * (total / float(absorbed.sum())),
        passed_on * (total / float(passed_on.sum())),
    )


def _reached(rate: Array, length: Array) -> Array:
    """Integral of exp(-rate r) from 0 to a length, also where the rate is nothing or negative."""
    safe = np.where(np.abs(rate) < 1e-9, 1e-9, rate)
    return np.asarray(-np.expm1(-safe * length) / safe)


def depth_parts(attenuation_per_mm: float, build_up_per_mm: Array, depth_mm: Array) -> Array:
    """``D_i(d)`` of :class:`isoguide.dose.beam_data.PencilKernels`, (components, depths)."""
    beta = build_up_per_mm[:, None]
    fall = np.exp(-attenuation_per_mm * depth_mm) - np.exp(-beta * depth_mm)
    return np.asarray(beta / (beta - attenuation_per_mm) * fall)


def pencil_kernels(spectrum: Spectrum, point: PointKernel) -> PencilKernels:
    """Take the pencil kernels apart, per unit of energy fluence (not yet in Gy per unit of fluence)."""
    total = round_beam_dose(spectrum, point, RADIUS_MM[1:], DEPTH_MM)
    attenuation, build_up = _rates(total)
    parts = depth_parts(attenuation, build_up, DEPTH_MM)
    enclosed = _enclosed(total, parts)
    return PencilKernels(attenuation, build_up, RADIUS_MM, per_area(RADIUS_MM, enclosed))


def _enclosed(total: Array, parts: Array) -> Array:
    """Integrals of the lateral parts up to each radius, from doses (depths, radii): (components, radii)."""
    deepest = total[:, -1:]
    scaled = np.linalg.lstsq((parts / deepest.T).T, total / deepest, rcond=None)[0]
    return np.asarray(scaled)


def _rates(total: Array) -> tuple[float, Array]:
    """Find m and β: those with which three terms describe round beams of all radii best."""
    shown = total[:, 8::3]

    def misses(log_rates: Array) -> Array:
        rates = np.exp(log_rates)
        parts = depth_parts(float(rates[0]), rates[1:], DEPTH_MM)
        enclosed = _enclosed(shown, parts)
        return np.asarray(((parts.T @ enclosed) / shown - 1.0).ravel())

    start = np.log([0.0050, 0.3, 0.0160, 0.0052])
    found = least_squares(misses, start, x_scale=0.1, max_nfev=60)
    rates = np.exp(found.x)
    return float(rates[0]), np.asarray(rates[1:])


def per_area(radius_mm: Array, enclosed: Array) -> Array:
    """Return values per area at radii from integrals up to each radius after the first, (components, radii).

    Each value is the mean over the ring about its radius, so that the sum over all area stays what it was.
    """
    edges = _ring_edges(radius_mm)
    full = np.concatenate([np.zeros((len(enclosed), 1)), enclosed], axis=1)
    at_edges = np.stack([np.interp(edges, radius_mm, one) for one in full])
    return np.asarray(np.diff(at_edges, axis=1) / ring_area_mm2(radius_mm))


def ring_area_mm2(radius_mm: Array) -> Array:
    """Area that each radius of the kernels stands for, (n,)."""
    return np.asarray(np.pi * np.diff(_ring_edges(radius_mm) ** 2))


def _ring_edges(radius_mm: Array) -> Array:
    return np.concatenate([[0.0], 0.5 * (radius_mm[1:] + radius_mm[:-1]), [radius_mm[-1]]])
