"""The same beam, somewhat harder, with more scatter, or another source: what a fitter moves."""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from isoguide.dose.beam_data import BeamData, HeadModel, PointKernel, Spectrum

LARGEST_PRIMARY: Final = 0.9
LEAST_ELECTRONS: Final = 0.02
LEAST_EXTRA_FOCAL: Final = 0.005
"""Where a machine starts from nothing there has to be something to make larger."""


@dataclass(frozen=True, slots=True)
class BeamChange:
    """Changes of a beam; all 0: none.

    Parameters
    ----------
    hardening_mm
        Water that its photons pass before they are counted; negative makes them softer.
    electron_reach, scatter_reach, primary
        Logarithms of factors: how far electrons and scattered photons carry energy, and the share of
        electrons.
    extra_focal_share, extra_focal_sigma
        Logarithms of factors of the extra-focal source.
    electron_share, electron_decay, electron_sigma
        Logarithms of factors of contaminating electrons.
    """

    hardening_mm: float = 0.0
    electron_reach: float = 0.0
    scatter_reach: float = 0.0
    primary: float = 0.0
    extra_focal_share: float = 0.0
    extra_focal_sigma: float = 0.0
    electron_share: float = 0.0
    electron_decay: float = 0.0
    electron_sigma: float = 0.0

    def of(self, machine: BeamData) -> BeamData:
        """Return the changed beam; its pencil kernels are still those of the old one."""
        return replace(
            machine,
            spectrum=self._spectrum(machine.spectrum),
            point=self._point(machine.point),
            head=self._head(machine.head),
        )

    def _spectrum(self, spectrum: Spectrum) -> Spectrum:
        mean = float(spectrum.energy_fluence @ spectrum.attenuation_per_mm)
        share = spectrum.energy_fluence * np.exp(
            -np.clip((spectrum.attenuation_per_mm - mean) * self.hardening_mm, -30.0, 30.0)
        )
        return replace(spectrum, energy_fluence=share / share.sum())

    def _point(self, point: PointKernel) -> PointKernel:
        before = primary_share(point)
        after = min(before * float(np.exp(self.primary)), LARGEST_PRIMARY)
        electrons, photons = np.exp(-self.electron_reach), np.exp(-self.scatter_reach)
        return replace(
            point,
            primary_per_mm_sr=point.primary_per_mm_sr * (electrons * after / before),
            primary_decay_per_mm=point.primary_decay_per_mm * electrons,
            scatter_per_mm_sr=point.scatter_per_mm_sr * (photons * (1.0 - after) / (1.0 - before)),
            scatter_decay_per_mm=point.scatter_decay_per_mm * photons,
        )

    def _head(self, head: HeadModel) -> HeadModel:
        share = _moved(head.extra_focal_share, self.extra_focal_share, LEAST_EXTRA_FOCAL)
        return replace(
            head,
            extra_focal_share=min(share, 0.5),
            extra_focal_sigma_mm=_moved(head.extra_focal_sigma_mm, self.extra_focal_sigma, 1.0),
            electron_share=_moved(head.electron_share, self.electron_share, LEAST_ELECTRONS),
            electron_decay_per_mm=_moved(head.electron_decay_per_mm, self.electron_decay, 0.01),
            electron_sigma_mm=_moved(head.electron_sigma_mm, self.electron_sigma, 1.0),
        )


def primary_share(point: PointKernel) -> float:
    """Share of the released energy that electrons carry off."""
    return float((point.primary_per_mm_sr / point.primary_decay_per_mm) @ point.solid_angle_sr)


def _moved(value: float, log_factor: float, least: float) -> float:
    return value if log_factor == 0.0 else max(value, least) * float(np.exp(log_factor))
