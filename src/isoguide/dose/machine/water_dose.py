"""Dose of rectangular fields in a tank of water, from the point kernel: what measurements are compared with.

The dose at a point is a sum over rings about it: how much the kernel gives from each ring, times the mean
fluence there. Off the axis this takes photons as parallel to the ray through the point, which
:mod:`isoguide.dose.machine.reference_dose` does not.
"""

from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Final, Self

import numpy as np
from scipy.special import erf

from isoguide.dose.beam_data import BeamData
from isoguide.dose.machine.open_field import Rectangle, open_fluence
from isoguide.dose.machine.round_beams import RADIUS_MM, WaterSurface, round_beam_dose
from isoguide.geometry.frames import Array

_TURNS: Final = 64


@dataclass(frozen=True, slots=True, eq=False)
class WaterTank:
    """Rings of the kernel at given depths, for one machine and one surface.

    Parameters
    ----------
    machine
        Whose beam it is.
    surface
        Where the water begins.
    depth_mm
        Depths, (d,).
    rings, reference_rings
        Dose of each ring per unit of energy fluence, (d, rings), and (rings,) in the reference conditions.
    """

    machine: BeamData
    surface: WaterSurface
    depth_mm: Array
    rings: Array
    reference_rings: Array

    @classmethod
    def of(cls, machine: BeamData, source_surface_mm: float, depth_mm: Array) -> Self:
        """Prepare depths (d,) below a surface at this distance from the source."""
        reference, sad_mm = machine.reference, machine.source_axis_distance_mm
        there = WaterSurface(reference.source_surface_distance_mm, sad_mm)
        known = _rings(machine, there, np.array([reference.depth_mm]))[0]
        surface = WaterSurface(source_surface_mm, sad_mm)
        return cls(machine, surface, depth_mm, _rings(machine, surface, depth_mm), known)

    def with_head(self, machine: BeamData) -> Self:
        """Return the tank of a machine that differs in its head only: the rings stay."""
        return replace(self, machine=machine)

    def axis_gy(self, opening: Rectangle) -> Array:
        """Dose per monitor unit on the axis, (d,)."""
        origin = np.zeros(1)
        mean = _axis_ring_means(_Seen.of(self.machine, opening))
        far = self._magnification()
        electrons = electron_dose_gy(self.machine, opening, (origin, origin), self.depth_mm)
        return np.asarray(self.rings @ mean * self._gy() + electrons / far**2)

    def profile_gy(self, opening: Rectangle, depth: int, x_mm: Array, y_mm: Array) -> Array:
        """Dose per monitor unit across the field: x and y (n,) in water, at the depth with this place."""
        far = float(self._magnification()[depth])
        at = (x_mm / far, y_mm / far)
        photons = _ring_means(self.machine, opening, at) @ self.rings[depth] * self._gy()
        electrons = electron_dose_gy(self.machine, opening, at, self.depth_mm[depth : depth + 1])
        return np.asarray(photons + electrons / far**2)

    def _magnification(self) -> Array:
        return np.asarray(
            (self.surface.source_surface_mm + self.depth_mm) / self.surface.source_axis_mm, dtype=np.float64
        )

    def _gy(self) -> float:
        """Dose per monitor unit that a ring's unit stands for."""
        square = Rectangle.square(self.machine.reference.field_mm)
        known = float(_axis_ring_means(_Seen.of(self.machine, square)) @ self.reference_rings)
        return photon_gy(self.machine) / known


def electron_dose_gy(
    machine: BeamData, opening: Rectangle, at_mm: tuple[Array, Array], depth_mm: Array
) -> Array:
    """Return the dose per monitor unit of contaminating electrons, at the distance of the isocentre.

    Parameters
    ----------
    machine, opening
        Beam and jaws.
    at_mm, depth_mm
        x and y at the isocentre and depths in water, of shapes that go together.
    """
    head = machine.head
    scale = np.sqrt(2.0) * max(head.electron_sigma_mm, 1e-6)
    seen = np.ones_like(at_mm[0])
    for position, (low, high) in zip(at_mm, (opening.x_mm, opening.y_mm), strict=True):
        seen = seen * 0.5 * (erf((high - position) / scale) - erf((low - position) / scale))
    surface_gy = head.electron_share * machine.reference.gy_per_mu
    return np.asarray(surface_gy * seen * np.exp(-head.electron_decay_per_mm * depth_mm))


def photon_gy(machine: BeamData) -> float:
    """Dose per monitor unit in the reference conditions, without that of contaminating electrons."""
    reference, origin = machine.reference, (np.zeros(1), np.zeros(1))
    square = Rectangle.square(reference.field_mm)
    electrons = electron_dose_gy(machine, square, origin, np.array([reference.depth_mm]))
    far = (reference.source_surface_distance_mm + reference.depth_mm) / machine.source_axis_distance_mm
    return reference.gy_per_mu - float(electrons[0]) / far**2


def _rings(machine: BeamData, surface: WaterSurface, depth_mm: Array) -> Array:
    total = round_beam_dose(machine.spectrum, machine.point, surface, RADIUS_MM[1:], depth_mm)
    return np.diff(total, axis=1, prepend=0.0)


@dataclass(frozen=True, slots=True)
class _Seen:
    """A field of a machine; two are the same where the fluence is, whatever photons and electrons do."""

    key: tuple[object, ...]
    machine: BeamData = field(compare=False)
    opening: Rectangle

    @classmethod
    def of(cls, machine: BeamData, opening: Rectangle) -> Self:
        head = machine.head
        key = (
            head.off_axis_radius_mm.tobytes(),
            head.off_axis_ratio.tobytes(),
            head.source_sigma_mm,
            head.extra_focal_share,
            head.extra_focal_sigma_mm,
            head.extra_focal_distance_mm,
            machine.collimation,
            machine.source_axis_distance_mm,
        )
        return cls(key, machine, opening)


@lru_cache(maxsize=256)
def _axis_ring_means(seen: _Seen) -> Array:
    """Mean fluence of the rings about the axis, (rings,)."""
    return np.asarray(_ring_means(seen.machine, seen.opening, (np.zeros(1), np.zeros(1)))[0])


def _ring_means(machine: BeamData, opening: Rectangle, at_mm: tuple[Array, Array]) -> Array:
    """Mean fluence of the rings about points x and y (n,) of the isocentre plane, (n, rings)."""
    turn = _turns(opening, at_mm)
    middle = 0.5 * (RADIUS_MM[1:] + RADIUS_MM[:-1])[:, None]
    x_mm, y_mm = (
        position[:, None, None] + middle * part
        for position, part in zip(at_mm, (np.cos(turn), np.sin(turn)), strict=True)
    )
    return np.asarray(open_fluence(machine, opening, x_mm, y_mm).mean(axis=2))


def _turns(opening: Rectangle, at_mm: tuple[Array, Array]) -> Array:
    """Angles about a point that stand for all: half or a quarter of them where the field is alike beyond."""
    alike_x, alike_y = (
        low == -high and not position.any()
        for position, (low, high) in zip(at_mm, (opening.x_mm, opening.y_mm), strict=True)
    )
    count = _TURNS // (4 if alike_x and alike_y else 2 if alike_x or alike_y else 1)
    # With only left and right alike, the right half counts; with only top and bottom, the upper one.
    first = -0.5 * np.pi if alike_x and not alike_y else 0.0
    return np.asarray(first + (np.arange(count) + 0.5) * 2.0 * np.pi / _TURNS)
