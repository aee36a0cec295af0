"""Assessments of the day's anatomy: added at any time to an image of the fraction, and never replaced."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, func, select

from isoguide.course import AssessmentRecord
from isoguide.errors import InputError, UnknownNameError
from isoguide.records import courses
from isoguide.records.audit import Write
from isoguide.records.model import ASSESSMENTS, FRACTIONS, IMAGES
from isoguide.records.plain import from_row, time_text, to_row
from isoguide.records.stored import FractionKey


def keep_assessment(write: Write, key: FractionKey, assessment: AssessmentRecord) -> int:
    """Keep one more assessment of a fraction, and return which one of the fraction it is."""
    _require_image(write.connection, key, assessment)
    of_fraction = (ASSESSMENTS.c.course_id == key.course_id) & (ASSESSMENTS.c.fraction == key.number)
    highest = write.connection.execute(select(func.max(ASSESSMENTS.c.number)).where(of_fraction)).scalar()
    number = (highest or 0) + 1
    place = {"course_id": key.course_id, "fraction": key.number, "number": number}
    write.insert(ASSESSMENTS, {**place, **to_row(assessment)})
    write.log("assess anatomy", str(key))
    return number


def _require_image(connection: Connection, key: FractionKey, assessment: AssessmentRecord) -> None:
    """Refuse what was not made from an image of this fraction."""
    of_key = (FRACTIONS.c.course_id == key.course_id) & (FRACTIONS.c.number == key.number)
    if connection.execute(select(FRACTIONS.c.number).where(of_key)).scalar() is None:
        msg = f"there is no {key} here: look at the fractions of the course"
        raise UnknownNameError(msg)
    same = (IMAGES.c.course_id == key.course_id) & (IMAGES.c.uid == assessment.image_uid)
    image = connection.execute(select(IMAGES.c.fraction, IMAGES.c.acquired_at).where(same)).first()
    if image is None or image.fraction != key.number:
        where = "no fraction of this course" if image is None else f"fraction {image.fraction}"
        msg = (
            f"the image {assessment.image_uid} is one of {where}, not of {key}: nothing was recorded; assess "
            "an image of that fraction"
        )
        raise InputError(msg)
    if time_text(assessment.assessed_at, "an assessment") < image.acquired_at:
        msg = (
            f"the assessment of the image {assessment.image_uid} is older than the image itself "
            f"({assessment.assessed_at} before {image.acquired_at}): compare the clocks"
        )
        raise InputError(msg)


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
