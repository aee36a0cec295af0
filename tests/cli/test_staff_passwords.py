"""Passwords and administrators from the shell: asked twice, never shown, none there before."""

import getpass
import io
import json
import os
import shutil
import signal
import socket
import sys
import threading
from http.client import HTTPConnection
from pathlib import Path
from queue import Queue

import pytest

from isoguide.course import Person, Role
from isoguide.records import Place, create_records
from isoguide.service import server
from isoguide.service.server import Listening
from isoguide.workflow.clinic import accounts
from isoguide.workflow.clinic.accounts import Accounts, HashingCost
from isoguide.workflow.clinic.department import open_desk, utc_now

CHEAP = HashingCost(passes=1, memory_kib=8, lanes=1)
GOOD = "four quiet words here"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Empty records, and the same with "berg" as administrator and "anna" on the staff: to be copied."""
    folder = tmp_path_factory.mktemp("passwords")
    create_records(Place.embedded(folder / "empty"), clock=utc_now).close()
    shutil.copytree(folder / "empty", folder / "administered")
    with open_desk(str(folder / "administered")) as desk:
        Accounts(desk.records, CHEAP).make_administrator(Person("berg", Role.PHYSICIST), GOOD)
        desk.records.add_person(Person("anna", Role.THERAPIST), by="berg")
    return folder


@pytest.fixture
def place(tmp_path: Path, made: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Empty records named by the environment, and hashes that cost nothing."""
    monkeypatch.setattr(accounts, "HashingCost", lambda: CHEAP)
    monkeypatch.setenv("ISOGUIDE_RECORDS", str(tmp_path / "records"))
    shutil.copytree(made / "empty", tmp_path / "records")
    return tmp_path / "records"


@pytest.fixture
def administered(place: Path, made: Path) -> Path:
    """The same with "berg" as administrator and "anna" on the staff."""
    shutil.rmtree(place)
    shutil.copytree(made / "administered", place)
    return place


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch):
    """Let somebody at a terminal answer with these."""

    def answer(*given: str) -> list[str]:
        asked: list[str] = []
        left = iter(given)

        def ask(prompt: str) -> str:
            asked.append(prompt)
            try:
                return next(left)
            except StopIteration:
                raise EOFError from None

        monkeypatch.setattr(sys, "stdin", Terminal())
        monkeypatch.setattr(getpass, "getpass", ask)
        return asked

    return answer


@pytest.fixture
def piped(monkeypatch: pytest.MonkeyPatch):
    def pipe(text: str) -> None:
        monkeypatch.setattr(sys, "stdin", io.StringIO(text))

    return pipe


def is_right(place: Path, name: str, password: str) -> bool:
    with open_desk(str(place)) as desk:
        try:
            return Accounts(desk.records, CHEAP).check_password(name, password).person.name == name
        except accounts.SignInError:
            return False


def refused(ending) -> str:
    assert (ending.code, ending.out) == (2, "")
    assert ending.err.count("\n") == 1
    return ending.err


def answered(method: str, port: int, path: str, headers: dict[str, str]) -> tuple[int, dict]:
    """Ask a service; one that is just beginning listens already."""
    connection = HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.request(method, path, headers=headers)
        answer = connection.getresponse()
        return answer.status, json.load(answer)
    finally:
        connection.close()


class TestTheFirstAdministrator:
    def test_is_made_by_who_is_there_and_asked_twice(self, place, isoguide, answers):
        asked = answers(GOOD, GOOD)
        ending = isoguide("staff", "administrator", "Dr. Berg", "--role", "physicist")
        assert (ending.code, ending.out) == (0, "Dr. Berg (physicist) is an administrator of the console\n")
        assert asked == ["New password of Dr. Berg: ", "The same again: "]
        assert is_right(place, "Dr. Berg", GOOD)

    def test_is_told_as_json_to_a_script_and_without_the_password(self, place, isoguide, piped):
        piped(f"{GOOD}\r\n")
        ending = isoguide("staff", "administrator", "berg", "--role", "physicist", "--stdin", "--json")
        content = json.loads(ending.out)["content"]
        assert content == {"person": {"name": "berg", "role": "physicist"}, "is_administrator": True}
        assert is_right(place, "berg", GOOD)

    def test_is_the_last_who_makes_himself(self, administered, isoguide, answers):
        asked = answers(GOOD, GOOD)
        sentence = refused(isoguide("staff", "administrator", "anna", "--role", "therapist"))
        assert "there is an administrator already (berg): let him make another one, with --by" in sentence
        assert asked == []  # nobody is asked for what is refused anyway

    def test_makes_others(self, administered, isoguide, answers):
        answers(GOOD, GOOD)
        made = isoguide("staff", "administrator", "anna", "--role", "therapist", "--by", "berg")
        assert made.code == 0

    def test_is_in_a_known_role(self, place, isoguide):
        assert "--role needs one of" in refused(isoguide("staff", "administrator", "eve", "--role", "boss"))


class TestAPassword:
    def test_is_set_by_an_administrator(self, administered, isoguide, answers):
        answers(GOOD, GOOD)
        ending = isoguide("staff", "password", "anna", "--by", "berg")
        assert (ending.code, ending.out) == (0, "anna (therapist) may sign in at the console\n")
        assert is_right(administered, "anna", GOOD)

    def test_is_read_from_one_line_for_scripts(self, administered, isoguide, piped):
        piped("the first line counts\nthe second does not\n")
        ending = isoguide("staff", "password", "anna", "--by", "berg", "--stdin", "--json")
        assert json.loads(ending.out)["content"]["is_administrator"] is False
        assert is_right(administered, "anna", "the first line counts")

    @pytest.mark.parametrize(
        ("given", "sentence"),
        [
            ((GOOD, "four loud words here"), "the two passwords differ, so nothing was changed"),
            (("short", "short"), "the password has 5 characters, and it takes 12"),
            ((), "no password was given: nothing was changed"),
        ],
    )
    def test_is_refused_in_a_sentence(self, administered, isoguide, answers, given, sentence: str):
        answers(*given)
        assert sentence in refused(isoguide("staff", "password", "anna", "--by", "berg"))
        assert not is_right(administered, "anna", GOOD)

    def test_is_not_asked_for_where_there_is_no_terminal(self, administered, isoguide, piped):
        piped(GOOD)
        sentence = refused(isoguide("staff", "password", "anna", "--by", "berg"))
        assert "there is no terminal to ask for the password on" in sentence

    def test_is_missing_where_nothing_is_piped(self, administered, isoguide, piped):
        piped("")
        sentence = refused(isoguide("staff", "password", "anna", "--by", "berg", "--stdin"))
        assert "standard input holds no password" in sentence

    def test_of_somebody_else_is_not_for_everybody(self, administered, isoguide, answers):
        answers(GOOD, GOOD)
        sentence = refused(isoguide("staff", "password", "berg", "--by", "anna"))
        assert "'anna' is no administrator and may not do this" in sentence

    def test_of_nobody_is_refused_before_it_is_asked_for(self, administered, isoguide, answers):
        asked = answers(GOOD, GOOD)
        assert "nobody here has the user name 'eve'" in refused(
            isoguide("staff", "password", "eve", "--by", "berg")
        )
        assert asked == []


class TestServe:
    @pytest.fixture
    def served(self, isoguide, monkeypatch):
        """Serve on a free port, post a sign-in without a body and with these headers, and stop.

        Returns what was said and what was answered.
        """
        ports: Queue[int] = Queue()
        bound = server._bound

        def told(listening: Listening) -> socket.socket:
            found = bound(listening)
            ports.put(found.getsockname()[1])
            return found

        monkeypatch.setattr(server, "_bound", told)

        def serve(ending: signal.Signals, *options: str, **said: str) -> tuple[str, dict]:
            answers: list[tuple[int, dict]] = []
            found: list[int] = []

            def look_and_stop() -> None:
                port = ports.get(timeout=60.0)
                found.append(port)
                headers = {name.replace("_", "-"): value.format(port=port) for name, value in said.items()}
                host = {"Host": headers["Host"]}
                answers.append(answered("GET", port, "/api/version", host))
                headers["X-Isoguide-Page"] = answers[0][1]["page_build"]  # there may be a page or none
                answers.append(answered("POST", port, "/api/session", headers))
                os.kill(os.getpid(), ending)

            looking = threading.Thread(target=look_and_stop)
            looking.start()
            done = isoguide("serve", "--port", "0", *options)
            looking.join()
            assert (done.code, done.err) == (0, "")
            assert [answer[0] for answer in answers] == [200, answers[1][1]["status"]]
            return done.out.replace(str(found[0]), "PORT"), answers[1][1]

        return serve

    def test_opens_the_console_until_ctrl_c(self, administered, served):
        # What only a proxy may say is believed of nobody here: the scheme of the page is still http.
        said = {
            "X_Forwarded_Proto": "https",
            "Origin": "https://localhost:{port}",
            "Host": "localhost:{port}",
        }
        out, problem = served(signal.SIGINT, **said)
        assert out == "the console is at http://127.0.0.1:PORT/; Ctrl+C ends it\nthe console has ended\n"
        assert problem["kind"] == "foreign request"

    def test_opens_the_console_behind_a_proxy_until_it_is_terminated(self, administered, served):
        public = "console.clinic.example"
        said = {"X_Forwarded_Proto": "https", "Origin": f"https://{public}", "Host": public}
        options = ("--behind-proxy", "--public-name", public)
        out, problem = served(signal.SIGTERM, *options, **said)
        assert out.startswith(f"the console is at https://{public}/ (the proxy forwards to 127.0.0.1:PORT);")
        assert out.endswith("the console has ended\n")
        assert problem["kind"] == "bad input"  # it came through to the sign-in, which misses its body

    def test_nobody_can_sign_in_yet(self, place, isoguide):
        sentence = refused(isoguide("serve"))
        assert "nobody can sign in yet: make the first administrator with isoguide staff admin" in sentence

    @pytest.mark.parametrize(
        ("options", "sentence"),
        [
            (("--host", "192.0.2.7"), "would cross the network unencrypted from 192.0.2.7"),
            (("--behind-proxy",), "nothing says by which name browsers reach the service"),
            (
                ("--behind-proxy", "--public-name", "console.example", "--proxy-address", "anybody"),
                "'anybody' is no address of a proxy",
            ),
            (("--session-minutes", "0"), "'--session-minutes'"),
        ],
    )
    def test_a_setting_that_would_be_unsafe(self, administered, isoguide, options, sentence: str):
        assert sentence in refused(isoguide("serve", *options))

    def test_no_records(self, isoguide, tmp_path):
        sentence = refused(isoguide("serve", "--records", tmp_path / "none"))
        assert "there are no records in" in sentence
