"""Goals of a plan: what targets shall get and organs may get, and whether they do."""

from dataclasses import dataclass
from typing import Literal

GoalMeasure = Literal["D percent", "D ml", "V Gy percent", "V Gy ml", "mean", "max", "min"]


@dataclass(frozen=True, slots=True)
class DoseGoal:
    """One goal, over the whole course.

    Written as ``PTV D95% >= 57 Gy``, ``Rectum V60Gy <= 35 %``, ``SpinalCord D0.1ml <= 45 Gy``,
    ``Lungs mean <= 20 Gy``, ``PTV max <= 107 %`` (percent of the prescription where a dose is meant).

    Parameters
    ----------
    structure
        ROIName.
    measure, at
        What is measured; ``at`` is the x of D_x% (percent), D_x ml (ml) or V_x Gy (Gy), None for the others.
    is_upper
        Whether the value may not be higher, or not lower.
    limit
        In ``unit``.
    unit
        "Gy" or "% of prescription" for a dose, "%" or "ml" for a volume.
    """

    structure: str
    measure: GoalMeasure
    at: float | None
    is_upper: bool
    limit: float
    unit: Literal["Gy", "% of prescription", "%", "ml"]


@dataclass(frozen=True, slots=True)
class GoalResult:
    """Whether a goal is met.

    Parameters
    ----------
    goal
        The goal.
    value
        What was found, in the goal's unit; None where it could not be found, with ``reason``.
    is_met
        None with the value.
    reason
        Why there is no value.
    """

    goal: DoseGoal
    value: float | None
    is_met: bool | None
    reason: str = ""
