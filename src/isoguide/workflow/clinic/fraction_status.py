"""Where a fraction is, what was decided and what comes next: what every step answers with."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from isoguide.course import ProtocolAction
from isoguide.geometry.correction import CouchCorrection
from isoguide.geometry.iec61217 import TableTopPose
from isoguide.records import FractionKey, StoredFraction
from isoguide.treatment import State
from isoguide.treatment.memory import FractionMemory
from isoguide.treatment.protocol_decision import ProtocolDecision


@dataclass(frozen=True, slots=True, eq=False)
class FractionStatus:
    """One fraction now.

    Parameters
    ----------
    key
        Which one.
    patient
        Whose, in words.
    protocol
        Name and version.
    state, reason
        Where it is and why.
    stored
        Everything that the records hold of it.
    decision
        What the protocol says about the newest match, None without one.
    target_pose, correction
        Where the couch has to go by the valid order, and the motion of the patient that it makes.
    images_left
        How many exposures there may still be.
    offline
        The systematic correction of today's set-up, None for none.
    no_image_because
        Why the schedule asks for no image, empty when it asks for one.
    delivered_mu, planned_mu
        Of the whole fraction.
    next_steps
        What can be done now, one sentence each.
    """

    key: FractionKey
    patient: str
    protocol: str
    state: State
    reason: str
    stored: StoredFraction
    decision: ProtocolDecision | None
    target_pose: TableTopPose | None
    correction: CouchCorrection | None
    images_left: int
    offline: CouchCorrection | None
    no_image_because: str
    delivered_mu: float
    planned_mu: float
    next_steps: tuple[str, ...]

    @property
    def needs_somebody(self) -> bool:
        """True where the protocol does not let the routine go on."""
        routine = (ProtocolAction.CORRECT, ProtocolAction.NO_CORRECTION)
        if self.decision is not None and self.decision.action not in routine:
            return True
        return self.state in (State.STOPPED, State.HELD)


def next_steps(
    state: State, memory: FractionMemory | None, decision: ProtocolDecision | None, no_image_because: str
) -> tuple[str, ...]:
    """Return what can be done in a state, one sentence each, the usual one first."""
    if state is State.ALIGNED and decision is not None:
        return _after_match(decision)
    if state is State.SET_UP and no_image_because:
        return (f"no image is due ({no_image_because}): deliver, or take an image all the same",)
    shown = memory is not None and memory.place is not None and memory.place.shown_by_image
    if state is State.VERIFIED and not shown and not no_image_because:
        return ("deliver, or take an image of the corrected position first",)
    return _USUAL[state]


def _after_match(decision: ProtocolDecision) -> tuple[str, ...]:
    words: Mapping[ProtocolAction, Callable[[], str]] = {
        ProtocolAction.CORRECT: lambda: "approve the correction",
        ProtocolAction.NO_CORRECTION: lambda: "approve the position as it is",
        ProtocolAction.SECOND_LOOK: lambda: (
            f"approve '{decision.agreed}' with a second person, or image again"
        ),
        ProtocolAction.REIMAGE: lambda: "image again",
        ProtocolAction.REPOSITION: lambda: "approve 'set up again', then set the patient up again",
        ProtocolAction.STOP: lambda: "stop the fraction",
    }
    return (words[decision.action](),)


_USUAL: Final[Mapping[State, tuple[str, ...]]] = {
    State.PREPARED: ("bring the patient to his marks, then set up with the couch as it is read",),
    State.SET_UP: ("take an image and give its folder",),
    State.IMAGED: ("take another image: this one was not matched",),
    State.ALIGNED: ("take another image",),
    State.APPROVED: ("drive the couch to the pose of the order, then give its reading",),
    State.COUCH_MOVED: ("give the reading of the couch",),
    State.VERIFIED: ("deliver",),
    State.BEAM_ON: ("give what was delivered",),
    State.HELD: ("take a new image to go on, or stop the fraction",),
    State.DELIVERED: ("close the fraction",),
    State.CLOSED: ("nothing: it is over",),
    State.STOPPED: ("nothing: it is over",),
}
