"""The prostate, watched by ultrasound during the beam in images of the probe's middle plane.

Before the beam a scan is made and matched to the reference, which says where the target is then; from there
on it is followed in rendered images. The middle plane is sagittal: what goes to the side is not seen, and the
covariance of each sample says so.
"""

from dataclasses import replace
from datetime import datetime
from typing import Final

import numpy as np

from isoguide.errors import DeviceError, InputError
from isoguide.geometry.frames import DAILY, PLANNING, Array
from isoguide.geometry.iec61217 import fixed_from_daily
from isoguide.geometry.transforms import RigidTransform
from isoguide.images.ultrasound_image import UltrasoundImage
from isoguide.motion.sample import Sighting
from isoguide.motion.ultrasound_settings import UltrasoundTrackerSettings
from isoguide.motion.ultrasound_target import UltrasoundTargetTracker
from isoguide.registration import Registration, Verdict
from isoguide.registration.day_match import Matcher
from isoguide.virtual.acoustics import GAS, AcousticTissue
from isoguide.virtual.device import DeviceLink
from isoguide.virtual.faults import POSE_JUMPS_MM
from isoguide.virtual.room_settings import Latency
from isoguide.virtual.truth import RoomTruth
from isoguide.virtual.ultrasound_model import UltrasoundModel
from isoguide.virtual.ultrasound_reference import aim_mm
from isoguide.virtual.ultrasound_settings import UltrasoundRoomSettings
from isoguide.virtual.watch_frames import WatchingDevice

FOLLOWED_MM: Final = np.array([[0.0, 0.0], [-9.0, 6.0], [9.0, -6.0]])
"""What is followed: the middle of the target and a place on either side, along columns and rows."""
LIFTED_MM: Final = 25.0
"""How far a probe is lifted that loses contact."""
GAS_AT_MM, GAS_RADIUS_MM = 12.0, 28.0
"""How deep the gas lies that throws a shadow, and half its width."""


class ProbeWatch(WatchingDevice[UltrasoundImage]):
    """Watches the prostate through the probe that lies on the perineum since the last scan.

    Parameters
    ----------
    link
        Of what watches.
    settings
        Of the ultrasound.
    model
        The probe as it lies on the patient.
    truth
        Of the room.
    match
        Matches a scan to the reference of the simulation.
    source
        What watches, in words.
    """

    def __init__(
        self,
        link: DeviceLink,
        settings: UltrasoundRoomSettings,
        *,
        model: UltrasoundModel,
        truth: RoomTruth,
        match: Matcher,
        source: str,
    ) -> None:
        super().__init__(link, settings.watch_per_s, Latency(settings.watch_delay_s, 0.2), source)
        self._settings, self._model, self._truth, self._match = settings, model, truth, match
        self._tracker: UltrasoundTargetTracker | None = None

    def _prepare(self) -> None:
        """Scan, match, and learn how the target looks from the next image on.

        Raises
        ------
        DeviceError
            If the scan does not say where the target is.
        """
        self._tracker = None
        found = self._located()
        first = self._image(self._clock.seconds)
        structures_mm = self._structures_mm(first, found)
        planned_mm = self._truth.wanted.apply(found.apply(structures_mm))
        self._tracker = UltrasoundTargetTracker(
            first,
            structures_mm,
            planned_mm,
            across_sigma_mm=self._settings.across_sigma_mm,
            settings=replace(UltrasoundTrackerSettings(), source=self.source),
        )
        self._number += 1

    def _located(self) -> RigidTransform:
        """Return planning from fixed of the target, by a scan now."""
        settings, truth = self._settings, self._truth
        begin_s = self._clock.seconds
        self._clock.wait(settings.frame_s * (settings.locate_frames - 1))
        rng = self._link.rng.spawn(1)[0]
        volume = self._model.swept(begin_s, settings.locate_deg, settings.locate_frames, rng)
        origin_mm = self._model.origin_mm
        planned = RigidTransform.translation(PLANNING, DAILY, truth.patient.isocentre_mm - origin_mm)
        registration = self._match(volume, planned)
        return _answer(registration) @ fixed_from_daily(truth.patient_position, origin_mm).inverse()

    def _structures_mm(self, image: UltrasoundImage, planning_from_fixed: RigidTransform) -> Array:
        """Return what is followed, FIXED (n, 3), in the plane of the image."""
        middle_mm = planning_from_fixed.inverse().apply(aim_mm(self._truth.patient))
        (pixel,), _ = image.pixels(middle_mm)
        return image.xyz_mm(pixel + FOLLOWED_MM / np.array(image.pixel_spacing_mm))

    def _picture(self, at_s: float) -> UltrasoundImage:
        image = self._image(
            at_s,
            is_lifted=self._link.strikes("probe-lifted") is not None,
            has_gas=self._link.strikes("gas-shadow") is not None,
        )
        jump = self._link.strikes("probe-pose-jumps")
        if jump is None:
            return image
        size_mm = POSE_JUMPS_MM if jump.size is None else jump.size
        return image.in_frame(RigidTransform.translation(image.frame, image.frame, (0.0, size_mm, 0.0)))

    def _image(self, at_s: float, *, is_lifted: bool = False, has_gas: bool = False) -> UltrasoundImage:
        probe, pose = replace(self._model.probe, probe=self._settings.watching), self._model.pose(at_s)
        if is_lifted:
            pose = pose @ RigidTransform.translation(pose.from_frame, pose.from_frame, (0.0, -LIFTED_MM, 0.0))
        if has_gas:
            probe = replace(probe, tissue=_with_gas(probe.tissue, self._truth, pose, at_s))
        sweep = probe.sweep([pose], np.array([at_s]), rng=self._link.rng, truth=self._truth)
        return sweep.images[0]

    def _seen(self, picture: UltrasoundImage, at: datetime, number: int) -> Sighting:
        if self._tracker is None:
            msg = "the ultrasound was not started, so it knows no target: start it anew"
            raise InputError(msg)
        return self._tracker.see(picture, at=at, number=number, pose_covariance=self._pose_covariance())

    def _pose_covariance(self) -> Array:
        """Of what the tracking system says, (6, 6): mm and radians."""
        tracking = self._settings.in_room
        return np.diag([tracking.noise_mm**2] * 3 + [np.deg2rad(tracking.noise_deg) ** 2] * 3)

    def _without_marker(self, picture: UltrasoundImage) -> UltrasoundImage:
        """Return the same picture: what is followed are no markers."""
        return picture

    def _saturated(self, picture: UltrasoundImage) -> UltrasoundImage:
        values = np.where(picture.in_fan, np.uint8(255), np.uint8(0))
        return replace(picture, values=values)


def _answer(found: Registration) -> RigidTransform:
    if found.planning_from_daily is None or found.verdict is not Verdict.ACCEPT:
        msg = f"the ultrasound before the beam does not say where the target is: {'; '.join(found.reasons)}"
        raise DeviceError(msg)
    return found.planning_from_daily


def _with_gas(
    tissue: AcousticTissue, truth: RoomTruth, fixed_from_image: RigidTransform, at_s: float
) -> AcousticTissue:
    """Return the tissue with gas before the middle of the probe."""
    planning_from_image = truth.fixed_from_planning(at_s).inverse() @ fixed_from_image
    middle_mm = planning_from_image.apply(np.array([0.0, GAS_AT_MM, 0.0]))
    grid, materials = tissue.grid, tissue.materials.copy()
    reach = np.ceil(GAS_RADIUS_MM / grid.spacing_mm).astype(int)
    centre = np.rint(grid.index(middle_mm)).astype(int).ravel()
    low, high = np.maximum(centre - reach, 0), np.minimum(centre + reach + 1, np.array(grid.shape)[::-1])
    box = tuple(slice(a, b) for a, b in zip(low[::-1], high[::-1], strict=True))
    ijk = np.stack(np.meshgrid(*(np.arange(a, b) for a, b in zip(low, high, strict=True)), indexing="ij"), -1)
    away_mm = np.abs(
        (grid.xyz(ijk.reshape(-1, 3).astype(np.float64)) - middle_mm) @ planning_from_image.rotation
    )
    slab = (away_mm[:, 1] < 3.0) & (np.hypot(away_mm[:, 0], away_mm[:, 2]) < GAS_RADIUS_MM)
    part = materials[box]
    part[slab.reshape(ijk.shape[:3]).transpose(2, 1, 0)] = GAS
    return AcousticTissue(grid, materials, tissue.seed)
