"""Frames, a watch that hands them out, and a gate that is asked from moment to moment."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import numpy as np

from isoguide.motion.gate import TargetGate
from isoguide.motion.gate_settings import GateSettings
from isoguide.motion.gating import GateDecision
from isoguide.motion.sample import Sighting, TargetSample, Unseen

BEGIN = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
SETTINGS = GateSettings(gate_mm=3.0)
SOURCE = "kV arm"


def at(seconds: float) -> datetime:
    return BEGIN + timedelta(seconds=seconds)


def sample(number: int, seconds: float, position_mm: Sequence[float] = (0, 0, 0), **changed) -> TargetSample:
    """A frame with a little noise of its own, for none is like another."""
    noise = 0.05 * np.random.default_rng(number % 2**32).standard_normal(3)
    values = {
        "position_mm": np.asarray(position_mm, dtype=float) + noise,
        "covariance_mm2": 0.04 * np.eye(3),
        "at": at(seconds),
        "number": number,
        "source": SOURCE,
        "quality": 1.0,
        "words": "all markers seen",
    }
    return TargetSample(**(values | changed))


def unseen(number: int, seconds: float, reason: str = "behind the femur") -> Unseen:
    return Unseen(at(seconds), number, SOURCE, reason)


class HandedWatch:
    """Hands out what a test puts in ``coming``."""

    source = SOURCE

    def __init__(self) -> None:
        self.coming: list[Sighting | Exception] = []
        self.started = self.stopped = 0
        self.refuses: Exception | None = None

    def start(self) -> None:
        if self.refuses is not None:
            raise self.refuses
        self.started += 1

    def stop(self) -> None:
        self.stopped += 1

    def take(self, now: datetime) -> list[Sighting]:
        taken, self.coming = self.coming, []
        for thing in taken:
            if isinstance(thing, Exception):
                raise thing
        return taken


class Bench:
    """A gate, armed at second 0, with a frame 0.02 s before every second look unless told otherwise."""

    def __init__(self, settings: GateSettings = SETTINGS, predictor=None) -> None:
        self.watch = HandedWatch()
        self.settings = settings
        self.gate = TargetGate(self.watch, settings, predictor)
        self.gate.arm()
        self.seconds, self.number = 0.0, 0
        self.decision = self.gate.look(at(0.0))

    def look(self, *coming: Sighting | Exception, after_s: float = 0.05) -> GateDecision:
        self.seconds += after_s
        self.watch.coming.extend(coming)
        self.decision = self.gate.look(at(self.seconds))
        return self.decision

    def frame(self, position_mm: Sequence[float] = (0, 0, 0), age_s: float = 0.02, **changed) -> TargetSample:
        """The next frame, exposed so long before the next look."""
        self.number += 1
        return sample(self.number, self.seconds + 0.05 - age_s, position_mm, **changed)

    def watch_for(self, seconds: float, position_mm: Sequence[float] = (0, 0, 0)) -> list[GateDecision]:
        """Ten frames and twenty looks a second."""
        decisions = []
        for _ in range(round(seconds * 10.0)):
            decisions.append(self.look(self.frame(position_mm)))
            decisions.append(self.look())
        return decisions

    def until_beam(self) -> "Bench":
        self.watch_for(3.0)
        assert self.decision.permits_beam, self.decision.reason
        return self
