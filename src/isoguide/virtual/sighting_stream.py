"""What an imager says of a virtual target: frames with noise, latency and jitter, and the truth."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

import numpy as np

from isoguide.geometry.frames import Array
from isoguide.motion.sample import Sighting, TargetSample
from isoguide.virtual.breathing import MEAN_VOLUME, Breathing
from isoguide.virtual.prostate_motion import ProstateMotion
from isoguide.virtual.setting_limits import require

ALONG_BREATH: Final = (0.08, -0.92, 0.38)
"""Where a liver goes in IEC fixed with a breath in, supine and head first: to the feet and forwards."""
ACROSS_BREATH: Final = (0.0, 0.38, 0.92)
"""Where the way in differs from the way out."""


@dataclass(frozen=True, slots=True)
class StreamSettings:
    """How the target is imaged.

    Parameters
    ----------
    rate_per_s
        Frames a second.
    latency_s, jitter_s
        From exposure to arrival: the least, and the mean of what comes on top.
    sigma_mm
        Standard deviation of the noise along lateral, longitudinal, vertical.

    Raises
    ------
    InputError
        If a value is impossible.
    """

    rate_per_s: float = 10.0
    latency_s: float = 0.06
    jitter_s: float = 0.005
    sigma_mm: tuple[float, float, float] = (0.3, 0.3, 0.3)

    def __post_init__(self) -> None:
        require("rate_per_s of the frames", self.rate_per_s, 0.1, 200.0)
        require("latency_s of the frames", self.latency_s, 0.0, 10.0)
        require("jitter_s of the frames", self.jitter_s, 0.0, 1.0)


@dataclass(frozen=True, slots=True)
class Arrival:
    """Something that comes from an imager: a frame, or an error instead of one."""

    at_s: float
    what: Sighting | Exception


Truth = Callable[[float], Array]
"""Where the target is minus where the plan wants it, IEC fixed, mm, at a second."""


def breathing_truth(breathing: Breathing, rng: np.random.Generator) -> Truth:
    """Return the way of a target below the diaphragm, planned where it is after breathing out."""
    trace = breathing.draw(rng)
    along, across = np.array(ALONG_BREATH), np.array(ACROSS_BREATH)

    def truth(seconds: float) -> Array:
        depth, flow = trace.at(seconds)
        out = (depth + MEAN_VOLUME) * breathing.peak_to_peak_mm * along
        return np.asarray(out + 0.5 * flow * breathing.hysteresis_mm * across)

    return truth


def prostate_truth(motion: ProstateMotion, rng: np.random.Generator) -> Truth:
    """Return the way of a prostate of a patient who lies supine and head first."""
    trace = motion.draw(rng)

    def truth(seconds: float) -> Array:
        x, y, z = trace.at(seconds)
        return np.array([x, z, -y])

    return truth


def draw_arrivals(
    truth: Truth,
    settings: StreamSettings,
    *,
    started_at: datetime,
    seconds: float,
    rng: np.random.Generator,
) -> list[Arrival]:
    """Return all frames of a stream in the order of arrival.

    Parameters
    ----------
    truth
        Where the target is.
    settings
        How it is imaged.
    started_at
        Second 0, aware.
    seconds
        Length of the stream.
    rng
        Where noise and jitter are drawn from.
    """
    arrivals = []
    covariance = np.diag(np.square(settings.sigma_mm))
    latest_s = 0.0
    for number in range(int(seconds * settings.rate_per_s)):
        exposed_s = number / settings.rate_per_s
        place_mm = truth(exposed_s) + rng.standard_normal(3) * settings.sigma_mm
        at = started_at + timedelta(seconds=exposed_s)
        sample = TargetSample(place_mm, covariance, at, number, "virtual imager", 1.0, "all markers seen")
        # One line carries the frames, so that a quick one waits for a slow one before it.
        latest_s = max(latest_s, exposed_s + settings.latency_s + rng.exponential(settings.jitter_s))
        arrivals.append(Arrival(latest_s, sample))
    return arrivals


@dataclass
class StreamWatch:
    """Hands frames to a gate when they arrive; a :class:`~isoguide.motion.gating.TargetWatch`."""

    arrivals: Sequence[Arrival]
    started_at: datetime
    source: str = "virtual imager"
    taken: int = field(default=0, repr=False)

    def start(self) -> None:
        """Nothing has to be begun."""

    def stop(self) -> None:
        """Nothing has to be ended."""

    def take(self, now: datetime) -> list[Sighting]:
        """Return what has arrived since the last call.

        Raises
        ------
        Exception
            What the stream holds instead of a frame.
        """
        now_s = (now - self.started_at).total_seconds()
        frames: list[Sighting] = []
        while self.taken < len(self.arrivals) and self.arrivals[self.taken].at_s <= now_s:
            what = self.arrivals[self.taken].what
            self.taken += 1
            if isinstance(what, Exception):
                raise what
            frames.append(what)
        return frames
