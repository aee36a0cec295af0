"""Which structures of a plan are assessed where nobody names them."""

from collections.abc import Sequence

from isoguide.course import AssessmentInstructions
from isoguide.images.structure import Structure
from isoguide.workflow.target import NOT_ANATOMY, TARGET_TYPES


def structures_to_assess(
    structures: Sequence[Structure], target_name: str | None, instructions: AssessmentInstructions | None
) -> tuple[Structure, ...]:
    """Return the target, and what the protocol names or else all that is the patient's.

    Limits of a protocol hold for all that belongs to the target: PTV, CTV and GTV are assessed without being
    named.

    Parameters
    ----------
    structures
        Of the plan.
    target_name
        The structure that is treated; None or empty where there is none.
    instructions
        Of the protocol; None where it says nothing.
    """
    named = instructions.structures if instructions is not None else ()
    wanted = {name.casefold() for name in named}
    return tuple(
        one
        for one in structures
        if one.name == target_name or (_is_wanted(one, wanted) if wanted else _is_anatomy(one))
    )


def _is_wanted(structure: Structure, wanted: set[str]) -> bool:
    return structure.name.casefold() in wanted or structure.interpreted_type.upper() in TARGET_TYPES


def _is_anatomy(structure: Structure) -> bool:
    """Points and lines have no size; the couch is not the patient, and the body outline is never whole."""
    is_point = bool(structure.contours) and not structure.is_volume
    return not is_point and structure.interpreted_type.upper() not in NOT_ANATOMY
