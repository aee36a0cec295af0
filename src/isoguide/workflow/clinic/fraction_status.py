"""Where a fraction is, what was decided and what comes next: what every step answers with."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from isoguide.course import ProtocolAction, SimulationRecord
from isoguide.geometry.correction import CouchCorrection
from isoguide.geometry.iec61217 import TableTopPose
from isoguide.records import FractionKey, StoredFraction
from isoguide.treatment import State
from isoguide.treatment.memory import FractionMemory
from isoguide.treatment.orders import CouchOrder
from isoguide.treatment.protocol_decision import ProtocolDecision
from isoguide.treatment.protocol_limits import fraction_limits
from isoguide.workflow.clinic.open_fraction import OpenFraction
from isoguide.workflow.clinic.seen import Seen
from isoguide.workflow.clinic.signing import Signing, signing_of


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
    at
        When it was looked at, aware UTC.
    opened
        The fraction with its course and protocol, as it was then.
    signing
        What may be chosen about the newest match, and who signs it.
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
    at: datetime
    opened: OpenFraction
    signing: Signing

    @property
    def version(self) -> int:
        """What counts the steps of the fraction."""
        return self.stored.version

    @property
    def seen(self) -> Seen:
        """What somebody saw who saw this: what the next step of that person rests on."""
        return Seen.of(self.stored)

    @property
    def needs_somebody(self) -> bool:
        """True where the protocol does not let the routine go on."""
        routine = (ProtocolAction.CORRECT, ProtocolAction.NO_CORRECTION)
        if self.decision is not None and self.decision.action not in routine:
            return True
        return self.state in (State.STOPPED, State.HELD)


def status_of(opened: OpenFraction, now: datetime) -> FractionStatus:
    """Return where a fraction is at a time."""
    memory, line, kept = opened.kept.memory, opened.stored.line, opened.kept
    order = valid_order(opened)
    decision = opened.decision
    exposures = memory.exposures if memory is not None else 0
    return FractionStatus(
        key=line.key,
        patient=patient_words(opened.simulation),
        protocol=opened.protocol.label,
        state=line.state,
        reason=opened.stored.steps[-1].entry.detail if opened.stored.steps else "",
        stored=opened.stored,
        decision=decision,
        target_pose=order.pose if order is not None else None,
        correction=order.correction if order is not None else None,
        images_left=fraction_limits(opened.protocol).images - exposures,
        offline=kept.offline,
        no_image_because=kept.no_image_because,
        delivered_mu=opened.stored.summary.delivered_mu,
        planned_mu=opened.planned_mu,
        next_steps=next_steps(line.state, memory, decision, kept.no_image_because),
        at=now,
        opened=opened,
        signing=signing_of(opened, now),
    )


def valid_order(opened: OpenFraction) -> CouchOrder | None:
    """Return the order that is neither used nor void, None without one."""
    memory = opened.kept.memory
    order = memory.orders.newest if memory is not None else None
    if order is None or memory is None or order.token in memory.orders.ended:
        return None
    return order


def patient_words(simulation: SimulationRecord) -> str:
    """Return name, number and birth date of the patient."""
    patient = simulation.patient
    return f"{patient.name or 'no name'} ({patient.patient_id}, born {patient.birth_date})"


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
        ProtocolAction.REIMAGE: lambda: "image again, or match by hand",
        ProtocolAction.REPOSITION: lambda: "approve 'set up again', then set the patient up again",
        ProtocolAction.STOP: lambda: (
            "stop the fraction" if decision.agreed is not None else "stop the fraction, or match by hand"
        ),
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
