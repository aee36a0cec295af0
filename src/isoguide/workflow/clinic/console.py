"""What a console does with a fraction: at the desk, or in the room that is connected for its course.

Each step rests on what its user saw, and whoever listens is told of it, also where it failed but left the
fraction safer. What staff read and type at the desk, a connected room says by itself.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from isoguide.course import Accessory, ProtocolAction
from isoguide.errors import InputError, IsoguideError, MissingEvidenceError
from isoguide.geometry.frames import Array
from isoguide.geometry.iec61217 import TableTopPose
from isoguide.progress import Progress, silent
from isoguide.records import ConflictError, FractionKey, FractionLine
from isoguide.treatment.marks import MarksSetUp
from isoguide.treatment.refusals import RefusedError
from isoguide.treatment.states import Event, state_after
from isoguide.workflow.clinic.asked import (
    Asked,
    FractionNow,
    Given,
    RoomSummary,
    Signed,
    require_newest_image,
)
from isoguide.workflow.clinic.day_image import ImageSaid
from isoguide.workflow.clinic.desk import Desk
from isoguide.workflow.clinic.fraction_status import FractionStatus
from isoguide.workflow.clinic.hand_match import Movement
from isoguide.workflow.clinic.room_drive import RoomDrive
from isoguide.workflow.clinic.room_events import FractionChanged, RoomEvents, SecondLookAsked
from isoguide.workflow.clinic.second_look import PendingSignature, PendingSignatures
from isoguide.workflow.clinic.seen import Seen, require_seen


class Console:
    """The steps of fractions for all consoles of a service; may be shared by threads.

    Parameters
    ----------
    desk
        Of the department.
    events
        Is told of each new version of a fraction.
    drives
        The connected rooms, each with the course that is treated there.
    look_ahead
        Is told of course and fraction that somebody will look at: what is drawn can be read meanwhile.
    """

    def __init__(
        self,
        desk: Desk,
        events: RoomEvents,
        drives: Sequence[RoomDrive] = (),
        look_ahead: Callable[[str, int], None] | None = None,
    ) -> None:
        self._desk, self._events, self._look_ahead = desk, events, look_ahead
        self._drives = {drive.course_id: drive for drive in drives}
        self._signatures = PendingSignatures()

    @property
    def drives(self) -> tuple[RoomDrive, ...]:
        """The connected rooms."""
        return tuple(self._drives.values())

    def rooms(self) -> tuple[RoomSummary, ...]:
        """Return the connected rooms in a line each."""
        return tuple(map(RoomSummary.of, self.drives))

    def waiting(self) -> Mapping[FractionKey, PendingSignature]:
        """Return the first signatures that wait for a second person."""
        return {one.key: one for one in self._signatures.waiting(self._desk)}

    def fraction(self, key: FractionKey) -> FractionNow:
        """Return a fraction.

        Raises
        ------
        UnknownNameError
            If there is none.
        """
        status = self._desk_of(key.course_id).status(key.course_id, key.number)
        if status.stored.images and not status.state.is_final:
            self._looked_at_next(key)
        return self._now(status)

    def begin(
        self, key: FractionKey, accessories: Sequence[Accessory], *, by: str, reason: str = ""
    ) -> FractionNow:
        """Begin a fraction; see :meth:`Desk.begin`.

        Raises
        ------
        ConflictError
            If it is not the next one any more.
        """
        newest = self._newest(key.course_id)
        due = newest.key.number + 1 if newest is not None else 1
        if key.number != due:
            msg = f"the next fraction of course {key.course_id} is {due}, not {key.number}: look at it again"
            raise ConflictError(msg)
        seen = Seen(due - 1, newest.version if newest is not None else 0)
        with self._told(key.course_id, by):
            status = self._desk_of(key.course_id).begin(
                key.course_id, by=by, accessories=accessories, reason=reason, seen_version=seen
            )
        self._looked_at_next(key)
        return self._now(status)

    def marks(self, key: FractionKey, measured: Mapping[str, Array], couch: TableTopPose) -> MarksSetUp:
        """Return the first move of the couch from the marks; nothing is recorded.

        Raises
        ------
        ConflictError
            If this is not the newest fraction.
        """
        self._require_newest(key)
        return self._desk.marks(key.course_id, measured, couch)

    def set_up(self, asked: Asked, on_marks: TableTopPose | None = None) -> FractionNow:
        """Record the set-up position; a connected room lays the patient on his marks."""
        drive = self._drives.get(asked.course_id)
        with self._told(asked.course_id, asked.by):
            if drive is not None:
                return self._now(drive.set_up(by=asked.by, seen_version=asked.seen))
            status = self._desk.set_up(
                asked.course_id,
                by=asked.by,
                couch=asked.reading(),
                on_marks=on_marks,
                seen_version=asked.seen,
            )
            return self._now(status)

    def require_imaging(self, asked: Asked, *, has_export: bool) -> None:
        """Refuse at once what an image could only be refused for later.

        Raises
        ------
        ConflictError
            If somebody else changed the fraction.
        RefusedError
            If no image is possible in its state.
        MissingEvidenceError
            If it is not said where the image is, or where the couch is.
        """
        status = self._desk_of(asked.course_id).status(asked.course_id)
        require_seen(status.stored, asked.seen)
        state_after(status.state, Event.IMAGE)
        drive = self._drives.get(asked.course_id)
        if drive is not None and has_export:
            msg = f"{drive.room.name} takes the image of this fraction itself: give none"
            raise InputError(msg)
        if drive is None and not has_export:
            msg = "where the image is was not said: upload its folder, or name one of the inbox"
            raise MissingEvidenceError(msg)
        if drive is None:
            asked.reading()

    def image(
        self, asked: Asked, folder: Path | None, said: ImageSaid | None = None, progress: Progress = silent
    ) -> FractionNow:
        """Take the image that staff exported, or let the connected room take one; match it."""
        drive = self._drives.get(asked.course_id)
        self.require_imaging(asked, has_export=folder is not None)
        with self._told(asked.course_id, asked.by):
            if drive is not None:
                status = drive.image(by=asked.by, progress=progress, seen_version=asked.seen)
            else:
                assert folder is not None  # noqa: S101 - required above; tells the type checker
                status = self._desk.image(
                    asked.course_id,
                    folder,
                    by=asked.by,
                    couch=asked.reading(),
                    said=said,
                    progress=progress,
                    seen_version=asked.seen,
                )
        self._looked_at_next(asked.key)
        return self._now(status)

    def match_by_hand(
        self, asked: Asked, planning_from_daily: Array, image_uid: str, movements: Sequence[Movement]
    ) -> FractionNow:
        """Take what a person found for the match of the newest image.

        Raises
        ------
        ConflictError
            If another image is the newest one.
        """
        desk = self._desk_of(asked.course_id)
        require_newest_image(desk.status(asked.course_id), image_uid)
        with self._told(asked.course_id, asked.by):
            status = desk.match_by_hand(
                asked.course_id,
                planning_from_daily,
                by=asked.by,
                couch=self._couch(asked),
                movements=movements,
                seen_version=asked.seen,
            )
            return self._now(status)

    def approve(self, asked: Asked, signed: Signed) -> FractionNow:
        """Sign what is done about the newest match.

        Raises
        ------
        ConflictError
            If that is not the match that was looked at.
        """
        drive = self._drives.get(asked.course_id)
        self._require_looked_at(asked, signed)
        with self._told(asked.course_id, asked.by):
            if drive is not None:
                status = drive.approve(
                    by=signed.by, action=signed.action, reason=signed.reason, seen_version=asked.seen
                )
            else:
                status = self._desk.approve(
                    asked.course_id,
                    by=signed.by,
                    couch=asked.couch,
                    action=signed.action,
                    reason=signed.reason,
                    seen_version=asked.seen,
                )
            return self._now(status)

    def ask_second(self, asked: Asked, signed: Signed) -> FractionNow:
        """Sign first, and let a second person answer elsewhere.

        Raises
        ------
        InputError
            If not one person signs.
        ConflictError
            If that is not the match that was looked at.
        """
        if len(signed.by) != 1:
            msg = f"one person asks for a second signature, not {len(signed.by)}: give one signature"
            raise InputError(msg)
        self._require_looked_at(asked, signed)
        with self._told(asked.course_id, asked.by):
            pending = self._signatures.ask(
                self._desk_of(asked.course_id),
                asked.course_id,
                by=signed.by[0],
                action=signed.action,
                reason=signed.reason,
                seen_version=asked.seen,
            )
        self._events.publish(
            SecondLookAsked(pending.key.course_id, pending.key.number, pending.asked_by.name)
        )
        return self.fraction(asked.key)

    def answer_second(self, asked: Asked, by: str, *, agrees: bool, reason: str = "") -> FractionNow:
        """Sign second, or say with a reason that one does not agree: then nothing waits any more.

        Raises
        ------
        RefusedError
            If no signature waits, or this person may not be the second one.
        """
        pending = self.waiting().get(asked.key)
        if pending is None:
            msg = f"no signature waits in {asked.key}: it expired, or the fraction changed; look at it again"
            raise RefusedError(msg)
        with self._told(asked.course_id, asked.by):
            if agrees:
                desk, couch = self._desk_of(asked.course_id), self._couch_if_said(asked)
                status = self._signatures.answer(desk, pending.token, by=by, couch=couch)
            else:
                status = self._disagree(asked, pending, by, reason)
        self._events.publish(SecondLookAsked(pending.key.course_id, pending.key.number, by, is_waiting=False))
        return self._now(status)

    def _disagree(self, asked: Asked, pending: PendingSignature, by: str, reason: str) -> FractionStatus:
        if not reason.strip():
            msg = f"'{pending.action}' is not agreed to without a reason: say why"
            raise InputError(msg)
        status = self._desk_of(asked.course_id).approve(
            asked.course_id,
            by=[by],
            couch=None,
            action=ProtocolAction.SECOND_LOOK,
            reason=f"does not agree to '{pending.action}' of {pending.asked_by.name}: {reason.strip()}",
            seen_version=asked.seen,
        )
        self._signatures.withdraw(pending.token)
        return status

    def move_couch(self, asked: Asked) -> FractionNow:
        """Let the connected room drive the couch by the order, or take the reading of staff who drove it."""
        drive = self._drives.get(asked.course_id)
        with self._told(asked.course_id, asked.by):
            if drive is not None:
                return self._now(drive.carry_out(by=asked.by, seen_version=asked.seen))
            status = self._desk.move(
                asked.course_id, by=asked.by, couch=asked.reading(), seen_version=asked.seen
            )
            return self._now(status)

    def deliver(self, asked: Asked, given: Sequence[Given]) -> FractionNow:
        """Record what staff read of the delivery.

        Raises
        ------
        RefusedError
            If a connected room records it by itself.
        """
        drive = self._drives.get(asked.course_id)
        if drive is not None:
            msg = f"{drive.room.name} records by itself what it delivers: turn its beam on"
            raise RefusedError(msg)
        beams = self._desk.records.course(asked.course_id).simulation.beams
        deliveries = [one.record(beams) for one in given]
        with self._told(asked.course_id, asked.by):
            status = self._desk.deliver(
                asked.course_id, deliveries, by=asked.by, couch=asked.reading(), seen_version=asked.seen
            )
            return self._now(status)

    def beam_on(self, asked: Asked) -> FractionNow:
        """Turn the beam of a connected room on; its console has to say from now on that it is there."""
        drive = self._require_drive(asked.course_id)
        with self._told(asked.course_id, asked.by):
            return self._now(drive.beam_on(by=asked.by, session=asked.session, seen_version=asked.seen))

    def resume(self, asked: Asked) -> FractionNow:
        """Turn the beam of a connected room on again after a hold."""
        drive = self._require_drive(asked.course_id)
        with self._told(asked.course_id, asked.by):
            return self._now(drive.resume(by=asked.by, session=asked.session, seen_version=asked.seen))

    def hold(self, course_id: str, *, by: str, reason: str) -> FractionNow:
        """Hold the beam of a connected room, whatever anybody saw."""
        drive = self._require_drive(course_id)
        with self._told(course_id, by):
            return self._now(drive.hold(reason=reason, by=by))

    def stop(self, key: FractionKey, *, by: str, reason: str) -> FractionNow:
        """End the fraction without more beam; a beam that is on is held first.

        Raises
        ------
        ConflictError
            If this is not the newest fraction, and no beam is on.
        """
        drive = self._drives.get(key.course_id)
        if drive is None or not drive.is_watched(key.course_id):
            self._require_newest(key)
        with self._told(key.course_id, by):
            if drive is not None:
                return self._now(drive.stop(reason=reason, by=by))
            return self._now(self._desk.stop(key.course_id, by=by, reason=reason))

    def heartbeat(self, course_id: str, session: str) -> bool:
        """Say that a console is there; False when no beam waits for the word of this one."""
        drive = self._drives.get(course_id)
        return drive is not None and drive.heartbeat(session)

    def _looked_at_next(self, key: FractionKey) -> None:
        if self._look_ahead is not None:
            self._look_ahead(key.course_id, key.number)

    def _now(self, status: FractionStatus) -> FractionNow:
        drive = self._drives.get(status.key.course_id)
        room = drive.room.name if drive is not None else None
        return FractionNow(status, room, self.waiting().get(status.key))

    def _desk_of(self, course_id: str) -> Desk:
        drive = self._drives.get(course_id)
        return drive.desk if drive is not None else self._desk

    def _couch(self, asked: Asked) -> TableTopPose:
        drive = self._drives.get(asked.course_id)
        return drive.room.couch().pose if drive is not None else asked.reading()

    def _couch_if_said(self, asked: Asked) -> TableTopPose | None:
        return self._couch(asked) if asked.course_id in self._drives else asked.couch

    def _require_drive(self, course_id: str) -> RoomDrive:
        drive = self._drives.get(course_id)
        if drive is None:
            msg = f"no room is connected for course {course_id}: work at the console of its machine"
            raise RefusedError(msg)
        return drive

    def _require_looked_at(self, asked: Asked, signed: Signed) -> None:
        signed.require_looked_at(self._desk_of(asked.course_id).status(asked.course_id))

    def _newest(self, course_id: str) -> FractionLine | None:
        return self._desk.records.newest_fraction(course_id)

    def _require_newest(self, key: FractionKey) -> None:
        newest = self._newest(key.course_id)
        if newest is None or newest.key != key:
            there = f"fraction {newest.key.number} is the newest one" if newest else "none was begun"
            msg = f"{key} was looked at, and {there}: look at it again, nothing was done"
            raise ConflictError(msg)

    @contextmanager
    def _told(self, course_id: str, by: str) -> Iterator[None]:
        """Tell who listens when the block has changed the fraction, whether it ended well or not."""
        # A connected room knows what was shown last: its beam is held without asking the records first.
        drive = self._drives.get(course_id)
        before = self._newest(course_id) if drive is None else None
        try:
            yield
        finally:
            with suppress(IsoguideError):  # who listens looks again; the step is what counts
                if drive is not None:
                    drive.refresh()  # which tells of it where it is new
                else:
                    self._tell(before, course_id, by)

    def _tell(self, before: FractionLine | None, course_id: str, by: str) -> None:
        after = self._newest(course_id)
        if after is not None and after != before:
            key = after.key
            self._events.publish(
                FractionChanged(key.course_id, key.number, after.version, str(after.state), by)
            )
