"""Find dose, structures and plan, and make sure that they belong to each other."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from isoguide.dicom import DoseGrid, StructureSet, read_dose, read_plan, read_structure_set, scan_folder
from isoguide.dicom.choice import FileCandidate, file_candidates, listed, the_only_one, with_uid
from isoguide.dicom.identity import compare_patients
from isoguide.dicom.planning_set import STRUCTURES_OPTION
from isoguide.dicom.rtplan import referenced_structure_set_of
from isoguide.dicom.scan import DicomFile, open_dicom
from isoguide.errors import AmbiguityError, InputError, MismatchError, MissingEvidenceError
from isoguide.plan import Plan
from isoguide.progress import Progress, silent
from isoguide.workflow.dvh.request import DvhRequest
from isoguide.workflow.inputs import require_existing


@dataclass(frozen=True, slots=True, eq=False)
class DvhInputs:
    """What belongs together.

    Parameters
    ----------
    dose, compared
        The dose, and the one beside it.
    structure_set
        In the same frame of reference.
    plan
        That the dose belongs to, where it lies beside the structures.
    warnings
        What could not be checked.
    """

    dose: DoseGrid
    compared: DoseGrid | None
    structure_set: StructureSet
    plan: Plan | None
    warnings: tuple[str, ...]


def load_inputs(request: DvhRequest, progress: Progress = silent) -> DvhInputs:
    """Read what a request names.

    Raises
    ------
    InputError
        If something is missing, ambiguous or damaged, or dose and structures belong to different patients
        or frames of reference.
    """
    for path in (request.dose, request.structures, request.compare):
        if path is not None:
            require_existing(path)
    progress(0.0, "reading the dose")
    dose = read_dose(_dose_file(request.dose))
    compared = read_dose(_dose_file(request.compare)) if request.compare is not None else None
    progress(0.3, "reading the structures")
    structure_file, plan_file = _structure_file(request, dose)
    structures = read_structure_set(structure_file)
    warnings = structures.warnings + _check_structures(dose, structures)
    if compared is not None:
        warnings += _check_compared(dose, compared)
    plan, plan_warnings = _plan(plan_file)
    return DvhInputs(dose, compared, structures, plan, warnings + plan_warnings)


def _dose_file(path: Path) -> DicomFile:
    if path.is_file():
        return open_dicom(path)
    candidates = file_candidates(scan_folder(path).doses)
    if len(candidates) > 1:
        msg = f"{path} holds {len(candidates)} doses ({listed(candidates)}); give one of the files"
        raise AmbiguityError(msg)
    if not candidates:
        msg = f"{path} holds no RT Dose; give the file of the dose"
        raise MissingEvidenceError(msg)
    return candidates[0].file


def _structure_file(request: DvhRequest, dose: DoseGrid) -> tuple[DicomFile, DicomFile | None]:
    """Return the structure set, and the plan that the dose belongs to where it lies beside it."""
    if request.structures.is_file():
        return open_dicom(request.structures), None
    contents = scan_folder(request.structures)
    plan = next((file for file in contents.plans if file.sop_instance_uid == dose.plan_uid), None)
    candidates = file_candidates(contents.structure_sets)
    if request.structure_set_uid is not None:
        kind = "RT Structure Set"
        return with_uid(candidates, request.structure_set_uid, kind=kind, path=contents.path).file, plan
    wanted = {dose.structure_set_uid, referenced_structure_set_of(plan.item) if plan else ""} - {""}
    linked: Sequence[FileCandidate] = [one for one in candidates if one.uid in wanted]
    found = the_only_one(
        linked or candidates, kind="structure set", option=STRUCTURES_OPTION, path=contents.path
    )
    if found is None:
        msg = f"{contents.path} holds no RT Structure Set; give the folder or the file that has it"
        raise MissingEvidenceError(msg)
    return found.file, plan


def _check_structures(dose: DoseGrid, structures: StructureSet) -> tuple[str, ...]:
    warnings = compare_patients(dose.patient, str(dose.path), structures.patient, str(structures.path))
    is_linked = bool(dose.structure_set_uid) and dose.structure_set_uid == structures.sop_instance_uid
    _check_frame(dose, structures.frame_of_reference_uid, str(structures.path), is_linked=is_linked)
    if dose.structure_set_uid and not is_linked:
        warnings += (
            f"{dose.path} refers to another structure set ({dose.structure_set_uid}) than {structures.path};"
            " patient and frame of reference agree",
        )
    return warnings


def _check_compared(dose: DoseGrid, compared: DoseGrid) -> tuple[str, ...]:
    warnings = compare_patients(dose.patient, str(dose.path), compared.patient, str(compared.path))
    _check_frame(dose, compared.frame_of_reference_uid, str(compared.path), is_linked=False)
    if dose.summation_type != compared.summation_type:
        msg = (
            f"{dose.path} is the dose of '{dose.summation_type or 'not stated'}' but {compared.path} of"
            f" '{compared.summation_type or 'not stated'}'; compare doses of the same"
        )
        raise MismatchError(msg)
    return warnings


def _check_frame(dose: DoseGrid, other_uid: str, other: str, *, is_linked: bool) -> None:
    """Refuse another frame of reference; one that is not stated is accepted only over a reference."""
    if dose.frame_of_reference_uid and other_uid:
        if dose.frame_of_reference_uid != other_uid:
            msg = (
                f"{other} is in the frame of reference {other_uid} but {dose.path} in"
                f" {dose.frame_of_reference_uid}; give those that belong together"
            )
            raise MismatchError(msg)
    elif not is_linked:
        msg = (
            f"{other} cannot be tied to {dose.path}: a frame of reference is not stated and no reference"
            " links them; export both again"
        )
        raise MissingEvidenceError(msg)


def _plan(file: DicomFile | None) -> tuple[Plan | None, tuple[str, ...]]:
    """Read the plan for its prescription and fractions; one that cannot be read is named."""
    if file is None:
        return None, ()
    try:
        return read_plan(file), ()
    except InputError as error:
        return None, (f"the plan was left out, and with it its prescription: {error}",)
