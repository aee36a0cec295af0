"""What a match of radiographs may correct and what is known about the geometry of its views."""

from dataclasses import dataclass

import numpy as np

from isoguide.errors import InputError
from isoguide.geometry.frames import Array, frozen_array
from isoguide.registration.couch_freedom import require_couch_freedom


@dataclass(frozen=True, slots=True, eq=False)
class RadiographSettings:
    """How a match of radiographs is made.

    Parameters
    ----------
    degrees_of_freedom
        3 (shift), 4 (shift and couch yaw) or 6.
    yaw_axis_lps
        Axis of the couch yaw in planning LPS, (3,); used with 4 degrees of freedom.
    calibration_mm2
        Per view the covariance (2, 2) in mm² of where its image lies, along rows and columns at the depth of
        the isocentre, as the geometry phantom gave it; None where the geometry counts as exact.

    Raises
    ------
    InputError
        If a value is not one of those listed, or a covariance is not symmetric or has a negative spread.
    """

    degrees_of_freedom: int = 6
    yaw_axis_lps: tuple[float, float, float] = (0.0, -1.0, 0.0)
    calibration_mm2: tuple[Array, ...] | None = None

    def __post_init__(self) -> None:
        require_couch_freedom(self)
        if self.calibration_mm2 is not None:
            checked = tuple(_covariance(matrix) for matrix in self.calibration_mm2)
            object.__setattr__(self, "calibration_mm2", checked)


def _covariance(matrix: Array) -> Array:
    checked = frozen_array(matrix, (2, 2), "the calibration covariance of a view")
    if not np.allclose(checked, checked.T) or np.linalg.eigvalsh(checked)[0] < 0.0:
        msg = f"{checked.tolist()} mm² is no covariance: it must be symmetric and have no negative spread"
        raise InputError(msg)
    return checked
