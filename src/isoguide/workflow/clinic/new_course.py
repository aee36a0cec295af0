"""A course begins: its planning export is read, kept and recorded."""

from dataclasses import dataclass
from pathlib import Path

from isoguide.progress import Progress, part_of, silent
from isoguide.workflow.clinic.desk import Desk
from isoguide.workflow.protocol_file import parse_protocol
from isoguide.workflow.register_course import CourseChoice, RegisteredCourse, register_course


@dataclass(frozen=True, slots=True, eq=False)
class NewCourse:
    """A course, its name in the records, and the protocol that it is treated by."""

    course_id: str
    registered: RegisteredCourse
    protocol: str


def new_course(
    desk: Desk,
    folder: Path,
    *,
    site: str,
    protocol: str,
    by: str,
    choice: CourseChoice | None = None,
    progress: Progress = silent,
) -> NewCourse:
    """Register a course from its planning export; its files are kept before it is recorded.

    Parameters
    ----------
    desk
        Of the department.
    folder
        The planning export.
    site
        Part of the body as the department sorts its statistics.
    protocol
        Name of a protocol in use; its newest version counts.
    by
        Who registers it.
    choice
        What to take where the export leaves a choice.
    progress
        Told what is done.

    Raises
    ------
    MissingEvidenceError
        If the protocol is not in use, or somebody is not on the staff.
    InputError
        If the export cannot be used, or its plan is being treated already.
    """
    desk.records.person(by)
    text = desk.records.protocol_text(protocol)
    chosen = parse_protocol(text, f"protocol {protocol}")
    registered = register_course(folder, site=site, choice=choice, progress=part_of(progress, 0.0, 0.9))
    progress(0.9, "Keeping the files")
    desk.store.add_all(registered.files)
    for picture in registered.pictures:
        desk.store.add_bytes(picture.png)
    course_id = desk.records.add_course(
        registered.simulation, protocol_name=chosen.name, protocol_version=chosen.version, by=by
    )
    progress(1.0, "Done")
    return NewCourse(course_id, registered, chosen.label)
