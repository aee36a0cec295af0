"""What a written protocol says about the anatomy of the day: what is looked at, and when to plan anew."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal, get_args

from isoguide.errors import InputError

Measure = Literal["volume", "surface", "shift"]
"""What of a structure can pass a limit."""
MEASURES: Final[tuple[Measure, ...]] = get_args(Measure)


@dataclass(frozen=True, slots=True)
class AssessmentInstructions:
    """Which structures are carried to the day, what calls for a new plan, and what a field has to keep.

    A limit that is None is not looked at. "In a row" counts the days that may be used for a decision: another
    one neither adds to them nor ends them.

    Parameters
    ----------
    structures
        Looked at beside the target: those of these names that the plan has.
    target_volume_percent, organ_volume_percent
        Change of the volume against the plan, either way.
    target_surface_mm, organ_surface_mm
        95th percentile of the distance of the surface from where it was planned.
    target_shift_mm, organ_shift_mm
        Length of the way that the centre has gone against what the image was matched on.
    days
        Beyond a limit for so many days in a row: consider re-planning. Within it for as many: not any more.
    least_seen
        Share of a structure that the image has to show for its figures to count.
    inconsistency_mm
        Largest mean distance by which tissue that is matched there and back misses itself.
    least_dice, mean_distance_mm
        Agreement with what was drawn on the day's image, where something was.
    landmark_mean_mm, landmark_largest_mm
        Errors at landmarks, where there are some.

    Raises
    ------
    InputError
        If a value is impossible, no limit is given, or two contradict each other.
    """

    structures: tuple[str, ...] = ()
    target_volume_percent: float | None = None
    organ_volume_percent: float | None = None
    target_surface_mm: float | None = None
    organ_surface_mm: float | None = None
    target_shift_mm: float | None = None
    organ_shift_mm: float | None = None
    days: int = 3
    least_seen: float = 0.9
    inconsistency_mm: float = 2.0
    least_dice: float = 0.8
    mean_distance_mm: float = 3.0
    landmark_mean_mm: float = 2.0
    landmark_largest_mm: float = 5.0

    def __post_init__(self) -> None:
        _need(all(name.strip() for name in self.structures), "structures holds an empty name: leave it out")
        repeated = [name for name in self.structures if self.structures.count(name) > 1]
        _need(not repeated, f"structures names '{''.join(repeated[:1])}' twice: leave one out")
        _need(self.days >= 1, f"days must be 1 or more, not {self.days}")
        for name in _POSITIVE:
            value = getattr(self, name)
            if value is not None:
                _need(math.isfinite(value) and value > 0.0, f"{name} must be a positive number, not {value}")
        for name in ("least_seen", "least_dice"):
            value = getattr(self, name)
            _need(0.0 < value <= 1.0, f"{name} must be a share above 0 and up to 1, not {value}")
        _need(
            any(getattr(self, name) is not None for name in ALERT_LIMITS),
            f"structures would be assessed against no limit: give one of {', '.join(ALERT_LIMITS)}",
        )
        _need(
            self.landmark_mean_mm <= self.landmark_largest_mm,
            f"landmark_mean_mm = {self.landmark_mean_mm:g} is more than landmark_largest_mm = "
            f"{self.landmark_largest_mm:g}: exchange them",
        )

    def limit(self, measure: Measure, *, is_target: bool) -> float | None:
        """Return the limit of a measure, percent or mm; None where it is not looked at."""
        found: float | None = getattr(self, LIMIT_OF[measure, is_target])
        return found


LIMIT_OF: Final[Mapping[tuple[Measure, bool], str]] = MappingProxyType(
    {
        ("volume", True): "target_volume_percent",
        ("volume", False): "organ_volume_percent",
        ("surface", True): "target_surface_mm",
        ("surface", False): "organ_surface_mm",
        ("shift", True): "target_shift_mm",
        ("shift", False): "organ_shift_mm",
    }
)
"""Which limit counts for what, of the target or of an organ."""
ALERT_LIMITS: Final = tuple(LIMIT_OF.values())
"""What can call for a new plan."""
_POSITIVE: Final = (
    *ALERT_LIMITS,
    "inconsistency_mm",
    "mean_distance_mm",
    "landmark_mean_mm",
    "landmark_largest_mm",
)


def _need(holds: bool, otherwise: str) -> None:  # noqa: FBT001 - a condition is the whole point
    if not holds:
        raise InputError(f"assessment.{otherwise}")
