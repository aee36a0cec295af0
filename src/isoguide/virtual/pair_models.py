"""Radiographs as the day's image: the room's two tubes at once, or the kV arm at two angles."""

from typing import ClassVar

import numpy as np

from isoguide.geometry.frames import Array
from isoguide.geometry.iec61217 import fixed_from_daily
from isoguide.images.radiograph import Radiograph
from isoguide.images.radiograph_view import RadiographView
from isoguide.virtual.device import DeviceLink
from isoguide.virtual.imagers import ImageModel, Scan, imaging_offsets_mm
from isoguide.virtual.kv_pair import arm_pair, stereo_pair
from isoguide.virtual.machine import Machine
from isoguide.virtual.room_settings import ImagingSettings, Latency, StereoSettings
from isoguide.virtual.truth import RoomTruth


class _PairModel(ImageModel):
    @property
    def delay(self) -> Latency:
        """From the end of the exposure to the images: nothing is reconstructed."""
        return self._settings.read_out_delay

    def _in_daily_frame(self, pair: tuple[Radiograph, Radiograph]) -> tuple[RadiographView, ...]:
        origin_mm = np.array(self._settings.origin_mm)
        daily_from_fixed = fixed_from_daily(self._truth.patient_position, origin_mm).inverse()
        return tuple(
            RadiographView.whole(one.in_frame(daily_from_fixed), f"{self.name}, view {number}")
            for number, one in enumerate(pair, start=1)
        )


class StereoModel(_PairModel):
    """The two tubes that are fixed in the room, exposed together.

    Parameters
    ----------
    truth
        Of the patient who is imaged.
    settings
        Of the imager.
    stereo
        The tubes.
    """

    name: ClassVar[str] = "stereoscopic X-rays"

    def __init__(self, truth: RoomTruth, settings: ImagingSettings, stereo: StereoSettings) -> None:
        super().__init__(truth, settings)
        self._stereo = stereo

    @property
    def isocentre_offset_mm(self) -> Array:
        """Where the isocentre of the images truly is, IEC fixed (3,)."""
        return np.array(self._stereo.isocentre_offset_mm)

    def expose(self, link: DeviceLink, machine: Machine) -> Scan:  # noqa: ARG002 - the arm needs it
        """Expose at once: nothing has to turn."""
        link.wait_for(self._settings.radiograph_delay)
        return Scan(link.clock.seconds, link.clock.seconds)

    def image(self, scan: Scan, rng: np.random.Generator) -> tuple[RadiographView, ...]:
        """Return the two radiographs, frame DAILY."""
        return self._in_daily_frame(stereo_pair(self._truth, self._stereo, scan.begin_s, rng))


class ArmModel(_PairModel):
    """The kV arm, exposed at two angles one after the other."""

    name: ClassVar[str] = "kV arm pair"

    @property
    def isocentre_offset_mm(self) -> Array:
        """Where the isocentre of the images truly is, in the mean of both angles, IEC fixed (3,)."""
        source_deg = np.array(self._settings.arm_source_deg)
        return np.asarray(imaging_offsets_mm(self._settings, source_deg).mean(axis=0))

    def expose(self, link: DeviceLink, machine: Machine) -> Scan:
        """Turn to each angle and expose there; the scan begins with the first and ends with the second."""
        seconds = []
        for angle_deg in self._settings.arm_source_deg:
            link.clock.wait(machine.turn_kv_source_to(angle_deg))
            link.wait_for(self._settings.radiograph_delay)
            seconds.append(link.clock.seconds)
        return Scan(seconds[0], seconds[1])

    def image(self, scan: Scan, rng: np.random.Generator) -> tuple[RadiographView, ...]:
        """Return the two radiographs, frame DAILY."""
        source_deg, seconds = self._settings.arm_source_deg, (scan.begin_s, scan.end_s)
        return self._in_daily_frame(arm_pair(self._truth, self._settings, source_deg, seconds, rng))
