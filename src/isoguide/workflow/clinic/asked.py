"""What somebody at a console asks for, and what a console is shown of a fraction."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from isoguide.course import DeliveryRecord, PlannedBeam, ProtocolAction
from isoguide.errors import InputError, MissingEvidenceError
from isoguide.geometry.iec61217 import TableTopPose
from isoguide.records import ConflictError, FractionKey
from isoguide.workflow.clinic.fraction_status import FractionStatus
from isoguide.workflow.clinic.room_drive import RoomDrive
from isoguide.workflow.clinic.second_look import PendingSignature
from isoguide.workflow.clinic.seen import Seen


@dataclass(frozen=True, slots=True)
class Asked:
    """A step that somebody asks for.

    Parameters
    ----------
    key, version
        The fraction as the user saw it.
    by
        User name.
    couch
        As staff read it; None where a connected room answers.
    session
        Of the console, by which it is known when it watches a beam.
    """

    key: FractionKey
    version: int
    by: str
    couch: TableTopPose | None = None
    session: str = ""

    @property
    def course_id(self) -> str:
        """Of which course."""
        return self.key.course_id

    @property
    def seen(self) -> Seen:
        """What the step rests on."""
        return Seen(self.key.number, self.version)

    def reading(self) -> TableTopPose:
        """Return where staff read the couch.

        Raises
        ------
        MissingEvidenceError
            If they did not say.
        """
        if self.couch is None:
            msg = "where the couch is was not said, and no connected room says it: read it at the machine"
            raise MissingEvidenceError(msg)
        return self.couch


@dataclass(frozen=True, slots=True)
class Signed:
    """What is signed about a match.

    Parameters
    ----------
    by
        User names of those who gave their passwords for it.
    action, reason
        What is done, and why where the protocol says otherwise.
    image_uid, match_index
        Which match was looked at: of which image, and which of the fraction's matches, counted from 0.
    """

    by: tuple[str, ...]
    action: ProtocolAction
    reason: str
    image_uid: str
    match_index: int

    def require_looked_at(self, status: FractionStatus) -> None:
        """Refuse a signature under another match than the newest one.

        Raises
        ------
        ConflictError
            If it is of another one.
        """
        require_newest_image(status, self.image_uid)
        if self.match_index != len(status.stored.matches) - 1:
            msg = f"another match than the newest one of {status.key} was looked at: look at it again"
            raise ConflictError(msg)


@dataclass(frozen=True, slots=True)
class Given:
    """What staff read of one beam; ``ended`` as :class:`isoguide.course.DeliveryRecord` has it."""

    beam_number: int
    delivered_mu: float
    ended: str

    def record(self, beams: Sequence[PlannedBeam]) -> DeliveryRecord:
        """Return it with what the plan says of the beam.

        Raises
        ------
        InputError
            If the plan has no such beam.
        """
        for beam in beams:
            if beam.number == self.beam_number:
                return DeliveryRecord(beam.number, beam.name, beam.meterset_mu, self.delivered_mu, self.ended)
        known = ", ".join(f"{one.number} ({one.name})" for one in beams)
        msg = f"the plan has no treatment beam {self.beam_number}; it has {known}"
        raise InputError(msg)


@dataclass(frozen=True, slots=True)
class RoomSummary:
    """A connected room in a line: whether it can be used, and what it does or why not, in words."""

    name: str
    is_ready: bool
    words: str
    course_id: str

    @classmethod
    def of(cls, drive: RoomDrive) -> Self:
        """Return the line of a room."""
        preparation = drive.room.preparation
        words = preparation.words
        if preparation.is_ready:
            beam = drive.room.look().beam
            words = "the machine does not answer" if beam is None else words
            words = "the beam is on" if beam is not None and beam.is_on else words
        return cls(drive.room.name, preparation.is_ready, words, drive.course_id)


@dataclass(frozen=True, slots=True, eq=False)
class FractionNow:
    """A fraction, the connected room that answers for it, and the first signature that waits in it."""

    status: FractionStatus
    room: str | None
    waiting: PendingSignature | None


def require_newest_image(status: FractionStatus, image_uid: str) -> None:
    """Refuse what rests on another image than the newest one that was matched.

    Raises
    ------
    ConflictError
        If it does.
    """
    newest = status.stored.matches[-1].image_uid if status.stored.matches else ""
    if image_uid != newest:
        msg = f"another image than the newest one of {status.key} was looked at: look at it again"
        raise ConflictError(msg)
