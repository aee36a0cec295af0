"""What a gate demands before beam may pass, and when it closes: plain values of a department."""

import math
from dataclasses import dataclass, fields

from isoguide.errors import InputError

LONGEST_DELAY_S = 0.5
"""Longest total delay of a gated or tracked system (AAPM TG-76)."""
MOST_BRIDGED = 3


@dataclass(frozen=True, slots=True)
class GateSettings:
    """What the gate demands.

    A value marked [K] is general knowledge, not checked against the document: choose your own. Gating has to
    be right to 100 ms in time (AAPM TG-142 [K]); surface systems were measured to hold the beam in 131 to
    149 ms (Naylor 2025), and to turn it on in 280 to 1650 ms (Dierl 2025).

    Parameters
    ----------
    gate_mm
        Radius of the ball about the planned place, at the target.
    least_probability
        That the target is in the ball: below it the gate closes.
    settled_probability
        Above it for ``dwell_s`` the gate opens: the two differ, so that noise at the edge does not flutter.
    dwell_s
        How long the target has to stay.
    stale_s
        When the newest usable frame is older than this, the gate closes.
    longest_latency_s
        From an exposure until the beam reacts: what is measured, and ``system_latency_s``. A longer one
        closes the gate (TG-76: at most 500 ms).
    system_latency_s
        Of the machine, from the order until the beam is off: the target is predicted over it, in addition to
        the age of the frame.
    fewest_per_s
        Rate of usable frames below which the gate closes.
    clock_skew_s
        A frame that is newer than now by more than this, or frames whose age creeps by more, mean that the
        clocks disagree.
    least_quality
        A frame of a lower quality is not used.
    bridged_frames
        So many frames in a row may show no target, or show it poorly, before the gate closes; prediction
        carries on over them. 0: the first one closes it.
    realign_after_s
        When the gate stays closed for so long, the patient is to be aligned anew.
    proposal_s
        The proposed shift is the median of so many last seconds.
    permit_s
        A permission lasts so long without another one.
    period_s
        Time between two looks.

    Raises
    ------
    InputError
        If a value is impossible, or two contradict each other; the message names it.
    """

    gate_mm: float
    least_probability: float = 0.5
    settled_probability: float = 0.8
    dwell_s: float = 0.3
    stale_s: float = 0.5
    longest_latency_s: float = LONGEST_DELAY_S
    system_latency_s: float = 0.15
    fewest_per_s: float = 2.0
    clock_skew_s: float = 0.05
    least_quality: float = 0.5
    bridged_frames: int = 1
    realign_after_s: float = 15.0
    proposal_s: float = 15.0
    permit_s: float = 0.3
    period_s: float = 0.05

    def __post_init__(self) -> None:
        for item in fields(self):
            self._require_possible(item.name)
        _need(
            self.least_probability < self.settled_probability < 1.0,
            f"settled_probability must lie between least_probability ({self.least_probability:g}) and 1, "
            f"not at {self.settled_probability:g}",
        )
        _need(
            self.longest_latency_s <= LONGEST_DELAY_S,
            f"longest_latency_s is {self.longest_latency_s:g}: TG-76 allows {LONGEST_DELAY_S:g}",
        )
        _need(
            self.system_latency_s < self.longest_latency_s,
            f"system_latency_s ({self.system_latency_s:g}) leaves nothing of longest_latency_s "
            f"({self.longest_latency_s:g})",
        )
        _need(
            3.0 * self.period_s <= self.permit_s,
            f"permit_s ({self.permit_s:g}) must last for three looks or more, {3.0 * self.period_s:g}: one "
            "that comes late would close the gate",
        )
        _need(
            self.permit_s <= self.stale_s,
            f"permit_s ({self.permit_s:g}) must not outlast stale_s ({self.stale_s:g})",
        )

    def _require_possible(self, name: str) -> None:
        value = getattr(self, name)
        if name == "bridged_frames":
            _need(
                value in range(MOST_BRIDGED + 1),
                f"bridged_frames must be 0 to {MOST_BRIDGED}, not {value}",
            )
            return
        _need(math.isfinite(value) and value > 0.0, f"{name} must be a positive number, not {value}")
        if name in ("least_probability", "least_quality"):
            _need(value <= 1.0, f"{name} must be a share up to 1, not {value:g}")


def _need(condition: bool, message: str) -> None:  # noqa: FBT001 - reads as the sentence it checks
    if not condition:
        raise InputError(message)
