"""How realistic a simulated X-ray image is: one frozen set of numbers."""

from dataclasses import dataclass, fields
from typing import Self

from isoguide.errors import InputError


@dataclass(frozen=True, slots=True)
class ImagingPhysics:
    """Physics of a kV image and the corrections that an imager applies before reconstruction.

    The defaults are a plausible imager with an anti-scatter grid, not a certain product.

    Parameters
    ----------
    energy_bins
        Of the spectrum: 1 is a monoenergetic beam; 3 to 6 carry beam hardening.
    photons_per_pixel
        Quanta that a (binned) pixel detects in the open beam on the central axis; 0 makes no quantum noise.
    electronic_noise_photons
        Standard deviation of the read-out in quanta.
    bow_tie_radius_mm
        The aluminium bow-tie filter levels a water cylinder of this radius; 0 is no filter.
    scatter_to_primary
        Mean ratio of scattered to primary signal in the shadow of the patient.
    scatter_width_mm
        Standard deviation, at the panel, of the spread of scattered radiation.
    corrected_scatter_to_primary
        The ratio that the imager's own scatter correction assumes; it subtracts one number per projection, so
        that cupping remains (R. Boellaard et al., Radiother. Oncol. 44:149, 1997). 0 is no correction.
    glare_share, glare_width_mm
        Share of the signal that spreads in the detector, and how far (standard deviation).
    blur_mm
        Standard deviation, at the panel, of what focal spot and scintillator blur before quanta are counted.
    lag_share, lag_frames
        Share of a frame's signal that appears later, and the decay in frames (2 frames of a thinned-out scan
        are half a second). Lag turns the image a little, with the motion of the gantry.
    beam_hardening_correction
        Straighten the logarithm for water; bone still hardens the beam.

    Raises
    ------
    InputError
        If a value is impossible, by name.
    """

    energy_bins: int = 4
    photons_per_pixel: float = 2e6
    electronic_noise_photons: float = 20.0
    bow_tie_radius_mm: float = 150.0
    scatter_to_primary: float = 0.25
    scatter_width_mm: float = 70.0
    corrected_scatter_to_primary: float = 0.25
    glare_share: float = 0.05
    glare_width_mm: float = 15.0
    blur_mm: float = 0.0
    lag_share: float = 0.02
    lag_frames: float = 2.0
    beam_hardening_correction: bool = True

    def __post_init__(self) -> None:
        for each in fields(self):
            value = getattr(self, each.name)
            if not 0.0 <= value < float("inf"):
                msg = f"{each.name} of the imaging physics must be 0 or more, not {value}"
                raise InputError(msg)
        if not 1 <= self.energy_bins <= 20:
            msg = f"energy_bins of the imaging physics must be 1 to 20, not {self.energy_bins}"
            raise InputError(msg)
        for name in ("glare_share", "lag_share"):
            if getattr(self, name) > 0.5:
                msg = f"{name} of the imaging physics must be 0 to 0.5, not {getattr(self, name)}"
                raise InputError(msg)
        if self.lag_share > 0.0 and self.lag_frames < 1.0:
            msg = f"lag_frames of the imaging physics must be 1 or more, not {self.lag_frames}"
            raise InputError(msg)

    @classmethod
    def ideal(cls) -> Self:
        """Return a monoenergetic beam without scatter, noise, glare and lag."""
        return cls(
            energy_bins=1,
            photons_per_pixel=0.0,
            electronic_noise_photons=0.0,
            bow_tie_radius_mm=0.0,
            scatter_to_primary=0.0,
            corrected_scatter_to_primary=0.0,
            glare_share=0.0,
            lag_share=0.0,
        )
