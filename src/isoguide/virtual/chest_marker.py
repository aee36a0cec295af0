"""A marker on the chest, seen many times a second, and X-rays from time to time that show the target itself.

The chest follows the depth of the breath a little later than the target does, and drifts away from it: that
is what the X-rays are for. Where an X-ray pair shows the target is drawn from the truth.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final, Protocol

import numpy as np

from isoguide.errors import InputError
from isoguide.geometry.frames import Array
from isoguide.motion.sample import Sighting, TargetSample
from isoguide.motion.surrogate import SurrogateReading
from isoguide.virtual.device import DeviceLink
from isoguide.virtual.motion import Trace
from isoguide.virtual.patient_day import PatientDay
from isoguide.virtual.room_settings import Latency, StereoSettings
from isoguide.virtual.tissue_path import TissuePath
from isoguide.virtual.watch_frames import WatchingDevice
from isoguide.virtual.watch_settings import WatchSettings

GIVEN_UP: Final = timedelta(seconds=3.0)
"""An X-ray at a time at which the chest was not seen teaches nothing."""
XRAY_WORDS: Final = "the target in a pair of X-ray images (drawn, not found)"


class Correlation(Protocol):
    """What is learned from X-rays about what the chest says of the target."""

    def signal_at(self, at: datetime) -> tuple[float, float] | None:
        """Return height and speed of the marker at the time of an X-ray; None where that is not known yet."""
        ...

    def learn(self, value_mm: float, speed_mm_s: float, sample: TargetSample) -> None:
        """Take in where an X-ray pair showed the target, and the chest then."""
        ...

    def sample(self, reading: SurrogateReading) -> Sighting:
        """Say where the target is by the chest."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Xray:
    """Where an X-ray pair showed the target, IEC fixed (3,), and when it has been read."""

    at: datetime
    read_at: datetime
    position_mm: Array


@dataclass(frozen=True, slots=True)
class ChestPicture:
    """What the camera saw: NaN is not seen; and the X-ray that was made with it, where one was."""

    value_mm: float
    xray: Xray | None = None


class ChestMarker(WatchingDevice[ChestPicture]):
    """Watches the chest, and the target in X-rays.

    Parameters
    ----------
    link, settings
        Of what watches.
    day
        Of a patient who breathes.
    stereo
        The tubes of the X-rays: their isocentre's offset is in what they show.
    target
        Path of the target's points.
    xray_every_s
        Between two X-rays during the beam.
    model
        Makes a correlation that has learned nothing yet.
    source
        What watches, in words.

    Raises
    ------
    InputError
        If the patient does not breathe, or the time between X-rays is not positive.
    """

    def __init__(
        self,
        link: DeviceLink,
        settings: WatchSettings,
        *,
        day: PatientDay,
        stereo: StereoSettings,
        target: TissuePath,
        xray_every_s: float,
        model: Callable[[], Correlation],
    ) -> None:
        delay = Latency(settings.camera_delay_s, settings.delay_spread)
        super().__init__(link, settings.chest_per_s, delay, "chest marker")
        if not xray_every_s > 0.0:
            msg = f"X-rays every {xray_every_s:g} s cannot be made: give a positive time"
            raise InputError(msg)
        self._settings, self._target = settings, target
        self._breath = _breath_of(day)
        self._offset_mm = np.array(stereo.isocentre_offset_mm)
        self._xray_every_s, self._xray_due_s = xray_every_s, 0.0
        self._fresh, self._model = model, model()
        self._xrays: list[Xray] = []
        self._xray_number = 0

    def _prepare(self) -> None:
        self._model = self._fresh()
        self._xrays.clear()
        settings, now_s = self._settings, self._clock.seconds
        until_s = now_s + settings.learning_xrays * settings.learning_xray_every_s
        every_s, self._xray_every_s = self._xray_every_s, settings.learning_xray_every_s
        self._xray_due_s = now_s + settings.learning_xray_every_s / 2.0
        while self._clock.seconds < until_s:
            at_s = self._clock.seconds
            self._number += 1
            self._seen(self._picture(at_s), self._clock.at(at_s), self._number)
            self._clock.wait(self._period_s)
        self._xray_every_s = every_s
        self._xray_due_s = self._clock.seconds + every_s

    def _picture(self, at_s: float) -> ChestPicture:
        value_mm = self._chest_mm(at_s)
        if at_s < self._xray_due_s:
            return ChestPicture(value_mm)
        self._xray_due_s = at_s + self._xray_every_s
        noise_mm = self._settings.xray_sigma_mm * self._link.rng.standard_normal(3)
        shown_mm = self._target.displacement_mm(at_s) - self._offset_mm + noise_mm
        at = self._clock.at(at_s)
        read_at = at + timedelta(seconds=self._settings.frame_delay_s)
        return ChestPicture(value_mm, Xray(at, read_at, shown_mm))

    def _chest_mm(self, at_s: float) -> float:
        settings = self._settings
        depth = float(self._breath.at(max(at_s - settings.chest_lag_s, 0.0))[0])
        drift_mm = settings.chest_drift_mm_per_min * at_s / 60.0
        noise_mm = settings.chest_sigma_mm * self._link.rng.standard_normal()
        return float(settings.chest_mm * depth + drift_mm + noise_mm)

    def _seen(self, picture: ChestPicture, at: datetime, number: int) -> Sighting:
        if picture.xray is not None:
            self._xrays.append(picture.xray)
        said = self._model.sample(SurrogateReading(number, at, picture.value_mm))
        self._xrays = [xray for xray in self._xrays if not self._is_done(xray, at)]
        return said

    def _is_done(self, xray: Xray, now: datetime) -> bool:
        """Learn from an X-ray once it was read and the chest is known about it; give it up after a while."""
        signal = self._model.signal_at(xray.at) if xray.read_at <= now else None
        if signal is None:
            return now - xray.at > GIVEN_UP
        self._xray_number += 1
        covariance = max(self._settings.xray_sigma_mm, 1e-3) ** 2 * np.eye(3)
        sample = TargetSample(
            xray.position_mm,
            covariance,
            xray.at,
            self._xray_number,
            "X-ray pair (drawn)",
            quality=1.0,
            words=XRAY_WORDS,
        )
        self._model.learn(*signal, sample)
        return True

    def _without_marker(self, picture: ChestPicture) -> ChestPicture:
        return replace(picture, value_mm=float("nan"))

    def _saturated(self, picture: ChestPicture) -> ChestPicture:
        return replace(picture, value_mm=float("nan"))


def _breath_of(day: PatientDay) -> Trace:
    if day.motion is None or "breathing_period_s" not in day.numbers:
        msg = (
            "the patient does not breathe, so a marker on his chest says nothing: watch him by another device"
        )
        raise InputError(msg)
    return day.motion.trace
