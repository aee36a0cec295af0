"""Is what watches the target still to be believed? Each way not to has its own reason.

What may mend itself is a doubt; what may not is a :class:`WatchFaultError`. Nothing here reads a clock.
"""

from collections import deque
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import numpy as np

from isoguide.errors import DeviceError
from isoguide.geometry.frames import Array
from isoguide.motion.gate_settings import GateSettings
from isoguide.motion.prediction import Prediction
from isoguide.motion.sample import Sighting, TargetSample, Unseen

ALIKE_FRAMES: Final = 3
"""So many frames in a row with the same position to the last bit are one picture: noise never repeats."""
RATE_FRAMES: Final = 5
"""Frames that a rate is counted over, and that beam needs at least."""
DRIFT_WINDOW_S: Final = 1.0
DRIFT_FRAMES: Final = 64
"""Most frames that the age is compared over; the newest count."""
JUMP_CHI_SQUARE: Final = 30.66
"""Of three degrees of freedom: one still frame in a million is farther from where it was expected."""
LEAST_JUMP: Final = 0.25
"""Share of the gate's radius: a smaller displacement is judged by the probability alone."""
HOME_CHI_SQUARE: Final = 16.27
"""Of three degrees of freedom, 1 in 1000: after a jump the target has to come back to where it used to be."""
HOME_SIGMA_MM: Final = 0.3
"""A place is not known better than this from some seconds of watching."""


class WatchFaultError(DeviceError):
    """What watches the target contradicts itself: it is not to be believed until somebody has looked."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What one frame is worth.

    ``sample`` is there where it can be used; ``doubt`` closes the gate at once; ``missed`` says why a frame
    shows no usable target, of which a few in a row may be bridged.
    """

    sample: TargetSample | None = None
    doubt: str = ""
    missed: str = ""


class FrameOrder:
    """Holds that the frames of one source are new, each once, in the order in which they were exposed."""

    def __init__(self) -> None:
        self._newest: Sighting | None = None

    def reset(self) -> None:
        """Expect any frame."""
        self._newest = None

    @property
    def has_begun(self) -> bool:
        """Whether a frame has been seen."""
        return self._newest is not None

    def doubt(self, frame: Sighting) -> str:
        """Return why a frame does not follow the newest one; empty if it does, which makes it the newest.

        Raises
        ------
        WatchFaultError
            If numbers, times and source contradict each other.
        """
        newest = self._newest
        if newest is None:
            self._newest = frame
            return ""
        if frame.source != newest.source:
            msg = f"frames come from '{frame.source}' instead of '{newest.source}'"
            raise WatchFaultError(msg)
        if frame.number == newest.number:
            if frame.at != newest.at:
                msg = f"two frames bear the number {frame.number}"
                raise WatchFaultError(msg)
            return f"the imager repeats its frame {frame.number}"
        if frame.at == newest.at:
            return f"the clock of the imager stands still at frame {frame.number}"
        if (frame.number > newest.number) is not (frame.at > newest.at):
            msg = f"numbers and times of the frames {newest.number} and {frame.number} contradict each other"
            raise WatchFaultError(msg)
        if frame.number < newest.number:
            return f"frame {frame.number} arrives after frame {newest.number}"
        self._newest = frame
        return ""


class FrameAges:
    """Holds that frames arrive as fast as they did at first: an age that creeps is a clock that drifts.

    A frame has arrived at some time between two looks, so that its age on arrival is known between two
    bounds. Ages differ by more than ``most_s`` only where the bounds do.
    """

    def __init__(self, most_s: float) -> None:
        self._most_s = most_s
        self._bounds_s: deque[tuple[float, float, float]] = deque(maxlen=DRIFT_FRAMES)
        self.reset()

    def reset(self) -> None:
        """Learn anew how old frames arrive."""
        self._bounds_s.clear()
        self._first_s: float | None = None
        self._frames = 0
        self._oldest_at_first_s = self._youngest_at_first_s = float("inf")

    def see(self, seconds: float, at_least_s: float, at_most_s: float) -> None:
        """Take in the bounds of a frame's age on arrival, at a time in seconds."""
        if self._first_s is None:
            self._first_s = seconds
        self._frames += 1
        if self._frames <= RATE_FRAMES or seconds - self._first_s <= DRIFT_WINDOW_S:
            self._youngest_at_first_s = min(self._youngest_at_first_s, at_least_s)
            self._oldest_at_first_s = min(self._oldest_at_first_s, at_most_s)
        self._bounds_s.append((seconds, at_least_s, at_most_s))

    def doubt(self, now_s: float) -> str:
        """Return how the ages have crept; empty if they have not."""
        if self._frames <= RATE_FRAMES:
            return ""
        count = len(self._bounds_s)
        recent = [
            bounds
            for n, bounds in enumerate(self._bounds_s)
            if count - n <= RATE_FRAMES or now_s - bounds[0] <= DRIFT_WINDOW_S
        ]
        later_s = min(bounds[1] for bounds in recent) - self._oldest_at_first_s
        sooner_s = self._youngest_at_first_s - min(bounds[2] for bounds in recent)
        if later_s > self._most_s:
            return f"frames arrive {later_s:.2f} s later than at first, or clocks drift apart"
        if sooner_s > self._most_s:
            return f"frames arrive {sooner_s:.2f} s sooner than at first, or clocks drift apart"
        return ""


class Home:
    """Where the target used to be when it jumped: it counts as found again only there.

    A marker that was taken for another, or one that has moved, stays away; so does a patient who has moved.
    """

    def __init__(self, places_mm: Array) -> None:
        self._middle_mm = places_mm.mean(axis=0)
        away_mm = places_mm - self._middle_mm
        self._covariance_mm2 = away_mm.T @ away_mm / len(places_mm) + HOME_SIGMA_MM**2 * np.eye(3)

    def has(self, sample: TargetSample) -> bool:
        """Whether a sample shows the target where it used to be."""
        covariance = self._covariance_mm2 + sample.covariance_mm2
        return chi_square(sample.position_mm - self._middle_mm, covariance) <= HOME_CHI_SQUARE


def chi_square(away_mm: Array, covariance_mm2: Array) -> float:
    """Return the squared distance in standard deviations, (3,) and (3, 3)."""
    return float(away_mm @ np.linalg.solve(covariance_mm2, away_mm))


def jumped_mm(sample: TargetSample, expected: Prediction, settings: GateSettings) -> float:
    """Return how far the target is from where it was expected, if no target moves like that; otherwise 0."""
    away_mm = sample.position_mm - expected.position_mm
    distance_mm = float(np.linalg.norm(away_mm))
    if distance_mm <= LEAST_JUMP * settings.gate_mm:
        return 0.0
    covariance = expected.covariance_mm2 + sample.covariance_mm2
    return distance_mm if chi_square(away_mm, covariance) > JUMP_CHI_SQUARE else 0.0


class Watchfulness:
    """Judges each frame on arrival, and between frames how long ago the last good one is.

    Parameters
    ----------
    settings
        What the gate demands.
    """

    def __init__(self, settings: GateSettings) -> None:
        self._settings = settings
        self._order = FrameOrder()
        self._ages = FrameAges(settings.clock_skew_s)
        self._good_at: deque[datetime] = deque(maxlen=RATE_FRAMES)
        self._alike = 0
        self._last_mm: Array | None = None
        self._missed: str = ""
        self._missed_frames = 0

    def reset(self, now: datetime) -> None:
        """Begin at a time: what was exposed before does not count."""
        self._begin = now
        self._order.reset()
        self._ages.reset()
        self._good_at.clear()
        self._alike, self._last_mm = 0, None
        self._missed, self._missed_frames = "", 0

    @property
    def newest_good_at(self) -> datetime | None:
        """When the newest usable frame was exposed."""
        return self._good_at[-1] if self._good_at else None

    def judge(self, frame: Sighting, now: datetime, looked_at: datetime) -> Finding:
        """Judge a frame that arrived between ``looked_at`` and ``now``.

        Raises
        ------
        WatchFaultError
            If the frames contradict each other or the clock.
        """
        age_s = (now - frame.at).total_seconds()
        if age_s < -self._settings.clock_skew_s:
            msg = f"a frame is {-age_s:.2f} s ahead of now: the clocks of imager and monitor disagree"
            raise WatchFaultError(msg)
        if frame.at < self._begin and not self._order.has_begun:
            return Finding()
        doubt = self._order.doubt(frame)
        if doubt:
            return Finding(doubt=doubt)
        self._ages.see((now - self._begin).total_seconds(), (looked_at - frame.at).total_seconds(), age_s)
        missed = self._why_missed(frame)
        if missed or isinstance(frame, Unseen):
            self._missed_frames += 1
            self._missed = missed
            return Finding(missed=missed)
        return Finding(frame, doubt=self._late(age_s) or self._frozen(frame))

    def accept(self, sample: TargetSample) -> None:
        """Count a sample as a good one."""
        self._good_at.append(sample.at)
        self._missed, self._missed_frames = "", 0

    def doubt(self, now: datetime) -> str:
        """Return why the data as a whole do not say where the target is now; empty if they do."""
        settings = self._settings
        newest = self.newest_good_at
        age_s = (now - (newest or self._begin)).total_seconds()
        if age_s > settings.stale_s:
            return self._missed or f"no new image of the target for {age_s:.1f} s"
        if self._missed_frames > settings.bridged_frames:
            return self._missed
        if newest is not None and len(self._good_at) == RATE_FRAMES:
            span_s = (now - self._good_at[0]).total_seconds()
            if settings.fewest_per_s * span_s > RATE_FRAMES:
                return f"only {RATE_FRAMES / span_s:.1f} images of the target a second"
        return self._ages.doubt((now - self._begin).total_seconds())

    def obstacle(self) -> str:
        """Return why a gate that is closed may not open yet, though nothing is in doubt; empty if it may."""
        if len(self._good_at) < RATE_FRAMES:
            return "waiting for images of the target"
        return self._missed

    def _why_missed(self, frame: Sighting) -> str:
        if isinstance(frame, Unseen):
            return f"target not seen: {frame.reason}"
        if frame.quality < self._settings.least_quality:
            return f"target seen poorly: {frame.words or f'quality {frame.quality:.2f}'}"
        covariance = frame.covariance_mm2
        limit_mm2 = self._settings.gate_mm**2
        if covariance.trace() > limit_mm2 and np.linalg.eigvalsh(covariance)[-1] > limit_mm2:
            sigma_mm = float(np.sqrt(np.linalg.eigvalsh(covariance)[-1]))
            return f"target known to {sigma_mm:.1f} mm only, wider than the gate"
        return ""

    def _late(self, age_s: float) -> str:
        total_s = age_s + self._settings.system_latency_s
        if total_s <= self._settings.longest_latency_s:
            return ""
        return f"beam would react only {total_s:.2f} s after the image"

    def _frozen(self, sample: TargetSample) -> str:
        same = self._last_mm is not None and bool((sample.position_mm == self._last_mm).all())
        self._alike = self._alike + 1 if same else 1
        self._last_mm = sample.position_mm
        return f"the last {self._alike} images are the same" if self._alike >= ALIKE_FRAMES else ""
