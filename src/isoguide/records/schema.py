"""The version of the tables: what is there, what this isoguide knows, and the way from one to the other."""

from pathlib import Path
from typing import Final

from sqlalchemy import Connection, inspect, text

from isoguide.errors import InputError, MissingEvidenceError, OutputError, UnreadableError
from isoguide.records.connection import Database
from isoguide.records.model import Base
from isoguide.records.place import Place

VERSIONS: Final = ("0001", "0002", "0003", "0004", "0005")
"""Every version of the tables that there has been, the one of this isoguide last."""
VERSION_TABLE: Final = "isoguide_version"
"""Where a database says which one it has."""
MIGRATIONS: Final = Path(__file__).with_name("migrations")


def exists(place: Place) -> bool:
    """Whether there is something at this place: a file, or a server's database that has our tables."""
    file = place.database_file
    return file.exists() if file is not None else _version_of(place) is not None


def require_current(database: Database) -> None:
    """Refuse what is not a sound database of this version.

    Raises
    ------
    MissingEvidenceError
        If there are no records at the place.
    InputError
        If they are of an older or newer isoguide.
    UnreadableError
        If the database is damaged.
    """
    place = database.place
    file = place.database_file
    nothing = f"there are no records in {place}: make them with isoguide db upgrade, or name another place"
    if file is not None and not file.is_file():
        raise MissingEvidenceError(nothing)
    with database.reading() as connection:
        if database.is_embedded:
            _require_sound(connection, place)
        version = _version(connection)
    if version is None:
        raise MissingEvidenceError(nothing)
    if version not in VERSIONS:
        msg = f"the records in {place} are of a newer isoguide (version {version} of the tables): install it"
        raise InputError(msg)
    if version != VERSIONS[-1]:
        msg = (
            f"the records in {place} are of an older isoguide (version {version} of the tables, not "
            f"{VERSIONS[-1]}): make a backup, then run isoguide db upgrade"
        )
        raise InputError(msg)


def upgrade(place: Place) -> None:
    """Make the tables, or bring those of an older isoguide to this one; all of it or nothing.

    A backup is the caller's business.

    Raises
    ------
    InputError
        If they are of a newer isoguide.
    OutputError
        If the place cannot be written to.
    UnreadableError
        If there is something else, or a damaged database.
    """
    file = place.database_file
    was_there = file is not None and file.exists()
    _make_folder(file)
    database = Database(place)
    try:
        _migrate(database)
    except BaseException:
        database.close()
        if file is not None and not was_there:
            for end in ("", "-wal", "-shm"):
                file.with_name(file.name + end).unlink(missing_ok=True)
        raise
    database.close()


def _make_folder(file: Path | None) -> None:
    if file is None:
        return
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        msg = f"the folder {file.parent} cannot be made ({error.strerror}): name one that can be written to"
        raise OutputError(msg) from error


def _migrate(database: Database) -> None:
    from alembic import command
    from alembic.config import Config

    with database.changing() as connection:
        version = _version(connection)
        if version is not None and version not in VERSIONS:
            msg = f"the records in {database.place} are of a newer isoguide (version {version}): install it"
            raise InputError(msg)
        if version is None and set(inspect(connection).get_table_names()) & set(Base.metadata.tables):
            msg = f"{database.place} holds tables that are not isoguide's: name an empty database"
            raise UnreadableError(msg)
        config = Config()
        config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
        config.set_main_option("path_separator", "os")
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def _require_sound(connection: Connection, place: Place) -> None:
    said = connection.execute(text("PRAGMA quick_check(1)")).scalar()
    if said != "ok":
        msg = f"{place} is damaged ({said}): restore a backup"
        raise UnreadableError(msg)


def _version(connection: Connection) -> str | None:
    if not inspect(connection).has_table(VERSION_TABLE):
        return None
    version: str | None = connection.execute(text(f"SELECT version_num FROM {VERSION_TABLE}")).scalar()  # noqa: S608 - a constant
    return version


def _version_of(place: Place) -> str | None:
    database = Database(place)
    try:
        with database.reading() as connection:
            return _version(connection)
    finally:
        database.close()
