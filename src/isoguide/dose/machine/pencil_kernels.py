"""Pencil kernels: the point kernel added up along a narrow beam, and taken apart into three terms.

T. Bortfeld, W. Schlegel and B. Rhein, Decomposition of pencil beam kernels for fast dose calculations in
three-dimensional treatment planning, Med. Phys. 20 (1993) 311. The rates of the terms are fitted, and the
lateral parts follow by linear least squares for every radius: a decomposition in relative error, where that
paper takes the singular values of absolute ones.
"""

from typing import Final

import numpy as np
from scipy.optimize import least_squares

from isoguide.dose.beam_data import TYPICAL_DEPTH_MM, PencilKernels, PointKernel, Spectrum
from isoguide.dose.machine.round_beams import RADIUS_MM, WaterSurface, round_beam_dose
from isoguide.geometry.frames import Array

_DEPTH_MM: Final = np.concatenate(
    [np.arange(3.0, 15.0, 2.0), np.arange(15.0, 60.0, 5.0), np.arange(60.0, 401.0, 20.0)]
)
_WEIGHT: Final = np.where(_DEPTH_MM < 14.0, 0.15, 1.0) * np.where(_DEPTH_MM > 320.0, 0.3, 1.0)
"""Build-up and depths that no patient has count less."""
_SHOWN: Final = np.array([4, 12, 20, 25, 30, 36, 39, 42, 44, 47, 49, 51, 53, 55, 57, 59, 62])
"""Radii, as places in the table, by which the rates are judged."""
_START: Final = (0.0039, 0.40, 0.022, 0.0082)


def depth_parts(attenuation_per_mm: float, build_up_per_mm: Array, depth_mm: Array) -> Array:
    """``D_i(d)`` of :class:`isoguide.dose.beam_data.PencilKernels`, (components, depths)."""
    beta = build_up_per_mm[:, None]
    fall = np.exp(-attenuation_per_mm * depth_mm) - np.exp(-beta * depth_mm)
    return np.asarray(beta / (beta - attenuation_per_mm) * fall)


def pencil_kernels(spectrum: Spectrum, point: PointKernel, source_axis_mm: float = 1000.0) -> PencilKernels:
    """Take the pencil kernels apart, per unit of energy fluence at the isocentre (not yet in Gy)."""
    surface = WaterSurface(source_axis_mm - TYPICAL_DEPTH_MM, source_axis_mm)
    total = round_beam_dose(spectrum, point, surface, RADIUS_MM[1:], _DEPTH_MM)
    total *= ((surface.source_surface_mm + _DEPTH_MM[:, None]) / source_axis_mm) ** 2
    rates = _rates(total[:, _SHOWN - 1])
    enclosed = _enclosed(total, depth_parts(float(rates[0]), rates[1:], _DEPTH_MM))
    return PencilKernels(float(rates[0]), rates[1:], RADIUS_MM, per_area(RADIUS_MM, enclosed))


def _rates(total: Array) -> Array:
    """Find m and β, m the smallest: those with which the terms describe round beams of all radii best."""

    def misses(log_rates: Array) -> Array:
        rates = np.exp(log_rates)
        parts = depth_parts(float(rates[0]), rates[1:], _DEPTH_MM)
        relative = (parts.T @ _enclosed(total, parts)) / total - 1.0
        return np.asarray((relative * _WEIGHT[:, None]).ravel())

    found = least_squares(misses, np.log(_START), x_scale=0.1, max_nfev=40)
    rates = np.sort(np.exp(found.x))
    return np.asarray(rates[[0, 3, 2, 1]])


def _enclosed(total: Array, parts: Array) -> Array:
    """Integrals of the lateral parts up to each radius, from doses (depths, radii): (components, radii)."""
    scaled = (parts * _WEIGHT)[None] / total.T[:, None, :]
    normal = scaled @ scaled.transpose(0, 2, 1)
    # The terms are nearly dependent: a trace of damping keeps neighbouring radii alike.
    normal += 1e-10 * np.trace(normal, axis1=1, axis2=2)[:, None, None] * np.eye(len(parts))
    right = (scaled * _WEIGHT).sum(axis=2)
    return np.asarray(np.linalg.solve(normal, right[..., None])[..., 0].T)


def per_area(radius_mm: Array, enclosed: Array) -> Array:
    """Return values per area at radii from integrals up to each radius after the first, (components, radii).

    Each value is the mean over the ring about its radius, so that the sum over all area stays what it was.
    """
    full = np.concatenate([np.zeros((len(enclosed), 1)), enclosed], axis=1)
    at_edges = np.stack([np.interp(ring_edges_mm(radius_mm), radius_mm, one) for one in full])
    return np.asarray(np.diff(at_edges, axis=1) / ring_area_mm2(radius_mm))


def ring_area_mm2(radius_mm: Array) -> Array:
    """Area that each radius of the kernels stands for, (n,)."""
    return np.asarray(np.pi * np.diff(ring_edges_mm(radius_mm) ** 2))


def ring_edges_mm(radius_mm: Array) -> Array:
    """Edges of the rings about the radii, (n + 1,)."""
    return np.concatenate([[0.0], 0.5 * (radius_mm[1:] + radius_mm[:-1]), [radius_mm[-1]]])
