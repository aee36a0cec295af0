"""What happens in a department, for whoever listens: a beam or a step never waits for a listener.

Publishing only puts an event down. A thread hands events out, and twenty times a second, while somebody
listens, the state of the room. Each subscriber has a queue of limited length: one that is slow loses old
states of the room, and one that is so slow that it would lose anything else is let go, so that it has to
begin anew with what is true then.
"""

import logging
import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Final

from isoguide.workflow.clinic.room_state import RoomState

_LOG: Final = logging.getLogger(__name__)
PERIOD_S: Final = 0.05
"""Time between two states of the room."""
MOST_STATES: Final = 10
"""So many states of the room wait for a slow subscriber: half a second; older ones say nothing any more."""
MOST_EVENTS: Final = 1000
"""So many other events wait; a subscriber that is further behind is let go."""


@dataclass(frozen=True, slots=True)
class FractionChanged:
    """A fraction has a new version in the records: its state, and who made the step."""

    course_id: str
    number: int
    version: int
    state: str
    by: str


@dataclass(frozen=True, slots=True)
class JobChanged:
    """Long work went on: ``share`` is done (0 to 1), ``step`` is what it does, ``error`` why it failed."""

    job_id: str
    kind: str
    state: str
    share: float = 0.0
    step: str = ""
    error: str = ""


@dataclass(frozen=True, slots=True)
class SecondLookAsked:
    """A first signature waits for a second person, or (``is_waiting`` False) waits no more."""

    course_id: str
    number: int
    by: str
    is_waiting: bool = True


Event = RoomState | FractionChanged | JobChanged | SecondLookAsked


class Subscription:
    """The queue of one subscriber.

    Parameters
    ----------
    wake
        Called, in the thread that hands events out, after each event: it must return at once. One that
        raises ends the subscription.
    """

    def __init__(self, wake: Callable[[], None] | None = None) -> None:
        self._wake = wake
        self._events: deque[Event] = deque()
        self._states = 0
        self._arrived = threading.Condition()
        self._is_open = True

    @property
    def is_open(self) -> bool:
        """False once it was ended, or let go for being too slow: nothing arrives any more."""
        return self._is_open

    def get(self, timeout_s: float | None = None) -> Event | None:
        """Return the next event; None when none came in time, or the subscription has ended and is empty."""
        with self._arrived:
            self._arrived.wait_for(lambda: bool(self._events) or not self._is_open, timeout_s)
            return self._next()

    def take_all(self) -> tuple[Event, ...]:
        """Return the events that wait, in order, at once."""
        with self._arrived:
            found = tuple(self._events)
            self._events.clear()
            self._states = 0
            return found

    def end(self) -> None:
        """End it; what waits can still be taken."""
        with self._arrived:
            self._is_open = False
            self._arrived.notify_all()

    def put(self, event: Event) -> bool:
        """Add an event; False when the subscription has to be let go."""
        with self._arrived:
            if not self._is_open or len(self._events) - self._states >= MOST_EVENTS:
                return False
            if isinstance(event, RoomState):
                self._make_room()
                self._states += 1
            self._events.append(event)
            self._arrived.notify_all()
        if self._wake is not None:
            self._wake()
        return True

    def _make_room(self) -> None:
        if self._states >= MOST_STATES:
            oldest = next(place for place, one in enumerate(self._events) if isinstance(one, RoomState))
            del self._events[oldest]
            self._states -= 1

    def _next(self) -> Event | None:
        if not self._events:
            return None
        event = self._events.popleft()
        self._states -= isinstance(event, RoomState)
        return event


@dataclass(eq=False)
class RoomEvents:
    """The hub of one process.

    Parameters
    ----------
    period_s
        Time between two states of the room.
    """

    period_s: float = PERIOD_S
    _looks: tuple[Callable[[], RoomState | None], ...] = field(default=(), init=False)
    _inbox: "queue.SimpleQueue[Event | None]" = field(default_factory=queue.SimpleQueue, init=False)
    _subscriptions: list[Subscription] = field(default_factory=list, init=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False)
    _thread: threading.Thread | None = field(default=None, init=False)

    def show(self, look: Callable[[], RoomState | None]) -> None:
        """Say where the state of a room comes from, one for each room; where it gives None, none is sent."""
        with self._lock:
            self._looks = (*self._looks, look)

    def hide(self, look: Callable[[], RoomState | None]) -> None:
        """Send the state of a room no more; harmless when it was not shown."""
        with self._lock:
            self._looks = tuple(one for one in self._looks if one != look)

    def publish(self, event: Event) -> None:
        """Put an event down for all who listen now; returns at once and never fails."""
        if self._thread is not None:
            self._inbox.put(event)

    @contextmanager
    def subscribed(self, wake: Callable[[], None] | None = None) -> Iterator[Subscription]:
        """Listen while the block runs."""
        subscription = self.subscribe(wake)
        try:
            yield subscription
        finally:
            self.unsubscribe(subscription)

    def subscribe(self, wake: Callable[[], None] | None = None) -> Subscription:
        """Listen from now on; see :class:`Subscription`."""
        subscription = Subscription(wake)
        with self._lock:
            self._subscriptions.append(subscription)
            if self._thread is None:
                self._thread = threading.Thread(target=self._hand_out, name="isoguide-events", daemon=True)
                self._thread.start()
        return subscription

    def unsubscribe(self, subscription: Subscription) -> None:
        """Listen no more; harmless when that has ended."""
        subscription.end()
        with self._lock:
            if subscription in self._subscriptions:
                self._subscriptions.remove(subscription)

    def close(self) -> None:
        """Hand out what was put down, then end all subscriptions and the thread."""
        with self._lock:
            thread = self._thread
        if thread is not None:
            self._inbox.put(None)
            thread.join()
        for subscription in self._listening():
            self.unsubscribe(subscription)

    def _listening(self) -> tuple[Subscription, ...]:
        with self._lock:
            return tuple(self._subscriptions)

    def _hand_out(self) -> None:
        due_s = time.monotonic()
        while True:
            left_s = due_s - time.monotonic()
            if left_s <= 0.0:
                due_s = time.monotonic() + self.period_s
                if self._listening():
                    for look in self._looks:
                        self._send_state(look)
                continue
            with suppress(queue.Empty):
                event = self._inbox.get(timeout=left_s)
                if event is None:
                    return
                self._send(event)

    def _send_state(self, look: Callable[[], RoomState | None]) -> None:
        try:
            state = look()
        except Exception:  # noqa: BLE001 - one look that fails must not end the stream
            # Consoles show by themselves that nothing arrives; the next look may succeed.
            _LOG.exception("the state of the room cannot be told")
            return
        if state is not None:
            self._send(state)

    def _send(self, event: Event) -> None:
        for subscription in self._listening():
            try:
                is_kept = subscription.put(event)
            except Exception:  # noqa: BLE001 - no listener may disturb the others
                _LOG.exception("a listener failed and is let go")
                is_kept = False
            if not is_kept:
                self.unsubscribe(subscription)
