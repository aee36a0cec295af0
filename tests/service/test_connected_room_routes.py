"""A fraction in a connected room over HTTP: what the room says is not typed, and who keeps its beam on."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from clinic_service import FRACTIONS, Page
from connected_department import COURSE, ConnectedDepartment, connected_department, station_file
from fastapi.testclient import TestClient
from signed_in_client import ADDRESS, CHEAP, PASSWORDS
from small_course import coarse_room

from isoguide.course import SimulationRecord
from isoguide.errors import UnreadableError
from isoguide.records import Records
from isoguide.service.app import create_app
from isoguide.service.clinic import Clinic
from isoguide.service.settings import ServiceSettings
from isoguide.workflow.clinic import virtual_station
from isoguide.workflow.clinic.accounts import Accounts
from isoguide.workflow.clinic.beam_watch import CONSOLE_SILENT
from isoguide.workflow.virtual_patient import VirtualPatient, virtual_patient

EVENTS = f"{ADDRESS.replace('http', 'ws')}/api/events"


@pytest.fixture(scope="module")
def patient_in_room() -> VirtualPatient:
    return virtual_patient(station_file().scenario)


@dataclass
class RoomService:
    """A service with one connected room."""

    room: ConnectedDepartment

    def __post_init__(self) -> None:
        settings = ServiceSettings(
            page_folder=self.room.folder / "none", hashing=CHEAP, now=self.room.clock.now
        )
        self.app = create_app(self.room.desk, settings, events=self.room.events, drives=[self.room.drive])
        self.state: Clinic = self.app.state.clinic
        self.heard = 0
        heartbeat = self.room.drive.heartbeat

        def counted(session: str) -> bool:
            is_heard = heartbeat(session)
            self.heard += 1
            return is_heard

        self.room.drive.heartbeat = counted  # type: ignore[method-assign]  # so that tests can wait for it

    def signed_in(self, name: str) -> Page:
        client = TestClient(self.app, base_url=ADDRESS)
        answer = client.post("/api/session", json={"name": name, "password": PASSWORDS[name]})
        assert answer.status_code == 200, answer.text
        client.headers["X-CSRF-Token"] = answer.json()["csrf_token"]
        return Page(client, self)

    def run(self, seconds: float, word: Callable[[], None] = lambda: None) -> None:
        """Let time pass in steps of a quarter of a second, each with a word of a console."""
        for _ in range(round(seconds / 0.25)):
            word()
            self.room.clock.run(0.25, lambda: not self.room.drive.is_watched(COURSE))


@pytest.fixture
def room(
    tmp_path: Path,
    simulated: tuple[Path, SimulationRecord],
    patient_in_room: VirtualPatient,
    monkeypatch: pytest.MonkeyPatch,
    quick: None,
) -> Iterator[RoomService]:
    monkeypatch.setattr(virtual_station, "virtual_patient", lambda *_: patient_in_room)
    monkeypatch.setattr(virtual_station, "room_settings", coarse_room)
    with connected_department(tmp_path, simulated) as department:
        accounts = Accounts(department.desk.records, CHEAP)
        for name in ("anna", "ben", "berg"):
            department.desk.records.set_password(name, accounts._hash(PASSWORDS[name]), by="admin")
        service = RoomService(department)
        try:
            yield service
        finally:
            department.clock.stop_in(np.inf)
            service.state.close()


def verified(service: RoomService, page: Page) -> Any:
    """Bring the first fraction to where the beam may be turned on; no couch is typed."""
    shown = page.step("set-up", page.begin()["version"])
    assert (shown["room"], shown["possible"]) == ("virtual room", ["image", "stop"])
    job = page.wait_for(page.step("image", shown["version"], 202))
    assert job["state"] == "done", job
    shown = page.approve(page.fraction(), "anna", couch=None)
    return page.step("couch", shown["version"])


@contextmanager
def watched_by(service: RoomService, page: Page, shown: Any) -> Iterator[Any]:
    """Turn the beam on at a console that listens."""
    with page.client.websocket_connect(EVENTS) as socket:
        service.room.clock.stop_in(1.5)
        page.step("beam", shown["version"])
        yield socket


def word(service: RoomService, socket: Any) -> Callable[[], None]:
    """Says over a socket that its console is there, and returns when that has arrived."""

    def say() -> None:
        before, patience = service.heard, time.monotonic() + 20.0
        socket.send_text(json.dumps({"type": "heartbeat", "course_id": COURSE, "number": 1}))
        while service.heard == before:
            assert time.monotonic() < patience
            time.sleep(0.001)

    return say


def test_a_whole_fraction_is_delivered_while_its_console_says_that_it_is_there(room: RoomService) -> None:
    page = room.signed_in("anna")
    shown = verified(room, page)
    assert (shown["state"], shown["possible"]) == ("verified", ["image", "beam on", "stop"])
    with watched_by(room, page, shown) as socket:
        room.run(2.0, word(room, socket))
        assert page.get("/api/room")[0]["beam"] == "on"
        assert page.get("/api/room")[0]["watched_by"] == "anna"
        assert page.get("/api/worklist")["rooms"][0]["words"] == "the beam is on"
        refused = page.step("couch", page.fraction()["version"], 409)
        assert "the beam is on" in refused["detail"]
        while room.room.drive.is_watched(COURSE):
            room.run(0.5, word(room, socket))
    shown = page.fraction()
    assert (shown["state"], shown["possible"]) == ("closed", [])
    assert shown["delivered_mu"] == pytest.approx(shown["planned_mu"], abs=0.5)
    assert [one["delivered_mu"] for one in shown["beams"]] == pytest.approx(
        [one["planned_mu"] for one in shown["beams"]], abs=0.5
    )


def test_the_word_of_another_session_keeps_no_beam_on(room: RoomService) -> None:
    page, other = room.signed_in("anna"), room.signed_in("anna")
    shown = verified(room, page)
    with (
        watched_by(room, page, shown) as socket,
        other.client.websocket_connect(EVENTS) as second,
    ):
        room.run(1.0, word(room, socket))
        assert room.room.drive.is_watched(COURSE)
        room.run(3.0, word(room, second))
    assert room.room.is_off
    shown = page.fraction()
    assert (shown["state"], shown["reason"]) == ("held", CONSOLE_SILENT)
    assert 0.0 < shown["delivered_mu"] < shown["planned_mu"]


def test_anybody_holds_the_beam_and_goes_on_only_by_what_he_saw(room: RoomService) -> None:
    page, other = room.signed_in("anna"), room.signed_in("ben")
    shown = verified(room, page)
    with watched_by(room, page, shown) as socket:
        room.run(1.0, word(room, socket))
        asking = threading.Thread(target=other.post, args=(f"{FRACTIONS}/1/hold", {"reason": "he coughs"}))
        asking.start()
        room.room.wait_until_asked(asking)
        while asking.is_alive():
            room.run(0.25, word(room, socket))
        held = page.fraction()
        assert (held["state"], held["reason"]) == ("held", "he coughs")
        assert room.room.is_off
        refused = page.step("resume", shown["version"], 409)
        assert refused["kind"] == "conflict"
        stopped = page.post(f"{FRACTIONS}/1/stop", {"reason": "he is not well"})
        assert stopped["state"] == "stopped"


def test_the_beam_is_held_although_the_records_cannot_be_read(
    room: RoomService, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = room.signed_in("anna")
    shown = verified(room, page)
    with watched_by(room, page, shown) as socket:
        room.run(1.0, word(room, socket))

        def damaged(*_arguments: object) -> None:
            raise UnreadableError("the records are damaged: restore a backup")

        for name in ("newest_fraction", "course"):
            monkeypatch.setattr(Records, name, damaged)
        asked = {"course_id": COURSE, "by": "ben", "reason": "he coughs"}

        def hold() -> None:
            with pytest.raises(UnreadableError):
                room.state.console.hold(**asked)

        asking = threading.Thread(target=hold)
        asking.start()
        room.room.wait_until_asked(asking)
        while asking.is_alive():
            room.run(0.25, word(room, socket))
        assert room.room.is_off
        monkeypatch.undo()
    shown = page.fraction()
    assert (shown["state"], shown["reason"]) == ("held", "he coughs")


class TestARoomThatAnswersByItself:
    def test_takes_no_image_and_no_delivery_from_staff(self, room: RoomService) -> None:
        page = room.signed_in("anna")
        shown = page.step("set-up", page.begin()["version"])
        refused = page.step("image", shown["version"], 422, upload_id="1")
        assert "virtual room takes the image of this fraction itself" in refused["detail"]
        refused = page.step("deliver", shown["version"], 409, deliveries=[])
        assert "virtual room records by itself" in refused["detail"]

    def test_refuses_a_step_that_rests_on_an_earlier_version(self, room: RoomService) -> None:
        page = room.signed_in("anna")
        before = page.begin()["version"]
        page.step("set-up", before)
        place = room.room.station.couch().pose
        for step, said in (("set-up", {}), ("image", {}), ("couch", {}), ("beam", {})):
            assert page.step(step, before, 409, **said)["kind"] == "conflict"
        assert room.room.station.couch().pose == place
        assert page.fraction()["images"] == []

    def test_is_on_the_worklist_with_its_patient(self, room: RoomService) -> None:
        shown = room.signed_in("anna").get("/api/worklist")
        assert shown["entries"][0]["room"] == "virtual room"
        (line,) = shown["rooms"]
        assert (line["name"], line["is_ready"], line["course_id"]) == ("virtual room", True, COURSE)

    def test_that_is_not_ready_says_why(self, room: RoomService) -> None:
        station = room.room.station
        station.preparation = replace(
            station.preparation, is_ready=False, words="the virtual room is being prepared"
        )
        (line,) = room.signed_in("anna").get("/api/worklist")["rooms"]
        assert (line["is_ready"], line["words"]) == (False, "the virtual room is being prepared")
