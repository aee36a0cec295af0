"""The records, images and clock of a department, opened together."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from isoguide.records import Place, create_records, open_records
from isoguide.records.image_store import ImageStore
from isoguide.records.schema import exists, upgrade
from isoguide.workflow.clinic.desk import Desk
from isoguide.workflow.clinic.desk_room import DeskClock


def utc_now() -> datetime:
    """Return the time, aware UTC."""
    return datetime.now(UTC)


@contextmanager
def open_desk(place: str, *, now: Callable[[], datetime] | None = None) -> Iterator[Desk]:
    """Open the records at a place, a folder or the address of a database, and close them afterwards.

    Raises
    ------
    MissingEvidenceError
        If there are none.
    InputError
        If they are of an older or newer isoguide, or the address is none.
    UnreadableError
        If they are damaged.
    """
    where, clock = Place.parse(place), now or utc_now
    with open_records(where, clock=clock) as records:
        yield Desk(records, ImageStore(where.images), DeskClock(clock))


@contextmanager
def new_desk(place: str, *, now: Callable[[], datetime] | None = None) -> Iterator[Desk]:
    """Make records where there are none, open them, and close them afterwards.

    Raises
    ------
    InputError
        If there are some.
    OutputError
        If they cannot be made.
    """
    where, clock = Place.parse(place), now or utc_now
    with create_records(where, clock=clock) as records:
        yield Desk(records, ImageStore(where.images), DeskClock(clock))


def upgrade_place(place: str) -> bool:
    """Bring the records at a place to this version, or make empty ones; returns whether they were made.

    Raises
    ------
    InputError
        If they are of a newer isoguide.
    OutputError
        If they cannot be written.
    """
    where = Place.parse(place)
    is_new = not exists(where)
    upgrade(where)
    return is_new
