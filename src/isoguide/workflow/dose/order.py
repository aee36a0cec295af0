"""From a plan and its structures to what a dose is asked of: prescription, patient, what is looked at."""

from collections.abc import Sequence
from typing import Final

import numpy as np

from isoguide.dose.density import outlined_body, outlines_of
from isoguide.errors import AmbiguityError, MissingEvidenceError
from isoguide.geometry.frames import Array
from isoguide.images.structure import Structure
from isoguide.images.volume import Volume
from isoguide.plan import Plan, Prescription
from isoguide.workflow.dose.day import DosePrescription, Mask
from isoguide.workflow.target import NOT_ANATOMY, choose_target

BOLUS: Final = "BOLUS"


def treated_structure(
    plan: Plan, structures: Sequence[Structure], name: str | None, source: str
) -> Structure:
    """Return the target: the one named, or the one that :func:`isoguide.workflow.target.choose_target` picks.

    Raises
    ------
    MissingEvidenceError
        If there is none of that name, or none at all.
    """
    if name is not None:
        return named_structure(structures, name, source)
    target = choose_target(structures, _middle_mm(plan))
    if target is None:
        names = ", ".join(f"'{one.name}'" for one in structures if one.is_volume) or "none"
        msg = (
            f"{source} has no structure of type PTV, CTV or GTV (it has {names}): name what is treated with "
            "--target"
        )
        raise MissingEvidenceError(msg)
    return target


def named_structure(structures: Sequence[Structure], name: str, source: str) -> Structure:
    """Return the structure of a name that encloses volume.

    Raises
    ------
    MissingEvidenceError
        If there is none.
    AmbiguityError
        If there are several.
    """
    found = [one for one in structures if one.name.casefold() == name.casefold() and one.is_volume]
    if len(found) > 1:
        msg = f"{source} has {len(found)} structures named '{name}': rename all but one"
        raise AmbiguityError(msg)
    if not found:
        names = ", ".join(f"'{one.name}'" for one in structures if one.is_volume) or "none"
        msg = f"{source} has no structure '{name}' that encloses volume; it has {names}"
        raise MissingEvidenceError(msg)
    return found[0]


def looked_at(
    structures: Sequence[Structure], target: Structure, names: Sequence[str], source: str
) -> tuple[Structure, ...]:
    """Return the target, and the structures named, or else all that are the patient's.

    Raises
    ------
    InputError
        As :func:`named_structure`.
    """
    if names:
        chosen = [named_structure(structures, name, source) for name in names]
    else:
        chosen = [one for one in structures if _is_anatomy(one)]
    found = (target, *(one for one in chosen if one is not target))
    all_names = [one.name for one in found]
    twice = next((name for name in all_names if all_names.count(name) > 1), None)
    if twice is not None:
        msg = f"{source} has several structures named '{twice}': rename all but one"
        raise AmbiguityError(msg)
    return found


def prescription_of(
    plan: Plan, target: Structure, *, dose_gy: float | None = None, fractions: int | None = None
) -> tuple[DosePrescription, tuple[str, ...]]:
    """Say what the target shall get, and what is assumed in it.

    Parameters
    ----------
    plan
        With its dose references.
    target
        What is treated.
    dose_gy, fractions
        Stated by the user; they count before the plan.

    Raises
    ------
    MissingEvidenceError
        If nothing says in how many fractions the dose is given.
    """
    count = fractions if fractions is not None else plan.fractions_planned
    if count is None or count < 1:
        msg = f"plan '{plan.label}' does not say in how many fractions it is given: state it with --fractions"
        raise MissingEvidenceError(msg)
    told = []
    if fractions is not None and plan.fractions_planned not in (None, fractions):
        told.append(
            f"{fractions} fractions were stated by hand; plan '{plan.label}' has {plan.fractions_planned}"
        )
    if dose_gy is not None:
        told.append(f"the prescription of {dose_gy:g} Gy was stated by hand")
        return DosePrescription(dose_gy, count), tuple(told)
    prescribed, assumed = _prescribed(plan.prescriptions, target)
    return DosePrescription(prescribed, count), (*told, *assumed)


def body_of(volume: Volume, structures: Sequence[Structure]) -> tuple[Mask, tuple[str, ...]]:
    """Return the patient without what he lies on, bool ``[k, j, i]``, and what is assumed in it.

    Raises
    ------
    GeometryError
        If no outline is drawn and no body is found in the CT.
    """
    body, outlines = outlined_body(volume, structures), outlines_of(structures)
    told = [
        f"the bolus '{one.name}' counts only as far as it lies within the outline of the patient"
        for one in structures
        if one.interpreted_type.upper() == BOLUS
    ]
    if outlines:
        names = " and ".join(f"'{one.name}'" for one in outlines)
        told.append(f"the patient is what lies within {names}: couch and cushions are left out")
        return body, tuple(told)
    told.append(
        "no outline of the patient is drawn: he was found in the planning CT, without couch and cushions"
    )
    return body, tuple(told)


def _prescribed(
    prescriptions: Sequence[Prescription], target: Structure
) -> tuple[float | None, tuple[str, ...]]:
    to_target = [one.dose_gy for one in prescriptions if one.structure_number == target.number]
    if to_target:
        return max(to_target), ()
    if not prescriptions:
        return None, ("the plan states no prescription, so that nothing is given as a share of it",)
    largest = max(prescriptions, key=lambda one: one.dose_gy)
    to = f"'{largest.description}'" if largest.description else "a site"
    told = f"the prescription of {largest.dose_gy:g} Gy to {to} is taken as that of '{target.name}'"
    if len(prescriptions) > 1:
        told += f", the highest of {len(prescriptions)}"
    return largest.dose_gy, (told,)


def _middle_mm(plan: Plan) -> Array:
    """Middle (3,) of the isocentres of the treatment beams; the origin where there is none."""
    points = [beam.isocentre_mm for beam in plan.beams if beam.is_treatment]
    known = [point for point in points if point is not None]
    return np.mean(known, axis=0) if known else np.zeros(3)


def _is_anatomy(structure: Structure) -> bool:
    return structure.is_volume and structure.interpreted_type.upper() not in NOT_ANATOMY
