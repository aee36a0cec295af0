"""Transactions on either database, and their failures in one sentence each.

Readers see one moment and wait for nobody. Writers wait for each other: SQLite has one writer by nature, on
PostgreSQL an advisory lock does the same, because each entry of the audit needs the one before.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.exc import DBAPIError

from isoguide.errors import IsoguideError, MissingEvidenceError, OutputError, UnreadableError
from isoguide.records.audit import Write, newest
from isoguide.records.place import Place
from isoguide.treatment.ports import require_aware
from isoguide.treatment.refusals import ClockError

Clock = Callable[[], datetime]
"""Says the time, aware UTC."""

PATIENCE_S: Final = 10.0
"""So long a writer waits for the others: a write takes milliseconds, so somebody hangs then."""
STATIONS_APART: Final = timedelta(seconds=1)
"""Clocks of workstations that are kept in step may differ by this; on one machine there is one clock."""
AUDIT_LOCK: Final = 0x150609DE
"""Number of the advisory lock of PostgreSQL that writers hold."""
_FOR_WRITING: Final = "isoguide_writes"


class Database:
    """The connections to one database; it opens none before the first transaction.

    Parameters
    ----------
    place
        Where it is.
    patience_s
        How long a writer waits for others.
    """

    def __init__(self, place: Place, patience_s: float = PATIENCE_S) -> None:
        self.place, self.patience_s = place, patience_s
        self.is_embedded = place.database_file is not None
        self._engine = _embedded(place, patience_s) if self.is_embedded else _served(place)

    def close(self) -> None:
        """End all connections."""
        self._engine.dispose()

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Give a connection that sees one moment of the database, whatever others write meanwhile."""
        with self._explained("read"), self._engine.connect() as connection:
            if not self.is_embedded:
                connection = connection.execution_options(isolation_level="REPEATABLE READ")
            with connection.begin():
                yield connection

    @contextmanager
    def changing(self) -> Iterator[Connection]:
        """Give the only connection that writes; what it wrote is kept when the block ends, or nothing is."""
        with self._explained("write"), self._engine.connect() as connection:
            connection = connection.execution_options(**{_FOR_WRITING: True})
            with connection.begin():
                if not self.is_embedded:
                    patience_ms = round(1000.0 * self.patience_s)
                    connection.execute(text(f"SET LOCAL lock_timeout = '{patience_ms}ms'"))
                    # Whatever the server's default: acknowledged means flushed.
                    connection.execute(text("SET LOCAL synchronous_commit TO on"))
                    connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": AUDIT_LOCK})
                yield connection

    @contextmanager
    def writing(self, clock: Clock, by: str) -> Iterator[Write]:
        """Give a transaction that appends to the audit.

        Raises
        ------
        ClockError
            If the clock is behind the newest entry.
        """
        with self.changing() as connection:
            head, latest = newest(connection)
            yield Write(connection, self._time(clock, latest), by, head)

    def _time(self, clock: Clock, latest_text: str) -> datetime:
        now = clock()
        require_aware(now, "the clock of the records")
        latest = datetime.fromisoformat(latest_text) if latest_text else now
        back = latest - now
        if back > (timedelta() if self.is_embedded else STATIONS_APART):
            msg = (
                f"the clock is {back / timedelta(seconds=1):.3f} s behind the newest entry of the audit, so "
                "nothing is recorded: set the clock of this computer"
            )
            raise ClockError(msg)
        return max(now, latest).astimezone(UTC)

    @contextmanager
    def _explained(self, purpose: str) -> Iterator[None]:
        try:
            yield
        except DBAPIError as error:
            raise _in_a_sentence(error, self.place, purpose) from error
        except OSError as error:  # the driver does not translate what its socket raises
            msg = f"the connection to {self.place} was lost: look what is recorded, then try again"
            raise OutputError(msg) from error


def _embedded(place: Place, patience_s: float) -> Engine:
    engine = create_engine(place.url, connect_args={"timeout": patience_s}, max_overflow=-1)

    @event.listens_for(engine, "connect")
    def _set_up(connection: Any, _record: object) -> None:
        connection.isolation_level = None  # the driver's own BEGIN comes too late for a consistent read
        for pragma in ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON"):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        for_writing = connection.get_execution_options().get(_FOR_WRITING, False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if for_writing else "BEGIN")

    return engine


def _served(place: Place) -> Engine:
    try:
        return create_engine(place.url, pool_pre_ping=True, max_overflow=-1)
    except ImportError as error:
        msg = f"{place} needs a driver that is not installed: install isoguide[postgresql]"
        raise MissingEvidenceError(msg) from error


_SQLITE_TROUBLE: Final = {
    "BUSY": (OutputError, "another program holds the lock on {place} for too long: close it, then try again"),
    "LOCKED": (
        OutputError,
        "another program holds the lock on {place} for too long: close it, then try again",
    ),
    "FULL": (OutputError, "the disk of {place} is full, so nothing was written: make room, then try again"),
    "READONLY": (OutputError, "{place} cannot be written to, so nothing was: give isoguide the right to"),
    "CANTOPEN": (OutputError, "{place} cannot be opened: check that the folder exists and may be written to"),
    "IOERR": (OutputError, "the disk of {place} failed, so nothing was written: check it, then try again"),
    "CORRUPT": (UnreadableError, "{place} is damaged: restore a backup"),
    "NOTADB": (UnreadableError, "{place} is damaged or no database at all: restore a backup"),
}
_SERVER_TROUBLE: Final = {
    "55P03": (OutputError, "another program holds the lock on {place} for too long: end it, then try again"),
    "53100": (OutputError, "the disk of {place} is full, so nothing was written: make room, then try again"),
    "25006": (OutputError, "{place} takes no changes, so nothing was written: ask who runs the server"),
    "42501": (OutputError, "{place} gives this user no right to {purpose}: ask who runs the server"),
}


def _in_a_sentence(error: DBAPIError, place: Place, purpose: str) -> IsoguideError:
    kind, sentence = _trouble(error)
    return kind(sentence.format(place=place, purpose=purpose))


def _trouble(error: DBAPIError) -> tuple[type[IsoguideError], str]:
    name = getattr(error.orig, "sqlite_errorname", "")
    if name.startswith("SQLITE_"):
        known = _SQLITE_TROUBLE.get(name.split("_")[1])
        if known:
            return known
    first = error.orig.args[0] if error.orig and error.orig.args else ""
    if isinstance(first, dict) and first.get("C") in _SERVER_TROUBLE:
        return _SERVER_TROUBLE[first["C"]]
    if error.connection_invalidated or type(error.orig).__name__ == "InterfaceError":
        return OutputError, (
            "{place} does not answer or does not let isoguide in, so the {purpose} may not have been done: "
            "check its name and user, and look again when it answers"
        )
    words = str(first.get("M") if isinstance(first, dict) else first).replace("{", "(").replace("}", ")")
    return (
        OutputError,
        f"{{place}} refused to {{purpose}} ({words}), so nothing was written: see to it, then try again",
    )
