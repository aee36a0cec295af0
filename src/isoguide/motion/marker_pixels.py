"""Where implanted markers lie in one kV image, in pixels."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from isoguide.errors import GeometryError
from isoguide.geometry.frames import Array, frozen_array


@dataclass(frozen=True, slots=True, eq=False)
class MarkerPixels:
    """Where each marker was seen in an image.

    Parameters
    ----------
    pixels
        Centres (column, row), (m, 2), in the order of the planned markers; NaN: not seen.
    covariance_px2
        Of the centres, (m, 2, 2), from noise and shape; NaN where not seen.
    quality
        Correlation of each with the shape of a marker, (m,), 0 to 1; 0 where not seen.
    reasons
        Why each was not seen, in words; empty where it was.
    problem
        What is wrong with the image as a whole; empty when nothing is.

    Raises
    ------
    GeometryError
        If the shapes do not fit each other, or a marker that was seen has no covariance.
    """

    pixels: Array
    covariance_px2: Array
    quality: Array
    reasons: tuple[str, ...] = ()
    problem: str = ""

    def __post_init__(self) -> None:
        pixels = np.array(self.pixels, dtype=np.float64)
        covariance = np.array(self.covariance_px2, dtype=np.float64)
        count = len(pixels)
        if pixels.shape != (count, 2) or covariance.shape != (count, 2, 2):
            msg = (
                f"markers in an image need pixels (m, 2) and covariances (m, 2, 2), not {pixels.shape} "
                f"and {covariance.shape}"
            )
            raise GeometryError(msg)
        seen = np.isfinite(pixels).all(axis=1)
        frozen_array(covariance[seen], (-1, 2, 2), "the covariance of a marker that was seen")
        quality = frozen_array(self.quality, (count,), "the quality of markers")
        for array in (pixels, covariance):
            array.flags.writeable = False
        object.__setattr__(self, "pixels", pixels)
        object.__setattr__(self, "covariance_px2", covariance)
        object.__setattr__(self, "quality", quality)
        object.__setattr__(self, "reasons", tuple(self.reasons) or ("",) * count)

    @property
    def seen(self) -> NDArray[np.bool_]:
        """Which markers were seen, (m,)."""
        return np.asarray(np.isfinite(self.pixels).all(axis=1))

    @classmethod
    def none(cls, count: int, problem: str) -> "MarkerPixels":
        """Return what an image says in which no marker can be trusted."""
        return cls(np.full((count, 2), np.nan), np.full((count, 2, 2), np.nan), np.zeros(count), (), problem)
