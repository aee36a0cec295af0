"""Goals of a plan: what targets shall get and organs may get, and whether they do."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from isoguide.dose.dvh import DoseVolumeHistogram, beyond_grid
from isoguide.errors import MissingEvidenceError

GoalMeasure = Literal[
    "D percent", "D ml", "V Gy percent", "V Gy ml", "V percent percent", "V percent ml", "mean", "max", "min"
]
GoalUnit = Literal["Gy", "% of prescription", "%", "ml"]

MOST_NAMED: Final = 12
AGREES: Final = 1e-9
"""Relative: a value is not beyond its limit by rounding."""


@dataclass(frozen=True, slots=True)
class DoseGoal:
    """One goal, over the whole course.

    Written as ``PTV D95% >= 57 Gy``, ``Rectum V60Gy <= 35 %``, ``SpinalCord D0.1ml <= 45 Gy``,
    ``Lungs mean <= 20 Gy``, ``PTV max <= 107 %`` (percent of the prescription where a dose is meant),
    ``PTV V95% >= 98 %`` (the volume that gets 95 % of the prescription).

    Parameters
    ----------
    structure
        ROIName.
    measure, at
        What is measured; ``at`` is the x of D_x% (percent), D_x ml (ml), V_x Gy (Gy) or V_x% (percent of the
        prescription: the measures "V percent percent" and "V percent ml"), None for the others.
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
    unit: GoalUnit

    @property
    def needs_prescription(self) -> bool:
        """Whether the goal says nothing without a prescribed dose."""
        return self.unit == "% of prescription" or self.measure.startswith("V percent")


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
        Why there is no value, or what is assumed in it.
    """

    goal: DoseGoal
    value: float | None
    is_met: bool | None
    reason: str = ""


def evaluate_goals(
    goals: Sequence[DoseGoal],
    histograms: Sequence[DoseVolumeHistogram],
    *,
    prescription_gy: float | None,
    fractions: int = 1,
) -> tuple[GoalResult, ...]:
    """Return what became of each goal.

    Parameters
    ----------
    goals
        Of the whole course.
    histograms
        Of the structures.
    prescription_gy
        Of the whole course; None where nobody stated it: goals in percent of it then have no value.
    fractions
        How often the dose of the histograms is given: the number of fractions for a dose of one, 1 for a dose
        of the whole course.

    Returns
    -------
    tuple[GoalResult, ...]
        In the order of the goals. No value has a goal for a structure that is not there or is there more than
        once, for a target that lies outside the dose grid, and one in percent of an unknown prescription.

    Raises
    ------
    MissingEvidenceError
        If the prescription or the number of fractions is not positive.
    """
    if fractions < 1 or (prescription_gy is not None and not prescription_gy > 0.0):
        msg = (
            f"goals need a prescription above 0 Gy and at least one fraction, not {prescription_gy} Gy in"
            f" {fractions} fractions; state what was prescribed"
        )
        raise MissingEvidenceError(msg)
    return tuple(_evaluated(goal, histograms, prescription_gy, fractions) for goal in goals)


def _evaluated(
    goal: DoseGoal, histograms: Sequence[DoseVolumeHistogram], prescription_gy: float | None, fractions: int
) -> GoalResult:
    named = [one for one in histograms if one.name == goal.structure]
    reason = _obstacle(goal, named, histograms, prescription_gy)
    if reason:
        return GoalResult(goal, None, None, reason)
    value = _value(goal, named[0], prescription_gy or 0.0, fractions)
    slack = AGREES * max(abs(goal.limit), abs(value))
    is_met = value <= goal.limit + slack if goal.is_upper else value >= goal.limit - slack
    return GoalResult(goal, value, is_met, beyond_grid(named[0]))


def _obstacle(
    goal: DoseGoal,
    named: Sequence[DoseVolumeHistogram],
    histograms: Sequence[DoseVolumeHistogram],
    prescription_gy: float | None,
) -> str:
    """Say why a goal has no value; nothing where it has one."""
    if not named:
        there = ", ".join(f"'{one.name}'" for one in histograms[:MOST_NAMED]) or "none"
        there += f" and {len(histograms) - MOST_NAMED} more" if len(histograms) > MOST_NAMED else ""
        return f"there is no structure '{goal.structure}'; there are {there}"
    if len(named) > 1:
        return f"{len(named)} structures are named '{goal.structure}'"
    if goal.needs_prescription and prescription_gy is None:
        return "the prescribed dose is not known"
    if named[0].is_target and not named[0].is_covered:
        return f"{named[0].outside_percent:.1f} % of the target lies outside the dose grid"
    return ""


def _value(goal: DoseGoal, histogram: DoseVolumeHistogram, prescription_gy: float, fractions: int) -> float:
    """Return the value in the goal's unit."""
    if goal.measure.startswith("V"):
        at = goal.at or 0.0
        at_gy = at * prescription_gy / 100.0 if goal.needs_prescription else at
        share = histogram.volume_at_dose_percent if goal.unit == "%" else histogram.volume_at_dose_ml
        return share(at_gy / fractions * (1.0 - 1e-6))
    dose_gy = _dose_gy(goal, histogram) * fractions
    return 100.0 * dose_gy / prescription_gy if goal.unit == "% of prescription" else dose_gy


def _dose_gy(goal: DoseGoal, histogram: DoseVolumeHistogram) -> float:
    at = goal.at or 0.0
    if goal.measure == "D percent":
        return histogram.dose_at_volume_gy(at)
    if goal.measure == "D ml":
        return histogram.dose_at_ml_gy(at)
    if goal.measure == "mean":
        return histogram.mean_gy
    return histogram.largest_gy if goal.measure == "max" else histogram.least_gy
