"""Speckle-reduced copies of an ultrasound volume, known only where its tissue was seen.

Grey values of B-mode images are logarithms of amplitudes. There speckle is noise of the same strength
everywhere, which a mean over a few resolution cells takes away. What lies in a shadow or outside the fan
takes no part in the mean: normalised convolution (Knutsson and Westin 1993, CVPR, 515).
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from isoguide.geometry.frames import Array
from isoguide.images.ultrasound_volume import UltrasoundVolume
from isoguide.registration.pyramid import Level, crop, make_level

MIDDLE_MM, FINE_MM = 3.0, 1.0
"""Starts are refined at the first, where speckle is gone; the answer comes from the second, where many small
patches with some speckle left were more accurate than fewer without, in simulated cases."""
LEAST_KNOWN: Final = 0.5
"""A mean counts where at least this share of its weight was seen."""
LEAST_NODES: Final = 4
CONTRAST = {MIDDLE_MM: 2.0, FINE_MM: 1.0}
"""Grey values are multiplied by this: what is left of speckle, 6 and 15 of 255 grey values, then stays below
the 25 that the choice of templates takes for noise."""


@dataclass(frozen=True, slots=True, eq=False)
class SeenLevel:
    """Mean grey values on a grid, and where they are known, ``[k, j, i]``; 0 elsewhere."""

    level: Level
    known: NDArray[np.bool_]

    def or_nan(self) -> Level:
        """Return the level with NaN where nothing is known."""
        values = np.where(self.known, self.level.values, np.float32(np.nan))
        values.flags.writeable = False
        return Level(self.level.grid, values)


def seen_level(
    volume: UltrasoundVolume, low_mm: Array, high_mm: Array, spacing_mm: float
) -> SeenLevel | None:
    """Smooth the part of a volume between two opposite corners (3,), in its frame, to a resolution.

    Coarser volumes are smoothed to their own resolution: without that their speckle would be left as it is.
    Returns None where the volume hardly reaches between the corners, or nothing there can be trusted.
    """
    grid, brightness = crop(volume.grid, volume.values, low_mm, high_mm)
    _, trusted = crop(volume.grid, volume.trusted, low_mm, high_mm)
    if min(grid.shape) < LEAST_NODES or not trusted.any():
        return None
    step_mm = max(spacing_mm, float(grid.spacing_mm.max()))
    weight = trusted.astype(np.float32)
    share = make_level(grid, weight, step_mm, interpolate=False)
    total = make_level(grid, weight * brightness, step_mm, interpolate=False)
    known = np.asarray(share.values >= LEAST_KNOWN)
    values = np.zeros(known.shape, dtype=np.float32)
    np.divide(total.values, share.values, out=values, where=known)
    values *= np.float32(CONTRAST[spacing_mm])
    values.flags.writeable = False
    return SeenLevel(Level(share.grid, values), known)
