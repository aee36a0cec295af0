"""The fraction as a table of states and events that a physicist can review.

Everything that may happen is a row of :data:`TABLE`; what is not in it is refused. The table says *when* a
step is possible; the guards in :mod:`isoguide.treatment.fraction` say *whether* it is safe.
"""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from isoguide.treatment.refusals import OutOfOrderError


class State(StrEnum):
    """What is true of the fraction now."""

    PREPARED = "prepared"
    SET_UP = "set up"
    IMAGED = "imaged"
    ALIGNED = "aligned"
    APPROVED = "approved"
    COUCH_MOVED = "couch moved"
    VERIFIED = "verified"
    BEAM_ON = "beam on"
    HELD = "held"
    DELIVERED = "delivered"
    CLOSED = "closed"
    STOPPED = "stopped"

    @property
    def is_final(self) -> bool:
        """True where nothing can follow."""
        return self in (State.CLOSED, State.STOPPED)


class Event(StrEnum):
    """What can happen to it."""

    SET_UP = "set up to the marks"
    IMAGE = "image"
    LOSE_IMAGE = "no valid image"
    SKIP_IMAGE = "no image due"
    ALIGN = "align"
    MATCH_BY_HAND = "match by hand"
    MATCH_BY_ENGINE = "back to the engine's match"
    APPROVE = "approve correction"
    WITHDRAW = "withdraw approval"
    CONFIRM = "confirm position"
    MOVE_COUCH = "move couch"
    VERIFY = "verify couch"
    MISS = "couch not in place"
    REPOSITION = "set up again"
    TURN_ON = "turn beam on"
    HOLD = "hold"
    RESUME = "resume"
    DELIVER = "meterset delivered"
    CLOSE = "close"
    STOP = "stop"


IMAGING_STATES: Final = (
    State.SET_UP,
    State.IMAGED,
    State.ALIGNED,
    State.APPROVED,
    State.COUCH_MOVED,
    State.VERIFIED,
    State.HELD,
)
"""From these a (new) image may be taken: every state before the beam once the patient is set up, and a
hold."""

_WAY: Final = {
    (State.PREPARED, Event.SET_UP): State.SET_UP,
    (State.SET_UP, Event.SKIP_IMAGE): State.VERIFIED,
    (State.IMAGED, Event.ALIGN): State.ALIGNED,
    (State.ALIGNED, Event.MATCH_BY_HAND): State.ALIGNED,
    (State.ALIGNED, Event.MATCH_BY_ENGINE): State.ALIGNED,
    (State.ALIGNED, Event.APPROVE): State.APPROVED,
    (State.ALIGNED, Event.CONFIRM): State.VERIFIED,
    (State.APPROVED, Event.WITHDRAW): State.ALIGNED,
    (State.APPROVED, Event.MOVE_COUCH): State.COUCH_MOVED,
    (State.COUCH_MOVED, Event.VERIFY): State.VERIFIED,
    (State.COUCH_MOVED, Event.MISS): State.SET_UP,
    (State.VERIFIED, Event.MISS): State.SET_UP,
    (State.VERIFIED, Event.TURN_ON): State.BEAM_ON,
    (State.BEAM_ON, Event.HOLD): State.HELD,
    (State.BEAM_ON, Event.DELIVER): State.DELIVERED,
    (State.HELD, Event.RESUME): State.BEAM_ON,
    (State.HELD, Event.MISS): State.SET_UP,
    (State.HELD, Event.DELIVER): State.DELIVERED,
    (State.DELIVERED, Event.CLOSE): State.CLOSED,
}
_IMAGES: Final = {(state, Event.IMAGE): State.IMAGED for state in IMAGING_STATES}
_LOST: Final = {(state, Event.LOSE_IMAGE): State.SET_UP for state in IMAGING_STATES}
_ANEW: Final = {(state, Event.REPOSITION): State.PREPARED for state in IMAGING_STATES}
_STOPS: Final = {(state, Event.STOP): State.STOPPED for state in State if not state.is_final}

TABLE: Final[Mapping[tuple[State, Event], State]] = MappingProxyType(
    {**_WAY, **_IMAGES, **_LOST, **_ANEW, **_STOPS}
)
"""State after each event; a pair that is absent is refused."""


def state_after(state: State, event: Event) -> State:
    """Return the state that an event leads to.

    Raises
    ------
    OutOfOrderError
        If the table has no such step.
    """
    if (state, event) not in TABLE:
        possible = ", ".join(f"'{known}'" for before, known in TABLE if before is state)
        msg = (
            f"'{event}' is not possible in the state '{state}'; possible: {possible or 'nothing, it is over'}"
        )
        raise OutOfOrderError(msg)
    return TABLE[state, event]
