"""What is shown of a gate while it works: what it said last, and how much of the time it let beam pass."""

import threading
from dataclasses import dataclass
from datetime import datetime, timedelta

from isoguide.motion.gating import GateDecision


@dataclass(frozen=True, slots=True, eq=False)
class GateShown:
    """What is shown of a gate at one moment.

    Parameters
    ----------
    decision
        The newest.
    duty_cycle
        Share of the time since the first decision of this delivery in which beam might pass, 0 to 1; None
        before any time has passed.
    """

    decision: GateDecision
    duty_cycle: float | None = None


class GateMeter:
    """Hears the decisions of one delivery; whoever looks asks the gate nothing. Any thread may look."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._first_at: datetime | None = None
        self._last: GateDecision | None = None
        self._open_s = 0.0

    def hear(self, decision: GateDecision) -> None:
        """Take the next decision; the time until it counts for the one before."""
        with self._lock:
            if self._last is None:
                self._first_at = decision.at
            elif self._last.permits_beam:
                self._open_s += max(0.0, (decision.at - self._last.at) / timedelta(seconds=1))
            self._last = decision

    @property
    def shown(self) -> GateShown | None:
        """What is shown now; None before the first decision."""
        with self._lock:
            if self._last is None or self._first_at is None:
                return None
            all_s = (self._last.at - self._first_at) / timedelta(seconds=1)
            return GateShown(self._last, min(1.0, self._open_s / all_s) if all_s > 0.0 else None)
