"""Dose on the axis of round beams in water, straight from the point kernel.

Seen from a point on the axis, energy comes from all directions: along each, every mm of water up to the
surface or the edge of the beam adds what its photons released, times the kernel. Differences between
neighbouring radii are pencil kernels without any approximation but that of the kernel (A. Ahnesjö, M. Saxner
and A. Trepp, Med. Phys. 19 (1992) 263).
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from isoguide.dose.beam_data import PointKernel, Spectrum
from isoguide.dose.machine.release import Release, SmoothKernel
from isoguide.geometry.frames import Array

RADIUS_MM: Final = np.concatenate(
    [
        np.arange(0.0, 5.0, 0.25),
        np.arange(5.0, 20.0, 1.0),
        np.arange(20.0, 60.0, 4.0),
        np.geomspace(60.0, 400.0, 22),
    ]
)
"""Radii at the isocentre: close together where electrons carry energy sideways, wide where photons do."""
_NEAREST_MM: Final = 0.02
_FARTHEST_MM: Final = 700.0
_STEPS: Final = 120


@dataclass(frozen=True, slots=True)
class WaterSurface:
    """Where water begins: its distance from the source, and that of the isocentre."""

    source_surface_mm: float
    source_axis_mm: float = 1000.0


def round_beam_dose(
    spectrum: Spectrum, point: PointKernel, surface: WaterSurface, radius_mm: Array, depth_mm: Array
) -> Array:
    """Dose on the axis of round beams, per unit of energy fluence in air at the isocentre.

    Parameters
    ----------
    spectrum, point
        Of the beam.
    surface
        Of a half space of water.
    radius_mm, depth_mm
        (r,) at the isocentre, and (d,).

    Returns
    -------
    Array
        (d, r), per mm.
    """
    cosine, sine = _directions(point)
    distance = np.concatenate([[0.0], np.geomspace(_NEAREST_MM, _FARTHEST_MM, _STEPS)])
    reached = _energy_up_to(spectrum, point, surface, distance, depth_mm)
    reached *= point.solid_angle_sr[None, :, None]
    log_distance = np.log(distance[1:])
    dose = np.zeros((len(depth_mm), len(radius_mm)))
    for row, depth in enumerate(depth_mm):
        length = _lengths(surface, cosine, sine, radius_mm, float(depth))
        place = (np.log(np.maximum(length, 1e-9)) - log_distance[0]) / (log_distance[1] - log_distance[0])
        below = np.clip(place.astype(np.int64), 0, _STEPS - 2)
        part = np.clip(place - below, 0.0, 1.0)
        ring = np.arange(len(cosine))[:, None]
        low, high = reached[row, ring, below + 1], reached[row, ring, below + 2]
        near = np.minimum(length / _NEAREST_MM, 1.0)
        dose[row] = (near * (low + part * (high - low))).sum(axis=0)
    return dose


def _directions(point: PointKernel) -> tuple[Array, Array]:
    angle = np.deg2rad(point.angle_deg)
    return np.cos(angle), np.sin(angle)


def _energy_up_to(
    spectrum: Spectrum, point: PointKernel, surface: WaterSurface, distance: Array, depth_mm: Array
) -> Array:
    """Energy that comes from as far as each distance, per steradian: (depths, rings, distances)."""
    release, kernel = Release.of(spectrum), SmoothKernel.of(point)
    cosine, sine = (part[None, :, None] for part in _directions(point))
    below_source = surface.source_surface_mm + depth_mm[:, None, None] - distance * cosine
    below_source = np.maximum(below_source, 1.0)
    aside = distance * sine
    # Photons diverge: to get back to the axis they have to turn by so much more.
    tilt = np.arctan2(aside, below_source)
    path = (below_source - surface.source_surface_mm) / np.cos(tilt)
    arriving = kernel.deposited(np.deg2rad(point.angle_deg)[None, :, None] + tilt, distance, release.at(path))
    arriving = arriving * (surface.source_axis_mm / below_source) ** 2
    by_log = arriving[..., 1:] * distance[1:]
    step = np.log(distance[2] / distance[1])
    steps = 0.5 * (by_log[..., 1:] + by_log[..., :-1]) * step
    first = by_log[..., :1]
    return np.concatenate([np.zeros_like(first), first, first + np.cumsum(steps, axis=-1)], axis=-1)


def _lengths(surface: WaterSurface, cosine: Array, sine: Array, radius_mm: Array, depth_mm: float) -> Array:
    """How far water and beam reach against each direction, (rings, radii)."""
    sad_mm = surface.source_axis_mm
    slope = radius_mm[None, :] / sad_mm
    narrowing = sine[:, None] + slope * cosine[:, None]
    edge = slope * (surface.source_surface_mm + depth_mm) / np.where(narrowing > 1e-6, narrowing, 1e-6)
    up = depth_mm / np.where(cosine > 1e-6, cosine, 1e-6)
    return np.asarray(np.minimum(np.minimum(edge, up[:, None]), _FARTHEST_MM))
