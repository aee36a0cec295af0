"""The audit: a chain of entries, one for each thing that was written, with everything that was written.

Each entry carries the SHA-256 of the one before, so none can be changed, removed, put in or moved without
every later one giving it away. Its payload holds the rows that were added or changed, so the same is true of
them (:mod:`isoguide.records.verification`). Two things stand there by their hash only: the ``memory`` of a
fraction, which is long, changes with each step, and follows from the rows; and what a password is compared
with, so that whoever reads the audit cannot try passwords on it.
"""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, Table, insert, select

from isoguide.errors import InputError
from isoguide.records.model import AUDIT
from isoguide.records.plain import Plain, Row, canonical_json, plain_text, sha256_of, time_text, to_plain

FIRST_PREVIOUS: Final = "0" * 64
"""What the first entry has for the hash of the one before."""
BY_HASH: Final = frozenset({"memory", "password_hash"})
"""Columns that stand in the audit by their hash."""


@dataclass(frozen=True, slots=True)
class AuditHead:
    """The newest entry; kept elsewhere, such as on paper, it shows later that nothing is missing."""

    seq: int
    sha256: str


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One link of the chain.

    ``payload`` has under "wrote" the rows as [insert or update, table, row], and what else belongs to the
    action under its own names.
    """

    seq: int
    at: datetime
    actor: str
    action: str
    subject: str
    payload: dict[str, Any]
    previous_sha256: str
    sha256: str


@dataclass(frozen=True, slots=True)
class AuditFilter:
    """Which entries are meant: those with these words in their subject and actor; empty for any."""

    subject: str = ""
    actor: str = ""


@dataclass(frozen=True, slots=True)
class AuditSlice:
    """Some entries, the newest first; the head of the whole chain; and whether there are older ones."""

    entries: tuple[AuditEntry, ...]
    head: AuditHead
    has_older: bool


def as_audited(row: Row) -> Row:
    """Return the row as it stands in the audit."""
    return {name: sha256_of(str(cell)) if name in BY_HASH else cell for name, cell in row.items()}


def hash_of(row: Row) -> str:
    """Return the SHA-256 of an entry, given as a row of its table (its own hash left aside)."""
    return sha256_of(canonical_json({name: cell for name, cell in row.items() if name != "sha256"}))


def newest(connection: Connection) -> tuple[AuditHead, str]:
    """Return the head of the chain and its time as text, empty before the first entry."""
    query = select(AUDIT.c.seq, AUDIT.c.sha256, AUDIT.c.at).order_by(AUDIT.c.seq.desc()).limit(1)
    row = connection.execute(query).first()
    return (AuditHead(row.seq, row.sha256), row.at) if row else (AuditHead(0, FIRST_PREVIOUS), "")


def last_about(connection: Connection, subject: str) -> AuditEntry | None:
    """Return the newest entry about a subject."""
    query = select(AUDIT).where(AUDIT.c.subject == subject).order_by(AUDIT.c.seq.desc()).limit(1)
    row = connection.execute(query).mappings().first()
    return to_entry(dict(row)) if row else None


def entries_after(connection: Connection, seq: int) -> tuple[AuditEntry, ...]:
    """Return the entries behind this one, in order."""
    query = select(AUDIT).where(AUDIT.c.seq > seq).order_by(AUDIT.c.seq)
    return tuple(to_entry(dict(row)) for row in connection.execute(query).mappings())


def entries_before(connection: Connection, seq: int | None, most: int, about: AuditFilter) -> AuditSlice:
    """Return the newest entries, or the newest before this one, without reading the chain."""
    query = select(AUDIT).order_by(AUDIT.c.seq.desc()).limit(most + 1)
    if seq is not None:
        query = query.where(AUDIT.c.seq < seq)
    for column, words in ((AUDIT.c.subject, about.subject), (AUDIT.c.actor, about.actor)):
        if words:
            query = query.where(column.icontains(words, autoescape=True))
    found = [to_entry(dict(row)) for row in connection.execute(query).mappings()]
    return AuditSlice(tuple(found[:most]), newest(connection)[0], len(found) > most)


def to_entry(row: dict[str, Any]) -> AuditEntry:
    """Return a row of the table as an entry."""
    at, payload = datetime.fromisoformat(row["at"]), json.loads(row["payload"])
    return AuditEntry(**{**row, "at": at, "payload": payload})


class Write:
    """One transaction: what it writes, and the entries that say so.

    Parameters
    ----------
    connection
        With the lock on the audit held, so that nobody else appends meanwhile.
    at
        Time of everything that is written, aware UTC.
    by
        Who writes.
    head
        The newest entry.
    """

    def __init__(self, connection: Connection, at: datetime, by: str, head: AuditHead) -> None:
        if not by.strip():
            msg = "who writes is not named: give a user name"
            raise InputError(msg)
        self.connection, self.time, self.by = connection, at, plain_text(by)
        self.at = time_text(at)
        self._head = head
        self._wrote: list[Plain] = []

    def insert(self, table: Table, *rows: Row) -> None:
        """Add rows, each with all columns."""
        if rows:
            self.connection.execute(insert(table), list(rows))
        self._wrote += [["insert", table.name, {**as_audited(row)}] for row in rows]

    def update(self, table: Table, key: Row, values: Row) -> None:
        """Change columns of the one row that has this key."""
        change = table.update().values(values)
        for name, cell in key.items():
            change = change.where(table.c[name] == cell)
        self.connection.execute(change)
        self._wrote.append(["update", table.name, {**key, **as_audited(values)}])

    def log(self, action: str, subject: str, **details: Plain) -> None:
        """Append an entry about everything that was written since the last one."""
        row: Row = {
            "seq": self._head.seq + 1,
            "at": self.at,
            "actor": self.by,
            "action": action,
            "subject": subject,
            "payload": canonical_json(to_plain({**details, "wrote": self._wrote})),
            "previous_sha256": self._head.sha256,
        }
        row["sha256"] = hash_of(row)
        self.connection.execute(insert(AUDIT), row)
        self._head, self._wrote = AuditHead(self._head.seq + 1, str(row["sha256"])), []
