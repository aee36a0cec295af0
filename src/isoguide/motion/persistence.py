"""The plainest prediction: the target stays where it was seen, less surely with each moment."""

import numpy as np

from isoguide.geometry.frames import Array
from isoguide.motion.prediction import Prediction

LAG = 4
"""Frames between which speed is told from noise."""
FORGETTING = 0.03
"""Weight of a new frame against what was learned: some 3 s at ten frames a second."""
PRIOR = 4
"""Frames that what is assumed at first counts for."""
UNLEARNED_SPEED_MM_S = 10.0
"""Standard deviation of the speed along each axis until it has been learned: breathing at rest [K]."""
LEAST_SPEED_MM_S = 0.7
"""A target at rest may begin to move at any moment: a prostate when gas passes [K]."""
LEAST_SIGMA_MM = 0.05


class Persistence:
    """Predicts that the target stays, with an error that grows with the speed it has had lately.

    The mean square of the way from frame to frame is noise and speed; that over four frames has sixteen
    times the share of speed. So the two are told apart, along each axis.
    """

    def __init__(self) -> None:
        self._times_s = np.zeros(LAG + 1)
        self._places_mm = np.zeros((LAG + 1, 3))
        self._near_mm2 = np.zeros(3)
        self._speed2 = np.zeros(3)
        self.reset()

    def reset(self) -> None:
        """Forget everything."""
        self._seen = 0
        self._near_mm2[:] = LEAST_SIGMA_MM**2
        self._speed2[:] = UNLEARNED_SPEED_MM_S**2

    def see(self, at_s: float, position_mm: Array) -> None:
        """Take in where the target was, (3,), at a time later than all before."""
        self._times_s[:-1] = self._times_s[1:]
        self._places_mm[:-1] = self._places_mm[1:]
        self._times_s[-1], self._places_mm[-1] = at_s, position_mm
        self._seen += 1
        if self._seen > LAG:
            self._learn()

    def predict(self, at_s: float) -> Prediction:
        """Say where the target will be at a time."""
        age_s = max(at_s - self._times_s[-1], 0.0)
        variances = self._near_mm2 + np.maximum(self._speed2, LEAST_SPEED_MM_S**2) * age_s**2
        return Prediction(self._places_mm[-1], np.diag(variances), self._seen > 2 * LAG)

    def _learn(self) -> None:
        near_s, far_s = self._times_s[-1] - self._times_s[-2], self._times_s[-1] - self._times_s[0]
        near_mm2 = (self._places_mm[-1] - self._places_mm[-2]) ** 2
        far_mm2 = (self._places_mm[-1] - self._places_mm[0]) ** 2
        weight = max(FORGETTING, 1.0 / (PRIOR + self._seen - LAG))
        self._near_mm2 += weight * (np.maximum(near_mm2, LEAST_SIGMA_MM**2) - self._near_mm2)
        # Left signed: noise cancels over many frames, and what is below zero counts as no speed.
        self._speed2 += weight * ((far_mm2 - near_mm2) / (far_s**2 - near_s**2) - self._speed2)
