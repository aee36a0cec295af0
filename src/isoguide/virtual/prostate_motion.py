"""How the prostate moves while the patient lies still: a slow drift, and excursions that return."""

from dataclasses import dataclass

from isoguide.virtual.setting_limits import require, require_each


@dataclass(frozen=True, slots=True)
class ProstateMotion:
    """Drift and transients of the prostate during a fraction.

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
