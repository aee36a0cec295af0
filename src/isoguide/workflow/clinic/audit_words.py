"""What an entry of the audit says was written, in words."""

import json
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any, Final

from isoguide.records import AuditEntry

_THINGS: Final = {
    "people": "person",
    "courses": "course",
    "fractions": "fraction",
    "protocols": "protocol",
    "fraction_steps": "step",
    "images": "image",
    "matches": "match",
    "decisions": "decision",
    "deliveries": "delivery",
    "motions": "motion during the beam",
    "assessments": "assessment of the anatomy",
    "day_doses": "dose of the day",
}
"""What a row of each table is."""
_UNTOLD: Final = frozenset(
    {"course_id", "fraction", "number", "step", "position", "memory", "text", "simulation"}
)
"""Columns that are told by the subject of the entry, or are too long to be read."""
_HASH_ENDING: Final = "sha256"
_NOTHING: Final = (None, "", "null", "[]", "{}")
_LONGEST: Final = 300


def entry_words(entry: AuditEntry) -> tuple[str, ...]:
    """Return what stands in an entry, one line for each row and each further detail."""
    return (*_details(entry.payload), *(_row(*written) for written in entry.payload.get("wrote", ())))


def _details(payload: Mapping[str, Any]) -> Iterator[str]:
    for name, value in payload.items():
        if name != "wrote" and value not in _NOTHING:
            yield f"{_spaced(name)}: {_value(value)}"


def _row(verb: str, table: str, row: Mapping[str, Any]) -> str:
    told = "; ".join(f"{_spaced(name)} {_value(cell)}" for name, cell in row.items() if _is_told(name, cell))
    what = _THINGS.get(table, _spaced(table))
    return f"{what} {'added' if verb == 'insert' else 'changed'}{': ' if told else ''}{told}"


def _is_told(name: str, cell: object) -> bool:
    return name not in _UNTOLD and not name.endswith((_HASH_ENDING, "_hash")) and cell not in _NOTHING


def _value(value: object) -> str:
    if isinstance(value, str) and value[:1] in ("[", "{"):
        with suppress(ValueError):  # a text that only begins like JSON is told as it is
            value = json.loads(value)
    words = _plain(value)
    return words if len(words) <= _LONGEST else f"{words[:_LONGEST]} …"


def _plain(value: object) -> str:
    if isinstance(value, Mapping):
        return ", ".join(
            f"{_spaced(str(name))} {_plain(part)}" for name, part in value.items() if part not in _NOTHING
        )
    if isinstance(value, list):
        return ", ".join(_plain(part) for part in value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _spaced(name: str) -> str:
    return name.replace("_", " ")
