"""The rigid pose of markers from their pixels in one exposure, and which of them does not belong.

Every marker lies at ``centre + shift + R (planned - centre)``. One image leaves the depth open: what was
known before closes it (Gauss-Newton on the pixels with a normal prior), and what the pixels alone say is kept
apart, so that whoever follows the target over time can weigh it anew.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from isoguide.geometry.frames import Array
from isoguide.geometry.xray_view import XrayView
from isoguide.registration.result import cross_matrix

STANDS_OUT: Final = 25.0
"""Cost that leaving a marker out has to save before it is left out: 4e-6 of chi-square with 2 degrees."""
_ITERATIONS: Final = 6
_SETTLED_MM: Final = 1e-4
_SETTLED_RAD: Final = 1e-6
_DEPTH_INFORMATION: Final = 1e-8
"""Per mm²: keeps the depth solvable where pixels say nothing of it."""


@dataclass(frozen=True, slots=True, eq=False)
class SeenMarkers:
    """Markers of one exposure in one or more images.

    Parameters
    ----------
    matrices
        Pixel from position of each image, (v, 3, 4).
    pixels
        (v, m, 2); NaN: not seen.
    covariance_px2
        (v, m, 2, 2), the error of the planned place included.
    planned_mm
        (m, 3).
    centre_mm
        Of the planned markers, (3,): what the shift is of.
    """

    matrices: Array
    pixels: Array
    covariance_px2: Array
    planned_mm: Array
    centre_mm: Array

    @classmethod
    def of(
        cls, views: Sequence[XrayView], pixels: Array, covariance_px2: Array, planned: Array, sigma_mm: float
    ) -> "SeenMarkers":
        """Return what images show, with the error ``sigma_mm`` of the planned places in the pixels."""
        matrices = np.stack([view.pixel_from_xyz for view in views])
        centre_mm = planned.mean(axis=0)
        px_per_mm = [
            view.source_detector_distance_mm
            / float((centre_mm - view.source_mm) @ view.normal)
            / np.array(view.pixel_spacing_mm)
            for view in views
        ]
        extra = np.stack([np.diag((sigma_mm * each) ** 2) for each in px_per_mm])
        return cls(matrices, pixels, covariance_px2 + extra[:, None], planned, centre_mm)

    @property
    def seen(self) -> NDArray[np.bool_]:
        """Which are seen anywhere, (m,)."""
        return np.asarray(np.isfinite(self.pixels).all(axis=2).any(axis=0))

    def without(self, which: int) -> "SeenMarkers":
        """Return the others."""
        pixels = self.pixels.copy()
        pixels[:, which] = np.nan
        return SeenMarkers(self.matrices, pixels, self.covariance_px2, self.planned_mm, self.centre_mm)


@dataclass(frozen=True, slots=True, eq=False)
class PosePrior:
    """What was known before an exposure: shift (3,) with covariance, rotation with a sigma per axis."""

    shift_mm: Array
    shift_mm2: Array
    rotation: Array
    rotation_rad2: Array


@dataclass(frozen=True, slots=True, eq=False)
class FramePose:
    """The pose, what the pixels alone say about it, and the cost of pixels and prior together.

    ``information`` (6, 6) and ``gradient`` (6,) are of a small shift (mm) and turn (rad) from here, of the
    pixels alone; ``away_rad`` (3,) is the turn from the prior's rotation to here.
    """

    shift_mm: Array
    rotation: Array
    information: Array
    gradient: Array
    away_rad: Array
    cost: float
    used: NDArray[np.bool_]

    def of_shift(self, rotation_rad2: Array, ray: Array | None = None) -> tuple[Array, Array]:
        """Return what the pixels say of the shift: information (3, 3), and its product with the place (3,).

        Parameters
        ----------
        rotation_rad2
            Covariance (3, 3) that closes the turn.
        ray
            Unit vector (3,) of one image's ray: along it nothing is said. The size of the constellation in
            the image would tell the depth, but the planning CT makes it as wrong in every frame.
        """
        turn, mixed = self.information[3:, 3:], self.information[:3, 3:]
        held = np.linalg.inv(rotation_rad2)
        ahead = self.gradient[3:] - held @ self.away_rad
        back = np.linalg.solve(turn + held, np.column_stack([mixed.T, ahead]))
        information = self.information[:3, :3] - mixed @ back[:, :3]
        pull = self.gradient[:3] - mixed @ back[:, 3]
        if ray is not None:
            along = information @ ray
            depth = float(ray @ along)
            information = information - np.outer(along, along) / depth
            pull = pull - along * float(ray @ pull) / depth
        information = 0.5 * (information + information.T) + _DEPTH_INFORMATION * np.eye(3)
        return information, information @ self.shift_mm + pull

    def of_turn(self, prior: PosePrior) -> Array:
        """Return the covariance (3, 3) of the turn, radians²."""
        shift = self.information[:3, :3] + np.linalg.inv(prior.shift_mm2)
        mixed = self.information[3:, :3]
        turn = self.information[3:, 3:] + np.linalg.inv(prior.rotation_rad2)
        return np.asarray(np.linalg.inv(turn - mixed @ np.linalg.solve(shift, mixed.T)))


def solve_frame(markers: SeenMarkers, prior: PosePrior) -> FramePose:
    """Return the most likely pose of all markers that are seen."""
    arms = markers.planned_mm - markers.centre_mm
    held = np.zeros((6, 6))
    held[:3, :3] = np.linalg.inv(prior.shift_mm2)
    held[3:, 3:] = np.linalg.inv(prior.rotation_rad2)
    shift_mm, rotation = prior.shift_mm, prior.rotation
    away = np.zeros(6)
    for _ in range(_ITERATIONS):
        turned = arms @ rotation.T
        rows, left, by_place = slopes_of(markers, shift_mm, turned)
        # d(ω × a) · g = (a × g) · dω: the turn's slopes are cross products.
        by_turn = np.cross(turned[rows[:, 1], None], by_place)
        slopes = np.concatenate([by_place, by_turn], axis=2).reshape(-1, 6)
        information, gradient = slopes.T @ slopes, slopes.T @ left.ravel()
        away[:3] = shift_mm - prior.shift_mm
        away[3:] = Rotation.from_matrix(rotation @ prior.rotation.T).as_rotvec()
        cost = float((left**2).sum() + away @ held @ away)
        step = np.linalg.solve(information + held, gradient - held @ away)
        if np.abs(step[:3]).max() < _SETTLED_MM and np.abs(step[3:]).max() < _SETTLED_RAD:
            break
        shift_mm = shift_mm + step[:3]
        rotation = Rotation.from_rotvec(step[3:]).as_matrix() @ rotation
    return FramePose(shift_mm, rotation, information, gradient, away[3:].copy(), cost, markers.seen)


def slopes_of(
    markers: SeenMarkers, shift_mm: Array, arms_mm: Array | None = None
) -> tuple[NDArray[np.intp], Array, Array]:
    """Return what each seen marker misses its pixel by, and how that changes with its place.

    Parameters
    ----------
    markers
        What was seen.
    shift_mm
        Of all markers, (3,).
    arms_mm
        From the markers' centre to each, (m, 3); None: as planned.

    Returns
    -------
    tuple
        Image and marker of each (n, 2), what is missed (n, 2) and the slopes (n, 2, 3) per mm, both in units
        of the pixels' errors.
    """
    rows = np.argwhere(np.isfinite(markers.pixels).all(axis=2))
    matrices = markers.matrices[rows[:, 0]]
    if arms_mm is None:
        arms_mm = markers.planned_mm - markers.centre_mm
    points = markers.centre_mm + shift_mm + arms_mm[rows[:, 1]]
    homogeneous = (matrices[:, :, :3] @ points[:, :, None])[..., 0] + matrices[:, :, 3]
    there = homogeneous[:, :2] / homogeneous[:, 2:]
    by_place = (matrices[:, :2, :3] - there[:, :, None] * matrices[:, 2:, :3]) / homogeneous[:, 2, None, None]
    roots = np.linalg.inv(np.linalg.cholesky(markers.covariance_px2[rows[:, 0], rows[:, 1]]))
    miss = markers.pixels[rows[:, 0], rows[:, 1]] - there
    return rows, (roots @ miss[..., None])[..., 0], roots @ by_place


def belonging(markers: SeenMarkers, prior: PosePrior) -> FramePose:
    """Return the pose of those markers that agree, one left out after the other while that saves much.

    The last two are never judged: between them nothing tells which one is wrong.
    """
    pose = solve_frame(markers, prior)
    while pose.used.sum() > 2 and pose.cost > STANDS_OUT:
        others = [markers.without(int(n)) for n in np.flatnonzero(pose.used)]
        tried = [solve_frame(each, prior) for each in others]
        best = int(np.argmin([each.cost for each in tried]))
        if pose.cost - tried[best].cost < STANDS_OUT:
            break
        markers, pose = others[best], tried[best]
    return pose


def rotated(arm_mm: Array, turn_rad2: Array) -> Array:
    """Return the covariance (3, 3) that an uncertain turn brings to the end of an arm (3,)."""
    lever = cross_matrix(arm_mm)
    return np.asarray(lever @ turn_rad2 @ lever.T)
