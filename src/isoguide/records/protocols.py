"""Protocols as they were written: once stored, a version never changes."""

from sqlalchemy import Connection, select

from isoguide.course import Protocol
from isoguide.errors import InputError, UnknownNameError, UnreadableError
from isoguide.records.audit import Write
from isoguide.records.model import PROTOCOLS
from isoguide.records.plain import Row, from_row, plain_text, sha256_of
from isoguide.records.stored import StoredProtocol


def add_protocol(write: Write, protocol: Protocol, text: str) -> None:
    """Add a version of a protocol; the same text once more changes nothing."""
    known = find(write.connection, protocol.name, protocol.version)
    sha256 = sha256_of(plain_text(text))
    if known is not None:
        if known.sha256 == sha256:
            return
        msg = f"the protocol {protocol.label} is stored with another text: give the new text a new version"
        raise InputError(msg)
    row: Row = {
        "name": plain_text(protocol.name),
        "version": protocol.version,
        "text": text,
        "sha256": sha256,
    }
    write.insert(PROTOCOLS, {**row, "added_at": write.at})
    write.log("add protocol", f"protocol {protocol.label}")


def protocols(connection: Connection) -> tuple[StoredProtocol, ...]:
    """Return all versions of all protocols, by name and version."""
    rows = connection.execute(select(PROTOCOLS)).mappings()
    found = (from_row(StoredProtocol, row, f"protocol {row['name']} v{row['version']}") for row in rows)
    return tuple(sorted(found, key=lambda protocol: (protocol.name, protocol.version)))


def find(connection: Connection, name: str, version: int | None = None) -> StoredProtocol | None:
    """Return this version, or the newest one, without its text; None if there is none."""
    query = select(PROTOCOLS).where(PROTOCOLS.c.name == name).order_by(PROTOCOLS.c.version.desc()).limit(1)
    if version is not None:
        query = query.where(PROTOCOLS.c.version == version)
    row = connection.execute(query).mappings().first()
    return from_row(StoredProtocol, row, f"protocol {name} v{row['version']}") if row else None


def require(connection: Connection, name: str, version: int | None = None) -> StoredProtocol:
    """Return this version, or the newest one, without its text.

    Raises
    ------
    UnknownNameError
        If there is none.
    """
    found = find(connection, name, version)
    if found is None:
        wanted = f"'{name}'" if version is None else f"'{name}' v{version}"
        known = ", ".join(f"{one.name} v{one.version}" for one in protocols(connection))
        msg = f"there is no protocol {wanted} here; there are: {known or 'none, add one first'}"
        raise UnknownNameError(msg)
    return found


def protocol_text(connection: Connection, name: str, version: int | None) -> str:
    """Return the text of this version, or of the newest one, as it was written."""
    found = require(connection, name, version)
    of_version = (PROTOCOLS.c.name == name) & (PROTOCOLS.c.version == found.version)
    text: str = connection.execute(select(PROTOCOLS.c.text).where(of_version)).scalar_one()
    if sha256_of(text) != found.sha256:
        msg = f"the text of protocol {name} v{found.version} was changed behind isoguide: verify the audit"
        raise UnreadableError(msg)
    return text
