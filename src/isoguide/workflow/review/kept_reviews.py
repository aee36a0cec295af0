"""The review of a population for many readers: made once for each state of the records and question."""

import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Final

from isoguide.errors import MissingEvidenceError, UnknownNameError
from isoguide.records import AuditEntry, Records
from isoguide.review.groups import Grouping
from isoguide.review.patient import review_patient
from isoguide.workflow.review.course_anatomy import course_anatomy
from isoguide.workflow.review.course_dose import course_dose
from isoguide.workflow.review.patient_json import PatientReviewRecord, patient_review_record
from isoguide.workflow.review.population import reviewed
from isoguide.workflow.review.population_json import population_review_record

_MOST: Final = 32
"""So many reviews are kept: each is some 100 kB of text."""


@dataclass(frozen=True, slots=True)
class PopulationQuestion:
    """Which courses are reviewed, all that meet every condition, and how the groups differ."""

    site: str | None = None
    machine: str | None = None
    protocol: str | None = None
    by: Grouping = Grouping.SITE


def course_review(records: Records, course_id: str) -> PatientReviewRecord:
    """Review one course.

    Raises
    ------
    UnknownNameError
        If there is no such course.
    InputError
        If fractions are numbered twice, or not from 1.
    UnreadableError
        If an assessment or the protocol is not what was stored.
    """
    found = records.histories(course_ids=[course_id])
    if not found:
        msg = f"there is no course '{course_id}' here: look at the list of courses"
        raise UnknownNameError(msg)
    anatomy, dose = course_anatomy(records, course_id), course_dose(records, course_id)
    return patient_review_record(review_patient(found[0], anatomy=anatomy, dose=dose))


class PopulationReviews:
    """Answers questions about the courses of a department; may be shared by threads.

    An answer is kept until something is recorded of a course or a fraction; of several who ask at once, one
    waits for the work and the others for him.

    Parameters
    ----------
    records
        Of the department.
    """

    def __init__(self, records: Records) -> None:
        self._records = records
        self._lock = threading.Lock()
        self._seen = self._changed = records.audit_head().seq
        self._answers: dict[tuple[int, PopulationQuestion], Future[str]] = {}

    def text(self, question: PopulationQuestion) -> str:
        """Return the answer as JSON text of a ``PopulationReviewRecord``.

        Raises
        ------
        MissingEvidenceError
            If no course is meant.
        InputError
            If a course has fractions numbered twice, or not from 1.
        """
        return self._once((self._newest_change(), question), lambda: self._made(question))

    def _newest_change(self) -> int:
        """Return the newest entry of the audit after which a review may say something else."""
        head, seen = self._records.audit_head().seq, self._seen
        if head != seen:
            entries = self._records.audit_entries(seen)
            with self._lock:
                if any(map(_concerns_reviews, entries)):
                    self._changed = max(self._changed, head)
                self._seen = max(self._seen, head)
        return self._changed

    def _once(self, key: tuple[int, PopulationQuestion], make: Callable[[], str]) -> str:
        with self._lock:
            known = self._answers.get(key)
            if known is None:
                answer = self._answers[key] = Future()
                self._forget_old(key[0])
        if known is not None:
            return known.result()
        try:
            answer.set_result(make())
        except BaseException as error:
            with self._lock:
                self._answers.pop(key, None)
            answer.set_exception(error)
            raise
        return answer.result()

    def _forget_old(self, newest: int) -> None:
        for key in [key for key in self._answers if key[0] < newest]:
            del self._answers[key]
        while len(self._answers) > _MOST:
            del self._answers[next(iter(self._answers))]

    def _made(self, question: PopulationQuestion) -> str:
        found = self._records.histories(
            site=question.site, machine=question.machine, protocol=question.protocol
        )
        if not found:
            msg = "no course is of that site, machine and protocol: ask for less"
            raise MissingEvidenceError(msg)
        return population_review_record(reviewed(found, by=question.by)).model_dump_json()


def _concerns_reviews(entry: AuditEntry) -> bool:
    return entry.subject.startswith(("course ", "fraction "))
