"""What a match of radiographs may correct and what is known about the geometry of its views."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from isoguide.errors import InputError
from isoguide.geometry.frames import Array, frozen_array

DEGREES_OF_FREEDOM: Final = (3, 4, 6)


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
        if self.degrees_of_freedom not in DEGREES_OF_FREEDOM:
            msg = f"degrees of freedom must be 3, 4 or 6, not {self.degrees_of_freedom}"
            raise InputError(msg)
        axis = frozen_array(self.yaw_axis_lps, (3,), "the yaw axis")
        if not np.linalg.norm(axis) > 0.0:
            msg = "the axis of the couch yaw has no length: give its direction in planning LPS"
            raise InputError(msg)
        if self.calibration_mm2 is not None:
            checked = tuple(_covariance(matrix) for matrix in self.calibration_mm2)
            object.__setattr__(self, "calibration_mm2", checked)


def _covariance(matrix: Array) -> Array:
    checked = frozen_array(matrix, (2, 2), "the calibration covariance of a view")
    if not np.allclose(checked, checked.T) or np.linalg.eigvalsh(checked)[0] < 0.0:
        msg = f"{checked.tolist()} mm² is no covariance: it must be symmetric and have no negative spread"
        raise InputError(msg)
    return checked


def motion_basis(settings: RadiographSettings) -> Array:
    """Columns (6, n) that span the motions a couch with these degrees of freedom can correct."""
    if settings.degrees_of_freedom == 6:
        return np.eye(6)
    if settings.degrees_of_freedom == 3:
        return np.eye(6)[:, :3]
    axis = np.asarray(settings.yaw_axis_lps, dtype=np.float64)
    yaw = np.concatenate([np.zeros(3), axis / np.linalg.norm(axis)])
    return np.column_stack([np.eye(6)[:, :3], yaw])
