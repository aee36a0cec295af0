"""The anatomy of a day at the console: assessed as long work, kept in the records, and looked at.

The records keep what an assessment says. Its displacement field is kept in memory while there is room: who
looks later has it made again, and what is made again counts only where it says what the records say.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from isoguide.course import AssessmentRecord, ProtocolAction, StructureOfDay
from isoguide.errors import InputError, MissingEvidenceError
from isoguide.progress import Progress, part_of, silent
from isoguide.records import ConflictError, FractionKey, StoredFraction, newest_of
from isoguide.registration.deformable.quality import QualityLimits
from isoguide.registration.deformable.result import FieldVerdict
from isoguide.registration.result import Verdict
from isoguide.review.anatomy_trends import alert_words, anatomy_trend
from isoguide.treatment.match import BY_HAND
from isoguide.workflow.assess.anatomy import assessment_record
from isoguide.workflow.assess.protocol_limits import quality_limits
from isoguide.workflow.clinic.desk import Desk
from isoguide.workflow.clinic.open_fraction import protocol_of
from isoguide.workflow.clinic.pictures.day_scene import image_of
from isoguide.workflow.clinic.pictures.drawn_anatomy import DrawnAnatomy
from isoguide.workflow.clinic.pictures.gallery import Gallery
from isoguide.workflow.clinic.pictures.open_image import OpenImage
from isoguide.workflow.review.outdated_assessment import as_it_stands, outdated_words

SAME_ML, SAME_MM = 0.01, 0.01
"""What is computed again from the same files may differ by this on another computer."""
LOOK_FIRST: Final = "the rigid match needs a look first: "
"""How a doubt about the rigid match begins among those about an assessment."""
DEFORMED: Final = "the patient is deformed"
"""How the sentence of :func:`isoguide.registration.verdict.deformation_doubt` ends."""


@dataclass(frozen=True, slots=True, eq=False)
class DayAnatomyShown:
    """What a page shows of the anatomy of an image.

    Parameters
    ----------
    image
        Which image; None where it cannot be read.
    record
        The newest assessment; None where there is none.
    outdated_because
        Why it does not hold for the match that counts now; empty where it does.
    not_possible_because
        Why the image cannot be assessed; empty where it can.
    drawn, not_drawn_because
        Its pictures, or the sentence why there are none.
    limits
        Of its figures.
    """

    image: OpenImage | None
    record: AssessmentRecord | None
    outdated_because: str
    not_possible_because: str
    drawn: DrawnAnatomy | None
    not_drawn_because: str
    limits: QualityLimits


@dataclass(frozen=True, slots=True)
class AnatomyDesk:
    """Where images of fractions are assessed; may be shared by threads.

    Parameters
    ----------
    desk, gallery
        Of the department.
    """

    desk: Desk
    gallery: Gallery

    def require_possible(self, key: FractionKey, uid: str, *, by: str) -> None:
        """Refuse at once what an assessment could only be refused for later.

        Raises
        ------
        UnknownNameError
            If there is no such fraction, or nobody of that name.
        MissingEvidenceError
            If the image is not there, was not kept, or its match has no answer.
        MismatchError
            If it is no CT or cone-beam CT.
        """
        self.desk.records.person(by)
        image = self.gallery.image(key.course_id, key.number, uid)
        _ = image.day.image.volume
        image.counting_pose()

    def assess(self, key: FractionKey, uid: str, *, by: str, progress: Progress = silent) -> AssessmentRecord:
        """Assess an image of a fraction and keep what was found; nothing is kept when this raises.

        Parameters
        ----------
        key, uid
            Which image of which fraction.
        by
            User name of who asked.
        progress
            Told how far it is.

        Raises
        ------
        ConflictError
            If the image was matched anew meanwhile.
        InputError
            If the image cannot be assessed; as :meth:`require_possible`.
        Cancelled
            If ``progress`` asked to stop.
        """
        self.require_possible(key, uid, by=by)
        image = self.gallery.image(key.course_id, key.number, uid)
        anatomy = image.assess(part_of(progress, 0.0, 0.9))
        progress(0.9, "Drawing")
        image.drawn_anatomy()
        progress(0.99, "Keeping what was found")
        now = self.gallery.image(key.course_id, key.number, uid)
        if not same_pose(image, now):
            msg = f"image {uid} of {key} was matched anew while it was assessed: assess it again"
            raise ConflictError(msg)
        record = as_matched(
            assessment_record(anatomy, image_uid=uid, assessed_at=self.desk.clock.now()), now.stored
        )
        newest = newest_of(now.stored.assessments, uid)
        if newest is not None and not outdated_words(now.stored, newest) and says_the_same(newest, record):
            self.desk.records.note("assess again", str(key), by=by, image=uid, says="what was kept")
            record = newest
        else:
            record = replace(record, alerts=self._alerts(key, record))
            self.desk.records.keep_assessment(key.course_id, key.number, record, by=by)
        progress(1.0, "Done")
        return record

    def shown(self, key: FractionKey, uid: str) -> DayAnatomyShown:
        """Return what is known of the anatomy of an image; nothing is computed.

        Raises
        ------
        UnknownNameError
            If there is no such fraction.
        MissingEvidenceError
            If it has no such image.
        """
        stored = self.desk.records.fraction(key.course_id, key.number)
        image_of(stored, uid)
        record = newest_of(stored.assessments, uid)
        outdated = outdated_words(stored, record) if record is not None else ""
        limits = quality_limits(protocol_of(self.desk.records.course(key.course_id)).assessment)
        try:
            image = self.gallery.image(key.course_id, key.number, uid)
            _ = image.day.image.volume
            image.counting_pose()
        except InputError as error:
            return DayAnatomyShown(None, record, outdated, str(error), None, str(error), limits)
        drawn, why = self._drawn(image, record, outdated)
        return DayAnatomyShown(image, record, outdated, "", drawn, why, limits)

    def _alerts(self, key: FractionKey, record: AssessmentRecord) -> tuple[str, ...]:
        """Return what stands after this fraction when its assessment is the newest."""
        course_id = key.course_id
        earlier = {
            number: as_it_stands(self.desk.records.fraction(course_id, number), one)
            for number, one in self.desk.records.assessments(course_id)
            if number < key.number
        }
        instructions = protocol_of(self.desk.records.course(course_id)).assessment
        trend = anatomy_trend([*earlier.items(), (key.number, record)], instructions)
        return tuple(map(alert_words, trend.standing))

    def drawn(self, key: FractionKey, uid: str) -> DrawnAnatomy:
        """Return the pictures of an assessment.

        Raises
        ------
        MissingEvidenceError
            If there are none; the message says why.
        """
        shown = self.shown(key, uid)
        if shown.drawn is None:
            raise MissingEvidenceError(shown.not_drawn_because)
        return shown.drawn

    def _drawn(
        self, image: OpenImage, record: AssessmentRecord | None, outdated: str
    ) -> tuple[DrawnAnatomy | None, str]:
        if record is None:
            return None, "the image was not assessed: assess it to see the deformation"
        if record.figures is None:
            return None, "no deformation was found, so there is none to draw"
        if outdated:
            return None, outdated
        anatomy = image.known_anatomy()
        if anatomy is None:
            return None, (
                "the deformation itself is not kept, only what it says: assess the image again to see it"
            )
        again = assessment_record(anatomy, image_uid=record.image_uid, assessed_at=record.assessed_at)
        if not was_found_alike(record, again):
            return None, "the deformation that was made again is not the one that was kept: assess again"
        return image.drawn_anatomy(), ""


def as_matched(record: AssessmentRecord, stored: StoredFraction) -> AssessmentRecord:
    """Let the doubts about the rigid match count until a person has looked at it.

    A deformation answers one of them: that regions of the patient do not move together.
    """
    match = newest_of(stored.matches, record.image_uid)
    if match is None or match.verdict is not Verdict.REVIEW or not record.is_for_decision:
        return record
    if match.algorithm == BY_HAND or _was_signed(stored, record.image_uid):
        return record
    doubts = [one for one in match.reasons if not one.endswith(DEFORMED)]
    words = tuple(f"{LOOK_FIRST}{one}" for one in doubts)
    if not words:
        return record
    return replace(record, verdict=FieldVerdict.NOT_FOR_DECISION, reasons=(*record.reasons, *words))


def _was_signed(stored: StoredFraction, uid: str) -> bool:
    """Tell whether a person took the match of an image for good."""
    return any(
        one.image_uid == uid
        and one.role
        and one.action in (ProtocolAction.CORRECT, ProtocolAction.NO_CORRECTION)
        for one in stored.decisions
    )


def says_the_same(kept: AssessmentRecord, again: AssessmentRecord) -> bool:
    """Tell whether two assessments of an image found the same and may be used for the same."""
    said = (kept.verdict, kept.reasons) == (again.verdict, again.reasons)
    return said and was_found_alike(kept, again)


def was_found_alike(kept: AssessmentRecord, again: AssessmentRecord) -> bool:
    """Tell whether two assessments of an image were made alike and found the same."""
    made = (kept.image_uid, kept.algorithm, kept.version, kept.settings_sha256)
    if made != (again.image_uid, again.algorithm, again.version, again.settings_sha256):
        return False
    return _same_structures(kept.structures, again.structures)


def _same_structures(kept: Sequence[StructureOfDay], again: Sequence[StructureOfDay]) -> bool:
    return len(kept) == len(again) and all(
        one.name == other.name
        and abs(one.volume_ml - other.volume_ml) <= SAME_ML
        and bool((abs(one.shift_mm - other.shift_mm) <= SAME_MM).all())
        for one, other in zip(kept, again, strict=True)
    )


def same_pose(one: OpenImage, other: OpenImage) -> bool:
    """Tell whether the match that counts is the same for both."""
    return one.counting_pose().matrix.tobytes() == other.counting_pose().matrix.tobytes()
