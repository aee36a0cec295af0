"""What the dose of a day is asked of: the plan of a course, a machine, the patient, structures and goals."""

from dataclasses import dataclass
from typing import Final

from isoguide.course.dose_instructions import DoseInstructions
from isoguide.dose.result import DoseAlgorithm
from isoguide.workflow.assess.chosen import structures_to_assess
from isoguide.workflow.clinic.beam_data_shelf import BeamDataShelf, plan_of
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


def dose_order(plan: PlanScene, asked: DoseAsked, shelf: BeamDataShelf) -> DoseOrder:
    """Say what the dose of a course's days is asked of.

    Raises
    ------
    MissingEvidenceError
        If the course has no plan, no target or no number of fractions, or no beam data are known or named.
    InputError
        If no body is found in the planning CT.
    """
    planned, structures, volume = plan_of(plan), plan.structures, plan.planning.volume
    machine, about_machine = shelf.chosen(plan, asked.beam_data)
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
        algorithm=asked.algorithm or algorithm_of(said),
        spacing_mm=said.spacing_mm if said is not None else SPACING_MM,
        assumed=(*about_machine, *about_dose, *about_body),
    )


def algorithm_of(said: DoseInstructions | None) -> DoseAlgorithm:
    """Return by which algorithm a protocol wants the dose of a day; pencil beam where it says nothing."""
    return said.algorithm if said is not None else DoseAlgorithm.PENCIL_BEAM
