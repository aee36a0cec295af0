"""What a marker on the chest says of where the target is: a correlation that each X-ray checks and renews.

The model is linear in the height of the marker, in its speed, because the way in is not the way out, and in
time, because baselines inside and outside drift apart: like the CyberKnife's Synchrony (Hoogeman et al., Int
J Radiat Oncol Biol Phys 74:297, 2009) with the hysteresis term of Low et al. (63:921, 2005). Nothing is said
of the target before enough X-rays were taken, when the last is too old, or once one of them disagreed.
"""

import math
from collections import deque
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import numpy as np
from scipy.stats import chi2

from isoguide.errors import InputError
from isoguide.geometry.frames import Array
from isoguide.motion.sample import Sighting, TargetSample, Unseen

AXES: Final = 3
KEPT_S: Final = 5.0
"""Readings older than that are not asked for: an X-ray has been worked out by then."""
FEWEST_FOR_SPEED: Final = 3
AGREE_SHARE: Final = 0.95
AGREE: Final = float(chi2.ppf(AGREE_SHARE, AXES))
FARTHEST: Final = 50.0
"""Squared distances of X-rays, in standard deviations, count no more: one may be of another thing."""
LEAST_XRAYS: Final = 6
"""Four coefficients for each axis, and something left over to tell how well they fit."""
RESUME_AFTER: Final = 2
"""So many X-rays in a row that agree with the model before one that did not make that one the odd one out."""
NEWEST: Final = 5
"""X-rays whose agreement counts for the quality."""
BEYOND: Final = 0.5
"""Beyond the heights seen so far the slope may be wrong by this share of itself."""
DRIFT_MM2_PER_S: Final = 0.01
"""By which an answer becomes less sure since the last X-ray: a baseline's walk of 0.8 mm in a minute."""
CHECKS: Final = 10
"""X-rays by which the size of the errors is judged: each is compared with the model before it is learned."""
TRUSTED: Final = 5.0
"""Checks that the model's own opinion of its errors counts for."""
STATED: Final = 3.0
"""X-rays that what they state of their own errors counts for, when residuals are judged."""
SLOPE: Final = 1
"""Its place among the coefficients."""


@dataclass(frozen=True, slots=True)
class SurrogateSettings:
    """How the model learns, and when it may answer.

    Parameters
    ----------
    fewest_xrays
        Before it answers; they should be spread over the breath.
    most_xrays
        The newest ones that count.
    forgetting
        Weight of an X-ray against the one after it.
    longest_age_s
        Of the last X-ray.
    disagreement
        Probability of an X-ray as far from the model as that, below which the model is not believed any more.
    speed_s
        The speed of the marker is the slope of its readings over so long.
    residual_mm
        What X-rays differ from the model by at first sight: how strongly the following hold.
    slope, hysteresis_s, drift_mm_per_s
        Standard deviations expected of mm per mm of the marker, of mm per mm/s, and of mm per second.

    Raises
    ------
    InputError
        If a value is impossible.
    """

    fewest_xrays: int = 8
    most_xrays: int = 20
    forgetting: float = 0.95
    longest_age_s: float = 60.0
    disagreement: float = 0.001
    speed_s: float = 0.4
    residual_mm: float = 0.5
    slope: float = 3.0
    hysteresis_s: float = 1.0
    drift_mm_per_s: float = 0.03

    def __post_init__(self) -> None:
        for name in self.__slots__:
            value = getattr(self, name)
            if not (math.isfinite(value) and value > 0.0):
                msg = f"{name} of the chest marker's model is {value}: give a positive number"
                raise InputError(msg)
        if self.forgetting > 1.0 or self.disagreement >= 1.0 - AGREE_SHARE:
            msg = (
                f"forgetting {self.forgetting:g} of the chest marker's model has to be 1 or less, and "
                f"disagreement {self.disagreement:g} less than {1.0 - AGREE_SHARE:g}"
            )
            raise InputError(msg)
        if not LEAST_XRAYS <= self.fewest_xrays <= self.most_xrays:
            msg = (
                f"fewest_xrays of the chest marker's model is {self.fewest_xrays}: it has to lie between "
                f"{LEAST_XRAYS} and most_xrays, {self.most_xrays}"
            )
            raise InputError(msg)


@dataclass(frozen=True, slots=True)
class SurrogateReading:
    """One reading of what is seen outside.

    Parameters
    ----------
    number
        Each reading has its own.
    at
        When it was taken, aware UTC.
    value_mm
        Height of the marker; NaN where it was not seen.

    Raises
    ------
    InputError
        If the time has no zone, or the height is infinite.
    """

    number: int
    at: datetime
    value_mm: float

    def __post_init__(self) -> None:
        if self.at.tzinfo is None:
            msg = f"a reading of the chest marker has the time {self.at} without a time zone: give UTC"
            raise InputError(msg)
        if math.isinf(self.value_mm):
            msg = f"the chest marker cannot be at {self.value_mm} mm: give NaN where it was not seen"
            raise InputError(msg)


@dataclass(frozen=True, slots=True, eq=False)
class _Pair:
    """Marker and target at the time of an X-ray."""

    at_s: float
    value_mm: float
    speed_mm_s: float
    position_mm: Array
    covariance_mm2: Array


@dataclass(frozen=True, slots=True, eq=False)
class _Fit:
    """The model as of its last X-ray: coefficients (4, 3), their spread for a residual of 1, the residual."""

    at_s: float
    middle_mm: float
    coefficients: Array
    spread: Array
    residual_mm2: Array
    lowest_mm: float
    highest_mm: float

    def features(self, at_s: float, value_mm: float, speed_mm_s: float) -> Array:
        return np.array([1.0, value_mm - self.middle_mm, speed_mm_s, at_s - self.at_s])

    def expect(self, at_s: float, value_mm: float, speed_mm_s: float) -> tuple[Array, Array]:
        """Return where the target is and the covariance of that, (3,) and (3, 3)."""
        features = self.features(at_s, value_mm, speed_mm_s)
        leverage = float(features @ self.spread @ features)
        beyond_mm = max(self.lowest_mm - value_mm, value_mm - self.highest_mm, 0.0)
        away_mm = BEYOND * beyond_mm * self.coefficients[SLOPE]
        drift_mm2 = DRIFT_MM2_PER_S * max(at_s - self.at_s, 0.0)
        covariance = (1.0 + leverage) * self.residual_mm2 + np.outer(away_mm, away_mm)
        return features @ self.coefficients, covariance + drift_mm2 * np.eye(AXES)


class SurrogateModel:
    """Tells from the marker outside where the target is inside.

    Hand every reading to :meth:`sample`; with each X-ray ask :meth:`signal_at` what the marker did at that
    time, and hand both to :meth:`learn`.

    Parameters
    ----------
    settings
        How it learns.
    source
        What the samples are said to come from.
    """

    def __init__(
        self, settings: SurrogateSettings = SurrogateSettings(), source: str = "chest marker"
    ) -> None:
        self.settings = settings
        self.source = source
        self.reset()

    def reset(self) -> None:
        """Forget everything."""
        self._began: datetime | None = None
        self._readings: deque[tuple[float, float]] = deque()
        self._pairs: deque[_Pair] = deque(maxlen=self.settings.most_xrays)
        self._disagreeing: list[_Pair] = []
        self._checks: deque[float] = deque(maxlen=CHECKS)
        self._agreed: deque[bool] = deque(maxlen=NEWEST)
        self._fit: _Fit | None = None
        self._newest_xray_s = -math.inf

    @property
    def is_doubted(self) -> bool:
        """Whether an X-ray disagreed, and no more of them have settled which is right."""
        return bool(self._disagreeing)

    def signal_at(self, at: datetime) -> tuple[float, float] | None:
        """Return height and speed of the marker at the time of an X-ray, in mm and mm/s.

        None where it was not seen around that time, or where no reading has come since: ask again then.
        """
        at_s = self._seconds(at)
        before = [reading for reading in self._readings if reading[0] <= at_s]
        after = [reading for reading in self._readings if reading[0] >= at_s]
        if not before or not after or after[0][0] - before[-1][0] > self.settings.speed_s:
            return None
        value_mm = float(np.interp(at_s, [before[-1][0], after[0][0]], [before[-1][1], after[0][1]]))
        speed_mm_s = self._speed([*before, (at_s, value_mm)] if before[-1][0] < at_s else before)
        return None if speed_mm_s is None else (value_mm, speed_mm_s)

    def learn(self, value_mm: float, speed_mm_s: float, sample: TargetSample) -> None:
        """Take in an X-ray.

        Parameters
        ----------
        value_mm, speed_mm_s
            Of the marker when it was exposed, from :meth:`signal_at`.
        sample
            Where the X-ray shows the target.

        Raises
        ------
        InputError
            If a number is not finite, or the X-ray is not later than all before; nothing has changed then.
        """
        if not (math.isfinite(value_mm) and math.isfinite(speed_mm_s)):
            msg = f"the marker has the height {value_mm} and the speed {speed_mm_s}: learn where it was seen"
            raise InputError(msg)
        at_s = self._seconds(sample.at)
        if at_s <= self._newest_xray_s:
            msg = f"the X-ray of {sample.at} is not later than the one before: give each once, in order"
            raise InputError(msg)
        self._newest_xray_s = at_s
        pair = _Pair(at_s, value_mm, speed_mm_s, sample.position_mm, sample.covariance_mm2)
        away = self._away(pair)
        if away is not None:
            self._checks.append(min(away, FARTHEST))
            self._agreed.append(away <= AGREE)
        if away is None or (away <= self._too_far and not self._disagreeing):
            self._pairs.append(pair)
        else:
            self._settle(pair)
        if not self._disagreeing and len(self._pairs) >= self.settings.fewest_xrays:
            self._fit = _fitted(self._pairs, self.settings)

    def sample(self, reading: SurrogateReading) -> Sighting:
        """Say where the target is by a reading, or why that cannot be told."""
        signal, reason = self._signal(reading)
        if signal is not None:
            reason = self._obstacle(self._seconds(reading.at))
        if signal is None or reason or self._fit is None:
            return Unseen(reading.at, reading.number, self.source, reason)
        at_s = self._seconds(reading.at)
        position_mm, covariance = self._fit.expect(at_s, *signal)
        covariance = self._looseness * covariance
        age_s = max(at_s - self._newest_xray_s, 0.0)
        sigma_mm = math.sqrt(float(np.linalg.eigvalsh(covariance)[-1]))
        return TargetSample(
            position_mm=position_mm,
            covariance_mm2=covariance,
            at=reading.at,
            number=reading.number,
            source=self.source,
            quality=min(1.0, 2.0 * (1.0 - age_s / self.settings.longest_age_s)) * self._agreement,
            words=f"by the chest marker to ± {2.0 * sigma_mm:.1f} mm, last X-ray {age_s:.0f} s ago",
        )

    def _seconds(self, at: datetime) -> float:
        self._began = self._began or at
        return (at - self._began) / timedelta(seconds=1)

    def _signal(self, reading: SurrogateReading) -> tuple[tuple[float, float] | None, str]:
        """Keep a reading; return height and speed, or why there are none."""
        if math.isnan(reading.value_mm):
            return None, "the chest marker is not seen"
        at_s = self._seconds(reading.at)
        if self._readings and at_s <= self._readings[-1][0]:
            return (
                None,
                "the chest marker's camera repeats itself: the time of its reading is not a later one",
            )
        self._readings.append((at_s, reading.value_mm))
        while self._readings[0][0] < at_s - KEPT_S:
            self._readings.popleft()
        speed_mm_s = self._speed(list(self._readings))
        if speed_mm_s is None:
            return None, "the chest marker has been seen too shortly to tell its speed"
        return (reading.value_mm, speed_mm_s), ""

    def _speed(self, readings: list[tuple[float, float]]) -> float | None:
        """Slope of the readings up to the last one; None where there are too few."""
        first_s = readings[-1][0] - self.settings.speed_s
        near = np.array([reading for reading in readings if reading[0] >= first_s])
        if len(near) < FEWEST_FOR_SPEED or near[-1, 0] - near[0, 0] < 0.5 * self.settings.speed_s:
            return None
        times_s = near[:, 0] - near[:, 0].mean()
        return float(times_s @ near[:, 1] / (times_s @ times_s))

    def _obstacle(self, at_s: float) -> str:
        """Return why nothing may be said of the target now."""
        settings = self.settings
        if self._disagreeing:
            return (
                "the chest marker no longer tells where the target is: an X-ray showed it elsewhere, and "
                f"{len(self._disagreeing)} of {settings.fewest_xrays} X-rays for a new model have been taken"
            )
        if self._fit is None:
            return f"{len(self._pairs)} of {settings.fewest_xrays} X-rays for the chest marker's model taken"
        age_s = at_s - self._newest_xray_s
        if age_s > settings.longest_age_s:
            return f"the last X-ray was {age_s:.0f} s ago: another is needed to trust the chest marker"
        return ""

    @property
    def _looseness(self) -> float:
        """By how much the last X-rays were farther away, squared, than the model thought; 1 at least."""
        return max((TRUSTED * AXES + sum(self._checks)) / (AXES * (TRUSTED + len(self._checks))), 1.0)

    @property
    def _agreement(self) -> float:
        """Share of the newest X-rays that the model's ellipsoid of 95 % held."""
        return sum(self._agreed) / len(self._agreed) if self._agreed else 1.0

    @property
    def _too_far(self) -> float:
        return float(chi2.isf(self.settings.disagreement, AXES))

    def _away(self, pair: _Pair) -> float | None:
        """Squared distance of an X-ray from the model in standard deviations; None before there is one."""
        if self._fit is None:
            return None
        position_mm, covariance = self._fit.expect(pair.at_s, pair.value_mm, pair.speed_mm_s)
        away_mm = pair.position_mm - position_mm
        return float(away_mm @ np.linalg.solve(covariance + pair.covariance_mm2, away_mm))

    def _settle(self, pair: _Pair) -> None:
        """Find out whether one X-ray was the odd one out or the model no longer holds."""
        self._disagreeing.append(pair)
        newest = self._disagreeing[-RESUME_AFTER:]
        distances = [self._away(other) for other in newest]
        agree = all(away is not None and away <= self._too_far for away in distances)
        if len(newest) == RESUME_AFTER and agree:
            self._pairs.extend(newest)
            self._disagreeing.clear()
        elif len(self._disagreeing) >= self.settings.fewest_xrays:
            self._pairs.clear()
            self._pairs.extend(self._disagreeing)
            self._disagreeing.clear()
            self._agreed.clear()


def _fitted(pairs: deque[_Pair], settings: SurrogateSettings) -> _Fit:
    """Fit by weighted least squares with a prior on each coefficient but the first."""
    times_s = np.array([pair.at_s for pair in pairs])
    values_mm = np.array([pair.value_mm for pair in pairs])
    middle_mm = float(values_mm.mean())
    basis = np.stack(
        [
            np.ones(len(pairs)),
            values_mm - middle_mm,
            np.array([pair.speed_mm_s for pair in pairs]),
            times_s - times_s[-1],
        ],
        axis=1,
    )
    positions_mm = np.array([pair.position_mm for pair in pairs])
    noise_mm2 = np.array([pair.covariance_mm2 for pair in pairs])
    expected_mm2 = settings.residual_mm**2
    sure = expected_mm2 / (expected_mm2 + np.trace(noise_mm2, axis1=1, axis2=2) / AXES)
    weights = settings.forgetting ** np.arange(len(pairs))[::-1] * sure / sure.max()
    prior = np.array([np.inf, settings.slope, settings.hysteresis_s, settings.drift_mm_per_s])
    spread = np.linalg.inv(basis.T @ (weights[:, None] * basis) + np.diag(expected_mm2 / prior**2))
    coefficients = spread @ basis.T @ (weights[:, None] * positions_mm)
    away_mm = positions_mm - basis @ coefficients
    used = float(np.trace(spread @ basis.T @ (weights[:, None] * basis)))
    freedom = float(weights.sum()) - used + STATED
    squares_mm2 = (weights[:, None] * away_mm).T @ away_mm + STATED * np.average(noise_mm2, axis=0)
    # Few X-rays tell badly how far they scatter: variance of Student's distribution.
    residual_mm2 = squares_mm2 / (freedom - 2.0)
    return _Fit(
        at_s=float(times_s[-1]),
        middle_mm=middle_mm,
        coefficients=coefficients,
        spread=spread,
        residual_mm2=residual_mm2,
        lowest_mm=float(values_mm.min()),
        highest_mm=float(values_mm.max()),
    )
