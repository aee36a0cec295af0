"""What the steps of a fraction share: the journal, the time, the couch as it is read, the way to stop."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from isoguide.errors import DeviceError
from isoguide.geometry.correction import CouchCorrection
from isoguide.geometry.iec61217 import TableTopPose
from isoguide.treatment.beam_guard import BeamGuard
from isoguide.treatment.couch_check import out_of_place
from isoguide.treatment.freshness import require_young
from isoguide.treatment.journal import Entry, JournalSink, Timeline, no_sink
from isoguide.treatment.limits import FractionLimits
from isoguide.treatment.match import Match, PlannedPosition
from isoguide.treatment.orders import CouchOrder, OrderBook
from isoguide.treatment.ports import DayImage, Room
from isoguide.treatment.refusals import ClockError, PositionError, RefusedError
from isoguide.treatment.states import Event, State, state_after
from isoguide.treatment.words import in_words

TOWARDS_SAFETY: Final = frozenset(
    {Event.HOLD, Event.STOP, Event.LOSE_IMAGE, Event.MISS, Event.WITHDRAW, Event.DELIVER}
)
"""These happen even when they cannot be written to the journal's sink; every other step then does not."""


@dataclass(frozen=True, slots=True)
class Place:
    """The verified position: where the couch has to stay, and whether an image has shown it."""

    pose: TableTopPose
    shown_by_image: bool


class Session:
    """The memory of one fraction; :class:`isoguide.treatment.fraction.Fraction` makes the steps."""

    def __init__(
        self,
        planned: PlannedPosition,
        room: Room,
        limits: FractionLimits | None = None,
        *,
        sink: JournalSink = no_sink,
        known_uids: Iterable[str] = (),
    ) -> None:
        self.planned, self.limits = planned, limits or FractionLimits()
        self._room, self._sink, self._known_uids = room, sink, set(known_uids)
        self._timeline = Timeline(room.clock)
        self._beam = BeamGuard(room.beam, self._timeline, self.limits.beam)
        self._orders = OrderBook()
        self._began_at = self._couch_stopped_at = self._timeline.latest
        self._state = State.PREPARED
        self._journal: list[Entry] = []
        self._images: list[DayImage] = []
        self._matches: list[Match] = []
        self._corrections: list[CouchCorrection] = []
        self._exposures = self._holds = 0
        self._order: CouchOrder | None = None
        self._destination = planned.set_up_pose
        self._place: Place | None = None
        self._held_by_fault, self._hold_reason, self._held_at = False, "", self._timeline.latest

    @property
    def state(self) -> State:
        """Where the fraction is."""
        return self._state

    @property
    def journal(self) -> tuple[Entry, ...]:
        """Everything that happened, in order."""
        return tuple(self._journal)

    @property
    def reason(self) -> str:
        """Why the fraction is in its state: the detail of the last entry, empty before the first."""
        return self._journal[-1].detail if self._journal else ""

    @property
    def images(self) -> tuple[DayImage, ...]:
        """The images that were valid when taken, in order."""
        return tuple(self._images)

    @property
    def matches(self) -> tuple[Match, ...]:
        """What they said, in order."""
        return tuple(self._matches)

    @property
    def corrections(self) -> tuple[CouchCorrection, ...]:
        """The corrections that the couch was sent to make, in order."""
        return tuple(self._corrections)

    @property
    def images_left(self) -> int:
        """How many exposures this fraction may still have."""
        return self.limits.images - self._exposures

    @property
    def order(self) -> CouchOrder | None:
        """The order that was approved last, carried out or not."""
        return self._order

    @property
    def place(self) -> Place | None:
        """The verified position, None while there is none."""
        return self._place

    @property
    def needs_image_of_position(self) -> bool:
        """True when the limits ask for an image of the corrected position and there is none yet."""
        shown = self._place is not None and self._place.shown_by_image
        return self.limits.verify_with_image and not shown

    @property
    def held_by_fault(self) -> bool:
        """True when the last hold was not asked for: the beam may then go on only after a new image."""
        return self._held_by_fault

    @property
    def delivered_mu(self) -> float:
        """Meterset delivered, as the machine last said; after a lost link it may be more."""
        return self._beam.last.delivered_mu if self._beam.last is not None else 0.0

    @property
    def beam_may_be_on(self) -> bool:
        """False when the beam was never turned on or the machine has said that it is off."""
        return self._beam.may_be_on

    def stop(self, reason: str) -> State:
        """End the fraction with the beam off. Never raises; harmless when it has ended already."""
        if self._state.is_final:
            return self._state
        words = reason.strip() or "no reason was given"
        if self._beam.may_be_on:
            result = self._beam.hold(words)
            words = f"{words}; {result.words}" if result.words else words
        self._orders.void("the fraction was stopped")
        self._place = None
        return self._enter(Event.STOP, words)

    def _require(self, event: Event) -> None:
        """Refuse an event that the table does not have, and any with a clock that went backwards."""
        state_after(self._state, event)
        self._now()

    def _enter(self, event: Event, detail: str) -> State:
        """Make the step of the table and write it down."""
        entry = Entry(self._timeline.stamp(), self._state, event, state_after(self._state, event), detail)
        try:
            self._sink(entry)
        except Exception as error:
            if event not in TOWARDS_SAFETY:
                raise
            entry = replace(entry, detail=f"{detail} (not recorded: {in_words(error)})")
        self._journal.append(entry)
        self._state = entry.state_after
        return self._state

    def _now(self) -> datetime:
        try:
            return self._timeline.now()
        except ClockError as error:
            self.stop(str(error))
            raise

    def _age_s(self, at: datetime) -> float:
        return (self._now() - at) / timedelta(seconds=1)

    def _require_young(self, image: DayImage) -> None:
        require_young(image, self._age_s(image.acquired_at), self.limits.image_age_s)

    def _require_place(self) -> Place:
        if self._place is None:
            msg = "no position is verified: take an image"
            raise RefusedError(msg)
        return self._place

    def _read_couch(self) -> TableTopPose:
        reading = self._room.couch.read()
        age_s = self._age_s(reading.read_at)
        if abs(age_s) > self.limits.couch.reading_age_s:
            msg = f"the couch reading is {age_s:.2f} s old, more than {self.limits.couch.reading_age_s:g} s"
            raise DeviceError(msg)
        return reading.pose

    def _require_couch_at(self, pose: TableTopPose, what: str) -> None:
        differences = out_of_place(pose, self._read_couch(), self.limits.couch)
        if differences:
            msg = f"{what}: {'; '.join(differences)}"
            raise PositionError(msg)
