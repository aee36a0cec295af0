"""Whether an assessment still holds: it rests on the match that counted when it was made."""

from dataclasses import replace
from datetime import datetime
from typing import Final, TypeVar

from isoguide.course import AssessmentRecord, DoseRecord
from isoguide.records import StoredFraction
from isoguide.registration.deformable.result import FieldVerdict
from isoguide.treatment.states import Event

_MATCHED: Final = frozenset({Event.ALIGN, Event.MATCH_BY_HAND, Event.MATCH_BY_ENGINE})


def outdated_words(stored: StoredFraction, record: AssessmentRecord) -> str:
    """Say why an assessment of an image of a fraction does not hold any more; empty where it does."""
    matched_at = last_matched_at(stored, record.image_uid)
    if matched_at is None or matched_at <= record.assessed_at:
        return ""
    return "the image was matched anew since it was assessed: assess it again"


def as_it_stands(stored: StoredFraction, record: AssessmentRecord) -> AssessmentRecord:
    """Return an assessment, not for decision any more where it does not hold any more."""
    return unless_outdated(record, outdated_words(stored, record))


Found = TypeVar("Found", AssessmentRecord, DoseRecord)


def unless_outdated(record: Found, outdated: str) -> Found:
    """Return what was found of a day, not for decision any more where a reason says that it is outdated."""
    if not (outdated and record.is_for_decision):
        return record
    return replace(record, verdict=FieldVerdict.NOT_FOR_DECISION.value, reasons=(outdated,))


def last_matched_at(stored: StoredFraction, uid: str) -> datetime | None:
    """Return when an image of a fraction was matched last, None where it was not."""
    times = [step.entry.at for step in stored.steps if step.entry.event in _MATCHED]
    if len(times) != len(stored.matches):
        # An older isoguide wrote some of them in another way: the newest time is the cautious one.
        return max(times, default=None)
    pairs = zip(times, stored.matches, strict=True)
    return max((at for at, match in pairs if match.image_uid == uid), default=None)
