"""A fraction as a document: values of the domain only, chosen and named for a console."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from isoguide.course import ImageRecord, MatchRecord, Modality, Protocol, ProtocolAction
from isoguide.geometry.correction import CouchCorrection
from isoguide.geometry.iec61217 import TableTopPose
from isoguide.records import StoredStep
from isoguide.service.documents.base import CouchPose, ImageKind, Six, three
from isoguide.service.documents.course import PatientDocument, WaitingSignature
from isoguide.service.documents.fraction import (
    Action,
    BeamLine,
    DecisionDocument,
    FractionDocument,
    ImageLine,
    JournalLine,
    MatchDocument,
    SignedDecision,
    SigningOption,
    Step,
)
from isoguide.treatment import Event, State
from isoguide.treatment.match import BY_HAND
from isoguide.treatment.protocol_decision import ProtocolDecision
from isoguide.treatment.protocol_limits import fraction_limits
from isoguide.treatment.states import TABLE
from isoguide.workflow.clinic import signing
from isoguide.workflow.clinic.asked import FractionNow
from isoguide.workflow.clinic.fraction_document import couch_expected
from isoguide.workflow.clinic.fraction_status import FractionStatus, valid_order
from isoguide.workflow.protocol_words import limit_words

_EVENTS: Final[dict[Step, tuple[Event, ...]]] = {
    "set-up": (Event.SET_UP,),
    "image": (Event.IMAGE,),
    "match": (Event.MATCH_BY_HAND,),
    "approve": (Event.APPROVE,),
    "couch": (Event.MOVE_COUCH, Event.VERIFY),
    "deliver": (Event.TURN_ON,),
    "beam on": (Event.TURN_ON,),
    "hold": (Event.HOLD,),
    "resume": (Event.RESUME,),
    "stop": (Event.STOP,),
}
"""What each step begins with in the table of states."""
_NEXT_IN_A_ROOM: Final[Mapping[State, tuple[str, ...]]] = {
    State.SET_UP: ("take an image",),
    State.APPROVED: ("move the couch by the order and read it back",),
    State.COUCH_MOVED: ("read the couch back",),
    State.BEAM_ON: ("watch the beam, and hold it if anything is not as it should be",),
    State.HELD: ("resume the beam if the hold was short and asked for, or else take a new image, or stop",),
}
"""What is said otherwise than to staff who read couch and machine and type what they say."""
_KINDS: Final[Mapping[Modality, ImageKind]] = {
    Modality.CT: "volume",
    Modality.CONE_BEAM_CT: "volume",
    Modality.KV_PAIR: "radiographs",
    Modality.ULTRASOUND: "ultrasound",
}
_BY_STAFF: Final = frozenset({"deliver"})
_BY_ROOM: Final = frozenset({"beam on", "hold", "resume"})


def fraction_document(now: FractionNow) -> FractionDocument:
    """Return everything of a fraction that a person looks at before the next step."""
    status = now.status
    return FractionDocument(
        **_heading(status),
        **_progress(status, is_connected=now.room is not None),
        **_couch(status),
        **_matching(status),
        **_beam(status),
        possible=tuple(possible_steps(status, is_connected=now.room is not None)),
        waiting_signature=WaitingSignature.of(now.waiting) if now.waiting is not None else None,
        room=now.room,
    )


def possible_steps(status: FractionStatus, *, is_connected: bool) -> Iterator[Step]:
    """Yield the steps that the table of states has from here, where a room answers or where staff read."""
    for step, events in _EVENTS.items():
        if step in (_BY_STAFF if is_connected else _BY_ROOM):
            continue
        if step == "image" and status.images_left <= 0:
            continue
        if step == "resume" and needs_new_image(status):
            continue
        treats_without = status.state is State.SET_UP and bool(status.no_image_because)
        if any((status.state, event) in TABLE for event in events) or (
            Event.TURN_ON in events and treats_without
        ):
            yield step


def needs_new_image(status: FractionStatus) -> bool:
    """Tell whether a held beam goes on after a new image only, however short the hold was."""
    memory = status.opened.kept.memory
    return memory is not None and (memory.held_by_fault or memory.held_to_realign)


def _heading(status: FractionStatus) -> dict[str, Any]:
    opened = status.opened
    simulation, limits = opened.simulation, fraction_limits(opened.protocol)
    return {
        "course_id": status.key.course_id,
        "number": status.key.number,
        "version": status.version,
        "patient": PatientDocument.of(opened.course.line),
        "site": simulation.site,
        "machine": simulation.machine,
        "plan_label": simulation.plan_label,
        "protocol": status.protocol,
        "fractions_planned": simulation.fractions_planned,
        "patient_position": str(simulation.patient_position),
        "isocentre_mm": three(simulation.isocentre_mm),
        "degrees_of_freedom": limits.couch.degrees_of_freedom,
        "yaw_axis": limits.couch.yaw_axis,
        "tolerance_mm": limits.tolerance_mm,
        "tolerance_deg": limits.tolerance_deg,
        "limits": limit_words(opened.protocol),
    }


def _progress(status: FractionStatus, *, is_connected: bool) -> dict[str, Any]:
    line = status.stored.line
    # Staff who read the machine are told the same where no shorter way is open in a room.
    is_usual = status.state is State.SET_UP and bool(status.no_image_because)
    is_usual |= status.state is State.HELD and needs_new_image(status)
    in_room = _NEXT_IN_A_ROOM.get(status.state) if is_connected and not is_usual else None
    return {
        "state": str(status.state),
        "reason": status.reason,
        "started_at": line.started_at,
        "ended_at": line.ended_at,
        "next_steps": in_room or status.next_steps,
        "needs_somebody": status.needs_somebody,
        "images_left": max(status.images_left, 0),
        "image_valid_until": signing.image_valid_until(status.opened),
        "no_image_because": status.no_image_because,
        "journal": tuple(map(_journal_line, status.stored.steps)),
    }


def _couch(status: FractionStatus) -> dict[str, Any]:
    order = valid_order(status.opened)
    return {
        "systematic_correction": _six(status.offline),
        "set_up_pose": _pose(status.opened.kept.set_up_pose),
        "expected_pose": _pose(couch_expected(status)),
        "order_pose": _pose(status.target_pose),
        "correction": _six(status.correction),
        "approval_expires_at": order.expires_at if order is not None else None,
    }


def _matching(status: FractionStatus) -> dict[str, Any]:
    stored, decision = status.stored, status.decision
    return {
        "decision": _decision(decision) if decision is not None else None,
        "signing": tuple(_option(one, decision) for one in status.signing.options),
        "images": tuple(_image(one, status.opened.protocol) for one in stored.images),
        "matches": tuple(map(_match, stored.matches)),
        "decisions": tuple(map(SignedDecision.model_validate, stored.decisions)),
    }


def _beam(status: FractionStatus) -> dict[str, Any]:
    given: dict[int, float] = {}
    for one in status.stored.deliveries:
        given[one.beam_number] = given.get(one.beam_number, 0.0) + one.delivered_mu
    beams = status.opened.simulation.beams
    return {
        "beams": tuple(
            BeamLine(
                number=beam.number,
                name=beam.name,
                planned_mu=beam.meterset_mu,
                delivered_mu=given.get(beam.number, 0.0),
            )
            for beam in beams
        ),
        "delivered_mu": status.delivered_mu,
        "planned_mu": status.planned_mu,
    }


def _decision(decision: ProtocolDecision) -> DecisionDocument:
    return DecisionDocument(
        action=_action(decision.action),
        rule=decision.rule,
        agreed=_action(decision.agreed) if decision.agreed is not None else None,
        doubts=decision.doubts,
        image_uid=decision.image_uid,
    )


def _option(option: signing.SigningOption, decision: ProtocolDecision | None) -> SigningOption:
    return SigningOption(
        action=_action(option.action),
        is_proposed=decision is not None and option.action is decision.action,
        first_roles=tuple(map(str, option.first)),
        second_roles=tuple(map(str, option.second)) if option.second is not None else None,
        needs_reason=option.needs_reason,
        barred_because=option.barred_because,
        not_second=option.not_second,
    )


def _image(image: ImageRecord, protocol: Protocol) -> ImageLine:
    return ImageLine(
        uid=image.uid,
        kind=_KINDS[protocol.modality],
        model=image.model,
        started_at=image.started_at,
        acquired_at=image.acquired_at,
        couch=CouchPose.of(image.couch),
        is_kept=bool(image.sha256),
    )


def _match(match: MatchRecord) -> MatchDocument:
    placed, deviation = match.planning_from_daily, match.deviation
    return MatchDocument(
        image_uid=match.image_uid,
        verdict=match.verdict.value,
        reasons=match.reasons,
        algorithm=match.algorithm,
        is_by_hand=match.algorithm == BY_HAND,
        planning_from_daily=tuple(placed.ravel().tolist()) if placed is not None else None,
        correction=_six(match.correction),
        deviation=Six.of_array(deviation) if deviation is not None else None,
        pose=_pose(match.pose),
        residual_mm=match.residual_mm if match.correction is not None else None,
        needs_person=match.needs_person,
    )


def _journal_line(step: StoredStep) -> JournalLine:
    entry = step.entry
    return JournalLine(
        at=entry.at,
        event=str(entry.event),
        state_before=str(entry.state_before),
        state_after=str(entry.state_after),
        detail=entry.detail,
        by=step.by,
    )


def _action(action: ProtocolAction) -> Action:
    return action.value


def _six(correction: CouchCorrection | None) -> Six | None:
    return Six.of(correction) if correction is not None else None


def _pose(pose: TableTopPose | None) -> CouchPose | None:
    return CouchPose.of(pose) if pose is not None else None
