"""A fraction step by step where staff work at the machine's own console: each step one call, one record.

Every call takes up the fraction from the records, makes one step of it behind all guards of
:mod:`isoguide.treatment`, and answers with where it is now. When a call raises, nothing was done, except that
what makes the fraction safer (a couch not in place, an image that does not count) is recorded.

Every step may say what its user saw (:class:`~isoguide.workflow.clinic.seen.Seen`): where somebody else
changed the fraction since, it raises :class:`~isoguide.records.ConflictError` and nothing is done. Of two
steps at the same moment the records take one, and the other raises it too.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np

from isoguide.course import Accessory, DeliveryRecord, ProtocolAction
from isoguide.errors import InputError
from isoguide.geometry.correction import CouchCorrection
from isoguide.geometry.frames import Array
from isoguide.geometry.iec61217 import TableTopPose
from isoguide.progress import Progress, part_of, silent
from isoguide.records import ConflictError, Records
from isoguide.records.image_store import ImageStore
from isoguide.treatment import Fraction, State
from isoguide.treatment.accessories import require_couch_index, require_same_accessories
from isoguide.treatment.marks import MarkLimits, MarksSetUp, set_up_from_marks
from isoguide.treatment.offline import imaging_day
from isoguide.treatment.protocol_limits import fraction_limits
from isoguide.treatment.refusals import RefusedError
from isoguide.treatment.signatures import require_signatures
from isoguide.workflow.clinic.course_planning import (
    planning_hashes,
    planning_of,
    prepared_for,
    stored_files,
)
from isoguide.workflow.clinic.day_image import ImageSaid, read_taken_image
from isoguide.workflow.clinic.desk_checks import require_offline_made, require_planned_beams
from isoguide.workflow.clinic.desk_room import DeskClock
from isoguide.workflow.clinic.fraction_status import FractionStatus, status_of
from isoguide.workflow.clinic.hand_match import Movement, hand_match
from isoguide.workflow.clinic.kept_fraction import KeptFraction, kept_text, read_kept
from isoguide.workflow.clinic.kept_image import keep_image
from isoguide.workflow.clinic.open_fraction import (
    DELIVERY_WRITTEN,
    OpenFraction,
    Told,
    open_fraction,
    protocol_of,
    require_no_delivery_under_way,
    take_up,
)
from isoguide.workflow.clinic.recorder import FractionRecorder, StoredImage
from isoguide.workflow.clinic.seen import (
    Seen,
    SeenVersion,
    begun_meanwhile,
    require_newest_seen,
    require_seen,
)
from isoguide.workflow.clinic.signing import Signing, approver_of, signing_of
from isoguide.workflow.same_plan import require_same_plan

_STOPS_TRIED: Final = 5
"""So often a stop is tried while others go on with the fraction: each other step takes longer than a try."""
_STOP_WAITS_S: Final = 0.1


def _never(_course_id: str) -> bool:
    return False


@dataclass(frozen=True, slots=True)
class Desk:
    """The desk of a department.

    Parameters
    ----------
    records, store
        Its records and images.
    clock
        Of the work station.
    is_watched
        Says whether the beam of a course is on and watched by a connected room: no step of the desk is
        possible then.
    """

    records: Records
    store: ImageStore
    clock: DeskClock
    is_watched: Callable[[str], bool] = _never

    def begin(
        self,
        course_id: str,
        *,
        by: str,
        accessories: Sequence[Accessory],
        planning: Path | None = None,
        reason: str = "",
        seen_version: SeenVersion = None,
    ) -> FractionStatus:
        """Begin the next fraction: compare plan and accessories, and ask the schedule about today.

        Parameters
        ----------
        course_id, by
            Which course, and who begins.
        accessories
            What is on the couch.
        planning
            The planning export as it is today, to see that the plan was not replaced.
        reason
            Why there is one more than planned.
        seen_version
            The newest fraction that the user saw, 0 where there was none.

        Raises
        ------
        ConflictError
            If somebody else began a fraction meanwhile.
        MismatchError
            If the planning export is not the one that was registered.
        RefusedError
            If the accessories are not those of the simulation.
        InputError
            If another fraction goes on, or the course has ended.
        """
        self.records.person(by)
        course = self.records.course(course_id)
        require_newest_seen(course, seen_version)
        if planning is not None:
            require_same_plan(course.simulation, planning)
        require_same_accessories(course.simulation.accessories, accessories)
        protocol = protocol_of(course)
        number = len(course.fractions) + 1
        today = imaging_day(protocol.schedule, self._measured(course_id), number)
        moved = bool(np.any(today.offline_mm != 0.0))
        kept = KeptFraction(
            no_image_because="" if today.is_due else today.why,
            offline=CouchCorrection(*map(float, today.offline_mm)) if moved else None,
        )
        try:
            self.records.begin_fraction(course_id, number, by=by, memory=kept_text(kept), reason=reason)
        except InputError as error:
            if len(self.records.course(course_id).fractions) >= number:
                raise begun_meanwhile(self.records.fraction(course_id, number)) from error
            raise
        return self.status(course_id)

    def _measured(self, course_id: str) -> list[tuple[int, Array]]:
        """Return the set-up errors relative to the marks, (3,) mm, by fraction."""
        found = []
        for history in self.records.histories(course_ids=[course_id]):
            for one in history.fractions:
                if one.measured is not None:
                    offline_mm = one.offline.shift_mm if one.offline is not None else np.zeros(3)
                    found.append((one.number, -(one.measured.shift_mm + offline_mm)))
        return found

    def marks(self, course_id: str, measured: Mapping[str, Array], couch: TableTopPose) -> MarksSetUp:
        """Return the first move of the couch from where the marks are measured; nothing is recorded.

        Raises
        ------
        InputError
            As :func:`isoguide.treatment.marks.set_up_from_marks`.
        """
        course = self.records.course(course_id)
        simulation = course.simulation
        return set_up_from_marks(
            simulation.marks,
            measured,
            isocentre_mm=simulation.isocentre_mm,
            patient_position=simulation.patient_position,
            pose=couch,
            limits=MarkLimits(couch=fraction_limits(protocol_of(course)).couch),
        )

    def set_up(
        self,
        course_id: str,
        *,
        by: str,
        couch: TableTopPose,
        on_marks: TableTopPose | None = None,
        seen_version: SeenVersion = None,
    ) -> FractionStatus:
        """Record the set-up position.

        Parameters
        ----------
        course_id, by
            Which course, and who set the patient up.
        couch
            As it is read now, the systematic correction of today made.
        on_marks
            As it was read with the patient on his marks; needed where there is a systematic correction.
        seen_version
            What the user saw.

        Raises
        ------
        PositionError
            If the couch is not where marks and systematic correction bring it, or far from where it stood in
            the first fraction.
        """
        self.records.person(by)
        opened = self._open(course_id, seen_version)
        require_offline_made(opened, couch, on_marks)
        first = self.first_set_up(course_id) or opened.simulation.planned_couch
        if first is not None:
            require_couch_index(first, couch)
        kept = replace(opened.kept, set_up_pose=couch)
        fraction, _ = self._take_up(replace(opened, kept=kept), Told(by, couch))
        fraction.set_up()
        return self.status(course_id)

    def first_set_up(self, course_id: str) -> TableTopPose | None:
        """Return where the couch stood at the first set-up of a course, None before that has ended."""
        for line in self.records.course(course_id).fractions:
            stored = self.records.fraction(course_id, line.key.number)
            kept = read_kept(stored.memory, str(line.key))
            if kept.set_up_pose is not None and kept.offline is None and line.ended_at is not None:
                return kept.set_up_pose
        return None

    def image(
        self,
        course_id: str,
        folder: Path,
        *,
        by: str,
        couch: TableTopPose,
        said: ImageSaid | None = None,
        progress: Progress = silent,
        seen_version: SeenVersion = None,
    ) -> FractionStatus:
        """Take the image that staff exported, keep its files, match it, and ask the protocol.

        Parameters
        ----------
        course_id, by
            Which course, and who took it.
        folder
            The exported image: a CT, radiographs or an ultrasound volume.
        couch
            As it is read now; the image has to be of that position.
        said
            What its files do not say.
        progress
            Told what is done.
        seen_version
            What the user saw.

        Raises
        ------
        RefusedError
            If the image does not show this patient as he lies now, or none is left.
        InputError
            If it cannot be used.
        """
        self.records.person(by)
        opened = self._open(course_id, seen_version)
        with stored_files(self.store, planning_hashes(opened.simulation)) as plan_folder:
            planning = planning_of(opened.course, plan_folder, part_of(progress, 0.0, 0.3))
            said = said or ImageSaid()
            taken = read_taken_image(
                planning,
                folder,
                said,
                protocol=opened.protocol,
                couch=couch,
                progress=part_of(progress, 0.3, 0.5),
            )
            progress(0.5, "Preparing the planning image")
            prepared = prepared_for(
                planning, opened.protocol, opened.simulation, taken.views, taken.reference
            )
        progress(0.8, "Matching")
        kept = replace(opened.kept, target_points_mm=prepared.target_points_mm)
        opened = replace(opened, kept=kept)
        fraction, recorder = self._take_up(opened, Told(by, couch, taken.image, prepared))
        dose = said.dose
        recorder.keep_files(taken.image.uid, lambda: StoredImage(keep_image(self.store, taken, said), dose))
        fraction.image(since=fraction.memory.couch_stopped_at)
        fraction.align()
        progress(1.0, "Done")
        return self.status(course_id)

    def match_by_hand(
        self,
        course_id: str,
        planning_from_daily: Array,
        *,
        by: str,
        couch: TableTopPose,
        movements: Sequence[Movement] = (),
        seen_version: SeenVersion = None,
    ) -> FractionStatus:
        """Take what a person found for the match of the newest image, and ask the protocol again.

        Parameters
        ----------
        course_id, by
            Which course, and who matched.
        planning_from_daily
            (4, 4), daily LPS to planning LPS.
        couch
            As it is read now; it has to be where it was at the image.
        movements
            How it was found, in order: they stand in the audit. The last one has to end at the pose given.
        seen_version
            What the user saw.

        Raises
        ------
        RefusedError
            If no match waits for a decision, the image is too old or the couch was moved.
        InputError
            If the matrix is not rigid, or the movements do not lead to it.
        """
        person = self.records.person(by)
        opened = self._open(course_id, seen_version)
        found = hand_match(opened, planning_from_daily, by, movements)
        fraction, recorder = self._take_up(opened, Told(by, couch))
        recorder.note_beside(found.note)
        fraction.match_by_hand(found.planning_from_daily, person, found.words)
        return self.status(course_id)

    def match_by_engine(
        self, course_id: str, *, by: str, couch: TableTopPose, seen_version: SeenVersion = None
    ) -> FractionStatus:
        """Go back from a match by hand to the engine's match of the newest image.

        Raises
        ------
        RefusedError
            If the engine's match stands, the image is too old or the couch was moved.
        """
        person = self.records.person(by)
        fraction, _ = self._take_up(self._open(course_id, seen_version), Told(by, couch))
        fraction.match_by_engine(person)
        return self.status(course_id)

    def who_may_sign(self, course_id: str) -> Signing:
        """Return what may be chosen about the newest match now, and whose signatures each choice needs."""
        return signing_of(open_fraction(self.records, course_id), self.clock.now())

    def approve(
        self,
        course_id: str,
        *,
        by: Sequence[str],
        couch: TableTopPose | None,
        action: ProtocolAction | None = None,
        reason: str = "",
        seen_version: SeenVersion = None,
    ) -> FractionStatus:
        """Sign what is done about the newest match.

        Parameters
        ----------
        course_id
            Which course.
        by
            Who signs: one, or two for a second look.
        couch
            As it is read now; it has to be where it was at the image.
        action
            What is done; what the protocol says when None.
        reason
            Why, where it is not what the protocol says.
        seen_version
            What those who sign saw.

        Raises
        ------
        RefusedError
            If a signature or a reason is missing, or nobody may do it.
        """
        people = [self.records.person(name) for name in by]
        opened = self._open(course_id, seen_version)
        fraction, recorder = self._take_up(opened, Told(by[0] if by else "", couch))
        decision = opened.decision
        if decision is None:
            msg = f"{opened.stored.line.key} has no match to decide about: take an image"
            raise RefusedError(msg)
        wanted = action or (
            decision.agreed if decision.action is ProtocolAction.SECOND_LOOK else decision.action
        )
        record = require_signatures(opened.protocol, decision, wanted or decision.action, people, reason)
        recorder.decide(record)
        approver = approver_of(record, people)
        match ProtocolAction(record.action):
            case ProtocolAction.CORRECT:
                fraction.approve(approver)
            case ProtocolAction.NO_CORRECTION:
                fraction.confirm(approver)
            case ProtocolAction.REPOSITION:
                fraction.reposition(record.rule)
            case ProtocolAction.STOP:
                fraction.stop(record.reason or record.rule)
            case _:
                recorder.note(fraction.memory)
        recorder.require_written()
        return self.status(course_id)

    def move(
        self, course_id: str, *, by: str, couch: TableTopPose, seen_version: SeenVersion = None
    ) -> FractionStatus:
        """Record that the couch was driven by the order, and read it back.

        Raises
        ------
        PositionError
            If it is not where the order sends it: the position does not count, and only a new image helps.
        RefusedError
            If there is no valid order.
        """
        self.records.person(by)
        opened = self._open(course_id, seen_version)
        fraction, _ = self._take_up(opened, Told(by, couch))
        if fraction.state is State.APPROVED:
            # The guard before a move asks whether the couch is where it was at the image; here it was moved
            # before anybody told, so what it said then stands, and the read-back decides.
            order = fraction.order
            at_image = order.couch_at_image if order is not None else couch
            before, _ = self._take_up(opened, Told(by, at_image))
            before.move_couch(order.token if order is not None else "")
            moved = Seen(opened.stored.line.key.number, opened.stored.version + 1)
            fraction, _ = self._take_up(self._open(course_id, moved), Told(by, couch))
        fraction.verify()
        return self.status(course_id)

    def deliver(
        self,
        course_id: str,
        deliveries: Sequence[DeliveryRecord],
        *,
        by: str,
        couch: TableTopPose,
        seen_version: SeenVersion = None,
    ) -> FractionStatus:
        """Record what the machine delivered, and close the fraction when that was all.

        Parameters
        ----------
        course_id, by
            Which course, and who treated.
        deliveries
            Per beam that was begun, since the last time something was delivered.
        couch
            As it was read before the beam.
        seen_version
            What the user saw.

        Raises
        ------
        RefusedError
            If the position is not verified, or the image is too old.
        InputError
            If a beam is not in the plan.
        """
        self.records.person(by)
        opened = self._open(course_id, seen_version)
        require_planned_beams(opened.simulation, deliveries)
        given_mu = opened.stored.summary.delivered_mu + sum(one.delivered_mu for one in deliveries)
        fraction, recorder = self._take_up(opened, Told(by, couch, delivered_mu=given_mu))
        recorder.deliver(deliveries)
        if fraction.state is State.SET_UP:
            fraction.treat_without_image()
        if fraction.turn_beam_on() is State.BEAM_ON and fraction.watch() is State.DELIVERED:
            fraction.close()
        recorder.require_written()
        return self.status(course_id)

    def stop(
        self, course_id: str, *, by: str, reason: str, seen_version: SeenVersion = None
    ) -> FractionStatus:
        """End the fraction without more beam.

        Without ``seen_version`` it goes through whatever others do meanwhile.

        Raises
        ------
        ConflictError
            If somebody else changed what the user saw.
        InputError
            If no reason is given.
        """
        self.records.person(by)
        if not reason.strip():
            msg = "a fraction is stopped with a reason: say why"
            raise InputError(msg)
        self._require_unwatched(course_id)
        self._let_delivery_be_written(course_id)
        for tries_left in reversed(range(_STOPS_TRIED)):
            fraction, recorder = self._take_up_unwatched(self._open(course_id, seen_version), Told(by))
            fraction.stop(reason)
            try:
                recorder.require_written()
                break
            except ConflictError:
                if tries_left == 0:
                    raise
        return self.status(course_id)

    def status(self, course_id: str, number: int | None = None) -> FractionStatus:
        """Return where the newest fraction is, or one by its number.

        Raises
        ------
        MissingEvidenceError
            If there is none.
        """
        return status_of(open_fraction(self.records, course_id, number), self.clock.now())

    def _open(self, course_id: str, seen: SeenVersion) -> OpenFraction:
        """Return the newest fraction, if it is what the user saw."""
        opened = open_fraction(self.records, course_id)
        require_seen(opened.stored, seen)
        return opened

    def _require_unwatched(self, course_id: str) -> None:
        if self.is_watched(course_id):
            msg = f"the beam of course {course_id} is on and is being watched: hold it before anything else"
            raise RefusedError(msg)

    def _let_delivery_be_written(self, course_id: str) -> None:
        """Wait until no delivery is being written, but not for long: what was given would not be recorded."""
        for _ in range(round(DELIVERY_WRITTEN.total_seconds() / _STOP_WAITS_S)):
            try:
                require_no_delivery_under_way(open_fraction(self.records, course_id).stored, self.clock)
            except ConflictError:
                time.sleep(_STOP_WAITS_S)
            else:
                return

    def _take_up(self, opened: OpenFraction, told: Told) -> tuple[Fraction, FractionRecorder]:
        require_no_delivery_under_way(opened.stored, self.clock)
        return self._take_up_unwatched(opened, told)

    def _take_up_unwatched(self, opened: OpenFraction, told: Told) -> tuple[Fraction, FractionRecorder]:
        self._require_unwatched(opened.stored.line.key.course_id)
        return take_up(self.records, self.clock, opened, told)
