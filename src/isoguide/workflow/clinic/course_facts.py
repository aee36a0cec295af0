"""A course as a person looks it up: what it is measured against, by which protocol, and its fractions."""

from dataclasses import dataclass

from isoguide.geometry.iec61217 import TableTopPose
from isoguide.records import StoredCourse
from isoguide.workflow.clinic.desk import Desk
from isoguide.workflow.clinic.open_fraction import protocol_of
from isoguide.workflow.protocol_words import protocol_words


@dataclass(frozen=True, slots=True, eq=False)
class CourseFacts:
    """A course, where the couch stood at its first set-up, and its protocol in sentences."""

    stored: StoredCourse
    first_couch: TableTopPose | None
    protocol_sentences: tuple[str, ...]


def course_facts(desk: Desk, course_id: str) -> CourseFacts:
    """Return what is known of a course.

    Raises
    ------
    UnknownNameError
        If there is none.
    InputError
        If it was imported and has no simulation, or cannot be read.
    """
    stored = desk.records.course(course_id)
    return CourseFacts(stored, desk.first_set_up(course_id), protocol_words(protocol_of(stored)))
