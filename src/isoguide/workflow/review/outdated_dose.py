"""Whether the dose of a day still holds: it rests on the anatomy, and on where the couch goes."""

from typing import Final

from isoguide.course import DoseRecord, ProtocolAction
from isoguide.errors import MissingEvidenceError
from isoguide.geometry.correction import CouchCorrection
from isoguide.records import StoredFraction, newest_of
from isoguide.workflow.review.outdated_assessment import last_matched_at, unless_outdated

UNDECIDED: Final = (
    "nobody has decided about the match yet: the couch is taken to make the correction that the match calls "
    "for"
)
COUCH_MOVED: Final = "the couch is taken to move after the image by"
DECIDED_OTHERWISE: Final = "the couch goes elsewhere than the dose was computed for: compute it again"
NO_MOVE: Final = CouchCorrection(0.0, 0.0, 0.0)


def outdated_dose(stored: StoredFraction, record: DoseRecord) -> str:
    """Say why a dose of an image of a fraction does not hold any more; empty where it does.

    Parameters
    ----------
    stored
        The fraction as the records hold it now.
    record
        What they say of the dose.
    """
    uid = record.image_uid
    matched_at = last_matched_at(stored, uid)
    if matched_at is not None and matched_at > record.computed_at:
        return "the image was matched anew since its dose was computed: assess it and compute it again"
    if any(one.image_uid == uid and one.assessed_at > record.computed_at for one in stored.assessments):
        return "the anatomy was assessed anew since the dose was computed: compute it again"
    said = [one for one in record.approximations if one.startswith(COUCH_MOVED)]
    if not said or couch_words(correction_of(stored, uid)[0]) in said:
        return ""
    return DECIDED_OTHERWISE


def dose_as_it_stands(stored: StoredFraction, record: DoseRecord) -> DoseRecord:
    """Return a dose, not for decision any more where it does not hold any more."""
    return unless_outdated(record, outdated_dose(stored, record))


def couch_words(correction: CouchCorrection) -> str:
    """Say for which correction of the couch a dose was computed."""
    mm = ", ".join(f"{value:+.1f}" for value in _shift_mm(correction))
    deg = ", ".join(
        f"{value:+.2f}" for value in (correction.pitch_deg, correction.roll_deg, correction.yaw_deg)
    )
    return f"{COUCH_MOVED} {mm} mm (lateral, longitudinal, vertical) and {deg}° (pitch, roll, yaw)"


def _shift_mm(correction: CouchCorrection) -> tuple[float, float, float]:
    return correction.lateral_mm, correction.longitudinal_mm, correction.vertical_mm


def correction_of(stored: StoredFraction, uid: str) -> tuple[CouchCorrection, tuple[str, ...]]:
    """Return the correction that the couch made after an image, and what is assumed about it.

    Raises
    ------
    MissingEvidenceError
        If the match has no answer.
    """
    match = newest_of(stored.matches, uid)
    if match is None or match.correction is None:
        msg = f"image {uid} has no match with an answer, so nobody knows where the patient lay: match it"
        raise MissingEvidenceError(msg)
    decision = newest_of(stored.decisions, uid)
    if decision is None or decision.action == ProtocolAction.SECOND_LOOK:
        return match.correction, (UNDECIDED,)
    if decision.action == ProtocolAction.NO_CORRECTION:
        return NO_MOVE, ()
    if decision.action == ProtocolAction.CORRECT:
        return match.correction, ()
    return match.correction, (
        f"'{decision.action}' was decided about the match, so nothing was treated on this image: the couch "
        "is taken to make the correction that the match calls for",
    )
