"""What a couch can correct of a match, and the pose that serves the target best with it."""

from typing import Final, Protocol

import numpy as np
from scipy.spatial.transform import Rotation

from isoguide.errors import InputError
from isoguide.geometry.frames import Array, frozen_array

DEGREES_OF_FREEDOM: Final = (3, 4, 6)
LEAST_SPREAD_MM2: Final = 1.0
"""Points that spread less about an axis (sum of squares) do not tell a turn about it."""


class CouchFreedom(Protocol):
    """Settings of a match that say what the couch can do."""

    @property
    def degrees_of_freedom(self) -> int:
        """3 (shift), 4 (shift and couch yaw) or 6."""

    @property
    def yaw_axis_lps(self) -> tuple[float, float, float]:
        """Axis of the couch yaw in planning LPS, (3,); used with 4 degrees of freedom."""


def require_couch_freedom(settings: CouchFreedom) -> None:
    """Refuse degrees of freedom that no couch has, and an axis that has no direction.

    Raises
    ------
    InputError
        If one of them is so.
    """
    if settings.degrees_of_freedom not in DEGREES_OF_FREEDOM:
        msg = f"degrees of freedom must be 3, 4 or 6, not {settings.degrees_of_freedom}"
        raise InputError(msg)
    axis = frozen_array(settings.yaw_axis_lps, (3,), "the yaw axis")
    if not np.linalg.norm(axis) > 0.0:
        msg = "the axis of the couch yaw has no length: give its direction in planning LPS"
        raise InputError(msg)


def motion_basis(settings: CouchFreedom) -> Array:
    """Columns (6, n) that span the motions a couch with these degrees of freedom can correct."""
    if settings.degrees_of_freedom == 6:
        return np.eye(6)
    if settings.degrees_of_freedom == 3:
        return np.eye(6)[:, :3]
    axis = np.asarray(settings.yaw_axis_lps, dtype=np.float64)
    yaw = np.concatenate([np.zeros(3), axis / np.linalg.norm(axis)])
    return np.column_stack([np.eye(6)[:, :3], yaw])


def pose_for_couch(pose: Array, points_mm: Array, settings: CouchFreedom) -> Array:
    """Serve the target best with what the couch can do: solved for there, not cut out of the free answer.

    Matching the images again with fewer degrees of freedom would follow whichever part of a turned patient
    happens to fit, millimetres away from the target.

    Parameters
    ----------
    pose
        Daily from planning (4, 4), matched with all six.
    points_mm
        Where accuracy matters, (n, 3) planning LPS.
    settings
        What the couch can do.

    Returns
    -------
    Array
        The pose itself for a couch that can do everything.
    """
    basis = motion_basis(settings)
    if basis.shape[1] == 6:
        return pose
    return constrained_pose(pose, points_mm, basis[3:, 3] if basis.shape[1] == 4 else None)


def constrained_pose(pose: Array, points_mm: Array, yaw_axis: Array | None) -> Array:
    """Come closest to a pose at points (n, 3) with a shift only, or a shift and a turn about ``yaw_axis``.

    Least squares in closed form; for the turn the planar case of Kabsch, Acta Cryst. A32 (1976) 922. Points
    that do not spread across the axis say nothing about the turn: it is then the pose's own about the axis.
    """
    moved = points_mm @ pose[:3, :3].T + pose[:3, 3]
    here, there = points_mm - points_mm.mean(axis=0), moved - moved.mean(axis=0)
    reduced = np.eye(4)
    if yaw_axis is not None:
        sine = float((np.cross(here, there) @ yaw_axis).sum())
        cosine = float((here * there).sum() - ((here @ yaw_axis) * (there @ yaw_axis)).sum())
        turn = np.arctan2(sine, cosine)
        if np.hypot(sine, cosine) < LEAST_SPREAD_MM2:
            turn = Rotation.from_matrix(pose[:3, :3]).as_rotvec() @ yaw_axis
        reduced[:3, :3] = Rotation.from_rotvec(turn * yaw_axis).as_matrix()
    reduced[:3, 3] = moved.mean(axis=0) - reduced[:3, :3] @ points_mm.mean(axis=0)
    return reduced
