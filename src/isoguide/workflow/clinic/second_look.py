"""The second pair of eyes across work stations: a first signature that waits for a second one.

Who asks signs at one station, who answers at another. What waits is bound to what the first one saw: when
the fraction changes in any way, or time runs out, it is gone and has to be asked for again. It is kept in the
memory of one process only; that it was asked for stands in the records.
"""

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final
from uuid import uuid4

from isoguide.course import Person, ProtocolAction, Role
from isoguide.geometry.iec61217 import TableTopPose
from isoguide.records import FractionKey
from isoguide.treatment.protocol_decision import ProtocolDecision
from isoguide.treatment.refusals import NotAllowedError, RefusedError
from isoguide.treatment.signatures import require_first_signature
from isoguide.workflow.clinic.desk import Desk
from isoguide.workflow.clinic.fraction_status import FractionStatus, patient_words
from isoguide.workflow.clinic.open_fraction import OpenFraction, open_fraction
from isoguide.workflow.clinic.seen import Seen, SeenVersion, require_seen
from isoguide.workflow.clinic.signing import image_valid_until, signing_of

LONGEST_WAIT_S: Final = 900.0
"""A first signature waits no longer, whatever the protocol says of approvals."""


@dataclass(frozen=True, slots=True)
class PendingSignature:
    """A first signature that waits for a second one.

    Parameters
    ----------
    token
        Names it.
    key, version
        The fraction, as it is since the first one asked: any other version ends this.
    patient
        Whose, in words.
    image_uid
        Of the match that was signed.
    action, reason
        What is to be done, and why, where it is not what the protocol says.
    rule
        What the protocol says about the match, in its words.
    asked_by, asked_at
        Who signed first, and when, aware UTC.
    expires_at
        When it ends at the latest.
    roles
        Of which the second person has one.
    not_second
        User name of who matched by hand, and so cannot be the second one; empty for nobody.
    """

    token: str
    key: FractionKey
    version: int
    patient: str
    image_uid: str
    action: ProtocolAction
    reason: str
    rule: str
    asked_by: Person
    asked_at: datetime
    expires_at: datetime
    roles: tuple[Role, ...]
    not_second: str = ""


@dataclass(eq=False)
class PendingSignatures:
    """The first signatures of a department that wait; may be shared by threads."""

    _waiting: dict[str, PendingSignature] = field(default_factory=dict, init=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False)

    def ask(
        self,
        desk: Desk,
        course_id: str,
        *,
        by: str,
        action: ProtocolAction | None = None,
        reason: str = "",
        seen_version: SeenVersion = None,
    ) -> PendingSignature:
        """Sign first, and ask for a second signature; that it was asked for is recorded.

        Parameters
        ----------
        desk, course_id, by
            Which course, and who signs.
        action
            What is to be done; what those who agree with the match do when None.
        reason
            Why, where it is not what the protocol says.
        seen_version
            What the user saw.

        Raises
        ------
        RefusedError
            If this person may not sign it first, nobody may do it, or it needs no second signature.
        ConflictError
            If somebody else changed the fraction.
        """
        person = desk.records.person(by)
        opened = open_fraction(desk.records, course_id)
        require_seen(opened.stored, seen_version)
        decision = _decision_of(opened)
        wanted = action or decision.agreed or decision.action
        now = desk.clock.now()
        pending = _pending(opened, decision, wanted, person, reason, now)
        why = f"asks for a second signature for '{wanted}'"
        desk.approve(
            course_id,
            by=[by],
            couch=None,
            action=ProtocolAction.SECOND_LOOK,
            reason=f"{why}: {pending.reason}" if pending.reason else why,
            seen_version=Seen.of(opened.stored),
        )
        with self._lock:
            self._waiting[pending.token] = pending
        return pending

    def waiting(self, desk: Desk) -> tuple[PendingSignature, ...]:
        """Return what waits now, the oldest first; what is over is forgotten."""
        versions = {line.key: line.version for line in desk.records.unfinished_fractions()}
        now = desk.clock.now()
        with self._lock:
            self._waiting = {
                token: one for token, one in self._waiting.items() if not _is_over(one, versions, now)
            }
            return tuple(sorted(self._waiting.values(), key=lambda one: one.asked_at))

    def answer(self, desk: Desk, token: str, *, by: str, couch: TableTopPose | None) -> FractionStatus:
        """Sign second: what the two signed is done.

        Parameters
        ----------
        desk
            Of the department.
        token
            Of what waits.
        by
            Who signs.
        couch
            As it is read now; it has to be where it was at the image.

        Raises
        ------
        RefusedError
            If nothing of this name waits any more; or this person may not be the second one: it waits on.
        ConflictError
            If somebody else changed the fraction at this moment.
        """
        pending = next((one for one in self.waiting(desk) if one.token == token), None)
        if pending is None:
            msg = (
                "this request for a second signature is over, because it expired or the fraction changed: "
                "look at the fraction, then ask again"
            )
            raise RefusedError(msg)
        status = desk.approve(
            pending.key.course_id,
            by=[pending.asked_by.name, by],
            couch=couch,
            action=pending.action,
            reason=pending.reason,
            seen_version=Seen(pending.key.number, pending.version),
        )
        self.withdraw(token)
        return status

    def withdraw(self, token: str) -> None:
        """Take a request back; harmless when it is over."""
        with self._lock:
            self._waiting.pop(token, None)


def _is_over(one: PendingSignature, versions: Mapping[FractionKey, int], now: datetime) -> bool:
    """Tell whether a request ended; versions that were read before it was made are lower than its own."""
    newest = versions.get(one.key)
    return newest is None or newest > one.version or now > one.expires_at


def _decision_of(opened: OpenFraction) -> ProtocolDecision:
    if opened.decision is None:
        msg = f"{opened.stored.line.key} has no match to decide about: take an image"
        raise RefusedError(msg)
    return opened.decision


def _pending(
    opened: OpenFraction,
    decision: ProtocolDecision,
    wanted: ProtocolAction,
    person: Person,
    reason: str,
    now: datetime,
) -> PendingSignature:
    option = signing_of(opened, now).option(wanted)
    if option is not None and option.barred_because:
        msg = f"nobody can choose '{wanted}': {option.barred_because}"
        raise NotAllowedError(msg)
    demand = require_first_signature(opened.protocol, decision, wanted, person, reason)
    if demand.second is None:
        msg = f"'{wanted}' needs no second signature: sign it"
        raise RefusedError(msg)
    return PendingSignature(
        token=uuid4().hex,
        key=opened.stored.line.key,
        version=opened.stored.version + 1,
        patient=patient_words(opened.simulation),
        image_uid=decision.image_uid,
        action=wanted,
        reason=reason.strip(),
        rule=decision.rule,
        asked_by=person,
        asked_at=now,
        expires_at=_expires_at(opened, now),
        roles=demand.second,
        not_second=demand.not_second,
    )


def _expires_at(opened: OpenFraction, now: datetime) -> datetime:
    ends = [now + timedelta(seconds=min(opened.protocol.approval_s, LONGEST_WAIT_S))]
    valid_until = image_valid_until(opened)
    return min(ends if valid_until is None else [*ends, valid_until])
