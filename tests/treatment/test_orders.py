"""A couch order works once, for a while, and not after a new image."""

from datetime import timedelta

import pytest
from fake_room import FIVE_MM_LEFT, MORNING, SET_UP_POSE

from isoguide.treatment import AUTOMATIC, Approver, CouchOrder, State
from isoguide.treatment.orders import OrderBook
from isoguide.treatment.refusals import OrderError


def order(token: str) -> CouchOrder:
    expires_at = MORNING + timedelta(seconds=300)
    return CouchOrder(
        token, SET_UP_POSE, SET_UP_POSE, FIVE_MM_LEFT, "image-1", AUTOMATIC, MORNING, expires_at
    )


def test_an_order_is_used_once_and_never_again() -> None:
    given = order("a")
    book = OrderBook().with_order(given)
    assert book.check("a", MORNING) is given
    with pytest.raises(OrderError, match="order a was used at 08:00:00; a correction is carried out once"):
        book.used(given, MORNING).check("a", MORNING)


def test_an_order_that_was_never_given_is_refused() -> None:
    with pytest.raises(OrderError, match="no order has the token 'x'"):
        OrderBook().check("x", MORNING)


def test_a_new_order_voids_the_old_one() -> None:
    newer = order("b")
    book = OrderBook().with_order(order("a")).with_order(newer)
    with pytest.raises(OrderError, match="order a is void: a newer order was approved"):
        book.check("a", MORNING)
    assert book.check("b", MORNING) is newer
    assert book.newest is newer


def test_a_voided_order_says_why_and_keeps_its_first_reason() -> None:
    book = OrderBook().with_order(order("a")).voided("a new image was asked for")
    with pytest.raises(OrderError, match="is void: a new image was asked for"):
        book.voided("the fraction was stopped").check("a", MORNING)


def test_a_used_order_stays_used_whatever_comes_later() -> None:
    given = order("a")
    book = OrderBook().with_order(given).used(given, MORNING).voided("the fraction was stopped")
    with pytest.raises(OrderError, match="was used at 08:00:00"):
        book.check("a", MORNING)


def test_an_approval_expires() -> None:
    given = order("a")
    book = OrderBook().with_order(given)
    assert book.check("a", MORNING + timedelta(seconds=300)) is given
    with pytest.raises(OrderError, match="its approval expired 12 s ago"):
        book.check("a", MORNING + timedelta(seconds=312))


def test_an_expired_approval_is_withdrawn_and_never_valid_again(room, approved) -> None:
    token = approved.order.token
    room.clock.wait(301.0)
    with pytest.raises(OrderError, match="its approval expired 1 s ago"):
        approved.move_couch(token)
    assert approved.state is State.ALIGNED
    with pytest.raises(OrderError, match="is void"):
        approved.memory.orders.check(token, MORNING)


def test_no_token_is_given_out_twice() -> None:
    with pytest.raises(OrderError, match="was issued before"):
        OrderBook().with_order(order("a")).with_order(order("a"))


def test_an_approver_is_named_with_the_reason_given() -> None:
    assert str(Approver("Dr. A", is_person=True, reason="seeds seen")) == "Dr. A: seeds seen"
    assert "standing in for a person" in str(AUTOMATIC)
