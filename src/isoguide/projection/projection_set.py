"""The projections of one cone-beam scan with the geometry that is known of them."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from isoguide.errors import GeometryError
from isoguide.geometry.frames import FIXED, Array, frozen_array
from isoguide.geometry.xray_view import XrayView

FEWEST_PROJECTIONS = 10
"""Fewer make no image that anyone should look at."""


@dataclass(frozen=True, slots=True, eq=False)
class ProjectionSet:
    """Projections ready for reconstruction.

    Parameters
    ----------
    values
        float32 (projections, rows, columns): line integrals of the attenuation, dimensionless, that is minus
        the logarithm of the transmitted share; not copied when read-only already.
    views
        One per projection, in FIXED: the geometry as calibrated, which may differ from the true one.
    seconds
        When each was exposed, (projections,), from the start of the scan.
    water_attenuation_per_mm
        Attenuation that the values give to water: what Hounsfield units are scaled with.
    source
        What the user knows the scan by.

    Raises
    ------
    GeometryError
        If sizes or frames do not fit together, there are too few projections, or a value is not finite.
    """

    values: NDArray[np.float32]
    views: tuple[XrayView, ...]
    seconds: Array
    water_attenuation_per_mm: float
    source: str = ""

    def __post_init__(self) -> None:
        what = self.source or "the scan"
        if len(self.views) < FEWEST_PROJECTIONS:
            msg = f"{what} has {len(self.views)} projections; at least {FEWEST_PROJECTIONS} are needed"
            raise GeometryError(msg)
        first, values = self.views[0], self.values
        alike = all(
            (view.frame, view.size, view.pixel_spacing_mm) == (FIXED, first.size, first.pixel_spacing_mm)
            for view in self.views
        )
        if not alike or values.shape != (len(self.views), *first.size[::-1]):
            views = f"{len(self.views)} views in '{FIXED}'"
            msg = f"the projections {values.shape} of {what} do not fit its {views}"
            raise GeometryError(msg)
        if values.dtype != np.float32 or not np.isfinite(values).all():
            msg = f"the projections of {what} must be finite float32 values"
            raise GeometryError(msg)
        if not self.water_attenuation_per_mm > 0.0:
            msg = f"water must attenuate: {self.water_attenuation_per_mm} per mm is not possible"
            raise GeometryError(msg)
        if values.flags.writeable or not values.flags.c_contiguous:
            values = values.copy(order="C")
            values.flags.writeable = False
            object.__setattr__(self, "values", values)
        object.__setattr__(self, "views", tuple(self.views))
        object.__setattr__(self, "seconds", frozen_array(self.seconds, (len(self.views),), "exposure times"))
