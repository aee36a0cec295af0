"""Orders to the couch: an absolute pose with a token that works once, until it is voided.

An absolute pose can be sent twice without moving the patient twice; the token sees to it that it is not even
tried.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Final

from isoguide.geometry.correction import CouchCorrection
from isoguide.geometry.iec61217 import TableTopPose
from isoguide.treatment.refusals import OrderError


@dataclass(frozen=True, slots=True)
class Approver:
    """Who takes the responsibility for a decision; ``reason`` is needed where a limit is passed over.

    ``role`` is that of a person, empty where the department keeps none.
    """

    name: str
    is_person: bool
    reason: str = ""
    role: str = ""

    def __str__(self) -> str:
        return f"{self.name}: {self.reason}" if self.reason else self.name


AUTOMATIC = Approver("the automatic driver, standing in for a person", is_person=False)
"""No person is there: it may do what is within the limits and nothing else."""


@dataclass(frozen=True, slots=True)
class CouchOrder:
    """Drive the couch from where it was at the image to an absolute pose.

    ``token`` works once. The order rests on one image: ``couch_at_image`` is where the couch was then and has
    to be when the order is carried out. ``correction`` says the same as a motion of the patient.
    """

    token: str
    pose: TableTopPose
    couch_at_image: TableTopPose
    correction: CouchCorrection
    image_uid: str
    approved_by: Approver
    made_at: datetime
    expires_at: datetime


_USED: Final = "was used"


@dataclass(frozen=True, slots=True)
class OrderBook:
    """The orders of one fraction, oldest first, and how those that are not valid any more ended.

    At most one is valid. Every change is a new book, so that it can be written down before it counts.
    """

    orders: tuple[CouchOrder, ...] = ()
    ended: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))

    def with_order(self, order: CouchOrder) -> "OrderBook":
        """Make this the valid order; the one before is void.

        Raises
        ------
        OrderError
            If its token was issued before.
        """
        if any(order.token == known.token for known in self.orders):
            msg = f"the token {order.token} was issued before: every order needs its own"
            raise OrderError(msg)
        book = self.voided("a newer order was approved")
        return OrderBook((*book.orders, order), book.ended)

    def voided(self, reason: str) -> "OrderBook":
        """End the valid order, if there is one; those that ended before keep their reason."""
        return self._with_ends({order.token: f"is void: {reason}" for order in self.orders})

    def used(self, order: CouchOrder, now: datetime) -> "OrderBook":
        """End this order, because it is carried out."""
        end = f"{_USED} at {now:%H:%M:%S}; a correction is carried out once"
        return self._with_ends({order.token: end})

    def _with_ends(self, ends: Mapping[str, str]) -> "OrderBook":
        return OrderBook(self.orders, MappingProxyType({**ends, **self.ended}))

    @property
    def newest(self) -> CouchOrder | None:
        """The order that was approved last, carried out or not."""
        return self.orders[-1] if self.orders else None

    @property
    def carried_out(self) -> tuple[CouchOrder, ...]:
        """The orders that the couch was sent to carry out."""
        return tuple(order for order in self.orders if self.ended.get(order.token, "").startswith(_USED))

    def check(self, token: str, now: datetime) -> CouchOrder:
        """Return the valid order of this token.

        Raises
        ------
        OrderError
            If the token is unknown, used, void or expired; the message says which.
        """
        for order in self.orders:
            if order.token == token:
                break
        else:
            msg = f"no order has the token '{token}': approve a correction of this fraction first"
            raise OrderError(msg)
        if token in self.ended:
            msg = f"the order {token} {self.ended[token]}; approve a new one"
            raise OrderError(msg)
        if now > order.expires_at:
            late_s = (now - order.expires_at) / timedelta(seconds=1)
            msg = f"the order {token} is void: its approval expired {late_s:.0f} s ago; approve a new one"
            raise OrderError(msg)
        return order
