"""What a console reads before anybody opens it."""

from small_department import Department

from isoguide.records import FractionKey
from isoguide.workflow.clinic.console import Console
from isoguide.workflow.clinic.room_events import RoomEvents


def reading_into(read: list[tuple[str, int]], department: Department) -> Console:
    return Console(department.desk, RoomEvents(), (), lambda *fraction: read.append(fraction))


def test_the_first_two_of_the_fractions_that_wait_are_read_ahead(matched: Department) -> None:
    read: list[tuple[str, int]] = []
    console = Console(
        matched.desk, RoomEvents(), (), lambda course_id, number: read.append((course_id, number))
    )
    console.look_ahead([FractionKey("C0001", 1), FractionKey("C0002", 4), FractionKey("C0003", 2)])
    assert read == [("C0001", 1), ("C0002", 4)]


def test_an_open_fraction_with_an_image_is_read_ahead_when_it_is_looked_at(matched: Department) -> None:
    read: list[tuple[str, int]] = []
    console = Console(
        matched.desk, RoomEvents(), (), lambda course_id, number: read.append((course_id, number))
    )
    console.fraction(FractionKey("C0001", 1))
    assert read == [("C0001", 1)]


def test_a_fraction_that_has_ended_is_not(matched: Department) -> None:
    matched.desk.stop("C0001", by="anna", reason="the patient is unwell")
    read: list[tuple[str, int]] = []
    console = Console(
        matched.desk, RoomEvents(), (), lambda course_id, number: read.append((course_id, number))
    )
    console.fraction(FractionKey("C0001", 1))
    assert read == []
