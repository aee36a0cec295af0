"""What every device has that watches the target: frames with the time of exposure, delays, and faults."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Generic, TypeVar

from isoguide.errors import IsoguideError
from isoguide.motion.sample import Sighting, Unseen
from isoguide.virtual.device import DeviceLink
from isoguide.virtual.faults import LATE_BY_S, SLOW_PER_S
from isoguide.virtual.room_settings import Latency

Picture = TypeVar("Picture")
EARLY_S = 1e-9
"""Rounding must not make a frame that is due wait for the next look."""


@dataclass(frozen=True, slots=True)
class Frame(Generic[Picture]):
    """What was exposed, when the device says so, and when it arrives; seconds of the room."""

    number: int
    stamped_s: float
    arrives_s: float
    picture: Picture


class WatchingDevice(ABC, Generic[Picture]):
    """Watches the target: :class:`isoguide.motion.gating.TargetWatch` of the virtual room.

    It exposes when it is asked, everything that fell due since; nobody looks through a device that nobody
    asks. What was exposed arrives after its delay and is evaluated then.

    Parameters
    ----------
    link
        How it hangs in the room.
    per_s
        Frames in a second.
    delay
        From an exposure until its frame has arrived.
    source
        What watches, in words.
    """

    def __init__(self, link: DeviceLink, per_s: float, delay: Latency, source: str) -> None:
        self.source = source
        self._link, self._clock, self._delay = link, link.clock, delay
        self._period_s = 1.0 / per_s
        self._is_watching = False
        self._due_s = self._shown_s = 0.0
        self._number = 0
        self._last: Picture | None = None
        self._said: Sighting | None = None
        self._under_way: list[Frame[Picture]] = []

    def start(self) -> None:
        """Prepare, which may take its time, and watch from now on.

        Raises
        ------
        LinkLostError
            If the device does not answer.
        """
        self._link.require()
        self._prepare()
        self._under_way.clear()
        self._last, self._said = None, None
        self._due_s, self._is_watching = self._clock.seconds, True
        self._shown_s = -1.0 / EARLY_S

    def take(self, now: datetime) -> Sequence[Sighting]:
        """Return what was exposed since the last call and has arrived by ``now``, in the order of arrival.

        Raises
        ------
        LinkLostError
            If the device does not answer.
        """
        self._link.require()
        now_s = (now - self._clock.at(0.0)) / timedelta(seconds=1)
        for at_s in self._falling_due(now_s) if self._is_watching else ():
            self._expose(at_s)
        arrived = sorted(
            (frame for frame in self._under_way if frame.arrives_s <= now_s),
            key=lambda frame: frame.arrives_s,
        )
        self._under_way = [frame for frame in self._under_way if frame.arrives_s > now_s]
        return [self._told(frame) for frame in arrived]

    def stop(self) -> None:
        """Stop watching; harmless when that has ended."""
        self._is_watching = False

    @abstractmethod
    def _prepare(self) -> None:
        """Forget what was seen before, and learn what has to be known before the beam."""

    @abstractmethod
    def _picture(self, at_s: float) -> Picture:
        """Expose at a second of the room."""

    @abstractmethod
    def _seen(self, picture: Picture, at: datetime, number: int) -> Sighting:
        """Say where the target is by a picture that has arrived."""

    @abstractmethod
    def _without_marker(self, picture: Picture) -> Picture:
        """Return a picture on which one marker is not seen."""

    def _with_markers_swapped(self, picture: Picture) -> Picture:
        """Return a picture whose first two markers are taken for each other; the same where there is one."""
        return picture

    @abstractmethod
    def _saturated(self, picture: Picture) -> Picture:
        """Return a picture on which nothing is seen."""

    def _falling_due(self, now_s: float) -> list[float]:
        """Return the seconds of the exposures that fell due."""
        due_s = []
        while self._due_s <= now_s + EARLY_S:
            due_s.append(self._due_s)
            self._due_s += self._period_s
        return due_s

    def _expose(self, at_s: float) -> None:
        slow = self._link.strikes("frames-slow")
        per_s = SLOW_PER_S if slow is None or slow.size is None else slow.size
        if slow is not None and at_s - self._shown_s < 1.0 / per_s - EARLY_S:
            return
        self._shown_s = at_s
        self._number += 1
        delay_s = self._link.draw_s(self._delay)
        picture = self._spoilt(self._picture(at_s))
        number, stamped_s, arrives_s = self._number, at_s, at_s + delay_s
        clock_off = self._link.strikes("clock-off")
        if clock_off is not None:
            stamped_s += LATE_BY_S if clock_off.size is None else clock_off.size
        late = self._link.strikes("frames-late")
        if late is not None:
            arrives_s += LATE_BY_S if late.size is None else late.size
        if self._link.strikes("frames-out-of-order"):
            arrives_s += 1.5 * self._period_s
        if self._link.strikes("frames-lost") is None:
            self._under_way.append(Frame(number, stamped_s, arrives_s, picture))

    def _spoilt(self, picture: Picture) -> Picture:
        if self._link.strikes("marker-vanished"):
            picture = self._without_marker(picture)
        if self._link.strikes("markers-swapped"):
            picture = self._with_markers_swapped(picture)
        if self._link.strikes("picture-saturated"):
            picture = self._saturated(picture)
        if self._link.strikes("frames-frozen") and self._last is not None:
            picture = self._last
        self._last = picture
        return picture

    def _told(self, frame: Frame[Picture]) -> Sighting:
        if self._link.strikes("frames-repeated") and self._said is not None:
            return self._said
        at = self._clock.at(frame.stamped_s)
        try:
            self._said = self._seen(frame.picture, at, frame.number)
        except IsoguideError as error:
            self._said = Unseen(at, frame.number, self.source, str(error))
        return self._said
