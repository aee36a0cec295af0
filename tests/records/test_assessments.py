"""What the anatomy of a day was found to be, kept beside its fraction: on both databases."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from sample_course import MORNING, WAY, SteppingClock, assessment, image, step, treat, with_course

from isoguide.errors import InputError, MissingEvidenceError, UnknownNameError
from isoguide.records import Place, Records, open_records
from isoguide.records.backup import back_up, restore
from isoguide.records.plain import to_plain
from isoguide.treatment.states import Event, State

UNAVAILABLE = {"verdict": "not available", "figures": None, "structures": (), "alerts": ()}


def uid(number: int = 1, course_id: str = "C0001") -> str:
    """Of the image that ``treat`` takes in a fraction."""
    return f"1.2.9.{course_id}.{number}"


def test_an_assessment_comes_back_after_a_restart_bit_for_bit(place: Place, clock: SteppingClock) -> None:
    with open_records(place, clock=clock) as records:
        course_id = with_course(records)
        treat(records, course_id)
        assert records.keep_assessment(course_id, 1, assessment(uid()), by="otto") == 1
    with open_records(place, clock=clock) as records:
        stored = records.fraction(course_id, 1)
        ((number, found),) = records.assessments(course_id)
    assert number == 1
    assert to_plain(found) == to_plain(assessment(uid())) == to_plain(stored.assessments[0])
    assert found.structures[0].shift_mm[2] == 1.0 / 3.0
    assert found.structures[0].hausdorff_p95_mm is None
    assert found.structures[0].volume_change_percent == pytest.approx(100.0 * (27.1 / 30.1 - 1.0))


def test_a_fraction_that_has_ended_is_assessed_without_being_changed(records: Records) -> None:
    course_id = with_course(records)
    treat(records, course_id)
    before = records.fraction(course_id, 1)
    records.keep_assessment(course_id, 1, assessment(uid()), by="otto")
    after = records.fraction(course_id, 1)
    assert (after.version, after.line, after.steps) == (before.version, before.line, before.steps)


def test_no_assessment_is_replaced_and_the_last_one_counts(records: Records) -> None:
    course_id = with_course(records)
    treat(records, course_id)
    records.keep_assessment(course_id, 1, assessment(uid(), version="1.0"), by="otto")
    assert records.keep_assessment(course_id, 1, assessment(uid(), version="1.1"), by="otto") == 2
    assert [one.version for one in records.fraction(course_id, 1).assessments] == ["1.0", "1.1"]
    assert [(number, one.version) for number, one in records.assessments(course_id)] == [
        (1, "1.0"),
        (1, "1.1"),
    ]


def test_a_day_without_a_field_is_kept_without_figures(records: Records) -> None:
    course_id = with_course(records)
    treat(records, course_id)
    records.keep_assessment(course_id, 1, assessment(uid(), **UNAVAILABLE), by="otto")
    ((_, found),) = records.assessments(course_id)
    assert (found.figures, found.structures, found.is_for_decision) == (None, (), False)


def test_an_assessment_belongs_to_an_image_of_its_fraction(records: Records) -> None:
    course_id = with_course(records)
    treat(records, course_id, 1)
    treat(records, course_id, 2)
    head = records.audit_head()
    with pytest.raises(InputError, match="is one of fraction 1, not of fraction 2 of course C0001"):
        records.keep_assessment(course_id, 2, assessment(uid(1)), by="otto")
    with pytest.raises(InputError, match="is one of no fraction of this course"):
        records.keep_assessment(course_id, 1, assessment("1.2.9.elsewhere"), by="otto")
    assert (records.audit_head(), records.assessments(course_id)) == (head, ())


def test_the_image_of_another_course_is_refused(records: Records) -> None:
    mine, other = with_course(records), with_course(records, "1.2.3.99")
    treat(records, mine)
    treat(records, other)
    with pytest.raises(InputError, match="is one of no fraction of this course"):
        records.keep_assessment(mine, 1, assessment(uid(1, other)), by="otto")


def test_an_assessment_older_than_its_image_is_refused(records: Records) -> None:
    course_id = with_course(records)
    treat(records, course_id)
    early = assessment(uid(), assessed_at=MORNING + timedelta(seconds=59))
    with pytest.raises(InputError, match=r"is older than the image itself .*: compare the clocks"):
        records.keep_assessment(course_id, 1, early, by="otto")


def test_what_is_not_there_is_not_assessed(records: Records) -> None:
    course_id = with_course(records)
    treat(records, course_id, events=WAY[:1])
    with pytest.raises(MissingEvidenceError, match="there is no fraction 2 of course C0001 here"):
        records.keep_assessment(course_id, 2, assessment(uid()), by="otto")
    assert records.assessments(course_id) == ()
    with pytest.raises(UnknownNameError, match="there is no course 'C0815' here"):
        records.assessments("C0815")


def test_figures_and_verdict_of_an_assessment_agree() -> None:
    with pytest.raises(ValueError, match="has figures exactly when its verdict is not 'not available'"):
        assessment(figures=None)
    with pytest.raises(ValueError, match="has figures exactly when"):
        assessment(verdict="not available", structures=())
    with pytest.raises(ValueError, match="'fine' is not a valid FieldVerdict"):
        assessment(verdict="fine")


def test_the_audit_says_who_kept_an_assessment_and_what_it_said(records: Records) -> None:
    course_id = with_course(records)
    treat(records, course_id)
    records.keep_assessment(course_id, 1, assessment(uid()), by="otto")
    entry = records.audit_entries()[-1]
    assert (entry.actor, entry.action) == ("otto", "assess anatomy")
    assert entry.subject == "fraction 1 of course C0001"
    ((verb, table, row),) = entry.payload["wrote"]
    assert (verb, table, row["verdict"], row["number"]) == ("insert", "assessments", "for decision", 1)
    assert records.verify_audit().is_intact


def test_assessments_are_in_a_backup_and_come_back(
    embedded: Records, empty_place: Place, tmp_path: Path, clock: SteppingClock
) -> None:
    """From a folder into either database; files of images play no part."""
    course_id = with_course(embedded, reference_images=())
    begun = embedded.begin_fraction(course_id, 1, by="anna", memory="{}")
    embedded.add_step(begun.line.key, 1, step(1, State.PREPARED, Event.SET_UP))
    taken = step(1, State.SET_UP, Event.IMAGE)
    without_file = replace(taken, image=replace(image(), sha256=()))
    embedded.add_step(begun.line.key, 2, without_file)
    embedded.keep_assessment(course_id, 1, assessment(), by="otto")
    report = back_up(embedded.place, tmp_path / "backups")
    assert restore(report.folder, empty_place) == report
    with open_records(empty_place, clock=clock) as restored:
        ((number, found),) = restored.assessments(course_id)
        assert (number, to_plain(found)) == (1, to_plain(assessment()))
        assert restored.verify_audit(report.head).is_intact
