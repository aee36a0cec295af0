"""Gates that another process makes: it finds them here by name."""

import time
from datetime import datetime, timedelta

from gate_cases import HandedWatch, sample

from isoguide.errors import DeviceError
from isoguide.motion.gate import TargetGate
from isoguide.motion.gate_settings import GateSettings
from isoguide.motion.monitor_loop import PushedWatch
from isoguide.motion.sample import Sighting


class StillWatch(HandedWatch):
    """Refuses once, and then sees a still target ten times a second."""

    def __init__(self) -> None:
        super().__init__()
        self.refuses = DeviceError("the tube is hot: wait")
        self.next_at: datetime | None = None
        self.number = 0

    def start(self) -> None:
        try:
            super().start()
        finally:
            self.refuses = None

    def take(self, now: datetime) -> list[Sighting]:
        self.next_at = self.next_at or now
        frames = []
        while self.next_at <= now:
            self.number += 1
            frames.append(sample(self.number, 0.0, at=self.next_at))
            self.next_at += timedelta(seconds=0.1)
        return frames


class SlowWatch(HandedWatch):
    """Takes longer for a look than a permission lasts."""

    def __init__(self, inner: PushedWatch) -> None:
        super().__init__()
        self.inner = inner

    def take(self, now: datetime) -> list[Sighting]:
        time.sleep(0.4)
        return list(self.inner.take(now))


def cannot_begin(watch: PushedWatch, settings: GateSettings) -> TargetGate:
    raise ValueError("no such imager")


def cannot_start(watch: PushedWatch, settings: GateSettings) -> TargetGate:
    hot = HandedWatch()
    hot.refuses = DeviceError("the tube is hot: wait")
    return TargetGate(hot, settings)


def own_watch(watch: PushedWatch, settings: GateSettings) -> TargetGate:
    return TargetGate(StillWatch(), settings)


def looks_slowly(watch: PushedWatch, settings: GateSettings) -> TargetGate:
    return TargetGate(SlowWatch(watch), settings)
