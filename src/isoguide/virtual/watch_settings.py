"""What the devices are like that watch the target during the beam: rates, delays, errors; all known truth."""

from dataclasses import dataclass

from isoguide.virtual.setting_limits import require


@dataclass(frozen=True, slots=True)
class WatchSettings:
    """The watching devices. A value marked [K] is of the usual order of magnitude and of no one device.

    Parameters
    ----------
    arm_per_s, stereo_per_s, bone_per_s, chest_per_s
        Frames in a second [K]: of the kV arm on the gantry, of the tubes in the room by markers and by bone,
        and of the camera that sees the marker on the chest.
    frame_delay_s, camera_delay_s
        From an exposure until its frame has arrived and was read, and the same of the camera: medians.
    delay_spread
        Standard deviation of the logarithm of these delays.
    learning_arc_deg
        The kV arm is turned so far and back before the beam, and images as it goes: a single view shows
        nothing along its rays.
    pixel_sigma
        Standard deviation of a marker's centre in an image, pixels per axis [K].
    miss_share
        Share of markers that an image does not show where they are.
    bone_sigma_mm, bone_sigma_deg
        Standard deviation per axis of a match on bone in a pair of radiographs [K].
    xray_sigma_mm
        The same of the target in an X-ray pair beside a chest marker [K].
    chest_mm
        How far the chest goes in a typical breath of the built-in patients.
    chest_sigma_mm
        Standard deviation of the camera.
    chest_lag_s
        How much later the chest moves than the target.
    chest_drift_mm_per_min
        How the chest moves away from what the inside does: what the X-rays are for.
    learning_xrays, learning_xray_every_s
        X-rays before the beam, from which is learned what the chest says of the target.

    Raises
    ------
    InputError
        If a value is impossible; the message names it.
    """

    arm_per_s: float = 7.0
    stereo_per_s: float = 5.0
    bone_per_s: float = 4.0
    chest_per_s: float = 25.0
    frame_delay_s: float = 0.08
    camera_delay_s: float = 0.03
    delay_spread: float = 0.2
    learning_arc_deg: float = 90.0
    pixel_sigma: float = 0.5
    miss_share: float = 0.02
    bone_sigma_mm: float = 0.3
    bone_sigma_deg: float = 0.2
    xray_sigma_mm: float = 0.4
    chest_mm: float = 6.0
    chest_sigma_mm: float = 0.1
    chest_lag_s: float = 0.1
    chest_drift_mm_per_min: float = 0.3
    learning_xrays: int = 15
    learning_xray_every_s: float = 1.3

    def __post_init__(self) -> None:
        for name in ("arm_per_s", "stereo_per_s", "bone_per_s", "chest_per_s"):
            require(name, getattr(self, name), 0.1, 60.0)
        for name in ("frame_delay_s", "camera_delay_s", "delay_spread"):
            require(name, getattr(self, name), 0.0, 3.0)
        require("learning_arc_deg", self.learning_arc_deg, 10.0, 170.0)
        require("miss_share", self.miss_share, 0.0, 0.9)
        for name in ("pixel_sigma", "bone_sigma_mm", "bone_sigma_deg", "xray_sigma_mm", "chest_sigma_mm"):
            require(name, getattr(self, name), 0.0, 10.0)
        require("chest_mm", self.chest_mm, 0.1, 50.0)
        require("chest_lag_s", self.chest_lag_s, 0.0, 2.0)
        require("chest_drift_mm_per_min", self.chest_drift_mm_per_min, -10.0, 10.0)
        require("learning_xrays", self.learning_xrays, 1, 200)
        require("learning_xray_every_s", self.learning_xray_every_s, 0.2, 10.0)
