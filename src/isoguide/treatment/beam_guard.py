"""Nobody but this turns the beam on, watches it and holds it; a failure anywhere ends with the beam off.

A hold never raises. When the machine does not confirm it, nothing is asked of the machine any more: each
question would keep its heartbeat going, and without one it holds by itself.
"""

import math
from dataclasses import dataclass
from datetime import datetime, timedelta

from isoguide.errors import DeviceError
from isoguide.treatment.journal import Timeline
from isoguide.treatment.limits import BeamLimits
from isoguide.treatment.memory import BeamMemory
from isoguide.treatment.ports import Beam, BeamStatus, GatedBeam
from isoguide.treatment.refusals import RefusedError
from isoguide.treatment.words import in_words


@dataclass(frozen=True, slots=True)
class HoldResult:
    """Whether the machine confirmed that the beam is off, and what has to be said about it."""

    is_off: bool
    words: str = ""


class BeamGuard:
    """The beam of one fraction.

    ``may_be_on`` is True from the command to turn it on until the machine has said that it is off. ``last``
    is the latest status that was believed, None before the first. ``known`` is what an earlier process knew.
    """

    def __init__(
        self, beam: Beam, timeline: Timeline, limits: BeamLimits, known: BeamMemory | None = None
    ) -> None:
        known = known or BeamMemory()
        self._beam, self._timeline, self._limits = beam, timeline, limits
        self.may_be_on, self._was_used = known.may_be_on, known.was_used or known.may_be_on
        self._is_awaited = known.may_be_on
        self.last = known.last
        self._looked_at = self._grew_at = timeline.latest
        self._withheld_at: datetime | None = None
        self._most_mu = math.inf

    @property
    def memory(self) -> BeamMemory:
        """What has to be known of the beam after a restart."""
        return BeamMemory(self.may_be_on, self._was_used, self.last)

    @property
    def is_complete(self) -> bool:
        """True when the whole meterset was delivered, as last said."""
        return self.last is not None and _is_complete(self.last, self._limits)

    def require_off(self) -> BeamStatus:
        """Ask the machine and refuse if the beam is on.

        Raises
        ------
        DeviceError
            If it is on although nobody turned it on, or the machine's answer cannot be believed.
        """
        try:
            self._looked_at = self._timeline.now()
            status = self.look()
        except Exception:
            # Once the beam was used, not knowing is no better than knowing that it is on.
            self.may_be_on |= self._was_used
            raise
        if status.is_under_way:
            self.may_be_on = True
            msg = "the machine says that the beam is on, but it was not turned on by this fraction"
            raise DeviceError(msg)
        return status

    def require_gated(self) -> GatedBeam:
        """Return the beam as one that can be gated.

        Raises
        ------
        RefusedError
            If it cannot.
        """
        if isinstance(self._beam, GatedBeam):
            return self._beam
        msg = "this machine cannot wait for permission in a delivery: treat without a gate, or elsewhere"
        raise RefusedError(msg)

    def turn_on(self, *, is_gated: bool = False) -> None:
        """Turn the beam on and see that it is; a gated one waits then until it is permitted.

        Raises
        ------
        DeviceError
            If it does not come on, or the machine's answer cannot be believed. It may be on: hold it.
        """
        order = self.require_gated().turn_on_gated if is_gated else self._beam.turn_on
        self.may_be_on = self._was_used = self._is_awaited = True
        order()
        self._looked_at = self._grew_at = self._timeline.now()
        self._note_withheld(self._looked_at if is_gated else None)
        for _ in range(math.ceil(self._limits.start_s / self._limits.watch_period_s)):
            if self.look().is_under_way or self.is_complete:
                return
            self._timeline.clock.wait(self._limits.watch_period_s)
        msg = f"the beam did not come on within {self._limits.start_s:g} s"
        raise DeviceError(msg)

    def permit(self, seconds: float) -> None:
        """Let radiation of a gated delivery pass for so long.

        Raises
        ------
        LinkLostError
            If the machine does not answer.
        """
        self.require_gated().permit(seconds)
        self._note_withheld(None)

    def withhold(self, reason: str) -> None:
        """Let no radiation of a gated delivery pass; that none does is seen at the next looks.

        Raises
        ------
        LinkLostError
            If the machine does not answer.
        """
        self.require_gated().withhold(reason)
        if self._withheld_at is None:
            self._note_withheld(self._timeline.now())

    def _note_withheld(self, since: datetime | None) -> None:
        self._withheld_at, self._most_mu = since, math.inf

    def look(self) -> BeamStatus:
        """Ask the machine once and return its status if it can be believed.

        Raises
        ------
        DeviceError
            If the look comes too late after the one before, the status is old or contradicts the one before,
            radiation passes that is withheld, or no meterset is counted while the beam is on or permitted, or
            for too long on the way to the next field.
        ClockError
            If the clock went backwards.
        """
        status = self._beam.status()
        now = self._timeline.now()
        silent_s = (now - self._looked_at) / timedelta(seconds=1)
        age_s = (now - status.read_at) / timedelta(seconds=1)
        limit_s = self._limits.heartbeat_s
        if silent_s > limit_s:
            msg = f"nothing was heard of the beam for {silent_s:.2f} s, more than {limit_s:g} s"
            raise DeviceError(msg)
        if abs(age_s) > limit_s:
            msg = f"the status of the beam is {age_s:.2f} s old, more than {limit_s:g} s: it does not follow"
            raise DeviceError(msg)
        self._require_plausible(status)
        self._require_withheld(status)
        if self._counts_anew(status):
            self._grew_at = now
        self._is_awaited &= not status.is_under_way
        self.last, self._looked_at = status, now
        self._require_meterset(status, (now - self._grew_at) / timedelta(seconds=1))
        return status

    def _require_meterset(self, status: BeamStatus, stalled_s: float) -> None:
        if stalled_s > (self._limits.travel_s if status.travelling else self._limits.stall_s):
            what = "the beam is permitted" if status.waiting else "the beam is on"
            what = "the machine travels to the next field" if status.travelling else what
            msg = f"{what} but no meterset was counted for {stalled_s:.1f} s"
            raise DeviceError(msg)

    def _require_withheld(self, status: BeamStatus) -> None:
        """Refuse radiation, or meterset, that comes later than a machine needs to withhold it."""
        if self._withheld_at is None:
            return
        since_s = (status.read_at - self._withheld_at) / timedelta(seconds=1)
        if since_s <= self._limits.hold_s:
            return
        if status.is_on or status.delivered_mu > self._most_mu + self._limits.tolerance_mu:
            msg = f"radiation passes although it has been withheld for {since_s:.1f} s"
            raise DeviceError(msg)
        self._most_mu = min(self._most_mu, status.delivered_mu)

    def _counts_anew(self, status: BeamStatus) -> bool:
        """Tell whether meterset was counted, none is expected, or the next field has been reached."""
        last = self.last
        if last is None or not status.is_under_way or status.delivered_mu > last.delivered_mu:
            return True
        if status.waiting and self._withheld_at is not None:
            return True
        return status.travelling != last.travelling

    def _require_plausible(self, status: BeamStatus) -> None:
        last, limit_mu = self.last, self._limits.tolerance_mu
        if status.delivered_mu > status.planned_mu + limit_mu:
            msg = (
                f"{status.delivered_mu:.1f} MU were delivered, more than the {status.planned_mu:.1f} planned"
            )
            raise DeviceError(msg)
        if last is None:
            return
        if status.read_at < last.read_at:
            msg = "the status of the beam is older than the one before: the machine repeats itself"
            raise DeviceError(msg)
        if status.planned_mu != last.planned_mu:
            msg = f"the planned meterset changed from {last.planned_mu:.1f} to {status.planned_mu:.1f} MU"
            raise DeviceError(msg)
        if status.delivered_mu < last.delivered_mu:
            msg = f"the meterset went back from {last.delivered_mu:.1f} to {status.delivered_mu:.1f} MU"
            raise DeviceError(msg)

    def hold(self, reason: str) -> HoldResult:
        """Turn the beam off and see that it is. Never raises."""
        failures: list[str] = []
        for _ in range(self._limits.hold_attempts):
            try:
                self._beam.hold(reason)
                if self._goes_off():
                    self.may_be_on = False
                    return HoldResult(is_off=True)
                failures.append(f"the beam was still on {self._limits.hold_s:g} s after the command")
            except Exception as error:  # noqa: BLE001 - whatever failed, the next attempt may hold the beam
                failures.append(in_words(error))
        return self._left_to_the_machine("; ".join(dict.fromkeys(failures)))

    def _goes_off(self) -> bool:
        """Ask until the beam is off, for a bounded number of times and without trusting the clock."""
        if not self._is_off_within(self._limits.hold_s):
            return False
        if self._is_awaited:
            # It was turned on and has not been seen yet: the command may still be on its way.
            self._is_awaited = False
            return self._stays_off(self._limits.start_s)
        return True

    def _stays_off(self, seconds: float) -> bool:
        for _ in range(math.ceil(seconds / self._limits.watch_period_s)):
            self._timeline.clock.wait(self._limits.watch_period_s)
            if self._beam.status().is_under_way:
                return False
        return True

    def _is_off_within(self, seconds: float) -> bool:
        # Only an answer made after the command counts; the clock is compared with itself, not with the past.
        commanded_at = self._timeline.clock.now()
        for _ in range(math.ceil(seconds / self._limits.watch_period_s) + 1):
            status = self._beam.status()
            if not status.is_under_way and status.read_at >= commanded_at:
                self._remember(status)
                return True
            self._timeline.clock.wait(self._limits.watch_period_s)
        return False

    def _remember(self, status: BeamStatus) -> None:
        if self.last is None or status.delivered_mu >= self.last.delivered_mu:
            self.last = status

    def _left_to_the_machine(self, failures: str) -> HoldResult:
        said = f"the machine did not confirm the hold ({failures})"
        heartbeat_s = self._limits.machine_heartbeat_s
        try:
            self._timeline.clock.wait(heartbeat_s + self._limits.hold_s)
            asked_at = self._timeline.clock.now()
            status = self._beam.status()
            is_off = not status.is_under_way and status.read_at >= asked_at
        except Exception:  # noqa: BLE001 - what can be said then is said below
            is_off = False
        if is_off:
            self.may_be_on = False
            self._remember(status)
            return HoldResult(
                is_off=True, words=f"{said}; it was left to its heartbeat of {heartbeat_s:g} s and is off now"
            )
        return HoldResult(
            is_off=False,
            words=(
                f"{said}; it was left to its heartbeat of {heartbeat_s:g} s and does not say that the beam "
                "is off: look at the machine and press the emergency stop"
            ),
        )


def _is_complete(status: BeamStatus, limits: BeamLimits) -> bool:
    return status.delivered_mu >= status.planned_mu - limits.tolerance_mu
