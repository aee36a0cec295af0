"""A fraction under way as the text that the records keep, and back.

Of a registration the answer and its verdict are kept; its figures of quality are in the record of the match.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Final, cast

from isoguide.errors import UnreadableError
from isoguide.geometry.correction import CouchCorrection
from isoguide.geometry.frames import DAILY, PLANNING, Array, frozen_array
from isoguide.geometry.iec61217 import TableTopPose
from isoguide.geometry.transforms import RigidTransform
from isoguide.records.plain import Plain, canonical_json, from_plain, to_plain
from isoguide.registration import Registration, Verdict
from isoguide.treatment import CouchOrder, FractionMemory, Match, State
from isoguide.treatment.match import ByHand, Proposal
from isoguide.treatment.memory import BeamMemory, Place
from isoguide.treatment.orders import OrderBook
from isoguide.treatment.ports import Exposure

FORMAT: Final = 1


@dataclass(frozen=True, slots=True, eq=False)
class _KeptMatch:
    image_uid: str
    couch_at_image: TableTopPose
    verdict: Verdict
    reasons: tuple[str, ...]
    planning_from_daily: Array | None
    degrees_of_freedom: int
    centre_mm: Array
    content: str
    algorithm: str
    proposal: Proposal | None
    by_hand: ByHand | None = None

    @classmethod
    def of(cls, match: Match) -> "_KeptMatch":
        found = match.registration
        placed = found.planning_from_daily
        return cls(
            match.image_uid,
            match.couch_at_image,
            found.verdict,
            found.reasons,
            placed.matrix if placed is not None else None,
            found.degrees_of_freedom,
            found.centre_mm,
            found.content,
            found.algorithm,
            match.proposal,
            match.by_hand,
        )

    def match(self) -> Match:
        placed = None
        if self.planning_from_daily is not None:
            placed = RigidTransform(PLANNING, DAILY, self.planning_from_daily)
        registration = Registration(
            verdict=self.verdict,
            reasons=self.reasons,
            planning_from_daily=placed,
            unconstrained=None,
            degrees_of_freedom=self.degrees_of_freedom,
            centre_mm=self.centre_mm,
            content=self.content,
            uncertainty=None,
            quality=None,
            algorithm=self.algorithm,
            settings={},
        )
        return Match(self.image_uid, self.couch_at_image, registration, self.proposal, self.by_hand)


@dataclass(frozen=True, slots=True, eq=False)
class _KeptMemory:
    state: State
    began_at: datetime
    couch_stopped_at: datetime
    destination: TableTopPose
    held_at: datetime
    exposures: int
    known_uids: tuple[str, ...]
    images: tuple[Exposure, ...]
    matches: tuple[_KeptMatch, ...]
    corrections: tuple[CouchCorrection, ...]
    orders: tuple[CouchOrder, ...]
    ended: Mapping[str, str]
    place: Place | None
    holds: int
    hold_reason: str
    held_by_fault: bool
    beam: BeamMemory
    held_to_realign: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class KeptFraction:
    """What the records keep of a fraction under way.

    Parameters
    ----------
    no_image_because
        Why the schedule asks for no image today, empty when it asks for one.
    offline
        The systematic correction that the set-up contains, None for none.
    set_up_pose
        Where the couch is with the patient on his marks and that correction made; None before.
    memory
        Of the fraction since then; None before.
    target_points_mm
        (n, 3), planning LPS: where corrections are solved and residuals count, as for the newest image. None
        before an image, and where an older version of isoguide did not keep it.
    """

    no_image_because: str = ""
    offline: CouchCorrection | None = None
    set_up_pose: TableTopPose | None = None
    memory: FractionMemory | None = None
    target_points_mm: Array | None = None

    def __post_init__(self) -> None:
        if self.target_points_mm is not None:
            points_mm = frozen_array(self.target_points_mm, (-1, 3), "target_points_mm")
            object.__setattr__(self, "target_points_mm", points_mm)


@dataclass(frozen=True, slots=True, eq=False)
class _Document:
    format: int
    no_image_because: str
    offline: CouchCorrection | None
    set_up_pose: TableTopPose | None
    memory: _KeptMemory | None
    target_points_mm: Array | None = None


_SAME: Final = frozenset(field.name for field in fields(FractionMemory)) - {"known_uids", "matches", "orders"}


def kept_text(kept: KeptFraction) -> str:
    """Return it as one line of JSON; nothing is rounded."""
    memory = _flat(kept.memory) if kept.memory is not None else None
    document = _Document(
        FORMAT, kept.no_image_because, kept.offline, kept.set_up_pose, memory, kept.target_points_mm
    )
    return canonical_json(to_plain(document))


def read_kept(text: str, what: str) -> KeptFraction:
    """Return what :func:`kept_text` wrote.

    Raises
    ------
    UnreadableError
        If the text is no such document; the message names ``what``.
    """
    try:
        plain = cast("Plain", json.loads(text))
    except ValueError as error:
        msg = f"{what} cannot be read (its memory is no JSON): verify the audit, then restore a backup"
        raise UnreadableError(msg) from error
    document = from_plain(_Document, plain, what)
    memory = _whole(document.memory) if document.memory is not None else None
    return KeptFraction(
        document.no_image_because, document.offline, document.set_up_pose, memory, document.target_points_mm
    )


def _flat(memory: FractionMemory) -> _KeptMemory:
    return _KeptMemory(
        known_uids=tuple(sorted(memory.known_uids)),
        matches=tuple(_KeptMatch.of(match) for match in memory.matches),
        orders=memory.orders.orders,
        ended=memory.orders.ended,
        **{name: getattr(memory, name) for name in _SAME},
    )


def _whole(kept: _KeptMemory) -> FractionMemory:
    return FractionMemory(
        known_uids=frozenset(kept.known_uids),
        matches=tuple(match.match() for match in kept.matches),
        orders=OrderBook(kept.orders, kept.ended),
        **{name: getattr(kept, name) for name in _SAME},
    )
