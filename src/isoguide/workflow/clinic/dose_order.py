"""What the dose of a day is asked of: the plan of a course, a machine, the patient, structures and goals."""

from dataclasses import dataclass
from typing import Final

from isoguide.course.dose_instructions import DoseInstructions
from isoguide.dose.beam_data import BeamData
from isoguide.dose.result import DoseAlgorithm
from isoguide.errors import InputError, MissingEvidenceError
from isoguide.plan import Plan
from isoguide.workflow.assess.chosen import structures_to_assess
from isoguide.workflow.beam_data import choose_beam_data, read_beam_data, shipped_machines
from isoguide.workflow.clinic.pictures.plan_scene import PlanScene
from isoguide.workflow.dose.day import DoseOrder
from isoguide.workflow.dose.order import body_of, prescription_of, treated_structure

SPACING_MM: Final = 2.5
"""Of the dose grid where the protocol says nothing of the dose."""


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
        chosen_machine(plan, None)
    except InputError as error:
        return str(error)
    return ""


def chosen_machine(plan: PlanScene, name: str | None) -> tuple[BeamData, tuple[str, ...]]:
    """Return the beam data for a plan, and what is assumed about them.

    Parameters
    ----------
    plan
        Of a course.
    name
        Of beam data; None for those of the machine that the plan names.

    Raises
    ------
    MissingEvidenceError
        If the course has no plan, there are no beam data of the name, or none for the plan's machine.
    """
    known = beam_data_names()
    if name is not None and name not in known:
        msg = f"there are no beam data '{name}': choose one of {', '.join(known) or 'none'}"
        raise MissingEvidenceError(msg)
    candidates = [read_beam_data(one) for one in known]
    return choose_beam_data(plan_of(plan), candidates, chosen=name)


def dose_order(plan: PlanScene, asked: DoseAsked) -> DoseOrder:
    """Say what the dose of a course's days is asked of.

    Raises
    ------
    MissingEvidenceError
        If the course has no plan, no target or no number of fractions, or no beam data are known or named.
    InputError
        If no body is found in the planning CT.
    """
    planned, structures, volume = plan_of(plan), plan.structures, plan.planning.volume
    machine, about_machine = chosen_machine(plan, asked.beam_data)
    said, target_name = plan.protocol.dose, plan.course.simulation.target
    target = treated_structure(planned, structures, target_name or None, f"plan '{planned.label}'")
    prescription, about_dose = prescription_of(planned, target)
    body, about_body = body_of(volume, structures)
    return DoseOrder(
        plan=planned,
        machine=machine,
        volume=volume,
        structures=structures_to_assess(structures, target.name, plan.protocol.assessment),
        target_name=target.name,
        prescription=prescription,
        body=body,
        goals=said.goals if said is not None else (),
        algorithm=asked.algorithm or _algorithm(said),
        spacing_mm=said.spacing_mm if said is not None else SPACING_MM,
        assumed=(*about_machine, *about_dose, *about_body),
    )


def _algorithm(said: DoseInstructions | None) -> DoseAlgorithm:
    return said.algorithm if said is not None else DoseAlgorithm.PENCIL_BEAM


def plan_of(plan: PlanScene) -> Plan:
    """Return the beams of a course.

    Raises
    ------
    MissingEvidenceError
        If it has no plan.
    """
    if plan.planning.plan is None:
        course_id = plan.course.line.course_id
        msg = f"course {course_id} has no plan, so nobody knows its beams: register it with its plan"
        raise MissingEvidenceError(msg)
    return plan.planning.plan
