"""Breathing traces as text: our own simple table, and the public recordings of chest markers.

Our own has one of two head lines, ``seconds,x_mm,y_mm,z_mm`` or ``seconds,value_mm``, with commas or
semicolons between the cells; a decimal comma is understood between semicolons only. An empty cell or ``NaN``
says that nothing was seen. The recordings (Pohl et al., external markers on the chest, CC BY 4.0) have the
head line ``"Frame";"Timestamp";"x";"y";"z"``: frames of a camera that takes 60 in a second, milliseconds,
millimetres.

What is missing stays missing, and is said.
"""

import csv
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from isoguide.errors import GeometryError, InputError, MissingEvidenceError, UnreadableError
from isoguide.geometry.frames import Array

FRAMES_PER_S: Final = 60.0
ROUNDING_S: Final = 1e-3
"""Times of the recordings are whole milliseconds."""
GAP_STEPS: Final = 3.0
"""A step of more than so many usual ones is a gap."""
FEWEST: Final = 2
_PLACE, _VALUE = ("seconds", "x_mm", "y_mm", "z_mm"), ("seconds", "value_mm")
_RECORDING: Final = ("Frame", "Timestamp", "x", "y", "z")
_NUMBER: Final = re.compile(r"[+-]?\d+(\.\d+)?([eE][+-]?\d+)?")

Row = tuple[int, list[str]]
"""Number of the line, and its cells."""


@dataclass(frozen=True, slots=True, eq=False)
class BreathingTrace:
    """A movement over time.

    Parameters
    ----------
    name
        Of the file, without its ending.
    seconds
        (n,), increasing.
    places_mm
        (n, 3), or (n, 1) of a signal along one line; NaN where nothing was seen.
    notes
        What is missing, in words: samples, gaps, lines that could not count.

    Raises
    ------
    GeometryError
        If the shapes do not fit.
    InputError
        If there are fewer than two samples, or times do not increase.
    """

    name: str
    seconds: Array
    places_mm: Array
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        seconds, places_mm = np.array(self.seconds, np.float64), np.array(self.places_mm, np.float64)
        if seconds.ndim != 1 or places_mm.shape not in ((len(seconds), 1), (len(seconds), 3)):
            msg = f"a trace has one or three values for each time, not {places_mm.shape} for {seconds.shape}"
            raise GeometryError(msg)
        if len(seconds) < FEWEST or not (np.isfinite(seconds).all() and (np.diff(seconds) > 0.0).all()):
            msg = f"the trace {self.name} needs two samples or more, each later than the one before"
            raise InputError(msg)
        seconds.flags.writeable = places_mm.flags.writeable = False
        object.__setattr__(self, "seconds", seconds)
        object.__setattr__(self, "places_mm", places_mm)

    @property
    def seen(self) -> NDArray[np.bool_]:
        """Which samples are complete, (n,)."""
        return np.asarray(np.isfinite(self.places_mm).all(axis=1))


def read_trace(path: Path) -> BreathingTrace:
    """Read a trace.

    Raises
    ------
    MissingEvidenceError
        If there is no such file.
    UnreadableError
        If it is no text, or no table with a head line that is known.
    InputError
        If a cell is no number, or times do not increase; the message names the line and the value.
    """
    text = _text(path)
    separator = ";" if ";" in text.split("\n", 1)[0] else ","
    try:
        lines = list(csv.reader(text.splitlines(), delimiter=separator, strict=True))
    except csv.Error as error:
        msg = f"{path} is no table of a breathing trace ({error}): separate its cells by commas or semicolons"
        raise UnreadableError(msg) from None
    head = tuple(cell.strip() for cell in lines[0]) if lines else ()
    rows = _rows(path, lines, len(head))
    if head in (_PLACE, _VALUE):
        return _table(path, head, rows, separator)
    if head == _RECORDING and separator == ";":
        return _recording(path, rows)
    known = f"{','.join(_PLACE)} or {','.join(_VALUE)}"
    msg = f"{path} begins with {separator.join(head)!r}, and a breathing trace begins with {known}"
    raise UnreadableError(msg)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except (FileNotFoundError, NotADirectoryError):
        msg = f"there is no breathing trace {path}; correct the name"
        raise MissingEvidenceError(msg) from None
    except UnicodeDecodeError:
        msg = f"{path} is not text in UTF-8, so no breathing trace; give another file"
        raise UnreadableError(msg) from None
    except OSError as error:
        msg = f"cannot read {path} ({error.strerror}); give a breathing trace that can be read"
        raise UnreadableError(msg) from error


def _rows(path: Path, lines: Sequence[list[str]], cells: int) -> list[Row]:
    """Return the lines after the first, without empty ones at the end."""
    rows = [(number, [cell.strip() for cell in line]) for number, line in enumerate(lines, start=1)][1:]
    while rows and not any(rows[-1][1]) and len(rows[-1][1]) <= 1:
        rows.pop()
    for number, row in rows:
        if len(row) != cells:
            msg = (
                f"{path}, line {number}: {len(row)} cells where the head line has {cells}; correct that line"
            )
            raise InputError(msg)
    return rows


def _number(path: Path, line: int, name: str, cell: str, *, decimal_comma: bool) -> float:
    """Read a cell; what is not seen is NaN."""
    if cell == "" or cell.lower() == "nan":
        return math.nan
    text = cell.replace(",", ".") if decimal_comma and cell.count(",") == 1 and "." not in cell else cell
    number = float(text) if _NUMBER.fullmatch(text) else math.inf
    if math.isinf(number):
        msg = f"{path}, line {line}: {name} is {cell!r}, and that is no number; correct that line"
        raise InputError(msg)
    return number


def _numbers(path: Path, names: Sequence[str], rows: Sequence[Row], *, decimal_comma: bool) -> Array:
    """Return the cells as numbers, (n, names)."""
    return np.array(
        [
            [
                _number(path, line, name, cell, decimal_comma=decimal_comma)
                for name, cell in zip(names, row, strict=True)
            ]
            for line, row in rows
        ]
    ).reshape(len(rows), len(names))


def _table(path: Path, head: Sequence[str], rows: Sequence[Row], separator: str) -> BreathingTrace:
    numbers = _numbers(path, head, rows, decimal_comma=separator == ";")
    _require_increasing(path, head[0], numbers[:, 0], rows)
    return _trace(path, numbers[:, 0], numbers[:, 1:], [])


def _recording(path: Path, rows: list[Row]) -> BreathingTrace:
    """Take the times from the frames: lines with another time were filled in by whoever published it."""
    notes = []
    if rows and rows[-1][1] == ["0"] * len(_RECORDING):
        notes.append(f"line {rows[-1][0]} is all zeros and ends the recording")
        rows = rows[:-1]
    numbers = _numbers(path, _RECORDING, rows, decimal_comma=True)
    _require_increasing(path, _RECORDING[0], numbers[:, 0], rows)
    seconds, places_mm = numbers[:, 0] / FRAMES_PER_S, numbers[:, 2:]
    filled_in = ~(np.abs(numbers[:, 1] / 1000.0 - seconds) <= ROUNDING_S)
    places_mm[filled_in] = np.nan
    for n in np.flatnonzero(filled_in):
        line, row = rows[n]
        notes.append(
            f"line {line}: frame {row[0]} was taken at {1000.0 * seconds[n]:.0f} ms and not at {row[1]} ms: "
            "it counts as not seen"
        )
    return _trace(path, seconds, places_mm, notes)


def _require_increasing(path: Path, name: str, values: Array, rows: Sequence[Row]) -> None:
    """Require that the first column increases."""
    wrong = np.flatnonzero(~(np.diff(values, prepend=-np.inf) > 0.0))
    if len(wrong):
        line, row = rows[wrong[0]]
        msg = (
            f"{path}, line {line}: {name} is {row[0]!r} and has to be a number above that of the line before"
        )
        raise InputError(msg)


def _trace(path: Path, seconds: Array, places_mm: Array, notes: list[str]) -> BreathingTrace:
    if len(seconds) < FEWEST:
        msg = f"{path} has {len(seconds)} samples: a breathing trace needs two or more"
        raise InputError(msg)
    steps_s = np.diff(seconds)
    usual_s = float(np.median(steps_s))
    missing = int((~np.isfinite(places_mm).all(axis=1)).sum())
    if missing:
        notes.append(f"{missing} of {len(seconds)} samples show nothing")
    notes += [
        f"no samples for {steps_s[n]:.1f} s after {seconds[n]:.1f} s"
        for n in np.flatnonzero(steps_s > GAP_STEPS * usual_s)
    ]
    return BreathingTrace(path.stem, seconds, places_mm, tuple(notes))
