"""The photons of an accelerator's beam, by a formula with physical parameters.

E. S. M. Ali and D. W. O. Rogers, Functional forms for photon spectra of clinical linacs, Phys. Med. Biol. 57
(2012) 31, equation 12: thin-target bremsstrahlung times what target and flattening filter let through, as so
much tungsten and aluminium.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from isoguide.dose.beam_data import Spectrum
from isoguide.dose.machine.attenuation import (
    HIGHEST_MEV,
    LOWEST_MEV,
    attenuation_cm2_per_g,
    water_absorption_per_mm,
    water_attenuation_per_mm,
)
from isoguide.geometry.frames import Array

_EDGES_MEV: Final = np.array(
    [0.1, 0.2, 0.3, 0.4, 0.5, 0.65, 0.8, 1.0, 1.25, 1.5, 1.8, 2.2, 2.7, 3.3, 4.0, 4.8, 6.0]
)
_STEPS_PER_BIN: Final = 20


@dataclass(frozen=True, slots=True)
class LinacSpectrum:
    """Parameters of the formula.

    Parameters
    ----------
    electron_mev
        Mean kinetic energy of the electrons that hit the target.
    root_tungsten, root_aluminium
        Square roots of the thicknesses in g/cm² (C1 and C2 of the paper).
    shape
        Coefficient of the term that is linear in the photon energy (C3 of the paper).
    """

    electron_mev: float
    root_tungsten: float
    root_aluminium: float
    shape: float

    def energy_fluence(self, energy_mev: Array) -> Array:
        """Return the energy fluence per MeV, of no particular unit, at energies of any shape."""
        ratio = energy_mev / self.electron_mev
        inside = np.clip(self.electron_mev * (self.electron_mev - energy_mev) / energy_mev, 0.0, None)
        thin = (1.0 + self.shape * ratio + ratio**2) * (np.log(inside + 1.65) - 0.5)
        depth = attenuation_cm2_per_g("tungsten", energy_mev) * self.root_tungsten**2
        depth = depth + attenuation_cm2_per_g("aluminium", energy_mev) * self.root_aluminium**2
        return np.asarray(np.where(ratio < 1.0, np.clip(thin, 0.0, None) * np.exp(-depth), 0.0))


CLINAC_6MV: Final = LinacSpectrum(electron_mev=5.76, root_tungsten=1.222, root_aluminium=5.147, shape=-1.186)
"""What Ali and Rogers found for the 6 MV beam of a Clinac, on the axis."""


def spectrum_of(formula: LinacSpectrum) -> Spectrum:
    """Return the spectrum in bins between 0.1 and 6 MeV, each with the mean energy of what it holds."""
    highest_mev = min(formula.electron_mev, HIGHEST_MEV)
    edges = np.concatenate([_EDGES_MEV[highest_mev - 0.1 > _EDGES_MEV], [highest_mev]])
    edges[0] = LOWEST_MEV
    within = (np.arange(_STEPS_PER_BIN) + 0.5) / _STEPS_PER_BIN
    energy = edges[:-1, None] + within * np.diff(edges)[:, None]
    share = formula.energy_fluence(energy) * np.diff(edges)[:, None]
    bin_share = share.sum(axis=1)
    middle = (share * energy).sum(axis=1) / bin_share
    return Spectrum(
        energy_mev=middle,
        energy_fluence=bin_share / bin_share.sum(),
        attenuation_per_mm=(share * water_attenuation_per_mm(energy)).sum(axis=1) / bin_share,
        absorption_per_mm=(share * water_absorption_per_mm(energy)).sum(axis=1) / bin_share,
    )
