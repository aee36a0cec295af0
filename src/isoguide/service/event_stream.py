"""The event stream of one console: what happens, as it happens; and the word of the console that it is there.

A console that is slow loses states of the room and nothing else; one that is so slow that it would lose
more is cut off and begins anew. The stream ends with the session that it belongs to.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Final

import anyio
from pydantic import ValidationError
from starlette.concurrency import run_in_threadpool
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from isoguide.service.documents.department import Heartbeat, Hello, Ping
from isoguide.service.event_texts import EventTexts
from isoguide.workflow.clinic.room_events import JobChanged, RoomEvents, SecondLookAsked, Subscription

SESSION_ENDED: Final = 4401
TOO_SLOW: Final = 4408
NOT_UNDERSTOOD: Final = 1003
TOO_LONG: Final = 1009
LONGEST_MESSAGE: Final = 512
"""Letters of what a console may send: a heartbeat has some 70."""
QUIET_S: Final = 1.0
"""After so long without a message a ping is sent: a console that hears nothing for longer is cut off."""
LOOK_S: Final = 2.0
"""How often the session is looked at."""


@dataclass(frozen=True, slots=True)
class Closing:
    """Why a stream is closed, by its number and in words."""

    code: int
    reason: str


@dataclass(frozen=True, slots=True)
class StreamOf:
    """Whose stream it is.

    Parameters
    ----------
    is_signed_in
        Tells whether the session goes on.
    is_heard
        Takes the word of the console that watches the beam of a course.
    now
        Says the time.
    page
        Build of the page that the service serves.
    """

    is_signed_in: Callable[[], bool]
    is_heard: Callable[[str], bool]
    now: Callable[[], datetime]
    page: str


class EventStream:
    """The stream over one socket.

    Parameters
    ----------
    socket
        Not accepted yet.
    texts
        Shared by all streams.
    whose
        Whose it is.
    """

    def __init__(self, socket: WebSocket, texts: EventTexts, whose: StreamOf) -> None:
        self._socket, self._texts, self._whose = socket, texts, whose
        self._woken = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._closing: Closing | None = None

    async def run(self, events: RoomEvents) -> None:
        """Send what happens until the console goes away, or is sent away."""
        await self._socket.accept()
        with events.subscribed(self._wake) as subscription:
            await self._socket.send_text(Hello(at=self._whose.now(), page=self._whose.page).model_dump_json())
            async with anyio.create_task_group() as group:
                for work in (partial(self._send, subscription), self._receive, self._look_at_session):
                    group.start_soon(self._until_closed, work, group.cancel_scope)
        closing = self._closing
        if closing is not None and self._socket.application_state is WebSocketState.CONNECTED:
            await self._socket.close(closing.code, closing.reason)

    async def _until_closed(
        self, work: Callable[[], Awaitable[Closing | None]], stream: anyio.CancelScope
    ) -> None:
        """Do one part of the work; when it ends, the stream does."""
        with suppress(WebSocketDisconnect):
            self._closing = await work() or self._closing
        stream.cancel()

    def _wake(self) -> None:
        self._loop.call_soon_threadsafe(self._woken.set)

    async def _send(self, subscription: Subscription) -> Closing | None:
        while True:
            with anyio.move_on_after(QUIET_S) as quiet:
                await self._woken.wait()
            if quiet.cancelled_caught:
                await self._socket.send_text(Ping(at=self._whose.now()).model_dump_json())
            self._woken.clear()
            is_open = subscription.is_open
            while (event := subscription.get(0.0)) is not None:
                # What asks the records is kept out of the loop, in which all consoles wait.
                slow = isinstance(event, JobChanged | SecondLookAsked)
                text = await run_in_threadpool(self._texts.text, event) if slow else self._texts.text(event)
                if text:
                    await self._socket.send_text(text)
            if not is_open:
                return Closing(TOO_SLOW, "the console does not keep up with what happens: connect again")

    async def _receive(self) -> Closing | None:
        while True:
            message = await self._socket.receive()
            if message["type"] == "websocket.disconnect":
                return None
            text = message.get("text")
            if text is None:
                return Closing(NOT_UNDERSTOOD, "only heartbeats as JSON text are taken")
            if len(text) > LONGEST_MESSAGE:
                return Closing(TOO_LONG, f"a message has at most {LONGEST_MESSAGE} letters")
            try:
                heartbeat = Heartbeat.model_validate_json(text)
            except ValidationError:
                return Closing(NOT_UNDERSTOOD, "the message is no heartbeat: load the page again")
            self._whose.is_heard(heartbeat.course_id)

    async def _look_at_session(self) -> Closing | None:
        while await run_in_threadpool(self._whose.is_signed_in):
            await anyio.sleep(LOOK_S)
        return Closing(SESSION_ENDED, "nobody is signed in, or the session has ended: sign in")
