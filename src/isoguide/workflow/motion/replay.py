"""A recording played through a gate again: the same frames, at the times at which they came.

What would a gate of 2 mm have done? The frames are those of the recording, so the answer is about the gate
and not about the patient. Where the new gate asks to align anew or stops, what follows is not judged: in a
room the patient would not have gone on lying as he did.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path

import isoguide
from isoguide.errors import InputError
from isoguide.motion.gate import TargetGate
from isoguide.motion.gate_settings import GateSettings
from isoguide.motion.gating import GateState
from isoguide.motion.prediction import Predictor
from isoguide.motion.sample import Sighting
from isoguide.progress import Progress, silent
from isoguide.workflow.motion.recorded import RecordedGate, RecordedWatch
from isoguide.workflow.motion.recording import Recording, RecordingWriter, TakenSighting

_ENDS = (GateState.REALIGN, GateState.STOPPED)


class PlayedWatch:
    """What watches in a replay: frames come at the times at which they came before.

    Parameters
    ----------
    taken
        The frames, in the order in which they came.
    source
        What watched, in words.
    """

    def __init__(self, taken: Sequence[TakenSighting], source: str) -> None:
        self.source = source
        self._taken = taken
        self._next = 0

    def start(self) -> None:
        """Watch: nothing has to be begun."""

    def skip_to(self, at: datetime) -> None:
        """Pass over the frames that came before."""
        while self._next < len(self._taken) and self._taken[self._next].taken_at < at:
            self._next += 1

    def take(self, now: datetime) -> Sequence[Sighting]:
        """Return the frames that came since the last call and by now."""
        found: list[Sighting] = []
        while self._next < len(self._taken) and self._taken[self._next].taken_at <= now:
            found.append(self._taken[self._next].seen)
            self._next += 1
        return found

    def stop(self) -> None:
        """Stop watching: nothing has to be ended."""


@dataclass(frozen=True, slots=True)
class _Section:
    """From one arming of the gate to the next: the times at which it is asked."""

    began_at: datetime
    looks: tuple[datetime, ...]


def play(
    recording: Recording,
    settings: GateSettings,
    path: Path,
    *,
    predictor: Predictor | None,
    progress: Progress = silent,
) -> Recording:
    """Play the frames of a recording through a gate, write what it does as a new recording, and return that.

    Parameters
    ----------
    recording
        What was seen; its decisions and its beam count for nothing here.
    settings
        What the gate demands.
    path
        Of the new recording, which must not exist.
    predictor
        Says where the target will be; None: where it was.
    progress
        Told how far it is.

    Raises
    ------
    InputError
        If it holds no frame, or predictor and settings do not fit.
    OutputError
        If the new recording cannot be written.
    """
    if not recording.sightings:
        msg = "the recording holds no frame, so there is nothing that a gate could decide by: record again"
        raise InputError(msg)
    made_by = f"isoguide {isoguide.__version__}, played again from what {recording.header.made_by} recorded"
    header = replace(recording.header, settings=settings, made_by=made_by)
    watch = PlayedWatch(recording.sightings, recording.sightings[0].seen.source)
    sections = _sections(recording, settings)
    with RecordingWriter(path, header) as writer:
        clock = _Clock(sections[0].began_at)
        inner = TargetGate(RecordedWatch(watch, writer), settings, predictor)
        gate = RecordedGate(inner, writer, clock)
        for place, section in enumerate(sections):
            watch.skip_to(section.began_at)
            progress(place / len(sections), "playing the recording through the gate")
            _play_section(gate, clock, section)
        gate.end()
        for true in recording.truth:
            writer.truth(true.at, true.position_mm)
        for mark in recording.marks:
            writer.mark(mark.at, mark.by, mark.words)
    return Recording.read(path)


class _Clock:
    """A clock that stands where it is put."""

    def __init__(self, now: datetime) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now


def _play_section(gate: RecordedGate, clock: _Clock, section: _Section) -> None:
    clock.now = section.began_at
    gate.arm()
    for look in section.looks:
        clock.now = look
        if gate.look(look).state in _ENDS:
            return


def _sections(recording: Recording, settings: GateSettings) -> list[_Section]:
    """Return when the gate is armed and asked: whenever it was, and in between as often as it wants to be.

    Arming may take long, such as a turn of the gantry with images: nobody asks before it is done.
    """
    came = [one.taken_at for one in recording.sightings]
    known = sorted({*came, *(one.at for one in recording.decisions)})
    arms = sorted(recording.arms) or [known[0]]
    ends = [*arms[1:], known[-1] + timedelta(seconds=settings.period_s)]
    found = []
    for begin, end in zip(arms, ends, strict=True):
        within = [at for at in known if begin <= at < end]
        if within:
            found.append(_Section(begin, tuple(_filled(within, settings.period_s))))
    return found or [_Section(known[0], tuple(_filled(known, settings.period_s)))]


def _filled(times: Sequence[datetime], period_s: float) -> list[datetime]:
    """Put looks between two that lie further apart than the gate wants."""
    period, found = timedelta(seconds=period_s), [times[0]]
    for before, after in pairwise(times):
        at = before + period
        while at < after:
            found.append(at)
            at += period
        if after > found[-1]:
            found.append(after)
    return found


def not_judged(recording: Recording, played: Recording) -> tuple[str, ...]:
    """Return a sentence for each time that the new gate asked to align anew or stopped."""
    last = recording.sightings[-1].taken_at
    following = sorted(at for at in recording.arms)
    said = []
    for decision in played.decisions:
        if decision.state in _ENDS:
            until = next((at for at in following if at > decision.at), last)
            rest_s = max((until - decision.at) / timedelta(seconds=1), 0.0)
            said.append(
                f"This gate would have ended the delivery ({decision.reason}); the {rest_s:.0f} s that "
                "follow are not judged."
            )
    return tuple(said)
