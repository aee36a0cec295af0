from dataclasses import replace

import numpy as np
import pytest
from sample_course import (
    MORNING,
    PROTOCOL,
    PROTOCOL_TEXT,
    WAY,
    SteppingClock,
    full_summary,
    history,
    simulation,
    step,
    treat,
    with_course,
)
from sqlalchemy import text

from isoguide.course import Accessory, CourseHistory, FractionSummary, Person, Role
from isoguide.errors import InputError, MissingEvidenceError, UnreadableError
from isoguide.records import CourseStatus, Place, Records, open_records
from isoguide.records.plain import sha256_of, to_plain
from isoguide.treatment.states import Event, State


def test_staff_is_known_by_user_name_and_role(records: Records) -> None:
    for name, role in (("otto", Role.PHYSICIST), ("anna", Role.THERAPIST)):
        records.add_person(Person(name, role), by="admin")
    assert records.person("anna") == Person("anna", Role.THERAPIST)
    assert [member.person.name for member in records.people()] == ["anna", "otto"]
    entry = records.audit_entries()[0]
    assert (entry.actor, entry.action, entry.subject) == ("admin", "add person", "person otto")


def test_a_user_name_never_passes_to_somebody_else(records: Records) -> None:
    records.add_person(Person("anna", Role.THERAPIST), by="admin")
    with pytest.raises(InputError, match=r"the user name 'anna' belongs to anna \(therapist\) already"):
        records.add_person(Person("anna", Role.ONCOLOGIST), by="admin")
    assert records.person("anna").role is Role.THERAPIST


def test_somebody_unknown_cannot_sign(records: Records) -> None:
    with pytest.raises(
        MissingEvidenceError, match="nobody here has the user name 'eve': check it, or add it with"
    ):
        records.person("eve")
    with pytest.raises(MissingEvidenceError, match="nobody here has the user name 'eve'"):
        records.set_active("eve", is_active=False, by="admin")


def test_whoever_has_left_cannot_sign_but_stays_in_the_list(records: Records) -> None:
    records.add_person(Person("anna", Role.THERAPIST), by="admin")
    records.set_active("anna", is_active=False, by="admin", reason="left the clinic")
    with pytest.raises(MissingEvidenceError, match="is not active any more and cannot sign"):
        records.person("anna")
    assert [member.is_active for member in records.people()] == [False]
    with pytest.raises(InputError, match="is not active already"):
        records.set_active("anna", is_active=False, by="admin")
    records.set_active("anna", is_active=True, by="admin", reason="came back")
    assert records.person("anna") == Person("anna", Role.THERAPIST)
    assert records.verify_audit().is_intact


def test_a_version_of_a_protocol_never_changes(records: Records) -> None:
    records.add_protocol(PROTOCOL, PROTOCOL_TEXT, by="otto")
    records.add_protocol(PROTOCOL, PROTOCOL_TEXT, by="otto")
    with pytest.raises(
        InputError, match="the protocol prostate v2 is stored with another text: give the new text"
    ):
        records.add_protocol(PROTOCOL, f"{PROTOCOL_TEXT}\n", by="otto")
    assert records.protocol_text("prostate", 2) == PROTOCOL_TEXT
    (stored,) = records.protocols()
    assert (stored.name, stored.version, stored.sha256) == ("prostate", 2, sha256_of(PROTOCOL_TEXT))
    assert records.audit_head().seq == 1


def test_the_newest_version_is_meant_where_none_is_named(records: Records) -> None:
    records.add_protocol(replace(PROTOCOL, version=10), "ten", by="otto")
    records.add_protocol(PROTOCOL, PROTOCOL_TEXT, by="otto")
    assert records.protocol_text("prostate") == "ten"
    assert records.protocol_text("prostate", 2) == PROTOCOL_TEXT


def test_a_protocol_that_is_not_there_is_named_with_those_that_are(records: Records) -> None:
    with pytest.raises(
        MissingEvidenceError, match="there is no protocol 'prostate' here; there are: none, add one"
    ):
        records.protocol_text("prostate")
    records.add_protocol(PROTOCOL, PROTOCOL_TEXT, by="otto")
    with pytest.raises(
        MissingEvidenceError, match="there is no protocol 'prostate' v7 here; there are: prostate v2"
    ):
        records.add_course(simulation(), protocol_name="prostate", protocol_version=7, by="otto")


def test_a_course_comes_back_whole_after_a_restart(place: Place, clock: SteppingClock) -> None:
    with open_records(place, clock=clock) as records:
        assert with_course(records) == "C0001"
        treat(records, "C0001")
    with open_records(place, clock=clock) as records:
        stored = records.course("C0001")
    assert to_plain(stored.simulation) == to_plain(simulation())
    assert np.array_equal(stored.simulation.isocentre_mm, simulation().isocentre_mm)
    assert (stored.protocol_name, stored.protocol_version, stored.protocol_text) == (
        "prostate",
        2,
        PROTOCOL_TEXT,
    )
    line = stored.line
    assert (line.patient_id, line.birth_date, line.patient_name) == ("P-0815", "19530117", "Müller^Jürgen")
    assert (line.site, line.machine, line.protocol) == ("prostate", "Linac 1", "prostate v2")
    assert (line.device, line.fractions_planned, line.status) == ("knee 4", 3, CourseStatus.ACTIVE)
    assert MORNING < line.created_at < stored.fractions[0].started_at
    assert [(one.key.number, one.state) for one in stored.fractions] == [(1, State.CLOSED)]


def test_a_patient_who_is_held_by_nothing_has_no_device(records: Records) -> None:
    with_course(records, accessories=(Accessory("COUCH_TOP", "carbon"),))
    assert records.courses()[0].device == ""


def test_courses_are_numbered_whatever_others_are_called(records: Records) -> None:
    records.add_history(history("C0041"), source="old system", by="otto")
    records.add_history(history("Cold"), source="old system", by="otto")
    assert with_course(records) == "C0042"
    assert [line.course_id for line in records.courses()] == ["C0041", "C0042", "Cold"]


def test_a_plan_is_treated_in_one_course_at_a_time(records: Records) -> None:
    course_id = with_course(records)
    with pytest.raises(
        InputError, match="the plan 'PROST37' is being treated as course C0001: go on with that one"
    ):
        with_course(records)
    records.finish_course(course_id, CourseStatus.STOPPED, by="otto", reason="new plan")
    assert with_course(records) == "C0002"


def test_a_course_that_has_ended_stays_ended(records: Records) -> None:
    course_id = with_course(records)
    treat(records, course_id)
    records.finish_course(course_id, CourseStatus.COMPLETED, by="otto")
    line = records.course(course_id).line
    assert (line.status, line.version) == (CourseStatus.COMPLETED, 2)
    with pytest.raises(InputError, match="course C0001 is completed, so nothing can be added"):
        records.begin_fraction(course_id, 2, by="anna", memory="{}")
    with pytest.raises(InputError, match="course C0001 is completed"):
        records.finish_course(course_id, CourseStatus.STOPPED, by="otto", reason="again")


def test_a_course_is_not_ended_within_a_fraction_or_without_a_reason(records: Records) -> None:
    course_id = with_course(records)
    key = treat(records, course_id, events=WAY[:1])
    with pytest.raises(InputError, match=r"fraction 1 of course C0001 is not finished \('set up'\)"):
        records.finish_course(course_id, CourseStatus.COMPLETED, by="otto")
    records.add_step(key, 2, step(1, State.SET_UP, Event.STOP))
    with pytest.raises(InputError, match="is to be stopped and no reason is given"):
        records.finish_course(course_id, CourseStatus.STOPPED, by="otto")
    with pytest.raises(InputError, match="say whether it was completed or stopped"):
        records.finish_course(course_id, CourseStatus.ACTIVE, by="otto")


def test_a_simulation_or_a_protocol_that_was_changed_behind_isoguide_is_not_used(records: Records) -> None:
    course_id = with_course(records)
    for table, column, what in (
        ("courses", "simulation", "the simulation of course C0001"),
        ("protocols", "text", "the text of protocol prostate v2"),
    ):
        with records._database.changing() as connection:
            connection.execute(text(f"UPDATE {table} SET {column} = replace({column}, '2', '3')"))  # noqa: S608 - constants
        with pytest.raises(UnreadableError, match=f"{what} was changed behind isoguide: verify the audit"):
            records.course(course_id)
        with records._database.changing() as connection:
            original = {"simulation": stored_simulation(), "text": PROTOCOL_TEXT}[column]
            connection.execute(text(f"UPDATE {table} SET {column} = :it"), {"it": original})  # noqa: S608 - constants
    assert records.course(course_id).protocol_text == PROTOCOL_TEXT


def stored_simulation() -> str:
    from isoguide.records.plain import canonical_json

    return canonical_json(to_plain(simulation()))


def same(found: CourseHistory, want: CourseHistory) -> bool:
    return to_plain(found) == to_plain(want)


def test_reviews_read_own_and_imported_courses_alike(records: Records) -> None:
    course_id = with_course(records)
    treat(records, course_id)
    records.add_history(history(), source="old system", by="otto")
    own, imported = records.histories()
    assert same(imported, history())
    closed = FractionSummary(1, MORNING, "closed")
    want = CourseHistory("C0001", "P-0815", "prostate", "Linac 1", "prostate v2", "knee 4", 3, (closed,))
    assert same(own, want)


def test_reviews_choose_courses_by_site_machine_protocol_and_name(records: Records) -> None:
    for name, changes in {
        "a": {"site": "lung", "machine": "Linac 1", "protocol": "lung v1"},
        "b": {"site": "lung", "machine": "Linac 2", "protocol": "lung v2"},
        "c": {"site": "brain", "machine": "Linac 2", "protocol": "lungs v1", "fractions": ()},
    }.items():
        records.add_history(history(name, **changes), source="old system", by="otto")

    def names(**choice: object) -> str:
        return "".join(one.course_id for one in records.histories(**choice))  # type: ignore[arg-type]  # a test names what it chooses by

    assert names() == "abc"
    assert names(site="lung") == "ab"
    assert names(machine="Linac 2") == "bc"
    assert names(site="lung", machine="Linac 2") == "b"
    assert names(protocol="lung v2") == "b"
    assert names(protocol="lung") == "ab"
    assert names(course_ids=["c", "a", "unknown"]) == "ac"
    assert names(course_ids=[]) == ""
    assert records.histories(course_ids=["c"])[0].fractions == ()


def test_a_damaged_fraction_is_named_and_not_left_out_of_a_review(records: Records) -> None:
    records.add_history(history(), source="old system", by="otto")
    for damage in ("NULL", "'{}'", "'[1.0'", '\'{"lateral_mm":"x"}\''):
        with records._database.changing() as connection:
            change = f"UPDATE fractions SET applied = {damage}, doses = 'x' WHERE number = 2"  # noqa: S608 - constants
            connection.execute(text(change))
        with pytest.raises(UnreadableError, match="fraction 2 of course old-1 cannot be read"):
            records.histories()
        with pytest.raises(UnreadableError, match="fraction 2 of course old-1 cannot be read"):
            records.fraction("old-1", 2)


def test_an_imported_course_has_figures_and_no_simulation(records: Records) -> None:
    records.add_history(history(), source="old system", by="otto")
    (line,) = records.courses()
    assert (line.source, line.status, line.birth_date) == ("old system", CourseStatus.COMPLETED, "")
    with pytest.raises(InputError, match="course old-1 was imported from old system with its figures only"):
        records.course("old-1")
    assert records.fraction("old-1", 2).summary.measured == full_summary(2, lateral_mm=2 / 7.0).measured
    assert records.unfinished_fractions() == ()


def test_a_course_that_ended_early_elsewhere_is_imported_as_stopped(records: Records) -> None:
    records.add_history(history(fractions_planned=20), source="old system", by="otto")
    assert records.courses()[0].status is CourseStatus.STOPPED


def test_a_course_is_imported_once_and_whole(records: Records) -> None:
    records.add_history(history(), source="old system", by="otto")
    head = records.audit_head()
    for wrong, words in (
        (history(), "there is a course old-1 here already"),
        (
            history("x", fractions_planned=3, fractions=history().fractions[::-1]),
            "number them upwards from 1",
        ),
        (
            history("x", fractions_planned=3, fractions=(full_summary(1, State.BEAM_ON),)),
            "fraction 1 of course x is 'beam on', and only what has ended is imported",
        ),
        (history(" "), "needs its name and where it comes from"),
    ):
        with pytest.raises(InputError, match=words):
            records.add_history(wrong, source="old system", by="otto")
    with pytest.raises(InputError, match="needs its name and where it comes from"):
        records.add_history(history("x"), source="", by="otto")
    assert records.audit_head() == head
    assert len(records.courses()) == 1


def test_the_audit_tells_a_fraction_with_overrides_and_who_made_them(records: Records) -> None:
    course_id = with_course(records)
    treat(records, course_id, events=WAY[:4])
    since = records.audit_entries(since=2)
    assert [entry.seq for entry in since] == list(range(3, 9))
    assert [entry.action for entry in since] == [
        "begin fraction",
        "set up to the marks",
        "image",
        "align",
        "override",
        "approve correction",
    ]
    assert {entry.actor for entry in since} == {"anna"}
    assert since[4].payload == {"reason": "seen on the marks", "wrote": []}
    tables = [wrote[:2] for wrote in since[5].payload["wrote"]]
    assert tables == [["update", "fractions"], ["insert", "fraction_steps"], ["insert", "decisions"]]
    assert since[5].previous_sha256 == since[4].sha256
    assert since[5].sha256 == records.audit_head().sha256
