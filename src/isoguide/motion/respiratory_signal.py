"""A respiratory signal, the breaths in it, and where in its breath a patient is at any time.

That place is counted in two ways. By time it is the phase: 0 % at the end of breathing in, as scanners count,
100 % at the next one, even in between. By depth it is how full the lungs are and whether they fill or empty;
what a deep or a shallow breath shows is then sorted by what it shows and not by when.

Coughs, gaps and held breaths belong to no breath. A signal without enough breaths that are alike is "not
available", with the reason.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import pairwise
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, signal

from isoguide.errors import InputError, MissingEvidenceError
from isoguide.geometry.frames import Array, frozen_array

Scale = Literal["count", "width"]
"""Depth by its share of the time spent below it, or by its share of the usual breath."""

FEWEST_SAMPLES: Final = 8
MEDIAN_S, SMOOTH_S, COUGH_MEDIAN_S = 0.7, 0.2, 1.1
"""A cough is over in half a second; breaths take more than one."""
FIRST_SHARE: Final = 0.15
"""Of the whole range of the signal: peaks that are looked at to find out how large a breath is."""
COUGH_SHARE: Final = 0.33
"""Of a usual breath: farther from the median of a second no breath goes."""
COUGH_SMOOTH_S: Final = 0.15
ABOVE_NOISE: Final = 3.0
"""A breath is at least so many times the noise: smoothed noise has peaks of once its own size."""
WANDERS: Final = 0.25
"""Median difference of neighbouring low points, as a share of a breath. Lungs empty to about one place: 0.01
to 0.17 on real chests, also while the patient talks; values that wander at random have 0.25 to 0.8."""
RESTS_SHARE: Final = 0.57
"""Share of the time above the middle of the usual breath beyond which a signal seems to stand on its head."""


@dataclass(frozen=True, slots=True, eq=False)
class RespiratorySignal:
    """How deep the patient breathes, over time.

    Parameters
    ----------
    seconds
        (n,), increasing; moments at which nothing was seen are left out.
    depth
        (n,), in any unit: more is more air in the lungs.
    source
        What it was measured with, in words.

    Raises
    ------
    InputError
        If the times do not increase, or there are too few.
    GeometryError
        If a number is not finite, or there are not as many depths as times.
    """

    seconds: Array
    depth: Array
    source: str = "respiratory signal"

    def __post_init__(self) -> None:
        seconds = frozen_array(self.seconds, (-1,), "the times of a respiratory signal")
        if len(seconds) < FEWEST_SAMPLES or (np.diff(seconds) <= 0.0).any():
            msg = (
                f"the {self.source} has no breath: at least {FEWEST_SAMPLES} samples are needed, each later "
                f"than the one before, not {len(seconds)} from {seconds[:1]} to {seconds[-1:]} s"
            )
            raise InputError(msg)
        object.__setattr__(self, "seconds", seconds)
        object.__setattr__(self, "depth", frozen_array(self.depth, (len(seconds),), "the depth of breathing"))


class Doubt(StrEnum):
    """Why a breath is not like the others."""

    COUGH = "a cough"
    GAP = "a gap in the signal"
    HELD = "a held breath"
    LONG = "a long breath"
    SHORT = "a short breath"
    DEEP = "a deep breath"
    SHALLOW = "a shallow breath"


SPOILT: Final = frozenset({Doubt.COUGH, Doubt.GAP, Doubt.HELD})
"""Breaths that say nothing, by time or by depth."""


@dataclass(frozen=True, slots=True)
class Breath:
    """One breath, from the end of breathing in to the next one; at ``out_s`` the lungs are emptiest.

    ``depth`` is that of its two ends, on average, above its lowest point.
    """

    start_s: float
    out_s: float
    end_s: float
    depth: float
    doubt: Doubt | None = None

    @property
    def length_s(self) -> float:
        """How long it takes."""
        return self.end_s - self.start_s


@dataclass(frozen=True, slots=True)
class BreathSettings:
    """What is taken for a breath.

    Parameters
    ----------
    shortest_s, longest_s
        A breath below is none (50 a minute), one above is held.
    least_share
        Of a usual breath: what rises less is no breath of its own.
    longest_gap_s
        Between samples; about a quarter of a breath.
    largest_ratio
        Of a breath's length to the median length, and of depths, at which it still is like the others;
        patients at rest vary by 10 to 20 per cent.
    fewest
        Breaths that have to be alike.
    least_alike
        Share of the breaths, and of the time between the first and the last, that has to be alike.

    Raises
    ------
    InputError
        If a value is impossible.
    """

    shortest_s: float = 1.2
    longest_s: float = 12.0
    least_share: float = 0.3
    longest_gap_s: float = 1.0
    largest_ratio: float = 1.7
    fewest: int = 4
    least_alike: float = 0.5

    def __post_init__(self) -> None:
        fits = 0.0 < self.shortest_s < self.longest_s and self.longest_gap_s > 0.0 and self.fewest >= 1
        shares = 0.0 < self.least_share < 1.0 < self.largest_ratio and 0.0 <= self.least_alike <= 1.0
        if not fits or not shares:
            msg = f"{self} describes no breath: give positive times, shares below 1 and a ratio above 1"
            raise InputError(msg)


@dataclass(frozen=True, slots=True, eq=False)
class Breaths:
    """What a respiratory signal says, or why it says nothing.

    Parameters
    ----------
    signal
        As measured.
    smooth
        (n,): its depths without coughs and noise, at the same times.
    all
        Every breath, in order.
    reasons
        Why there is no answer; empty when there is one.
    warnings
        What a person should know.
    low, high
        Depth at the end of breathing out and in of a usual breath.
    """

    signal: RespiratorySignal
    smooth: Array
    all: tuple[Breath, ...]
    reasons: tuple[str, ...]
    warnings: tuple[str, ...]
    low: float
    high: float

    @property
    def is_available(self) -> bool:
        """Whether there is an answer."""
        return not self.reasons

    @property
    def alike(self) -> tuple[Breath, ...]:
        """Breaths that are like most."""
        return tuple(one for one in self.all if one.doubt is None)

    @property
    def high_share(self) -> float:
        """Share of the time above the middle of a usual breath: below a half, as lungs rest when empty."""
        return float((self.smooth > 0.5 * (self.low + self.high)).mean())

    @property
    def period_s(self) -> float:
        """Median length of a breath.

        Raises
        ------
        MissingEvidenceError
            If the signal says nothing.
        """
        self._require()
        return float(np.median([one.length_s for one in self.alike]))

    def phase_percent(self, seconds: Array) -> Array:
        """Return the phase at times (n,): NaN outside the breaths that are like most.

        Raises
        ------
        MissingEvidenceError
            If the signal says nothing.
        """
        self._require()
        phase = np.full(len(seconds), np.nan)
        for breath in self.alike:
            inside = (seconds >= breath.start_s) & (seconds < breath.end_s)
            phase[inside] = 100.0 * (seconds[inside] - breath.start_s) / breath.length_s
        return phase

    def depth_percent(self, seconds: Array, scale: Scale = "width") -> tuple[Array, NDArray[np.bool_]]:
        """Return how full the lungs are at times (n,), and where they are filling, (n,).

        Parameters
        ----------
        seconds
            When.
        scale
            "width": 0 % at the end of breathing out of a usual breath, 100 % at the end of breathing in;
            deeper breaths have more. "count": the share of the time in which they are less full.

        Raises
        ------
        MissingEvidenceError
            If the signal says nothing.
        """
        self._require()
        depth = np.interp(seconds, self.signal.seconds, self.smooth)
        known, filling = self._unspoilt(seconds)
        if scale == "width":
            percent = 100.0 * (depth - self.low) / (self.high - self.low)
        else:
            even_s = np.arange(self.signal.seconds[0], self.signal.seconds[-1], 0.02)
            even_s = even_s[self._unspoilt(even_s)[0]]
            every = np.sort(np.interp(even_s, self.signal.seconds, self.smooth))
            percent = 100.0 * np.searchsorted(every, depth) / len(every)
        return np.where(known, percent, np.nan), filling

    def cycle_percent(self, seconds: Array, scale: Scale = "width") -> Array:
        """Return the place in the cycle by depth: 0 % lungs full, 50 % empty, below emptying, above filling.

        NaN where the breath is spoilt. Depths beyond the usual breath are taken for its ends only as far as
        ``scale`` is "count": by width they are NaN when farther than a tenth of it.

        Raises
        ------
        MissingEvidenceError
            If the signal says nothing.
        """
        percent, filling = self.depth_percent(seconds, scale)
        percent = np.where((percent < -10.0) | (percent > 110.0), np.nan, np.clip(percent, 0.0, 100.0))
        half = percent / 2.0
        return np.where(filling, 50.0 + half, 50.0 - half) % 100.0

    def _unspoilt(self, seconds: Array) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        known, filling = np.zeros(len(seconds), dtype=bool), np.zeros(len(seconds), dtype=bool)
        for breath in self.all:
            if breath.doubt in SPOILT:
                continue
            inside = (seconds >= breath.start_s) & (seconds < breath.end_s)
            known |= inside
            filling |= inside & (seconds >= breath.out_s)
        return known, filling

    def _require(self) -> None:
        if self.reasons:
            msg = f"the breath is not available from the {self.signal.source}: {'; '.join(self.reasons)}"
            raise MissingEvidenceError(msg)


def find_breaths(respiratory: RespiratorySignal, settings: BreathSettings | None = None) -> Breaths:
    """Find the breaths of a signal.

    Parameters
    ----------
    respiratory
        The signal; samples need not be evenly spaced.
    settings
        What is taken for a breath.
    """
    settings = settings or BreathSettings()
    even = _Even.of(respiratory)
    peaks, height = _ends_of_breathing_in(even, settings)
    breaths = _judged(_between(even, peaks), even, respiratory, height, settings)
    alike = [one for one in breaths if one.doubt is None]
    reasons = _reasons(even, breaths, height, settings)
    low, high = float("nan"), float("nan")
    if alike:
        low = float(np.median([even.at(one.out_s) for one in alike]))
        high = float(np.median([even.at(end) for one in alike for end in (one.start_s, one.end_s)]))
    smooth = frozen_array(np.interp(respiratory.seconds, even.seconds, even.smooth), (-1,), "smooth depths")
    found = Breaths(respiratory, smooth, tuple(breaths), reasons, (), low, high)
    return found if reasons else replace(found, warnings=_warnings(found))


@dataclass(frozen=True, slots=True, eq=False)
class _Even:
    """The signal at even times, as it is and without coughs and noise."""

    seconds: Array
    depth: Array
    smooth: Array
    noise: float

    @property
    def step_s(self) -> float:
        return float(self.seconds[1] - self.seconds[0])

    @classmethod
    def of(cls, respiratory: RespiratorySignal) -> "_Even":
        seconds = respiratory.seconds
        step_s = max(float(np.median(np.diff(seconds))), 0.02)
        even_s = np.arange(seconds[0], seconds[-1] + 1e-9, step_s)
        depth = np.interp(even_s, seconds, respiratory.depth)
        without = _median(depth, MEDIAN_S / step_s)
        smooth = ndimage.gaussian_filter1d(without, SMOOTH_S / step_s, mode="nearest")
        # White noise from second differences: breathing is much slower than samples follow each other.
        second = depth[2:] - 2.0 * depth[1:-1] + depth[:-2]
        return cls(even_s, depth, smooth, float(np.median(np.abs(second)) / 0.6745 / np.sqrt(6.0)))

    def at(self, second: float) -> float:
        return float(np.interp(second, self.seconds, self.smooth))


def _median(depth: Array, samples: float) -> Array:
    size = 2 * int(samples / 2.0) + 1
    return np.asarray(ndimage.median_filter(depth, size, mode="nearest"), dtype=np.float64)


def _ends_of_breathing_in(even: _Even, settings: BreathSettings) -> tuple[Array, float]:
    """Return when the lungs are fullest, and the height of a usual breath."""
    low, high = np.quantile(even.smooth, (0.02, 0.98))
    apart = max(settings.shortest_s / even.step_s, 1.0)
    _, seen = signal.find_peaks(
        even.smooth, distance=apart, prominence=max(FIRST_SHARE * (high - low), 1e-12)
    )
    height = float(np.median(seen["prominences"])) if len(seen["prominences"]) else 0.0
    if height <= 0.0:
        return np.empty(0), 0.0
    peaks, _ = signal.find_peaks(even.smooth, distance=apart, prominence=settings.least_share * height)
    return np.array([_vertex(even, int(peak)) for peak in peaks]), height


def _vertex(even: _Even, peak: int) -> float:
    """Fit a parabola to the highest sample and its neighbours; return its time."""
    before, here, after = even.smooth[peak - 1 : peak + 2]
    bend = before - 2.0 * here + after
    shift = 0.5 * (before - after) / bend if bend < 0.0 else 0.0
    return float(even.seconds[peak] + np.clip(shift, -0.5, 0.5) * even.step_s)


def _between(even: _Even, peaks_s: Array) -> list[Breath]:
    breaths = []
    for start_s, end_s in pairwise(peaks_s):
        inside = np.flatnonzero((even.seconds > start_s) & (even.seconds < end_s))
        lowest = even.smooth[inside].min()
        # Lungs rest when they are empty: the middle of that rest is steadier than its lowest sample.
        ends = 0.5 * (even.at(start_s) + even.at(end_s))
        rest = inside[even.smooth[inside] <= lowest + 0.1 * max(ends - lowest, 0.0)]
        out_s = float(even.seconds[rest].mean())
        breaths.append(Breath(float(start_s), out_s, float(end_s), float(ends - lowest)))
    return breaths


def _judged(
    breaths: Sequence[Breath],
    even: _Even,
    respiratory: RespiratorySignal,
    height: float,
    settings: BreathSettings,
) -> list[Breath]:
    """Say of each breath whether, and in what, it is unlike the others."""
    if not breaths:
        return []
    off = even.depth - _median(even.depth, COUGH_MEDIAN_S / even.step_s)
    off = np.abs(ndimage.gaussian_filter1d(off, COUGH_SMOOTH_S / even.step_s, mode="nearest"))
    coughs_s = even.seconds[off > COUGH_SHARE * height + 2.0 * even.noise]
    gaps = np.flatnonzero(np.diff(respiratory.seconds) > settings.longest_gap_s)
    length_s = float(np.median([one.length_s for one in breaths]))
    depth = float(np.median([one.depth for one in breaths]))
    judged = []
    for one in breaths:
        cough = bool(((coughs_s >= one.start_s) & (coughs_s <= one.end_s)).any())
        starts, ends = respiratory.seconds[gaps], respiratory.seconds[gaps + 1]
        gap = bool(((ends > one.start_s) & (starts < one.end_s)).any())
        doubt = _doubt(one, cough=cough, gap=gap, usual=(length_s, depth), settings=settings)
        judged.append(Breath(one.start_s, one.out_s, one.end_s, one.depth, doubt))
    return judged


def _doubt(
    breath: Breath, *, cough: bool, gap: bool, usual: tuple[float, float], settings: BreathSettings
) -> Doubt | None:
    length, depth = breath.length_s / usual[0], breath.depth / max(usual[1], 1e-12)
    most = settings.largest_ratio
    found = (
        (gap, Doubt.GAP),
        (cough, Doubt.COUGH),
        (breath.length_s > settings.longest_s, Doubt.HELD),
        (length > most, Doubt.LONG),
        (length < 1.0 / most, Doubt.SHORT),
        (depth > most, Doubt.DEEP),
        (depth < 1.0 / most, Doubt.SHALLOW),
    )
    return next((doubt for holds, doubt in found if holds), None)


def _reasons(
    even: _Even, breaths: Sequence[Breath], height: float, settings: BreathSettings
) -> tuple[str, ...]:
    lasts_s = even.seconds[-1] - even.seconds[0]
    if height <= ABOVE_NOISE * even.noise:
        return (f"in {lasts_s:.0f} s nothing rises above the noise as a breath does",)
    alike = [one for one in breaths if one.doubt is None]
    others = {doubt: sum(one.doubt is doubt for one in breaths) for doubt in Doubt}
    told = ", ".join(f"{count} with {doubt}" for doubt, count in others.items() if count)
    told = f" (and {told})" if told else ""
    if len(alike) < settings.fewest:
        at_least = f"at least {settings.fewest} are needed"
        return (f"there are {len(alike)} breaths that are alike in {lasts_s:.0f} s{told}: {at_least}",)
    share = sum(one.length_s for one in alike) / (breaths[-1].end_s - breaths[0].start_s)
    if min(share, len(alike) / len(breaths)) < settings.least_alike:
        return (f"only {len(alike)} of {len(breaths)} breaths are alike{told}: he breathes too irregularly",)
    lows = np.array([even.at(one.out_s) for one in breaths])
    wanders = float(np.median(np.abs(np.diff(lows))) / np.median([one.depth for one in breaths]))
    if wanders > WANDERS:
        return (
            f"where the lungs are empty moves by {100.0 * wanders:.0f} % of a breath from breath to breath",
        )
    return ()


def _warnings(found: Breaths) -> tuple[str, ...]:
    told = []
    odd = len(found.all) - len(found.alike)
    if odd:
        told.append(f"{odd} of {len(found.all)} breaths are unlike the others")
    if found.high_share > RESTS_SHARE:
        told.append(
            f"the {found.signal.source} stays high for {100.0 * found.high_share:.0f} % of the time, but "
            "lungs rest when they are empty: check that more means breathing in"
        )
    return tuple(told)
