"""The place of an ultrasound image in the room, and how well it is known.

fixed_from_image = fixed_from_tracker @ tracker_from_probe @ probe_from_image, where each link has an error.
The errors are small motions and independent of each other; they are carried to the middle of the transducer's
face to first order (adjoint of the rigid motion; T. Barfoot, State Estimation for Robotics, 2017, section
7.3.1).
"""

from dataclasses import dataclass

import numpy as np

from isoguide.errors import GeometryError, MissingEvidenceError
from isoguide.geometry.frames import FIXED, PROBE, TRACKER, ULTRASOUND_IMAGE, Array, Frame, frozen_array
from isoguide.geometry.probe_calibration import ProbeCalibration, checked_covariance
from isoguide.geometry.transforms import RigidTransform


@dataclass(frozen=True, slots=True, eq=False)
class UncertainPose:
    """A rigid transform with the covariance of its error.

    Parameters
    ----------
    pose
        The estimate.
    about_mm
        Point (3,) of ``pose.to_frame`` about which the covariance is.
    covariance
        (6, 6) of (translation in mm, rotation vector in radians) along the axes of ``pose.to_frame``: the
        truth is that small motion about ``about_mm`` after the estimate.

    Raises
    ------
    GeometryError
        If a shape differs, or the covariance is none.
    """

    pose: RigidTransform
    about_mm: Array
    covariance: Array

    def __post_init__(self) -> None:
        what = f"'{self.pose.to_frame} from {self.pose.from_frame}'"
        object.__setattr__(self, "about_mm", frozen_array(self.about_mm, (3,), f"the point of {what}"))
        object.__setattr__(self, "covariance", checked_covariance(self.covariance, what))

    @classmethod
    def exact(cls, pose: RigidTransform) -> "UncertainPose":
        """Take a pose as known without error, such as one by definition."""
        return cls(pose, np.zeros(3), np.zeros((6, 6)))

    def about(self, point_mm: Array) -> "UncertainPose":
        """Return the same error as a motion about another point (3,) of ``pose.to_frame``."""
        point = frozen_array(point_mm, (3,), "the point")
        moved = _moved_to(point - self.about_mm)
        return UncertainPose(self.pose, point, _symmetric(moved @ self.covariance @ moved.T))

    def inverse(self) -> "UncertainPose":
        """Return the transform in the other direction, its error along the axes there."""
        back = self.pose.inverse()
        # exp(xi) P inverted is P⁻¹ exp(-xi): the sign does not change a covariance.
        turned = np.kron(np.eye(2), back.rotation)
        covariance = _symmetric(turned @ self.covariance @ turned.T)
        return UncertainPose(back, back.apply(self.about_mm), covariance)

    def __matmul__(self, other: "UncertainPose") -> "UncertainPose":
        """Compose; the errors of the two are independent, and about the point of the second.

        Raises
        ------
        GeometryError
            If the frames in the middle differ.
        """
        pose = self.pose @ other.pose
        here = self.about(self.pose.apply(other.about_mm))
        turned = np.kron(np.eye(2), self.pose.rotation)
        covariance = here.covariance + turned @ other.covariance @ turned.T
        return UncertainPose(pose, here.about_mm, _symmetric(covariance))


@dataclass(frozen=True, slots=True, eq=False)
class ProbePose:
    """Where an ultrasound image is in the room.

    Parameters
    ----------
    fixed_from_image
        FIXED from ULTRASOUND_IMAGE.
    covariance
        (6, 6) of (translation in mm, rotation vector in radians) along the axes of FIXED, about the middle of
        the transducer's face.

    Raises
    ------
    GeometryError
        If the frames are others or the covariance is none.
    """

    fixed_from_image: RigidTransform
    covariance: Array

    def __post_init__(self) -> None:
        _require(self.fixed_from_image, FIXED, ULTRASOUND_IMAGE)
        covariance = checked_covariance(self.covariance, "the probe's pose")
        object.__setattr__(self, "covariance", covariance)

    def point_covariance(self, points_mm: Array) -> Array:
        """Return the covariance (n, 3, 3), mm², of where points (n, 3) in ULTRASOUND_IMAGE are in FIXED."""
        points = np.atleast_2d(np.asarray(points_mm, dtype=np.float64)) @ self.fixed_from_image.rotation.T
        moved = np.stack([_moved_to(point)[:3] for point in points])
        return np.asarray(moved @ self.covariance @ moved.transpose(0, 2, 1))


def placed(
    *, fixed_from_tracker: UncertainPose, tracker_from_probe: UncertainPose, calibration: ProbeCalibration
) -> ProbePose:
    """Return where the image of a tracked probe is in the room.

    Parameters
    ----------
    fixed_from_tracker
        Registration of the tracking system to the room. With a sensor fixed in the room it is
        ``fixed_from_reference @ tracker_from_reference.inverse()``.
    tracker_from_probe
        What the tracking system says of the probe's sensor, with its error.
    calibration
        Of the probe.

    Raises
    ------
    MissingEvidenceError
        If the calibration does not say how well it is known.
    GeometryError
        If a pose is between other frames.
    """
    if calibration.covariance is None:
        msg = (
            "the calibration of the probe does not say how well it is known, so the probe has no place in "
            "the room: calibrate it with isoguide ultrasound calibrate"
        )
        raise MissingEvidenceError(msg)
    _require(fixed_from_tracker.pose, FIXED, TRACKER)
    _require(tracker_from_probe.pose, TRACKER, PROBE)
    image = UncertainPose(
        calibration.probe_from_image, calibration.probe_from_image.translation_mm, calibration.covariance
    )
    chain = fixed_from_tracker @ (tracker_from_probe @ image)
    return ProbePose(chain.pose, chain.covariance)


def _require(pose: RigidTransform, to_frame: Frame, from_frame: Frame) -> None:
    if (pose.to_frame, pose.from_frame) != (to_frame, from_frame):
        msg = (
            f"the pose '{to_frame} from {from_frame}' is needed here, not '{pose.to_frame} from "
            f"{pose.from_frame}'"
        )
        raise GeometryError(msg)


def _moved_to(offset_mm: Array) -> Array:
    """Matrix (6, 6) from a small motion about a point to the same one about another, ``offset_mm`` away."""
    x, y, z = offset_mm
    moved = np.eye(6)
    # Translation there = translation here + rotation × offset.
    moved[:3, 3:] = [[0.0, z, -y], [-z, 0.0, x], [y, -x, 0.0]]
    return moved


def _symmetric(covariance: Array) -> Array:
    return np.asarray((covariance + covariance.T) / 2.0)
