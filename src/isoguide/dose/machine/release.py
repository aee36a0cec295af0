"""Energy that photons release in water, and the point kernel at any angle: what every sum over them needs."""

from dataclasses import dataclass
from typing import Final, Self

import numpy as np

from isoguide.dose.beam_data import PointKernel, Spectrum
from isoguide.geometry.frames import Array

_DEPTH_MM: Final = np.arange(-1000.0, 1001.0, 2.0)
"""Depths of the table; above the surface it goes on, for sums that stop there exactly."""


def released_shares(spectrum: Spectrum) -> tuple[Array, Array]:
    """Return the energy released per mm at the surface of water, per bin: for electrons and for photons.

    What electrons take follows the absorption coefficient and what photons take the rest, so that hardening
    with depth is the right one for both. Each is scaled to the whole, because the kernel holds the shares:
    its A term spreads the first and its B term the second.
    """
    absorbed = spectrum.energy_fluence * spectrum.absorption_per_mm
    passed_on = spectrum.energy_fluence * (spectrum.attenuation_per_mm - spectrum.absorption_per_mm)
    total = float((spectrum.energy_fluence * spectrum.attenuation_per_mm).sum())
    return absorbed * (total / float(absorbed.sum())), passed_on * (total / float(passed_on.sum()))


@dataclass(frozen=True, slots=True, eq=False)
class Release:
    """Logarithms of the energy released per mm by depth: for electrons, and for scattered photons."""

    electrons: Array
    photons: Array

    @classmethod
    def of(cls, spectrum: Spectrum) -> Self:
        """Tabulate the release of a spectrum, per unit of energy fluence without water."""
        left = np.exp(-spectrum.attenuation_per_mm[:, None] * _DEPTH_MM)
        electrons, photons = released_shares(spectrum)
        return cls(np.log(electrons @ left), np.log(photons @ left))

    def at(self, depth_mm: Array) -> tuple[Array, Array]:
        """Return both at depths in water of any shape."""
        place = (depth_mm - _DEPTH_MM[0]) / (_DEPTH_MM[1] - _DEPTH_MM[0])
        below = np.clip(place.astype(np.int64), 0, len(_DEPTH_MM) - 2)
        part = place - below
        first, second = (
            np.exp(table[below] + part * (table[below + 1] - table[below]))
            for table in (self.electrons, self.photons)
        )
        return first, second


@dataclass(frozen=True, slots=True, eq=False)
class SmoothKernel:
    """A point kernel between the middles of its rings: logarithms of amplitudes and decays by angle."""

    tables: Array

    @classmethod
    def of(cls, point: PointKernel) -> Self:
        """Prepare a kernel; beyond the first and the last ring it goes on as in them."""
        return cls(
            np.log(
                np.stack(
                    [
                        np.maximum(point.primary_per_mm_sr, 1e-30),
                        point.primary_decay_per_mm,
                        np.maximum(point.scatter_per_mm_sr, 1e-30),
                        point.scatter_decay_per_mm,
                    ]
                )
            )
        )

    def deposited(self, angle: Array, distance_mm: Array, released: tuple[Array, Array]) -> Array:
        """Return the energy per mm and steradian at a distance, ``T h r²``; angles in radians."""
        rings = self.tables.shape[1]
        place = np.clip(angle * (rings / np.pi) - 0.5, 0.0, rings - 1.0)
        below = np.minimum(place.astype(np.int64), rings - 2)
        part = place - below
        logs = [table[below] + part * (table[below + 1] - table[below]) for table in self.tables]
        electrons = released[0] * np.exp(logs[0] - np.exp(logs[1]) * distance_mm)
        photons = released[1] * np.exp(logs[2] - np.exp(logs[3]) * distance_mm)
        return np.asarray(electrons + photons)
