"""From Hounsfield units to electrons: what a CT number is worth on a ray's way through the patient."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from isoguide.errors import InputError
from isoguide.images.volume import Volume

Float32 = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class DensityCurve:
    """Electron density relative to water by HU, straight between the points and level beyond them.

    Parameters
    ----------
    hu, relative_electron_density
        Points, both rising, at least two.
    name
        What the curve is called in results; "generic" for the one that belongs to no scanner.

    Raises
    ------
    InputError
        If the numbers do not rise, or a density is negative.
    """

    hu: tuple[float, ...]
    relative_electron_density: tuple[float, ...]
    name: str = ""

    def __post_init__(self) -> None:
        hu, density = np.array(self.hu), np.array(self.relative_electron_density)
        fits = len(hu) == len(density) >= 2 and np.isfinite(hu).all() and np.isfinite(density).all()
        if not (fits and (np.diff(hu) > 0.0).all() and (np.diff(density) >= 0.0).all() and density[0] >= 0.0):
            msg = f"the density curve '{self.name}' does not rise over at least two points; check its table"
            raise InputError(msg)

    def density(self, hu: NDArray[np.int16] | Float32) -> Float32:
        """Return the relative electron density of an array of HU."""
        return np.interp(hu, self.hu, self.relative_electron_density).astype(np.float32)

    def weighed(self, hu: Volume) -> Volume:
        """Return how heavy the tissue of an image in HU is against water."""
        values = self.density(np.asarray(hu.values, np.float32))
        return Volume(hu.grid, values, is_hounsfield=False, source=hu.source)


GENERIC_CURVE: Final = DensityCurve(
    (-1000.0, -800.0, -500.0, -90.0, 0.0, 50.0, 240.0, 900.0, 3070.0),
    (0.001, 0.2, 0.49, 0.95, 1.0, 1.045, 1.123, 1.462, 2.574),
    "generic",
)
"""Lung, fat, water and muscle after ICRU Report 46; above 200 HU the line 1 + HU/1950 that Thomas, Br. J.
Radiol. 72 (1999) 781, found for bone. Scanners differ by a few percent, in bone by more."""

GENERIC_CURVE_TEXT: Final = (
    "HU are taken for electron densities by a generic curve, not that of the scanner; a path through bone may"
    " be wrong by 2 %"
)
"""The approximation that stands in a result."""
