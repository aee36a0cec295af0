"""A tracked ultrasound probe that sweeps over a virtual patient, in the CT room and in the treatment room.

The images carry the poses that the tracking system says (:mod:`isoguide.virtual.probe_tracking`).

Pressure of the probe pushes the tissue under its face ahead, less and less with the distance: a smooth field
without a boundary, not a solution of mechanics.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy import ndimage

from isoguide.errors import GeometryError, InputError
from isoguide.geometry.frames import FIXED, ULTRASOUND_IMAGE, Array, frozen_array
from isoguide.geometry.transforms import RigidTransform, rotation_x
from isoguide.images.displacement_field import DisplacementField
from isoguide.images.ultrasound_image import UltrasoundImage
from isoguide.images.ultrasound_sweep import UltrasoundSweep
from isoguide.virtual.acoustics import OUTSIDE, AcousticTissue
from isoguide.virtual.probe_tracking import NO_ERRORS, TrackingErrors, small_motion
from isoguide.virtual.setting_limits import require
from isoguide.virtual.truth import RoomTruth
from isoguide.virtual.ultrasound import GEL_MM, TissueOrigin, simulate_ultrasound
from isoguide.virtual.ultrasound_probe import UltrasoundProbe, probe_on_skin

PRESSURE_REACH_MM: Final = 30.0
"""At this distance from the face the tissue is pushed by 61 % of what it is at the face (Gaussian)."""
PERINEAL_TILTS: Final = (0.0, 0.1, 0.2, 0.3, 0.4, -0.1)
"""How far a probe on the perineum may look forwards, as a share of how far it looks up; back is positive."""
SUPRAPUBIC_TILT: Final = 0.6
"""A probe above the pubic bone looks down the pelvis, under the bone."""
TREMOR_SMOOTH: Final = 4.0
"""Frames over which a hand's tremor stays alike, standard deviation."""


@dataclass(frozen=True, slots=True, eq=False)
class ProbePressure:
    """Tissue under a probe: pushed by ``press_mm`` where the middle of the face is.

    Parameters
    ----------
    face_mm
        Middle of the face, (3,) planning LPS.
    inwards
        Unit vector (3,) along which the probe presses.
    press_mm
        How far; negative is less than at simulation.
    field
        How tissue is displaced besides; None when it is not.

    Raises
    ------
    InputError
        If the pressure is more than tissue gives way to without folding.
    """

    face_mm: Array
    inwards: Array
    press_mm: float
    field: DisplacementField | None = None

    def __post_init__(self) -> None:
        require("press_mm of the ultrasound probe", self.press_mm, -15.0, 15.0)
        object.__setattr__(self, "face_mm", frozen_array(self.face_mm, (3,), "the face"))
        object.__setattr__(self, "inwards", frozen_array(self.inwards, (3,), "the way of the pressure"))

    def origin_of(self, points_mm: Array) -> Array:
        """Return places (n, 3) in the planning CT of tissue that is at places (n, 3) now, planning LPS."""
        away_mm = np.linalg.norm(points_mm - self.face_mm, axis=-1)
        share = np.exp(-0.5 * np.square(away_mm / PRESSURE_REACH_MM))
        before = points_mm - self.press_mm * share[:, None] * self.inwards
        return before if self.field is None else self.field.origin_of(before)


@dataclass(frozen=True, slots=True, eq=False)
class TrackedProbe:
    """A probe on a patient, and the tracking system that follows it.

    Parameters
    ----------
    tissue
        The patient as in the planning CT.
    probe
        The transducer.
    tracking
        What is wrong with the poses that the images carry.
    press_mm
        How much more the probe presses than at simulation, where the planning CT was taken with it in place.
    """

    tissue: AcousticTissue
    probe: UltrasoundProbe
    tracking: TrackingErrors = NO_ERRORS
    press_mm: float = 0.0

    def image(
        self,
        frame_from_image: RigidTransform,
        seconds: float,
        *,
        rng: np.random.Generator,
        truth: RoomTruth | None = None,
    ) -> UltrasoundImage:
        """Take one image, with its true pose; parameters as of :meth:`sweep`.

        Raises
        ------
        GeometryError
            If the frames do not meet.
        """
        if truth is None and frame_from_image.to_frame == FIXED:
            msg = (
                f"the probe's pose is in '{FIXED}' and nothing says where the patient lies there: give truth"
            )
            raise GeometryError(msg)
        field = None if truth is None else truth.moment(seconds).field
        present = None if truth is None else truth.fixed_from_planning(seconds)
        origin: TissueOrigin | None = field
        if self.press_mm:
            in_planning = frame_from_image if present is None else present.inverse() @ frame_from_image
            origin = ProbePressure(
                in_planning.translation_mm, in_planning.rotation[:, 1], self.press_mm, field
            )
        return simulate_ultrasound(
            self.tissue,
            self.probe,
            frame_from_image,
            rng=rng,
            frame_from_planning=present,
            field=origin,
        )

    def sweep(
        self,
        poses: Sequence[RigidTransform],
        at_s: Array,
        *,
        rng: np.random.Generator,
        truth: RoomTruth | None = None,
        source: str = "virtual sweep",
    ) -> UltrasoundSweep:
        """Take an image at each pose of the probe.

        Parameters
        ----------
        poses, at_s
            Where it truly is, from the image to the room (FIXED) or, in the CT room, to PLANNING; and when,
            in seconds of the room, (n,).
        rng
            Noise of receiver and tracking.
        truth
            Where the patient is at these seconds and how he is deformed; needed for poses in FIXED.
        source
            What the sweep is called.

        Raises
        ------
        GeometryError
            If the frames do not meet, or poses and times are not equally many.
        """
        times_s = np.asarray(at_s, dtype=np.float64)
        if len(poses) != len(times_s) or not poses:
            msg = f"a sweep needs a time for each pose: there are {len(poses)} poses and {len(times_s)} times"
            raise GeometryError(msg)
        said = self.tracking.said(poses, times_s, rng)
        images = tuple(
            self.image(pose, float(seconds), rng=rng, truth=truth).in_frame(claimed @ pose.inverse())
            for pose, claimed, seconds in zip(poses, said, times_s, strict=True)
        )
        return UltrasoundSweep(images, times_s, source)


def sweep_of(
    tissue: AcousticTissue,
    probe: UltrasoundProbe,
    poses: Sequence[RigidTransform],
    *,
    at_s: Array,
    rng: np.random.Generator,
    truth: RoomTruth | None = None,
    tracking: TrackingErrors = NO_ERRORS,
) -> UltrasoundSweep:
    """Take an image at each pose of a probe that presses as at simulation; see :meth:`TrackedProbe.sweep`.

    Raises
    ------
    GeometryError
        If the frames do not meet, or poses and times are not equally many.
    """
    return TrackedProbe(tissue, probe, tracking).sweep(poses, at_s, rng=rng, truth=truth)


def perineal_pose(tissue: AcousticTissue, aim_mm: Array, probe: UltrasoundProbe) -> RigidTransform:
    """Put a probe on the perineum, in the sagittal plane, tilted so that most of its face touches.

    Parameters
    ----------
    tissue
        The patient.
    aim_mm
        What the middle line goes through: the prostate, (3,) planning LPS.
    probe
        Whose face has to touch.

    Returns
    -------
    RigidTransform
        Planning from image: columns grow to the front.

    Raises
    ------
    InputError
        If the image of the patient ends before his perineum.
    """
    found = []
    for tilt in PERINEAL_TILTS:
        try:
            pose = probe_on_skin(tissue, aim_mm, np.array([0.0, tilt, -1.0]), np.array([0.0, -1.0, 0.0]))
        except GeometryError:
            continue
        found.append((touching_share(tissue, probe, pose), pose))
    if not found:
        msg = (
            "the planning CT ends before the skin of the perineum, so no probe can be put on it: take a "
            "patient whose CT reaches below it"
        )
        raise InputError(msg)
    return max(found, key=lambda one: one[0])[1]


def suprapubic_pose(tissue: AcousticTissue, aim_mm: Array) -> RigidTransform:
    """Put a probe above the pubic bone, in the transverse plane; columns grow to the patient's left.

    Raises
    ------
    GeometryError
        If the image of the patient ends before his skin there.
    """
    return probe_on_skin(
        tissue, aim_mm, np.array([0.0, -1.0, SUPRAPUBIC_TILT]), np.array([1.0, 0.0, 0.0]), press_mm=6.0
    )


def touching_share(tissue: AcousticTissue, probe: UltrasoundProbe, pose: RigidTransform) -> float:
    """Return which share of a probe's lines begins in the body, gel of :data:`GEL_MM` allowed."""
    on_plane = probe.on_plane_mm(probe.angles_rad, np.full(probe.lines, GEL_MM))
    places_mm = pose.apply(np.column_stack([on_plane, np.zeros(probe.lines)]))
    inside = tissue.grid.contains(places_mm)
    index = np.rint(tissue.grid.index(places_mm[inside])).astype(int)
    touching = tissue.materials[index[:, 2], index[:, 1], index[:, 0]] != OUTSIDE
    return float(touching.sum() / probe.lines)


def rocked(middle: RigidTransform, sweep_deg: float, frames: int, pivot_mm: float) -> list[RigidTransform]:
    """Return the poses of a curved array that a motor rocks about an axis behind its face.

    Parameters
    ----------
    middle
        Pose in the middle of the sweep.
    sweep_deg
        Angle from the first to the last image.
    frames
        How many, at least 2.
    pivot_mm
        How far the axis, which is parallel to x of the image, lies behind the face.

    Raises
    ------
    InputError
        If a value is impossible.
    """
    require("sweep_deg of the ultrasound sweep", sweep_deg, 1.0, 150.0)
    require("frames of the ultrasound sweep", frames, 2, 10_000)
    require("pivot_mm of the ultrasound sweep", pivot_mm, 0.0, 200.0)
    axis = np.array([0.0, -pivot_mm, 0.0])
    poses = []
    for angle_deg in np.linspace(-sweep_deg / 2.0, sweep_deg / 2.0, frames):
        turn = rotation_x(float(angle_deg))
        about = RigidTransform.from_parts(ULTRASOUND_IMAGE, ULTRASOUND_IMAGE, turn, axis - turn @ axis)
        poses.append(middle @ about)
    return poses


def swept_by_hand(
    middle: RigidTransform,
    sweep_deg: float,
    frames: int,
    *,
    rng: np.random.Generator,
    tremor_mm: float = 0.5,
    tremor_deg: float = 0.5,
) -> list[RigidTransform]:
    """Return the poses of a probe that a hand tilts about its face, uneven and trembling.

    Parameters
    ----------
    middle, sweep_deg, frames
        As of :func:`rocked`.
    rng
        Of the tremor.
    tremor_mm, tremor_deg
        Standard deviation along and about each axis of the image.

    Raises
    ------
    InputError
        If a value is impossible.
    """
    require("tremor_mm of the hand", tremor_mm, 0.0, 10.0)
    require("tremor_deg of the hand", tremor_deg, 0.0, 10.0)
    tremor = ndimage.gaussian_filter1d(rng.standard_normal((frames, 2, 3)), TREMOR_SMOOTH, axis=0)
    tremor /= max(float(tremor.std()), 1e-9)
    even = rocked(middle, sweep_deg, frames, 0.0)
    return [
        pose @ small_motion(tremor_mm * shift, tremor_deg * turn)
        for pose, (shift, turn) in zip(even, tremor, strict=True)
    ]
