"""Doses of the days: added at any time to a fraction that has an image, and never replaced."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, select

from isoguide.course import DoseRecord
from isoguide.records import courses
from isoguide.records.audit import Write
from isoguide.records.model import DAY_DOSES
from isoguide.records.of_image import next_number, require_image
from isoguide.records.plain import Row, from_row, to_row
from isoguide.records.stored import FractionKey


def keep_dose(write: Write, key: FractionKey, dose: DoseRecord) -> int:
    """Keep one more dose of a fraction, and return which one of the fraction it is."""
    require_image(write.connection, key, dose.image_uid, dose.computed_at, "dose")
    number = next_number(write.connection, DAY_DOSES, key)
    place: Row = {"course_id": key.course_id, "fraction": key.number, "number": number}
    write.insert(DAY_DOSES, {**place, **to_row(dose)})
    write.log("compute dose", str(key))
    return number


def doses(connection: Connection, course_id: str) -> tuple[tuple[int, DoseRecord], ...]:
    """Return the doses of a course with the number of their fraction, in order."""
    query = select(DAY_DOSES).where(DAY_DOSES.c.course_id == course_id)
    rows = connection.execute(query.order_by(*DAY_DOSES.primary_key.columns)).mappings().all()
    if not rows:
        courses.require_line(connection, course_id)
    return tuple((row["fraction"], record_of(row)) for row in rows)


def record_of(row: Mapping[Any, Any]) -> DoseRecord:
    """Return a row as what was kept.

    Raises
    ------
    UnreadableError
        If it holds no dose.
    """
    key = FractionKey(row["course_id"], row["fraction"])
    return from_row(DoseRecord, row, f"dose {row['number']} of {key}")
