"""The fraction that waits for whoever opens the console of a demonstration."""

from collections.abc import Iterator

import pytest
from connected_department import COURSE, ConnectedDepartment, OpenRoom

from isoguide.course import Person, Role
from isoguide.records import CourseStatus
from isoguide.treatment import State
from isoguide.workflow.clinic.room_drive import RoomDrive
from isoguide.workflow.clinic.virtual_station import VirtualStation
from isoguide.workflow.clinic.waiting_fraction import prepare_waiting_fraction


@pytest.fixture
def d(open_room: OpenRoom) -> Iterator[ConnectedDepartment]:
    with open_room() as department:
        department.desk.records.add_person(Person("virtual-therapist", Role.THERAPIST), by="admin")
        yield department


def test_is_begun_set_up_imaged_and_matched_and_waits_for_a_decision(d: ConnectedDepartment) -> None:
    steps: list[str] = []
    status = prepare_waiting_fraction(d.drive, progress=lambda _share, step: steps.append(step))
    assert (status.state, status.key.number) == (State.ALIGNED, 1)
    assert status.decision is not None
    assert {step.by for step in status.stored.steps} == {"virtual-therapist"}
    assert "Taking the image" in steps
    assert steps[-1] == "Done"
    assert d.station.look().couch is not None


def test_that_goes_on_is_taken_over_where_it_is(d: ConnectedDepartment) -> None:
    first = prepare_waiting_fraction(d.drive)
    station = VirtualStation(d.station.file, d.desk, d.clock)
    station.prepare()
    with RoomDrive(d.desk, station, COURSE) as again:
        second = prepare_waiting_fraction(again)
    assert (second.state, second.stored.version) == (State.ALIGNED, first.stored.version)
    assert station.couch().pose == d.station.couch().pose


def test_whose_image_became_too_old_overnight_is_imaged_again(d: ConnectedDepartment) -> None:
    first = prepare_waiting_fraction(d.drive)
    d.clock.wait(3600.0)
    again = prepare_waiting_fraction(d.drive)
    assert (again.state, len(first.stored.images), len(again.stored.images)) == (State.ALIGNED, 1, 2)
    assert again.images_left == first.images_left - 1


def test_there_is_none_after_the_last_or_when_the_course_has_ended(d: ConnectedDepartment) -> None:
    for _ in range(2):
        d.begin("fraction of NAL")
        d.drive.stop(reason="a word", by="anna")
    assert prepare_waiting_fraction(d.drive) is None
    d.desk.records.finish_course(COURSE, CourseStatus.STOPPED, by="berg", reason="moved away")
    assert prepare_waiting_fraction(d.drive) is None
