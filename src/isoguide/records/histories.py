"""Courses as reviews read them: many at once, and those of other systems taken in."""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, or_, select

from isoguide.course import CourseHistory, FractionSummary, ImagingDose
from isoguide.errors import InputError
from isoguide.geometry.correction import CouchCorrection
from isoguide.records import courses
from isoguide.records.audit import Write
from isoguide.records.fractions import fraction_row
from isoguide.records.model import COURSES, FRACTIONS
from isoguide.records.plain import DAMAGE, plain_text, time_text, unreadable
from isoguide.records.stored import CourseStatus, FractionKey
from isoguide.treatment.states import State

_SINGLE: Final = ("number", "at", "state", "action", "rule", "images", "delivered_mu")
_JSON: Final = ("measured", "deviation", "applied", "residual", "offline", "overrides", "doses")
_COURSE: Final = ("course_id", "patient_id", "site", "machine", "protocol", "device", "fractions_planned")


@dataclass(frozen=True, slots=True)
class Choice:
    """Which courses; ``protocol`` is a label such as "prostate v2", or a name for all its versions."""

    site: str | None = None
    machine: str | None = None
    protocol: str | None = None
    course_ids: tuple[str, ...] | None = None

    def conditions(self) -> list[Any]:
        """Return the conditions on the table of courses."""
        found: list[Any] = []
        if self.site is not None:
            found.append(COURSES.c.site == self.site)
        if self.machine is not None:
            found.append(COURSES.c.machine == self.machine)
        if self.protocol is not None:
            versions = COURSES.c.protocol.startswith(f"{self.protocol} v", autoescape=True)
            found.append(or_(COURSES.c.protocol == self.protocol, versions))
        if self.course_ids is not None:
            found.append(COURSES.c.course_id.in_(self.course_ids))
        return found


def histories(connection: Connection, choice: Choice) -> tuple[CourseHistory, ...]:
    """Return the courses chosen with all their fractions, by name; two queries, however many there are."""
    conditions = choice.conditions()
    head = select(*(COURSES.c[name] for name in _COURSE)).where(*conditions)
    body = (
        select(FRACTIONS.c.course_id, *(FRACTIONS.c[name] for name in (*_SINGLE, *_JSON)))
        .join(COURSES, COURSES.c.course_id == FRACTIONS.c.course_id)
        .where(*conditions)
        .order_by(FRACTIONS.c.course_id, FRACTIONS.c.number)
    )
    fractions: dict[str, list[FractionSummary]] = {}
    for course_id, *cells in connection.execute(body):
        fractions.setdefault(course_id, []).append(_summary(course_id, cells))
    found = (
        CourseHistory(*(*heading, tuple(fractions.get(heading[0], ()))))
        for heading in map(tuple[Any, ...], connection.execute(head))
    )
    return tuple(sorted(found, key=lambda history: history.course_id))


def _summary(course_id: str, cells: list[Any]) -> FractionSummary:
    """Return what ``from_row`` would, in three quarters of the time: a department has 30,000 of them."""
    number, at, state, action, rule, images, delivered_mu = cells[: len(_SINGLE)]
    try:
        parts = json.loads(f"[{','.join(cell or 'null' for cell in cells[len(_SINGLE) :])}]")
        measured, deviation, applied, residual, offline, overrides, doses = parts
        return FractionSummary(
            number,
            datetime.fromisoformat(at),
            state,
            _correction(measured),
            deviation,
            _correction(applied),
            _correction(residual),
            _correction(offline),
            action,
            rule,
            tuple(overrides),
            images,
            tuple(ImagingDose(**dose) for dose in doses),
            delivered_mu,
        )
    except DAMAGE as error:
        raise unreadable(str(FractionKey(course_id, number)), error) from error


def _correction(plain: Any) -> CouchCorrection | None:
    return None if plain is None else CouchCorrection(**plain)


def add_history(write: Write, history: CourseHistory, source: str) -> None:
    """Take in a course that ended elsewhere."""
    _require_importable(write.connection, history, source)
    ended = CourseStatus.COMPLETED if _was_completed(history) else CourseStatus.STOPPED
    courses.insert_course(
        write,
        plain_text(history.course_id),
        {
            "patient_id": plain_text(history.patient),
            "birth_date": "",
            "patient_name": "",
            "site": plain_text(history.site),
            "machine": plain_text(history.machine),
            "protocol": plain_text(history.protocol),
            "protocol_name": None,
            "protocol_version": None,
            "plan_uid": "",
            "device": plain_text(history.device),
            "fractions_planned": history.fractions_planned,
            "simulation": None,
            "simulation_sha256": None,
            "source": plain_text(source),
            "status": str(ended),
        },
    )
    for summary in history.fractions:
        at = time_text(summary.at, f"fraction {summary.number} of course {history.course_id}")
        key = FractionKey(history.course_id, summary.number)
        write.insert(FRACTIONS, fraction_row(key, summary, at, ended_at=at, memory="{}"))
    write.log("import course", courses.subject_of(history.course_id), source=source)


def _was_completed(history: CourseHistory) -> bool:
    planned = history.fractions_planned
    return planned is None or len(history.fractions) >= planned


def _require_importable(connection: Connection, history: CourseHistory, source: str) -> None:
    course_id = history.course_id
    if not course_id.strip() or not source.strip():
        msg = "a course from elsewhere needs its name and where it comes from: give both"
        raise InputError(msg)
    known = select(COURSES.c.course_id).where(COURSES.c.course_id == course_id)
    if connection.execute(known).scalar() is not None:
        msg = f"there is a course {course_id} here already: it was not imported again"
        raise InputError(msg)
    numbers = [summary.number for summary in history.fractions]
    if numbers != sorted(set(numbers)) or min(numbers, default=1) < 1:
        msg = f"the fractions of course {course_id} are numbered {numbers}: number them upwards from 1"
        raise InputError(msg)
    for summary in history.fractions:
        if summary.state not in (State.CLOSED, State.STOPPED):
            key = FractionKey(course_id, summary.number)
            msg = f"{key} is '{summary.state}', and only what has ended is imported: finish it first"
            raise InputError(msg)
