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
class _Demand:
    """Whose signatures something needs: one of the first roles, and one more person of the second ones."""

    first: Collection[Role] | None
    second: Collection[Role] | None = None
    is_override: bool = False


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
    that second person as well where the protocol asks for a second look or something graver. Anybody may
    choose :data:`TOWARDS_SAFETY`.

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
    if wanted in decision.barred:
        msg = f"nobody can choose '{wanted}': {decision.barred[wanted]}"
        raise NotAllowedError(msg)
    demand = _demand(protocol, decision, wanted)
    first, second = _signatures(demand, signers, wanted)
    said = reason.strip()
    if demand.is_override and len(said.split()) < LEAST_REASON_WORDS:
        msg = (
            f"the protocol says '{decision.action}': give a reason of at least {LEAST_REASON_WORDS} words "
            f"for '{wanted}'"
        )
        raise PersonNeededError(msg)
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


def _demand(protocol: Protocol, decision: ProtocolDecision, wanted: ProtocolAction) -> _Demand:
    if wanted in TOWARDS_SAFETY:
        return _Demand(None)
    approval, looked = protocol.approval, ProtocolAction.SECOND_LOOK.gravity
    second = approval.second_look if decision.action.gravity >= looked else None
    if wanted is decision.agreed and decision.action.gravity <= looked:
        return _Demand(approval.routine, second)
    return _Demand(approval.override, second, is_override=True)


def _signatures(
    demand: _Demand, signers: Sequence[Person], wanted: ProtocolAction
) -> tuple[Person, Person | None]:
    for one, other in permutations(signers, 2):
        if _has(one, demand.first) and _has(other, demand.second) and not _is_same(one, other):
            return one, other
    for one in signers:
        if demand.second is None and _has(one, demand.first):
            return one, None
    signed = ", ".join(map(str, signers)) or "nobody"
    msg = f"'{wanted}' {_needs(demand)}, and it is signed by {signed}"
    raise PersonNeededError(msg)


def _has(person: Person, roles: Collection[Role] | None) -> bool:
    return roles is None or person.role in roles


def _is_same(one: Person, other: Person) -> bool:
    return one.name.casefold() == other.name.casefold()


def _needs(demand: _Demand) -> str:
    first = f"needs the signature of a person who is {_either(demand.first)}"
    why = " to do otherwise than the protocol" if demand.is_override else ""
    second = f", and of a second person who is {_either(demand.second)}" if demand.second else ""
    return f"{first}{why}{second}"


def _either(roles: Collection[Role] | None) -> str:
    return " or ".join(roles if roles is not None else Role)
