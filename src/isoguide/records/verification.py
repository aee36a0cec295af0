"""Whether the records are what the audit says was written: the chain link by link, the tables row by row."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, Table, select

from isoguide.progress import Progress, silent
from isoguide.records.audit import FIRST_PREVIOUS, AuditHead, as_audited, hash_of, newest
from isoguide.records.model import AUDIT, AUDITED, CURRENT
from isoguide.records.plain import Row, sha256_of

_TABLES: Final = {table.name: table for table in AUDITED}
_CURRENT: Final = frozenset(table.name for table in CURRENT)
_AT_ONCE: Final = 1000
"""So many rows are held in memory at a time."""

_Key = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class AuditReport:
    """What a verification found; ``findings`` are sentences that name table and row, none when all agrees."""

    entries: int
    rows: int
    head: AuditHead
    findings: tuple[str, ...]

    @property
    def is_intact(self) -> bool:
        """Whether nothing was found."""
        return not self.findings


def verify(
    connection: Connection, expected_head: AuditHead | None = None, *, progress: Progress = silent
) -> AuditReport:
    """Follow the chain, repeat what it says was written, and compare every row of every table.

    Parameters
    ----------
    connection
        One moment of the database.
    expected_head
        A head of the chain that was kept elsewhere: without it, the loss of the newest entries together with
        all their rows cannot be seen.
    progress
        Told how far it is.
    """
    chain, replay = _Chain(expected_head), _Replay()
    length = newest(connection)[0].seq or 1
    for row in _rows(connection, AUDIT):
        if chain.count % _AT_ONCE == 0:
            progress(0.5 * min(chain.count / length, 1.0), "following the chain of the audit")
        chain.follow(row)
        replay.repeat(row)
    found, rows = [*chain.end(), *replay.findings], 0
    for place, table in enumerate(AUDITED):
        progress(0.5 + 0.5 * place / len(AUDITED), f"comparing {table.name}")
        count, differences = replay.compare(connection, table)
        rows += count
        found += differences
    return AuditReport(chain.count, rows, chain.head, tuple(found))


def _rows(connection: Connection, table: Table) -> Iterator[Row]:
    query = select(table).order_by(*table.primary_key.columns)
    for row in connection.execution_options(yield_per=_AT_ONCE).execute(query).mappings():
        yield {**row}


class _Chain:
    """Links, each compared with its own hash and with the link before."""

    def __init__(self, expected: AuditHead | None) -> None:
        self.head, self.count = AuditHead(0, FIRST_PREVIOUS), 0
        self._expected, self._was_met = expected, expected is None or expected == self.head
        self._findings: list[str] = []

    def follow(self, row: Row) -> None:
        seq, sha256 = int(str(row["seq"])), str(row["sha256"])
        self.count += 1
        if seq != self.head.seq + 1:
            self._say(seq, f"follows entry {self.head.seq}: entries between them are missing")
        if row["previous_sha256"] != self.head.sha256:
            self._say(seq, "does not continue the entry before: one of them was changed, moved or put in")
        if hash_of(row) != sha256:
            self._say(seq, "does not have the hash of what it says: it was changed")
        self.head = AuditHead(seq, sha256)
        self._was_met = self._was_met or self.head == self._expected

    def end(self) -> list[str]:
        if not self._was_met and self._expected is not None:
            self._say(self._expected.seq, "is missing or another one than the head that was kept")
        return self._findings

    def _say(self, seq: int, words: str) -> None:
        self._findings.append(f"audit_entries: entry {seq} {words}")


class _Replay:
    """The tables as the audit tells them: rows that change as they are, the others by their hash."""

    def __init__(self) -> None:
        self.findings: list[str] = []
        self._told: dict[str, dict[_Key, Row | str]] = {name: {} for name in _TABLES}

    def repeat(self, row: Row) -> None:
        try:
            for verb, name, written in json.loads(str(row["payload"]))["wrote"]:
                self._write(verb, _TABLES[name], written)
        except (ValueError, KeyError, TypeError, AttributeError):
            words = "does not tell what was written: its payload was changed"
            self.findings.append(f"audit_entries: entry {row['seq']} {words}")

    def _write(self, verb: str, table: Table, written: Row) -> None:
        told, key = self._told[table.name], _key(table, written)
        if verb == "update":
            known = told[key]
            told[key] = {**known, **written} if isinstance(known, dict) else known
        else:
            told[key] = written if table.name in _CURRENT else _digest(written)

    def compare(self, connection: Connection, table: Table) -> tuple[int, list[str]]:
        """Return the number of rows of a table, and a sentence for each that differs."""
        told, found, count = self._told[table.name], [], 0
        for row in _rows(connection, table):
            key, count = _key(table, row), count + 1
            difference = _difference(told.pop(key, None), as_audited(row))
            if difference:
                found.append(f"{table.name}: the row {_named(table, key)} {difference}")
        found += [
            f"{table.name}: the row {_named(table, key)} is missing, and the audit says that it was written"
            for key in told
        ]
        return count, found


def _difference(told: Row | str | None, row: Row) -> str:
    if told is None:
        return "stands in no entry of the audit: it was put in"
    if isinstance(told, str):
        return "" if told == _digest(row) else "is not what the audit says was written: it was changed"
    changed = [name for name in row if row[name] != told.get(name)]
    return f"is not what the audit says in {', '.join(changed)}: it was changed" if changed else ""


def _digest(row: Row) -> str:
    # Without empty cells: a later version of the tables may have columns that this row did not have.
    return sha256_of(repr(sorted(item for item in row.items() if item[1] is not None)))


def _key(table: Table, row: Row) -> _Key:
    return tuple(row[column.name] for column in table.primary_key.columns)


def _named(table: Table, key: _Key) -> str:
    pairs = zip(table.primary_key.columns, key, strict=True)
    return ", ".join(f"{column.name} {value}" for column, value in pairs)
