"""What a written protocol says about a match.

Rules are asked in this order; of several that hold, the gravest action counts:

1. no answer, or a match of the engine that wants a review: image again while exposures are left. Then: a
   second look at a doubtful match, stop without an answer. A match of ultrasound to the planning CT always
   wants a review, which another image would not spare: a second look at once;
2. beyond the couch's reach: what ``rotation.beyond`` says;
3. an action level is passed: its action. The shift is that at the isocentre, the rotation is the patient's,
   whatever of it this couch can make;
4. a person has to look, for whatever reason: at least a second look. So it is for ultrasound where the
   protocol does not image by it;
5. within the tolerance: no correction;
6. otherwise: correct.

A match by hand was looked at by a person, so rule 1 is not asked about it. Rule 4 is: what one person found,
another one looks at. The exception is a pose by hand within the tolerance of an answer that the engine
accepts: then a person has confirmed the engine, and the routine goes on.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from isoguide.course import CouchLimit, Modality, Protocol, ProtocolAction, Tolerance
from isoguide.errors import InputError
from isoguide.geometry.transforms import rotation_angle_deg
from isoguide.registration import Registration, Verdict
from isoguide.registration.day_match import ULTRASOUND, ULTRASOUND_TO_CT
from isoguide.treatment.couch_check import beyond_travel
from isoguide.treatment.limits import CouchLimits
from isoguide.treatment.match import Match, Proposal

_ON_THE_MATCH: Final = (ProtocolAction.CORRECT, ProtocolAction.NO_CORRECTION)
_UNITS: Final = {"shift_mm": " mm", "rotation_deg": "°", "residual_mm": " mm"}
_WORDS: Final = {
    "shift_mm": "the shift of {}",
    "rotation_deg": "the rotation of {}",
    "residual_mm": "the {} that the correction leaves at the target",
}


@dataclass(frozen=True, slots=True)
class ProtocolDecision:
    """What a protocol says about one match.

    Parameters
    ----------
    action
        What it asks for.
    rule
        Which rule decided, with value and limit, ending in the action.
    image_uid
        Of the match.
    agreed
        What is done when those who look agree with the match: "correct" or "no correction"; None without an
        answer.
    doubts
        Why a person has to look, even where a graver rule decided.
    barred
        What nobody may choose, whoever signs, with the reason.
    matched_by
        User name of who matched by hand, and so cannot be the second one to look; empty for the engine.
    """

    action: ProtocolAction
    rule: str
    image_uid: str
    agreed: ProtocolAction | None
    doubts: tuple[str, ...] = ()
    barred: Mapping[ProtocolAction, str] = field(default_factory=dict)
    matched_by: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "barred", MappingProxyType(dict(self.barred)))


@dataclass(frozen=True, slots=True)
class _Rule:
    """An action and why, without the action in the words."""

    action: ProtocolAction
    words: str


def decide_by_protocol(protocol: Protocol, match: Match, *, exposures_left: int) -> ProtocolDecision:
    """Return what the protocol says about a match; see the head of this module for the order of its rules.

    Parameters
    ----------
    protocol
        Of the course.
    match
        Of the latest image, made with the limits of the same protocol
        (:func:`isoguide.treatment.protocol_limits.fraction_limits`).
    exposures_left
        How many images this fraction may still have.

    Raises
    ------
    InputError
        If the number of exposures is negative, or a size of the match is not a number.
    """
    if exposures_left < 0:
        msg = f"exposures_left must be 0 or more, not {exposures_left}"
        raise InputError(msg)
    proposal = match.proposal
    if proposal is None:
        return _without_answer(match, exposures_left)
    sizes = _sizes(match.registration, proposal)
    beyond = _beyond_reach(protocol.rotation, proposal)
    agreed = _by_tolerance(protocol.tolerance, proposal, sizes)
    rules = [
        *_about_reach(protocol.rotation, beyond),
        *_about_levels(protocol, sizes, exposures_left),
        *_about_doubts(match, proposal, protocol.tolerance),
        *_about_modality(protocol, match.registration),
        agreed,
    ]
    if _helps_to_image_again(match) and exposures_left:
        rules = [_Rule(ProtocolAction.REIMAGE, f"the match is doubtful ({_reasons(match)})")]
    action = max((rule.action for rule in rules), key=lambda action: action.gravity)
    words = "; ".join(rule.words for rule in rules if rule.action is action)
    return ProtocolDecision(
        action,
        f"{words}: {action}",
        match.image_uid,
        agreed.action,
        proposal.needs_person,
        {ProtocolAction.CORRECT: "; ".join(beyond)} if beyond else {},
        match.by_hand.by if match.by_hand is not None else "",
    )


def _helps_to_image_again(match: Match) -> bool:
    registration = match.registration
    is_doubtful = match.by_hand is None and registration.verdict is not Verdict.ACCEPT
    return is_doubtful and registration.content != ULTRASOUND_TO_CT


def _about_modality(protocol: Protocol, registration: Registration) -> Iterator[_Rule]:
    by_ultrasound = registration.content in (ULTRASOUND, ULTRASOUND_TO_CT)
    if by_ultrasound and protocol.modality is not Modality.ULTRASOUND:
        words = f"the match is one of {registration.content}, and protocol {protocol.label} images by "
        yield _Rule(ProtocolAction.SECOND_LOOK, f"{words}{protocol.modality}")


def _without_answer(match: Match, exposures_left: int) -> ProtocolDecision:
    action = ProtocolAction.REIMAGE if exposures_left else ProtocolAction.STOP
    words = f"the match has no answer ({_reasons(match)})"
    left = "" if exposures_left else " and no exposure is left"
    barred = dict.fromkeys(_ON_THE_MATCH, words)
    return ProtocolDecision(action, f"{words}{left}: {action}", match.image_uid, None, (), barred)


def _reasons(match: Match) -> str:
    return "; ".join(match.registration.reasons)


def _sizes(registration: Registration, proposal: Proposal) -> dict[str, float]:
    """Return what action levels limit, by the names of their limits.

    The rotation is the largest of those known: a couch that cannot turn proposes none, and the patient is
    turned all the same.
    """
    found = (registration.planning_from_daily, registration.unconstrained)
    angles_deg = [rotation_angle_deg(answer.rotation) for answer in found if answer is not None]
    sizes = {
        "shift_mm": proposal.shift_mm,
        "rotation_deg": max(proposal.angle_deg, *angles_deg),
        "residual_mm": proposal.residual_mm,
    }
    for name, value in sizes.items():
        if not (math.isfinite(value) and value >= 0.0):
            msg = f"the match calls for {name} = {value}, which is no size: take another image"
            raise InputError(msg)
    return sizes


def _beyond_reach(rotation: CouchLimit, proposal: Proposal) -> tuple[str, ...]:
    allowed = CouchLimits(
        pitch_deg=(-rotation.pitch_deg, rotation.pitch_deg), roll_deg=(-rotation.roll_deg, rotation.roll_deg)
    )
    return proposal.out_of_reach or beyond_travel(proposal.pose, allowed)


def _about_reach(rotation: CouchLimit, beyond: tuple[str, ...]) -> Iterator[_Rule]:
    if beyond:
        yield _Rule(rotation.beyond, f"the couch cannot make the correction ({'; '.join(beyond)})")


def _about_levels(protocol: Protocol, sizes: Mapping[str, float], exposures_left: int) -> Iterator[_Rule]:
    for level in protocol.action_levels:
        for name, limit in level.limits.items():
            if sizes[name] > limit:
                size = _WORDS[name].format(_above(sizes[name], limit, _UNITS[name]))
                words = f"{size} is above the action level of {limit:g}{_UNITS[name]}"
                if level.action is ProtocolAction.REIMAGE and not exposures_left:
                    yield _Rule(ProtocolAction.STOP, f"{words} for another image, and no exposure is left")
                else:
                    yield _Rule(level.action, words)


def _about_doubts(match: Match, proposal: Proposal, tolerance: Tolerance) -> Iterator[_Rule]:
    reasons = match.doubts(tolerance.shift_mm, tolerance.rotation_deg)
    doubts = dict.fromkeys((*reasons, *proposal.needs_person))
    if doubts:
        yield _Rule(ProtocolAction.SECOND_LOOK, f"a person has to look ({'; '.join(doubts)})")


def _by_tolerance(tolerance: Tolerance, proposal: Proposal, sizes: Mapping[str, float]) -> _Rule:
    """Return "correct" or "no correction", judged by what this couch can do about the position."""
    over = [
        f"{_WORDS[name].format(_above(value, limit, _UNITS[name]))} is above the tolerance of "
        f"{limit:g}{_UNITS[name]}"
        for name, value, limit in (
            ("shift_mm", proposal.shift_mm, tolerance.shift_mm),
            ("rotation_deg", proposal.angle_deg, tolerance.rotation_deg),
        )
        if value > limit
    ]
    if over:
        return _Rule(ProtocolAction.CORRECT, "; ".join(over))
    words = (
        f"the correction of {proposal.shift_mm:.1f} mm and {proposal.angle_deg:.1f}° is within the tolerance "
        f"of {tolerance.shift_mm:g} mm and {tolerance.rotation_deg:g}°"
    )
    if sizes["rotation_deg"] > tolerance.rotation_deg:
        words += f", and this couch cannot make the rotation of {sizes['rotation_deg']:.1f}°"
    return _Rule(ProtocolAction.NO_CORRECTION, words)


def _above(value: float, limit: float, unit: str) -> str:
    """Write a value with as many decimals as show that it is above the limit."""
    written = (f"{value:.{decimals}f}" for decimals in (1, 2, 3))
    return next((text for text in written if float(text) > limit), str(float(value))) + unit
