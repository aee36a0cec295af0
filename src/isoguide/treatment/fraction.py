"""One fraction of one patient: every step of the table, each behind its guards.

A step that raises did not happen; the journal says what did. The exceptions are those that make the fraction
safer: a failed image takes the old one away, a failed read-back takes the position away, and anything that
fails while the beam is on holds it.
"""

import math
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

from isoguide.errors import DeviceError
from isoguide.motion.gating import Gate, GateState
from isoguide.treatment.gated_delivery import GatedDelivery, Hear, ends_delivery, hear_nothing, realign_words
from isoguide.treatment.journal import Entry
from isoguide.treatment.memory import FractionMemory, Place
from isoguide.treatment.ports import BeamStatus
from isoguide.treatment.positioning import Positioning
from isoguide.treatment.refusals import ClockError, OutOfOrderError, PositionError, RefusedError
from isoguide.treatment.states import Event, State, state_after
from isoguide.treatment.words import in_words, meterset_words

Monitor = Callable[[datetime], str | None]
"""Watches the patient during the beam: given the time, a reason to hold or None.

One that raises holds the beam.
"""


class Fraction(Positioning):
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
        Is given each entry of the journal at once, with the memory after it.
    known_uids
        Of images of earlier fractions: they are refused by name.
    no_image_because
        Why the protocol asks for no image today; empty when one is needed.

    Raises
    ------
    InputError
        If the clock of the room has no time zone.
    """

    _gated: GatedDelivery | None = None

    def resume_from(self, memory: FractionMemory, journal: Sequence[Entry]) -> State:
        """Go on with a fraction that another process began, from the last memory that was kept.

        All guards count from absolute times and poses, so nothing is younger or nearer for the restart. The
        voxels of images are gone: one that was not matched has to be taken again. A beam that may be on is
        held at once, and goes on only after a new image.

        Parameters
        ----------
        memory, journal
            As the sink was given them.

        Raises
        ------
        OutOfOrderError
            If this fraction was begun already.
        """
        if self._journal:
            msg = "this fraction was begun already: take up another one with what was kept"
            raise OutOfOrderError(msg)
        self._take_up(memory, journal)
        if self.state is State.BEAM_ON:
            return self._fail(DeviceError("isoguide was restarted while the beam was on"))
        if self.beam_may_be_on:
            return self.stop("isoguide was restarted, and the beam may be on")
        return self.state

    def turn_beam_on(self, gate: Gate | None = None, hear: Hear = hear_nothing) -> State:
        """Turn the beam on for what is left of the meterset.

        Answers "beam on"; "held" or "stopped" if the machine did not do as it was told: :attr:`reason` says
        why.

        Parameters
        ----------
        gate
            Permits radiation from moment to moment as long as :meth:`watch` asks it; None lets it pass. It is
            armed now and ended with this delivery. A permission that it withholds is no hold of the fraction.
        hear
            Is told each decision of the gate.

        Raises
        ------
        StaleImageError
            If the image that the position rests on has become too old.
        PositionError
            If the couch is not at the verified position any more: the position counts no longer.
        RefusedError
            If the limits ask for an image of the corrected position and there is none, or no meterset is
            left to deliver.
        DeviceError
            If couch or machine do not answer.
        IsoguideError
            If the gate cannot be armed.
        """
        self._require(Event.TURN_ON)
        if self.needs_image_of_position:
            msg = "no image has shown the corrected position yet, and the limits ask for one: take an image"
            raise RefusedError(msg)
        return self._begin(Event.TURN_ON, self._require_ready, gate, hear)

    def _require_ready(self) -> None:
        place = self._require_place()
        self._require_young_image_of(place)
        self._require_kept(place, "the couch was moved since the position was verified")

    def resume(self, gate: Gate | None = None, hear: Hear = hear_nothing) -> State:
        """Turn the beam on again after a short hold that was asked for.

        Answers like :meth:`turn_beam_on`, or "delivered" where the hold came at the very end.

        Parameters
        ----------
        gate, hear
            As there.

        Raises
        ------
        RefusedError
            If the hold came from a fault, the gate asked for it because the target is elsewhere, it lasted
            too long, or there were too many: take a new image.
        PositionError
            If the couch is not at the verified position any more: the position counts no longer.
        DeviceError
            If couch or machine do not answer.
        IsoguideError
            If the gate cannot be armed.
        """
        self._require(Event.RESUME)
        return self._begin(Event.RESUME, self._require_resumable, gate, hear)

    def _require_resumable(self) -> None:
        place = self._require_place()
        memory, limits = self._memory, self.limits.beam
        held_s = self._age_s(memory.held_at)
        refusals = (
            (memory.held_by_fault, f"the beam was held by a fault ({memory.hold_reason})"),
            (memory.held_to_realign, f"the gate held the beam ({memory.hold_reason})"),
            (
                held_s > limits.longest_hold_s,
                f"the hold lasted {held_s:.0f} s, more than {limits.longest_hold_s:g} s",
            ),
            (memory.holds > limits.holds, f"the beam was held {memory.holds} times"),
        )
        for refused, why in refusals:
            if refused:
                msg = f"{why}: take a new image before the beam"
                raise RefusedError(msg)
        self._require_kept(place, "the couch was moved during the hold")

    def _begin(self, event: Event, require: Callable[[], None], gate: Gate | None, hear: Hear) -> State:
        """Turn on or resume as soon as all that is required is true, armed gate included."""
        require()
        if gate is None:
            return self._start_beam(event)
        gated = GatedDelivery(gate, hear, self._beam, self._timeline, self.limits.beam)
        try:
            gated.arm()
            # Arming may take its time, such as a turn of the gantry with images.
            require()
            self._gated = gated
            return self._start_beam(event)
        finally:
            if self.state is not State.BEAM_ON:
                gated.end()
                self._gated = None

    def _require_young_image_of(self, place: Place) -> None:
        for image in self._memory.images:
            if image.uid == place.image_uid:
                self._require_young(image)

    def _require_kept(self, place: Place, what: str) -> None:
        try:
            self._require_couch_at(place.pose, what)
        except PositionError as error:
            self._enter(Event.MISS, str(error), place=None)
            raise

    def _start_beam(self, event: Event) -> State:
        status = self._require_beam_off()
        if self._beam.is_complete and event is Event.RESUME:
            return self._enter(Event.DELIVER, meterset_words(status))
        if self._beam.is_complete:
            msg = f"the machine has nothing to deliver ({meterset_words(status)}): load this fraction's beams"
            raise RefusedError(msg)
        left_mu = status.planned_mu - status.delivered_mu
        self._enter(event, f"{left_mu:.1f} of {status.planned_mu:.1f} MU left")
        try:
            self._beam.turn_on(is_gated=self._gated is not None)
        except BaseException as error:  # noqa: BLE001 - whatever it was, the beam is held first
            return self._fail(error)
        return self.state

    def _require_beam_off(self) -> BeamStatus:
        try:
            return self._beam.require_off()
        except Exception as error:
            if self._beam.may_be_on or isinstance(error, ClockError):
                self.stop(in_words(error))
            raise

    def watch(self, seconds: float = math.inf, monitors: Sequence[Monitor] = ()) -> State:
        """Watch the beam for so long, or until the meterset is delivered or the beam was held.

        Looks at the machine, the couch and the monitors every ``watch_period_s``, or as often as the gate
        wants that the beam was turned on with. Who calls this in pieces has to come back within
        ``heartbeat_s``, or the next look holds the beam; a permission of the gate ends before. Anything that
        fails holds the beam, and so does a gate that asks for a new alignment or has stopped. Answers
        "beam on", "delivered", "held", or "stopped" if the hold was not confirmed or the
        clock failed; :attr:`reason` says why.

        Raises
        ------
        OutOfOrderError
            If the beam is not on.
        """
        if self.state is not State.BEAM_ON:
            msg = f"there is no beam to watch in the state '{self.state}'"
            raise OutOfOrderError(msg)
        try:
            return self._watch(seconds, monitors)
        except BaseException as error:  # noqa: BLE001 - whatever it was, the beam is held first
            return self._fail(error)

    def _watch(self, seconds: float, monitors: Sequence[Monitor]) -> State:
        began_at, place, gated = self._timeline.now(), self._require_place(), self._gated
        period_s = self.limits.beam.watch_period_s if gated is None else gated.period_s
        while True:
            status = self._beam.look()
            if not status.is_under_way:
                return self._beam_ended(status)
            self._require_couch_at(place.pose, "the couch moved while the beam was on")
            now = self._timeline.now()
            for monitor in monitors:
                reason = monitor(now)
                if reason is not None:
                    return self.hold(reason)
            if gated is not None and not self._is_let_go_on(gated):
                return self.state
            if (now - began_at) / timedelta(seconds=1) >= seconds:
                return self.state
            self._room.clock.wait(period_s)

    def _is_let_go_on(self, gated: GatedDelivery) -> bool:
        """Ask the gate; False when it was no pause but the end of this delivery, and the beam is held."""
        decision = gated.look()
        if not ends_delivery(decision):
            return True
        if decision.state is GateState.REALIGN:
            self._hold(realign_words(decision), by_fault=False, to_realign=True)
        else:
            self._hold(decision.reason or decision.state, by_fault=True)
        return False

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
        """Hold the beam. Answers "held", or "stopped" if the machine does not confirm it.

        Raises
        ------
        OutOfOrderError
            If the beam is not on.
        """
        state_after(self.state, Event.HOLD)
        return self._hold(reason, by_fault=False)

    def _hold(self, reason: str, *, by_fault: bool, to_realign: bool = False) -> State:
        result = self._beam.hold(reason)
        self._remember(
            held_at=self._timeline.stamp(),
            hold_reason=reason,
            holds=self._memory.holds + 1,
            held_by_fault=by_fault,
            held_to_realign=to_realign,
        )
        if result.words:
            # The machine did not do as it was told: whether it is off now or not, nothing goes on with it.
            return self._enter(Event.STOP, f"{reason}; {result.words}")
        return self._enter(Event.HOLD, reason)

    def _fail(self, error: BaseException) -> State:
        """Make the beam safe after something failed while it was, or may have been, on."""
        if isinstance(error, ClockError) or self.state is not State.BEAM_ON:
            self.stop(in_words(error))
        else:
            self._hold(in_words(error), by_fault=True)
        if not isinstance(error, Exception):
            raise error
        return self.state

    def _enter(self, event: Event, detail: str, **changes: Any) -> State:
        """Make the step of the table; a delivery that has ended has no gate any more."""
        state = super()._enter(event, detail, **changes)
        if self._gated is not None and state is not State.BEAM_ON:
            self._gated.end()
            self._gated = None
        return state

    def close(self) -> State:
        """Close the delivered fraction; "stopped" if the machine does not say that the beam is off."""
        self._require(Event.CLOSE)
        try:
            status = self._beam.require_off()
        except Exception as error:  # noqa: BLE001 - whatever it is, the fraction ends safely with its reason
            return self.stop(in_words(error))
        return self._enter(Event.CLOSE, f"delivered {meterset_words(status)}")
