"""On a later day: is the planning that is given again the one the course was registered with."""

import hashlib
from pathlib import Path

from isoguide.course import PatientKey, SimulationRecord
from isoguide.dicom import PlanningSet, load_planning_set, scan_folder
from isoguide.errors import MismatchError, MissingEvidenceError
from isoguide.progress import Progress, part_of, silent


def file_sha256(path: Path) -> str:
    """SHA-256 of a file's bytes, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def require_same_plan(
    simulation: SimulationRecord, planning: PlanningSet | Path | str, *, progress: Progress = silent
) -> PlanningSet:
    """Return the planning of a registered course, or refuse one that has changed.

    Parameters
    ----------
    simulation
        What was registered.
    planning
        A planning set, or a folder in which its objects are looked for by their UIDs.
    progress
        Told what is being read.

    Raises
    ------
    MismatchError
        If plan, structure set or planning CT are not the registered ones, by UID or content, or belong to
        another patient.
    MissingEvidenceError
        If one of them is not there at all.
    """
    if not isinstance(planning, PlanningSet):
        planning = _registered_in(simulation, planning, progress)
    plan, structures = planning.plan, planning.structure_set
    if plan is None or planning.plan_path is None or structures is None:
        label = simulation.plan_label
        msg = f"the plan or the structure set of plan '{label}' is missing: give the whole export"
        raise MissingEvidenceError(msg)
    _require_same_patient(simulation, planning)
    if simulation.frame_of_reference_uid != planning.image.frame_of_reference_uid:
        raise _replaced(simulation, "planning CT", "its frame of reference is another one")
    for what, registered, now in (
        ("plan", simulation.plan_uid, plan.sop_instance_uid),
        ("structure set", simulation.structure_set_uid, structures.sop_instance_uid),
        ("planning CT", simulation.planning_series_uid, planning.image.series_instance_uid),
    ):
        if registered != now:
            raise _replaced(simulation, what, f"registered was the UID {registered}, given is {now}")
    for what, registered, now in (
        ("plan", simulation.plan_sha256, file_sha256(planning.plan_path)),
        ("structure set", simulation.structure_set_sha256, file_sha256(structures.path)),
        ("planning CT", simulation.planning_sha256, planning.image.content_sha256),
    ):
        if registered != now:
            raise _replaced(simulation, what, "it has the same UID and another content")
    return planning


def _registered_in(simulation: SimulationRecord, folder: Path | str, progress: Progress) -> PlanningSet:
    contents = scan_folder(folder, part_of(progress, 0.0, 0.4))
    for what, registered, there in (
        ("plan", simulation.plan_uid, [one.sop_instance_uid for one in contents.plans]),
        (
            "structure set",
            simulation.structure_set_uid,
            [one.sop_instance_uid for one in contents.structure_sets],
        ),
        (
            "planning CT",
            simulation.planning_series_uid,
            [one.series_instance_uid for one in contents.ct_series],
        ),
    ):
        if registered not in there:
            if not there:
                msg = f"{folder} holds no {what}: give the planning export of plan '{simulation.plan_label}'"
                raise MissingEvidenceError(msg)
            found = ", ".join(there)
            raise _replaced(simulation, what, f"registered was the UID {registered}, {folder} holds {found}")
    return load_planning_set(
        contents,
        series_uid=simulation.planning_series_uid,
        plan_uid=simulation.plan_uid,
        structure_set_uid=simulation.structure_set_uid,
        progress=progress,
    )


def _require_same_patient(simulation: SimulationRecord, planning: PlanningSet) -> None:
    found = planning.image.patient
    now = PatientKey(found.patient_id, found.birth_date, found.name, found.issuer)
    if not now.is_same(simulation.patient):
        msg = (
            f"the {planning.image.label} belongs to {now.patient_id}, born {now.birth_date}, and the course "
            f"to {simulation.patient.patient_id}, born {simulation.patient.birth_date}: give his own"
        )
        raise MismatchError(msg)


def _replaced(simulation: SimulationRecord, what: str, evidence: str) -> MismatchError:
    return MismatchError(
        f"the {what} was replaced since the course of plan '{simulation.plan_label}' was registered "
        f"({evidence}): register a new course"
    )
