"""Who may sign."""

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select

from isoguide.course import Person
from isoguide.errors import InputError, MissingEvidenceError, UnknownNameError
from isoguide.records.audit import Write
from isoguide.records.model import PEOPLE
from isoguide.records.plain import from_row, to_row
from isoguide.records.stored import StaffMember


def add_person(write: Write, person: Person) -> None:
    """Add somebody who may sign from now on."""
    known = _member(write.connection, person.name)
    if known is not None:
        msg = f"the user name '{person.name}' belongs to {known.person} already: choose another one"
        raise InputError(msg)
    write.insert(PEOPLE, {**to_row(person), "is_active": True, "added_at": write.at})
    write.log("add person", f"person {person.name}")


def set_active(write: Write, name: str, *, is_active: bool, reason: str) -> None:
    """Say whether somebody may sign."""
    member = _member(write.connection, name)
    if member is None:
        raise _unknown(name)
    if member.is_active == is_active:
        msg = f"{member.person} is {'active' if is_active else 'not active'} already: nothing was changed"
        raise InputError(msg)
    write.update(PEOPLE, {"name": name}, {"is_active": is_active})
    write.log("let person sign again" if is_active else "retire person", f"person {name}", reason=reason)


def people(connection: Connection) -> tuple[StaffMember, ...]:
    """Return everybody, by name."""
    rows = connection.execute(select(PEOPLE)).mappings()
    return tuple(sorted((_to_member(row) for row in rows), key=lambda member: member.person.name))


def person(connection: Connection, name: str) -> Person:
    """Return somebody who may sign."""
    member = _member(connection, name)
    if member is None:
        raise _unknown(name)
    if not member.is_active:
        msg = f"{member.person} is not active any more and cannot sign: somebody else has to"
        raise MissingEvidenceError(msg)
    return member.person


def _member(connection: Connection, name: str) -> StaffMember | None:
    row = connection.execute(select(PEOPLE).where(PEOPLE.c.name == name)).mappings().first()
    return _to_member(row) if row else None


def _to_member(row: Any) -> StaffMember:
    who = from_row(Person, row, f"the row of '{row['name']}' in people")
    return StaffMember(who, row["is_active"], datetime.fromisoformat(row["added_at"]))


def _unknown(name: str) -> UnknownNameError:
    return UnknownNameError(
        f"nobody here has the user name '{name}': check it, or add it with isoguide staff add"
    )
