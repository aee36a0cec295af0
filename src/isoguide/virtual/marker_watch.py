"""Implanted markers, watched in images of the kV arm during the beam or in pairs of the tubes in the room.

Pictures are drawn, not rendered: where each marker truly is in the true view, with the noise of reading it
and some misses. What the tracker is given is the view that the system believes in.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final, Protocol

import numpy as np

from isoguide.errors import InputError
from isoguide.geometry.frames import Array
from isoguide.geometry.xray_view import XrayView
from isoguide.motion.marker_pixels import MarkerPixels
from isoguide.motion.sample import Sighting
from isoguide.virtual.device import DeviceLink
from isoguide.virtual.imagers import imaging_offsets_mm
from isoguide.virtual.kv_pair import arm_views, stereo_views
from isoguide.virtual.machine import Machine
from isoguide.virtual.physical_imager import true_views
from isoguide.virtual.room_settings import ImagingSettings, Latency, StereoSettings
from isoguide.virtual.tissue_path import TissuePath
from isoguide.virtual.watch_frames import WatchingDevice
from isoguide.virtual.watch_settings import WatchSettings

GANTRY_END_DEG: Final = 179.0
"""The gantry does not turn through 180°."""
DRAWN_QUALITY: Final = 0.95
"""Correlation with the shape of a marker that a clear one has."""


class ArmTracker(Protocol):
    """Says where the target is by markers in one view after the other."""

    def see(self, view: XrayView, found: MarkerPixels, *, at: datetime, number: int) -> Sighting:
        """Take in one image; the view is in FIXED."""
        ...


class PairTracker(Protocol):
    """Says where the target is by markers in the views of a pair."""

    def see(
        self,
        views: tuple[XrayView, XrayView],
        found: tuple[MarkerPixels, MarkerPixels],
        *,
        at: datetime,
        number: int,
    ) -> Sighting:
        """Take in one pair; the views are in FIXED."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class MarkerPicture:
    """One exposure: the views as the system believes in them, and what was read from each."""

    views: tuple[XrayView, ...]
    found: tuple[MarkerPixels, ...]


class MarkerDraw:
    """Draws what is read of markers in an image.

    Parameters
    ----------
    path
        Of the markers.
    settings
        Noise and misses.
    rng
        Everything random.

    Raises
    ------
    InputError
        If there is no marker.
    """

    def __init__(self, path: TissuePath, settings: WatchSettings, rng: np.random.Generator) -> None:
        if not len(path.planned_mm):
            msg = "the patient has no implanted markers that could be watched: watch him by another device"
            raise InputError(msg)
        self._path, self._settings, self._rng = path, settings, rng

    def found(self, true_view: XrayView, at_s: float) -> MarkerPixels:
        """Read the markers in a view as it truly is, at a second of the room."""
        places_mm = self._path.positions_mm(at_s)
        sigma, count = self._settings.pixel_sigma, len(places_mm)
        pixels = true_view.project(places_mm) + sigma * self._rng.standard_normal((count, 2))
        inside = ((pixels >= 0.0) & (pixels <= np.array(true_view.size) - 1.0)).all(axis=1)
        seen = inside & (self._rng.random(count) >= self._settings.miss_share)
        return _read(np.where(seen[:, None], pixels, np.nan), sigma)


def _read(pixels: Array, sigma: float) -> MarkerPixels:
    seen = np.asarray(np.isfinite(pixels).all(axis=1))
    covariance = np.where(seen[:, None, None], max(sigma, 1e-3) ** 2 * np.eye(2), np.nan)
    reasons = tuple("" if one else "not found where it was expected" for one in seen)
    return MarkerPixels(pixels, covariance, DRAWN_QUALITY * seen.astype(np.float64), reasons)


class _Markers(WatchingDevice[MarkerPicture]):
    """What arm and pair share."""

    def _without_marker(self, picture: MarkerPicture) -> MarkerPicture:
        return _changed(picture, lambda found: _order(found, [None, *range(1, len(found.pixels))]))

    def _with_markers_swapped(self, picture: MarkerPicture) -> MarkerPicture:
        return _changed(picture, lambda found: _order(found, [1, 0, *range(2, len(found.pixels))]))

    def _saturated(self, picture: MarkerPicture) -> MarkerPicture:
        return _changed(picture, lambda found: MarkerPixels.none(len(found.pixels), "the image is saturated"))


class ArmMarkers(_Markers):
    """Markers in the images of the kV arm, which turns with the beam.

    Before the beam the arm is turned by an arc and back, and images as it goes; the gantry ends where it
    began.

    Parameters
    ----------
    link, settings
        Of what watches.
    imaging, machine
        The arm's imager, and the gantry that it hangs on.
    path
        Of the markers.
    tracker
        Makes a tracker that has seen nothing yet.
    source
        What watches, in words.
    """

    def __init__(
        self,
        link: DeviceLink,
        settings: WatchSettings,
        *,
        imaging: ImagingSettings,
        machine: Machine,
        path: TissuePath,
        tracker: Callable[[], ArmTracker],
        source: str,
    ) -> None:
        delay = Latency(settings.frame_delay_s, settings.delay_spread)
        super().__init__(link, settings.arm_per_s, delay, source)
        self._settings, self._imaging, self._machine = settings, imaging, machine
        self._draw = MarkerDraw(path, settings, link.rng)
        self._fresh, self._tracker = tracker, tracker()

    def _prepare(self) -> None:
        self._tracker = self._fresh()
        begin_deg, arc_deg = self._machine.gantry_deg, self._settings.learning_arc_deg
        sign = 1.0 if begin_deg + arc_deg <= GANTRY_END_DEG else -1.0
        count = max(int(arc_deg / self._machine.settings.gantry_deg_s / self._period_s), 1)
        out_deg = np.linspace(0.0, arc_deg, count + 1)[1:]
        for turned_deg in (*out_deg, *out_deg[-2::-1], 0.0):
            self._clock.wait(self._machine.turn_gantry_to(begin_deg + sign * float(turned_deg)))
            at_s = self._clock.seconds
            self._number += 1
            self._seen(self._picture(at_s), self._clock.at(at_s), self._number)

    def _falling_due(self, now_s: float) -> list[float]:
        # The gantry is where it is now: what fell due before cannot be exposed any more.
        return [now_s] if super()._falling_due(now_s) else []

    def _picture(self, at_s: float) -> MarkerPicture:
        angle_deg = self._machine.kv_source_deg
        view = arm_views(self._imaging, (angle_deg, angle_deg))[0]
        (true_view,) = true_views((view,), imaging_offsets_mm(self._imaging, np.array([angle_deg])))
        return MarkerPicture((view,), (self._draw.found(true_view, at_s),))

    def _seen(self, picture: MarkerPicture, at: datetime, number: int) -> Sighting:
        return self._tracker.see(picture.views[0], picture.found[0], at=at, number=number)


class PairMarkers(_Markers):
    """Markers in the images of the two tubes fixed in the room, exposed together.

    Parameters
    ----------
    link, settings
        Of what watches.
    stereo
        The tubes.
    path, tracker, source
        As of :class:`ArmMarkers`.
    """

    def __init__(
        self,
        link: DeviceLink,
        settings: WatchSettings,
        *,
        stereo: StereoSettings,
        path: TissuePath,
        tracker: Callable[[], PairTracker],
        source: str,
    ) -> None:
        delay = Latency(settings.frame_delay_s, settings.delay_spread)
        super().__init__(link, settings.stereo_per_s, delay, source)
        self._views = stereo_views(stereo)
        offsets_mm = np.tile(np.array(stereo.isocentre_offset_mm), (2, 1))
        self._true_views = true_views(self._views, offsets_mm)
        self._draw = MarkerDraw(path, settings, link.rng)
        self._fresh, self._tracker = tracker, tracker()

    def _prepare(self) -> None:
        self._tracker = self._fresh()

    def _picture(self, at_s: float) -> MarkerPicture:
        return MarkerPicture(self._views, tuple(self._draw.found(view, at_s) for view in self._true_views))

    def _seen(self, picture: MarkerPicture, at: datetime, number: int) -> Sighting:
        first, second = picture.found
        return self._tracker.see(self._views, (first, second), at=at, number=number)


def _changed(picture: MarkerPicture, change: Callable[[MarkerPixels], MarkerPixels]) -> MarkerPicture:
    return replace(picture, found=tuple(change(found) for found in picture.found))


def _order(found: MarkerPixels, order: list[int | None]) -> MarkerPixels:
    """Take the pixels of other markers, or of none; a single one stays what it is."""
    order = order[: len(found.pixels)] if len(found.pixels) > 1 else [None if order[0] is None else 0]
    pixels = np.array([np.full(2, np.nan) if n is None else found.pixels[n] for n in order])
    covariance = np.array([np.full((2, 2), np.nan) if n is None else found.covariance_px2[n] for n in order])
    quality = np.array([0.0 if n is None else found.quality[n] for n in order])
    return MarkerPixels(pixels, covariance, quality)
