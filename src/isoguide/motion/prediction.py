"""Where the target will be when the beam reacts: prediction over the latency of the system.

TG-76 (Keall et al., Med Phys 33:3874, 2006) wants less than 500 ms from seeing to acting, and what is left of
it to be predicted.
"""

import math
from dataclasses import dataclass

import numpy as np

from isoguide.errors import InputError
from isoguide.geometry.frames import Array, frozen_array

LONGEST_HORIZON_S = 1.0


@dataclass(frozen=True, slots=True)
class PredictorSettings:
    """How the predictor learns.

    Parameters
    ----------
    sigma_mm
        Least standard deviation of a prediction along each axis.
    unlearned_speed_mm_s
        Standard deviation of the target's speed along each axis until it has been learned.

    Raises
    ------
    InputError
        If a value is not a positive number.
    """

    sigma_mm: float = 0.1
    unlearned_speed_mm_s: float = 10.0

    def __post_init__(self) -> None:
        for name in self.__slots__:
            value = getattr(self, name)
            if not (math.isfinite(value) and value > 0.0):
                msg = f"{name} of the prediction is {value}: give a positive number"
                raise InputError(msg)


@dataclass(frozen=True, slots=True, eq=False)
class Prediction:
    """Where the target will be.

    Parameters
    ----------
    position_mm
        In the axes of what was seen, (3,).
    covariance_mm2
        Of the error of the prediction against what will be seen, (3, 3).
    is_regular
        Whether the target moves as it has done before; False as well until that has been learned.
    """

    position_mm: Array
    covariance_mm2: Array
    is_regular: bool

    def __post_init__(self) -> None:
        object.__setattr__(
            self, "position_mm", frozen_array(self.position_mm, (3,), "the predicted position")
        )
        covariance = frozen_array(self.covariance_mm2, (3, 3), "the covariance of the prediction")
        object.__setattr__(self, "covariance_mm2", covariance)


class Predictor:
    """Predicts one point from what was seen of it so far.

    Parameters
    ----------
    settings
        How it learns.
    """

    def __init__(self, settings: PredictorSettings = PredictorSettings()) -> None:
        self.settings = settings
        self._newest_s = -math.inf
        self._newest_mm = np.zeros(3)

    def reset(self) -> None:
        """Forget everything."""
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
            If the time is not later than all before, or a value is not a finite number.
        """
        position = frozen_array(position_mm, (3,), "the position of the target")
        if not (math.isfinite(at_s) and at_s > self._newest_s):
            msg = (
                f"a position at {at_s:g} s follows one at {self._newest_s:g} s: give each time once, in order"
            )
            raise InputError(msg)
        self._newest_s = at_s
        self._newest_mm[:] = position

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
        horizon_s = at_s - self._newest_s
        if not 0.0 <= horizon_s <= LONGEST_HORIZON_S:
            msg = (
                f"the target was seen {horizon_s:g} s before the time asked for: it is predicted for 0 to "
                f"{LONGEST_HORIZON_S:g} s"
            )
            raise InputError(msg)
        sigma_mm = math.hypot(self.settings.sigma_mm, self.settings.unlearned_speed_mm_s * horizon_s)
        return Prediction(self._newest_mm, sigma_mm**2 * np.eye(3), is_regular=False)
