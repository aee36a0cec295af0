"""What a tracking system says of an ultrasound probe, which is not where it is.

It is off by its own noise, by the calibration of the probe, by that of the room, and says the pose of another
moment where its delay is not corrected.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, Self

import numpy as np
from scipy.spatial.transform import Rotation, Slerp

from isoguide.geometry.frames import ULTRASOUND_IMAGE, Array
from isoguide.geometry.transforms import RigidTransform
from isoguide.virtual.setting_limits import require, require_each

Axis3 = tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class TrackingErrors:
    """What is wrong with the poses that a tracking system states.

    Parameters
    ----------
    noise_mm, noise_deg
        Of each pose, standard deviation per axis.
    calibration_mm, calibration_deg
        Where the calibration believes the image to be minus where it is, along and about x, y, z of the
        image: the same in every frame.
    room_mm
        The same of the tracking system in the room (or in the CT room's lasers), along the axes of its frame.
    delay_s
        The pose that an image carries is that of so much earlier.

    Raises
    ------
    InputError
        If a value is impossible; the message names it.
    """

    noise_mm: float = 0.0
    noise_deg: float = 0.0
    calibration_mm: Axis3 = (0.0, 0.0, 0.0)
    calibration_deg: Axis3 = (0.0, 0.0, 0.0)
    room_mm: Axis3 = (0.0, 0.0, 0.0)
    delay_s: float = 0.0

    def __post_init__(self) -> None:
        require("noise_mm of the tracking", self.noise_mm, 0.0, 20.0)
        require("noise_deg of the tracking", self.noise_deg, 0.0, 20.0)
        require("delay_s of the tracking", self.delay_s, -1.0, 1.0)
        for name in ("calibration_mm", "calibration_deg", "room_mm"):
            require_each(f"{name} of the tracking", getattr(self, name), -50.0, 50.0)

    @classmethod
    def usual(cls) -> Self:
        """Return those of an optical tracking system with a probe that is well calibrated [K]."""
        return cls(
            noise_mm=0.15,
            noise_deg=0.05,
            calibration_mm=(0.1, -0.1, 0.1),
            calibration_deg=(0.05, 0.05, -0.05),
            delay_s=0.005,
        )

    def in_room_off_by(self, room_mm: Axis3) -> "TrackingErrors":
        """Return the same errors in a room where the tracking system is off by so much."""
        return replace(self, room_mm=room_mm)

    def said(
        self, poses: Sequence[RigidTransform], at_s: Array, rng: np.random.Generator
    ) -> tuple[RigidTransform, ...]:
        """Return what the tracking system says while the probe is truly at ``poses`` at these times.

        A delay takes poses in between from their neighbours; before the first one the probe did not move.
        """
        frame = poses[0].to_frame
        room = RigidTransform.translation(frame, frame, self.room_mm)
        calibration = small_motion(np.array(self.calibration_mm), np.array(self.calibration_deg))
        said = []
        for pose in _delayed(poses, at_s, self.delay_s):
            noise = rng.standard_normal((2, 3)) * np.array([[self.noise_mm], [self.noise_deg]])
            said.append(room @ pose @ calibration @ small_motion(noise[0], noise[1]))
        return tuple(said)


NO_ERRORS: Final = TrackingErrors()


def small_motion(shift_mm: Array, angles_deg: Array) -> RigidTransform:
    """Return a motion of the image in its own axes: a shift (3,) and a rotation vector (3,)."""
    turn = Rotation.from_rotvec(np.deg2rad(angles_deg)).as_matrix()
    return RigidTransform.from_parts(ULTRASOUND_IMAGE, ULTRASOUND_IMAGE, turn, shift_mm)


def _delayed(poses: Sequence[RigidTransform], at_s: Array, delay_s: float) -> Sequence[RigidTransform]:
    if delay_s == 0.0 or len(poses) == 1:
        return poses
    asked_s = np.clip(at_s - delay_s, at_s[0], at_s[-1])
    turns = Slerp(at_s, Rotation.from_matrix(np.array([pose.rotation for pose in poses])))(
        asked_s
    ).as_matrix()
    places_mm = np.array([pose.translation_mm for pose in poses])
    moved_mm = np.column_stack([np.interp(asked_s, at_s, places_mm[:, axis]) for axis in range(3)])
    frame = poses[0].to_frame
    return [
        RigidTransform.from_parts(frame, ULTRASOUND_IMAGE, turn, place)
        for turn, place in zip(turns, moved_mm, strict=True)
    ]
