"""A respiratory signal from a text file: two columns, ``seconds`` and ``depth``."""

import csv
import math
from pathlib import Path
from typing import Final

import numpy as np

from isoguide.errors import UnreadableError
from isoguide.motion.respiratory_signal import RespiratorySignal

SECONDS, DEPTH = "seconds", "depth"
LARGEST_BYTES: Final = 64 * 1024 * 1024
"""Days of a signal; anything larger is another kind of file."""


def read_respiratory_signal(path: Path) -> RespiratorySignal:
    """Read a signal.

    Parameters
    ----------
    path
        Text with a header, separated by commas, semicolons or tabs. ``depth`` is larger when the lungs are
        fuller; a row without it is a moment at which nothing was seen. Further columns are passed over.

    Raises
    ------
    UnreadableError
        If it is no such file; the message names the line.
    InputError
        If the times do not increase.
    """
    text = _text(path)
    rows = csv.reader(text.splitlines(), delimiter=_separator(text))
    header = [name.strip().lower() for name in next(rows, [])]
    if header.count(SECONDS) != 1 or header.count(DEPTH) != 1:
        there = ", ".join(header) or "none"
        msg = f"{path} has the columns {there}, but one '{SECONDS}' and one '{DEPTH}' are needed"
        raise UnreadableError(msg)
    columns = header.index(SECONDS), header.index(DEPTH)
    seen = []
    for number, row in enumerate(rows, start=2):
        if not any(cell.strip() for cell in row):
            continue
        second, depth = (_number(path, number, row, column) for column in columns)
        if second is None:
            msg = f"line {number} of {path} has no time"
            raise UnreadableError(msg)
        if depth is not None:
            seen.append((second, depth))
    values = np.array(seen, dtype=np.float64).reshape(-1, 2)
    return RespiratorySignal(values[:, 0], values[:, 1], f"signal {path.name}")


def _text(path: Path) -> str:
    try:
        if path.stat().st_size > LARGEST_BYTES:
            msg = f"{path} is too large for a respiratory signal: give a text with the columns seconds, depth"
            raise UnreadableError(msg)
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no text"
        msg = f"the respiratory signal {path} cannot be read: {reason}"
        raise UnreadableError(msg) from error


def _separator(text: str) -> str:
    first = text.partition("\n")[0]
    return next((mark for mark in (";", "\t") if mark in first), ",")


def _number(path: Path, line: int, row: list[str], column: int) -> float | None:
    text = row[column].strip() if column < len(row) else ""
    if not text:
        return None
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        msg = f"line {line} of {path} has '{text}' where a number is needed"
        raise UnreadableError(msg)
    return value
