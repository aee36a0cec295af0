"""Reviews for many readers: made once, made anew when a course changed, and never twice at once."""

import json
import threading
from dataclasses import replace

import pytest
from reviewed_courses import population

from isoguide.course import CourseHistory
from isoguide.errors import MissingEvidenceError, UnknownNameError
from isoguide.records import AuditHead
from isoguide.review.groups import Grouping
from isoguide.workflow.review import kept_reviews
from isoguide.workflow.review.kept_reviews import PopulationQuestion, PopulationReviews, course_review


class FakeRecords:
    """Histories, and an audit of subjects."""

    def __init__(self) -> None:
        self.courses: tuple[CourseHistory, ...] = population(12, 4)
        self.subjects: list[str] = []
        self.asked = 0

    def histories(self, *, site=None, machine=None, protocol=None, course_ids=None) -> tuple:
        self.asked += 1
        return tuple(
            one
            for one in self.courses
            if site in (None, one.site) and (course_ids is None or one.course_id in course_ids)
        )

    def course_line(self, course_id: str) -> object:
        return type("Line", (), {"source": "an older system"})

    def audit_head(self) -> AuditHead:
        return AuditHead(len(self.subjects), "0" * 64)

    def audit_entries(self, since: int) -> tuple:
        return tuple(type("Entry", (), {"subject": subject}) for subject in self.subjects[since:])


@pytest.fixture
def records() -> FakeRecords:
    return FakeRecords()


ALL, PELVIS = PopulationQuestion(), PopulationQuestion(site="pelvis", by=Grouping.DEVICE)


def test_a_question_is_answered_once_until_something_changes(records: FakeRecords) -> None:
    reviews = PopulationReviews(records)
    first = reviews.text(ALL)
    assert json.loads(first)["courses"] == 12
    assert reviews.text(ALL) is first
    assert records.asked == 1
    assert json.loads(reviews.text(PELVIS))["courses"] == 6


@pytest.mark.parametrize("subject", ["course C0013", "fraction 1 of course C0001"])
def test_what_was_recorded_of_a_course_is_in_the_next_answer(records: FakeRecords, subject: str) -> None:
    reviews = PopulationReviews(records)
    reviews.text(ALL)
    records.courses = population(13, 4)
    records.subjects.append(subject)
    assert json.loads(reviews.text(ALL))["courses"] == 13


@pytest.mark.parametrize("subject", ["person anna", "protocol prostate v2", "a name that nobody has"])
def test_a_sign_in_changes_no_answer(records: FakeRecords, subject: str) -> None:
    reviews = PopulationReviews(records)
    first = reviews.text(ALL)
    records.subjects.append(subject)
    assert reviews.text(ALL) is first


def test_of_many_who_ask_at_once_one_waits_for_the_work_and_the_others_for_him(
    records: FakeRecords, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, go_on = threading.Event(), threading.Event()
    review = kept_reviews.reviewed

    def slow(*arguments: object, **said: object) -> object:
        begun.set()
        assert go_on.wait(20.0)
        return review(*arguments, **said)

    monkeypatch.setattr(kept_reviews, "reviewed", slow)
    reviews = PopulationReviews(records)
    answers: list[str] = []
    threads = [threading.Thread(target=lambda: answers.append(reviews.text(ALL))) for _ in range(8)]
    for thread in threads:
        thread.start()
    assert begun.wait(20.0)
    go_on.set()
    for thread in threads:
        thread.join(20.0)
    assert len(answers) == 8
    assert len({id(answer) for answer in answers}) == 1
    assert records.asked == 1


def test_a_question_that_failed_is_asked_anew(records: FakeRecords) -> None:
    reviews = PopulationReviews(records)
    nowhere = PopulationQuestion(site="heart")
    for _ in range(2):
        with pytest.raises(MissingEvidenceError, match="no course is of that site"):
            reviews.text(nowhere)
    records.courses = (*records.courses, replace(records.courses[0], course_id="C0099", site="heart"))
    assert json.loads(reviews.text(nowhere))["courses"] == 1


def test_old_answers_are_forgotten(records: FakeRecords, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept_reviews, "_MOST", 2)
    reviews = PopulationReviews(records)
    for by in (Grouping.SITE, Grouping.DEVICE, Grouping.MACHINE):
        reviews.text(PopulationQuestion(by=by))
    assert len(reviews._answers) == 2


def test_one_course_is_reviewed_by_its_name(records: FakeRecords) -> None:
    assert course_review(records, "C0003").course_id == "C0003"
    with pytest.raises(UnknownNameError, match="there is no course 'C9999' here"):
        course_review(records, "C9999")
