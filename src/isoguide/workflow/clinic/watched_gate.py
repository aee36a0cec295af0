"""A gate that is looked at while it works: what it said last, and how much of the time it let beam pass."""

import threading
from dataclasses import dataclass
from datetime import datetime, timedelta

from isoguide.motion.gating import Gate, GateDecision


@dataclass(frozen=True, slots=True, eq=False)
class GateShown:
    """What is shown of a gate at one moment.

    Parameters
    ----------
    decision
        The newest.
    duty_cycle
        Share of the time since the gate was armed first, without the pauses between an end and the next
        arming, in which beam might pass, 0 to 1; None before any time has passed.
    """

    decision: GateDecision
    duty_cycle: float | None = None


class WatchedGate:
    """A gate as it is, which remembers what it said for whoever looks: a look asks the gate nothing.

    Any thread may look; only what watches the beam asks and arms.

    Parameters
    ----------
    gate
        That decides.
    """

    def __init__(self, gate: Gate) -> None:
        self._gate = gate
        self._lock = threading.Lock()
        self._last: GateDecision | None = None
        self._counted_at: datetime | None = None
        self._open_s = self._all_s = 0.0

    @property
    def period_s(self) -> float:
        """How often the gate wants to be asked."""
        return self._gate.period_s

    @property
    def permit_s(self) -> float:
        """How long a permission of it lasts."""
        return self._gate.permit_s

    @property
    def shown(self) -> GateShown | None:
        """What it said last; None before it was asked first."""
        with self._lock:
            if self._last is None:
                return None
            return GateShown(self._last, self._open_s / self._all_s if self._all_s > 0.0 else None)

    def arm(self) -> None:
        """Arm the gate, as :meth:`isoguide.motion.gating.Gate.arm`.

        Raises
        ------
        IsoguideError
            If what watches the target cannot.
        """
        with self._lock:
            self._counted_at = None
        self._gate.arm()

    def look(self, now: datetime) -> GateDecision:
        """Ask the gate, as :meth:`isoguide.motion.gating.Gate.look`."""
        decision = self._gate.look(now)
        with self._lock:
            self._count(decision)
            self._last = decision
        return decision

    def end(self) -> None:
        """End the gate, as :meth:`isoguide.motion.gating.Gate.end`."""
        with self._lock:
            self._counted_at = None
        self._gate.end()

    def _count(self, decision: GateDecision) -> None:
        before = self._counted_at
        self._counted_at = decision.at
        if before is None or self._last is None:
            return
        passed_s = max(0.0, (decision.at - before) / timedelta(seconds=1))
        self._all_s += passed_s
        if self._last.permits_beam:
            self._open_s += passed_s
