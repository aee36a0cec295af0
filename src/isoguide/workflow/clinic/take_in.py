"""Earlier courses from a folder of DICOM files, taken into the records."""

from dataclasses import dataclass
from pathlib import Path

from isoguide.errors import InputError, MissingEvidenceError
from isoguide.progress import Progress, part_of, silent
from isoguide.workflow.clinic.desk import Desk
from isoguide.workflow.import_courses import import_courses


@dataclass(frozen=True, slots=True)
class TakenIn:
    """Names of the courses that were taken in, and what could not be used with its reason."""

    course_ids: tuple[str, ...]
    refused: tuple[tuple[str, str], ...]


def take_in_courses(desk: Desk, folder: Path, *, by: str, progress: Progress = silent) -> TakenIn:
    """Read earlier courses and record each of them, whole or not at all.

    Parameters
    ----------
    desk
        Of the department.
    folder
        With any number of patients and courses.
    by
        Who takes them in.
    progress
        Told what is done.

    Raises
    ------
    MissingEvidenceError
        If the folder holds no course that could be used, or ``by`` is not on the staff.
    UnreadableError
        If the folder cannot be read.
    """
    desk.records.person(by)
    found = import_courses(folder, progress=part_of(progress, 0.0, 0.8))
    if not found.histories:
        why = f" ({found.refused[0][0]}: {found.refused[0][1]})" if found.refused else ""
        msg = f"{folder} holds no course that can be used{why}: give plans with images and registrations"
        raise MissingEvidenceError(msg)
    taken, refused = [], list(found.refused)
    for number, history in enumerate(found.histories):
        progress(0.8 + 0.2 * number / len(found.histories), f"Recording {history.course_id}")
        try:
            desk.records.add_history(history, source=str(folder), by=by)
        except InputError as error:
            refused.append((history.course_id, str(error)))
        else:
            taken.append(history.course_id)
    progress(1.0, "Done")
    return TakenIn(tuple(taken), tuple(refused))
