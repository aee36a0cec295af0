"""The dose of a day at the console: computed as long work once the anatomy was assessed, and looked at.

The records keep what the dose says. The dose itself, its histograms and the corrections are kept in memory
while there is room: who looks later has them computed again.
"""

from dataclasses import dataclass, replace
from typing import Final

from isoguide.course import AssessmentRecord
from isoguide.course.dose_of_day import DoseRecord
from isoguide.dose.accumulate import AccumulatedDose
from isoguide.errors import GeometryError, InputError, MismatchError, MissingEvidenceError
from isoguide.geometry.correction import CouchCorrection
from isoguide.progress import Progress, part_of, silent
from isoguide.records import ConflictError, FractionKey, StoredFraction, newest_of
from isoguide.workflow.assess.anatomy import AnatomyOfDay, assessment_record
from isoguide.workflow.clinic.beam_data_shelf import OWN_BEAM_DATA, BeamDataShelf
from isoguide.workflow.clinic.course_so_far import CourseSoFar
from isoguide.workflow.clinic.day_anatomy import LOOK_FIRST, same_pose, was_found_alike
from isoguide.workflow.clinic.desk import Desk
from isoguide.workflow.clinic.dose_order import DoseAsked, dose_order
from isoguide.workflow.clinic.open_fraction import protocol_of
from isoguide.workflow.clinic.pictures.day_scene import image_of
from isoguide.workflow.clinic.pictures.drawn_dose import DrawnDose
from isoguide.workflow.clinic.pictures.gallery import Gallery
from isoguide.workflow.clinic.pictures.open_image import OpenImage
from isoguide.workflow.dose.day import DayDose, DayPlacement, PlannedDose, dose_of_day, planned_dose
from isoguide.workflow.dose.record import dose_record
from isoguide.workflow.dose.so_far import carried_home, with_alerts
from isoguide.workflow.review.outdated_assessment import outdated_words
from isoguide.workflow.review.outdated_dose import (
    DECIDED_OTHERWISE,
    correction_of,
    couch_words,
    dose_as_it_stands,
    outdated_dose,
)
from isoguide.workflow.treatment_setup import TreatmentSetup

NO_ANATOMY: Final = "no dose yet: the anatomy of the day has to be assessed first"
NOT_COMPUTED: Final = "the dose of the day was not computed: compute it to see it"
NOT_KEPT: Final = "the dose itself is not kept, only what it says: compute it again to see it"


@dataclass(frozen=True, slots=True, eq=False)
class ComputedDose:
    """The dose of a day in memory.

    Parameters
    ----------
    record
        What the records say of it.
    planned, day
        The dose as planned, and today's.
    correction
        The correction of the couch that it was computed for.
    anatomy
        On which assessment it rests.
    drawn
        Its pictures; None exactly where there is no dose.
    """

    record: DoseRecord
    planned: PlannedDose
    day: DayDose
    correction: CouchCorrection
    anatomy: AnatomyOfDay
    drawn: DrawnDose | None


@dataclass(frozen=True, slots=True, eq=False)
class DayDoseShown:
    """What a page shows of the dose of an image.

    Parameters
    ----------
    image
        Which image; None where it cannot be read.
    record
        The newest dose; None where there is none.
    outdated_because
        Why it does not hold any more; empty where it does.
    not_possible_because
        Why a dose cannot be computed; empty where it can.
    computed, not_shown_because
        The dose itself, or the sentence why it cannot be shown.
    machines
        Names of the beam data that there are.
    beam_data_problem
        Why one of them has to be named; empty where the plan's machine has data.
    """

    image: OpenImage | None
    record: DoseRecord | None
    outdated_because: str
    not_possible_because: str
    computed: ComputedDose | None
    not_shown_because: str
    machines: tuple[str, ...]
    beam_data_problem: str


@dataclass(frozen=True, slots=True, eq=False)
class _Ready:
    """What a dose is computed from."""

    image: OpenImage
    assessed: AssessmentRecord


@dataclass(frozen=True, slots=True)
class DoseDesk:
    """Where doses of days are computed; may be shared by threads.

    Parameters
    ----------
    desk, gallery
        Of the department.
    """

    desk: Desk
    gallery: Gallery

    @property
    def shelf(self) -> BeamDataShelf:
        """The beam data of the department."""
        return BeamDataShelf(self.desk.store.folder.parent / OWN_BEAM_DATA)

    @property
    def _so_far(self) -> CourseSoFar:
        return CourseSoFar(self.desk.records, self.desk.store)

    def require_possible(self, key: FractionKey, uid: str, asked: DoseAsked, *, by: str) -> None:
        """Refuse at once what a dose could only be refused for later.

        Raises
        ------
        UnknownNameError
            If there is no such fraction, nobody of that name, or no such beam data.
        MissingEvidenceError
            If the image or its assessment is not there, or the plan's machine has no beam data and none are
            named.
        MismatchError
            If the assessment does not hold any more.
        InputError
            If the plan holds what no dose can be computed for.
        """
        self.desk.records.person(by)
        ready = self._ready(key, uid)
        dose_order(ready.image.day.plan, asked, self.shelf)

    def compute(
        self, key: FractionKey, uid: str, asked: DoseAsked, *, by: str, progress: Progress = silent
    ) -> DoseRecord:
        """Compute the dose of a day and keep what it says; nothing is kept when this raises.

        Parameters
        ----------
        key, uid
            Which image of which fraction.
        asked
            How.
        by
            User name of who asked.
        progress
            Told how far it is.

        Raises
        ------
        ConflictError
            If the image was matched anew, assessed anew or decided about meanwhile.
        InputError
            As :meth:`require_possible`, or if the dose cannot be computed.
        Cancelled
            If ``progress`` asked to stop.
        """
        self.desk.records.person(by)
        ready = self._ready(key, uid)
        image = ready.image
        order = dose_order(image.day.plan, asked, self.shelf)
        anatomy = self._anatomy(ready, part_of(progress, 0.0, 0.4))
        planned = self.gallery.cache.get(
            ("planned dose", image.day.plan.key, order.machine.name, order.machine.sha256, order.algorithm),
            lambda: planned_dose(order, part_of(progress, 0.4, 0.65)),
        )
        correction, assumed = correction_of(image.stored, uid)
        placement = DayPlacement.of(
            setup_of(image), correction, doubts=_added_doubts(ready.assessed, anatomy)
        )
        day = dose_of_day(
            planned,
            anatomy,
            placement,
            image=image.day.image.volume,
            progress=part_of(progress, 0.65, 0.9),
        )
        progress(0.92, "Drawing")
        drawn = None
        if day.dose is not None:
            drawn = DrawnDose.of(day.dose, day.structures, image.day.image.volume.grid)
        progress(0.95, "Carrying the dose to the plan")
        carried = _carried(key, planned, day, anatomy)
        now = self._require_unchanged(key, uid, ready, correction)
        record = dose_record(
            planned,
            day,
            image_uid=uid,
            computed_at=self.desk.clock.now(),
            assumed=(couch_words(correction), *assumed),
        )
        progress(0.97, "Keeping what was found")
        stored = now.image.stored
        record = self._so_far.told(stored, record, carried, order.structures)
        record = self._kept(key, stored, record, by)
        made = ComputedDose(record, planned, day, correction, anatomy, drawn)
        self.gallery.cache.keep(_memory_key(key, uid), made)
        progress(1.0, "Done")
        return record

    def shown(self, key: FractionKey, uid: str) -> DayDoseShown:
        """Return what is known of the dose of an image; nothing is computed.

        Raises
        ------
        UnknownNameError
            If there is no such fraction.
        MissingEvidenceError
            If it has no such image.
        """
        stored = self.desk.records.fraction(key.course_id, key.number)
        image_of(stored, uid)
        record, computed = newest_of(stored.doses, uid), self.computed(key, uid)
        if computed is not None and computed.record != record:
            computed = None
        outdated = ""
        if record is not None:
            outdated = _outdated(stored, record, computed)
            record = self._so_far.as_they_stand(stored, record)
        try:
            ready = self._ready(key, uid)
        except InputError as error:
            return DayDoseShown(None, record, outdated, str(error), None, str(error), (), "")
        plan = ready.image.day.plan
        names, problem = self.shelf.names(), self.shelf.problem(plan)
        why = _not_shown(record, outdated, computed)
        return DayDoseShown(ready.image, record, outdated, "", None if why else computed, why, names, problem)

    def computed(self, key: FractionKey, uid: str) -> ComputedDose | None:
        """Return the newest dose of an image, None where it is not in memory."""
        return self.gallery.cache.known(_memory_key(key, uid), ComputedDose)

    def require_computed(self, key: FractionKey, uid: str) -> ComputedDose:
        """Return the newest dose of an image that still holds.

        Raises
        ------
        MissingEvidenceError
            If there is none; the message says why.
        """
        shown = self.shown(key, uid)
        if shown.computed is None:
            raise MissingEvidenceError(shown.not_shown_because)
        return shown.computed

    def _ready(self, key: FractionKey, uid: str) -> _Ready:
        image = self.gallery.image(key.course_id, key.number, uid)
        _ = image.day.image.volume
        image.counting_pose()
        assessed = newest_of(image.stored.assessments, uid)
        if assessed is None:
            raise MissingEvidenceError(NO_ANATOMY)
        outdated = outdated_words(image.stored, assessed)
        if outdated:
            raise MismatchError(outdated)
        if not assessed.structures:
            msg = "no deformation was found, so there is no anatomy of the day to compute a dose in"
            raise MissingEvidenceError(msg)
        return _Ready(image, assessed)

    def _anatomy(self, ready: _Ready, progress: Progress) -> AnatomyOfDay:
        """Return the anatomy that was kept: made again where it is not in memory."""
        anatomy = ready.image.assess(progress)
        said = ready.assessed
        again = assessment_record(anatomy, image_uid=said.image_uid, assessed_at=said.assessed_at)
        if not was_found_alike(said, again):
            msg = "the deformation that was made again is not the one that was kept: assess the anatomy again"
            raise MismatchError(msg)
        return anatomy

    def _require_unchanged(
        self, key: FractionKey, uid: str, ready: _Ready, correction: CouchCorrection
    ) -> _Ready:
        now = self._ready(key, uid)
        is_same_anatomy = now.assessed.assessed_at == ready.assessed.assessed_at
        if not (
            same_pose(now.image, ready.image)
            and is_same_anatomy
            and correction_of(now.image.stored, uid)[0] == correction
        ):
            msg = (
                f"image {uid} of {key} was assessed or decided about anew while its dose was computed: again"
            )
            raise ConflictError(msg)
        return now

    def _kept(self, key: FractionKey, stored: StoredFraction, record: DoseRecord, by: str) -> DoseRecord:
        """Keep a dose, unless the newest one that still holds says the same."""
        newest = newest_of(stored.doses, record.image_uid)
        if newest is not None and self._holds(stored, newest) and _says_the_same(newest, record):
            self.desk.records.note(
                "compute dose again", str(key), by=by, image=record.image_uid, says="what was kept"
            )
            return newest
        record = self._with_alerts(key, record)
        self.desk.records.keep_dose(key.course_id, key.number, record, by=by)
        return record

    def _holds(self, stored: StoredFraction, record: DoseRecord) -> bool:
        is_sum_told = self._so_far.as_they_stand(stored, record) == record
        return is_sum_told and not outdated_dose(stored, record)

    def _with_alerts(self, key: FractionKey, record: DoseRecord) -> DoseRecord:
        """Return a dose with what stands after its fraction when it is the newest."""
        records, course_id = self.desk.records, key.course_id
        earlier = {
            number: dose_as_it_stands(records.fraction(course_id, number), one)
            for number, one in records.doses(course_id)
            if number < key.number
        }
        instructions = protocol_of(records.course(course_id)).dose
        return with_alerts(record, key.number, tuple(earlier.items()), instructions)


def _carried(
    key: FractionKey, planned: PlannedDose, day: DayDose, anatomy: AnatomyOfDay
) -> AccumulatedDose | str:
    """Return the dose of a day in the planning anatomy, or why there is none."""
    try:
        return carried_home(f"fraction {key.number}", planned, day, anatomy.found)
    except (MissingEvidenceError, GeometryError) as error:
        return str(error)


def _says_the_same(kept: DoseRecord, again: DoseRecord) -> bool:
    return replace(again, computed_at=kept.computed_at, alerts=kept.alerts) == kept


def _memory_key(key: FractionKey, uid: str) -> tuple[str, str, int, str]:
    return "dose of the day", key.course_id, key.number, uid


def _not_shown(record: DoseRecord | None, outdated: str, computed: ComputedDose | None) -> str:
    if record is None:
        return NOT_COMPUTED
    if outdated:
        return outdated
    if computed is None:
        return NOT_KEPT
    return "" if computed.drawn is not None else "there is no dose to show: " + "; ".join(record.reasons)


def _outdated(stored: StoredFraction, record: DoseRecord, computed: ComputedDose | None) -> str:
    outdated = outdated_dose(stored, record)
    if outdated or computed is None:
        return outdated
    is_same = correction_of(stored, record.image_uid)[0] == computed.correction
    return "" if is_same else DECIDED_OTHERWISE


def setup_of(image: OpenImage) -> TreatmentSetup:
    """Say where isocentres are and how the patient lies on the day of an image."""
    planning = image.day.plan.planning
    return TreatmentSetup(
        planning.isocentre.xyz_mm, image.day.image.machine_isocentre_mm, planning.patient_position
    )


def _added_doubts(said: AssessmentRecord, anatomy: AnatomyOfDay) -> tuple[str, ...]:
    """Return what the records doubt about an anatomy beyond its own doubts: those about the rigid match."""
    added = (one for one in said.reasons if one not in anatomy.reasons)
    return tuple(one.removeprefix(LOOK_FIRST) for one in added)
