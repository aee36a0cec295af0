"""Landmarks that somebody found in both images, as a table of text.

One line a landmark, after the head line ``name,planning_x,planning_y,planning_z,daily_x,daily_y,daily_z``:
patient coordinates (DICOM LPS) in mm, of the planning CT and of the day's image. ``name`` may be left out.
Cells are separated by commas or semicolons; empty lines and lines that begin with ``#`` are passed over.
"""

import csv
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from isoguide.errors import GeometryError, UnreadableError
from isoguide.images.volume import Volume
from isoguide.registration.deformable.quality import Landmarks
from isoguide.workflow.inputs import require_existing

_NAME: Final = "name"
_COLUMNS: Final = ("planning_x", "planning_y", "planning_z", "daily_x", "daily_y", "daily_z")
LARGEST_BYTES: Final = 1 << 20


def load_landmarks(path: Path, planning: Volume, daily: Volume) -> Landmarks:
    """Read landmarks, and check that each lies in both images.

    Raises
    ------
    UnreadableError
        If the file is no such table; the message names the line.
    GeometryError
        If a landmark lies outside the image that it was found in.
    """
    rows = _rows(path)
    points_mm = np.array([row.numbers for row in rows])
    found = Landmarks(tuple(row.name for row in rows), points_mm[:, :3], points_mm[:, 3:])
    for side, volume, places_mm in (
        ("planning CT", planning, found.planning_mm),
        ("day's image", daily, found.daily_mm),
    ):
        outside = np.flatnonzero(~volume.grid.contains(places_mm))
        if len(outside):
            line, place = rows[outside[0]].line, ", ".join(f"{value:g}" for value in places_mm[outside[0]])
            msg = (
                f"{path} line {line}: ({place}) mm lies outside the {side}; give landmarks in patient "
                "coordinates (DICOM LPS), those of the planning CT first"
            )
            raise GeometryError(msg)
    return found


@dataclass(frozen=True, slots=True)
class _Row:
    """One landmark: its line in the file, its name, six numbers in mm."""

    line: int
    name: str
    numbers: list[float]


def _rows(path: Path) -> list[_Row]:
    lines = [
        (number, line)
        for number, line in enumerate(_text(path).splitlines(), start=1)
        if line.strip() and not line.lstrip().startswith("#")
    ]
    separator = ";" if lines and ";" in lines[0][1] else ","
    cells = [
        [cell.strip() for cell in row] for row in csv.reader((line for _, line in lines), delimiter=separator)
    ]
    head = tuple(cell.casefold() for cell in cells[0]) if cells else ()
    has_name = head[:1] == (_NAME,)
    if head[has_name:] != _COLUMNS:
        msg = f"{path} is no table of landmarks: its head line has to be {separator.join(_COLUMNS)}"
        raise UnreadableError(msg)
    rows = [
        _Row(number, row[0] if has_name else f"landmark {count}", _numbers(path, number, row[has_name:]))
        for count, ((number, _), row) in enumerate(zip(lines[1:], cells[1:], strict=True), start=1)
    ]
    if not rows:
        msg = f"{path} holds no landmark below its head line: add some, or leave --landmarks out"
        raise UnreadableError(msg)
    return rows


def _numbers(path: Path, line: int, cells: list[str]) -> list[float]:
    try:
        numbers = [float(cell) for cell in cells]
    except ValueError:
        numbers = []
    if len(numbers) != len(_COLUMNS) or not all(math.isfinite(number) for number in numbers):
        msg = f"{path} line {line} needs six numbers in mm ({', '.join(_COLUMNS)}): correct it"
        raise UnreadableError(msg)
    return numbers


def _text(path: Path) -> str:
    require_existing(path)
    try:
        if path.stat().st_size > LARGEST_BYTES:
            msg = f"{path} is larger than a table of landmarks can be: give another file"
            raise UnreadableError(msg)
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        msg = f"{path} cannot be read as text ({error}): give a table of landmarks"
        raise UnreadableError(msg) from error
