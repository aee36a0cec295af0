"""What passwords are compared with, and who administers; how a hash is made is the caller's business."""

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select

from isoguide.records import staff
from isoguide.records.audit import Write
from isoguide.records.model import PASSWORDS
from isoguide.records.plain import Row, plain_text
from isoguide.records.stored import StoredPassword


def set_password(write: Write, name: str, password_hash: str, *, is_administrator: bool | None) -> None:
    """Keep what the password of somebody who may sign is compared with from now on."""
    staff.person(write.connection, name)
    known = password_of(write.connection, name)
    if is_administrator is None:
        is_administrator = known is not None and known.is_administrator
    values: Row = {
        "password_hash": plain_text(password_hash),
        "is_administrator": is_administrator,
        "changed_at": write.at,
    }
    if known is None:
        write.insert(PASSWORDS, {"name": name, **values})
    else:
        write.update(PASSWORDS, {"name": name}, values)
    write.log("set password", f"person {name}", is_administrator=is_administrator)


def password_of(connection: Connection, name: str) -> StoredPassword | None:
    """Return what the password of somebody is compared with, None if there is none."""
    row = connection.execute(select(PASSWORDS).where(PASSWORDS.c.name == name)).mappings().first()
    return _to_stored(row) if row else None


def passwords(connection: Connection) -> tuple[StoredPassword, ...]:
    """Return all of them, by name."""
    rows = connection.execute(select(PASSWORDS)).mappings()
    return tuple(sorted(map(_to_stored, rows), key=lambda one: one.name))


def _to_stored(row: Any) -> StoredPassword:
    return StoredPassword(
        row["name"],
        row["password_hash"],
        row["is_administrator"],
        datetime.fromisoformat(row["changed_at"]),
    )
