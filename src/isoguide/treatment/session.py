"""What the steps of a fraction share: the journal, the time, the couch as it is read, the way to stop."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any, Final

from isoguide.errors import DeviceError
from isoguide.geometry.correction import CouchCorrection
from isoguide.geometry.iec61217 import TableTopPose
from isoguide.treatment.beam_guard import BeamGuard
from isoguide.treatment.couch_check import out_of_place
from isoguide.treatment.freshness import require_young
from isoguide.treatment.journal import Entry, Timeline
from isoguide.treatment.limits import FractionLimits
from isoguide.treatment.match import Match, PlannedPosition
from isoguide.treatment.memory import FractionMemory, Place, Sink, no_sink
from isoguide.treatment.orders import CouchOrder
from isoguide.treatment.ports import BeamStatus, DayImage, Exposure, Room
from isoguide.treatment.refusals import ClockError, PositionError, RefusedError
from isoguide.treatment.states import Event, State, state_after
from isoguide.treatment.words import in_words

TOWARDS_SAFETY: Final = frozenset(
    {
        Event.HOLD,
        Event.STOP,
        Event.LOSE_IMAGE,
        Event.MISS,
        Event.REPOSITION,
        Event.WITHDRAW,
        Event.DELIVER,
    }
)
"""These happen even when they cannot be written to the sink; every other step then does not."""


class Session:
    """One fraction in this process: its memory, and the room it is in.

    :class:`isoguide.treatment.fraction.Fraction` makes the steps.
    """

    def __init__(
        self,
        planned: PlannedPosition,
        room: Room,
        limits: FractionLimits | None = None,
        *,
        sink: Sink = no_sink,
        known_uids: Iterable[str] = (),
        no_image_because: str = "",
    ) -> None:
        self.planned, self.limits = planned, limits or FractionLimits()
        self._no_image_because = no_image_because
        self._room, self._sink = room, sink
        self._timeline = Timeline(room.clock)
        self._memory = FractionMemory.at_start(self._timeline.latest, planned.set_up_pose, known_uids)
        self._beam = BeamGuard(room.beam, self._timeline, self.limits.beam)
        self._journal: list[Entry] = []
        self._images: Mapping[str, DayImage] = MappingProxyType({})

    def _take_up(self, memory: FractionMemory, journal: Sequence[Entry]) -> None:
        """Go on from what was kept of an earlier process."""
        self._journal = list(journal)
        self._timeline = Timeline(self._room.clock, journal[-1].at if journal else None)
        known = replace(memory.beam, may_be_on=memory.beam.may_be_on or memory.state is State.BEAM_ON)
        self._beam = BeamGuard(self._room.beam, self._timeline, self.limits.beam, known)
        self._memory = replace(memory, known_uids=memory.known_uids | self._memory.known_uids)

    @property
    def state(self) -> State:
        """Where the fraction is."""
        return self._memory.state

    @property
    def memory(self) -> FractionMemory:
        """All that it remembers, as it was given to the sink last."""
        return self._memory

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
        """The images of this process that were valid when taken, in order."""
        return tuple(self._images.values())

    @property
    def matches(self) -> tuple[Match, ...]:
        """What the images said, in order."""
        return self._memory.matches

    @property
    def corrections(self) -> tuple[CouchCorrection, ...]:
        """The corrections that the couch was sent to make, in order."""
        return self._memory.corrections

    @property
    def images_left(self) -> int:
        """How many exposures this fraction may still have."""
        return self.limits.images - self._memory.exposures

    @property
    def order(self) -> CouchOrder | None:
        """The order that was approved last, carried out or not."""
        return self._memory.orders.newest

    @property
    def place(self) -> Place | None:
        """The verified position, None while there is none."""
        return self._memory.place

    @property
    def no_image_because(self) -> str:
        """Why the protocol asks for no image today; empty when one is needed."""
        return self._no_image_because

    @property
    def needs_image_of_position(self) -> bool:
        """True when the limits ask for an image of the corrected position and there is none yet."""
        shown = self._memory.place is not None and self._memory.place.shown_by_image
        return self.limits.verify_with_image and not shown

    @property
    def held_by_fault(self) -> bool:
        """True when the last hold was not asked for: the beam may then go on only after a new image."""
        return self._memory.held_by_fault

    @property
    def held_to_realign(self) -> bool:
        """True when the gate held the beam because the target is elsewhere: it goes on after a new image."""
        return self._memory.held_to_realign

    @property
    def delivered_mu(self) -> float:
        """Meterset delivered, as the machine last said; after a lost link it may be more."""
        return self._beam.last.delivered_mu if self._beam.last is not None else 0.0

    @property
    def beam_may_be_on(self) -> bool:
        """False when the beam was never turned on or the machine has said that it is off."""
        return self._beam.may_be_on

    def ask_beam(self) -> BeamStatus:
        """Ask the machine, which has to say that the beam is off; what it says is kept with the next step.

        Raises
        ------
        DeviceError
            If the beam is on, or the machine does not answer.
        """
        return self._beam.require_off()

    def stop(self, reason: str) -> State:
        """End the fraction with the beam off. Never raises; harmless when it has ended already."""
        if self.state.is_final:
            return self.state
        words = reason.strip() or "no reason was given"
        if self._beam.may_be_on:
            result = self._beam.hold(words)
            words = f"{words}; {result.words}" if result.words else words
        orders = self._memory.orders.voided("the fraction was stopped")
        return self._enter(Event.STOP, words, orders=orders, place=None)

    def _require(self, event: Event) -> None:
        """Refuse an event that the table does not have, and any with a clock that went backwards."""
        state_after(self.state, event)
        self._now()

    def _enter(self, event: Event, detail: str, **changes: Any) -> State:
        """Make the step of the table: write it down with the memory after it, then let it count."""
        state = self.state
        entry = Entry(self._timeline.stamp(), state, event, state_after(state, event), detail)
        memory = replace(self._memory, state=entry.state_after, beam=self._beam.memory, **changes)
        try:
            self._sink(entry, memory)
        except Exception as error:
            if event not in TOWARDS_SAFETY:
                raise
            entry = replace(entry, detail=f"{detail} (not recorded: {in_words(error)})")
        self._journal.append(entry)
        self._memory = memory
        return self.state

    def _remember(self, **changes: Any) -> None:
        """Change the memory between two steps; it is kept with the next one."""
        self._memory = replace(self._memory, **changes)

    def _now(self) -> datetime:
        try:
            return self._timeline.now()
        except ClockError as error:
            self.stop(str(error))
            raise

    def _age_s(self, at: datetime) -> float:
        return (self._now() - at) / timedelta(seconds=1)

    def _require_young(self, image: Exposure) -> None:
        require_young(image, self._age_s(image.acquired_at), self.limits.image_age_s)

    def _require_place(self) -> Place:
        if self._memory.place is None:
            msg = "no position is verified: take an image"
            raise RefusedError(msg)
        return self._memory.place

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
