"""Orders to the couch: an absolute pose with a token that works once, until it is voided.

An absolute pose can be sent twice without moving the patient twice; the token sees to it that it is not even
tried.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from isoguide.geometry.correction import CouchCorrection
from isoguide.geometry.iec61217 import TableTopPose
from isoguide.treatment.refusals import OrderError


@dataclass(frozen=True, slots=True)
class Approver:
    """Who takes the responsibility for a decision; ``reason`` is needed where a limit is passed over."""

    name: str
    is_person: bool
    reason: str = ""

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


class OrderBook:
    """The orders of one fraction; at most one of them is valid."""

    def __init__(self) -> None:
        self._orders: list[CouchOrder] = []
        self._ended: dict[str, str] = {}

    def issue(self, order: CouchOrder) -> None:
        """Make this the valid order and void the one before.

        Raises
        ------
        OrderError
            If its token was issued before.
        """
        if any(order.token == known.token for known in self._orders):
            msg = f"the token {order.token} was issued before: every order needs its own"
            raise OrderError(msg)
        self.void("a newer order was approved")
        self._orders.append(order)

    def void(self, reason: str) -> None:
        """End the valid order, if there is one."""
        for order in self._orders:
            self._ended.setdefault(order.token, f"is void: {reason}")

    def check(self, token: str, now: datetime) -> CouchOrder:
        """Return the valid order of this token.

        Raises
        ------
        OrderError
            If the token is unknown, used, void or expired; the message says which.
        """
        for order in self._orders:
            if order.token == token:
                break
        else:
            msg = f"no order has the token '{token}': approve a correction of this fraction first"
            raise OrderError(msg)
        if now > order.expires_at:
            late_s = (now - order.expires_at) / timedelta(seconds=1)
            self._ended.setdefault(token, f"is void: its approval expired {late_s:.0f} s ago")
        if token in self._ended:
            msg = f"the order {token} {self._ended[token]}; approve a new one"
            raise OrderError(msg)
        return order

    def use(self, token: str, now: datetime) -> CouchOrder:
        """Return the valid order of this token and end it: it cannot be used again.

        Raises
        ------
        OrderError
            As for :meth:`check`.
        """
        order = self.check(token, now)
        self._ended[token] = f"was used at {now:%H:%M:%S}; a correction is carried out once"
        return order
