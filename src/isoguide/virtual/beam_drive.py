"""The treatment beam: delays, dose rate, progress through the plan, and a machine that holds by itself."""

from collections.abc import Iterator

from isoguide.errors import InputError
from isoguide.treatment.ports import BeamStatus
from isoguide.virtual.beam_gate import BeamGate
from isoguide.virtual.device import DeviceLink
from isoguide.virtual.machine import Delivery, Machine
from isoguide.virtual.room_settings import BeamSettings
from isoguide.virtual.setting_limits import require

NEVER_S = float("inf")
ROUNDING_S = 1e-6
"""A machine that is loaded with the rest of a fraction has given no less than it is told, rounding or not."""


class BeamDrive:
    """The beam, as it is and as it says.

    It is computed up to the present whenever somebody asks. Between two questions it does what it was told,
    and it turns itself off when nobody asks for longer than its heartbeat. A gated delivery gives radiation
    only while it is permitted besides; gantry and leaves wait where it ceased, and between two fields the
    machine travels whether permitted or not.

    Parameters
    ----------
    link
        How it hangs in the room.
    settings
        Dose rate, delays, heartbeat.
    delivery
        What has to be delivered.
    machine
        Gantry and collimator follow the delivery.
    """

    def __init__(
        self, link: DeviceLink, settings: BeamSettings, delivery: Delivery, machine: Machine
    ) -> None:
        self._link = link
        self._clock = link.clock
        self._settings = settings
        self._delivery = delivery
        self._machine = machine
        self._computed_s = 0.0
        self._starts_s = NEVER_S
        self._ends_s = NEVER_S
        self._asked_s = 0.0
        self._beam_on_s = 0.0
        self._intervals: list[tuple[float, float]] = []
        self._gate = BeamGate(link, settings)
        self._is_gated = self._sticks = False
        link.watch.beam_is_on = self.is_under_way

    def turn_on(self) -> None:
        """Order the beam on: radiation starts after a delay and goes on until all is delivered.

        Raises
        ------
        LinkLostError
            If the link is broken: the machine has not got the order.
        """
        self._order(is_gated=False)

    def turn_on_gated(self) -> None:
        """Order a delivery that radiates only while it is permitted; nothing is permitted yet.

        Raises
        ------
        LinkLostError
            If the link is broken: the machine has not got the order.
        """
        self._order(is_gated=True)

    def _order(self, *, is_gated: bool) -> None:
        self._link.require()
        self._advance()
        self._asked_s = self._clock.seconds
        if not self._is_ordered() and self._left_s() > 0.0:
            self._starts_s = self._clock.seconds + self._link.draw_s(self._settings.on_delay)
            self._ends_s = NEVER_S
            self._is_gated, self._sticks = is_gated, False
            self._gate.shut()

    def permit(self, seconds: float) -> None:
        """Let radiation of a gated delivery pass for so long from now: it comes after a delay.

        Raises
        ------
        LinkLostError
            If the link is broken: the machine has not got the permission.
        InputError
            If the time is not positive.
        """
        require("permission in seconds", seconds, 1e-3, 60.0)
        self._link.require()
        self._advance()
        self._gate.permit(seconds)

    def withhold(self, reason: str) -> None:
        """Let no radiation of a gated delivery pass: it ends after a delay, and the delivery waits.

        Raises
        ------
        LinkLostError
            If the link is broken: the machine has not got the order.
        """
        del reason
        self._link.require()
        self._advance()
        if self._link.strikes("gate-sticks"):
            self._sticks = True
        self._gate.withhold()

    def hold(self, reason: str) -> None:
        """Order the beam off: radiation ends after a delay.

        Raises
        ------
        LinkLostError
            If the link is broken: the machine has not got the order.
        """
        del reason  # a real machine shows it on its screen
        self._link.require()
        self._advance()
        self._end_at(self._clock.seconds + self._link.draw_s(self._settings.hold_delay))

    def status(self) -> BeamStatus:
        """Return what the beam does now, and keep the heartbeat going.

        Raises
        ------
        LinkLostError
            If the link is broken: the machine has not heard the question.
        """
        self._link.require()
        if self.is_under_way() and self._link.strikes("beam-drops"):
            self._end_at(self._clock.seconds)
            self._advance()
        self._asked_s = self._clock.seconds
        return self.peek()

    def peek(self) -> BeamStatus:
        """Return the truth about the beam now, whether or not the link works.

        Whoever only shows the beam looks here: it keeps no heartbeat going, so a beam that is shown to many
        and watched by nobody ends.
        """
        is_on = self.is_radiating()
        rests = self.is_under_way() and not is_on
        travelling = rests and self._delivery.is_pause(self._beam_on_s)
        waiting = rests and not travelling
        planned_mu = self._delivery.planned_mu
        return BeamStatus(is_on, self.delivered_mu, planned_mu, self._clock.now(), travelling, waiting)

    def load_rest(self, delivered_mu: float) -> None:
        """Load what is left of a fraction of which so much was delivered before this machine was started.

        Raises
        ------
        InputError
            If more was delivered than is planned, or the machine has begun already.
        """
        planned_mu = self._delivery.planned_mu
        if self._is_ordered() or self._beam_on_s > 0.0 or not 0.0 <= delivered_mu <= planned_mu:
            msg = (
                f"a machine with {self.delivered_mu:.1f} of {planned_mu:.1f} MU delivered cannot be loaded "
                f"as if it were {delivered_mu:.1f} MU: start it anew with the meterset of this fraction"
            )
            raise InputError(msg)
        done_s = self._delivery.seconds_at(delivered_mu) + (ROUNDING_S if delivered_mu > 0.0 else 0.0)
        self._beam_on_s = min(done_s, self._delivery.duration_s)

    def is_radiating(self) -> bool:
        """Tell the truth about the beam, whether or not the link works."""
        if not self.is_under_way() or self._delivery.is_pause(self._beam_on_s):
            return False
        return not self._waits_for_gate() or self._gate.passes(self._clock.seconds)

    def _waits_for_gate(self) -> bool:
        return self._is_gated and not self._sticks

    def is_under_way(self) -> bool:
        """Tell whether there is beam, or will be without another order."""
        self._advance()
        return self._starts_s <= self._clock.seconds < self._ends_s and self._left_s() > 0.0

    @property
    def delivered_mu(self) -> float:
        """What was truly given until now."""
        self._advance()
        return self._delivery.mu_at(self._beam_on_s)

    @property
    def intervals(self) -> tuple[tuple[float, float], ...]:
        """When there was radiation: seconds of the room, begin and end."""
        self._advance()
        return tuple(self._intervals)

    def _is_ordered(self) -> bool:
        return self._starts_s < NEVER_S

    def _left_s(self) -> float:
        return self._delivery.duration_s - self._beam_on_s

    def _end_at(self, seconds: float) -> None:
        if self._is_ordered():
            self._ends_s = min(self._ends_s, seconds)

    def _advance(self) -> None:
        """Compute what happened since the last time somebody asked."""
        now_s = self._clock.seconds
        if self._is_ordered():
            silent_s = self._asked_s + self._settings.heartbeat_s
            if now_s > silent_s:
                self._end_at(silent_s)
            begin_s = max(self._starts_s, self._computed_s)
            end_s = min(now_s, self._ends_s)
            for first_s, last_s in self._parts(begin_s, end_s):
                self._deliver(first_s, last_s)
            if now_s >= self._ends_s or self._left_s() <= 0.0:
                self._starts_s = self._ends_s = NEVER_S
        self._computed_s = now_s

    def _parts(self, begin_s: float, end_s: float) -> Iterator[tuple[float, float]]:
        """Yield the parts of a span of time in which the delivery goes on."""
        at_s = begin_s
        while at_s < end_s and self._left_s() > 0.0:
            last_s = end_s
            if self._waits_for_gate() and not self._delivery.is_pause(self._beam_on_s):
                opening = self._gate.first_after(at_s)
                if opening is None or opening.opens_s >= end_s:
                    return
                at_s, last_s = max(at_s, opening.opens_s), min(end_s, opening.closes_s)
            stretch_s = self._delivery.stretch_end_s(self._beam_on_s) - self._beam_on_s
            last_s = min(last_s, at_s + stretch_s)
            yield at_s, last_s
            at_s = last_s

    def _deliver(self, begin_s: float, end_s: float) -> None:
        done_s = self._beam_on_s
        self._beam_on_s += end_s - begin_s
        # Rounding must not leave a stretch, or a beam, that is never finished.
        ends_s = self._delivery.stretch_end_s(self._beam_on_s)
        if ends_s - self._beam_on_s < 1e-9:
            self._beam_on_s = ends_s
        for first_s, last_s in self._delivery.with_meterset(done_s, self._beam_on_s):
            self._note_radiation(begin_s + first_s - done_s, begin_s + last_s - done_s)
        self._machine.place(*self._delivery.angles_at(self._beam_on_s))

    def _note_radiation(self, begin_s: float, end_s: float) -> None:
        if self._intervals and abs(self._intervals[-1][1] - begin_s) < 1e-6:
            begin_s = self._intervals.pop()[0]
        self._intervals.append((begin_s, end_s))
