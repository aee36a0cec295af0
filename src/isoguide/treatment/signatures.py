"""Who has to sign what is done about a match, and what nobody can sign."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import permutations
from typing import Final

from isoguide.course import DecisionRecord, Person, Protocol, ProtocolAction, Role
from isoguide.treatment.protocol_decision import ProtocolDecision
from isoguide.treatment.refusals import NotAllowedError, PersonNeededError

LEAST_REASON_WORDS: Final = 3
"""Fewer words do not say why somebody did otherwise than the protocol."""

TOWARDS_SAFETY: Final = (
    ProtocolAction.SECOND_LOOK,
    ProtocolAction.REIMAGE,
    ProtocolAction.REPOSITION,
    ProtocolAction.STOP,
)
"""Anybody may choose these at any time: nothing is done to the patient on the strength of the match."""


@dataclass(frozen=True, slots=True)
class Demand:
    """Whose signatures something needs.

    Parameters
    ----------
    first
        Roles of which one signs, None for anybody.
    second
        Roles of which one more person signs, None where nobody has to.
    is_override
        Whether it is otherwise than the protocol says, and so needs a reason.
    not_second
        User name of who matched by hand, and so cannot be the second one; empty for nobody.
    """

    first: tuple[Role, ...] | None
    second: tuple[Role, ...] | None = None
    is_override: bool = False
    not_second: str = ""


def require_signatures(
    protocol: Protocol,
    decision: ProtocolDecision,
    wanted: ProtocolAction,
    signers: Sequence[Person],
    reason: str = "",
) -> DecisionRecord:
    """Return the record of what persons chose to do, or refuse it.

    What the protocol says needs one person of ``approval.routine``; after a second look one of
    ``approval.second_look`` besides. Doing otherwise needs one of ``approval.override`` with a reason, and
    that second person as well where the protocol asks for a second look or something graver. Who matched by
    hand is never that second person. Anybody may choose :data:`TOWARDS_SAFETY`.

    Parameters
    ----------
    protocol, decision
        What was decided under which protocol.
    wanted
        What they choose.
    signers
        Those who sign, in any order; the same name signs once.
    reason
        Why, in at least :data:`LEAST_REASON_WORDS` words where they do otherwise.

    Raises
    ------
    NotAllowedError
        If nobody may choose it: there is no answer, or the couch cannot make the correction.
    PersonNeededError
        If a signature or the reason is missing; the sentence says whose.
    """
    _refuse_if_barred(decision, wanted)
    demand = demand_of(protocol, decision, wanted)
    first, second = _signatures(demand, signers, wanted)
    said = _require_reason(demand, decision, wanted, reason)
    return DecisionRecord(
        action=wanted.value,
        rule=decision.rule,
        proposed=decision.action.value,
        by=first.name,
        role=str(first.role),
        second=second.name if second is not None else "",
        is_override=demand.is_override,
        reason=said,
        image_uid=decision.image_uid,
    )


def require_first_signature(
    protocol: Protocol,
    decision: ProtocolDecision,
    wanted: ProtocolAction,
    signer: Person,
    reason: str = "",
) -> Demand:
    """Return what is needed besides the signature of the first person, or refuse that signature.

    Parameters and errors are those of :func:`require_signatures`, for one signer.
    """
    _refuse_if_barred(decision, wanted)
    demand = demand_of(protocol, decision, wanted)
    if not _has(signer, demand.first):
        raise PersonNeededError(_missing(demand, [signer], wanted))
    _require_reason(demand, decision, wanted, reason)
    return demand


def demand_of(protocol: Protocol, decision: ProtocolDecision, wanted: ProtocolAction) -> Demand:
    """Return whose signatures something needs that is not barred; see :func:`require_signatures`."""
    if wanted in TOWARDS_SAFETY:
        return Demand(None)
    approval, looked = protocol.approval, ProtocolAction.SECOND_LOOK.gravity
    second = approval.second_look if decision.action.gravity >= looked else None
    not_second = decision.matched_by if second is not None else ""
    if wanted is decision.agreed and decision.action.gravity <= looked:
        return Demand(approval.routine, second, not_second=not_second)
    return Demand(approval.override, second, is_override=True, not_second=not_second)


def _refuse_if_barred(decision: ProtocolDecision, wanted: ProtocolAction) -> None:
    if wanted in decision.barred:
        msg = f"nobody can choose '{wanted}': {decision.barred[wanted]}"
        raise NotAllowedError(msg)


def _require_reason(demand: Demand, decision: ProtocolDecision, wanted: ProtocolAction, reason: str) -> str:
    said = reason.strip()
    if demand.is_override and len(said.split()) < LEAST_REASON_WORDS:
        msg = (
            f"the protocol says '{decision.action}': give a reason of at least {LEAST_REASON_WORDS} words "
            f"for '{wanted}'"
        )
        raise PersonNeededError(msg)
    return said


def _signatures(
    demand: Demand, signers: Sequence[Person], wanted: ProtocolAction
) -> tuple[Person, Person | None]:
    for one, other in permutations(signers, 2):
        if _has(one, demand.first) and _may_be_second(other, demand) and not _is_same(one.name, other.name):
            return one, other
    for one in signers:
        if demand.second is None and _has(one, demand.first):
            return one, None
    raise PersonNeededError(_missing(demand, signers, wanted))


def _missing(demand: Demand, signers: Sequence[Person], wanted: ProtocolAction) -> str:
    signed = ", ".join(map(str, signers)) or "nobody"
    return f"'{wanted}' {_needs(demand)}, and it is signed by {signed}"


def _may_be_second(person: Person, demand: Demand) -> bool:
    return _has(person, demand.second) and not _is_same(person.name, demand.not_second)


def _has(person: Person, roles: Collection[Role] | None) -> bool:
    return roles is None or person.role in roles


def _is_same(one: str, other: str) -> bool:
    return one.casefold() == other.casefold()


def _needs(demand: Demand) -> str:
    first = f"needs the signature of a person who is {_either(demand.first)}"
    why = " to do otherwise than the protocol" if demand.is_override else ""
    second = f", and of a second person who is {_either(demand.second)}" if demand.second else ""
    other = f", other than {demand.not_second}, who matched by hand" if demand.not_second else ""
    return f"{first}{why}{second}{other}"


def _either(roles: Collection[Role] | None) -> str:
    return " or ".join(roles if roles is not None else Role)
