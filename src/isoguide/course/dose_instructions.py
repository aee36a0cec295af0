"""What a written protocol says about the dose of the day: its goals, and when somebody has to look."""

from dataclasses import dataclass

from isoguide.dose.goals import DoseGoal
from isoguide.dose.result import DoseAlgorithm


@dataclass(frozen=True, slots=True)
class DoseInstructions:
    """How the dose of the day is computed and judged.

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
    """

    goals: tuple[DoseGoal, ...] = ()
    algorithm: DoseAlgorithm = DoseAlgorithm.PENCIL_BEAM
    spacing_mm: float = 2.5
    target_d95_percent: float | None = None
    organ_mean_gy: float | None = None
    days: int = 3
