"""Ultrasound as the day's image: a tracked probe on the perineum, rocked by its motor and held by an arm."""

from typing import ClassVar, Final

import numpy as np

from isoguide.errors import GeometryError, ImageLostError, InputError
from isoguide.geometry.frames import Array
from isoguide.geometry.iec61217 import fixed_from_daily
from isoguide.geometry.transforms import RigidTransform
from isoguide.images.compounding import compound
from isoguide.images.ultrasound_sweep import UltrasoundSweep
from isoguide.images.ultrasound_volume import UltrasoundVolume
from isoguide.virtual.device import DeviceLink
from isoguide.virtual.imagers import ImageModel, Scan
from isoguide.virtual.machine import Machine
from isoguide.virtual.probe_tracking import small_motion
from isoguide.virtual.room_settings import ImagingSettings, Latency
from isoguide.virtual.truth import RoomTruth
from isoguide.virtual.ultrasound_reference import planned_probe, tissue_of
from isoguide.virtual.ultrasound_scan import TrackedProbe, rocked
from isoguide.virtual.ultrasound_settings import UltrasoundRoomSettings

JUMP_MM: Final = 8.0
"""How far the pose jumps in the middle of a sweep, where that fault strikes."""


class UltrasoundModel(ImageModel):
    """A scan of the prostate from the perineum.

    Parameters
    ----------
    truth
        Of the patient who is imaged.
    settings
        Of the imager: ``isocentre_offset_mm`` is where the tracking system's isocentre truly is.
    ultrasound
        Probe, sweep and tracking.

    Raises
    ------
    InputError
        If the patient has no prostate, or his CT ends before the perineum.
    """

    name: ClassVar[str] = "tracked ultrasound"

    def __init__(
        self, truth: RoomTruth, settings: ImagingSettings, ultrasound: UltrasoundRoomSettings
    ) -> None:
        super().__init__(truth, settings)
        self._ultrasound = ultrasound
        self._planned = planned_probe(truth.patient, ultrasound)
        self._placed, self._press_mm = self._planned, 0.0
        self._jumps = False

    @property
    def delay(self) -> Latency:
        """From the end of the sweep to the volume."""
        return self._settings.read_out_delay

    @property
    def origin_mm(self) -> Array:
        """The tracking system knows the room, so that the isocentre is (0, 0, 0) in its images."""
        return np.zeros(3)

    @property
    def isocentre_offset_mm(self) -> Array:
        """Where the isocentre of the images truly is, IEC fixed (3,)."""
        return np.array(self._settings.isocentre_offset_mm)

    @property
    def probe(self) -> TrackedProbe:
        """The probe as it lies on the patient since the last scan."""
        x, y, z = -self.isocentre_offset_mm
        tracking = self._ultrasound.in_room.in_room_off_by((float(x), float(y), float(z)))
        tissue = tissue_of(self._truth.patient)
        return TrackedProbe(tissue, self._ultrasound.probe, tracking, self._press_mm)

    def pose(self, seconds: float) -> RigidTransform:
        """Return where the probe truly is, FIXED from image: its arm is on the couch and goes with it."""
        return self._truth.fixed_from_planning(seconds) @ self._placed

    def expose(self, link: DeviceLink, machine: Machine) -> Scan:  # noqa: ARG002 - the gantry has no part in it
        """Put the probe on and sweep."""
        clock, ultrasound = link.clock, self._ultrasound
        self._put_on(link.rng)
        self._jumps = link.strikes("sweep-jumps") is not None
        link.wait_for(self._settings.delay)
        begin_s = clock.seconds
        clock.wait(ultrasound.scan_s)
        return Scan(begin_s, clock.seconds)

    def image(self, scan: Scan, rng: np.random.Generator) -> UltrasoundVolume:
        """Return the volume of a sweep, frame DAILY.

        Raises
        ------
        ImageLostError
            If the tracking system jumped in it, or it left a gap.
        """
        ultrasound = self._ultrasound
        return self.swept(scan.begin_s, ultrasound.sweep_deg, ultrasound.frames, rng)

    def swept(
        self, begin_s: float, sweep_deg: float, frames: int, rng: np.random.Generator
    ) -> UltrasoundVolume:
        """Sweep an angle in so many images, beginning at a second of the room; as :meth:`image`."""
        ultrasound, truth = self._ultrasound, self._truth
        poses = rocked(self.pose(begin_s), sweep_deg, frames, ultrasound.pivot_mm)
        sweep = self.probe.sweep(
            poses, ultrasound.times_s(begin_s, frames), rng=rng, truth=truth, source=self.name
        )
        if self._jumps:
            sweep = _with_jump(sweep)
        try:
            volume = compound(sweep, spacing_mm=ultrasound.voxel_mm)
        except (InputError, GeometryError) as error:
            msg = f"no volume came of the ultrasound sweep: {error}"
            raise ImageLostError(msg) from error
        return volume.in_frame(fixed_from_daily(truth.patient_position, self.origin_mm).inverse())

    def _put_on(self, rng: np.random.Generator) -> None:
        """Put the probe on, which is never twice at the same place."""
        ultrasound = self._ultrasound
        shift_mm = ultrasound.placed_mm * rng.standard_normal(3)
        shift_mm[1] = 0.0  # in depth the skin stops it
        turn_deg = ultrasound.placed_deg * rng.standard_normal(3)
        self._placed = self._planned @ small_motion(shift_mm, turn_deg)
        self._press_mm = float(np.clip(ultrasound.press_mm * rng.standard_normal(), -5.0, 5.0))


def _with_jump(sweep: UltrasoundSweep) -> UltrasoundSweep:
    """Let the pose jump from the middle of a sweep on."""
    half = len(sweep.images) // 2
    jump = RigidTransform.translation(sweep.frame, sweep.frame, (JUMP_MM, 0.0, 0.0))
    images = (*sweep.images[:half], *(image.in_frame(jump) for image in sweep.images[half:]))
    return UltrasoundSweep(images, sweep.at_s, sweep.source)
