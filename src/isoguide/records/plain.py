"""Values as plain JSON and back, without the loss of a bit; the one spelling of them that hashes rest on."""

import dataclasses
import functools
import hashlib
import json
import math
import types
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final, Literal, TypeVar, Union, cast, get_args, get_origin, get_type_hints

import numpy as np

from isoguide.errors import InputError, IsoguideError, UnreadableError
from isoguide.treatment.ports import require_aware

Plain = str | int | float | bool | None | list["Plain"] | dict[str, "Plain"]
"""What JSON can say."""
Cell = str | int | float | bool | None
"""What a column can hold."""
Row = dict[str, Cell]
"""A row of a table by column."""

_T = TypeVar("_T")
_Reader = Callable[[Any], Any]
DAMAGE: Final = (ValueError, TypeError, KeyError, AttributeError, IsoguideError)
"""What a damaged row can end in."""


def canonical_json(plain: object) -> str:
    """Return the one JSON text of a plain value: keys sorted, no spaces, ASCII, no NaN."""
    return json.dumps(plain, sort_keys=True, separators=(",", ":"), allow_nan=False)


def sha256_of(text: str) -> str:
    """Return the SHA-256 of a text in UTF-8, hexadecimal."""
    return hashlib.sha256(text.encode()).hexdigest()


def time_text(at: datetime, what: str = "a record") -> str:
    """Return an aware time as UTC with microseconds, so that the order of texts is that of times.

    Raises
    ------
    InputError
        If it has no time zone.
    """
    require_aware(at, what)
    return at.astimezone(UTC).isoformat(timespec="microseconds")


def plain_text(text: str) -> str:
    """Return the text if a database can hold it.

    Raises
    ------
    InputError
        If it has a character that is none, such as NUL.
    """
    if "\0" in text or (not text.isascii() and _has_half_character(text)):
        msg = f"the text {text[:40]!r} holds a character that cannot be stored: leave it out"
        raise InputError(msg)
    return str(text)


def _has_half_character(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return True
    return False


def to_plain(value: object) -> Plain:
    """Return a value of the data model as plain JSON: dataclasses by field, arrays as lists, times as UTC.

    Raises
    ------
    InputError
        If a number is not finite, a time has no zone, or a text cannot be stored.
    """
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return plain_text(value)
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return _finite(value)
    if isinstance(value, datetime):
        return time_text(value)
    return _container(value)


def _container(value: object) -> Plain:
    if isinstance(value, np.ndarray):
        return to_plain(value.tolist())
    if isinstance(value, list | tuple):
        return [to_plain(item) for item in value]
    if isinstance(value, Mapping):
        return {str(key): to_plain(item) for key, item in value.items()}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: to_plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    msg = f"a {type(value).__name__} cannot be recorded: {value!r}"
    raise InputError(msg)


def _finite(value: float) -> float:
    if not math.isfinite(value):
        msg = f"{value} is not a number that can be recorded: leave the value out where there is none"
        raise InputError(msg)
    return float(value)


def to_row(record: object) -> Row:
    """Return a flat dataclass as a row: single values as they are, everything else as JSON text.

    Raises
    ------
    InputError
        As for :func:`to_plain`.
    """
    return {name: to_cell(value) for name, value in cast("dict[str, Plain]", to_plain(record)).items()}


def to_cell(plain: Plain) -> Cell:
    """Return a plain value as a column holds it; -0.0 becomes 0.0, which is all that SQLite knows."""
    if isinstance(plain, list | dict):
        return canonical_json(plain)
    return plain + 0.0 if isinstance(plain, float) else plain


def from_plain(kind: type[_T], plain: Plain, what: str) -> _T:
    """Return the value of the data model that :func:`to_plain` made plain.

    Raises
    ------
    UnreadableError
        If it is no such value; the message names ``what``.
    """
    try:
        return cast("_T", _reader(cast("Any", kind))(plain))
    except DAMAGE as error:
        raise unreadable(what, error) from error


def from_row(kind: type[_T], row: Mapping[Any, Any], what: str) -> _T:
    """Return the flat dataclass that :func:`to_row` made a row; further columns are passed over.

    Raises
    ------
    UnreadableError
        If the row does not hold one; the message names ``what``.
    """
    try:
        return kind(**{name: read(row[name]) for name, read in _columns(cast("Any", kind))})
    except DAMAGE as error:
        raise unreadable(what, error) from error


def unreadable(what: str, error: Exception) -> UnreadableError:
    """Return the error that names what cannot be read, and why."""
    return UnreadableError(f"{what} cannot be read ({error}): verify the audit, then restore a backup")


@functools.cache
def _columns(kind: type) -> tuple[tuple[str, _Reader], ...]:
    return tuple((name, _cell_reader(hint)) for name, hint in get_type_hints(kind).items())


def _cell_reader(hint: Any) -> _Reader:
    read = _reader(hint)
    if not any(_is_container(kind) for kind in (hint, *_choices(hint))):
        return read
    return lambda cell: read(None if cell is None else json.loads(cell))


def _choices(hint: Any) -> tuple[Any, ...]:
    return get_args(hint) if get_origin(hint) in (Union, types.UnionType) else ()


def _is_container(hint: Any) -> bool:
    return get_origin(hint) in (tuple, Mapping, np.ndarray) or dataclasses.is_dataclass(hint)


@functools.cache
def _reader(hint: Any) -> _Reader:
    """Return what turns plain JSON into a value of this type."""
    if _choices(hint):
        (kind,) = (choice for choice in _choices(hint) if choice is not type(None))
        read_kind = _reader(kind)
        return lambda plain: None if plain is None else read_kind(plain)
    if dataclasses.is_dataclass(hint):
        return _dataclass_reader(cast("type", hint))
    origin = get_origin(hint)
    if origin is tuple:
        read_item = _reader(get_args(hint)[0])
        return lambda plain: tuple(read_item(item) for item in plain)
    if origin is np.ndarray:
        return lambda plain: np.array(plain, dtype=np.float64)
    return _atom_reader(hint, origin)


def _atom_reader(hint: Any, origin: Any) -> _Reader:
    if hint is datetime:
        return datetime.fromisoformat
    if isinstance(hint, type) and issubclass(hint, StrEnum):
        return hint
    if origin is Mapping:
        return dict
    if origin is Literal:
        return lambda plain: get_args(hint)[get_args(hint).index(plain)]
    return functools.partial(_checked, hint)


def _checked(kind: type, plain: object) -> object:
    if kind is float and type(plain) is int:
        return float(plain)  # whoever writes 12 where a number is wanted means 12.0
    if type(plain) is not kind:
        msg = f"{plain!r} is not {kind.__name__}"
        raise TypeError(msg)
    return plain


def _dataclass_reader(kind: type) -> _Reader:
    hints = get_type_hints(kind)
    if set(hints.values()) == {float}:
        # Numbers only: the constructor refuses what is none, and a review reads 100,000 of these.
        return lambda plain: kind(**plain)
    readers = {name: _reader(hint) for name, hint in hints.items()}

    def read(plain: Any) -> object:
        return kind(**{name: readers[name](item) for name, item in plain.items()})

    return read
