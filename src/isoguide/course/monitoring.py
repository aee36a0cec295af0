"""What a written protocol says about watching the target while the beam is on."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from types import MappingProxyType
from typing import Final, Literal, get_args

from isoguide.errors import InputError

MonitoringDevice = Literal[
    "markers, kV arm", "markers, stereo pair", "bone, stereo pair", "chest marker", "ultrasound"
]
CHEST_MARKER: Final = "chest marker"
"""The device that sees the surface; X-rays tell from time to time what it means for the target."""
ULTRASOUND: Final = "ultrasound"
"""The device that sees the target itself, through a probe that lies on the patient."""


@dataclass(frozen=True, slots=True)
class Monitoring:
    """What watches the target during the beam, and when beam may pass; :mod:`isoguide.motion` decides by it.

    The radius of the gate is ``intrafraction.shift_mm`` of the protocol.

    Parameters
    ----------
    device
        What watches: implanted markers in the images of one arm or of a stereoscopic pair, bone in such a
        pair, a marker on the chest with an X-ray image from time to time, or the target in ultrasound.
    dwell_s
        The target has to be in the gate for so long before beam passes.
    stale_s
        Beam is held when the newest frame is older.
    longest_latency_s
        From exposure to beam off; beam is held when it takes longer.
    least_probability, settled_probability
        That the target is in the gate: below the first beam is held, and above the second it may begin.
    realign_after_s
        A target that stays away for so long asks for a new image.
    fewest_per_s
        Fewer frames than this count as none.
    xray_every_s
        "chest marker", and it alone: an X-ray image of the target after so long.

    Raises
    ------
    InputError
        If a value is impossible, contradicts another one, or means nothing for the device.
    """

    device: MonitoringDevice
    dwell_s: float = 0.3
    stale_s: float = 0.5
    longest_latency_s: float = 0.5
    least_probability: float = 0.5
    settled_probability: float = 0.8
    realign_after_s: float = 15.0
    fewest_per_s: float = 2.0
    xray_every_s: float | None = None

    def __post_init__(self) -> None:
        known = get_args(MonitoringDevice)
        if self.device not in known:
            msg = f"monitoring.device must be one of {'; '.join(known)}; not {self.device}"
            raise InputError(msg)
        for item in fields(self)[1:]:
            value = getattr(self, item.name)
            if value is not None and not (math.isfinite(value) and value > 0.0):
                msg = f"monitoring.{item.name} must be a positive number, not {value}"
                raise InputError(msg)
        self._need_probabilities()
        self._need_xray_of_chest_marker()

    @property
    def looks_for_markers(self) -> bool:
        """Whether the device sees implanted markers."""
        return self.device.startswith("markers")

    def _need_probabilities(self) -> None:
        if not self.least_probability < self.settled_probability < 1.0:
            msg = (
                f"monitoring.least_probability = {self.least_probability:g} and "
                f"monitoring.settled_probability = {self.settled_probability:g} must grow in this order and "
                "stay below 1: nothing is ever certain"
            )
            raise InputError(msg)

    def _need_xray_of_chest_marker(self) -> None:
        is_surface = self.device == CHEST_MARKER
        if is_surface and self.xray_every_s is None:
            msg = (
                "monitoring.xray_every_s is missing: what a chest marker means has to be seen anew in X-rays"
            )
            raise InputError(msg)
        if not is_surface and self.xray_every_s is not None:
            msg = (
                f"monitoring.xray_every_s means nothing where monitoring.device = '{self.device}': "
                "leave it out"
            )
            raise InputError(msg)


DEVICE_WORDS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "markers, kV arm": "implanted markers in the images of the kV arm",
        "markers, stereo pair": "implanted markers in stereoscopic pairs of radiographs",
        "bone, stereo pair": "bone in stereoscopic pairs of radiographs",
        CHEST_MARKER: "a marker on the chest, and the target in X-ray images from time to time",
        ULTRASOUND: "the target in ultrasound images of a tracked probe",
    }
)
"""What watches the target, in words."""
