"""Assessments of the day's anatomy: added at any time to an image of the fraction, and never replaced."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, select

from isoguide.course import AssessmentRecord
from isoguide.records import courses
from isoguide.records.audit import Write
from isoguide.records.model import ASSESSMENTS
from isoguide.records.of_image import next_number, require_image
from isoguide.records.plain import Row, from_row, to_row
from isoguide.records.stored import FractionKey


def keep_assessment(write: Write, key: FractionKey, assessment: AssessmentRecord) -> int:
    """Keep one more assessment of a fraction, and return which one of the fraction it is."""
    uid, at = assessment.image_uid, assessment.assessed_at
    require_image(write.connection, key, uid, at, "assessment")
    number = next_number(write.connection, ASSESSMENTS, key)
    place: Row = {"course_id": key.course_id, "fraction": key.number, "number": number}
    write.insert(ASSESSMENTS, {**place, **to_row(assessment)})
    write.log("assess anatomy", str(key))
    return number


def assessments(connection: Connection, course_id: str) -> tuple[tuple[int, AssessmentRecord], ...]:
    """Return the assessments of a course with the number of their fraction, in order."""
    query = select(ASSESSMENTS).where(ASSESSMENTS.c.course_id == course_id)
    rows = connection.execute(query.order_by(*ASSESSMENTS.primary_key.columns)).mappings().all()
    if not rows:
        courses.require_line(connection, course_id)
    return tuple((row["fraction"], record_of(row)) for row in rows)


def record_of(row: Mapping[Any, Any]) -> AssessmentRecord:
    """Return a row as what was kept.

    Raises
    ------
    UnreadableError
        If it holds no assessment.
    """
    key = FractionKey(row["course_id"], row["fraction"])
    return from_row(AssessmentRecord, row, f"assessment {row['number']} of {key}")
