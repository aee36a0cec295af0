"""What stands before every route: a foreign page, a stolen session, a stale page, a mistake."""

import json
import logging
from pathlib import Path

import pytest
from fastapi import WebSocket
from signed_in_client import ADDRESS, PASSWORDS, Service, open_socket
from starlette.testclient import WebSocketDenialResponse
from starlette.websockets import WebSocketDisconnect

from isoguide.errors import InputError
from isoguide.service.dependencies import UserDep
from isoguide.service.refusals import TooManyError


def kind_of(answer) -> str:
    assert answer.headers["content-type"] == "application/problem+json"
    return answer.json()["kind"]


@pytest.fixture
def built_page(tmp_path: Path) -> Path:
    folder = tmp_path / "page"
    (folder / "assets").mkdir(parents=True)
    (folder / "index.html").write_text("<title>console</title>")
    (folder / "build.json").write_text(json.dumps({"build": "a1b2c3"}))
    (folder / "assets" / "main-5d0c9f.js").write_text("0;")
    return folder


def every_path(service: Service) -> list[tuple[str, str]]:
    document = service.client().get("/api/openapi.json").json()
    return [(verb.upper(), path) for path, item in document["paths"].items() for verb in item]


def test_nothing_but_the_sign_in_is_answered_before_anybody_is_signed_in(service: Service) -> None:
    answered = set()
    for method, path in every_path(service):
        if kind_of_or_none(service.client().request(method, path)) != "not signed in":
            answered.add((method, path))
    assert answered == {("POST", "/api/session"), ("GET", "/api/version")}


def kind_of_or_none(answer) -> str | None:
    return answer.json().get("kind")


def test_everything_that_changes_something_takes_the_token_of_the_session(service: Service) -> None:
    client = service.signed_in("admin")
    changing = [(method, path) for method, path in every_path(service) if method != "GET"]
    assert len(changing) >= 7
    for token in ("", "x" * 43, service.signed_in("admin").headers["X-CSRF-Token"]):
        client.headers["X-CSRF-Token"] = token
        for method, path in changing:
            if (method, path) != ("POST", "/api/session"):
                answer = client.request(method, path)
                assert (answer.status_code, kind_of(answer)) == (403, "foreign request"), path
                assert "X-CSRF-Token of this session" in answer.json()["detail"]


class TestAForeignPage:
    @pytest.mark.parametrize("origin", ["https://evil.example", "http://localhost:9999", "null"])
    def test_changes_nothing(self, service, origin: str):
        client = service.signed_in("anna")
        answer = client.post("/api/session/extend", headers={"Origin": origin})
        assert (answer.status_code, kind_of(answer)) == (403, "foreign request")
        assert "comes from another page" in answer.json()["detail"]

    @pytest.mark.parametrize("site", ["cross-site", "same-site", "none"])
    def test_is_known_by_what_the_browser_says_of_it(self, service, site: str):
        client = service.signed_in("anna")
        assert client.post("/api/session/extend", headers={"Sec-Fetch-Site": site}).status_code == 403

    def test_signs_nobody_in(self, service):
        body = {"name": "anna", "password": PASSWORDS["anna"]}
        answer = service.client().post("/api/session", json=body, headers={"Origin": "https://evil.example"})
        assert answer.status_code == 403
        assert "set-cookie" not in answer.headers

    def test_is_not_ones_own_page(self, service):
        own = {"Origin": "http://localhost:8080", "Sec-Fetch-Site": "same-origin"}
        assert service.signed_in("anna").post("/api/session/extend", headers=own).status_code == 200

    def test_that_takes_its_name_for_this_computer_gets_nothing(self, service):
        client = service.signed_in("anna")
        for path in ("/", "/api/version", "/api/session"):
            answer = client.get(path, headers={"Host": "evil.example:8080"})
            assert (answer.status_code, kind_of(answer)) == (403, "foreign request")
            assert "not known as 'evil.example'" in answer.json()["detail"]

    @pytest.mark.parametrize("host", ["localhost", "LOCALHOST:8080", "127.0.0.1:1", "[::1]:8080"])
    def test_is_not_this_computer_by_another_of_its_names(self, service, host: str):
        assert service.client().get("/api/version", headers={"Host": host}).status_code == 200

    @pytest.mark.parametrize("host", ["", "[::1", "localhost.evil.example", "evil.example/localhost"])
    def test_is_no_host_at_all(self, service, host: str):
        assert service.client().get("/api/version", headers={"Host": host}).status_code == 403


class TestAStalePage:
    def test_changes_nothing_and_says_what_to_do(self, open_service, built_page):
        client = open_service(page_folder=built_page).client()
        body = {"name": "anna", "password": PASSWORDS["anna"]}
        for headers in ({}, {"X-Isoguide-Page": "an older one"}):
            answer = client.post("/api/session", json=body, headers=headers)
            assert (answer.status_code, kind_of(answer)) == (409, "stale page")
            assert answer.json()["detail"] == "this page is of another version of isoguide: load it again"

    def test_may_read_so_that_it_can_see_what_is_served(self, open_service, built_page):
        client = open_service(page_folder=built_page).client()
        assert client.get("/api/version").json()["page_build"] == "a1b2c3"

    def test_is_not_the_page_that_is_served(self, open_service, built_page):
        client = open_service(page_folder=built_page).client()
        client.headers["X-Isoguide-Page"] = "a1b2c3"
        body = {"name": "anna", "password": PASSWORDS["anna"]}
        answer = client.post("/api/session", json=body)
        assert answer.json()["page_build"] == "a1b2c3"


def test_every_answer_tells_the_browser_what_it_may_do(open_service, built_page) -> None:
    client = open_service(page_folder=built_page).client()
    for path in ("/", "/assets/main-5d0c9f.js", "/api/version", "/api/session", "/assets/none.js"):
        headers = client.get(path).headers
        policy = dict(part.strip().split(" ", 1) for part in headers["content-security-policy"].split(";"))
        assert policy["default-src"] == "'self'"
        assert policy["frame-ancestors"] == "'none'"
        assert "unsafe" not in headers["content-security-policy"]
        assert headers["cross-origin-opener-policy"] == "same-origin"
        assert headers["cross-origin-embedder-policy"] == "require-corp"
        assert headers["cross-origin-resource-policy"] == "same-origin"
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
        assert (headers.get("cache-control") == "no-store") == path.startswith("/api/")


def test_a_session_that_floods_the_service_is_held_back_and_one_at_20_hz_is_not(service: Service) -> None:
    client = service.signed_in("anna")
    sessions = client.app.state.service.sessions
    session = sessions.find(client.cookies["isoguide-session"])
    for _ in range(1200):  # a minute at 20 Hz
        sessions.take(session)
        service.clock.wait(milliseconds=50)
    for _ in range(300):  # a burst, such as all pictures of a page
        sessions.take(session)
    with pytest.raises(TooManyError, match="more than 60 requests a second: slow down"):
        sessions.take(session)
    answer = client.get("/api/session")
    assert (answer.status_code, kind_of(answer)) == (429, "too many")
    assert answer.headers["Retry-After"] == "1"
    service.clock.wait(seconds=1)
    assert client.get("/api/session").status_code == 200


class TestAMistake:
    INSIDE = "the table has no column named dose"

    @pytest.fixture
    def client(self, service):
        client = service.signed_in("anna")

        @client.app.post("/api/mistake")
        def make_mistake() -> None:
            raise RuntimeError(self.INSIDE)

        return client

    def test_shows_a_number_and_no_traceback(self, client, caplog):
        with caplog.at_level(logging.ERROR, "isoguide.service"):
            answer = client.post("/api/mistake")
        document = answer.json()
        assert (answer.status_code, kind_of(answer)) == (500, "mistake")
        assert self.INSIDE not in answer.text
        assert document["detail"] == (
            f"this is a mistake of isoguide: report it with the number {document['reference']} that stands "
            "in the log"
        )
        assert document["reference"] in caplog.text
        assert self.INSIDE in caplog.text
        assert answer.headers["cache-control"] == "no-store"


class TestASocket:
    """Sockets carry no token: the cookie and the page they come from have to do."""

    @pytest.fixture
    def client(self, service):
        client = service.signed_in("anna")

        @client.app.websocket("/api/echo")
        async def echo(socket: WebSocket, user: UserDep) -> None:
            await socket.accept()
            said = await socket.receive_text()
            if said == "bad":
                msg = "this is no word: say another one"
                raise InputError(msg)
            if said == "mistake":
                raise RuntimeError(said)
            await socket.send_text(f"{user.name}: {said}")

        return client

    def test_is_opened_for_who_is_signed_in(self, client):
        with open_socket(client, "/api/echo") as socket:
            socket.send_text("hello")
            assert socket.receive_text() == "anna: hello"

    def refused(self, client, origin: str = ADDRESS) -> str:
        with pytest.raises(WebSocketDenialResponse) as denied, open_socket(client, "/api/echo", origin):
            pass
        return kind_of(denied.value)

    def test_is_refused_to_nobody(self, client):
        client.cookies.clear()
        assert self.refused(client) == "not signed in"

    def test_is_refused_to_a_foreign_page(self, client):
        assert self.refused(client, "https://evil.example") == "foreign request"

    def test_does_not_keep_the_session(self, client, service):
        service.clock.wait(minutes=14)
        with open_socket(client, "/api/echo"):
            pass
        service.clock.wait(minutes=1)
        assert client.get("/api/session").status_code == 401

    @pytest.mark.parametrize(
        ("said", "code", "reason"),
        [
            ("bad", 1008, "this is no word: say another one"),
            ("mistake", 1011, "a mistake of isoguide"),
        ],
    )
    def test_closes_with_the_reason(self, client, said: str, code: int, reason: str):
        with open_socket(client, "/api/echo") as socket:
            socket.send_text(said)
            with pytest.raises(WebSocketDisconnect) as closed:
                socket.receive_text()
        assert (closed.value.code, closed.value.reason) == (code, reason)
