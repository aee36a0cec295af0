"""The event stream: who gets it, what it says, what a slow console loses, and how it ends."""

import asyncio
import json
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from clinic_service import FRACTIONS, ClinicService, couch, signature
from signed_in_client import ADDRESS
from starlette.testclient import WebSocketDenialResponse
from starlette.websockets import WebSocket, WebSocketDisconnect

from isoguide.service import event_stream
from isoguide.service.event_stream import EventStream, StreamOf
from isoguide.service.event_texts import EventTexts
from isoguide.workflow.clinic.room_events import FractionChanged, RoomEvents
from isoguide.workflow.clinic.room_state import RoomState

EVENTS = f"{ADDRESS.replace('http', 'ws')}/api/events"
NOW = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)


def next_of(socket: Any, kind: str) -> dict[str, Any]:
    """The next message of a kind; pings and others are passed over."""
    for _ in range(1000):
        message = json.loads(socket.receive_text())
        if message["type"] == kind:
            return message
    raise AssertionError(kind)


class TestIsRefused:
    def test_to_who_is_not_signed_in(self, clinic: ClinicService) -> None:
        with pytest.raises(WebSocketDenialResponse) as refused, clinic.client().websocket_connect(EVENTS):
            pass
        assert (refused.value.status_code, refused.value.json()["kind"]) == (401, "not signed in")

    def test_to_a_page_of_somebody_else(self, clinic: ClinicService) -> None:
        client, foreign = clinic.signed_in("anna").client, {"origin": "https://elsewhere.example"}
        with (
            pytest.raises(WebSocketDenialResponse) as refused,
            client.websocket_connect(EVENTS, headers=foreign),
        ):
            pass
        assert (refused.value.status_code, refused.value.json()["kind"]) == (403, "foreign request")


class TestTells:
    def test_first_which_page_the_service_serves_and_then_that_it_is_there(
        self, clinic: ClinicService, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(event_stream, "QUIET_S", 0.01)
        with clinic.signed_in("anna").client.websocket_connect(EVENTS) as socket:
            assert json.loads(socket.receive_text())["type"] == "hello"
            assert json.loads(socket.receive_text())["type"] == "ping"

    def test_of_a_step_that_was_made_at_another_console(self, clinic: ClinicService) -> None:
        with clinic.signed_in("berg").client.websocket_connect(EVENTS) as socket:
            next_of(socket, "hello")
            page = clinic.signed_in("anna")
            page.step("set-up", page.begin()["version"], couch=couch())
            told = [next_of(socket, "fraction") for _ in range(2)]
        assert [(one["version"], one["state"], one["by"]) for one in told] == [
            (1, "prepared", "anna"),
            (2, "set up", "anna"),
        ]

    def test_of_a_step_that_failed_and_left_the_fraction_safer(self, matched: ClinicService) -> None:
        page = matched.signed_in("anna")
        shown = page.approve(page.fraction(), "anna")
        with matched.signed_in("berg").client.websocket_connect(EVENTS) as socket:
            next_of(socket, "hello")
            # The couch stayed where it was: its read-back is not where the order sends it.
            refused = page.step("couch", shown["version"], 409, couch=couch())
            assert refused["kind"] == "position"
            assert next_of(socket, "fraction")["state"] == "set up"

    def test_of_a_job_until_its_end(self, clinic: ClinicService) -> None:
        with clinic.signed_in("berg").client.websocket_connect(EVENTS) as socket:
            next_of(socket, "hello")
            clinic.signed_in("anna").post("/api/audit/verify", None, 202)
            job = next_of(socket, "job")["job"]
            while job["state"] not in ("done", "failed"):
                job = next_of(socket, "job")["job"]
        assert (job["state"], job["started_by"], job["result"]["is_intact"]) == ("done", "anna", True)

    def test_of_a_first_signature_that_waits_and_that_it_was_answered(self, doubtful: ClinicService) -> None:
        with doubtful.signed_in("berg").client.websocket_connect(EVENTS) as socket:
            next_of(socket, "hello")
            page = doubtful.signed_in("anna")
            shown = page.approve(page.fraction(), "anna", ask_second=True)
            assert next_of(socket, "second look")["waiting"]["by"] == "anna"
            page.step("second-signature", shown["version"], couch=couch(), signature=signature("berg"))
            assert next_of(socket, "second look")["waiting"] is None


class TestEnds:
    @pytest.mark.parametrize(
        ("text", "code"),
        [
            ("no JSON", event_stream.NOT_UNDERSTOOD),
            ('{"type": "heartbeat", "course_id": "C0001"}', event_stream.NOT_UNDERSTOOD),
            ('{"type": "stop", "course_id": "C0001", "number": 1}', event_stream.NOT_UNDERSTOOD),
            (json.dumps({"type": "heartbeat", "course_id": "C" * 600, "number": 1}), event_stream.TOO_LONG),
        ],
    )
    def test_with_a_message_that_is_no_heartbeat(self, clinic: ClinicService, text: str, code: int) -> None:
        with clinic.signed_in("anna").client.websocket_connect(EVENTS) as socket:
            next_of(socket, "hello")
            socket.send_text(text)
            with pytest.raises(WebSocketDisconnect) as ended:
                next_of(socket, "never")
        assert ended.value.code == code
        assert ended.value.reason

    def test_with_bytes(self, clinic: ClinicService) -> None:
        with clinic.signed_in("anna").client.websocket_connect(EVENTS) as socket:
            socket.send_bytes(b"\x00")
            with pytest.raises(WebSocketDisconnect) as ended:
                next_of(socket, "never")
        assert ended.value.code == event_stream.NOT_UNDERSTOOD

    def test_with_the_session(self, clinic: ClinicService, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(event_stream, "LOOK_S", 0.01)
        page = clinic.signed_in("anna")
        with page.client.websocket_connect(EVENTS) as socket:
            next_of(socket, "hello")
            assert page.client.delete("/api/session").status_code == 204
            with pytest.raises(WebSocketDisconnect) as ended:
                next_of(socket, "never")
        assert ended.value.code == event_stream.SESSION_ENDED

    def test_never_with_a_heartbeat_and_it_counts_for_no_beam_that_is_off(
        self, clinic: ClinicService
    ) -> None:
        page = clinic.signed_in("anna")
        with page.client.websocket_connect(EVENTS) as socket:
            next_of(socket, "hello")
            socket.send_json({"type": "heartbeat", "course_id": "C0001", "number": 1})
            page.begin()
            assert next_of(socket, "fraction")["version"] == 1


class Console:
    """A console at the end of a slow line: nothing is sent to it until the test lets it."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.may_send = asyncio.Event()
        self.closed: dict[str, Any] | None = None
        self._connected = False

    async def receive(self) -> dict[str, Any]:
        if not self._connected:
            self._connected = True
            return {"type": "websocket.connect"}
        await asyncio.sleep(3600.0)
        raise AssertionError

    async def send(self, message: dict[str, Any]) -> None:
        if message["type"] == "websocket.close":
            self.closed = message
        if message["type"] == "websocket.send":
            if self.texts:
                await self.may_send.wait()
            self.texts.append(message["text"])

    def stream(self, texts: EventTexts) -> EventStream:
        scope = {"type": "websocket", "path": "/api/events", "headers": [], "query_string": b""}
        whose = StreamOf(lambda: True, lambda _course_id: False, lambda: NOW, "")
        return EventStream(WebSocket(scope, self.receive, self.send), texts, whose)

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [one for one in map(json.loads, self.texts) if one["type"] == kind]


async def until(holds: Callable[[], bool]) -> None:
    patience = time.monotonic() + 20.0
    while not holds():
        assert time.monotonic() < patience
        await asyncio.sleep(0.005)


def changes(count: int) -> list[FractionChanged]:
    return [FractionChanged("C0001", 1, version, "set up", "anna") for version in range(1, count + 1)]


@pytest.fixture
def events() -> Any:
    hub = RoomEvents()
    yield hub
    hub.close()


@pytest.fixture
def texts(clinic: ClinicService) -> EventTexts:
    return EventTexts(clinic.state)


class TestASlowConsole:
    def test_loses_states_of_the_room_and_no_change_of_a_fraction(
        self, events: RoomEvents, texts: EventTexts
    ) -> None:
        async def listen() -> Console:
            console = Console()
            running = asyncio.ensure_future(console.stream(texts).run(events))
            await until(lambda: len(console.texts) == 1)
            for number, change in enumerate(changes(100), start=1):
                events.publish(RoomState(number, NOW, "virtual room"))
                events.publish(change)
            await until(events._inbox.empty)
            console.may_send.set()
            await until(lambda: len(console.of("fraction")) == 100)
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
            return console

        console = asyncio.run(listen())
        assert [one["version"] for one in console.of("fraction")] == list(range(1, 101))
        states = [one["sequence"] for one in console.of("room")]
        assert len(states) < 20
        assert states == sorted(states)
        assert states[-1] == 100, "the newest state arrives"

    def test_is_cut_off_before_it_would_lose_a_change_of_a_fraction(
        self, events: RoomEvents, texts: EventTexts
    ) -> None:
        async def listen() -> Console:
            console = Console()
            running = asyncio.ensure_future(console.stream(texts).run(events))
            await until(lambda: len(console.texts) == 1)
            for change in changes(1200):
                events.publish(change)
            await until(events._inbox.empty)
            console.may_send.set()
            await asyncio.wait_for(running, 20.0)
            return console

        console = asyncio.run(listen())
        versions = [one["version"] for one in console.of("fraction")]
        assert versions == list(range(1, len(versions) + 1)), "without a gap up to where it ends"
        assert console.closed is not None
        assert console.closed["code"] == event_stream.TOO_SLOW

    def test_does_not_keep_others_waiting_and_each_message_is_made_once(
        self, events: RoomEvents, texts: EventTexts
    ) -> None:
        async def listen() -> tuple[Console, Console, Console]:
            slow, one, other = Console(), Console(), Console()
            one.may_send.set()
            other.may_send.set()
            running = [asyncio.ensure_future(each.stream(texts).run(events)) for each in (slow, one, other)]
            await until(lambda: all(each.texts for each in (slow, one, other)))
            for change in changes(50):
                events.publish(change)
            await until(lambda: all(len(each.of("fraction")) == 50 for each in (one, other)))
            for task in running:
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)
            return slow, one, other

        slow, one, other = asyncio.run(listen())
        assert slow.of("fraction") == []
        # Pings are each stream's own.
        told = [[text for text in each.texts if '"fraction"' in text] for each in (one, other)]
        assert len(told[0]) == 50
        assert all(first is second for first, second in zip(*told, strict=True))


def test_many_consoles_hear_the_same(clinic: ClinicService) -> None:
    heard: list[list[int]] = []
    ready = threading.Barrier(6)

    def listen() -> None:
        with clinic.signed_in("ben").client.websocket_connect(EVENTS) as socket:
            next_of(socket, "hello")
            ready.wait(20.0)
            heard.append([next_of(socket, "fraction")["version"] for _ in range(2)])

    threads = [threading.Thread(target=listen) for _ in range(5)]
    for thread in threads:
        thread.start()
    page = clinic.signed_in("anna")
    ready.wait(20.0)
    page.begin()
    page.post(f"{FRACTIONS}/1/stop", {"reason": "the patient is not well"})
    for thread in threads:
        thread.join(20.0)
    assert heard == [[1, 2]] * 5
