"""All that one fraction has to remember, as one immutable value.

Every step makes a new memory, gives it to the sink together with its line of the journal, and only then lets
it count. With the last memory that was kept a fraction goes on after a power cut
(:meth:`~isoguide.treatment.fraction.Fraction.resume_from`): times are absolute, so an image or an approval is
not younger for it.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime

from isoguide.geometry.correction import CouchCorrection
from isoguide.geometry.iec61217 import TableTopPose
from isoguide.treatment.journal import Entry
from isoguide.treatment.match import Match
from isoguide.treatment.orders import OrderBook
from isoguide.treatment.ports import BeamStatus, Exposure
from isoguide.treatment.states import State


@dataclass(frozen=True, slots=True)
class Place:
    """The verified position: where the couch has to stay, and what it rests on.

    ``image_uid`` is the image that called for it, empty on a day without one; ``shown_by_image`` says whether
    an image has shown the patient there.
    """

    pose: TableTopPose
    shown_by_image: bool
    image_uid: str = ""


@dataclass(frozen=True, slots=True)
class BeamMemory:
    """What is known of the beam: whether it may be on, whether it was used, and the last status believed."""

    may_be_on: bool = False
    was_used: bool = False
    last: BeamStatus | None = None


@dataclass(frozen=True, slots=True, eq=False)
class FractionMemory:
    """One fraction at one moment.

    Parameters
    ----------
    state
        Of the table.
    began_at, couch_stopped_at
        When the patient was being set up, and when the couch last stopped.
    destination
        Where the couch was last sent.
    exposures
        How many images were asked for, valid or not.
    known_uids
        Of all images seen, those of earlier fractions included.
    images, matches, corrections
        Valid images, what they said, and the corrections that the couch was sent to make, in order.
    orders
        Approved corrections.
    place
        The verified position, None while there is none.
    holds, held_at, hold_reason, held_by_fault
        How often the beam was held, and the last time.
    held_to_realign
        True when the gate asked for that hold because the target is elsewhere.
    beam
        What is known of it.
    """

    state: State
    began_at: datetime
    couch_stopped_at: datetime
    destination: TableTopPose
    held_at: datetime
    exposures: int = 0
    known_uids: frozenset[str] = frozenset()
    images: tuple[Exposure, ...] = ()
    matches: tuple[Match, ...] = ()
    corrections: tuple[CouchCorrection, ...] = ()
    orders: OrderBook = field(default_factory=OrderBook)
    place: Place | None = None
    holds: int = 0
    hold_reason: str = ""
    held_by_fault: bool = False
    held_to_realign: bool = False
    beam: BeamMemory = field(default_factory=BeamMemory)

    @classmethod
    def at_start(
        cls, now: datetime, set_up_pose: TableTopPose, known_uids: Iterable[str]
    ) -> "FractionMemory":
        """Return the memory of a fraction in which nothing has happened."""
        return cls(State.PREPARED, now, now, set_up_pose, now, known_uids=frozenset(known_uids))


Sink = Callable[[Entry, FractionMemory], None]
"""Where each step goes at once, such as a record: the line of the journal, and the memory after it.

Before the couch moves or the beam is turned on it is called first: when it raises, they do not. When the beam
is held it is called afterwards: when it raises then, the beam is off already.
"""


def no_sink(_entry: Entry, _memory: FractionMemory) -> None:
    """Keep nothing beyond the memory of this process."""
