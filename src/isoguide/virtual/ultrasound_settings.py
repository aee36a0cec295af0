"""What the ultrasound of the room is like: the probe, how it sweeps, how it is tracked and put on."""

from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np

from isoguide.geometry.frames import Array
from isoguide.virtual.probe_tracking import TrackingErrors
from isoguide.virtual.setting_limits import require
from isoguide.virtual.ultrasound_probe import UltrasoundProbe

ROCKED_PROBE: Final = UltrasoundProbe(
    frequency_mhz=5.0,
    radius_mm=50.0,
    fan_deg=75.0,
    depth_mm=145.0,
    aperture_mm=20.0,
    slice_mm=3.0,
    lines=128,
    pixel_mm=0.5,
)
"""A curved array on the perineum, with about half the lines of a real one: the beam is wider than their
distance."""
WATCHING_PROBE: Final = replace(
    ROCKED_PROBE, frequency_mhz=3.5, fan_deg=34.0, depth_mm=125.0, lines=310, pixel_mm=0.4, path_step=5
)
"""The same in a smaller fan whose lines lie closer than scatterers: speckle has to move with the tissue."""
AT_SIMULATION: Final = TrackingErrors(
    noise_mm=0.15,
    noise_deg=0.05,
    calibration_mm=(-0.1, 0.1, -0.1),
    calibration_deg=(-0.05, 0.0, 0.05),
)


@dataclass(frozen=True, slots=True)
class UltrasoundRoomSettings:
    """A probe on the perineum whose array a motor rocks, held by an arm on the couch, seen by cameras.

    What a value marked [K] says is of the usual order of magnitude and of no one device.

    Parameters
    ----------
    probe
        The array.
    sweep_deg, frames, frame_s, pivot_mm
        Of a scan: angle from first to last image, how many, the time between two, and how far behind the
        face the motor's axis is.
    voxel_mm
        Of the volume that is made of it.
    placed_mm, placed_deg
        How differently the probe is put on each day, standard deviation per axis [K].
    press_mm
        How differently it presses, standard deviation [K].
    at_simulation, in_room
        Errors of the tracking system in the CT room and in the treatment room.
    watching
        The array while the beam is on.
    watch_per_s, watch_delay_s
        Images of the middle plane in a second while the beam is on [K], and from an image to its answer.
    locate_deg, locate_frames
        Of the scan before the beam, which says where the target is from then on.
    across_sigma_mm
        How far a prostate goes to the side meanwhile, which the middle plane does not show: standard
        deviation [K].

    Raises
    ------
    InputError
        If a value is impossible; the message names it.
    """

    probe: UltrasoundProbe = ROCKED_PROBE
    sweep_deg: float = 44.0
    frames: int = 45
    frame_s: float = 0.06
    pivot_mm: float = 20.0
    voxel_mm: float = 0.8
    placed_mm: float = 2.0
    placed_deg: float = 2.0
    press_mm: float = 1.0
    at_simulation: TrackingErrors = AT_SIMULATION
    in_room: TrackingErrors = field(default_factory=TrackingErrors.usual)
    watching: UltrasoundProbe = WATCHING_PROBE
    watch_per_s: float = 3.0
    watch_delay_s: float = 0.08
    locate_deg: float = 28.0
    locate_frames: int = 29
    across_sigma_mm: float = 0.7

    def __post_init__(self) -> None:
        require("sweep_deg of the ultrasound", self.sweep_deg, 5.0, 120.0)
        require("locate_deg of the ultrasound", self.locate_deg, 5.0, 120.0)
        for name in ("frames", "locate_frames"):
            require(f"{name} of the ultrasound", getattr(self, name), 5, 2000)
        require("frame_s of the ultrasound", self.frame_s, 0.005, 1.0)
        require("pivot_mm of the ultrasound", self.pivot_mm, 0.0, 100.0)
        require("voxel_mm of the ultrasound", self.voxel_mm, 0.2, 3.0)
        for name in ("placed_mm", "placed_deg", "press_mm", "across_sigma_mm"):
            require(f"{name} of the ultrasound", getattr(self, name), 0.0, 10.0)
        require("watch_per_s of the ultrasound", self.watch_per_s, 0.1, 60.0)
        require("watch_delay_s of the ultrasound", self.watch_delay_s, 0.0, 3.0)

    @property
    def scan_s(self) -> float:
        """How long a scan takes."""
        return self.frame_s * (self.frames - 1)

    def times_s(self, begin_s: float, frames: int) -> Array:
        """Return when each image of a scan is made, (frames,), in seconds of the room."""
        return np.asarray(begin_s + self.frame_s * np.arange(frames, dtype=np.float64))
