"""A DICOM dataset or sequence item that knows its file, so that every complaint about a value names it.

Real files break value rules all the time (hashed dates, over-long strings). Only values that are used are
looked at, and a value that is needed and makes no sense raises; the rest is left alone.
"""

import functools
import re
import struct
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Literal, ParamSpec, TypeVar

import numpy as np
from pydicom.datadict import dictionary_VR, tag_for_keyword
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset
from pydicom.errors import BytesLengthException
from pydicom.multival import MultiValue
from pydicom.sequence import Sequence as DicomSequence
from pydicom.tag import BaseTag, Tag

from isoguide.errors import UnreadableError
from isoguide.geometry.frames import Array

P = ParamSpec("P")
T = TypeVar("T")

EARLIEST_YEAR = 1900
"""Anonymisers write the year 1: no CT is that old."""

_INSTANT = re.compile(r"(?P<digits>\d{14})(?:\.(?P<fraction>\d{1,6}))?(?P<offset>[+-]\d{4})?")
_OFFSET = re.compile(r"[+-](?:0\d|1[0-4])[0-5]\d")

_CONVERSION_ERRORS = (
    ValueError,
    TypeError,
    OverflowError,
    NotImplementedError,
    LookupError,
    struct.error,
    BytesLengthException,
)


def tolerating_odd_values(read: Callable[P, T]) -> Callable[P, T]:
    """Silence pydicom's warnings about values that break a rule of their VR, within one reading function.

    They come for attributes nobody asked for (hashed dates of anonymised files, long names); the values that
    matter are checked by :class:`Item` and raise.
    """

    @functools.wraps(read)
    def quiet(*args: P.args, **kwargs: P.kwargs) -> T:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", category=UserWarning, module=r"pydicom\b")
            return read(*args, **kwargs)

    return quiet


_PLAIN_DECIMAL = re.compile(rb"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,2})?")
_PLAIN_TEXT = frozenset(("AE", "AS", "CS", "DA", "LO", "SH", "TM", "UI"))
"""Representations of short text; of the numbers only DS and US are read for every slice."""


@functools.cache
def _tag_of(keyword: str) -> tuple[BaseTag, str]:
    tag = tag_for_keyword(keyword)
    if tag is None:
        msg = f"{keyword} is not a DICOM keyword"
        raise LookupError(msg)
    return Tag(tag), dictionary_VR(tag)


@dataclass(frozen=True, slots=True, eq=False)
class Item:
    """Typed access to the attributes of one dataset.

    Parameters
    ----------
    dataset
        The pydicom dataset.
    source
        What messages call it: the file, with frame or item where that helps.
    """

    dataset: Dataset
    source: str

    def has(self, keyword: str) -> bool:
        """Tell whether the attribute is present, with or without a value."""
        return _tag_of(keyword)[0] in self.dataset

    def text(self, keyword: str) -> str:
        """Return the value without padding, several values joined by a backslash; empty when absent."""
        plain = self._plain_text(keyword)
        if plain is not None:
            return plain
        value = self._value(keyword)
        if value is None:
            return ""
        if isinstance(value, MultiValue):
            return "\\".join(str(part).strip(" \0") for part in value)
        return str(value).strip(" \0")

    def texts(self, keyword: str) -> tuple[str, ...]:
        """Return all values as text; empty when absent."""
        joined = self.text(keyword)
        return tuple(joined.split("\\")) if joined else ()

    def numbers(self, keyword: str, count: int | None = None) -> Array | None:
        """Return the values as float64, shape (n,), or None when absent or without a value.

        Raises
        ------
        UnreadableError
            If a value is not a finite number, or ``count`` is given and differs.
        """
        tag, representation = _tag_of(keyword)
        if tag not in self.dataset:
            return None
        raw: object = self.dataset.get_item(tag) if representation == "DS" else None
        try:
            if isinstance(raw, RawDataElement) and isinstance(raw.value, bytes):
                # Contours hold hundreds of thousands of numbers: one conversion instead of one object each.
                stripped = raw.value.strip(b" \0")
                values = np.array(stripped.split(b"\\") if stripped else [], dtype=np.float64)
            else:
                found = self._value(keyword)
                values = np.atleast_1d(np.array([] if found is None else found, dtype=np.float64))
        except _CONVERSION_ERRORS as error:
            msg = f"{self.source} has a {keyword} that is not a number; export it again"
            raise UnreadableError(msg) from error
        if values.size == 0:
            return None
        if count is not None and values.size != count:
            msg = (
                f"{self.source} has a {keyword} with {values.size} instead of {count} values; export it again"
            )
            raise UnreadableError(msg)
        if not np.isfinite(values).all():
            msg = f"{self.source} has a {keyword} that is not finite; export it again"
            raise UnreadableError(msg)
        return values

    def need_numbers(self, keyword: str, count: int | None = None) -> Array:
        """Return the values as :meth:`numbers` does.

        Raises
        ------
        UnreadableError
            If they are absent or wrong.
        """
        values = self.numbers(keyword, count)
        if values is None:
            msg = f"{self.source} has no {keyword}, which is needed; export it again"
            raise UnreadableError(msg)
        return values

    def number(self, keyword: str) -> float | None:
        """Return the single value as float, or None when absent or without a value."""
        plain = self._plain_number(keyword)
        if plain is not None:
            return plain
        values = self.numbers(keyword, 1)
        return None if values is None else float(values[0])

    def need_number(self, keyword: str) -> float:
        """Return the single value as float; raises UnreadableError when absent or wrong."""
        return float(self.need_numbers(keyword, 1)[0])

    def integer(self, keyword: str) -> int | None:
        """Return the single value as int, or None when absent; raises UnreadableError for a fraction."""
        value = self.number(keyword)
        if value is None:
            return None
        if value != int(value):
            msg = f"{self.source} has the {keyword} {value:g}, which is not a whole number; export it again"
            raise UnreadableError(msg)
        return int(value)

    def need_integer(self, keyword: str) -> int:
        """Return the single value as int; raises UnreadableError when absent or wrong."""
        value = self.integer(keyword)
        if value is None:
            msg = f"{self.source} has no {keyword}, which is needed; export it again"
            raise UnreadableError(msg)
        return value

    def items(self, keyword: str) -> tuple["Item", ...]:
        """Return the items of a sequence; empty when absent."""
        value = self._value(keyword)
        if not isinstance(value, DicomSequence):
            return ()
        return tuple(Item(item, self.source) for item in value)

    def first(self, keyword: str) -> "Item | None":
        """Return the first item of a sequence, or None."""
        found = self.items(keyword)
        return found[0] if found else None

    def moment(self, date_keyword: str, time_keyword: str) -> datetime | None:
        """Return a date with its time, or None where either is absent or not a date (anonymised files)."""
        date = self.text(date_keyword)
        time = self.text(time_keyword).partition(".")[0]
        return moment_of(date + (time or "000000").ljust(6, "0"))

    # A course has thousands of slices, and pydicom takes longer to make one value than to find it: what is
    # written as it is always written is read from its bytes, and everything else is left to pydicom.

    def _plain(self, keyword: str, representation: str) -> tuple[bytes, bool] | None:
        """Return the bytes of a value that nobody converted yet, and whether they are little endian."""
        raw: object = self.dataset.get_item(_tag_of(keyword)[0]) if self.has(keyword) else None
        if not isinstance(raw, RawDataElement) or representation != raw.VR or raw.value is None:
            return None
        return bytes(raw.value), raw.is_little_endian

    def _plain_text(self, keyword: str) -> str | None:
        representation = _tag_of(keyword)[1]
        found = self._plain(keyword, representation) if representation in _PLAIN_TEXT else None
        # An escape sequence (0x1B) begins another character set.
        if found is None or not found[0].isascii() or b"\x1b" in found[0]:
            return None
        return "\\".join(part.strip(" \0") for part in found[0].decode("ascii").split("\\"))

    def _plain_number(self, keyword: str) -> float | None:
        representation = _tag_of(keyword)[1]
        found = self._plain(keyword, representation) if representation in ("DS", "US") else None
        if found is None:
            return None
        value, is_little_endian = found
        if representation == "US":
            order: Literal["little", "big"] = "little" if is_little_endian else "big"
            return float(int.from_bytes(value, order)) if len(value) == 2 else None
        text = value.strip(b" \0")
        return float(text) if _PLAIN_DECIMAL.fullmatch(text) else None

    def _value(self, keyword: str) -> object:
        tag, _ = _tag_of(keyword)
        if tag not in self.dataset:
            return None
        try:
            return self.dataset[tag].value
        except _CONVERSION_ERRORS as error:
            msg = f"{self.source} has a {keyword} that cannot be read; export it again"
            raise UnreadableError(msg) from error


def moment_of(digits: str) -> datetime | None:
    """Return YYYYMMDDHHMMSS as a time without zone (the clock of the room), None where it is no real one."""
    if len(digits) != 14 or not digits.isdecimal() or int(digits[:4]) < EARLIEST_YEAR:
        return None
    try:
        return datetime.strptime(digits, "%Y%m%d%H%M%S")
    except ValueError:
        return None


def exposed_at(item: Item) -> datetime | None:
    """Return when an image was exposed by the clock of the room, None where it does not say.

    Dates of series and study are not taken for it: they may have begun days before.
    """
    stamped = moment_of(item.text("AcquisitionDateTime")[:14])
    moments = [stamped, *(item.moment(f"{name}Date", f"{name}Time") for name in ("Acquisition", "Content"))]
    return next((moment for moment in moments if moment is not None), None)


def exposure_instant(item: Item) -> datetime | None:
    """Return when an image was exposed with all digits that the file has, None where it has no seconds.

    Frames that follow each other within a second are told apart by nothing else. Aware where the file states
    an offset from UTC, else by the clock of the room.
    """
    stamps = [item.text("AcquisitionDateTime")]
    stamps += [item.text(f"{name}Date") + item.text(f"{name}Time") for name in ("Acquisition", "Content")]
    offset = item.text("TimezoneOffsetFromUTC")
    found = (_instant(stamp, offset) for stamp in stamps)
    return next((instant for instant in found if instant is not None), None)


def _instant(stamp: str, offset: str) -> datetime | None:
    parts = _INSTANT.fullmatch(stamp)
    moment = moment_of(parts["digits"]) if parts is not None else None
    if parts is None or moment is None:
        return None
    instant = moment.replace(microsecond=int((parts["fraction"] or "").ljust(6, "0")))
    zone = parts["offset"] or offset
    if not _OFFSET.fullmatch(zone):
        return instant
    minutes = int(f"{zone[0]}1") * (60 * int(zone[1:3]) + int(zone[3:5]))
    return instant.replace(tzinfo=timezone(timedelta(minutes=minutes)))
