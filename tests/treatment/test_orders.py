"""A couch order works once, for a while, and not after a new image."""

from datetime import timedelta

import pytest
from fake_room import FIVE_MM_LEFT, MORNING, SET_UP_POSE

from isoguide.treatment import AUTOMATIC, Approver, CouchOrder
from isoguide.treatment.orders import OrderBook
from isoguide.treatment.refusals import OrderError


def order(token: str) -> CouchOrder:
    expires_at = MORNING + timedelta(seconds=300)
    return CouchOrder(
        token, SET_UP_POSE, SET_UP_POSE, FIVE_MM_LEFT, "image-1", AUTOMATIC, MORNING, expires_at
    )


def test_an_order_is_used_once_and_never_again() -> None:
    book = OrderBook()
    given = order("a")
    book.issue(given)
    assert book.use("a", MORNING) is given
    with pytest.raises(OrderError, match="order a was used at 08:00:00; a correction is carried out once"):
        book.use("a", MORNING)


def test_an_order_that_was_never_given_is_refused() -> None:
    with pytest.raises(OrderError, match="no order has the token 'x'"):
        OrderBook().check("x", MORNING)


def test_a_new_order_voids_the_old_one() -> None:
    book = OrderBook()
    book.issue(order("a"))
    newer = order("b")
    book.issue(newer)
    with pytest.raises(OrderError, match="order a is void: a newer order was approved"):
        book.check("a", MORNING)
    assert book.check("b", MORNING) is newer


def test_a_voided_order_says_why_and_keeps_its_first_reason() -> None:
    book = OrderBook()
    book.issue(order("a"))
    book.void("a new image was asked for")
    book.void("the fraction was stopped")
    with pytest.raises(OrderError, match="is void: a new image was asked for"):
        book.use("a", MORNING)


def test_an_approval_expires_and_stays_expired() -> None:
    book = OrderBook()
    given = order("a")
    book.issue(given)
    assert book.check("a", MORNING + timedelta(seconds=300)) is given
    for later_s in (312, 0):
        with pytest.raises(OrderError, match="its approval expired 12 s ago"):
            book.check("a", MORNING + timedelta(seconds=later_s))


def test_no_token_is_given_out_twice() -> None:
    book = OrderBook()
    book.issue(order("a"))
    with pytest.raises(OrderError, match="was issued before"):
        book.issue(order("a"))


def test_an_approver_is_named_with_the_reason_given() -> None:
    assert str(Approver("Dr. A", is_person=True, reason="seeds seen")) == "Dr. A: seeds seen"
    assert "standing in for a person" in str(AUTOMATIC)
