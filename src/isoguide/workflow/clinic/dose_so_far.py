"""The doses of a course so far: of each fraction the newest one that is kept, and whether it counts."""

from dataclasses import dataclass

from isoguide.course.dose_of_day import DoseRecord
from isoguide.records import Records
from isoguide.workflow.clinic.outdated_dose import outdated_dose


@dataclass(frozen=True, slots=True)
class FractionDose:
    """The dose of one fraction; ``why_not`` says why nothing may be decided by it, empty where it may."""

    number: int
    record: DoseRecord
    why_not: str


def doses_so_far(records: Records, course_id: str) -> tuple[FractionDose, ...]:
    """Return the doses of a course in the order of its fractions, the newest of each.

    Raises
    ------
    UnknownNameError
        If there is no such course.
    """
    newest = dict(records.doses(course_id))
    return tuple(_fraction_dose(records, course_id, number, newest[number]) for number in sorted(newest))


def _fraction_dose(records: Records, course_id: str, number: int, record: DoseRecord) -> FractionDose:
    why_not = outdated_dose(records.fraction(course_id, number), record)
    if not why_not and not record.is_for_decision:
        why_not = "; ".join((record.verdict, *record.reasons))
    return FractionDose(number, record, why_not)
