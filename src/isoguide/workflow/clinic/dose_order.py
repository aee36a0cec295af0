"""What the dose of a day is asked of: the plan of a course, a machine, structures and goals."""

from dataclasses import dataclass

from isoguide.course.dose_instructions import DoseInstructions
from isoguide.dose.result import DoseAlgorithm
from isoguide.errors import InputError, MissingEvidenceError
from isoguide.plan import Plan
from isoguide.workflow.assess.chosen import structures_to_assess
from isoguide.workflow.beam_data import choose_beam_data, read_beam_data, shipped_machines
from isoguide.workflow.clinic.pictures.plan_scene import PlanScene
from isoguide.workflow.dose.day import DoseOrder, DosePrescription


@dataclass(frozen=True, slots=True)
class DoseAsked:
    """How somebody wants a dose computed.

    Parameters
    ----------
    beam_data
        Name of the beam data; None for those of the machine that the plan names.
    algorithm
        None: as the protocol says.
    """

    beam_data: str | None = None
    algorithm: DoseAlgorithm | None = None


def beam_data_names() -> tuple[str, ...]:
    """Return the names of the beam data that there are."""
    return tuple(shipped_machines())


def beam_data_problem(plan: PlanScene) -> str:
    """Say why the beam data have to be named by who asks; empty where the plan's machine has some."""
    try:
        dose_order(plan, DoseAsked())
    except InputError as error:
        return str(error)
    return ""


def dose_order(plan: PlanScene, asked: DoseAsked) -> DoseOrder:
    """Say what the dose of a course's days is asked of.

    Raises
    ------
    MissingEvidenceError
        If the course has no plan or no number of fractions, or the plan's machine has no beam data and none
        are named.
    UnknownNameError
        If there are no beam data of the name.
    InputError
        If the beam data cannot be used for the plan.
    """
    planned = _plan_of(plan)
    candidates = [read_beam_data(name) for name in beam_data_names()]
    machine, assumed = choose_beam_data(planned, candidates, chosen=asked.beam_data)
    said = plan.protocol.dose or DoseInstructions()
    target = plan.course.simulation.target
    return DoseOrder(
        plan=planned,
        machine=machine,
        volume=plan.planning.volume,
        structures=structures_to_assess(plan.structures, target, plan.protocol.assessment),
        target_name=target or None,
        prescription=prescription_of(plan),
        goals=said.goals,
        algorithm=asked.algorithm or said.algorithm,
        spacing_mm=said.spacing_mm,
        assumed=assumed,
    )


def _plan_of(plan: PlanScene) -> Plan:
    if plan.planning.plan is None:
        msg = f"course {plan.course.line.course_id} has no plan, so nobody knows its beams: export the plan"
        raise MissingEvidenceError(msg)
    return plan.planning.plan


def prescription_of(plan: PlanScene) -> DosePrescription:
    """Return what the target shall get.

    Raises
    ------
    MissingEvidenceError
        If nobody knows in how many fractions.
    """
    simulation = plan.course.simulation
    fractions, each_gy = simulation.fractions_planned, simulation.dose_per_fraction_gy
    if fractions is None:
        msg = (
            f"nobody knows how many fractions course {plan.course.line.course_id} has, so no goal of the "
            "course can be judged by one of them: export a plan with its fraction scheme"
        )
        raise MissingEvidenceError(msg)
    return DosePrescription(None if each_gy is None else each_gy * fractions, fractions)
