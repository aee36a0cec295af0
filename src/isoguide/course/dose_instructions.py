"""What a written protocol says about the dose of the day: its goals, and when somebody has to look."""

import math
from dataclasses import dataclass

from isoguide.dose.goals import DoseGoal
from isoguide.dose.result import DoseAlgorithm
from isoguide.errors import InputError


@dataclass(frozen=True, slots=True)
class DoseInstructions:
    """How the dose of the day is computed and judged.

    "In a row" counts the days that may be used for a decision: another one neither adds to them nor ends
    them.

    Parameters
    ----------
    goals
        Of the whole course.
    algorithm
        Of the dose of the day.
    spacing_mm
        Of its grid.
    target_d95_percent
        D95% of a target on a day may fall by so much of the prescription before somebody has to look; None:
        not looked at.
    organ_mean_gy
        The mean dose of an organ in one fraction may rise by so much; None: not looked at.
    days
        A goal that is missed, or a limit passed, for so many days in a row raises an alert.

    Raises
    ------
    InputError
        If a value is impossible, a goal is given twice, or nothing is looked at.
    """

    goals: tuple[DoseGoal, ...] = ()
    algorithm: DoseAlgorithm = DoseAlgorithm.PENCIL_BEAM
    spacing_mm: float = 2.5
    target_d95_percent: float | None = None
    organ_mean_gy: float | None = None
    days: int = 3

    def __post_init__(self) -> None:
        _need(self.days >= 1, f"days must be 1 or more, not {self.days}")
        for name in ("spacing_mm", "target_d95_percent", "organ_mean_gy"):
            value = getattr(self, name)
            if value is not None:
                _need(math.isfinite(value) and value > 0.0, f"{name} must be a positive number, not {value}")
        repeated = [one for one in self.goals if self.goals.count(one) > 1]
        _need(not repeated, f"goals holds one of {_names(repeated)} twice: leave one out")
        _need(
            bool(self.goals) or self.target_d95_percent is not None or self.organ_mean_gy is not None,
            "goals is empty and no limit is given, so that no dose could be judged: give goals, "
            "target_d95_percent or organ_mean_gy",
        )


def _names(goals: list[DoseGoal]) -> str:
    return ", ".join(dict.fromkeys(one.structure for one in goals))


def _need(holds: bool, otherwise: str) -> None:  # noqa: FBT001 - a condition is the whole point
    if not holds:
        raise InputError(f"dose.{otherwise}")
