"""One point followed through exposures that each leave a direction open.

The point is normally distributed about a mean, with a covariance that couples the directions: what is seen of
it tells what is not (Poulsen et al., Int J Radiat Oncol Biol Phys 72:1587, 2008). Both are the likeliest ones
for what was seen, which loses its weight with time. Beyond that paper, a point may remember where it was: an
organ that drifts keeps, from one exposure to the next, most of its distance from the mean. And a point that
leaves its distribution is followed with a covariance that grows as fast as it leaves.
"""

from typing import Final

import numpy as np

from isoguide.geometry.frames import Array
from isoguide.kernels.ray_gaussian import likelier

SURPRISE_S: Final = 0.3
"""Over which what was seen is compared with what was foretold."""
EXPECTED: Final = 2.0
"""Two coordinates are seen: as foretold, chi-square is 2 on average."""
SUDDEN: Final = 13.8
"""Chi-square of a jump: 0.1 % by chance."""
FASTEST: Final = 1e4
"""Most by which a variance grows."""
KEPT_FRAMES: Final = 600
FRAMES_FOR_MEAN: Final = 1.0
"""What the mean before the first frame counts for."""


class RayFilter:
    """Follows one point.

    Parameters
    ----------
    base_mm2
        Covariance (3, 3) about the planned place before anything was seen.
    base_frames
        How many frames that counts for in the likelihood.
    forget_s
        Time in which what was seen loses its weight by a factor of e.
    memory_s
        Time in which the point's distance from the mean does so; 0: every exposure stands for itself.
    """

    def __init__(self, base_mm2: Array, base_frames: float, forget_s: float, memory_s: float) -> None:
        self._base = np.zeros(3), base_mm2.copy()
        self._counts = FRAMES_FOR_MEAN, base_frames
        self._forget_s, self._memory_s = forget_s, memory_s
        self._information = np.zeros((KEPT_FRAMES, 3, 3))
        self._pulled = np.zeros((KEPT_FRAMES, 3))
        self._weights = np.zeros(KEPT_FRAMES)
        self._taken = 0
        self._faster = 1.0
        self.likely_mm, self.likely_mm2 = np.zeros(3), base_mm2.copy()
        self.mean_mm, self.covariance_mm2 = np.zeros(3), base_mm2.copy()

    def foretold(self, seconds: float) -> tuple[Array, Array]:
        """Return mean (3,) and covariance (3, 3) of the point some time after what was taken in last."""
        keep = float(np.exp(-seconds / self._memory_s)) if self._memory_s > 0.0 else 0.0
        mean = self.likely_mm + keep * (self.mean_mm - self.likely_mm)
        # Who moves in a new way moves as the body lets him, not as he did until now.
        base = self._base[1] * (np.trace(self.likely_mm2) / np.trace(self._base[1]))
        step = self.likely_mm2 + (self._faster - 1.0) * base
        return mean, keep**2 * self.covariance_mm2 + (1.0 - keep**2) * step

    def take(self, seconds: float, information: Array, pulled: Array) -> None:
        """Take in what an exposure says.

        Parameters
        ----------
        seconds
            Since the one before.
        information, pulled
            Information matrix (3, 3), and its product with the place (3,).
        """
        mean, spread = self.foretold(seconds)
        known, surprise = _conditional(mean, spread, information, pulled)
        if surprise > SUDDEN and self._taken:
            # What jumps is not where it was: not even in part.
            self._faster = min(self._faster * surprise / EXPECTED, FASTEST)
            mean, spread = self.foretold(seconds)
            known, surprise = _conditional(mean, spread, information, pulled)
        self.mean_mm, self.covariance_mm2 = known
        share = float(np.exp(-seconds / SURPRISE_S))
        faster = self._faster * (share + (1.0 - share) * surprise / EXPECTED)
        self._faster = float(np.clip(faster, 1.0, FASTEST)) if self._taken else 1.0
        self._learn(seconds, information, pulled)

    def _learn(self, seconds: float, information: Array, pulled: Array) -> None:
        self._weights *= np.exp(-seconds / self._forget_s)
        at = self._taken % KEPT_FRAMES
        self._information[at], self._pulled[at], self._weights[at] = information, pulled, 1.0
        self._taken += 1
        used = min(self._taken, KEPT_FRAMES)
        self.likely_mm, self.likely_mm2 = likelier(
            self._information[:used],
            self._pulled[:used],
            self._weights[:used],
            (self.likely_mm, self.likely_mm2),
            self._base,
            self._counts,
        )


def _conditional(
    mean: Array, spread: Array, information: Array, pulled: Array
) -> tuple[tuple[Array, Array], float]:
    # In terms of information: its inverse is next to infinite along the ray.
    covariance = np.linalg.inv(np.linalg.inv(spread) + information)
    pull = pulled - information @ mean
    surprise = float(pull @ np.linalg.solve(information, pull) - pull @ covariance @ pull)
    return (mean + covariance @ pull, 0.5 * (covariance + covariance.T)), max(surprise, 0.0)
