"""One fraction of one patient: every step of the table, each behind its guards.

A step that raises did not happen; the journal says what did. The exceptions are those that make the fraction safer:
a failed image takes the old one away, a failed read-back takes the position away, and anything that fails while the
beam is on holds it.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from isoguide.errors import DeviceError
from isoguide.geometry.correction import CouchCorrection
from isoguide.geometry.iec61217 import TableTopPose
from isoguide.treatment.beam_guard import BeamGuard, in_words
from isoguide.treatment.couch_check import out_of_place
from isoguide.treatment.freshness import Moment, require_current, require_young
from isoguide.treatment.journal import Entry, JournalSink, Timeline, no_sink
from isoguide.treatment.limits import FractionLimits
from isoguide.treatment.match import Match, PlannedPosition, Proposal, match_image
from isoguide.treatment.orders import Approver, CouchOrder, OrderBook
from isoguide.treatment.ports import BeamStatus, CouchReading, DayImage, Room
from isoguide.treatment.refusals import (
    ClockError,
    OutOfOrderError,
    PersonNeededError,
    PositionError,
    RefusedError,
)
from isoguide.treatment.states import Event, State, state_after
from isoguide.treatment.words import correction_words, match_words, meterset_words, pose_words

Monitor = Callable[[datetime], str | None]
"""Watches the patient during the beam: given the time, a reason to hold or None. One that raises holds the beam."""

TOWARDS_SAFETY: Final = frozenset(
    {Event.HOLD, Event.STOP, Event.LOSE_IMAGE, Event.MISS, Event.WITHDRAW, Event.DELIVER}
)
"""These happen even when they cannot be written to the journal's sink; every other step then does not."""


@dataclass(frozen=True, slots=True)
class Place:
    """The verified position: where the couch has to stay, and whether an image has shown the patient there."""

    pose: TableTopPose
    shown_by_image: bool


class Fraction:
    """One fraction; see :data:`isoguide.treatment.states.TABLE` for the order of its steps.

    Parameters
    ----------
    planned
        Where the patient has to be.
    room
        The devices.
    limits
        What may be done without asking.
    sink
        Is given each entry of the journal at once.
    known_uids
        Of images of earlier fractions: they are refused by name.

    Raises
    ------
    InputError
        If the clock of the room has no time zone.
    """

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

    # What is known

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

    # Before the beam

    def set_up(self) -> State:
        """Drive the couch to the set-up pose, where the patient lies on his marks.

        Raises
        ------
        PositionError
            If the couch is not there afterwards.
        DeviceError
            If the couch does not answer.
        """
        self._require(Event.SET_UP)
        pose = self.planned.set_up_pose
        self._began_at = self._now()
        self._drive(pose)
        self._require_couch_at(pose, "the couch is not at its set-up pose")
        return self._enter(Event.SET_UP, f"couch at {pose_words(pose)}")

    def image(self) -> DayImage:
        """Take an image. Whatever becomes of it, older images, orders and a verified position end here.

        Raises
        ------
        StaleImageError
            If the image does not show this patient as he lies now.
        DeviceError
            If the imager or the couch does not answer, or the image was lost.
        RefusedError
            If the fraction has no image left.
        """
        self._require(Event.IMAGE)
        if self.images_left <= 0:
            msg = f"{self._exposures} images were taken, as many as this fraction may have"
            raise RefusedError(msg)
        self._orders.void("a new image was asked for")
        self._place = None
        self._exposures += 1
        try:
            image = self._acquire()
            self._enter(Event.IMAGE, f"image {image.uid} ({image.model})")
        except BaseException as error:
            if not self._state.is_final:
                self._enter(Event.LOSE_IMAGE, in_words(error))
            raise
        self._images.append(image)
        return image

    def _acquire(self) -> DayImage:
        asked_at = self._now()
        image = self._room.imager.acquire()
        couch = self._read_couch()
        moment = Moment(
            self._began_at,
            self._couch_stopped_at,
            asked_at,
            self._now(),
            couch.pose,
            frozenset(self._known_uids),
        )
        self._known_uids.add(image.uid)
        require_current(image, self.planned, moment, self.limits.couch)
        self._require_young(image)
        return image

    def align(self) -> Match:
        """Match the image to the plan.

        Raises
        ------
        StaleImageError
            If the image has become too old.
        InputError
            If the image cannot be used.
        """
        self._require(Event.ALIGN)
        self._require_young(self._images[-1])
        match = match_image(self.planned, self._images[-1], self.limits)
        self._enter(Event.ALIGN, match_words(match))
        self._matches.append(match)
        return match

    def approve(self, by: Approver) -> CouchOrder:
        """Approve the correction: the order to carry it out, valid once and for a limited time.

        Raises
        ------
        PersonNeededError
            If the match is doubtful or the correction large and ``by`` is not a person with a reason.
        StaleImageError
            If the image has become too old.
        PositionError
            If the couch was moved since the image.
        RefusedError
            If there is no correction, the couch cannot make it, or no correction is left.
        """
        self._require(Event.APPROVE)
        match, proposal = self._current_match(by)
        if proposal.out_of_reach:
            raise RefusedError("; ".join(proposal.out_of_reach))
        if len(self._corrections) >= self.limits.corrections:
            msg = f"{len(self._corrections)} corrections were made, as many as this fraction may have"
            raise RefusedError(msg)
        now = self._now()
        order = CouchOrder(
            token=f"{match.image_uid}/{len(self._journal)}",
            pose=proposal.pose,
            couch_at_image=match.couch_at_image,
            correction=proposal.correction,
            image_uid=match.image_uid,
            approved_by=by,
            made_at=now,
            expires_at=now + timedelta(seconds=self.limits.approval_s),
        )
        self._enter(Event.APPROVE, f"by {by}: {correction_words(order.correction)}")
        self._orders.issue(order)
        self._order = order
        return order

    def confirm(self, by: Approver) -> State:
        """Confirm that the image shows the patient in place: what it calls for is within the tolerance.

        Raises
        ------
        RefusedError
            If it calls for more, or as for :meth:`approve`.
        """
        self._require(Event.CONFIRM)
        match, proposal = self._current_match(by)
        size = f"{proposal.shift_mm:.2f} mm and {proposal.angle_deg:.2f}°"
        if not proposal.is_within_tolerance(self.limits):
            limit = f"{self.limits.tolerance_mm:g} mm and {self.limits.tolerance_deg:g}°"
            msg = f"the image calls for {size}, more than the tolerance of {limit}: correct the position"
            raise RefusedError(msg)
        detail = f"by {by}: the image {match.image_uid} calls for {size} only"
        state = self._enter(Event.CONFIRM, detail)
        self._place = Place(match.couch_at_image, shown_by_image=True)
        return state

    def _current_match(self, by: Approver) -> tuple[Match, Proposal]:
        """Return what a decision may rest on now, or refuse."""
        match = self._matches[-1]
        self._require_young(self._images[-1])
        proposal = match.proposal
        if proposal is None:
            msg = f"there is no answer to act on: {'; '.join(match.registration.reasons)}"
            raise RefusedError(msg)
        if proposal.needs_person and not (by.is_person and by.reason.strip()):
            lacks = "a person's reason" if by.is_person else "a person"
            msg = f"this needs {lacks}: {'; '.join(proposal.needs_person)}"
            raise PersonNeededError(msg)
        self._require_couch_at(match.couch_at_image, "the couch was moved since the image")
        return match, proposal

    def withdraw(self, reason: str) -> State:
        """Take the approval back."""
        self._require(Event.WITHDRAW)
        self._orders.void(reason)
        return self._enter(Event.WITHDRAW, reason)

    def move_couch(self, token: str) -> State:
        """Carry out the order of this token.

        Raises
        ------
        OrderError
            If the token is unknown, used, void or expired.
        StaleImageError
            If the image has become too old.
        PositionError
            If the couch was moved since the image.
        DeviceError
            If the couch does not answer. It may have moved: the state is "couch moved" and nothing is verified.
        """
        self._require(Event.MOVE_COUCH)
        order = self._valid_order(token)
        self._enter(Event.MOVE_COUCH, f"order {token} to {pose_words(order.pose)}")
        self._orders.use(token, self._timeline.latest)
        self._corrections.append(order.correction)
        self._drive(order.pose)
        return self._state

    def _valid_order(self, token: str) -> CouchOrder:
        try:
            order = self._orders.check(token, self._now())
            self._require_young(self._images[-1])
            self._require_couch_at(order.couch_at_image, "the couch was moved since the image")
        except RefusedError as error:
            # A wrong token says nothing about the order that is valid; anything else ends it.
            if not self._state.is_final and (self._order is None or self._order.token == token):
                self.withdraw(str(error))
            raise
        return order

    def verify(self) -> State:
        """Read the couch back, twice: it has to stand still where the order sent it.

        Raises
        ------
        PositionError
            If it does not; the message names axis, expected and read value. Only a new image helps then.
        DeviceError
            If the couch does not answer.
        """
        self._require(Event.VERIFY)
        pose = self._destination
        try:
            self._require_couch_at(pose, "the couch is not where it was sent")
            self._room.clock.wait(self.limits.couch.settle_s)
            self._require_couch_at(pose, "the couch does not stand still")
        except PositionError as error:
            self._enter(Event.MISS, str(error))
            raise
        state = self._enter(Event.VERIFY, f"read back at {pose_words(pose)}")
        self._place = Place(pose, shown_by_image=False)
        return state

    # The beam

    def turn_beam_on(self) -> State:
        """Turn the beam on for what is left of the meterset.

        Returns "beam on", or "delivered" if it was delivered at once; "held" or "stopped" if the machine did not
        do as it was told: the beam is off then, and :attr:`reason` says why.

        Raises
        ------
        StaleImageError
            If the image that the position rests on has become too old.
        PositionError
            If the couch is not at the verified position any more: the position counts no longer.
        RefusedError
            If the limits ask for an image of the corrected position and there is none.
        DeviceError
            If couch or machine do not answer.
        """
        self._require(Event.TURN_ON)
        place = self._require_place()
        self._require_young(self._images[-1])
        if self.needs_image_of_position:
            msg = "no image has shown the corrected position yet, and the limits ask for one: take an image"
            raise RefusedError(msg)
        try:
            self._require_couch_at(place.pose, "the couch was moved since the position was verified")
        except PositionError as error:
            self._place = None
            self._enter(Event.MISS, str(error))
            raise
        return self._start_beam(Event.TURN_ON)

    def resume(self) -> State:
        """Turn the beam on again after a short hold that was asked for. Answers like :meth:`turn_beam_on`.

        Raises
        ------
        RefusedError
            If the hold came from a fault, lasted too long, or there were too many: take a new image.
        PositionError
            If the couch is not at the verified position any more.
        DeviceError
            If couch or machine do not answer.
        """
        self._require(Event.RESUME)
        place = self._require_place()
        held_s, limits = self._age_s(self._held_at), self.limits.beam
        refusals = (
            (self._held_by_fault, f"the beam was held by a fault ({self._hold_reason})"),
            (
                held_s > limits.longest_hold_s,
                f"the hold lasted {held_s:.0f} s, more than {limits.longest_hold_s:g} s",
            ),
            (self._holds > limits.holds, f"the beam was held {self._holds} times"),
        )
        for refused, why in refusals:
            if refused:
                msg = f"{why}: take a new image before the beam"
                raise RefusedError(msg)
        self._require_couch_at(place.pose, "the couch was moved during the hold")
        return self._start_beam(Event.RESUME)

    def _start_beam(self, event: Event) -> State:
        status = self._require_beam_off()
        if self._beam.is_complete:
            # After a hold at the very end this closes the delivery; before any beam the table refuses it.
            return self._enter(Event.DELIVER, meterset_words(status))
        left_mu = status.planned_mu - status.delivered_mu
        self._enter(event, f"{left_mu:.1f} of {status.planned_mu:.1f} MU left")
        try:
            self._beam.turn_on()
        except BaseException as error:
            return self._fail(error)
        return self._state

    def _require_beam_off(self) -> BeamStatus:
        try:
            return self._beam.require_off()
        except Exception as error:
            if self._beam.may_be_on or isinstance(error, ClockError):
                self.stop(in_words(error))
            raise

    def watch(self, seconds: float = math.inf, monitors: Sequence[Monitor] = ()) -> State:
        """Watch the beam for so long, or until the meterset is delivered or the beam was held.

        Looks at the machine, the couch and the monitors every ``watch_period_s``. Who calls this in pieces has to
        come back within ``heartbeat_s``, or the next look holds the beam. Anything that fails holds the beam:
        answers "beam on", "delivered", "held", or "stopped" if the hold was not confirmed or the clock failed;
        :attr:`reason` says why.
        """
        if self._state is not State.BEAM_ON:
            msg = f"there is no beam to watch in the state '{self._state}'"
            raise OutOfOrderError(msg)
        try:
            return self._watch(seconds, monitors)
        except BaseException as error:
            return self._fail(error)

    def _watch(self, seconds: float, monitors: Sequence[Monitor]) -> State:
        began_at, place = self._timeline.now(), self._require_place()
        while True:
            status = self._beam.look()
            if not status.is_on:
                return self._beam_ended(status)
            self._require_couch_at(place.pose, "the couch moved while the beam was on")
            now = self._timeline.now()
            for monitor in monitors:
                reason = monitor(now)
                if reason is not None:
                    return self.hold(reason)
            if (now - began_at) / timedelta(seconds=1) >= seconds:
                return self._state
            self._room.clock.wait(self.limits.beam.watch_period_s)

    def _beam_ended(self, status: BeamStatus) -> State:
        self._beam.may_be_on = False
        if not self._beam.is_complete:
            msg = f"the machine stopped the beam by itself after {meterset_words(status)}"
            raise DeviceError(msg)
        return self._enter(Event.DELIVER, meterset_words(status))

    def wait_until_quiet(self, monitors: Sequence[Monitor]) -> bool:
        """Wait during a hold until no monitor has a reason to hold; False when that lasts too long."""
        limits = self.limits.beam
        for _ in range(math.ceil(limits.longest_hold_s / limits.watch_period_s)):
            now = self._now()
            if all(monitor(now) is None for monitor in monitors):
                return True
            self._room.clock.wait(limits.watch_period_s)
        return False

    def hold(self, reason: str) -> State:
        """Hold the beam. Answers "held", or "stopped" if the machine does not confirm it; never raises for that.

        Raises
        ------
        OutOfOrderError
            If the beam is not on.
        """
        state_after(self._state, Event.HOLD)
        self._held_by_fault = False
        return self._hold(reason)

    def _hold(self, reason: str) -> State:
        result = self._beam.hold(reason)
        self._held_at, self._hold_reason = self._timeline.stamp(), reason
        self._holds += 1
        words = f"{reason}; {result.words}" if result.words else reason
        self._enter(Event.HOLD, words)
        if result.words:
            # The machine did not do as it was told: whether it is off now or not, nothing goes on with it.
            self._enter(Event.STOP, words)
        return self._state

    def _fail(self, error: BaseException) -> State:
        """Make the beam safe after something failed while it was, or may have been, on."""
        self._held_by_fault = True
        if isinstance(error, ClockError) or self._state is not State.BEAM_ON:
            self.stop(in_words(error))
        else:
            self._hold(in_words(error))
        if not isinstance(error, Exception):
            raise error
        return self._state

    # The end

    def close(self) -> State:
        """Close the delivered fraction; "stopped" if the machine does not say that the beam is off."""
        self._require(Event.CLOSE)
        try:
            status = self._beam.require_off()
        except Exception as error:  # noqa: BLE001 - whatever it is, the fraction ends safely with its reason
            return self.stop(in_words(error))
        return self._enter(Event.CLOSE, f"delivered {meterset_words(status)}")

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

    # What the steps share

    def _require(self, event: Event) -> None:
        """Refuse an event that the table does not have, and go no further with a clock that went backwards."""
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

    def _drive(self, pose: TableTopPose) -> None:
        self._destination = pose
        try:
            self._room.couch.move_to(pose)
        finally:
            self._couch_stopped_at = self._timeline.stamp()

    def _read_couch(self) -> CouchReading:
        reading = self._room.couch.read()
        age_s = self._timeline.age_s(reading.read_at)
        if abs(age_s) > self.limits.couch.reading_age_s:
            msg = f"the couch reading is {age_s:.2f} s old, more than {self.limits.couch.reading_age_s:g} s"
            raise DeviceError(msg)
        return reading

    def _require_couch_at(self, pose: TableTopPose, what: str) -> None:
        differences = out_of_place(pose, self._read_couch().pose, self.limits.couch)
        if differences:
            msg = f"{what}: {'; '.join(differences)}"
            raise PositionError(msg)
