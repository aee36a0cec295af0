"""A disk, a server or a clock fails: what was acknowledged is there, what was not is not, not even half."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from sample_course import MORNING, WAY, SteppingClock, history, step, treat, with_course
from sqlalchemy import text

from isoguide.course import Person, Role
from isoguide.errors import InputError, OutputError
from isoguide.records import FractionKey, Place, Records, open_records
from isoguide.records.connection import Database
from isoguide.treatment.refusals import ClockError
from isoguide.treatment.states import Event, State


def test_a_full_disk_leaves_the_state_before(embedded: Records) -> None:
    course_id = with_course(embedded)
    key = treat(embedded, course_id, events=WAY[:1])
    head = embedded.audit_head()
    limit_to_what_is_there(embedded)
    huge = replace(step(1, State.SET_UP, Event.IMAGE), memory=f'"{"x" * 500_000}"')
    with pytest.raises(
        OutputError, match=r"the disk of .*isoguide\.db is full, so nothing was written: make room"
    ):
        embedded.add_step(key, 2, huge)
    with pytest.raises(OutputError, match="is full"):
        embedded.add_history(history(count=2000), source="old system", by="otto")
    stored = embedded.fraction(course_id, 1)
    assert (stored.version, stored.images, stored.line.state) == (2, (), State.SET_UP)
    assert embedded.audit_head() == head
    assert embedded.verify_audit().is_intact


def limit_to_what_is_there(records: Records) -> None:
    with records._database.reading() as connection:
        pages = connection.execute(text("PRAGMA page_count")).scalar()
        connection.execute(text(f"PRAGMA max_page_count = {pages}"))


def test_a_place_that_cannot_be_written_to_is_named(embedded: Records, clock: SteppingClock) -> None:
    course_id = with_course(embedded)
    file = embedded.place.database_file
    read_only = Place(f"sqlite:///file:{file}?mode=ro&uri=true", embedded.place.images)
    with open_records(read_only, clock=clock) as records:
        assert records.course(course_id).line.course_id == course_id
        with pytest.raises(OutputError, match="cannot be written to, so nothing was"):
            records.add_person(Person("anna", Role.THERAPIST), by="otto")


def test_a_writer_who_hangs_does_not_make_others_wait_for_ever(place: Place, clock: SteppingClock) -> None:
    hanging = Database(place)
    with open_records(place, clock=clock, patience_s=0.2) as records:
        with hanging.changing() as connection:
            connection.execute(text("DELETE FROM people"))
            with pytest.raises(OutputError, match=r"another program holds the lock on .* for too long"):
                records.add_person(Person("anna", Role.THERAPIST), by="otto")
            assert records.people() == ()
        records.add_person(Person("anna", Role.THERAPIST), by="otto")
        assert [member.person.name for member in records.people()] == ["anna"]
    hanging.close()


@pytest.mark.parametrize("place", ["postgresql"], indirect=True)
def test_a_lost_connection_leaves_the_state_before(place: Place) -> None:
    other = Database(place)

    def lose() -> None:
        with other.reading() as connection:
            connection.execute(
                text(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                    "WHERE pid <> pg_backend_pid() AND datname = current_database()"
                )
            )

    class Losing(SteppingClock):
        """Loses the connection in the middle of the write that reads it at this time."""

        losing = False

        def __call__(self) -> datetime:
            if self.losing:
                lose()
            return super().__call__()

    failing = Losing()
    with open_records(place, clock=failing) as records:
        course_id = with_course(records)
        key = treat(records, course_id, events=WAY[:1])
        failing.losing = True
        with pytest.raises(OutputError, match="does not answer"):
            records.add_step(key, 2, step(1, State.SET_UP, Event.IMAGE))
        failing.losing = False
        assert records.fraction(course_id, 1).version == 2
        assert records.add_step(key, 2, step(1, State.SET_UP, Event.IMAGE)) == 3
        assert records.verify_audit().is_intact
    other.close()


def test_nothing_is_recorded_while_the_clock_is_behind(records: Records, clock: SteppingClock) -> None:
    course_id = with_course(records)
    clock.now = MORNING - timedelta(hours=1)
    with pytest.raises(ClockError, match=r"the clock is 3600.0\d\d s behind the newest entry of the audit"):
        records.begin_fraction(course_id, 1, by="anna", memory="{}")
    clock.now = MORNING + timedelta(hours=1)
    assert records.begin_fraction(course_id, 1, by="anna", memory="{}").version == 1


def test_workstations_may_differ_by_less_than_a_second_and_one_computer_not_at_all(
    records: Records, clock: SteppingClock
) -> None:
    with_course(records)
    newest = records.audit_entries()[-1].at
    clock.now -= timedelta(seconds=0.5)
    if records.place.database_file is not None:
        with pytest.raises(ClockError, match=r"the clock is 0.499 s behind"):
            records.add_person(Person("anna", Role.THERAPIST), by="otto")
        return
    records.add_person(Person("anna", Role.THERAPIST), by="otto")
    assert records.audit_entries()[-1].at == newest


def test_a_clock_without_a_time_zone_is_refused(place: Place) -> None:
    naive = open_records(place, clock=lambda: MORNING.replace(tzinfo=None))
    with naive as records, pytest.raises(InputError, match="without a time zone"):
        records.add_person(Person("anna", Role.THERAPIST), by="otto")


def test_whoever_writes_is_named(records: Records) -> None:
    with pytest.raises(InputError, match="who writes is not named"):
        records.add_person(Person("anna", Role.THERAPIST), by=" ")


def test_a_value_that_the_database_refuses_is_said_in_a_sentence(records: Records) -> None:
    refused = pytest.raises(OutputError, match=r"refused to read .*nonsense.*, so nothing was written")
    with refused, records._database.reading() as connection:
        connection.execute(text("SELECT nonsense"))


def test_a_step_that_fails_half_way_leaves_nothing(records: Records, monkeypatch: pytest.MonkeyPatch) -> None:
    course_id = with_course(records)
    key = treat(records, course_id, events=WAY[:7])
    before = records.fraction(course_id, 1)
    made = step(1, State.BEAM_ON, Event.DELIVER)
    twice = replace(made, deliveries=(made.deliveries[0], replace(made.deliveries[1], beam_name="a\0b")))
    with pytest.raises(InputError, match="cannot be stored"):
        records.add_step(key, before.version, twice)
    after = records.fraction(course_id, 1)
    assert (after.line, after.deliveries, len(after.steps)) == (before.line, (), 7)
    assert records.verify_audit().is_intact
    assert records.add_step(FractionKey(course_id, 1), before.version, made) == before.version + 1


def test_a_socket_that_breaks_is_told_in_a_sentence(place: Place) -> None:
    """The driver of PostgreSQL lets the error of its socket through as it is."""
    database = Database(place)
    with pytest.raises(OutputError, match=r"the connection to .* was lost"), database.reading():
        raise ConnectionResetError("Connection reset by peer")
    database.close()


def test_what_is_acknowledged_was_flushed_whatever_the_server_does_by_default(place: Place) -> None:
    """The server of the tests has synchronous_commit off; SQLite's FULL is 2."""
    database = Database(place)
    query, flushed = ("PRAGMA synchronous", 2) if database.is_embedded else ("SHOW synchronous_commit", "on")
    with database.changing() as connection:
        assert connection.execute(text(query)).scalar() == flushed
    database.close()
