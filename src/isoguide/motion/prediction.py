"""Where the target will be when the beam reacts: prediction over the latency of the system.

TG-76 (Keall et al., Med Phys 33:3874, 2006) wants less than 500 ms from seeing to acting, and what is left of
it to be predicted. A linear filter does that as well as anything on ordinary breathing, and nothing does it
well while a patient talks (Jöhl et al. compare five on 51 signals at 320 ms): therefore a regression that
learns on-line, mixed with "it stays where it is", whose errors are watched all the time. They are its
covariance, and they tell when the target no longer moves as it did.
"""

import math
from dataclasses import dataclass

import numpy as np

from isoguide.errors import InputError
from isoguide.geometry.frames import Array, frozen_array
from isoguide.kernels.linear_prediction import (
    PredictorDesign,
    deviation_of_late,
    empty_state,
    expect,
    forget,
    see,
)

LONGEST_HORIZON_S = 1.0
STEP_S = 0.1
"""Of the grid before and after a sample: short against a breath, about what imagers and cameras give."""
RECENT_S = 1.0
"""The last deviations, by which a cough is told from breathing."""
ERROR_MEMORY_S = 20.0
"""Some breaths: how errors are distributed changes faster than how one place follows another."""
LEVEL_S = 30.0
CURVE_LENGTH, CURVE_RIDGE = 1.5, 2.0
"""Of the Gaussian kernel, in scales of the movement, and the ridge of what follows it."""
SEED = 20


@dataclass(frozen=True, slots=True)
class PredictorSettings:
    """How the predictor learns. The defaults were measured (``benchmarks/motion_prediction.py``).

    Parameters
    ----------
    window_s
        How far back it looks from a sample; longer windows did not help, because all three axes are used.
    memory_s
        After which what was learned counts 1/e. Shorter ones made talking worse and did not help others.
    ridge
        Of the linear part, in squared movements: small against the samples of one breath.
    curves
        How many curved features there are besides the linear ones; 0 for none.
    learning_s
        How long the size of the movement is measured before anything is learned: a breath or more.
    trial_s
        How long its errors, and those of staying, are watched before they are trusted: a breath or more.
    longest_gap_s
        Samples farther apart are not joined: the window is filled anew, what was learned is kept.
    least_scale_mm
        A movement is not taken to be smaller: noise is not learned.
    longest_deviation
        The mean square of the last second's deviations, over the variance of the errors so far, above which
        the movement is not regular; 1 is expected.
    sigma_mm
        Least standard deviation of a prediction along each axis.
    unlearned_speed_mm_s
        Standard deviation of the target's speed along each axis until it has been learned.

    Raises
    ------
    InputError
        If a value is not a positive number.
    """

    window_s: float = 0.6
    memory_s: float = 120.0
    ridge: float = 0.1
    curves: int = 48
    learning_s: float = 6.0
    trial_s: float = 5.0
    longest_gap_s: float = 0.6
    least_scale_mm: float = 0.5
    longest_deviation: float = 4.0
    sigma_mm: float = 0.05
    unlearned_speed_mm_s: float = 10.0

    def __post_init__(self) -> None:
        for name in self.__slots__:
            value = getattr(self, name)
            if not (math.isfinite(value) and (value > 0.0 or (name == "curves" and value == 0))):
                msg = f"{name} of the prediction is {value}: give a positive number"
                raise InputError(msg)
        for name in ("window_s", "longest_gap_s"):
            if not STEP_S <= getattr(self, name) <= LONGEST_HORIZON_S:
                msg = (
                    f"{name} of the prediction is {getattr(self, name):g} s: it has to lie between "
                    f"{STEP_S:g} and {LONGEST_HORIZON_S:g} s"
                )
                raise InputError(msg)

    def design(self) -> PredictorDesign:
        """Return the regression that these settings ask for."""
        lags = round(self.window_s / STEP_S)
        linear = 3 * (lags + 1)
        rng = np.random.default_rng(SEED)
        return PredictorDesign(
            step_s=STEP_S,
            lags=lags,
            horizons=round(LONGEST_HORIZON_S / STEP_S),
            memory_s=self.memory_s,
            error_memory_s=ERROR_MEMORY_S,
            level_s=LEVEL_S,
            recent_s=RECENT_S,
            longest_gap_s=self.longest_gap_s,
            scale_s=self.learning_s,
            least_scale_mm=self.least_scale_mm,
            trial_s=self.trial_s,
            penalties=np.repeat([self.ridge, CURVE_RIDGE], [linear, self.curves]),
            projections=rng.standard_normal((linear, self.curves)) / CURVE_LENGTH,
            phases=rng.uniform(0.0, 2.0 * np.pi, self.curves),
        )


@dataclass(frozen=True, slots=True, eq=False)
class Prediction:
    """Where the target will be.

    Parameters
    ----------
    position_mm
        In the axes of what was seen, (3,).
    covariance_mm2
        Of the error of the prediction against where it will be seen, (3, 3): the noise of images is in it, so
        that it is on the safe side for where the target is. While the target moves otherwise than before it
        is expected where it was seen, and this is as much larger as it deviated in the last second.
    is_regular
        Whether the target has moved in the last second as it did before; False as well until it has been
        watched for some seconds.
    """

    position_mm: Array
    covariance_mm2: Array
    is_regular: bool

    def __post_init__(self) -> None:
        position_mm = frozen_array(self.position_mm, (3,), "the predicted position")
        covariance = frozen_array(self.covariance_mm2, (3, 3), "the covariance of the prediction")
        object.__setattr__(self, "position_mm", position_mm)
        object.__setattr__(self, "covariance_mm2", covariance)


class Predictor:
    """Predicts one point from what was seen of it so far.

    All memory is allocated, and all code compiled, when it is made; a call takes a fraction of a
    millisecond. Until it has learned and its errors were watched for a while, and after a gap until its
    window is filled, it expects the target to stay where it is, with the errors that this had so far; in
    the first seconds these are assumed.

    Parameters
    ----------
    settings
        How it learns.
    """

    def __init__(self, settings: PredictorSettings = PredictorSettings()) -> None:
        self.settings = settings
        self._design = settings.design()
        self._state = empty_state(self._design)
        self._place_mm, self._errors_mm2 = np.zeros(3), np.zeros((3, 3))
        self._newest_s, self._newest_mm = -math.inf, np.zeros(3)
        self._compile()

    def _compile(self) -> None:
        """Run everything once, so that nothing is compiled while a beam waits."""
        self.see(0.0, np.zeros(3))
        self.predict(0.0)
        self.reset()

    def reset(self) -> None:
        """Forget everything."""
        forget(self._state)
        self._newest_s = -math.inf

    def see(self, at_s: float, position_mm: Array) -> None:
        """Take in where the target was.

        Parameters
        ----------
        at_s
            Time of the exposure in seconds on any clock; later than all before.
        position_mm
            (3,).

        Raises
        ------
        InputError
            If the time is not later than all before, or a value is not a finite number; nothing has changed
            then.
        """
        position = frozen_array(position_mm, (3,), "the position of the target")
        if not (math.isfinite(at_s) and at_s > self._newest_s):
            msg = (
                f"a position at {at_s:g} s follows one at {self._newest_s:g} s: give each time once, in order"
            )
            raise InputError(msg)
        see(self._design, self._state, float(at_s), position)
        self._newest_s, self._newest_mm = float(at_s), position

    def predict(self, at_s: float) -> Prediction:
        """Say where the target will be at a time.

        Raises
        ------
        InputError
            If nothing has been seen, or the time lies before what was seen last or more than 1 s after it.
        """
        if self._newest_s == -math.inf:
            msg = "nothing has been seen of the target, so its place cannot be predicted: wait for an image"
            raise InputError(msg)
        ahead_s = at_s - self._newest_s
        if not 0.0 <= ahead_s <= LONGEST_HORIZON_S:
            msg = (
                f"the target was seen {ahead_s:g} s before the time asked for: it is predicted for 0 to "
                f"{LONGEST_HORIZON_S:g} s"
            )
            raise InputError(msg)
        known = expect(self._design, self._state, ahead_s, self._place_mm, self._errors_mm2)
        if known == 0:
            np.fill_diagonal(self._errors_mm2, (self.settings.unlearned_speed_mm_s * ahead_s) ** 2)
        variance_mm2 = self.settings.sigma_mm**2 * np.eye(3)
        errors_mm2 = self._errors_mm2 + variance_mm2
        deviation = deviation_of_late(self._state) / 3.0
        if deviation <= self.settings.longest_deviation:
            return Prediction(self._place_mm, errors_mm2, is_regular=known > 0)
        # Where it was seen, or where it would be by what was learned: neither is worth much.
        off_mm = self._place_mm - self._newest_mm
        return Prediction(
            self._newest_mm, deviation * errors_mm2 + np.outer(off_mm, off_mm), is_regular=False
        )
