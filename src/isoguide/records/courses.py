"""Courses: a simulation and a protocol, from the first fraction to the last."""

import json
import re
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, select

from isoguide.course import Accessory, SimulationRecord
from isoguide.errors import InputError, UnknownNameError, UnreadableError
from isoguide.records import protocols
from isoguide.records.audit import Write
from isoguide.records.model import COURSES, FRACTIONS
from isoguide.records.plain import Row, canonical_json, from_plain, from_row, sha256_of, to_plain
from isoguide.records.stored import (
    CourseLine,
    CourseStanding,
    CourseStatus,
    FractionKey,
    FractionLine,
    StoredCourse,
)
from isoguide.treatment.states import State

COUCH_TOP: Final = "COUCH_TOP"
"""Kind of the accessory that everybody lies on, so that it tells no patients apart."""
_LINE_COLUMNS: Final = ("course_id", "number", "state", "started_at", "ended_at", "version")
_OWN_ID: Final = re.compile(r"C(\d+)")


def add_course(write: Write, simulation: SimulationRecord, name: str, version: int) -> str:
    """Begin a course and return its name, such as C0001."""
    protocol = protocols.require(write.connection, name, version)
    _require_no_other(write.connection, simulation)
    course_id = _next_id(write.connection)
    text = canonical_json(to_plain(simulation))
    row: Row = {
        "patient_id": simulation.patient.patient_id,
        "birth_date": simulation.patient.birth_date,
        "patient_name": simulation.patient.name,
        "site": simulation.site,
        "machine": simulation.machine,
        "protocol": f"{protocol.name} v{protocol.version}",
        "protocol_name": protocol.name,
        "protocol_version": protocol.version,
        "plan_uid": simulation.plan_uid,
        "device": device_of(simulation.accessories),
        "fractions_planned": simulation.fractions_planned,
        "simulation": text,
        "simulation_sha256": sha256_of(text),
        "source": "",
        "status": str(CourseStatus.ACTIVE),
    }
    insert_course(write, course_id, row)
    write.log("begin course", subject_of(course_id))
    return course_id


def insert_course(write: Write, course_id: str, row: Row) -> None:
    """Add the row of a course at its first version."""
    write.insert(COURSES, {"course_id": course_id, **row, "created_at": write.at, "version": 1})


def subject_of(course_id: str) -> str:
    """Return how the audit names a course."""
    return f"course {course_id}"


def device_of(accessories: tuple[Accessory, ...]) -> str:
    """Return the label of the first accessory that holds the patient, empty where none does."""
    return next((one.label for one in accessories if one.kind != COUCH_TOP), "")


def _require_no_other(connection: Connection, simulation: SimulationRecord) -> None:
    same = (COURSES.c.plan_uid == simulation.plan_uid) & (COURSES.c.status == str(CourseStatus.ACTIVE))
    other = connection.execute(select(COURSES.c.course_id).where(same)).scalar()
    if other is not None:
        msg = f"the plan '{simulation.plan_label}' is being treated as course {other}: go on with that one"
        raise InputError(msg)


def _next_id(connection: Connection) -> str:
    known = (
        _OWN_ID.fullmatch(course_id)
        for course_id in connection.execute(select(COURSES.c.course_id)).scalars()
    )
    return f"C{1 + max((int(found[1]) for found in known if found), default=0):04d}"


def courses(connection: Connection) -> tuple[CourseLine, ...]:
    """Return every course in one line, by name."""
    rows = connection.execute(select(COURSES)).mappings()
    return tuple(sorted(map(_line, rows), key=lambda line: line.course_id))


def require_line(connection: Connection, course_id: str) -> CourseLine:
    """Return a course in one line."""
    return _line(_row(connection, course_id))


def course(connection: Connection, course_id: str) -> StoredCourse:
    """Return a course with its simulation, protocol and fractions."""
    row = _row(connection, course_id)
    line = _line(row)
    if line.source:
        msg = (
            f"course {course_id} was imported from {line.source} with its figures only: it has no simulation"
        )
        raise InputError(msg)
    if sha256_of(row["simulation"]) != row["simulation_sha256"]:
        msg = f"the simulation of course {course_id} was changed behind isoguide: verify the audit"
        raise UnreadableError(msg)
    plain, what = json.loads(row["simulation"]), f"the simulation of course {course_id}"
    return StoredCourse(
        line,
        from_plain(SimulationRecord, plain, what),
        row["protocol_name"],
        row["protocol_version"],
        protocols.protocol_text(connection, row["protocol_name"], row["protocol_version"]),
        fraction_lines(connection, FRACTIONS.c.course_id == course_id),
    )


def finish_course(write: Write, course_id: str, status: CourseStatus, reason: str) -> None:
    """End a course."""
    line = require_line(write.connection, course_id)
    require_active(line)
    if status is CourseStatus.ACTIVE:
        msg = f"course {course_id} is active: say whether it was completed or stopped"
        raise InputError(msg)
    if status is CourseStatus.STOPPED and not reason.strip():
        msg = f"course {course_id} is to be stopped and no reason is given: say why"
        raise InputError(msg)
    require_no_open_fraction(write.connection, course_id)
    write.update(COURSES, {"course_id": course_id}, {"status": str(status), "version": line.version + 1})
    write.log(f"course {status}", subject_of(course_id), reason=reason)


def require_active(line: CourseLine) -> None:
    """Refuse a course that has ended."""
    if line.status is not CourseStatus.ACTIVE:
        msg = f"course {line.course_id} is {line.status}, so nothing can be added: begin a new course"
        raise InputError(msg)


def require_no_open_fraction(connection: Connection, course_id: str) -> None:
    """Refuse to go on while a fraction of the course is not closed."""
    for line in open_fractions(connection, course_id):
        msg = f"{line.key} is not finished ('{line.state}'): go on with it or stop it first"
        raise InputError(msg)


def open_fractions(connection: Connection, course_id: str | None = None) -> tuple[FractionLine, ...]:
    """Return the fractions that go on, of one course or of all."""
    where = FRACTIONS.c.ended_at.is_(None)
    return fraction_lines(
        connection, where if course_id is None else where & (FRACTIONS.c.course_id == course_id)
    )


def standings(connection: Connection) -> tuple[CourseStanding, ...]:
    """Return the courses that go on, each with where its fractions are."""
    is_active = COURSES.c.status == str(CourseStatus.ACTIVE)
    lines = map(_line, connection.execute(select(COURSES).where(is_active)).mappings())
    columns = [FRACTIONS.c[name] for name in (*_LINE_COLUMNS, "delivered_mu")]
    of_course = FRACTIONS.join(COURSES, COURSES.c.course_id == FRACTIONS.c.course_id)
    query = select(*columns).select_from(of_course).where(is_active).order_by(FRACTIONS.c.number)
    rows: dict[str, list[Any]] = {}
    for row in connection.execute(query).mappings():
        rows.setdefault(row["course_id"], []).append(row)
    found = (_standing(line, rows.get(line.course_id, [])) for line in lines)
    return tuple(sorted(found, key=lambda standing: standing.line.course_id))


def _standing(line: CourseLine, rows: list[Any]) -> CourseStanding:
    closed = [row for row in rows if row["state"] == str(State.CLOSED)]
    given = [row["started_at"] for row in rows if row["delivered_mu"] > 0.0 or row in closed]
    return CourseStanding(
        line,
        to_line(rows[-1]) if rows else None,
        len(closed),
        datetime.fromisoformat(given[-1]) if given else None,
    )


def newest_fraction(connection: Connection, course_id: str) -> FractionLine | None:
    """Return the newest fraction of a course, None before the first."""
    require_line(connection, course_id)
    lines = fraction_lines(connection, FRACTIONS.c.course_id == course_id)
    return lines[-1] if lines else None


def fraction_lines(connection: Connection, where: Any) -> tuple[FractionLine, ...]:
    """Return fractions in one line each, by course and number."""
    columns = [FRACTIONS.c[name] for name in _LINE_COLUMNS]
    rows = connection.execute(select(*columns).where(where)).mappings()
    return tuple(sorted(map(to_line, rows), key=lambda line: (line.key.course_id, line.key.number)))


def to_line(row: Any) -> FractionLine:
    """Return the line of a row of fractions."""
    key = FractionKey(row["course_id"], row["number"])
    plain = {name: row[name] for name in ("state", "started_at", "ended_at", "version")}
    return from_plain(FractionLine, {"key": to_plain(key), **plain}, str(key))


def _row(connection: Connection, course_id: str) -> Any:
    row = connection.execute(select(COURSES).where(COURSES.c.course_id == course_id)).mappings().first()
    if row is None:
        msg = f"there is no course '{course_id}' here: look at the list of courses"
        raise UnknownNameError(msg)
    return row


def _line(row: Any) -> CourseLine:
    return from_row(CourseLine, row, f"course {row['course_id']}")
