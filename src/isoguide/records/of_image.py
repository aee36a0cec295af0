"""What is found out about an image after the fact, such as an assessment of anatomy or a dose.

It is added at any time, to an image of that very fraction, and never replaced.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Generic, TypeVar

from sqlalchemy import Connection, Table, func, select

from isoguide.course import AssessmentRecord, DoseRecord
from isoguide.errors import InputError, UnknownNameError
from isoguide.records import courses
from isoguide.records.audit import Write
from isoguide.records.model import ASSESSMENTS, DAY_DOSES, FRACTIONS, IMAGES
from isoguide.records.plain import Row, from_row, time_text, to_row
from isoguide.records.stored import FractionKey, OfImage

Found = TypeVar("Found", bound=OfImage)


@dataclass(frozen=True, slots=True)
class FoundOut(Generic[Found]):
    """One kind of what is found out, and how it is kept.

    Parameters
    ----------
    table, kind
        Where it is kept, and as what it is read.
    what, verb
        What it is, such as "assessment", and how the audit calls making one.
    made_at
        When one was made, aware.
    """

    table: Table
    kind: type[Found]
    what: str
    verb: str
    made_at: Callable[[Found], datetime]

    def keep(self, write: Write, key: FractionKey, made: Found) -> int:
        """Keep one more of a fraction, and return which one of the fraction it is."""
        _require_image(write.connection, key, made.image_uid, self.made_at(made), self.what)
        number = _next_number(write.connection, self.table, key)
        place: Row = {"course_id": key.course_id, "fraction": key.number, "number": number}
        write.insert(self.table, {**place, **to_row(made)})
        write.log(self.verb, str(key))
        return number

    def of_course(self, connection: Connection, course_id: str) -> tuple[tuple[int, Found], ...]:
        """Return those of a course with the number of their fraction, in order."""
        query = select(self.table).where(self.table.c.course_id == course_id)
        rows = connection.execute(query.order_by(*self.table.primary_key.columns)).mappings().all()
        if not rows:
            courses.require_line(connection, course_id)
        return tuple((row["fraction"], self.record_of(row)) for row in rows)

    def record_of(self, row: Mapping[Any, Any]) -> Found:
        """Return a row as what was kept.

        Raises
        ------
        UnreadableError
            If it holds nothing of this kind.
        """
        key = FractionKey(row["course_id"], row["fraction"])
        return from_row(self.kind, row, f"{self.what} {row['number']} of {key}")


ANATOMY: Final = FoundOut(
    ASSESSMENTS, AssessmentRecord, "assessment", "assess anatomy", lambda one: one.assessed_at
)
DOSE: Final = FoundOut(DAY_DOSES, DoseRecord, "dose", "compute dose", lambda one: one.computed_at)


def _require_image(connection: Connection, key: FractionKey, uid: str, at: datetime, what: str) -> None:
    """Refuse what was not made of an image of this fraction, or is older than that image."""
    of_key = (FRACTIONS.c.course_id == key.course_id) & (FRACTIONS.c.number == key.number)
    if connection.execute(select(FRACTIONS.c.number).where(of_key)).scalar() is None:
        msg = f"there is no {key} here: look at the fractions of the course"
        raise UnknownNameError(msg)
    same = (IMAGES.c.course_id == key.course_id) & (IMAGES.c.uid == uid)
    image = connection.execute(select(IMAGES.c.fraction, IMAGES.c.acquired_at).where(same)).first()
    if image is None or image.fraction != key.number:
        where = "no fraction of this course" if image is None else f"fraction {image.fraction}"
        msg = (
            f"the image {uid} is one of {where}, not of {key}: nothing was recorded; use an image of that "
            "fraction"
        )
        raise InputError(msg)
    if time_text(at, f"the {what}") < image.acquired_at:
        msg = (
            f"the {what} of the image {uid} is older than the image itself ({at} before "
            f"{image.acquired_at}): compare the clocks"
        )
        raise InputError(msg)


def _next_number(connection: Connection, table: Table, key: FractionKey) -> int:
    """Return which one of the fraction the next row of this table is, counted from 1."""
    of_fraction = (table.c.course_id == key.course_id) & (table.c.fraction == key.number)
    highest = connection.execute(select(func.max(table.c.number)).where(of_fraction)).scalar()
    return (highest or 0) + 1
