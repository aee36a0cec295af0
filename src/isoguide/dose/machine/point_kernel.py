"""Where the energy of photons that interact at one point in water ends up, from Compton scattering.

Nearly every photon of a 6 MV beam interacts with water by Compton scattering (O. Klein and Y. Nishina, Z.
Phys. 52 (1929) 853). Its kinematics say how much energy goes to the electron and to the scattered photon,
and in which direction. Two processes have no closed form and are described by parameters: electrons are
deflected on their way, and scattered photons scatter again.

- Electrons: their direction is smeared, and their energy falls off exponentially with a mean depth that is a
  share of their range (L. Katz and A. S. Penfold, Rev. Mod. Phys. 24 (1952) 28).
- Scattered photons: energy falls off exponentially with the absorption coefficient of their energy times a
  factor; a share of it is spread evenly over all directions, as what scatters again has forgotten its own.

The form of the sum is that of A. Ahnesjö, Collapsed cone convolution of radiant energy for photon dose
calculation in heterogeneous media, Med. Phys. 16 (1989) 577.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from isoguide.dose.beam_data import PointKernel, Spectrum
from isoguide.dose.machine.attenuation import water_absorption_per_mm
from isoguide.geometry.frames import Array

RINGS: Final = 48
_ELECTRON_REST_MEV: Final = 0.511
_SCATTER_STEPS: Final = 720


@dataclass(frozen=True, slots=True)
class Transport:
    """What has no closed form.

    Parameters
    ----------
    electron_depth
        Mean distance that an electron's energy is carried, against its range.
    electron_smear_deg
        How far electrons stray from where they set off to, one standard deviation per axis.
    scatter_absorption
        Fall-off of scattered energy, against the absorption coefficient of once scattered photons.
    scattered_again
        Share of the scattered energy that goes in all directions alike.
    primary
        Energy that electrons carry off, against what Compton scattering says (photo and pair electrons, and
        bremsstrahlung that is lost): about 1.
    """

    electron_depth: float
    electron_smear_deg: float
    scatter_absorption: float
    scattered_again: float
    primary: float = 1.0


def point_kernel(spectrum: Spectrum, transport: Transport) -> PointKernel:
    """Return the kernel of the spectrum as it enters water: energy per angle and distance, adding up to 1."""
    edges = np.linspace(0.0, np.pi, RINGS + 1)
    middle = 0.5 * (edges[1:] + edges[:-1])
    solid_angle = 2.0 * np.pi * (np.cos(edges[:-1]) - np.cos(edges[1:]))
    released = spectrum.energy_fluence * spectrum.attenuation_per_mm
    released = released / released.sum()
    electrons, carried = np.zeros(RINGS), np.zeros(RINGS)
    photons, absorbed = np.zeros(RINGS), np.zeros(RINGS)
    for energy, weight in zip(spectrum.energy_mev, released, strict=True):
        one = _compton(float(energy), edges)
        electrons += weight * one.electrons
        carried += weight * one.carried_mm
        photons += weight * one.photons
        absorbed += weight * one.absorbed_per_mm
    primary = min(float(electrons.sum()) * transport.primary, 1.0)
    electron_share, depth_mm = _smeared(electrons, carried, middle, solid_angle, transport)
    electron_share *= primary / electron_share.sum()
    photon_share, decay = _scattered_again(photons, absorbed, solid_angle, transport)
    photon_share *= (1.0 - primary) / photon_share.sum()
    return PointKernel(
        angle_deg=np.rad2deg(middle),
        solid_angle_sr=solid_angle,
        primary_per_mm_sr=electron_share / solid_angle / depth_mm,
        primary_decay_per_mm=1.0 / depth_mm,
        scatter_per_mm_sr=photon_share / solid_angle * decay,
        scatter_decay_per_mm=decay,
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Compton:
    """Of one photon energy per ring: shares of the energy, and the same times range or absorption."""

    electrons: Array
    carried_mm: Array
    photons: Array
    absorbed_per_mm: Array


def _compton(energy_mev: float, edges: Array) -> _Compton:
    step = np.pi / _SCATTER_STEPS
    angle = (np.arange(_SCATTER_STEPS) + 0.5) * step
    relative = energy_mev / _ELECTRON_REST_MEV
    ratio = 1.0 / (1.0 + relative * (1.0 - np.cos(angle)))
    differential = ratio**2 * (ratio + 1.0 / ratio - np.sin(angle) ** 2) * np.sin(angle)
    share = differential / differential.sum()
    recoil = np.arctan2(1.0, (1.0 + relative) * np.tan(angle / 2.0))
    kinetic_mev = energy_mev * (1.0 - ratio)
    scattered_mev = energy_mev * ratio

    def by_ring(direction: object, value: object) -> Array:
        held = np.histogram(np.asarray(direction), edges, weights=np.asarray(value))[0]
        return np.asarray(held, dtype=np.float64)

    to_electrons, to_photons = share * (1.0 - ratio), share * ratio
    return _Compton(
        electrons=by_ring(recoil, to_electrons),
        carried_mm=by_ring(recoil, to_electrons * electron_range_mm(kinetic_mev)),
        photons=by_ring(angle, to_photons),
        absorbed_per_mm=by_ring(angle, to_photons * water_absorption_per_mm(scattered_mev)),
    )


def electron_range_mm(kinetic_mev: Array) -> Array:
    """Range of electrons in water, of 0.01 to 6 MeV and any shape (Katz and Penfold)."""
    log = np.log(np.clip(kinetic_mev, 0.01, None))
    return np.asarray(4.12 * np.exp(log * (1.265 - 0.0954 * log)), dtype=np.float64)


def _smeared(
    energy: Array, carried: Array, middle: Array, solid_angle: Array, transport: Transport
) -> tuple[Array, Array]:
    """Deflect electrons: energy per ring and the mean depth to which they carry it there."""
    concentration = 1.0 / np.deg2rad(transport.electron_smear_deg) ** 2
    azimuth = (np.arange(RINGS) + 0.5) * np.pi / RINGS
    across = np.cos(azimuth) * (np.sin(middle)[:, None, None] * np.sin(middle)[None, :, None])
    cosine = across + (np.cos(middle)[:, None] * np.cos(middle)[None, :])[:, :, None]
    spread = np.exp(concentration * (cosine - 1.0)).mean(axis=2) * solid_angle[:, None]
    spread /= spread.sum(axis=0)
    share = spread @ energy
    # Electrons that turned away did so on the way: to the side and back they come less far.
    depth_mm = transport.electron_depth * (spread @ carried) / share
    return share, depth_mm


def _scattered_again(
    energy: Array, absorbed: Array, solid_angle: Array, transport: Transport
) -> tuple[Array, Array]:
    """Spread a share of the scattered energy evenly: energy per ring and its fall-off per mm."""
    even = solid_angle / solid_angle.sum()
    again = transport.scattered_again
    share = (1.0 - again) * energy + again * energy.sum() * even
    weighted = (1.0 - again) * absorbed + again * absorbed.sum() * even
    return share, transport.scatter_absorption * weighted / share
