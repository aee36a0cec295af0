"""What is kept beside an image after the fact: it has to be made of an image of that very fraction."""

from datetime import datetime

from sqlalchemy import Connection, Table, func, select

from isoguide.errors import InputError, UnknownNameError
from isoguide.records.model import FRACTIONS, IMAGES
from isoguide.records.plain import time_text
from isoguide.records.stored import FractionKey


def require_image(connection: Connection, key: FractionKey, uid: str, at: datetime, what: str) -> None:
    """Refuse what was not made of an image of this fraction.

    Parameters
    ----------
    connection
        To the records.
    key
        The fraction.
    uid
        Of the image.
    at
        When it was made, aware.
    what
        What it is, such as "assessment".

    Raises
    ------
    UnknownNameError
        If there is no such fraction.
    InputError
        If the image is not one of this fraction, or is younger than what was made of it.
    """
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


def next_number(connection: Connection, table: Table, key: FractionKey) -> int:
    """Return which one of the fraction the next row of this table is, counted from 1."""
    of_fraction = (table.c.course_id == key.course_id) & (table.c.fraction == key.number)
    highest = connection.execute(select(func.max(table.c.number)).where(of_fraction)).scalar()
    return (highest or 0) + 1
