"""Bone, watched in pairs of the tubes in the room: a drawn error instead of a match on rendered images.

The match on rendered images would take longer than a course may. Its errors are those of the settings, and
the name of the source says that they are drawn. What moves within the patient is not seen by bone.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

import numpy as np

from isoguide.geometry.frames import Array
from isoguide.geometry.iec61217 import angles_iec
from isoguide.motion.sample import Sighting, TargetSample, Unseen
from isoguide.virtual.device import DeviceLink
from isoguide.virtual.room_settings import Latency, StereoSettings
from isoguide.virtual.truth import RoomTruth
from isoguide.virtual.watch_frames import WatchingDevice
from isoguide.virtual.watch_settings import WatchSettings

WORDS: Final = "bone found in both images (drawn, not matched); what moves within the patient is not seen"


@dataclass(frozen=True, slots=True, eq=False)
class BonePicture:
    """Where a match on bone puts the isocentre, IEC fixed (3,), pitch, roll, yaw; or why there is none."""

    position_mm: Array
    rotation_deg: Array
    problem: str = ""


class PairBone(WatchingDevice[BonePicture]):
    """Watches bone.

    Parameters
    ----------
    link, settings
        Of what watches.
    stereo
        The tubes: their isocentre's offset is in what is seen.
    truth
        Of the room.
    source
        What watches, in words.
    """

    def __init__(
        self,
        link: DeviceLink,
        settings: WatchSettings,
        *,
        stereo: StereoSettings,
        truth: RoomTruth,
        source: str,
    ) -> None:
        delay = Latency(settings.frame_delay_s, settings.delay_spread)
        super().__init__(link, settings.bone_per_s, delay, f"{source} (drawn)")
        self._settings, self._truth = settings, truth
        self._offset_mm = np.array(stereo.isocentre_offset_mm)

    def _prepare(self) -> None:
        """Nothing has to be learned."""

    def _picture(self, at_s: float) -> BonePicture:
        present, wanted = self._truth.fixed_from_planning(at_s), self._truth.wanted
        isocentre_mm = self._truth.patient.isocentre_mm
        shift_mm = present.apply(isocentre_mm) - wanted.apply(isocentre_mm)
        yaw_deg, pitch_deg, roll_deg = angles_iec((present @ wanted.inverse()).rotation)
        noise = self._link.rng.standard_normal((2, 3))
        return BonePicture(
            shift_mm - self._offset_mm + self._settings.bone_sigma_mm * noise[0],
            np.array([pitch_deg, roll_deg, yaw_deg]) + self._settings.bone_sigma_deg * noise[1],
        )

    def _seen(self, picture: BonePicture, at: datetime, number: int) -> Sighting:
        if picture.problem:
            return Unseen(at, number, self.source, picture.problem)
        covariance = max(self._settings.bone_sigma_mm, 1e-3) ** 2 * np.eye(3)
        return TargetSample(
            picture.position_mm,
            covariance,
            at,
            number,
            self.source,
            quality=1.0,
            words=WORDS,
            rotation_deg=picture.rotation_deg,
        )

    def _without_marker(self, picture: BonePicture) -> BonePicture:
        return BonePicture(picture.position_mm, picture.rotation_deg, "no bone is seen in one of the images")

    def _saturated(self, picture: BonePicture) -> BonePicture:
        return BonePicture(picture.position_mm, picture.rotation_deg, "the images are saturated")
