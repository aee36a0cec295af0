"""The dose of a plan in the patient as he was planned, from a folder to one immutable answer."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import MappingProxyType

from isoguide.dose.stated import BeamCheck, check_stated
from isoguide.progress import Progress, part_of, silent
from isoguide.workflow.dose.compare import DoseComparison, compare_dose
from isoguide.workflow.dose.day import PlannedDose, far_from_prescription, planned_delivery, planned_dose
from isoguide.workflow.dose.inputs import DoseInput, load_dose_input
from isoguide.workflow.dose.request import DoseRequest
from isoguide.workflow.dose.stated import stated_warnings
from isoguide.workflow.match_day import timed


@dataclass(frozen=True, slots=True, eq=False)
class PlanDose:
    """The answer to a :class:`~isoguide.workflow.dose.request.DoseRequest`.

    Parameters
    ----------
    request, given, planned
        What was asked, what that came to, and the dose.
    comparison
        The planning system's dose beside it; None where none was given.
    warnings
        What could not be checked or looks unusual.
    stated
        Each beam beside what the planning system says of it in the plan.
    """

    request: DoseRequest
    given: DoseInput
    planned: PlannedDose
    comparison: DoseComparison | None
    warnings: tuple[str, ...]
    stated: tuple[BeamCheck, ...] = ()
    timing_s: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
    created_at: datetime = field(default_factory=lambda: datetime.now(UTC))

    @property
    def goals_missed(self) -> tuple[str, ...]:
        """Structures of goals that are not met, or have no value, each once."""
        missed = (one.goal.structure for one in self.planned.placed.goals if not one.is_met)
        return tuple(dict.fromkeys(missed))

    @property
    def is_clear(self) -> bool:
        """True when every goal is met; also when there is none."""
        return not self.goals_missed


def dose_of_plan(request: DoseRequest, progress: Progress = silent) -> PlanDose:
    """Compute the dose of a plan.

    Raises
    ------
    InputError
        If the data cannot be used; the message says what to do.
    Cancelled
        If ``progress`` asked to stop.
    """
    seconds: dict[str, float] = {}
    with timed(seconds, "total"):
        with timed(seconds, "read_planning"):
            given = load_dose_input(request, part_of(progress, 0.0, 0.3))
        with timed(seconds, "dose"):
            delivery = planned_delivery(given.order)
            planned = planned_dose(given.order, part_of(progress, 0.3, 0.85), delivery=delivery)
        with timed(seconds, "stated"):
            stated = check_stated(delivery, part_of(progress, 0.85, 0.9))
        comparison = None
        if request.compare is not None:
            with timed(seconds, "compare"):
                comparison = compare_dose(request.compare, given, planned, part_of(progress, 0.9, 1.0))
    compared = comparison.warnings if comparison is not None else ()
    unusual = (*far_from_prescription(planned), *stated_warnings(stated))
    told = (*given.planning.warnings, *unusual, *planned.left_out, *compared)
    warnings = tuple(dict.fromkeys(told))
    return PlanDose(request, given, planned, comparison, warnings, stated, MappingProxyType(seconds))
