"""How the prostate moves while the patient lies still: a slow drift, and excursions that return."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from isoguide.virtual.motion import LONGEST_S, Trace
from isoguide.virtual.organ_changes import rigid_prostate
from isoguide.virtual.setting_limits import require, require_each
from isoguide.virtual.tissue_lattice import TissueLattice

Floats = NDArray[np.float32]

STEP_S = 0.5
PUSHED_ALONG = (0.0, -0.8, 0.6)
"""Forwards and towards the head."""
REACH_MM = 30.0
"""How far off tissue goes along with the prostate."""
LARGEST_TRANSIENT_MM = 12.0


@dataclass(frozen=True, slots=True)
class ProstateMotion:
    """Drift and transients of the prostate during a fraction.

    The kinds of motion are those that implanted transponders show: slow drift, mostly towards the back, and
    sudden excursions forwards that return (Kupelian et al., Int J Radiat Oncol Biol Phys 67:1088, 2007;
    Langen et al., 71:1084, 2008). The defaults make 3 mm rare within five minutes [K: order of magnitude].

    Parameters
    ----------
    walk_mm
        Standard deviation of the random walk along x, y, z after one minute; it grows with the root of time.
    drift_mm_per_min
        Steady drift along x, y, z; +y is towards the back.
    transients_per_min
        How often the rectum pushes the prostate forwards for a while.
    transient_mm
        Mean size of such an excursion.
    transient_s
        Mean time until it is over.

    Raises
    ------
    InputError
        If a value is impossible.
    """

    walk_mm: tuple[float, float, float] = (0.2, 0.5, 0.5)
    drift_mm_per_min: tuple[float, float, float] = (0.0, 0.15, -0.1)
    transients_per_min: float = 0.05
    transient_mm: float = 4.0
    transient_s: float = 25.0

    def __post_init__(self) -> None:
        require_each("prostate motion walk_mm", self.walk_mm, 0.0, 10.0)
        require_each("prostate motion drift_mm_per_min", self.drift_mm_per_min, -5.0, 5.0)
        require("prostate motion transients_per_min", self.transients_per_min, 0.0, 10.0)
        require("prostate motion transient_mm", self.transient_mm, 0.0, 15.0)
        require("prostate motion transient_s", self.transient_s, 1.0, 600.0)

    def draw(self, rng: np.random.Generator) -> Trace:
        """Draw where the prostate is during an hour: mm along x, y, z, 0 at set-up.

        Parameters
        ----------
        rng
            Where the walk and the excursions are drawn from.
        """
        times_s = np.arange(0.0, LONGEST_S + STEP_S, STEP_S)
        steps = rng.standard_normal((len(times_s) - 1, 3)) * self.walk_mm * np.sqrt(STEP_S / 60.0)
        position = np.vstack([np.zeros(3), np.cumsum(steps, axis=0)])
        position += np.outer(times_s / 60.0, self.drift_mm_per_min)
        for start_s in _poisson_times(self.transients_per_min, rng):
            size_mm = min(float(rng.exponential(self.transient_mm)), LARGEST_TRANSIENT_MM)
            length_s = self.transient_s * float(rng.uniform(0.5, 1.5))
            share = np.clip((times_s - start_s) / length_s, 0.0, 1.0)
            # Gas comes quickly and leaves slowly.
            bump = np.sin(np.pi * np.sqrt(share)) ** 2
            position += np.outer(bump, size_mm * np.array(PUSHED_ALONG))
        return Trace(STEP_S, position)


def _poisson_times(per_min: float, rng: np.random.Generator) -> list[float]:
    """Draw the times in seconds at which something rare happens within an hour."""
    return sorted(rng.uniform(0.0, LONGEST_S, rng.poisson(per_min * LONGEST_S / 60.0)).tolist())


def prostate_modes(lattice: TissueLattice) -> tuple[Floats, Floats, Floats]:
    """Return the displacement (k, j, i, 3) when the prostate moves by 1 mm along x, y and z: it stays rigid.

    Raises
    ------
    InputError
        If the patient has no prostate.
    """
    share = rigid_prostate(lattice, REACH_MM)
    x, y, z = (share[..., None] * np.eye(3, dtype=np.float32)[axis] for axis in range(3))
    return x, y, z
