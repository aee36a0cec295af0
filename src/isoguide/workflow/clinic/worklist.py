"""Who is treated, and what can be done for each of them now."""

from dataclasses import dataclass, replace
from typing import Final

from isoguide.errors import InputError
from isoguide.records import CourseStanding, FractionKey, Records
from isoguide.workflow.clinic.desk import Desk
from isoguide.workflow.clinic.fraction_status import FractionStatus
from isoguide.workflow.clinic.protocols_in_use import protocols_in_use

NOT_BEGUN: Final = "not begun"


@dataclass(frozen=True, slots=True, eq=False)
class WorklistLine:
    """A course that goes on, and its fraction that is open or comes next.

    Parameters
    ----------
    standing
        How far the course has come.
    plan_label
        Of its plan; empty where it cannot be read.
    status
        Of the open fraction; None where none is open.
    problem
        Why the course cannot be read; empty where it can.
    """

    standing: CourseStanding
    plan_label: str
    status: FractionStatus | None
    problem: str = ""

    @property
    def is_open(self) -> bool:
        """Whether a fraction was begun and has not ended."""
        newest = self.standing.newest
        return newest is not None and newest.ended_at is None

    @property
    def key(self) -> FractionKey:
        """Of the open fraction, or else of the next one."""
        newest, course_id = self.standing.newest, self.standing.line.course_id
        if newest is None:
            return FractionKey(course_id, 1)
        return newest.key if self.is_open else FractionKey(course_id, newest.key.number + 1)

    @property
    def state(self) -> str:
        """Of that fraction."""
        newest = self.standing.newest
        return str(newest.state) if newest is not None and self.is_open else NOT_BEGUN

    @property
    def next_step(self) -> str:
        """What can be done now, one sentence."""
        if self.problem:
            return self.problem
        if self.status is not None:
            return self.status.next_steps[0]
        planned = self.standing.line.fractions_planned
        if planned is not None and self.key.number > planned:
            return f"complete the course: its {planned} planned fractions were begun and have ended"
        return f"begin fraction {self.key.number}"

    @property
    def needs_somebody(self) -> bool:
        """True where the routine does not go on by itself."""
        return bool(self.problem) or (self.status is not None and self.status.needs_somebody)


class Worklist:
    """The courses that go on, read anew only where something was recorded; may be shared by threads.

    Parameters
    ----------
    desk
        Of the department.
    """

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._known: dict[tuple[str, FractionKey | None, int], WorklistLine] = {}

    def lines(self) -> tuple[WorklistLine, ...]:
        """Return all of them, those with an open fraction first, then by name.

        A course that cannot be read is there with the reason: a patient does not vanish from the list.
        """
        found = {_version_of(one): self._line(one) for one in self._desk.records.course_standings()}
        self._known = {version: line for version, line in found.items() if not line.problem}
        return tuple(sorted(found.values(), key=lambda line: (not line.is_open, line.key.course_id)))

    def _line(self, standing: CourseStanding) -> WorklistLine:
        known = self._known.get(_version_of(standing))
        return replace(known, standing=standing) if known is not None else self._read(standing)

    def _read(self, standing: CourseStanding) -> WorklistLine:
        course_id, newest = standing.line.course_id, standing.newest
        try:
            label = self._desk.records.course(course_id).simulation.plan_label
            is_open = newest is not None and newest.ended_at is None
            return WorklistLine(standing, label, self._desk.status(course_id) if is_open else None)
        except InputError as error:
            return WorklistLine(standing, "", None, str(error))


def sites_of(records: Records) -> tuple[str, ...]:
    """Return the parts of the body of all courses and of all protocols in use, in alphabetical order."""
    sites = {line.site for line in records.courses()}
    return tuple(sorted(sites | {one.protocol.site for one in protocols_in_use(records)}))


def _version_of(standing: CourseStanding) -> tuple[str, FractionKey | None, int]:
    """Return what changes with everything that is recorded of a course or its newest fraction."""
    newest = standing.newest
    name = f"{standing.line.course_id} {standing.line.version}"
    return (name, None, 0) if newest is None else (name, newest.key, newest.version)
