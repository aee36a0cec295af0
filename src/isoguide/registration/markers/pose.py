"""The rigid pose of markers by weighted least squares, and how far one is off from the others.

Each marker is weighted by its own covariance (Gauss-Newton from the expected pose). Leaving one out and
predicting it from the others is the test for migration.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.spatial.transform import Rotation

from isoguide.geometry.frames import Array
from isoguide.registration.result import cross_matrix

UNKNOWN_TURN_RAD: Final = 0.5
"""How far a constellation may have turned when nobody says: it only closes what the markers leave open."""
FREE_TURN_RAD: Final = 1e3
"""Holds nothing: for markers that give the rotation themselves."""
_ITERATIONS: Final = 12


@dataclass(frozen=True, slots=True, eq=False)
class Constellation:
    """Markers that were planned and measured, in the same order.

    Parameters
    ----------
    planned_mm, measured_mm
        Centres in planning LPS and in the image's frame, (n, 3).
    planned_mm2, measured_mm2
        Their covariances, (n, 3, 3).
    """

    planned_mm: Array
    measured_mm: Array
    planned_mm2: Array
    measured_mm2: Array

    def of(self, which: list[int]) -> "Constellation":
        """Return some of the markers."""
        parts = (self.planned_mm, self.measured_mm, self.planned_mm2, self.measured_mm2)
        return Constellation(*(part[which] for part in parts))


@dataclass(frozen=True, slots=True, eq=False)
class Pose:
    """``planned = rotation @ measured + translation_mm``, with the covariance of its error.

    ``covariance`` (6, 6), translation (mm) first, rotation vector (rad) second, is of a small motion in
    planning LPS about ``centre_mm``.
    """

    rotation: Array
    translation_mm: Array
    centre_mm: Array
    covariance: Array

    def of_points(self, measured_mm: Array) -> Array:
        """Return measured points (n, 3) in planning LPS."""
        return measured_mm @ self.rotation.T + self.translation_mm

    def covariance_at(self, point_mm: Array) -> Array:
        """Covariance (3, 3) of the error of the pose at a point (3,) of planning LPS."""
        jacobian = np.hstack([np.eye(3), -cross_matrix(point_mm - self.centre_mm)])
        return np.asarray(jacobian @ self.covariance @ jacobian.T)


def solve_pose(
    markers: Constellation, expected_rotation: Array, *, turn_sigma_rad: float = UNKNOWN_TURN_RAD
) -> Pose:
    """Return the most likely pose of one marker or more.

    Parameters
    ----------
    markers
        What was planned and measured.
    expected_rotation
        Where the rotation is thought to be, (3, 3): the start, and what holds it where the markers do not.
    turn_sigma_rad
        How far from there it may be; 0 holds it.
    """
    rotation = np.array(expected_rotation)
    centre_mm = markers.planned_mm.mean(axis=0)
    translation_mm = centre_mm - rotation @ markers.measured_mm.mean(axis=0)
    information: Array = np.eye(6)
    for _ in range(_ITERATIONS):
        information, gradient = _normal_equations(markers, rotation, translation_mm, centre_mm)
        away = Rotation.from_matrix(rotation @ expected_rotation.T).as_rotvec()
        if turn_sigma_rad > 0.0:
            information[3:, 3:] += np.eye(3) / turn_sigma_rad**2
            gradient[3:] += away / turn_sigma_rad**2
            step = np.asarray(-np.linalg.solve(information, gradient))
        else:
            step = np.zeros(6)
            step[:3] = -np.linalg.solve(information[:3, :3], gradient[:3])
        turn = Rotation.from_rotvec(step[3:]).as_matrix()
        rotation = turn @ rotation
        translation_mm = turn @ (translation_mm - centre_mm) + centre_mm + step[:3]
        if np.abs(step[:3]).max() < 1e-7 and np.abs(step[3:]).max() < 1e-9:
            break
    covariance: Array = np.zeros((6, 6))
    if turn_sigma_rad > 0.0:
        covariance[:] = np.linalg.inv(information)
    else:
        covariance[:3, :3] = np.linalg.inv(information[:3, :3])
    return Pose(rotation, translation_mm, centre_mm, covariance)


def _normal_equations(
    markers: Constellation, rotation: Array, translation_mm: Array, centre_mm: Array
) -> tuple[Array, Array]:
    there_mm = markers.measured_mm @ rotation.T + translation_mm
    covariances = rotation @ markers.measured_mm2 @ rotation.T + markers.planned_mm2
    jacobians = np.zeros((len(there_mm), 3, 6))
    jacobians[:, :, :3] = np.eye(3)
    for n, arm in enumerate(there_mm - centre_mm):
        jacobians[n, :, 3:] = -cross_matrix(arm)
    weighted = np.linalg.solve(covariances, jacobians)
    information = np.einsum("nij,nik->jk", jacobians, weighted)
    gradient = np.einsum("nij,ni->j", weighted, there_mm - markers.planned_mm)
    return information, gradient


@dataclass(frozen=True, slots=True, eq=False)
class LeftOut:
    """How far one marker lies from where the others say it is.

    Parameters
    ----------
    moved_mm
        Where it is, less where the others and the plan say it is, planning LPS, (3,).
    covariance_mm2
        Of that, (3, 3): its own, the plan's and that of the others' pose.
    """

    moved_mm: Array
    covariance_mm2: Array

    @property
    def distance_mm(self) -> float:
        """Length of the displacement."""
        return float(np.linalg.norm(self.moved_mm))

    @property
    def chi_square(self) -> float:
        """The displacement in its covariance, squared: chi-square with 3 degrees if nothing moved."""
        return float(self.moved_mm @ np.linalg.solve(self.covariance_mm2, self.moved_mm))


def leave_one_out(
    markers: Constellation, which: int, expected_rotation: Array, *, turn_sigma_rad: float = UNKNOWN_TURN_RAD
) -> LeftOut:
    """Predict one marker from the others, at least one, and compare.

    Two others leave the turn about the line through them open: the covariance then says so.
    """
    rest = [n for n in range(len(markers.planned_mm)) if n != which]
    pose = solve_pose(markers.of(rest), expected_rotation, turn_sigma_rad=turn_sigma_rad)
    there = pose.of_points(markers.measured_mm[which : which + 1])[0]
    own = pose.rotation @ markers.measured_mm2[which] @ pose.rotation.T + markers.planned_mm2[which]
    return LeftOut(there - markers.planned_mm[which], own + pose.covariance_at(there))
