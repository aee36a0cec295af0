"""From a planning export and an image of the day to the ladder of corrections, each with its effect."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import MappingProxyType

from isoguide.adaptation.ladder import climb, require_one_isocentre
from isoguide.adaptation.problem import AdaptationProblem
from isoguide.adaptation.result import Rung, RungDose, RungResult
from isoguide.dose.compute import DoseSettings
from isoguide.dose.result import DoseAlgorithm
from isoguide.errors import InputError
from isoguide.geometry.iec61217 import fixed_from_daily, fixed_from_planning
from isoguide.geometry.transforms import RigidTransform
from isoguide.images.structure import Structure
from isoguide.progress import Progress, part_of, silent
from isoguide.registration.deformable.result import FieldVerdict
from isoguide.workflow.adapt.request import AdaptRequest
from isoguide.workflow.assess.assess import Assessment, assess
from isoguide.workflow.assess.dose import AssessedDose
from isoguide.workflow.dose.day import DoseOrder, PlacedDose
from isoguide.workflow.match_day import timed

_ASSESSED = 0.55
"""How far the work is when anatomy and dose of the day are known."""
STATED = "how the patient lies was stated by hand, not measured in the images"


@dataclass(frozen=True, slots=True, eq=False)
class Adaptation:
    """The answer to an :class:`~isoguide.workflow.adapt.request.AdaptRequest`.

    Parameters
    ----------
    request, assessment
        What was asked, and anatomy and dose of the day below it.
    verdict, reasons
        What the ladder may be used for: that of the dose of the day.
    approximations
        What is assumed, one sentence each.
    problem, ladder
        Patient, plan and rungs; None and empty exactly when the verdict is "not available".
    """

    request: AdaptRequest
    assessment: Assessment
    verdict: FieldVerdict
    reasons: tuple[str, ...]
    approximations: tuple[str, ...]
    problem: AdaptationProblem | None = None
    ladder: tuple[RungResult, ...] = ()
    timing_s: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
    created_at: datetime = field(default_factory=lambda: datetime.now(UTC))

    @property
    def dose(self) -> AssessedDose:
        """Dose of the plan and of the day.

        Raises
        ------
        InputError
            If there is none.
        """
        if self.assessment.dose is None:
            msg = "there is no dose of the day: " + "; ".join(self.reasons)
            raise InputError(msg)
        return self.assessment.dose

    @property
    def corrected(self) -> tuple[RungResult, ...]:
        """The rungs that have a corrected plan."""
        return tuple(one for one in self.ladder if one.plan is not None)


def adapt(request: AdaptRequest, progress: Progress = silent) -> Adaptation:
    """Match the day, find its anatomy and dose, and climb the ladder.

    Raises
    ------
    InputError
        If the data cannot be used; the message says what to do.
    Cancelled
        If ``progress`` asked to stop.
    """
    seconds: dict[str, float] = {}
    with timed(seconds, "total"):
        assessment = assess(request.assess, part_of(progress, 0.0, _ASSESSED))
        found = assessment.dose
        if found is None or found.day.treated is None or found.day.density is None:
            reasons = found.day.reasons if found is not None else assessment.reasons
            answer = Adaptation(request, assessment, FieldVerdict.NOT_AVAILABLE, reasons, ())
        else:
            with timed(seconds, "ladder"):
                answer = _climbed(request, assessment, found, part_of(progress, _ASSESSED, 1.0))
    return _with_times(answer, {**assessment.timing_s, **seconds})


def _with_times(answer: Adaptation, seconds: dict[str, float]) -> Adaptation:
    return Adaptation(
        answer.request,
        answer.assessment,
        answer.verdict,
        answer.reasons,
        answer.approximations,
        answer.problem,
        answer.ladder,
        MappingProxyType(seconds),
        answer.created_at,
    )


def _climbed(
    request: AdaptRequest, assessment: Assessment, found: AssessedDose, progress: Progress
) -> Adaptation:
    problem = problem_of(request, assessment, found)
    require_one_isocentre(problem.plan)
    known = None
    if request.displacement is None and found.day.as_found is not None:
        known = RungResult(
            Rung.UNCORRECTED, (), ("nothing is changed",), effect=rung_dose(found.day.as_found)
        )
    wanted = {Rung.UNCORRECTED, *request.rungs} - ({Rung.UNCORRECTED} if known else set())
    ladder = climb(problem, progress, rungs=wanted)
    told = [*found.day.approximations, *([STATED] if request.displacement is not None else [])]
    return Adaptation(
        request,
        assessment,
        found.day.verdict,
        found.day.reasons,
        tuple(told),
        problem,
        (known, *ladder) if known else ladder,
    )


def problem_of(request: AdaptRequest, assessment: Assessment, found: AssessedDose) -> AdaptationProblem:
    """Put the patient of the day where the images, or the user, say that he lies."""
    order, alignment = found.planned.order, assessment.alignment
    density, anatomy = found.day.density, assessment.anatomy
    if density is None or anatomy is None:
        msg = "there is no density of the day to correct beams for: " + "; ".join(found.day.reasons)
        raise InputError(msg)
    setup = alignment.setup
    return AdaptationProblem(
        plan=order.plan,
        planned=rung_dose(found.planned.placed),
        planned_target=_target(order),
        density=density.volume,
        structures=found.day.structures,
        fixed_from_daily=_as_he_lies(
            request,
            fixed_from_daily(setup.patient_position, setup.machine_isocentre_mm),
            fixed_from_planning(order.plan.patient_position, order.plan.isocentre_mm()),
            anatomy.found.planning_from_daily,
        ),
        planning_from_daily=anatomy.found.planning_from_daily,
        machine=order.machine,
        couch=request.couch,
        goals=order.goals,
        fractions=order.prescription.fractions,
        prescription_gy=order.prescription.dose_gy,
        body=density.body,
        settings=DoseSettings(DoseAlgorithm.PENCIL_BEAM, order.spacing_mm),
    )


def _as_he_lies(
    request: AdaptRequest,
    measured: RigidTransform,
    planned: RigidTransform,
    planning_from_daily: RigidTransform,
) -> RigidTransform:
    if request.displacement is None:
        return measured
    return request.displacement.fixed_after_from_before @ planned @ planning_from_daily


def _target(order: DoseOrder) -> Structure:
    return next(one for one in order.structures if one.name == order.target_name)


def rung_dose(placed: PlacedDose) -> RungDose:
    """Return a dose of the day as the ladder shows it."""
    return RungDose(placed.dose, placed.histograms, placed.goals)
