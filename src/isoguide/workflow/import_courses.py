"""Courses of treatment from DICOM folders, as reviews read them: set-up errors, residuals, delivered dose.

A fraction is a day on which an image with a registration was taken or something was delivered. Its first
image gives the measured correction, its last one, taken after the couch had been moved, the residual.
Nothing is guessed: what does not fit is refused with its reason.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Final

import numpy as np

from isoguide.course import AXES, CourseHistory, FractionSummary
from isoguide.dicom import DayMatch, FoundCourse, Refused, StoredTreatmentRecord, read_course_folder
from isoguide.errors import InputError, MismatchError
from isoguide.geometry.correction import CouchCorrection, couch_correction
from isoguide.geometry.frames import Array
from isoguide.plan import Beam, group_isocentres
from isoguide.progress import Progress, silent
from isoguide.registration.result import CHI_95_PER_AXIS

IMAGED: Final = "imaged"
"""State of a fraction without a treatment record: whether it was treated is not known."""
SAME_VALUE: Final = 0.1
"""A position report and its registration may differ by so many mm or degrees: what decimals leave."""


@dataclass(frozen=True, slots=True, eq=False)
class ImportedCourses:
    """One history per plan that was treated, and all that could not be used: what, and why in a sentence."""

    histories: tuple[CourseHistory, ...]
    refused: tuple[tuple[str, str], ...]


def import_courses(folder: Path | str, *, progress: Progress = silent) -> ImportedCourses:
    """Read the courses of treatment under a folder; headers only, pixels stay unread.

    Parameters
    ----------
    folder
        Plans, images, Spatial Registrations, treatment records and position reports, of any number of
        patients, at any depth, with any names.
    progress
        Told what is being read.

    Raises
    ------
    UnreadableError
        If the folder does not exist or cannot be listed.
    """
    found = read_course_folder(folder, progress)
    refused: list[tuple[str, str]] = list(found.refused)
    histories = []
    for course in found.courses:
        history, left_out = _history(course)
        refused += left_out
        if history.fractions:
            histories.append(history)
        elif not left_out:
            refused.append(Refused(_name(course), "no image with a registration and no record belongs to it"))
    return ImportedCourses(tuple(histories), tuple(refused))


@dataclass(frozen=True, slots=True, eq=False)
class _Measured:
    """A match with the correction that it calls for."""

    match: DayMatch
    correction: CouchCorrection


@dataclass(frozen=True, slots=True, eq=False)
class _Day:
    """What belongs to one day, in the order of time."""

    measured: tuple[_Measured, ...]
    records: tuple[StoredTreatmentRecord, ...]

    @property
    def began_at(self) -> datetime:
        """Of the first image or beam, aware UTC."""
        starts = [one.match.at for one in self.measured]
        starts += [one.record.started_at for one in self.records if one.record.started_at is not None]
        return min(starts).astimezone(UTC)


def _history(course: FoundCourse) -> tuple[CourseHistory, list[Refused]]:
    plan = course.plan
    measured, refused = _measured(course)
    days = _days(course, measured)
    numbers, left_out = _numbered(days)
    left_out |= {day: why for day, one in days.items() if (why := _contradiction(one))}
    refused += [Refused(f"{_name(course)} on {day}", why) for day, why in sorted(left_out.items())]
    treating = [beam for beam in plan.beams if beam.is_treatment]
    history = CourseHistory(
        course_id=plan.sop_instance_uid,
        patient=course.patient.patient_id,
        site=course.body_part.lower(),
        machine=next((beam.machine for beam in treating if beam.machine), ""),
        protocol="",
        device=next((one.label or one.kind for setup in plan.setups for one in setup.fixation), ""),
        fractions_planned=plan.fractions_planned,
        fractions=tuple(
            _summary(days[day], number, treating) for day, number in numbers.items() if day not in left_out
        ),
    )
    return history, refused


def _name(course: FoundCourse) -> str:
    return f"plan '{course.plan.label}' of patient {course.patient} in {course.plan_path}"


def _measured(course: FoundCourse) -> tuple[list[_Measured], list[Refused]]:
    """Compute what each match calls for; without one isocentre in the plan there is no answer for any."""
    groups = group_isocentres([beam for beam in course.plan.beams if beam.is_treatment])
    if len(groups) != 1 and course.matches:
        why = (
            f"its {len(course.matches)} matched image(s) are left out: its treatment beams have "
            f"{len(groups)} isocentres, and nothing says which one the images were matched for"
        )
        return [], [Refused(_name(course), why)]
    measured, refused = [], []
    for match in course.matches:
        try:
            measured.append(_Measured(match, _correction(match, groups[0][0], course)))
        except InputError as error:
            refused.append(Refused(match.label, str(error)))
    return measured, refused


def _correction(match: DayMatch, isocentre_mm: Array, course: FoundCourse) -> CouchCorrection:
    correction = couch_correction(
        match.planning_from_daily,
        plan_isocentre_mm=isocentre_mm,
        machine_isocentre_mm=match.isocentre.xyz_mm,
        patient_position=course.plan.patient_position,
    )
    report = match.report
    if report is not None and report.correction is not None and report.degrees_of_freedom == 6:
        apart = np.abs(_six(report.correction) - _six(correction)).max()
        if apart > SAME_VALUE:
            msg = (
                f"its position report and {match.path} differ by {apart:.2f} mm or degrees; one of them is "
                "not of this image"
            )
            raise MismatchError(msg)
    return correction


def _six(correction: CouchCorrection) -> Array:
    return np.array([getattr(correction, key) for key in AXES])


def _days(course: FoundCourse, measured: Iterable[_Measured]) -> dict[date, _Day]:
    images: dict[date, list[_Measured]] = {}
    records: dict[date, list[StoredTreatmentRecord]] = {}
    for one in measured:
        images.setdefault(one.match.day, []).append(one)
    for stored in course.records:
        if stored.record.started_at is not None:
            records.setdefault(stored.record.started_at.date(), []).append(stored)
    return {
        day: _Day(tuple(images.get(day, ())), tuple(records.get(day, ())))
        for day in sorted(images.keys() | records.keys())
    }


def _stated(day: _Day) -> list[int]:
    return sorted({one.record.fraction for one in day.records if one.record.fraction is not None})


def _contradiction(day: _Day) -> str:
    """Say why the parts of a day do not go together; empty where they do."""
    stated = _stated(day)
    if len(stated) > 1:
        named = " and ".join(str(number) for number in stated)
        return f"its treatment records state the fractions {named}, and a day is one fraction"
    moments = [one.match.at for one in day.measured]
    if len(set(moments)) < len(moments):
        return "two of its images say that they were taken at the same moment, so none of them is the first"
    return ""


def _numbered(days: Mapping[date, _Day]) -> tuple[dict[date, int], dict[date, str]]:
    """Return the numbers of the days, and why others have none.

    A number is what the treatment record of the day says. Days without one are counted where that leaves a
    single possibility; without any record the days count from 1.
    """
    stated = {day: numbers[0] for day, one in days.items() if len(numbers := _stated(one)) == 1}
    pairs = [(day, later) for day in stated for later in stated if day < later]
    wrong = {day for pair in pairs if stated[pair[0]] >= stated[pair[1]] for day in pair}
    if not wrong:
        return _counted(days, stated)
    left_out = dict.fromkeys(
        days.keys() - stated, "the treatment records of other days contradict each other"
    )
    left_out |= {day: f"its record says fraction {stated[day]}, against another day's" for day in wrong}
    return {day: number for day, number in stated.items() if day not in wrong}, left_out


def _counted(days: Iterable[date], stated: Mapping[date, int]) -> tuple[dict[date, int], dict[date, str]]:
    numbers: dict[date, int] = {}
    left_out: dict[date, str] = {}
    waiting: list[date] = []
    last = 0
    for day in days:
        if day not in stated:
            waiting.append(day)
            continue
        if len(waiting) == stated[day] - last - 1:
            numbers.update(_following(last, waiting))
        else:
            left_out |= dict.fromkeys(waiting, _uncountable(len(waiting), last, stated[day]))
        numbers[day] = last = stated[day]
        waiting = []
    numbers.update(_following(last, waiting))
    return numbers, left_out


def _following(last: int, days: Iterable[date]) -> dict[date, int]:
    return {day: number for number, day in enumerate(days, start=last + 1)}


def _uncountable(count: int, last: int, following: int) -> str:
    place = f"between the fractions {last} and {following}" if last else f"before fraction {following}"
    return f"it has no treatment record, and nothing says the number of {count} such day(s) {place}"


def _summary(day: _Day, number: int, treating: Sequence[Beam]) -> FractionSummary:
    first = day.measured[0] if day.measured else None
    report = first.match.report if first is not None else None
    deviation = None
    if report is not None and report.uncertainty is not None:
        half_widths = np.array([getattr(report.uncertainty, key) for key in AXES])
        deviation = half_widths / CHI_95_PER_AXIS
    return FractionSummary(
        number=number,
        at=day.began_at,
        state=_state(day, treating),
        measured=first.correction if first is not None else None,
        deviation=deviation,
        residual=day.measured[-1].correction if len(day.measured) > 1 else None,
        rule=f"position report: {report.verdict}" if report is not None else "",
        images=len(day.measured),
        delivered_mu=sum(one.record.delivered_mu for one in day.records),
    )


def _state(day: _Day, treating: Sequence[Beam]) -> str:
    """Say "closed" where the last that is recorded of every treatment beam is its normal end."""
    if not day.records:
        return IMAGED
    ended = {one.beam_number: one.ended for stored in day.records for one in stored.record.deliveries}
    return "closed" if all(ended.get(beam.number) == "NORMAL" for beam in treating) else "stopped"
