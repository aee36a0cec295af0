"""The worklist: which fraction comes next, what can be done for it, and that changes are seen."""

from datetime import UTC, datetime

import pytest

from isoguide.errors import UnreadableError
from isoguide.records import CourseLine, CourseStanding, CourseStatus, FractionKey, FractionLine
from isoguide.treatment import State
from isoguide.workflow.clinic.worklist import NOT_BEGUN, Worklist, WorklistLine

NOW = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)


def course(name: str = "C0001", planned: int | None = 3, version: int = 1) -> CourseLine:
    return CourseLine(
        name, "P-1", "19500101", "Doe^Jane", "prostate", "Linac 1", "prostate v1", "1.2.3", "", planned, "",
        NOW, CourseStatus.ACTIVE, version,
    )  # fmt: skip


def standing(
    number: int = 0, state: State = State.CLOSED, *, version: int = 1, treated: int = 0, **said: object
) -> CourseStanding:
    line = course(**said)
    if not number:
        return CourseStanding(line, None, 0, None)
    ended = NOW if state.is_final else None
    newest = FractionLine(FractionKey(line.course_id, number), state, NOW, ended, version)
    return CourseStanding(line, newest, treated, NOW)


@pytest.mark.parametrize(
    ("found", "number", "state", "words"),
    [
        (standing(), 1, NOT_BEGUN, "begin fraction 1"),
        (standing(1), 2, NOT_BEGUN, "begin fraction 2"),
        (standing(1, State.STOPPED), 2, NOT_BEGUN, "begin fraction 2"),
        (standing(7, planned=None), 8, NOT_BEGUN, "begin fraction 8"),
        (standing(3), 4, NOT_BEGUN, "complete the course: its 3 planned fractions were begun and have ended"),
    ],
)
def test_where_none_is_open_the_next_fraction_is_to_begin(
    found: CourseStanding, number: int, state: str, words: str
) -> None:
    line = WorklistLine(found, "PLAN", None)
    assert (line.is_open, line.key.number, line.state, line.next_step) == (False, number, state, words)
    assert not line.needs_somebody


def test_an_open_fraction_is_shown_itself() -> None:
    line = WorklistLine(standing(2, State.SET_UP), "PLAN", None)
    assert (line.is_open, line.key.number, line.state) == (True, 2, "set up")


class FakeRecords:
    """Counts how often a course is read."""

    def __init__(self) -> None:
        self.standings: tuple[CourseStanding, ...] = ()
        self.read: list[str] = []

    def course_standings(self) -> tuple[CourseStanding, ...]:
        return self.standings

    def course(self, course_id: str) -> object:
        self.read.append(course_id)
        if course_id == "C0666":
            msg = "the simulation of course C0666 was changed behind isoguide: verify the audit"
            raise UnreadableError(msg)
        return type("Course", (), {"simulation": type("Simulation", (), {"plan_label": "PLAN"})})


class FakeDesk:
    def __init__(self) -> None:
        self.records = FakeRecords()

    def status(self, course_id: str) -> object:
        return type("Status", (), {"next_steps": ("deliver",), "needs_somebody": course_id == "C0003"})


@pytest.fixture
def desk() -> FakeDesk:
    return FakeDesk()


def test_open_fractions_come_first(desk: FakeDesk) -> None:
    desk.records.standings = (
        standing(name="C0001"),
        standing(1, State.VERIFIED, name="C0003"),
        standing(1, State.VERIFIED, name="C0002"),
    )
    lines = Worklist(desk).lines()
    assert [line.key.course_id for line in lines] == ["C0002", "C0003", "C0001"]
    assert [line.needs_somebody for line in lines] == [False, True, False]
    assert lines[0].next_step == "deliver"


def test_a_course_is_read_again_only_when_something_was_recorded(desk: FakeDesk) -> None:
    worklist, records = Worklist(desk), desk.records
    records.standings = (standing(1, State.SET_UP, version=2),)
    worklist.lines()
    worklist.lines()
    assert records.read == ["C0001"]
    for changed in (
        standing(1, State.SET_UP, version=3),
        standing(2, State.SET_UP, version=3),
        standing(2, State.SET_UP, version=3, treated=1),
        standing(2, State.CLOSED, version=9),
        standing(2, State.CLOSED, version=9, planned=4),
    ):
        records.standings = (changed,)
        (line,) = worklist.lines()
        assert line.standing == changed


def test_a_course_that_cannot_be_read_stays_with_the_reason_and_is_tried_again(desk: FakeDesk) -> None:
    worklist, records = Worklist(desk), desk.records
    records.standings = (standing(name="C0666"), standing(name="C0001"))
    for _ in range(2):
        damaged = next(line for line in worklist.lines() if line.key.course_id == "C0666")
        assert "verify the audit" in damaged.next_step
        assert damaged.needs_somebody
    assert records.read.count("C0666") == 2
