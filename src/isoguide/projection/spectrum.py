"""X-ray spectra of a kV tube as a few energy bins, and how strongly materials attenuate them.

Mass attenuation coefficients (with coherent scattering): J. H. Hubbell and S. M. Seltzer, Tables of X-Ray
Mass Attenuation Coefficients, NISTIR 5632 (NIST Standard Reference Database 126, from XCOM), at the energies
listed; values between them are interpolated here, log against log. Densities are those of the same tables.
The bremsstrahlung follows H. A. Kramers, Phil. Mag. 46:836 (1923); characteristic lines are left out.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from isoguide.errors import InputError
from isoguide.geometry.frames import Array

_ENERGIES_KEV: Final = np.array([10.0, 15.0, 20.0, 30.0, 40.0, 50.0, 60.0, 80.0, 100.0, 150.0])
_CM2_PER_G: Final[Mapping[str, tuple[float, ...]]] = {
    "water": (5.329, 1.673, 0.8096, 0.3756, 0.2683, 0.2269, 0.2059, 0.1837, 0.1707, 0.1505),
    "bone": (28.51, 9.032, 4.001, 1.331, 0.6655, 0.4242, 0.3148, 0.2229, 0.1855, 0.1480),
    "aluminium": (26.23, 7.955, 3.441, 1.128, 0.5685, 0.3681, 0.2778, 0.2018, 0.1704, 0.1378),
    "titanium": (110.7, 35.87, 15.85, 4.972, 2.214, 1.213, 0.7661, 0.4052, 0.2721, 0.1649),
    # Its K edge at 80.7 keV is smoothed: a mm of gold lets next to nothing through on either side of it.
    "gold": (118.1, 164.1, 78.83, 27.52, 12.98, 7.256, 4.528, 2.185, 5.158, 1.860),
}
DENSITY_G_PER_CM3: Final[Mapping[str, float]] = {
    "water": 1.0,
    "bone": 1.92,
    "aluminium": 2.699,
    "titanium": 4.54,
    "gold": 19.32,
}
"""Water (liquid), cortical bone (ICRU-44), aluminium, titanium, gold."""

LOWEST_KV: Final = 40.0
HIGHEST_KV: Final = 150.0
_LOWEST_KEV: Final = 15.0
"""Photons below it do not leave a filtered tube."""
_CM_PER_MM: Final = 0.1


def attenuation_per_mm(material: str, energies_kev: Array) -> Array:
    """Linear attenuation coefficients (n,) per mm at photon energies (n,) from 10 to 150 keV.

    ``material`` is "water", "bone" (cortical), "aluminium", "titanium" or "gold", at the density of
    :data:`DENSITY_G_PER_CM3`.
    """
    log_table = np.log(np.array(_CM2_PER_G[material]))
    mass = np.exp(np.interp(np.log(energies_kev), np.log(_ENERGIES_KEV), log_table))
    return np.asarray(mass * DENSITY_G_PER_CM3[material] * _CM_PER_MM)


@dataclass(frozen=True, slots=True, eq=False)
class Spectrum:
    """A spectrum as the detector weighs it: each bin by the energy its photons bring.

    Parameters
    ----------
    energies_kev
        Representative energy of each bin, (n,).
    weights
        Share of the signal of the open beam without bow-tie filter, (n,), summing to 1.
    """

    energies_kev: Array
    weights: Array

    def per_mm(self, material: str) -> Array:
        """Attenuation of a material in each bin, (n,), per mm."""
        return attenuation_per_mm(material, self.energies_kev)

    @property
    def mean_kev(self) -> float:
        """Mean energy of the signal."""
        return float(self.energies_kev @ self.weights)

    def line_integrals(self, water_mm: Array, other_per_bin: Array | float = 0.0) -> Array:
        """Minus logarithm of the transmitted signal behind water (n,) mm.

        ``other_per_bin`` is what else attenuates, in front and in the open beam alike: (bins,) dimensionless.
        """
        open_beam = self.weights * np.exp(-np.asarray(other_per_bin))
        through = np.exp(-np.multiply.outer(np.asarray(water_mm), self.per_mm("water"))) @ open_beam
        return np.asarray(-np.log(through / open_beam.sum()))


def tube_spectrum(
    kilovoltage: float, *, aluminium_mm: float = 2.5, titanium_mm: float = 0.89, bins: int = 4
) -> Spectrum:
    """Return the spectrum of a tungsten tube behind its filters as ``bins`` bins of equal signal.

    Parameters
    ----------
    kilovoltage
        Tube voltage in kV, 40 to 150.
    aluminium_mm, titanium_mm
        Filters: inherent filtration, and the titanium foil of a kV imager.
    bins
        3 to 6 carry the hardening of a beam by a body.

    Raises
    ------
    InputError
        If the voltage, a filter or the number of bins is out of range.
    """
    if not LOWEST_KV <= kilovoltage <= HIGHEST_KV:
        msg = f"the tube voltage must be {LOWEST_KV:g} to {HIGHEST_KV:g} kV, not {kilovoltage:g}"
        raise InputError(msg)
    if min(aluminium_mm, titanium_mm) < 0.0 or not 1 <= bins <= 20:
        msg = f"a spectrum needs filters of 0 mm or more and 1 to 20 bins, not {bins} bins"
        raise InputError(msg)
    fine_kev = np.arange(_LOWEST_KEV, kilovoltage, 0.25)
    filtered = np.exp(
        -aluminium_mm * attenuation_per_mm("aluminium", fine_kev)
        - titanium_mm * attenuation_per_mm("titanium", fine_kev)
    )
    # Kramers gives photons ∝ (E0 - E)/E; the detector integrates energy, which cancels the 1/E.
    signal = (kilovoltage - fine_kev) * filtered
    share = (np.cumsum(signal) - signal / 2.0) / signal.sum()
    which = np.minimum((share * bins).astype(int), bins - 1)
    weights = np.bincount(which, signal, bins) / signal.sum()
    energies = np.bincount(which, signal * fine_kev, bins) / np.bincount(which, signal, bins)
    return Spectrum(energies, weights)
