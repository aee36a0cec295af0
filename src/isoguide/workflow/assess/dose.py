"""The dose of the day as part of an assessment: as planned, as treated, as the patient lay."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from isoguide.course import DoseInstructions
from isoguide.dose.goals import DoseGoal
from isoguide.dose.result import DoseAlgorithm
from isoguide.errors import MissingEvidenceError
from isoguide.images.structure import Structure
from isoguide.progress import Progress, part_of, silent
from isoguide.registration.deformable.result import FieldVerdict
from isoguide.review.dose_trends import dose_alert_words, dose_trend
from isoguide.workflow.alignment import Alignment
from isoguide.workflow.assess.anatomy import AnatomyOfDay
from isoguide.workflow.assess.request import DoseChoice
from isoguide.workflow.beam_data import choose_beam_data
from isoguide.workflow.dose.day import (
    DayDose,
    DayPlacement,
    DoseOrder,
    PlannedDose,
    dose_of_day,
    planned_dose,
)
from isoguide.workflow.dose.inputs import parsed_goals
from isoguide.workflow.dose.order import body_of, prescription_of
from isoguide.workflow.dose.record import dose_record
from isoguide.workflow.dose.words import goal_line

SPACING_MM = 2.5
"""Of the dose grid where neither user nor protocol says."""


@dataclass(frozen=True, slots=True, eq=False)
class AssessedDose:
    """The dose of the plan and of the day.

    Parameters
    ----------
    planned, day
        As planned, and today's.
    alerts
        What the protocol says about this day.
    """

    planned: PlannedDose
    day: DayDose
    alerts: tuple[str, ...] = ()

    @property
    def missed(self) -> tuple[str, ...]:
        """Goals that the course would miss if every fraction were like today, as lines of text."""
        return tuple(goal_line(one) for one in self.day.goals if not one.is_met)

    @property
    def is_clear(self) -> bool:
        """True when the dose may be decided by, no alert is raised and every goal is met."""
        return self.day.verdict is FieldVerdict.FOR_DECISION and not (self.alerts or self.missed)


def order_of_day(
    alignment: Alignment,
    structures: Sequence[Structure],
    choice: DoseChoice,
    instructions: DoseInstructions | None,
) -> DoseOrder:
    """Say what the dose is asked of, before the long work begins.

    Raises
    ------
    InputError
        If there is no plan, no target, no number of fractions or no beam data.
    """
    planning, target = alignment.planning, alignment.target
    plan = planning.plan
    if plan is None:
        msg = f"{planning.path} holds no plan, so no dose of the day: add the RT Plan, or leave --dose out"
        raise MissingEvidenceError(msg)
    if target is None or planning.structure_set is None:
        msg = (
            f"{planning.path} has no structure of type PTV, CTV or GTV, so nothing says what is treated: add "
            "the target, or leave --dose out"
        )
        raise MissingEvidenceError(msg)
    prescription, prescribed = prescription_of(plan, target)
    machine, chosen = choose_beam_data(plan, chosen=choice.machine)
    body, outlined = body_of(planning.volume, planning.structure_set.structures)
    goals: tuple[DoseGoal, ...] = ()
    usual, spacing_mm = DoseAlgorithm.PENCIL_BEAM, SPACING_MM
    if instructions is not None:
        goals, usual, spacing_mm = instructions.goals, instructions.algorithm, instructions.spacing_mm
    return DoseOrder(
        plan=plan,
        machine=machine,
        volume=planning.volume,
        structures=tuple(one for one in structures if one.is_volume),
        target_name=target.name,
        prescription=prescription,
        body=body,
        goals=tuple(dict.fromkeys((*goals, *parsed_goals(choice.goals)))),
        algorithm=choice.algorithm or usual,
        spacing_mm=spacing_mm,
        assumed=(*chosen, *prescribed, *outlined),
    )


def assess_dose(
    order: DoseOrder,
    alignment: Alignment,
    anatomy: AnatomyOfDay,
    instructions: DoseInstructions | None,
    progress: Progress = silent,
) -> AssessedDose | None:
    """Compute the dose as planned, as treated after the couch correction, and as the patient lay.

    Parameters
    ----------
    order
        From :func:`order_of_day`.
    alignment
        The rigid match and the correction that it asks of the couch.
    anatomy
        Of the day, with the verdict that all doubts leave it.
    instructions
        Of the protocol; None: no alerts.

    Returns
    -------
    AssessedDose or None
        None where there is no match.
    """
    if alignment.correction is None:
        return None
    planned = planned_dose(order, part_of(progress, 0.0, 0.35))
    placement = DayPlacement.of(alignment.setup, alignment.correction, with_as_found=True)
    day = dose_of_day(
        planned, anatomy, placement, image=alignment.daily_volume, progress=part_of(progress, 0.35, 1.0)
    )
    return AssessedDose(planned, day, day_alerts(planned, day, alignment, instructions))


def day_alerts(
    planned: PlannedDose, day: DayDose, alignment: Alignment, instructions: DoseInstructions | None
) -> tuple[str, ...]:
    """Say what the protocol's limits and goals make of this day alone."""
    if instructions is None:
        return ()
    record = dose_record(planned, day, image_uid="", computed_at=alignment.created_at)
    trend = dose_trend(((1, record),), replace(instructions, days=1))
    return tuple(dose_alert_words(alert) for alert in trend.alerts)
