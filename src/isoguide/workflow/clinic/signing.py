"""Signatures under a decision: who may give them, and how the fraction takes them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from isoguide.course import DecisionRecord, Person, ProtocolAction, Role
from isoguide.treatment import Approver
from isoguide.treatment.protocol_decision import ProtocolDecision
from isoguide.treatment.protocol_limits import fraction_limits
from isoguide.treatment.signatures import TOWARDS_SAFETY, demand_of
from isoguide.workflow.clinic.open_fraction import OpenFraction


def approver_of(record: DecisionRecord, people: Sequence[Person]) -> Approver:
    """Return who answers for a decision, with the reason and who looked besides.

    Parameters
    ----------
    record
        As :func:`isoguide.treatment.signatures.require_signatures` returned it.
    people
        Those who signed.
    """
    signer = next(person for person in people if person.name == record.by)
    also = next((f"looked at by {person}" for person in people if person.name == record.second), "")
    words = "; ".join(part for part in (record.reason, also) if part)
    return Approver(str(signer), is_person=True, reason=words, role=str(signer.role))


@dataclass(frozen=True, slots=True)
class SigningOption:
    """What may be chosen about a match, and whose signatures it needs.

    Parameters
    ----------
    action
        What is done.
    first
        Roles of which one signs.
    second
        Roles of which one more person signs; None where nobody has to.
    needs_reason
        Whether it is otherwise than the protocol says.
    barred_because
        Why nobody can choose it, whoever signs; empty where somebody can.
    not_second
        User name of who matched by hand, and so cannot be the second one; empty for nobody.
    """

    action: ProtocolAction
    first: tuple[Role, ...]
    second: tuple[Role, ...] | None
    needs_reason: bool
    barred_because: str = ""
    not_second: str = ""


@dataclass(frozen=True, slots=True)
class Signing:
    """What may be chosen now, in the order of :class:`~isoguide.course.ProtocolAction`.

    ``options`` is empty where no match waits for a decision.
    """

    options: tuple[SigningOption, ...] = ()

    def option(self, action: ProtocolAction) -> SigningOption | None:
        """Return what an action needs, None where no match waits for a decision."""
        return next((one for one in self.options if one.action is action), None)


def signing_of(opened: OpenFraction, now: datetime) -> Signing:
    """Return what may be chosen about the newest match at a time, and who signs it."""
    decision = opened.decision
    if decision is None:
        return Signing()
    options = []
    for action in ProtocolAction:
        demand = demand_of(opened.protocol, decision, action)
        options.append(
            SigningOption(
                action,
                demand.first if demand.first is not None else tuple(Role),
                demand.second,
                demand.is_override,
                _barred_because(opened, decision, action, now),
                demand.not_second,
            )
        )
    return Signing(tuple(options))


def _barred_because(
    opened: OpenFraction, decision: ProtocolDecision, action: ProtocolAction, now: datetime
) -> str:
    if action in decision.barred:
        return decision.barred[action]
    valid_until = image_valid_until(opened)
    if action in TOWARDS_SAFETY or valid_until is None:
        return ""
    if now > valid_until:
        return f"the image is older than {opened.protocol.image_age_s:g} s: take a new one"
    made, most = len(opened.corrections), fraction_limits(opened.protocol).corrections
    if action is ProtocolAction.CORRECT and made >= most:
        return f"{made} corrections were made, as many as a fraction may have"
    return ""


def image_valid_until(opened: OpenFraction) -> datetime | None:
    """Return until when the newest image counts, None where none does."""
    exposure = opened.image
    if exposure is None:
        return None
    return exposure.acquired_at + timedelta(seconds=opened.protocol.image_age_s)
