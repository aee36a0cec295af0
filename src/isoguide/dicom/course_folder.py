"""Courses of treatment as departments export them: plans with the day's images, registrations and records.

What belongs together is found by UIDs and frames of reference, never by names or places of files. What
cannot be tied together beyond doubt is refused with its reason.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TypeVar

import numpy as np

from isoguide.dicom.course_files import (
    CourseFiles,
    Refused,
    SeriesHeader,
    collect_course_files,
    named_series,
    references_of,
    registration_of_report,
)
from isoguide.dicom.daily_set import IsocentreEvidence
from isoguide.dicom.day_image import isocentre_in, taken_at
from isoguide.dicom.identity import PatientIdentity, compare_patients
from isoguide.dicom.item import tolerating_odd_values
from isoguide.dicom.position_report import PositionReport
from isoguide.dicom.read_report import read_position_report
from isoguide.dicom.rtplan import read_plan
from isoguide.dicom.rtstruct import frame_of_reference_of, referenced_series_of
from isoguide.dicom.scan import DicomFile
from isoguide.dicom.spatial_registration import (
    AGREEMENT_DEG,
    AGREEMENT_MM,
    SpatialRegistration,
    read_spatial_registration,
)
from isoguide.dicom.treatment_record import StoredTreatmentRecord, read_treatment_record, require_record_of
from isoguide.errors import AmbiguityError, InputError, MismatchError, MissingEvidenceError
from isoguide.geometry.transforms import RigidTransform
from isoguide.plan import PatientPosition, Plan
from isoguide.progress import Progress, part_of, silent

S = TypeVar("S")
T = TypeVar("T")


@dataclass(frozen=True, slots=True, eq=False)
class DayMatch:
    """An image of the day with its registration.

    Parameters
    ----------
    image_uid, label
        SeriesInstanceUID of the image, and what messages call it.
    day, at
        The day by the clock of the room, and the moment, aware UTC.
    planning_from_daily
        What the registration says.
    isocentre
        The machine isocentre in the image, with its evidence.
    report
        The position report that rests on the registration; None without one.
    path
        The file of the registration.
    """

    image_uid: str
    label: str
    day: date
    at: datetime
    planning_from_daily: RigidTransform
    isocentre: IsocentreEvidence
    report: PositionReport | None
    path: Path


@dataclass(frozen=True, slots=True, eq=False)
class FoundCourse:
    """A plan and all that was found of its treatment, in the order of time."""

    plan: Plan
    plan_path: Path
    patient: PatientIdentity
    body_part: str
    matches: tuple[DayMatch, ...]
    records: tuple[StoredTreatmentRecord, ...]


@dataclass(frozen=True, slots=True, eq=False)
class CourseFolder:
    """What a folder holds of courses of treatment, and what of it cannot be used."""

    courses: tuple[FoundCourse, ...]
    refused: tuple[Refused, ...]


@tolerating_odd_values
def read_course_folder(path: Path | str, progress: Progress = silent) -> CourseFolder:
    """Find every course under a folder: any depth, any number of patients, any order.

    Raises
    ------
    UnreadableError
        If the path does not exist or cannot be listed.
    """
    files = collect_course_files(Path(path), part_of(progress, 0.0, 0.7))
    gathered = _Gathering(files)
    gathered.read_plans()
    gathered.read_records()
    progress(0.75, "reading position reports")
    gathered.read_reports()
    for number, file in enumerate(files.registrations):
        progress(0.8 + 0.2 * number / len(files.registrations), "reading registrations")
        gathered.use_registration(file)
    return gathered.finished()


@dataclass(slots=True, eq=False)
class _Course:
    """A plan while its parts are gathered."""

    plan: Plan
    file: DicomFile
    frame_uid: str
    body_part: str
    matches: list[DayMatch] = field(default_factory=list)
    records: list[StoredTreatmentRecord] = field(default_factory=list)

    @property
    def name(self) -> str:
        """What messages call it."""
        return f"plan '{self.plan.label}' in {self.file.path}"

    def was_treated_on(self, day: date) -> bool:
        """Whether a record says that it was."""
        return any(
            one.record.started_at is not None and one.record.started_at.date() == day for one in self.records
        )


class _Gathering:
    """Ties the objects of a folder together, one after the other, and remembers what it could not tie."""

    def __init__(self, files: CourseFiles) -> None:
        self.files = files
        self.refused = list(files.refused)
        self.courses: dict[str, _Course] = {}
        self.courses_in: dict[str, list[_Course]] = {}
        self.reports: dict[str, list[PositionReport]] = {}
        self.told: set[str] = set()
        self.series_in: dict[str, list[SeriesHeader]] = {}
        self.structures_of: dict[str, list[DicomFile]] = {}
        for series in files.series:
            self._add_series(series)
        for file in files.structure_sets:
            for uid in {referenced_series_of(file.item), frame_of_reference_of(file.item)} - {""}:
                self.structures_of.setdefault(uid, []).append(file)

    def _add_series(self, series: SeriesHeader) -> None:
        if series.contradicts:
            self._refuse_image(series, "its files name different patients, frames of reference or positions")
        elif not series.frame_of_reference_uid:
            self._refuse_image(series, "it states no frame of reference, so no registration can be about it")
        else:
            self.series_in.setdefault(series.frame_of_reference_uid, []).append(series)

    def _refuse(self, what: object, why: object) -> None:
        self.refused.append(Refused(str(what), str(why)))

    def _refuse_image(self, series: SeriesHeader, why: object) -> None:
        self.told.add(series.series_instance_uid)
        self._refuse(series.label, why)

    def _attempt(self, what: object, work: Callable[[S], T], subject: S) -> T | None:
        try:
            return work(subject)
        except InputError as error:
            self._refuse(what, error)
            return None

    def read_plans(self) -> None:
        """Read the plans with the frame of reference that they are in."""
        structures = {file.sop_instance_uid: file for file in self.files.structure_sets}
        for file in self.files.plans:
            plan = self._attempt(file.path, self._plan, file)
            if plan is None:
                continue
            drawn = structures.get(plan.structure_set_uid)
            frame_uid = plan.frame_of_reference_uid or (frame_of_reference_of(drawn.item) if drawn else "")
            if not file.patient.patient_id:
                self._refuse(file.path, "the plan states no patient ID, so nothing says whose it is")
            elif not frame_uid:
                self._refuse(file.path, "nothing says which frame of reference the plan is in")
            else:
                on = self._planning_images(frame_uid, file)
                body_part = on[0].file.item.text("BodyPartExamined") if on else ""
                course = _Course(plan, file, frame_uid, body_part)
                self.courses[plan.sop_instance_uid] = course
                self.courses_in.setdefault(frame_uid, []).append(course)

    def _planning_images(self, frame_uid: str, file: DicomFile) -> list[SeriesHeader]:
        patient_id = file.patient.patient_id
        return [one for one in self.series_in.get(frame_uid, []) if one.file.patient.patient_id == patient_id]

    def _plan(self, file: DicomFile) -> Plan:
        on = self._planning_images(file.item.text("FrameOfReferenceUID"), file)
        position = on[0].file.item.text("PatientPosition") if on else ""
        fallback = PatientPosition(position) if position in PatientPosition.__members__ else None
        return read_plan(file, fallback_position=fallback)

    def read_records(self) -> None:
        """Read the treatment records and give each to its plan."""
        for file in self.files.records:
            stored = self._attempt(file.path, self._record, file)
            if stored is not None:
                self.courses[stored.record.plan_uid].records.append(stored)

    def _record(self, file: DicomFile) -> StoredTreatmentRecord:
        stored = read_treatment_record(file)
        course = self.courses.get(stored.record.plan_uid)
        if course is None:
            msg = f"its plan {stored.record.plan_uid} is absent or cannot be used"
            raise MissingEvidenceError(msg)
        require_record_of(stored, course.plan, course.file.patient)
        if stored.record.started_at is None:
            msg = "it does not say when the treatment was, so it belongs to no day"
            raise MissingEvidenceError(msg)
        return stored

    def read_reports(self) -> None:
        """Read the position reports that we wrote, by the registration they rest on."""
        for file in self.files.reports:
            report = self._attempt(file.path, read_position_report, file.path)
            if report is None:
                continue
            registration_uid = registration_of_report(file)
            if registration_uid:
                self.reports.setdefault(registration_uid, []).append(report)
            elif report.correction is None:
                self._refuse_unavailable(file, report)
            else:
                self._refuse(
                    file.path, "the position report names no registration, so it belongs to no image"
                )

    def _refuse_unavailable(self, file: DicomFile, report: PositionReport) -> None:
        why = f"its position report says that no match is available: {'; '.join(report.reasons)}"
        mentioned = references_of(file)
        images = [
            one
            for one in self.files.series
            if one.frame_of_reference_uid not in self.courses_in
            and not mentioned.isdisjoint(one.instance_uids)
        ]
        for image in images:
            self._refuse_image(image, why)
        if not images:
            self._refuse(file.path, why)

    def use_registration(self, file: DicomFile) -> None:
        """Give a registration to the image of the day and to the course that it is about."""
        found = self._attempt(file.path, self._about, file)
        if found is not None:
            registration, images, courses = found
            for image in images:
                self._match(image, registration, file, courses)

    def _about(self, file: DicomFile) -> tuple[SpatialRegistration, list[SeriesHeader], list[_Course]]:
        """Return a registration with the images of the day and the plans that it relates."""
        registration = read_spatial_registration(file)
        frames = registration.frame_of_reference_uids
        stated = ", ".join(sorted(frames))
        courses = [one for frame_uid in sorted(frames) for one in self.courses_in.get(frame_uid, [])]
        own = [one for one in courses if one.file.patient.patient_id == file.patient.patient_id]
        if not courses:
            msg = f"no plan that can be used is in a frame of reference that it relates ({stated})"
            raise MissingEvidenceError(msg)
        planned_on = {
            one.series_instance_uid for course in courses for one in self.series_in.get(course.frame_uid, [])
        }
        named = named_series(file) - planned_on
        images = [
            image
            for frame_uid in sorted(frames - self.courses_in.keys())
            for image in self._meant(file, frame_uid, named)
        ]
        if not images:
            msg = f"it relates no image of the day in the folder to a plan (frames of reference {stated})"
            raise MissingEvidenceError(msg)
        return registration, images, own or courses

    def _meant(self, file: DicomFile, frame_uid: str, named: frozenset[str]) -> list[SeriesHeader]:
        """Return the image in a frame of reference that a registration is about, if it is in the folder.

        Some systems use one frame for every day, so the series it refers to decide where it refers to any.
        """
        here = [
            one for one in self.series_in.get(frame_uid, []) if not named or one.series_instance_uid in named
        ]
        own = [one for one in here if one.file.patient.patient_id == file.patient.patient_id]
        meant = own or here  # an image of somebody else is refused where patients are compared
        if len(meant) > 1:
            msg = f"{len(meant)} images are in the frame of reference {frame_uid}, and it does not name one"
            raise AmbiguityError(msg)
        return meant

    def _match(
        self,
        image: SeriesHeader,
        registration: SpatialRegistration,
        file: DicomFile,
        courses: Sequence[_Course],
    ) -> None:
        try:
            moment, day = taken_at(image)
            course = _the_course(courses, day)
            _check_image(image, course)
            compare_patients(course.file.patient, course.name, file.patient, str(file.path))
            match = DayMatch(
                image_uid=image.series_instance_uid,
                label=image.label,
                day=day,
                at=moment,
                planning_from_daily=registration.between(course.frame_uid, image.frame_of_reference_uid),
                isocentre=isocentre_in(image, self._structure_sets(image)),
                report=self._report(file),
                path=file.path,
            )
        except InputError as error:
            self._refuse_image(image, error)
            return
        self.told.add(image.series_instance_uid)
        course.matches.append(match)

    def _report(self, file: DicomFile) -> PositionReport | None:
        reports = self.reports.get(file.sop_instance_uid, [])
        if len(reports) > 1:
            msg = f"{len(reports)} position reports rest on {file.path}; keep the one that counts"
            raise AmbiguityError(msg)
        return reports[0] if reports else None

    def _structure_sets(self, image: SeriesHeader) -> list[DicomFile]:
        found = self.structures_of.get(image.series_instance_uid) or self.structures_of.get(
            image.frame_of_reference_uid, []
        )
        patient_id = image.file.patient.patient_id
        return [one for one in found if one.patient.patient_id == patient_id]

    def _one_per_image(self, matches: Sequence[DayMatch]) -> tuple[DayMatch, ...]:
        """Keep one of several registrations of an image that agree, else none; in the order of time."""
        per_image: dict[str, list[DayMatch]] = {}
        for match in matches:
            per_image.setdefault(match.image_uid, []).append(match)
        kept = []
        for same in per_image.values():
            odd = next((one for one in same[1:] if not _agree(same[0], one)), None)
            if odd is None:
                kept.append(next((one for one in same if one.report is not None), same[0]))
            else:
                self._refuse(
                    same[0].label, f"its registrations {same[0].path} and {odd.path} contradict each other"
                )
        return tuple(sorted(kept, key=lambda match: match.at))

    def finished(self) -> CourseFolder:
        """Return the courses, after a last look for images that nothing was about."""
        for series in self.files.series:
            is_planning = series.frame_of_reference_uid in self.courses_in
            if series.series_instance_uid not in self.told and not is_planning:
                self._refuse_image(series, "no registration that can be used relates it to a plan")
        courses = tuple(
            FoundCourse(
                plan=course.plan,
                plan_path=course.file.path,
                patient=course.file.patient,
                body_part=course.body_part,
                matches=self._one_per_image(course.matches),
                records=tuple(sorted(course.records, key=_started)),
            )
            for course in self.courses.values()
        )
        return CourseFolder(courses, tuple(self.refused))


def _started(stored: StoredTreatmentRecord) -> datetime:
    return stored.record.started_at or datetime.min.replace(tzinfo=UTC)


def _agree(one: DayMatch, other: DayMatch) -> bool:
    difference = one.planning_from_daily.inverse() @ other.planning_from_daily
    apart_mm = np.linalg.norm(difference.apply(one.isocentre.xyz_mm) - one.isocentre.xyz_mm)
    return bool(apart_mm <= AGREEMENT_MM and difference.angle_deg <= AGREEMENT_DEG)


def _the_course(courses: Sequence[_Course], day: date) -> _Course:
    """Return the plan that was treated: the only one, or the only one with a record of the day."""
    treated = [one for one in courses if one.was_treated_on(day)] if len(courses) > 1 else list(courses)
    if len(treated) != 1:
        names = " and ".join(f"'{one.plan.label}'" for one in courses)
        msg = (
            f"it fits the plans {names}, and no treatment record of {day} says for which of them it was taken"
        )
        raise AmbiguityError(msg)
    return treated[0]


def _check_image(image: SeriesHeader, course: _Course) -> None:
    compare_patients(course.file.patient, course.name, image.file.patient, image.label)
    position = image.file.item.text("PatientPosition")
    if position and position != course.plan.patient_position:
        msg = (
            f"it was taken in the patient position {position} but {course.name} treats in "
            f"{course.plan.patient_position}"
        )
        raise MismatchError(msg)
