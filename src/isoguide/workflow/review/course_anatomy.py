"""The anatomy of a course as its records and its protocol tell it."""

from isoguide.records import Records
from isoguide.review.anatomy_trends import AnatomyTrend, anatomy_trend
from isoguide.workflow.protocol_file import parse_protocol


def course_anatomy(records: Records, course_id: str) -> AnatomyTrend | None:
    """Follow the anatomy of a course; None where none was assessed and its protocol does not ask for it.

    Raises
    ------
    UnknownNameError
        If there is no such course.
    UnreadableError
        If an assessment or the protocol is not what was stored.
    """
    line = records.course_line(course_id)
    if line.source:  # imported with its figures: no images, so no assessments, and no protocol
        return None
    found = records.assessments(course_id)
    course = records.course(course_id)
    asked = parse_protocol(course.protocol_text, f"protocol {line.protocol}").assessment
    return anatomy_trend(found, asked) if found or asked is not None else None
