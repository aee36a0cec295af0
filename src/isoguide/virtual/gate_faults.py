"""Everything that can go wrong with what watches the target, done on purpose to a stream that was right.

The table :data:`STREAM_FAULTS` is the specification: after how long beam must not pass any more, and whether
it may pass again while the fault lasts. Each fault begins with the first frame exposed after its onset.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from types import MappingProxyType
from typing import Any, Final

import numpy as np

from isoguide.geometry.frames import Array
from isoguide.motion.gate_settings import GateSettings
from isoguide.motion.sample import TargetSample, Unseen
from isoguide.motion.watchfulness import ALIKE_FRAMES, DRIFT_WINDOW_S, RATE_FRAMES
from isoguide.virtual.sighting_stream import Arrival, StreamSettings

CREEP: Final = 0.1
"""Seconds a second by which a clock drifts, or frames fall behind."""


@dataclass(frozen=True, slots=True)
class FaultDraw:
    """One fault: where it begins, and what it needs besides."""

    onset_s: float
    stream: StreamSettings
    gate: GateSettings
    rng: np.random.Generator


Corrupt = Callable[[Sequence[Arrival], FaultDraw], list[Arrival]]
"""Takes the frames that are exposed after the onset, in order, and returns what arrives instead."""


@dataclass(frozen=True, slots=True)
class StreamFault:
    """A row of the table.

    Parameters
    ----------
    happens
        In words.
    corrupt
        Does it.
    within_s
        After the onset beam must have been off by then.
    lasts
        Whether beam must not pass any more after that.
    """

    happens: str
    corrupt: Corrupt
    within_s: Callable[[FaultDraw], float]
    lasts: bool = True


def _shown(draw: FaultDraw, frames: float) -> float:
    """When so many frames after the onset have been looked at."""
    stream = draw.stream
    return frames / stream.rate_per_s + stream.latency_s + 10.0 * stream.jitter_s + 2.0 * draw.gate.period_s


def _next_frame(draw: FaultDraw) -> float:
    return _shown(draw, 1.0)


def _second_frame(draw: FaultDraw) -> float:
    return _shown(draw, 2.0)


def _bridged(draw: FaultDraw) -> float:
    return min(_shown(draw, draw.gate.bridged_frames + 1.0), _stale(draw))


def _alike(draw: FaultDraw) -> float:
    return _shown(draw, float(ALIKE_FRAMES))


def _stale(draw: FaultDraw) -> float:
    return draw.gate.stale_s + 2.0 * draw.gate.period_s


def _slow_rate(draw: FaultDraw) -> float:
    return RATE_FRAMES / draw.gate.fewest_per_s + 2.0 * draw.gate.period_s


def _crept(draw: FaultDraw) -> float:
    """When an age has crept by more than the clocks may differ and looks leave open, for all of a window."""
    window_s = max(DRIFT_WINDOW_S, RATE_FRAMES / draw.stream.rate_per_s)
    ahead_s = draw.stream.latency_s + draw.gate.clock_skew_s
    behind_s = draw.gate.clock_skew_s + 2.0 * draw.gate.period_s + 6.0 * draw.stream.jitter_s
    return window_s + max(ahead_s, behind_s) / CREEP + _shown(draw, 1.0)


def _sample(arrival: Arrival) -> TargetSample:
    if not isinstance(arrival.what, TargetSample):
        raise TypeError(arrival.what)
    return arrival.what


def _changed(arrival: Arrival, **values: Any) -> Arrival:
    return replace(arrival, what=replace(_sample(arrival), **values))


def _late_by(arrival: Arrival, seconds: float) -> Arrival:
    return replace(arrival, at_s=arrival.at_s + seconds)


def _shifted(arrival: Arrival, seconds: float) -> Arrival:
    """Return a frame whose imager's clock is ahead."""
    return _changed(arrival, at=_sample(arrival).at + timedelta(seconds=seconds))


def _direction(draw: FaultDraw) -> Array:
    direction = draw.rng.standard_normal(3)
    return np.asarray(direction / np.linalg.norm(direction))


def out_of_order(frames: Sequence[Arrival], _: FaultDraw) -> list[Arrival]:
    """Return the first one after the second."""
    first, second, *rest = frames
    return [second, replace(first, at_s=second.at_s), *rest]


def repeated(frames: Sequence[Arrival], _: FaultDraw) -> list[Arrival]:
    """Return the first one twice."""
    first, second, *rest = frames
    return [first, replace(first, at_s=second.at_s), second, *rest]


def same_number(frames: Sequence[Arrival], _: FaultDraw) -> list[Arrival]:
    """Return the second with the number of the first."""
    first, second, *rest = frames
    return [first, _changed(second, number=_sample(first).number), *rest]


def counts_backwards(frames: Sequence[Arrival], _: FaultDraw) -> list[Arrival]:
    """Return frames whose numbers fall."""
    number = _sample(frames[0]).number
    return [_changed(frame, number=number - n) for n, frame in enumerate(frames)]


def stuck(frames: Sequence[Arrival], _: FaultDraw) -> list[Arrival]:
    """Return the first one for ever."""
    return [replace(frames[0], at_s=frame.at_s) for frame in frames]


def frozen_picture(frames: Sequence[Arrival], _: FaultDraw) -> list[Arrival]:
    """Return new frames with the picture of the first."""
    place = _sample(frames[0]).position_mm
    return [_changed(frame, position_mm=place) for frame in frames]


def frozen_clock(frames: Sequence[Arrival], _: FaultDraw) -> list[Arrival]:
    """Return new frames with the time of the first."""
    return [_changed(frame, at=_sample(frames[0]).at) for frame in frames]


def clock_ahead(frames: Sequence[Arrival], draw: FaultDraw) -> list[Arrival]:
    """Return frames of a clock that was set ahead, by more than the latency hides."""
    hidden_s = draw.stream.latency_s + 10.0 * draw.stream.jitter_s + draw.gate.period_s
    ahead_s = hidden_s + draw.gate.clock_skew_s + draw.rng.uniform(0.05, 3600.0)
    return [_shifted(frame, ahead_s) for frame in frames]


def clock_behind(frames: Sequence[Arrival], draw: FaultDraw) -> list[Arrival]:
    """Return frames of a clock that was set back by more than a frame."""
    back_s = 1.0 / draw.stream.rate_per_s + draw.rng.uniform(0.05, 3600.0)
    return [_shifted(frame, -back_s) for frame in frames]


def clock_gains(frames: Sequence[Arrival], draw: FaultDraw) -> list[Arrival]:
    """Return frames of a clock that runs too fast."""
    return [_shifted(frame, CREEP * (frame.at_s - draw.onset_s)) for frame in frames]


def clock_loses(frames: Sequence[Arrival], draw: FaultDraw) -> list[Arrival]:
    """Return frames of a clock that runs too slowly."""
    return [_shifted(frame, -CREEP * (frame.at_s - draw.onset_s)) for frame in frames]


def latency_grows(frames: Sequence[Arrival], draw: FaultDraw) -> list[Arrival]:
    """Return frames that arrive later and later."""
    return [_late_by(frame, CREEP * (frame.at_s - draw.onset_s)) for frame in frames]


def latency_jumps(frames: Sequence[Arrival], draw: FaultDraw) -> list[Arrival]:
    """Return frames that arrive too late for the beam to react in time."""
    left_s = draw.gate.longest_latency_s - draw.gate.system_latency_s
    return [_late_by(frame, left_s + draw.rng.uniform(0.01, 1.0)) for frame in frames]


def rate_drops(frames: Sequence[Arrival], draw: FaultDraw) -> list[Arrival]:
    """Return too few frames a second."""
    every = int(np.ceil(draw.stream.rate_per_s / (0.7 * draw.gate.fewest_per_s)))
    return list(frames[every - 1 :: every])


def gap(frames: Sequence[Arrival], draw: FaultDraw) -> list[Arrival]:
    """Return frames after a gap."""
    over_s = draw.onset_s + draw.gate.stale_s + draw.rng.uniform(0.3, 2.0) + draw.stream.latency_s
    return [frame for frame in frames if frame.at_s > over_s]


def silent(_: Sequence[Arrival], __: FaultDraw) -> list[Arrival]:
    """Return nothing."""
    return []


def vanished(frames: Sequence[Arrival], _: FaultDraw) -> list[Arrival]:
    """Return frames in which no marker is found."""
    seen = [_sample(frame) for frame in frames]
    return [
        replace(frame, what=Unseen(sample.at, sample.number, sample.source, "one marker of three found"))
        for frame, sample in zip(frames, seen, strict=True)
    ]


def poor(frames: Sequence[Arrival], draw: FaultDraw) -> list[Arrival]:
    """Return frames of a quality below what is asked for."""
    quality = draw.rng.uniform(0.0, 0.99) * draw.gate.least_quality
    return [_changed(frame, quality=quality, words="markers do not agree") for frame in frames]


def vague(frames: Sequence[Arrival], draw: FaultDraw) -> list[Arrival]:
    """Return frames that leave open along one direction where the target is."""
    along = _direction(draw)
    wide = (draw.gate.gate_mm * draw.rng.uniform(1.05, 5.0)) ** 2 * np.outer(along, along)
    return [_changed(frame, covariance_mm2=_sample(frame).covariance_mm2 + wide) for frame in frames]


def swapped(frames: Sequence[Arrival], draw: FaultDraw) -> list[Arrival]:
    """Return frames in which another marker is taken for the right one."""
    away_mm = _direction(draw) * draw.rng.uniform(6.0, 20.0)
    return [_changed(frame, position_mm=_sample(frame).position_mm + away_mm) for frame in frames]


def one_outlier(frames: Sequence[Arrival], draw: FaultDraw) -> list[Arrival]:
    """Return one frame in which another marker is taken for the right one."""
    return [*swapped(frames[:1], draw), *frames[1:]]


def another_source(frames: Sequence[Arrival], _: FaultDraw) -> list[Arrival]:
    """Return frames of another imager."""
    return [_changed(frame, source="another imager") for frame in frames]


def imager_fails(frames: Sequence[Arrival], draw: FaultDraw) -> list[Arrival]:
    """Return an error instead of a frame."""
    errors = (
        RuntimeError("lost buffer"),
        ValueError("bad header"),
        MemoryError(),
        OSError(5, "input/output"),
    )
    return [replace(frames[0], what=errors[draw.rng.integers(len(errors))])]


def rubbish(frames: Sequence[Arrival], draw: FaultDraw) -> list[Arrival]:
    """Return what is no frame at all."""
    things: tuple[Any, ...] = (None, 3.5, "frame", np.zeros(3))
    thing = things[draw.rng.integers(len(things))]
    return [replace(frame, what=thing) for frame in frames]


STREAM_FAULTS: Final[Mapping[str, StreamFault]] = MappingProxyType(
    {
        "out of order": StreamFault("two frames interchanged", out_of_order, _second_frame, lasts=False),
        "repeated": StreamFault("a frame comes twice", repeated, _second_frame, lasts=False),
        "same number": StreamFault("two frames with one number", same_number, _second_frame),
        "counts backwards": StreamFault("numbers fall", counts_backwards, _second_frame),
        "stuck": StreamFault("the same frame again and again", stuck, _second_frame),
        "frozen picture": StreamFault("new frames with an old picture", frozen_picture, _alike),
        "frozen clock": StreamFault("the imager's clock stands still", frozen_clock, _second_frame),
        "clock ahead": StreamFault("the imager's clock is set ahead", clock_ahead, _next_frame),
        "clock behind": StreamFault("the imager's clock is set back", clock_behind, _next_frame),
        "clock gains": StreamFault("the imager's clock runs too fast", clock_gains, _crept),
        "clock loses": StreamFault("the imager's clock runs too slowly", clock_loses, _crept),
        "latency grows": StreamFault("frames arrive later and later", latency_grows, _crept),
        "latency jumps": StreamFault("frames arrive too late", latency_jumps, _stale),
        "rate drops": StreamFault("too few frames a second", rate_drops, _slow_rate, lasts=False),
        "gap": StreamFault("frames are missing for a while", gap, _stale, lasts=False),
        "silent": StreamFault("no frames any more", silent, _stale),
        "vanished": StreamFault("a marker vanishes", vanished, _bridged),
        "poor": StreamFault("quality is lost", poor, _bridged),
        "vague": StreamFault("the position is known too badly", vague, _bridged),
        "swapped": StreamFault("another marker is taken for it", swapped, _next_frame, lasts=False),
        "outlier": StreamFault("another marker is taken for it once", one_outlier, _next_frame, lasts=False),
        "another source": StreamFault("frames of another imager", another_source, _next_frame),
        "imager fails": StreamFault("an exception in the imager", imager_fails, _next_frame),
        "rubbish": StreamFault("something that is no frame", rubbish, _next_frame),
    }
)
"""By name."""


def corrupted(
    arrivals: Sequence[Arrival], name: str, draw: FaultDraw, exposed_s: Sequence[float]
) -> list[Arrival]:
    """Return a stream that is right until the onset, and has the fault from then on.

    Parameters
    ----------
    arrivals
        Samples only, in the order of exposure.
    name
        Of the fault.
    draw
        Where it begins, and with what.
    exposed_s
        When each frame was exposed.
    """
    first = int(np.searchsorted(exposed_s, draw.onset_s))
    after = STREAM_FAULTS[name].corrupt(arrivals[first:], draw)
    return sorted([*arrivals[:first], *after], key=lambda arrival: arrival.at_s)
