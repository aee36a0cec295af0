"""Who listens is told, in order; who is slow loses what is old; and nobody keeps the others waiting."""

import threading
from datetime import UTC, datetime

import pytest

from isoguide.workflow.clinic.room_events import (
    MOST_EVENTS,
    MOST_STATES,
    FractionChanged,
    JobChanged,
    RoomEvents,
    SecondLookAsked,
    Subscription,
)
from isoguide.workflow.clinic.room_state import RoomState

AT = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)


def state(sequence: int) -> RoomState:
    return RoomState(sequence, AT, "room")


def changed(version: int) -> FractionChanged:
    return FractionChanged("C0001", 1, version, "imaged", "anna")


@pytest.fixture
def events():
    hub = RoomEvents(period_s=0.001)
    yield hub
    hub.close()


class TestASubscription:
    def test_gives_what_came_in_order(self) -> None:
        subscription = Subscription()
        sent = [state(1), changed(2), state(2), JobChanged("j1", "match", "running"), changed(3)]
        assert all(subscription.put(one) for one in sent)
        assert [subscription.get(0.0) for _ in sent] == sent
        assert subscription.get(0.0) is None

    def test_that_is_slow_loses_old_states_of_the_room_and_no_step_of_a_fraction(self) -> None:
        subscription = Subscription()
        for n in range(1, 101):
            subscription.put(state(n))
            subscription.put(changed(n))
        waiting = subscription.take_all()
        states = [one.sequence for one in waiting if isinstance(one, RoomState)]
        assert states == list(range(101 - MOST_STATES, 101))
        assert [one.version for one in waiting if isinstance(one, FractionChanged)] == list(range(1, 101))
        assert subscription.take_all() == ()

    def test_that_is_so_slow_that_it_would_lose_a_step_is_let_go_instead(self) -> None:
        subscription = Subscription()
        assert all(subscription.put(changed(n)) for n in range(MOST_EVENTS))
        assert not subscription.put(changed(MOST_EVENTS))

    def test_that_has_ended_takes_nothing_and_wakes_who_waits(self) -> None:
        subscription = Subscription()
        found: list[object] = []
        thread = threading.Thread(target=lambda: found.append(subscription.get(20.0)))
        thread.start()
        subscription.end()
        thread.join(20.0)
        assert found == [None]
        assert not subscription.put(changed(1))
        assert not subscription.is_open


class TestTheHub:
    def test_tells_everybody_everything(self, events: RoomEvents) -> None:
        with events.subscribed() as one, events.subscribed() as other:
            sent = [changed(1), SecondLookAsked("C0001", 1, "anna"), changed(2)]
            for event in sent:
                events.publish(event)
            for subscription in (one, other):
                assert [subscription.get(20.0) for _ in sent] == sent

    def test_shows_the_room_again_and_again_while_somebody_listens(self, events: RoomEvents) -> None:
        count = iter(range(1, 1_000_000))
        events.show(lambda: state(next(count)))
        with events.subscribed() as subscription:
            found = [subscription.get(20.0) for _ in range(3)]
        assert all(isinstance(one, RoomState) for one in found)
        assert found[0].sequence < found[1].sequence < found[2].sequence

    def test_shows_every_room_until_it_is_hidden(self, events: RoomEvents) -> None:
        def one() -> RoomState:
            return RoomState(1, AT, "room 1")

        def other() -> RoomState:
            return RoomState(1, AT, "room 2")

        events.show(one)
        events.show(other)
        with events.subscribed() as subscription:
            assert {subscription.get(20.0).room, subscription.get(20.0).room} == {"room 1", "room 2"}
        events.hide(one)
        events.hide(one)
        with events.subscribed() as subscription:
            found = [subscription.get(20.0).room for _ in range(4)]
        assert found[-2:] == ["room 2", "room 2"]

    def test_goes_on_when_the_room_cannot_be_looked_at_once(self, events: RoomEvents) -> None:
        looks = iter([ValueError(), None, state(7)])

        def look() -> RoomState | None:
            found = next(looks, state(8))
            if isinstance(found, Exception):
                raise found
            return found

        events.show(look)
        with events.subscribed() as subscription:
            first = subscription.get(20.0)
        assert isinstance(first, RoomState)
        assert first.sequence == 7

    def test_lets_a_listener_go_that_raises_and_goes_on_with_the_others(self, events: RoomEvents) -> None:
        calls: list[int] = []

        def broken() -> None:
            calls.append(1)
            raise RuntimeError

        with events.subscribed(broken) as one, events.subscribed() as other:
            events.publish(changed(1))
            events.publish(changed(2))
            assert [other.get(20.0), other.get(20.0)] == [changed(1), changed(2)]
            assert not one.is_open
        assert calls == [1]

    def test_wakes_a_listener_at_each_event(self, events: RoomEvents) -> None:
        woken = threading.Semaphore(0)
        with events.subscribed(woken.release):
            events.publish(changed(1))
            events.publish(changed(2))
            assert woken.acquire(timeout=20.0)
            assert woken.acquire(timeout=20.0)

    def test_publishing_never_waits_for_a_listener_that_hangs(self, events: RoomEvents) -> None:
        may_go_on = threading.Event()
        with events.subscribed(lambda: may_go_on.wait(20.0)):
            for n in range(100):
                events.publish(changed(n))  # returns at once, or this test hangs
            may_go_on.set()

    def test_without_listeners_keeps_nothing(self) -> None:
        hub = RoomEvents()
        hub.publish(changed(1))
        with hub.subscribed() as subscription:
            hub.publish(changed(2))
            assert subscription.get(20.0) == changed(2)
        hub.close()

    def test_that_is_closed_hands_out_what_was_put_down_before(self) -> None:
        hub = RoomEvents()
        subscription = hub.subscribe()
        hub.publish(changed(1))
        hub.close()
        assert subscription.get(0.0) == changed(1)
        assert not subscription.is_open
