"""What is done as a job: an image, its anatomy, dose and corrections, a new course, the audit."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from isoguide.errors import InputError
from isoguide.progress import Progress
from isoguide.records import FractionKey
from isoguide.service.clinic import Clinic
from isoguide.service.documents.course import NewCourseRequest
from isoguide.service.jobs import DayPart, Job, Task, Work
from isoguide.workflow.clinic.asked import Asked
from isoguide.workflow.clinic.audit_check import check_audit
from isoguide.workflow.clinic.day_image import ImageSaid
from isoguide.workflow.clinic.dose_order import DoseAsked
from isoguide.workflow.clinic.new_course import new_course
from isoguide.workflow.clinic.uploads import Upload, spoken_of

_EXPOSES_WITHIN: Final = timedelta(seconds=5)
"""A room that exposes later than this does so when nobody expects it any more."""


@dataclass(frozen=True, slots=True)
class ImageSource:
    """Where the files of an image are: an upload, or a folder of the inbox; neither where a room takes it.

    Raises
    ------
    InputError
        If both are named.
    """

    upload_id: str | None
    inbox_name: str | None

    def __post_init__(self) -> None:
        if self.upload_id is not None and self.inbox_name is not None:
            msg = "an upload and a folder of the inbox are both named as the image: name one of them"
            raise InputError(msg)

    @property
    def is_given(self) -> bool:
        """Whether there are files."""
        return self.upload_id is not None or self.inbox_name is not None


def take_image(clinic: Clinic, asked: Asked, source: ImageSource, said: ImageSaid) -> Job:
    """Take, keep and match an image of a fraction.

    Raises
    ------
    IsoguideError
        What can be refused at once; the rest fails the job, in the same sentences.
    """
    clinic.console.require_imaging(asked, has_export=source.is_given)
    found = _Files.taken(clinic, source, asked.by)

    def work(progress: Progress) -> Mapping[str, Any]:
        with found.opened() as folder:
            now = clinic.console.image(asked, folder, said, progress)
        key = now.status.key
        return {"course_id": key.course_id, "number": key.number, "version": now.status.version}

    return found.add(
        Task(
            f"Image of fraction {asked.key.number}",
            asked.by,
            work,
            asked.course_id,
            begin_within=None if source.is_given else _EXPOSES_WITHIN,
        )
    )


def assess_image(clinic: Clinic, key: FractionKey, uid: str, *, by: str) -> Job:
    """Assess the anatomy of the day that an image of a fraction shows.

    Raises
    ------
    IsoguideError
        What can be refused at once; the rest fails the job, in the same sentences.
    """
    clinic.anatomy.require_possible(key, uid, by=by)

    def found(progress: Progress) -> Mapping[str, Any]:
        return {"verdict": clinic.anatomy.assess(key, uid, by=by, progress=progress).verdict}

    return _day_job(clinic, (key, uid), "anatomy", by, found)


def _day_job(clinic: Clinic, of: tuple[FractionKey, str], part: DayPart, by: str, found: Work) -> Job:
    """Find out a part of the day that an image shows; the result says of which image."""
    key, uid = of

    def work(progress: Progress) -> Mapping[str, Any]:
        said = found(progress) or {}
        return {"course_id": key.course_id, "number": key.number, "image_uid": uid, **said}

    title = f"{part.capitalize()} of fraction {key.number}"
    return clinic.jobs.add(Task(title, by, work, key.course_id, assesses=uid, part=part))


def compute_dose(clinic: Clinic, key: FractionKey, uid: str, asked: DoseAsked, *, by: str) -> Job:
    """Compute the dose of the day that an image of a fraction shows.

    Raises
    ------
    IsoguideError
        What can be refused at once; the rest fails the job, in the same sentences.
    """
    clinic.doses.require_possible(key, uid, asked, by=by)

    def found(progress: Progress) -> Mapping[str, Any]:
        return {"verdict": clinic.doses.compute(key, uid, asked, by=by, progress=progress).verdict}

    return _day_job(clinic, (key, uid), "dose", by, found)


def work_out_corrections(clinic: Clinic, key: FractionKey, uid: str, *, by: str) -> Job:
    """Work out what each correction would do to the dose of the day.

    Raises
    ------
    IsoguideError
        What can be refused at once; the rest fails the job, in the same sentences.
    """
    clinic.corrections.require_possible(key, uid, by=by)

    def found(progress: Progress) -> Mapping[str, Any]:
        ladder = clinic.corrections.climb(key, uid, by=by, progress=progress)
        return {"available": [one.result.rung.value for one in ladder.rungs if one.result.is_available]}

    return _day_job(clinic, (key, uid), "corrections", by, found)


def begin_course(clinic: Clinic, wanted: NewCourseRequest, *, by: str) -> Job:
    """Register a course from an uploaded planning export.

    Raises
    ------
    IsoguideError
        What can be refused at once; the rest fails the job, in the same sentences.
    """
    clinic.desk.records.protocol_text(wanted.protocol)
    found = _Files.taken(clinic, ImageSource(wanted.upload_id, None), by)

    def work(progress: Progress) -> Mapping[str, Any]:
        with found.opened() as folder:
            assert folder is not None  # noqa: S101 - an upload is named above; tells the type checker
            made = new_course(
                clinic.desk, folder, site=wanted.site, protocol=wanted.protocol, by=by, progress=progress
            )
        return {"course_id": made.course_id}

    return found.add(Task(f"New course, {wanted.site}", by, work))


def verify_audit(clinic: Clinic, *, by: str) -> Job:
    """Follow the audit, and compare every row and every file of an image with it."""

    def work(progress: Progress) -> Mapping[str, Any]:
        found = check_audit(clinic.desk, progress=progress)
        report = found.report
        return {
            "is_intact": not found.findings,
            "entries": report.entries,
            "rows": report.rows,
            "head_seq": report.head.seq,
            "head_sha256": report.head.sha256,
            "findings": list(found.findings),
        }

    return clinic.jobs.add(Task("Verify the audit", by, work))


@dataclass(frozen=True, slots=True)
class _Files:
    """The files of a job: an upload is reserved for it, and goes away when it was used."""

    clinic: Clinic
    upload: Upload | None
    folder: Path | None

    @classmethod
    def taken(cls, clinic: Clinic, source: ImageSource, by: str) -> "_Files":
        if source.upload_id is not None:
            upload = clinic.uploads.take(source.upload_id, by)
            return cls(clinic, upload, upload.folder)
        folder = clinic.inbox.require(source.inbox_name) if source.inbox_name is not None else None
        return cls(clinic, None, folder)

    @contextmanager
    def opened(self) -> Iterator[Path | None]:
        if self.upload is None:
            yield self.folder
            return
        with spoken_of(self.upload) as folder:
            yield folder

    def add(self, task: Task) -> Job:
        upload = self.upload
        if upload is None:
            return self.clinic.jobs.add(task)

        def at_end(was_done: bool) -> None:  # noqa: FBT001 - as a task calls it
            self.clinic.uploads.give_back(upload, was_used=was_done)

        try:
            return self.clinic.jobs.add(replace(task, at_end=at_end))
        except BaseException:
            self.clinic.uploads.give_back(upload, was_used=False)
            raise
