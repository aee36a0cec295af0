"""A gate that says what a test wants at each look, by the time since it was armed."""

from collections.abc import Callable
from datetime import datetime, timedelta

import numpy as np

from isoguide.motion.gating import GateDecision, GateState

IN, OUT = GateState.BEAM_ON, GateState.HOLD
Says = Callable[[float], GateState]


def always(state: GateState) -> Says:
    return lambda _seconds: state


class FakeGate:
    """``says`` maps the seconds since it was armed to what it decides."""

    def __init__(self, clock, says: Says = lambda _seconds: IN) -> None:
        self.clock, self.says = clock, says
        self.period_s, self.permit_s = 0.05, 0.3
        self.armed = self.ended = 0
        self.arms_in_s = 0.0
        self.cannot: Exception | None = None
        self.fails: dict[int, BaseException] = {}
        self.looks: list[datetime] = []
        self.late_s = 0.0
        self.proposal_mm = np.array([1.0, -6.25, 0.5])
        self.armed_at = clock.at

    def arm(self) -> None:
        self.clock.wait(self.arms_in_s)
        if self.cannot is not None:
            raise self.cannot
        self.armed += 1
        self.armed_at = self.clock.at

    def look(self, now: datetime) -> GateDecision:
        self.looks.append(now)
        error = self.fails.get(len(self.looks))
        if error is not None:
            raise error
        state = self.says((now - self.armed_at).total_seconds())
        proposal_mm = self.proposal_mm if state is GateState.REALIGN else None
        reason = "" if state is IN else f"the target is '{state}'"
        return GateDecision(
            now - timedelta(seconds=self.late_s), state, reason=reason, proposal_mm=proposal_mm
        )

    def end(self) -> None:
        self.ended += 1
