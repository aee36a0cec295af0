"""How strongly water, tungsten and aluminium hold back photons of 0.1 to 6 MeV.

Mass attenuation and mass energy absorption coefficients: J. H. Hubbell and S. M. Seltzer, Tables of X-Ray
Mass Attenuation Coefficients and Mass Energy-Absorption Coefficients, NISTIR 5632 (NIST Standard Reference
Database 126), at the energies listed; between them log against log.
"""

from collections.abc import Mapping
from typing import Final

import numpy as np

from isoguide.geometry.frames import Array

_MEV: Final = np.array(
    [0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8, 1.0, 1.25, 1.5, 2.0, 3.0, 4.0, 5.0, 6.0], dtype=np.float64
)
# fmt: off
_ATTENUATION_CM2_PER_G: Final[Mapping[str, tuple[float, ...]]] = {
    "water": (0.1707, 0.1505, 0.1370, 0.1186, 0.1061, 0.09687, 0.08956, 0.07865, 0.07072, 0.06323,
              0.05754, 0.04942, 0.03969, 0.03403, 0.03031, 0.02770),
    "aluminium": (0.1704, 0.1378, 0.1223, 0.1042, 0.09276, 0.08445, 0.07802, 0.06841, 0.06146, 0.05496,
                  0.05006, 0.04324, 0.03541, 0.03106, 0.02836, 0.02655),
    "tungsten": (4.438, 1.581, 0.7844, 0.3238, 0.1925, 0.1378, 0.1093, 0.08066, 0.06618, 0.05577, 0.05000,
                 0.04433, 0.04075, 0.04038, 0.04103, 0.04210),
}
_WATER_ABSORPTION_CM2_PER_G: Final = (
    0.02546, 0.02764, 0.02967, 0.03192, 0.03279, 0.03299, 0.03284, 0.03206, 0.03103, 0.02965, 0.02833,
    0.02608, 0.02281, 0.02066, 0.01915, 0.01806,
)
# fmt: on
LOWEST_MEV: Final = 0.1
HIGHEST_MEV: Final = 6.0
_WATER_PER_MM_OF_CM2_PER_G: Final = 0.1


def attenuation_cm2_per_g(material: str, energy_mev: Array) -> Array:
    """Mass attenuation coefficients of "water", "aluminium" or "tungsten" at photon energies of any shape.

    Outside 0.1 to 6 MeV the value at the end counts.
    """
    return _interpolated(_ATTENUATION_CM2_PER_G[material], energy_mev)


def water_attenuation_per_mm(energy_mev: Array) -> Array:
    """Linear attenuation coefficients of water at photon energies of any shape, MeV."""
    return attenuation_cm2_per_g("water", energy_mev) * _WATER_PER_MM_OF_CM2_PER_G


def water_absorption_per_mm(energy_mev: Array) -> Array:
    """Linear energy absorption coefficients of water at photon energies of any shape, MeV."""
    return _interpolated(_WATER_ABSORPTION_CM2_PER_G, energy_mev) * _WATER_PER_MM_OF_CM2_PER_G


def _interpolated(table: tuple[float, ...], energy_mev: Array) -> Array:
    log = np.interp(np.log(energy_mev), np.log(_MEV), np.log(np.array(table)))
    return np.asarray(np.exp(log), dtype=np.float64)
