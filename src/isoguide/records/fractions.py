"""Fractions: begun in order, written step by step, each step all or nothing."""

import json
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any, TypeVar

from sqlalchemy import Connection, Table, func, select

from isoguide.course import (
    DecisionRecord,
    DeliveryRecord,
    FractionSummary,
    ImageRecord,
    MatchRecord,
    MotionRecord,
)
from isoguide.errors import InputError, UnknownNameError
from isoguide.records import audit, courses, of_image
from isoguide.records.audit import Write
from isoguide.records.errors import ConflictError
from isoguide.records.model import (
    ASSESSMENTS,
    DAY_DOSES,
    DECISIONS,
    DELIVERIES,
    FRACTIONS,
    IMAGES,
    MATCHES,
    MOTIONS,
    STEPS,
)
from isoguide.records.plain import Row, from_row, plain_text, to_row
from isoguide.records.stored import FractionKey, FractionLine, FractionStep, StoredFraction, StoredStep
from isoguide.treatment.journal import Entry
from isoguide.treatment.states import State, state_after

_T = TypeVar("_T")


def begin_fraction(write: Write, key: FractionKey, memory: str, reason: str) -> None:
    """Begin the next fraction of a course."""
    line = courses.require_line(write.connection, key.course_id)
    courses.require_active(line)
    courses.require_no_open_fraction(write.connection, key.course_id)
    _require_next(write.connection, key)
    if line.fractions_planned is not None and key.number > line.fractions_planned and not reason.strip():
        msg = f"{key} is one more than the {line.fractions_planned} planned: say why, or complete the course"
        raise InputError(msg)
    summary = FractionSummary(key.number, write.time, str(State.PREPARED))
    write.insert(FRACTIONS, fraction_row(key, summary, write.at, memory=memory))
    write.log("begin fraction", str(key), reason=reason)


def _require_next(connection: Connection, key: FractionKey) -> None:
    highest = select(func.max(FRACTIONS.c.number)).where(FRACTIONS.c.course_id == key.course_id)
    due = (connection.execute(highest).scalar() or 0) + 1
    if key.number != due:
        msg = f"{key} is out of order: the next one is fraction {due}"
        raise InputError(msg)


def fraction_row(
    key: FractionKey, summary: FractionSummary, started_at: str, *, ended_at: str | None = None, memory: str
) -> Row:
    """Return the row of a fraction at its first version."""
    head: Row = {"course_id": key.course_id, "started_at": started_at, "ended_at": ended_at, "version": 1}
    return {**head, "memory": _json(key, memory), **to_row(summary)}


def _json(key: FractionKey, memory: str) -> str:
    try:
        json.loads(memory)
    except ValueError as error:
        msg = f"the memory of {key} is not JSON ({error}): nothing was recorded"
        raise InputError(msg) from error
    return plain_text(memory)


def add_step(write: Write, key: FractionKey, expected_version: int, step: FractionStep) -> int:
    """Add what a step brought; return the version of the fraction that it made."""
    line = _line(write.connection, key)
    _require_unchanged(write.connection, line, expected_version)
    _require_possible(line, step)
    version = line.version + 1
    state = step.entry.state_after if step.entry is not None else line.state
    values: Row = {"version": version, "memory": _json(key, step.memory), **to_row(step.summary)}
    if state.is_final:
        values["ended_at"] = write.at
    del values["number"]
    for note in step.notes:
        write.log(note.action, str(key), **note.details)
    write.update(FRACTIONS, {"course_id": key.course_id, "number": key.number}, values)
    _insert_parts(write, key, version, step)
    write.log(str(step.entry.event) if step.entry is not None else "record", str(key))
    return version


def _require_unchanged(connection: Connection, line: FractionLine, expected_version: int) -> None:
    if line.version == expected_version:
        return
    last = audit.last_about(connection, str(line.key))
    who = f"{last.actor} at {last.at:%Y-%m-%d %H:%M:%S} UTC ({last.action})" if last else "somebody"
    msg = (
        f"{line.key} was changed by {who} since it was read, so nothing was recorded: look again, then decide"
    )
    raise ConflictError(msg)


def _require_possible(line: FractionLine, step: FractionStep) -> None:
    """Refuse a step that does not go on from where the fraction is."""
    key, entry, summary = line.key, step.entry, step.summary
    if line.state.is_final:
        msg = f"{key} is {line.state}, so nothing can be added to it: begin the next fraction"
        raise InputError(msg)
    state = line.state
    if entry is not None:
        state = state_after(entry.state_before, entry.event)
        if (entry.state_before, entry.state_after) != (line.state, state):
            msg = (
                f"{key} is in the state '{line.state}', and a step from '{entry.state_before}' to "
                f"'{entry.state_after}' by '{entry.event}' does not follow: look again"
            )
            raise InputError(msg)
    if (summary.number, summary.state) != (key.number, str(state)):
        msg = (
            f"{key} is {state} after this step, not fraction {summary.number} {summary.state}: sum it up anew"
        )
        raise InputError(msg)


def _insert_parts(write: Write, key: FractionKey, version: int, step: FractionStep) -> None:
    at: Row = {"course_id": key.course_id, "fraction": key.number, "step": version}
    if step.entry is not None:
        write.insert(STEPS, {**at, **to_row(step.entry), "by": plain_text(step.by)})
    if step.image is not None:
        _require_new_image(write.connection, key, step.image)
        write.insert(IMAGES, {**at, **to_row(step.image)})
    if step.match is not None:
        write.insert(MATCHES, {**at, **_match_row(step.match)})
    if step.decision is not None:
        write.insert(DECISIONS, {**at, **to_row(step.decision)})
    if step.motion is not None:
        write.insert(MOTIONS, {**at, **to_row(step.motion)})
    rows = [{**at, "position": place, **to_row(one)} for place, one in enumerate(step.deliveries)]
    write.insert(DELIVERIES, *rows)


def _match_row(match: MatchRecord) -> Row:
    """Return the row of a match; a residual that is not a number, where there is no answer, becomes NULL."""
    if not math.isnan(match.residual_mm):
        return to_row(match)
    return {**to_row(replace(match, residual_mm=0.0)), "residual_mm": None}


def _require_new_image(connection: Connection, key: FractionKey, image: ImageRecord) -> None:
    same = (IMAGES.c.course_id == key.course_id) & (IMAGES.c.uid == image.uid)
    known = connection.execute(select(IMAGES.c.fraction).where(same)).scalar()
    if known is not None:
        msg = f"the image {image.uid} was recorded in fraction {known} already: take a new one"
        raise InputError(msg)


def used_image_uids(connection: Connection, course_id: str) -> frozenset[str]:
    """Return the UIDs of all images of a course."""
    query = select(IMAGES.c.uid).where(IMAGES.c.course_id == course_id)
    return frozenset(connection.execute(query).scalars())


def fraction(connection: Connection, key: FractionKey) -> StoredFraction:
    """Return everything of a fraction."""
    row = _row(connection, key)
    matches = ({**found, "residual_mm": _number(found)} for found in _parts(connection, MATCHES, key))
    return StoredFraction(
        courses.to_line(row),
        row["memory"],
        from_row(FractionSummary, row, str(key)),
        tuple(
            StoredStep(found["step"], from_row(Entry, found, f"a step of {key}"), found["by"])
            for found in _parts(connection, STEPS, key)
        ),
        _records(ImageRecord, _parts(connection, IMAGES, key), f"an image of {key}"),
        _records(MatchRecord, matches, f"a match of {key}"),
        _records(DecisionRecord, _parts(connection, DECISIONS, key), f"a decision of {key}"),
        _records(DeliveryRecord, _parts(connection, DELIVERIES, key), f"a delivery of {key}"),
        _records(MotionRecord, _parts(connection, MOTIONS, key), f"the motion in {key}"),
        tuple(of_image.ANATOMY.record_of(found) for found in _parts(connection, ASSESSMENTS, key)),
        tuple(of_image.DOSE.record_of(found) for found in _parts(connection, DAY_DOSES, key)),
    )


def _number(match: Mapping[str, Any]) -> float:
    found: float | None = match["residual_mm"]
    return math.nan if found is None else found


def _records(kind: type[_T], rows: Iterable[Mapping[str, Any]], what: str) -> tuple[_T, ...]:
    return tuple(from_row(kind, row, what) for row in rows)


def _parts(connection: Connection, table: Table, key: FractionKey) -> Iterator[Mapping[str, Any]]:
    query = select(table).where(table.c.course_id == key.course_id, table.c.fraction == key.number)
    for row in connection.execute(query.order_by(*table.primary_key.columns)).mappings():
        yield {**row}


def _line(connection: Connection, key: FractionKey) -> FractionLine:
    return courses.to_line(_row(connection, key))


def _row(connection: Connection, key: FractionKey) -> Mapping[str, Any]:
    of_key = (FRACTIONS.c.course_id == key.course_id) & (FRACTIONS.c.number == key.number)
    row = connection.execute(select(FRACTIONS).where(of_key)).mappings().first()
    if row is None:
        msg = f"there is no {key} here: look at the fractions of the course"
        raise UnknownNameError(msg)
    return {**row}
