"""What a console reads often: where courses stand, and the newest entries of the audit, without all of it."""

import pytest
from sample_course import simulation, treat, with_course

from isoguide.errors import InputError, UnknownNameError
from isoguide.records import AuditFilter, CourseStatus, Records


def test_a_course_stands_at_its_newest_fraction(records: Records) -> None:
    course_id = with_course(records)
    (standing,) = records.course_standings()
    assert (standing.newest, standing.treated, standing.last_treated_at) == (None, 0, None)
    assert records.newest_fraction(course_id) is None
    treat(records, course_id, 1)
    (standing,) = records.course_standings()
    assert standing.newest == records.newest_fraction(course_id)
    assert standing.newest.key.number == 1
    assert standing.treated == 1
    assert standing.last_treated_at == standing.newest.started_at
    records.begin_fraction(course_id, 2, by="anna", memory="{}")
    (standing,) = records.course_standings()
    assert (standing.newest.key.number, standing.newest.ended_at, standing.treated) == (2, None, 1)
    assert standing.last_treated_at < standing.newest.started_at


def test_a_course_that_has_ended_stands_nowhere(records: Records) -> None:
    course_id = with_course(records)
    other = records.add_course(simulation("1.9"), protocol_name="prostate", protocol_version=2, by="berg")
    records.finish_course(course_id, CourseStatus.STOPPED, by="berg", reason="the plan is replaced")
    assert [one.line.course_id for one in records.course_standings()] == [other]
    with pytest.raises(UnknownNameError, match="there is no course 'C0009'"):
        records.newest_fraction("C0009")


def test_the_audit_is_read_backwards_in_pieces(records: Records) -> None:
    course_id = with_course(records)
    treat(records, course_id, 1)
    everything = records.audit_entries()
    found = records.audit_slice(most=3)
    assert found.entries == tuple(reversed(everything[-3:]))
    assert found.head == records.audit_head()
    assert found.has_older
    last = records.audit_slice(3, most=2)
    assert last.entries == (everything[1], everything[0])
    assert not last.has_older
    assert records.audit_slice(1, most=2).entries == ()
    with pytest.raises(InputError, match="at least one entry, not 0"):
        records.audit_slice(most=0)


def test_the_audit_is_searched_for_words_as_they_are_written(records: Records) -> None:
    course_id = with_course(records)
    treat(records, course_id, 1)
    entries = records.audit_entries()
    wanted = [one for one in reversed(entries) if course_id in one.subject]
    assert list(records.audit_slice(most=100, about=AuditFilter(subject=course_id.lower())).entries) == wanted
    assert records.audit_slice(most=100, about=AuditFilter(subject="%")).entries == ()
    assert records.audit_slice(most=100, about=AuditFilter(actor="nobody")).entries == ()
    actor = entries[-1].actor
    found = records.audit_slice(most=100, about=AuditFilter(course_id, actor)).entries
    assert found
    assert all(one.actor == actor for one in found)
