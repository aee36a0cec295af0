"""Dose-volume histograms: how much of a structure gets how much dose."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from isoguide.errors import GeometryError
from isoguide.geometry.frames import Array, frozen_array

TRACE_PERCENT: Final = 0.5
"""A structure that reaches further than this beyond the dose grid is named wherever its figures are."""


@dataclass(frozen=True, slots=True, eq=False)
class DoseVolumeHistogram:
    """Dose of one structure, as the exact sorted doses of its parts.

    Parameters
    ----------
    name, is_target
        ROIName, and whether it is a target.
    dose_gy, part_ml
        Dose of each part, increasing, and its volume, both (n,). What lies outside the dose grid counts with
        0 Gy: nothing is known of it, so a target there is never covered.
    outside_ml
        Volume that lies outside the dose grid; where it is more than a trace, the structure is named.

    Raises
    ------
    GeometryError
        If there is no volume, a volume is not positive, or the doses do not increase.
    """

    name: str
    is_target: bool
    dose_gy: Array
    part_ml: Array
    outside_ml: float = 0.0

    def __post_init__(self) -> None:
        dose = frozen_array(self.dose_gy, (-1,), f"the doses of '{self.name}'")
        part = frozen_array(self.part_ml, (len(dose),), f"the volumes of '{self.name}'")
        if len(dose) == 0 or part.min() < 0.0 or part.sum() <= 0.0:
            msg = (
                f"structure '{self.name}' has no volume, and so no dose: check its contours, or leave it out"
            )
            raise GeometryError(msg)
        if (np.diff(dose) < 0.0).any():
            msg = f"the doses of '{self.name}' are not in increasing order"
            raise GeometryError(msg)
        object.__setattr__(self, "dose_gy", dose)
        object.__setattr__(self, "part_ml", part)

    @property
    def volume_ml(self) -> float:
        """Volume of the whole structure, with what lies outside the dose grid."""
        return float(self.part_ml.sum())

    @property
    def outside_percent(self) -> float:
        """Share of the structure that lies outside the dose grid."""
        return 100.0 * self.outside_ml / self.volume_ml

    @property
    def is_covered(self) -> bool:
        """Whether the dose grid holds the structure, but for a trace."""
        return self.outside_percent <= TRACE_PERCENT

    @property
    def mean_gy(self) -> float:
        """Mean dose."""
        return float(np.average(self.dose_gy, weights=self.part_ml))

    @property
    def least_gy(self) -> float:
        """Lowest dose of a part."""
        return float(self.dose_gy[0])

    @property
    def largest_gy(self) -> float:
        """Highest dose of a part."""
        return float(self.dose_gy[-1])

    def dose_at_volume_gy(self, percent: float) -> float:
        """Return D_x%: the dose that the hottest x % of the structure get at least."""
        return self.dose_at_ml_gy(self.volume_ml * percent / 100.0)

    def dose_at_ml_gy(self, volume_ml: float) -> float:
        """Return D_x ml: the dose that the hottest x ml get at least (all of it where it is smaller)."""
        hotter_ml = np.cumsum(self.part_ml[::-1])
        place = min(int(np.searchsorted(hotter_ml, volume_ml * (1.0 - 1e-12))), len(hotter_ml) - 1)
        return float(self.dose_gy[::-1][place])

    def volume_at_dose_ml(self, dose_gy: float) -> float:
        """Return V_x Gy: the volume that gets at least this dose."""
        return float(self.part_ml[np.searchsorted(self.dose_gy, dose_gy) :].sum())

    def volume_at_dose_percent(self, dose_gy: float) -> float:
        """Return V_x Gy as a share of the structure."""
        return 100.0 * self.volume_at_dose_ml(dose_gy) / self.volume_ml

    def curve(self, dose_gy: Array) -> Array:
        """Return the cumulative histogram in percent at these doses, to draw it."""
        hotter_ml = np.concatenate([np.cumsum(self.part_ml[::-1])[::-1], [0.0]])
        return np.asarray(100.0 * hotter_ml[np.searchsorted(self.dose_gy, dose_gy)] / self.volume_ml)


def beyond_grid(histogram: DoseVolumeHistogram) -> str:
    """Say how much of a structure the dose grid does not hold; nothing for a trace."""
    if histogram.is_covered:
        return ""
    share = f"{histogram.outside_percent:.1f} % of '{histogram.name}'"
    return f"{share} lies outside the dose grid and counts with 0 Gy"
