"""Decides from moment to moment whether beam may pass while the target is watched.

Deterministic and without a clock of its own: time comes in with each look, so that the same sightings give
the same decisions in a room, in a test, and when a recording is played again.
"""

import contextlib
from datetime import datetime, timedelta
from typing import Final, Protocol

import numpy as np

from isoguide.errors import DeviceError, InputError, IsoguideError
from isoguide.geometry.frames import Array
from isoguide.kernels.gate_probability import gate_probability
from isoguide.motion.gate_settings import GateSettings
from isoguide.motion.gating import TABLE, GateDecision, GateEvent, GateState, TargetWatch
from isoguide.motion.persistence import Persistence
from isoguide.motion.prediction import LONGEST_HORIZON_S, Prediction, Predictor
from isoguide.motion.sample import Sighting, TargetSample
from isoguide.motion.watchfulness import Home, Watchfulness, jumped_mm

MOST_PER_S: Final = 60
"""Frames a second that are remembered for the proposed shift; of more, the oldest are forgotten first."""
SURELY: Final = 0.95
"""Probability of being inside that a target needs while it moves otherwise than before."""
FEWEST_FOR_PLACE: Final = 10
"""Samples that a median, and where the target used to be, are taken of at least."""
NOT_ARMED: Final = "the gate is not armed"


class TargetPredictor(Protocol):
    """What :class:`~isoguide.motion.prediction.Predictor` can do."""

    def reset(self) -> None:
        """Forget everything."""
        ...

    def see(self, at_s: float, position_mm: Array) -> None:
        """Take in where the target was."""
        ...

    def predict(self, at_s: float) -> Prediction:
        """Say where the target will be."""
        ...


class _Places:
    """Where the target was in the last seconds: a ring that never grows."""

    def __init__(self, capacity: int) -> None:
        self._times_s = np.full(capacity, -np.inf)
        self._places_mm = np.zeros((capacity, 3))
        self._next = 0

    def clear(self) -> None:
        self._times_s[:] = -np.inf

    def add(self, at_s: float, place_mm: Array) -> None:
        self._times_s[self._next], self._places_mm[self._next] = at_s, place_mm
        self._next = (self._next + 1) % len(self._times_s)

    def since(self, seconds: float) -> Array:
        """Return the places from a time on, (n, 3)."""
        return self._places_mm[self._times_s >= seconds]


class TargetGate:
    """The gate around one source of sightings; :class:`~isoguide.motion.gating.Gate` says what it does.

    A jump that no target makes closes it, and the target then counts as found only where it used to be in the
    seconds before: a marker taken for another, and a patient who has moved, end in "re-align".

    Parameters
    ----------
    watch
        What watches the target.
    settings
        What the gate demands.
    predictor
        Says where the target will be when the beam reacts; None: where it was, less surely with each moment.

    Raises
    ------
    InputError
        If frames may be older than the predictor predicts.
    """

    def __init__(
        self, watch: TargetWatch, settings: GateSettings, predictor: TargetPredictor | None = None
    ) -> None:
        horizon_s = settings.stale_s + settings.system_latency_s
        if predictor is not None and horizon_s > LONGEST_HORIZON_S:
            msg = (
                f"stale_s and system_latency_s make {horizon_s:g} s, and the target is predicted for "
                f"{LONGEST_HORIZON_S:g} s at most: choose a shorter stale_s"
            )
            raise InputError(msg)
        self.settings = settings
        self._watch, self._source = watch, str(watch.source)
        self._predictor: TargetPredictor = predictor or Persistence()
        self._watchfulness = Watchfulness(settings)
        self._places = _Places(int(settings.proposal_s * MOST_PER_S) + 1)
        self._state, self._reason, self._holds = GateState.STOPPED, NOT_ARMED, 0
        self._forget()

    @property
    def period_s(self) -> float:
        """How often it wants to be asked."""
        return self.settings.period_s

    @property
    def permit_s(self) -> float:
        """How long a permission lasts without another one."""
        return self.settings.permit_s

    def warm_up(self) -> None:
        """Compile what is compiled when first used, before the gate is armed.

        Raises
        ------
        InputError
            If the gate is armed, or the predictor cannot predict.
        """
        if self._state is not GateState.STOPPED:
            msg = f"the gate is in the state '{self._state}': warm it up before it is armed"
            raise InputError(msg)
        sway_mm = np.sin(np.arange(50))[:, None] * [0.1, 0.2, 0.3]
        for n, place_mm in enumerate(sway_mm):
            self._predictor.see(0.1 * n, place_mm)
            expected = self._predictor.predict(0.1 * n + 0.2)
            gate_probability(expected.position_mm, expected.covariance_mm2, self.settings.gate_mm)
        self._predictor.reset()
        self._forget()

    def arm(self) -> None:
        """Begin, or begin anew, in whatever state: nothing that was exposed before the next look counts.

        Raises
        ------
        IsoguideError
            If what watches the target cannot.
        """
        try:
            self._predictor.reset()
            self._watch.start()
        except Exception as error:
            self._follow(GateEvent.FAULT, _in_words(self._source, error))
            if isinstance(error, IsoguideError):
                raise
            raise DeviceError(self._reason) from error
        self._forget()
        self._follow(GateEvent.ARM, "waiting for images of the target")

    def look(self, now: datetime) -> GateDecision:
        """Take in what was seen until now, and decide; it never raises."""
        try:
            if self._state is not GateState.STOPPED:
                self._take_in(now)
            return self._answer(now)
        except Exception as error:  # noqa: BLE001 - whatever fails here is a reason not to treat
            return self._stop(now, error)

    def withhold(self, now: datetime, reason: str) -> GateDecision:
        """Close the gate for a doubt from outside, such as a permission that has lapsed; it never raises."""
        try:
            self._tell_nothing()
            if self._state is not GateState.STOPPED:
                self._close(now, GateEvent.DOUBT, reason)
            return self._answer(now)
        except Exception as error:  # noqa: BLE001 - as in look()
            return self._stop(now, error)

    def end(self) -> None:
        """Stop watching; harmless when that has ended."""
        with contextlib.suppress(Exception):  # nothing passes any more, whatever the watch says
            self._watch.stop()
        self._follow(GateEvent.END, "monitoring has ended")

    def _forget(self) -> None:
        self._places.clear()
        self._began_at: datetime | None = None
        self._looked_at: datetime | None = None
        self._closed_at: datetime | None = None
        self._inside_since: datetime | None = None
        self._newest: Sighting | None = None
        self._newest_sample: TargetSample | None = None
        self._samples = 0
        self._home: Home | None = None
        self._jump = ""
        self._probability: float | None = None
        self._position_mm: Array | None = None

    def _tell_nothing(self) -> None:
        self._probability, self._position_mm = None, None

    def _take_in(self, now: datetime) -> None:
        """Everything that happens at a look."""
        self._tell_nothing()
        if self._began_at is None:
            self._began_at = self._looked_at = self._closed_at = now
            self._watchfulness.reset(now)
        paused_s = self._seconds(now, self._looked_at)
        if paused_s < 0.0:
            msg = f"the clock of the monitor was set back by {-paused_s:.2f} s"
            raise DeviceError(msg)
        doubt = f"nobody looked for {paused_s:.2f} s" if paused_s > self.settings.permit_s else ""
        for frame in self._watch.take(now):
            doubt = self._see(frame, now) or doubt
        self._looked_at = now
        doubt = doubt or self._jump or self._watchfulness.doubt(now)
        regular = self._expect(now, is_told=not doubt)
        if doubt:
            self._close(now, GateEvent.DOUBT, doubt)
        else:
            self._weigh(now, is_regular=regular)

    def _see(self, frame: Sighting, now: datetime) -> str:
        """Take in a frame and return the doubt that it raises."""
        found = self._watchfulness.judge(frame, now, self._looked_at or now)
        sample, at_s = found.sample, self._seconds(frame.at, self._began_at)
        if at_s >= 0.0 and (self._newest is None or frame.at > self._newest.at):
            self._newest = frame
        if sample is None:
            return found.doubt
        if not self._is_where_it_can_be(sample, at_s):
            return self._jump
        self._watchfulness.accept(sample)
        self._predictor.see(at_s, sample.position_mm)
        self._places.add(at_s, sample.position_mm)
        self._newest_sample = sample
        self._samples += 1
        return found.doubt

    def _is_where_it_can_be(self, sample: TargetSample, at_s: float) -> bool:
        """Whether a sample follows those before, or has come back to where they were."""
        if self._home is not None:
            if self._home.has(sample):
                self._home, self._jump = None, ""
            return self._home is None
        newest = self._newest_sample
        if newest is None or self._samples < FEWEST_FOR_PLACE:
            return True
        home = Home(self._places.since(self._seconds(newest.at, self._began_at) - self.settings.proposal_s))
        if (sample.at - newest.at).total_seconds() > self.settings.stale_s:
            distance_mm = 0.0 if home.has(sample) else _apart_mm(sample, newest)
        else:
            distance_mm = jumped_mm(sample, self._predictor.predict(at_s), self.settings)
        if not distance_mm:
            return True
        self._home = home
        self._jump = f"target is {distance_mm:.1f} mm from where it was expected: another marker, or moved"
        return False

    def _expect(self, now: datetime, *, is_told: bool) -> bool:
        """Predict to when the beam reacts; return whether the target moves as before."""
        sample = self._newest_sample
        if sample is None or not is_told:
            return False
        reaction = max(now, sample.at) + timedelta(seconds=self.settings.system_latency_s)
        expected = self._predictor.predict(self._seconds(reaction, self._began_at))
        # The predictor is judged by what will be seen; how far that is from the target comes on top.
        covariance = expected.covariance_mm2 + sample.covariance_mm2
        gate_mm = self.settings.gate_mm
        # A target that was seen outside has none, however surely it is expected to come back.
        probability = min(
            gate_probability(expected.position_mm, covariance, gate_mm),
            gate_probability(sample.position_mm, sample.covariance_mm2, gate_mm),
        )
        if not 0.0 <= probability <= 1.0:
            msg = f"the probability that the target is in the gate came out as {probability}"
            raise DeviceError(msg)
        self._probability, self._position_mm = probability, expected.position_mm
        return expected.is_regular

    def _weigh(self, now: datetime, *, is_regular: bool) -> None:
        """Follow the probability, where nothing is in doubt."""
        settings, probability = self.settings, self._probability
        waiting = self._watchfulness.obstacle()
        is_strange = not is_regular and (probability is None or probability < SURELY)
        if self._samples < FEWEST_FOR_PLACE:
            waiting = waiting or "waiting for more images of the target"
        elif is_strange:
            waiting = waiting or "target does not move as it did before"
        if probability is None or (waiting and self._state is not GateState.BEAM_ON):
            self._stay(now, waiting or "waiting for images of the target")
        elif probability < settings.least_probability:
            reason = f"target may be outside the gate ({probability:.0%} inside)"
            self._close(now, GateEvent.LEAVE, reason)
        elif is_strange:
            self._close(now, GateEvent.DOUBT, waiting)
        elif self._state is not GateState.BEAM_ON:
            self._settle(now, probability)

    def _settle(self, now: datetime, probability: float) -> None:
        settings = self.settings
        if probability < settings.settled_probability:
            self._stay(now, f"target at the edge of the gate ({probability:.0%} inside)")
            return
        self._inside_since = self._inside_since or now
        inside_s = self._seconds(now, self._inside_since)
        if inside_s >= settings.dwell_s:
            self._follow(GateEvent.SETTLE, "")
        elif self._state is not GateState.REALIGN:
            self._reason = f"target in the gate for {inside_s:.1f} s of {settings.dwell_s:g} s"

    def _close(self, now: datetime, event: GateEvent, reason: str) -> None:
        if self._state is GateState.BEAM_ON:
            self._closed_at = now
        self._follow(event, reason)
        self._stay(now, reason)

    def _stay(self, now: datetime, reason: str) -> None:
        """Remain closed, and give up after a while."""
        self._inside_since = None
        if self._state is GateState.REALIGN:
            return
        self._reason = reason
        away_s = self._seconds(now, self._closed_at)
        longest_s = self.settings.realign_after_s
        # Once armed it takes a while until the way of the target has been learned.
        if away_s >= (2.0 * longest_s if self._state is GateState.ARMED else longest_s):
            self._follow(GateEvent.DOUBT, reason)
            self._follow(GateEvent.STAY_AWAY, f"no beam for {away_s:.0f} s: {reason}")

    def _follow(self, event: GateEvent, reason: str) -> None:
        """Go where the table says."""
        following = TABLE.get((self._state, event))
        if following is None:
            return
        if self._state is GateState.BEAM_ON and event is not GateEvent.END:
            self._holds += 1
        self._state, self._reason = following, reason

    def _stop(self, now: datetime, error: Exception) -> GateDecision:
        self._tell_nothing()
        self._follow(GateEvent.FAULT, _in_words(self._source, error))
        return GateDecision(now, self._state, self._reason, sighting=self._newest, holds=self._holds)

    def _answer(self, now: datetime) -> GateDecision:
        newest = self._newest
        return GateDecision(
            now,
            self._state,
            self._reason,
            self._probability,
            self._position_mm,
            newest,
            None if newest is None else self._seconds(now, newest.at),
            self._proposal_mm(now) if self._state is GateState.REALIGN else None,
            self._holds,
        )

    def _proposal_mm(self, now: datetime) -> Array | None:
        """Median of where the target was in the last seconds; None where it was seen too seldom."""
        places = self._places.since(self._seconds(now, self._began_at) - self.settings.proposal_s)
        fewest = max(FEWEST_FOR_PLACE, 0.5 * self.settings.fewest_per_s * self.settings.proposal_s)
        return np.median(places, axis=0) if len(places) >= fewest else None

    @staticmethod
    def _seconds(later: datetime, earlier: datetime | None) -> float:
        return (later - (earlier or later)).total_seconds()


def predicting_gate(watch: TargetWatch, settings: GateSettings) -> TargetGate:
    """Return a gate that predicts the target until the beam reacts."""
    return TargetGate(watch, settings, Predictor())


def _apart_mm(one: TargetSample, other: TargetSample) -> float:
    return float(np.linalg.norm(one.position_mm - other.position_mm))


def _in_words(source: str, error: Exception) -> str:
    """Errors of isoguide are sentences; others are named."""
    if isinstance(error, IsoguideError):
        return f"{source}: {error}"
    return f"monitoring failed ({source}): {type(error).__name__} {error}".rstrip()
