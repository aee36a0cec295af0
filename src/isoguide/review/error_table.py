"""Set-up errors of many courses as one padded array, so that a population is one sum and not a thousand.

An error says where the patient lies, (lateral, longitudinal, vertical, pitch, roll, yaw) in mm and degrees
along IEC fixed; it is minus the couch correction that an image called for. NaN where nothing was measured.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import numpy as np
from numpy.typing import NDArray

from isoguide.course import AXES, CourseHistory, FractionSummary
from isoguide.errors import InputError
from isoguide.geometry.correction import CouchCorrection
from isoguide.geometry.frames import Array

Six = tuple[float, ...]
SHIFTS: Final = 3
"""The first three of the six numbers are shifts."""


class Position(StrEnum):
    """Which position the error is that of."""

    MARKS = "from the marks"
    SET_UP = "at set-up"
    CORRECTED = "after correction"


@dataclass(frozen=True, slots=True, eq=False)
class ErrorTable:
    """Errors of P courses.

    Parameters
    ----------
    courses
        P of them, in the order of the rows.
    position
        From the marks: without any off-line correction. At set-up: with the one of the day. After correction:
        what the image taken after the couch had been moved still called for.
    errors
        (P, F, 6), NaN where fraction number f + 1 was not measured: all six numbers or none.
    deviations
        (P, F, 6) standard deviations of the measurements, NaN where unknown.
    """

    courses: tuple[CourseHistory, ...]
    position: Position
    errors: Array
    deviations: Array

    def __post_init__(self) -> None:
        for name in ("errors", "deviations"):
            array = np.array(getattr(self, name), dtype=np.float64)
            array.flags.writeable = False
            object.__setattr__(self, name, array)

    @property
    def is_measured(self) -> NDArray[np.bool_]:
        """(P, F)."""
        return np.isfinite(self.errors[:, :, 0])

    def rows(self, chosen: Sequence[int] | NDArray[np.int_]) -> "ErrorTable":
        """Return the table of some of the courses, by the indices of their rows."""
        index = np.asarray(chosen, dtype=np.int_)
        courses = tuple(self.courses[i] for i in index)
        return ErrorTable(courses, self.position, self.errors[index], self.deviations[index])


def error_table(histories: Sequence[CourseHistory], position: Position = Position.MARKS) -> ErrorTable:
    """Return the errors of some courses; :class:`ErrorTable` says which.

    Raises
    ------
    InputError
        If a course has two fractions of one number, or one that is not counted from 1.
    """
    where: list[tuple[int, int]] = []
    needed: list[Six] = []
    known: dict[tuple[int, int], Array] = {}
    for row, history in enumerate(histories):
        _refuse_unless_numbered(history)
        for summary in history.fractions:
            correction = _needed(summary, position)
            if correction is not None:
                where.append((row, summary.number - 1))
                needed.append(correction)
                if summary.deviation is not None and position is not Position.CORRECTED:
                    known[where[-1]] = summary.deviation
    last = max((s.number for history in histories for s in history.fractions), default=0)
    return ErrorTable(
        courses=tuple(histories),
        position=position,
        errors=_placed(where, -np.array(needed), (len(histories), last, len(AXES))),
        deviations=_placed(list(known), np.array(list(known.values())), (len(histories), last, len(AXES))),
    )


def _placed(where: list[tuple[int, int]], values: Array, shape: tuple[int, int, int]) -> Array:
    placed = np.full(shape, np.nan)
    if where:
        rows, columns = np.array(where).T
        placed[rows, columns] = values
    return placed


def _needed(summary: FractionSummary, position: Position) -> Six | None:
    """Return the couch correction that would have brought the patient from the position to the plan."""
    measured = summary.residual if position is Position.CORRECTED else summary.measured
    if measured is None:
        return None
    if position is Position.MARKS and summary.offline is not None:
        together = np.add(six(measured), six(summary.offline))
        return tuple(together.tolist())
    return six(measured)


def six(correction: CouchCorrection) -> Six:
    """Return the six numbers of a correction."""
    c = correction
    return (c.lateral_mm, c.longitudinal_mm, c.vertical_mm, c.pitch_deg, c.roll_deg, c.yaw_deg)


def _refuse_unless_numbered(history: CourseHistory) -> None:
    numbers = [summary.number for summary in history.fractions]
    if len(set(numbers)) < len(numbers) or min(numbers, default=1) < 1:
        msg = (
            f"the fractions of course '{history.course_id}' are numbered {numbers}: give each its own, from 1"
        )
        raise InputError(msg)
