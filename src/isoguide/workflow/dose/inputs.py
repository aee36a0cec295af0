"""From a planning folder to what a dose is asked of, with everything checked that could make it another's."""

from dataclasses import dataclass

from isoguide.dicom import PlanningSet, load_planning_set
from isoguide.dose.goal_text import parse_goal
from isoguide.dose.goals import DoseGoal
from isoguide.errors import InputError, MissingEvidenceError
from isoguide.images.structure import Structure
from isoguide.plan import Plan
from isoguide.progress import Progress, part_of, silent
from isoguide.workflow.beam_data import choose_beam_data
from isoguide.workflow.dose.day import DoseOrder
from isoguide.workflow.dose.order import body_of, looked_at, prescription_of, treated_structure
from isoguide.workflow.dose.request import DoseRequest
from isoguide.workflow.inputs import require_existing
from isoguide.workflow.protocol_file import load_protocol


@dataclass(frozen=True, slots=True, eq=False)
class DoseInput:
    """What a request came to.

    Parameters
    ----------
    planning
        CT, structures and plan.
    order
        What the dose is asked of.
    target
        What is treated.
    """

    planning: PlanningSet
    order: DoseOrder
    target: Structure

    @property
    def plan(self) -> Plan:
        """The plan."""
        return self.order.plan


def load_dose_input(request: DoseRequest, progress: Progress = silent) -> DoseInput:
    """Read the planning folder and choose machine, target, prescription and goals.

    Raises
    ------
    InputError
        If the files cannot be used, or something is missing that must not be guessed.
    """
    require_existing(request.planning)
    planning = load_planning_set(
        request.planning,
        series_uid=request.planning_series_uid,
        plan_uid=request.plan_uid,
        structure_set_uid=request.structure_set_uid,
        progress=part_of(progress, 0.0, 0.8),
    )
    plan, structures = _plan_and_structures(planning, request)
    source = str(request.planning)
    target = treated_structure(plan, structures, request.target_name, source)
    prescription, prescribed = prescription_of(
        plan, target, dose_gy=request.prescription_gy, fractions=request.fractions
    )
    machine, chosen = choose_beam_data(plan, chosen=request.machine)
    progress(0.9, "finding the patient in the planning CT")
    body, outlined = body_of(planning.image.volume, structures)
    order = DoseOrder(
        plan=plan,
        machine=machine,
        volume=planning.image.volume,
        structures=looked_at(structures, target, request.structure_names, source),
        target_name=target.name,
        prescription=prescription,
        body=body,
        goals=goals_of(request.goals, request.protocol),
        algorithm=request.algorithm,
        spacing_mm=request.spacing_mm,
        assumed=(*chosen, *prescribed, *outlined),
    )
    progress(1.0, "ready to compute")
    return DoseInput(planning, order, target)


def goals_of(texts: tuple[str, ...], protocol: str | None) -> tuple[DoseGoal, ...]:
    """Return the goals of a protocol, and those written out, each once.

    Raises
    ------
    InputError
        If one cannot be read, or the protocol says nothing of the dose.
    """
    asked = () if protocol is None else _protocol_goals(protocol)
    return tuple(dict.fromkeys((*asked, *parsed_goals(texts))))


def parsed_goals(texts: tuple[str, ...]) -> tuple[DoseGoal, ...]:
    """Read goals that are written out.

    Raises
    ------
    InputError
        If one cannot be read.
    """
    return tuple(parse_goal(text) for text in texts)


def _protocol_goals(name: str) -> tuple[DoseGoal, ...]:
    instructions = load_protocol(name).protocol.dose
    if instructions is None:
        msg = f"protocol {name} says nothing about the dose: add a section [dose], or leave --protocol out"
        raise InputError(msg)
    return instructions.goals


def _plan_and_structures(planning: PlanningSet, request: DoseRequest) -> tuple[Plan, tuple[Structure, ...]]:
    if planning.plan is None:
        msg = (
            f"{request.planning} holds no plan, so there is no dose to compute: add the RT Plan to the folder"
        )
        raise MissingEvidenceError(msg)
    if planning.structure_set is None:
        msg = (
            f"{request.planning} holds no structure set, so nothing says what is treated: add the RT "
            "Structure Set to the folder"
        )
        raise MissingEvidenceError(msg)
    return planning.plan, planning.structure_set.structures
