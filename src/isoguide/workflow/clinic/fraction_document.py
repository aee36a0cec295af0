"""A fraction as one plain document: what the command line prints and a console shows.

Values are those of the data model; :func:`isoguide.records.plain.to_plain` makes them JSON. Keys are only
ever added.
"""

from datetime import timedelta
from typing import Final

from isoguide.course import ActionLevel, Protocol
from isoguide.geometry.iec61217 import TableTopPose
from isoguide.treatment import FractionMemory, Match, State
from isoguide.treatment.protocol_limits import fraction_limits
from isoguide.workflow.clinic.fraction_status import FractionStatus, valid_order
from isoguide.workflow.clinic.signing import image_valid_until

_LEVEL_WORDS: Final = {
    "shift_mm": "a shift of {:g} mm",
    "rotation_deg": "a rotation of {:g}°",
    "residual_mm": "{:g} mm left at the target",
}


def fraction_document(status: FractionStatus) -> dict[str, object]:
    """Return everything of a fraction that a person looks at before the next step."""
    stored, decision, opened = status.stored, status.decision, status.opened
    order = valid_order(opened)
    return {
        "course": status.key.course_id,
        "number": status.key.number,
        "version": status.version,
        "at": status.at,
        "patient": opened.simulation.patient,
        "protocol": status.protocol,
        "state": status.state,
        "reason": status.reason,
        "decision": None if decision is None else {"action": decision.action, "rule": decision.rule},
        "signing": status.signing.options,
        "couch_to": status.target_pose,
        "couch_expected": couch_expected(status),
        "correction": status.correction,
        "approval_expires_at": order.expires_at if order is not None else None,
        "systematic_correction": status.offline,
        "no_image_because": status.no_image_because,
        "images_left": status.images_left,
        "image": _image(status),
        "image_valid_until": image_valid_until(opened),
        "place": opened.kept.memory.place if opened.kept.memory is not None else None,
        "beam": _beam(status),
        "limits": _limits(opened.protocol),
        "delivered_mu": status.delivered_mu,
        "planned_mu": status.planned_mu,
        "next_steps": status.next_steps,
        "needs_somebody": status.needs_somebody,
        "summary": stored.summary,
        "journal": stored.steps,
        "images": stored.images,
        "matches": stored.matches,
        "match_history": _match_history(opened.kept.memory),
        "decisions": stored.decisions,
        "deliveries": stored.deliveries,
        "motions": stored.motions,
        "assessments": stored.assessments,
    }


def couch_expected(status: FractionStatus) -> TableTopPose | None:
    """Return where the couch has to be read at the next step, None where any place will do."""
    memory = status.opened.kept.memory
    if memory is None or status.state.is_final:
        return None
    if memory.place is not None:
        return memory.place.pose
    if status.target_pose is not None:
        return status.target_pose
    if status.state is State.COUCH_MOVED:
        return memory.destination
    image = status.opened.image
    return image.couch if image is not None else None


def _image(status: FractionStatus) -> dict[str, object] | None:
    image = status.opened.image
    if image is None:
        return None
    return {
        "uid": image.uid,
        "model": image.model,
        "acquired_at": image.acquired_at,
        "age_s": (status.at - image.acquired_at) / timedelta(seconds=1),
        "machine_isocentre_mm": image.machine_isocentre_mm,
    }


def _beam(status: FractionStatus) -> dict[str, object]:
    """Say whether the beam may be on at this moment, and whether it may be turned on, or why not."""
    memory = status.opened.kept.memory
    may_be_on = memory is not None and (memory.beam.may_be_on or status.state is State.BEAM_ON)
    refused = _beam_refused_because(status, memory)
    return {"may_be_on": may_be_on, "may_be_turned_on": not refused, "refused_because": refused}


def _beam_refused_because(status: FractionStatus, memory: FractionMemory | None) -> str:
    if status.state is State.SET_UP and status.no_image_because:
        return ""
    if status.state is not State.VERIFIED or memory is None or memory.place is None:
        return f"the fraction is {status.state}, and its position is not verified"
    valid_until = image_valid_until(status.opened)
    if memory.place.image_uid and valid_until is not None and status.at > valid_until:
        return "the image of the position is too old: take a new one"
    if fraction_limits(status.opened.protocol).verify_with_image and not memory.place.shown_by_image:
        return "no image has shown the corrected position yet: take one"
    return ""


def _limits(protocol: Protocol) -> dict[str, object]:
    limits = fraction_limits(protocol)
    return {
        "tolerance_mm": limits.tolerance_mm,
        "tolerance_deg": limits.tolerance_deg,
        "levels": tuple(map(_level_words, protocol.action_levels)),
        "image_age_s": limits.image_age_s,
        "approval_s": limits.approval_s,
        "images": limits.images,
        "corrections": limits.corrections,
        "degrees_of_freedom": limits.couch.degrees_of_freedom,
        "verify_with_image": limits.verify_with_image,
    }


def _level_words(level: ActionLevel) -> str:
    sizes = " or ".join(_LEVEL_WORDS[name].format(value) for name, value in level.limits.items())
    return f"{level.action} above {sizes}"


def _match_history(memory: FractionMemory | None) -> tuple[dict[str, object], ...]:
    """Return every match with what found it, the oldest first; the last one stands."""
    return tuple(map(_match_line, memory.matches if memory is not None else ()))


def _match_line(match: Match) -> dict[str, object]:
    return {
        "image_uid": match.image_uid,
        "algorithm": match.registration.algorithm,
        "verdict": match.registration.verdict,
        "correction": match.correction,
        "by_hand": match.by_hand,
    }
