"""A gate that says what a test tells it to, and a target that is where a test puts it."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

import numpy as np

from isoguide.errors import DeviceError
from isoguide.geometry.frames import FIXED
from isoguide.geometry.transforms import RigidTransform
from isoguide.motion.gate_settings import GateSettings
from isoguide.motion.gating import Gate, GateDecision, GateState, TargetWatch
from isoguide.motion.monitor_loop import pushed_gate
from isoguide.motion.sample import Sighting, TargetSample, Unseen
from isoguide.virtual.room import VirtualRoom

SOURCE = "scripted imager"


def seen(at: datetime, position_mm: tuple[float, float, float], number: int = 1) -> TargetSample:
    covariance = np.diag([0.04, 0.09, 0.01])
    return TargetSample(np.array(position_mm), covariance, at, number, SOURCE, 1.0, "all markers agree")


class IdleWatch:
    """Watches nothing: a scripted gate says itself what was seen."""

    source = SOURCE

    def start(self) -> None:
        pass

    def take(self, _now: datetime) -> tuple[Sighting, ...]:
        return ()

    def stop(self) -> None:
        pass


@dataclass
class Gates:
    """Hands out one gate; a :class:`isoguide.workflow.clinic.gate_source.GateSource`."""

    made: Gate
    asked: list[tuple[TargetWatch, GateSettings]] = field(default_factory=list)
    prepared: list[GateSettings] = field(default_factory=list)
    is_closed: bool = False

    def prepare(self, settings: GateSettings) -> None:
        self.prepared.append(settings)

    def gate(self, watch: TargetWatch, settings: GateSettings) -> Gate:
        self.asked.append((watch, settings))
        return self.made

    def close(self) -> None:
        self.is_closed = True


@dataclass
class ScriptedGate:
    """Implements :class:`isoguide.motion.gating.Gate`; a test sets its fields from another thread.

    ``seen_at`` stays None while each look sees a new frame, and is the one time of exposure otherwise.
    """

    state: GateState = GateState.ARMED
    reason: str = "nothing was seen yet"
    position_mm: tuple[float, float, float] = (0.0, 0.0, 0.0)
    unseen: str = ""
    proposal_mm: tuple[float, float, float] | None = None
    seen_at: datetime | None = None
    fails: str = ""
    cannot_arm: str = ""
    holds: int = 0
    armed: int = 0
    ended: int = 0
    period_s: float = 0.05
    permit_s: float = 0.3
    _number: int = field(default=0, init=False)

    def say(self, state: GateState, reason: str = "", **changed: object) -> None:
        """Say this from the next look on."""
        for name, value in changed.items():
            setattr(self, name, value)
        self.reason = reason
        self.state = state

    def arm(self) -> None:
        if self.cannot_arm:
            raise DeviceError(self.cannot_arm)
        self.armed += 1

    def look(self, now: datetime) -> GateDecision:
        if self.fails:
            raise ZeroDivisionError(self.fails)
        sighting = self._sighting(now)
        proposal = np.array(self.proposal_mm) if self.proposal_mm is not None else None
        place = sighting.position_mm if isinstance(sighting, TargetSample) else None
        chance = 0.97 if self.state is GateState.BEAM_ON else 0.02
        latency_s = (now - sighting.at) / timedelta(seconds=1)
        return GateDecision(
            now, self.state, self.reason, chance, place, sighting, latency_s, proposal, self.holds
        )

    def end(self) -> None:
        self.ended += 1

    def _sighting(self, now: datetime) -> Sighting:
        at = self.seen_at or now - timedelta(seconds=0.1)
        if self.seen_at is None:
            self._number += 1
        if self.unseen:
            return Unseen(at, self._number, SOURCE, self.unseen)
        return seen(at, self.position_mm, self._number)


class InThisProcess:
    """Makes gates that decide in the thread that watches the beam."""

    def prepare(self, settings: GateSettings) -> None:
        """Compile, as the process of its own does, what would keep a beam waiting."""
        pushed_gate(IdleWatch(), settings).warm_up()

    def gate(self, watch: TargetWatch, settings: GateSettings) -> Gate:
        return pushed_gate(watch, settings)

    def close(self) -> None:
        pass


def move_patient(room: VirtualRoom, fixed_mm: tuple[float, float, float]) -> None:
    """Let him lie elsewhere by so much from now on, IEC fixed."""
    truth = room.truth
    moved = RigidTransform.from_parts(FIXED, FIXED, np.eye(3), np.array(fixed_mm))
    truth.fixed_from_planning = lambda seconds=None: moved @ type(truth).fixed_from_planning(truth, seconds)
