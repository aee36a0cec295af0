"""Gating as a table of states and events that a physicist can review, and what a gate answers.

The table says *when* something may follow; :mod:`isoguide.motion.gate` decides *whether* it happens. Beam
passes in one state only, and a permission ends by itself.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Final, Protocol

from isoguide.geometry.frames import Array, frozen_array
from isoguide.motion.sample import Sighting


class GateState(StrEnum):
    """What the gate does now."""

    ARMED = "armed"
    BEAM_ON = "beam on"
    HOLD = "hold"
    REALIGN = "re-align"
    STOPPED = "stopped"


class GateEvent(StrEnum):
    """What can happen to it.

    ``DOUBT`` is what may mend itself (late, missing or poor data); ``FAULT`` is what may not: an exception, a
    lost heartbeat, clocks that disagree, a marker that has moved.
    """

    SETTLE = "target in the gate for long enough"
    LEAVE = "target may have left the gate"
    DOUBT = "where the target is cannot be told"
    STAY_AWAY = "target does not come back"
    ARM = "armed anew"
    FAULT = "fault"
    END = "ended"


TABLE: Final[Mapping[tuple[GateState, GateEvent], GateState]] = MappingProxyType(
    {
        (GateState.ARMED, GateEvent.SETTLE): GateState.BEAM_ON,
        (GateState.ARMED, GateEvent.LEAVE): GateState.HOLD,
        (GateState.ARMED, GateEvent.DOUBT): GateState.HOLD,
        (GateState.BEAM_ON, GateEvent.LEAVE): GateState.HOLD,
        (GateState.BEAM_ON, GateEvent.DOUBT): GateState.HOLD,
        (GateState.HOLD, GateEvent.SETTLE): GateState.BEAM_ON,
        (GateState.HOLD, GateEvent.STAY_AWAY): GateState.REALIGN,
        **{(state, GateEvent.ARM): GateState.ARMED for state in GateState},
        **{(state, GateEvent.FAULT): GateState.STOPPED for state in GateState},
        **{(state, GateEvent.END): GateState.STOPPED for state in GateState},
    }
)
"""State after each event; a pair that is absent changes nothing, and no pair but these lets beam pass."""


@dataclass(frozen=True, slots=True, eq=False)
class GateDecision:
    """What a gate says at one moment.

    Parameters
    ----------
    at
        The moment, aware UTC.
    state
        Beam may pass in "beam on" only.
    reason
        Why it is in this state, in words for a therapist; never empty while beam may not pass.
    probability
        That the target is inside the gate when the beam reacts, or that it was where it was seen last,
        whichever is less; None where that cannot be told.
    position_mm
        Where the target is predicted to be then, as in
        :class:`~isoguide.motion.sample.TargetSample`, (3,); None likewise.
    sighting
        The newest frame.
    latency_s
        From the exposure of that frame to this decision; None before the first.
    proposal_mm
        Median of where the target was in the last seconds, (3,): what a shift would have to undo. Only while
        the state is "re-align". It is no order: the couch moves by a new image.
    holds
        How often the gate closed since it was armed first.
    """

    at: datetime
    state: GateState
    reason: str = ""
    probability: float | None = None
    position_mm: Array | None = None
    sighting: Sighting | None = None
    latency_s: float | None = None
    proposal_mm: Array | None = None
    holds: int = 0

    def __post_init__(self) -> None:
        for name in ("position_mm", "proposal_mm"):
            value = getattr(self, name)
            if value is not None:
                object.__setattr__(self, name, frozen_array(value, (3,), name))

    @property
    def permits_beam(self) -> bool:
        """Whether beam may pass."""
        return self.state is GateState.BEAM_ON


class TargetWatch(Protocol):
    """What watches the target: an imager and what finds the target in its images, or a marker on the skin."""

    source: str
    """What watches, in words."""

    def start(self) -> None:
        """Begin to watch, or begin anew; harmless while it watches.

        Raises
        ------
        IsoguideError
            If it cannot.
        """
        ...

    def take(self, now: datetime) -> Sequence[Sighting]:
        """Return what was exposed since the last call and has arrived by ``now``, in the order of arrival.

        The gate judges frames that are late, repeated or contradictory: they are handed on, never mended.
        """
        ...

    def stop(self) -> None:
        """Stop watching; harmless when that has ended."""
        ...


class Gate(Protocol):
    """Says from moment to moment whether beam may pass."""

    @property
    def period_s(self) -> float:
        """How often it wants to be asked."""
        ...

    @property
    def permit_s(self) -> float:
        """How long a permission lasts without another one."""
        ...

    def arm(self) -> None:
        """Begin, or begin anew, in whatever state: nothing that was exposed before counts.

        Raises
        ------
        IsoguideError
            If what watches the target cannot.
        """
        ...

    def look(self, now: datetime) -> GateDecision:
        """Take in what was seen until now, and decide.

        It never raises: what fails inside is a decision with the state "stopped".
        """
        ...

    def end(self) -> None:
        """Stop watching; harmless when that has ended."""
        ...
