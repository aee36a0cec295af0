"""The dose of a course as its records and its protocol tell it."""

from isoguide.records import Records
from isoguide.review.dose_trends import DoseTrend, dose_trend
from isoguide.workflow.protocol_file import parse_protocol
from isoguide.workflow.review.course_sums import sums_as_they_stand
from isoguide.workflow.review.outdated_dose import dose_as_it_stands


def course_dose(records: Records, course_id: str) -> DoseTrend | None:
    """Follow the dose of a course; None where none was computed and its protocol does not ask for it.

    A dose whose image was matched anew since decides nothing, and sums that do not hold are left out.

    Raises
    ------
    UnknownNameError
        If there is no such course.
    UnreadableError
        If a dose or the protocol is not what was stored.
    """
    line = records.course_line(course_id)
    if line.source:  # imported with its figures: no images, so no doses, and no protocol
        return None
    found = records.doses(course_id)
    course = records.course(course_id)
    asked = parse_protocol(course.protocol_text, f"protocol {line.protocol}").dose
    if not found and asked is None:
        return None
    newest = dict(found)
    stored = [records.fraction(course_id, line.key.number) for line in course.fractions] if found else []
    standing = [
        (one.line.key.number, sums_as_they_stand(stored[:place], one, dose_as_it_stands(one, newest[number])))
        for place, one in enumerate(stored)
        if (number := one.line.key.number) in newest
    ]
    return dose_trend(standing, asked)
