"""Signing in and out, and everything that may go wrong with it."""

import asyncio
from datetime import timedelta

import pytest
from signed_in_client import ADDRESS, PASSWORDS, Service

from isoguide import __version__
from isoguide.course import Person, Role
from isoguide.errors import InputError, OutputError
from isoguide.records import AuditEntry
from isoguide.service.dependencies import verify_signature
from isoguide.service.refusals import TooManyError
from isoguide.service.settings import ServiceSettings
from isoguide.service.signed_in import SignedIn
from isoguide.workflow.clinic.accounts import Accounts, HashingCost, SignInError

WRONG = "the user name or the password is wrong, or the right to sign has ended: try again, or ask"


def kind_of(answer) -> str:
    """Check that an answer is a problem document, and return its kind."""
    assert answer.headers["content-type"] == "application/problem+json"
    document = answer.json()
    assert document["status"] == answer.status_code
    return document["kind"]


def sign_in(client, name: str, password: str | None = None):
    return client.post("/api/session", json={"name": name, "password": password or PASSWORDS[name]})


def newest(service: Service) -> AuditEntry:
    return service.desk.records.audit_entries()[-1]


class TestSigningIn:
    def test_who_gives_name_and_password_is_signed_in(self, service):
        client = service.client()
        answer = sign_in(client, "anna")
        document = answer.json()
        assert answer.status_code == 200
        assert (document["name"], document["role"], document["is_administrator"]) == (
            "anna",
            "therapist",
            False,
        )
        assert document["expires_at"] == "2026-03-02T08:15:00Z"  # 15 minutes after the clock of the test
        assert client.get("/api/session").json() == document

    def test_the_cookie_is_out_of_reach_of_scripts_and_of_other_pages(self, service):
        (cookie,) = sign_in(service.client(), "anna").headers.get_list("set-cookie")
        parts = {part.strip() for part in cookie.split(";")}
        assert {"HttpOnly", "Path=/", "SameSite=strict"} <= parts
        assert cookie.startswith("isoguide-session=")
        token = cookie.split("=", 1)[1].split(";")[0]
        assert len(token) * 6 >= 256  # base 64: six bits a letter

    def test_over_tls_the_cookie_is_for_tls_and_this_host_only(self, service):
        cookie = sign_in(service.client("https://localhost"), "anna").headers["set-cookie"]
        assert cookie.startswith("__Host-isoguide-session=")
        assert "Secure" in cookie

    def test_behind_a_proxy_the_cookie_never_goes_without_tls(self, open_service):
        service = open_service(secure_cookie=True)
        assert "Secure" in sign_in(service.client(), "anna").headers["set-cookie"]

    def test_the_service_keeps_no_cookie_that_would_sign_somebody_in(self, service):
        client = service.signed_in("anna")
        token = client.cookies["isoguide-session"]
        sessions = client.app.state.service.sessions
        assert token not in repr(vars(sessions))
        assert sessions.find(token).account.person.name == "anna"

    def test_a_wrong_password_is_refused_and_written_down(self, service):
        answer = sign_in(service.client(), "anna", "seven blue bicycle")
        assert (answer.status_code, kind_of(answer)) == (403, "wrong password")
        assert answer.json()["detail"].startswith(WRONG)
        entry = newest(service)
        assert (entry.actor, entry.action, entry.subject) == ("console", "failed: sign in", "person anna")
        assert entry.payload["address"] == "192.0.2.7"

    def test_a_name_that_nobody_has_is_refused_in_the_same_words_and_not_written_down(self, service):
        wrong = sign_in(service.client(), "anna", "seven blue bicycle").json()
        answer = sign_in(service.client(), "my password in the wrong field", "x")
        assert answer.json() == wrong
        assert newest(service).subject == "a name that nobody has"
        assert all("wrong field" not in repr(entry) for entry in service.desk.records.audit_entries())

    def test_who_has_no_password_cannot_sign_in(self, service):
        service.desk.records.add_person(Person("carl", Role.ONCOLOGIST), by="admin")
        assert kind_of(sign_in(service.client(), "carl", "anything at all")) == "wrong password"

    def test_whose_right_has_ended_cannot_sign_in(self, service):
        service.desk.records.set_active("anna", is_active=False, by="admin", reason="left")
        assert sign_in(service.client(), "anna").json()["detail"].startswith(WRONG)

    @pytest.mark.parametrize("name", ["an\0na", "anna\x7f", ""])
    def test_a_name_that_no_database_can_hold_is_a_wrong_name(self, service, name: str):
        assert kind_of(sign_in(service.client(), name, "x")) == "wrong password"

    def test_a_sign_in_and_a_sign_out_are_written_down(self, service):
        client = service.signed_in("anna")
        assert (newest(service).actor, newest(service).action) == ("anna", "sign in")
        assert client.delete("/api/session").status_code == 204
        assert (newest(service).actor, newest(service).action) == ("anna", "sign out")
        assert service.desk.records.verify_audit().is_intact

    def test_signing_in_again_ends_the_session_of_this_browser(self, service):
        client = service.signed_in("anna")
        before = client.cookies["isoguide-session"]
        sign_in(client, "berg")
        assert client.cookies["isoguide-session"] != before
        client.cookies.set("isoguide-session", before)
        other = service.client()
        other.cookies.set("isoguide-session", before)
        assert kind_of(other.get("/api/session")) == "not signed in"

    def test_nobody_whom_nobody_knows_sends_a_book(self, service):
        answer = service.client().post("/api/session", json={"name": "anna", "password": "x" * 20_000})
        assert (answer.status_code, kind_of(answer)) == (422, "bad input")

        def chunks():
            yield b"{}"

        answer = service.client().post("/api/session", content=chunks())
        assert answer.status_code == 422

    def test_a_hash_of_an_earlier_cost_is_made_anew_and_the_session_goes_on(self, service):
        dear = HashingCost(passes=2, memory_kib=16, lanes=1)
        Accounts(service.desk.records, dear).set_password("anna", PASSWORDS["anna"], by="anna")
        service.clock.wait(seconds=1)
        client = service.signed_in("anna")
        assert "m=8,t=1" in service.desk.records.password_of("anna").password_hash
        assert client.get("/api/session").status_code == 200


class TestGuessing:
    def test_after_five_wrong_passwords_each_further_one_doubles_the_wait(self, service):
        client, waits_s = service.client(), []
        for _ in range(5):
            assert sign_in(client, "anna", "wrong").status_code == 403
        for _ in range(9):
            answer = sign_in(client, "anna", "wrong")
            assert (answer.status_code, kind_of(answer)) == (429, "too many")
            waits_s.append(int(answer.headers["Retry-After"]))
            assert answer.json()["detail"] == f"too many wrong passwords: try again in {waits_s[-1]} s"
            service.clock.wait(seconds=waits_s[-1])
            assert sign_in(client, "anna", "wrong").status_code == 403
        assert waits_s == [2, 4, 8, 16, 32, 64, 128, 256, 300]

    def test_while_locked_the_right_password_is_not_heard_and_afterwards_it_is(self, service):
        for _ in range(5):
            sign_in(service.client(), "anna", "wrong")
        assert sign_in(service.client(), "anna").status_code == 429
        service.clock.wait(seconds=2)
        assert sign_in(service.client(), "anna").status_code == 200

    def test_a_right_password_lets_one_begin_anew(self, service):
        for _ in range(3):
            for _ in range(4):
                assert sign_in(service.client(), "anna", "wrong").status_code == 403
            assert sign_in(service.client(), "anna").status_code == 200

    def test_a_lock_is_written_down_once(self, service):
        for _ in range(8):
            sign_in(service.client(), "anna", "wrong")
        actions = [entry.action for entry in service.desk.records.audit_entries()]
        assert actions.count("failed: sign in") == 5
        assert actions.count("lock sign-in") == 1
        assert newest(service).payload["wait_s"] == 2.0

    def test_names_do_not_lock_each_other_and_a_locked_name_locks_no_workstation(self, service):
        for _ in range(25):
            sign_in(service.client(), "anna", "wrong")
        assert sign_in(service.client(), "berg").status_code == 200

    def test_one_computer_that_guesses_at_many_names_is_slowed_down(self, service):
        for number in range(20):
            assert sign_in(service.client(), f"name {number}", "wrong").status_code == 403
        assert sign_in(service.client(), "name 21", "wrong").status_code == 429
        assert sign_in(service.client(), "berg").status_code == 429
        service.clock.wait(seconds=2)
        assert sign_in(service.client(), "berg").status_code == 200

    def test_after_an_hour_without_a_guess_nothing_is_held_against_anybody(self, service):
        for _ in range(5):
            sign_in(service.client(), "anna", "wrong")
        service.clock.wait(hours=1)
        for _ in range(5):
            assert sign_in(service.client(), "anna", "wrong").status_code == 403

    def test_a_database_that_does_not_answer_is_no_guess(self, service, monkeypatch):
        def lost(*_: object) -> None:
            msg = "the connection to the records was lost: look what is recorded, then try again"
            raise OutputError(msg)

        with monkeypatch.context() as patch:
            patch.setattr(Accounts, "check_password", lost)
            for _ in range(8):
                answer = sign_in(service.client(), "anna")
                assert (answer.status_code, kind_of(answer)) == (503, "not written")
        assert sign_in(service.client(), "anna").status_code == 200


class TestTheEndOfASession:
    def test_after_15_minutes_without_anybody_it_has_ended(self, service):
        client = service.signed_in("anna")
        service.clock.wait(minutes=14, seconds=59)
        assert client.get("/api/session").status_code == 200
        service.clock.wait(seconds=1)
        answer = client.get("/api/session")
        assert (answer.status_code, kind_of(answer)) == (401, "not signed in")
        assert answer.json()["detail"] == "nobody is signed in, or the session has ended: sign in"

    def test_somebody_at_the_screen_keeps_it(self, service):
        client = service.signed_in("anna")
        for _ in range(5):
            service.clock.wait(minutes=14)
            assert client.post("/api/session/extend").status_code == 200
        assert client.get("/api/session").json()["expires_at"] == "2026-03-02T09:25:00Z"

    def test_a_page_that_asks_by_itself_does_not_keep_it(self, service):
        client = service.signed_in("admin")
        for _ in range(14):
            service.clock.wait(minutes=1)
            assert client.get("/api/session").status_code == 200
            background = client.get("/api/people", headers={"X-Isoguide-Background": "1"})
            assert background.status_code == 200
        service.clock.wait(minutes=1)
        assert client.get("/api/session").status_code == 401

    def test_after_12_hours_it_ends_whatever_is_done(self, open_service):
        service = open_service(session_idle=timedelta(hours=7))
        client = service.signed_in("anna")
        for hours in (6, 5):
            service.clock.wait(hours=hours)
            document = client.post("/api/session/extend").json()
        assert document["expires_at"] == "2026-03-02T20:00:00Z"  # begun at 8
        service.clock.wait(hours=1)
        assert client.post("/api/session/extend").status_code == 401

    def test_a_clock_that_goes_back_ends_it(self, service):
        client = service.signed_in("anna")
        service.clock.wait(minutes=-1)
        assert client.get("/api/session").status_code == 401

    def test_signing_out_ends_it_on_the_service_too(self, service):
        client = service.signed_in("anna")
        token = client.cookies["isoguide-session"]
        client.delete("/api/session")
        stolen = service.client()
        stolen.cookies.set("isoguide-session", token)
        assert stolen.get("/api/session").status_code == 401

    def test_an_ended_right_to_sign_ends_it_at_once_whoever_wrote_it(self, service):
        client = service.signed_in("anna")
        service.desk.records.set_active("anna", is_active=False, by="admin", reason="left")
        assert client.get("/api/session").status_code == 401
        service.desk.records.set_active("anna", is_active=True, by="admin")
        assert client.get("/api/session").status_code == 401

    def test_a_cookie_that_was_made_up_is_nobody(self, service):
        client = service.client()
        client.cookies.set("isoguide-session", "x" * 43)
        assert client.get("/api/session").status_code == 401


class TestOnesOwnPassword:
    NEW = "quite another sentence"

    def change(self, client, password: str = PASSWORDS["anna"], new: str = NEW):
        return client.post("/api/session/password", json={"password": password, "new_password": new})

    def test_is_changed_and_all_other_sessions_end(self, service):
        client, other, berg = service.signed_in("anna"), service.signed_in("anna"), service.signed_in("berg")
        service.clock.wait(seconds=1)
        assert self.change(client).status_code == 200
        assert client.get("/api/session").status_code == 200
        assert other.get("/api/session").status_code == 401
        assert berg.get("/api/session").status_code == 200
        assert sign_in(service.client(), "anna").status_code == 403
        assert sign_in(service.client(), "anna", self.NEW).status_code == 200

    def test_is_not_changed_by_who_does_not_know_it(self, service):
        client = service.signed_in("anna")
        answer = self.change(client, "seven blue cars")
        assert (answer.status_code, kind_of(answer)) == (403, "wrong password")
        assert sign_in(service.client(), "anna").status_code == 200

    def test_that_is_easy_to_guess_is_refused_and_not_repeated(self, service):
        answer = self.change(service.signed_in("anna"), new="sun")
        assert (answer.status_code, kind_of(answer)) == (422, "bad input")
        assert answer.json()["detail"] == "the password has 3 characters, and it takes 12: make a sentence"


class TestUnderASignature:
    def verify(self, service, signed_in: str = "anna"):
        client = service.signed_in(signed_in)
        state = client.app.state.service
        session = state.sessions.find(client.cookies["isoguide-session"])
        user = SignedIn(session.account, session, "192.0.2.7")
        return asyncio.run(verify_signature(state, user))

    def test_the_password_says_who_signs(self, service):
        assert str(self.verify(service)("anna", PASSWORDS["anna"])) == "anna (therapist)"
        assert (newest(service).actor, newest(service).action) == ("anna", "sign")

    def test_a_second_look_is_signed_by_another_person(self, service):
        assert str(self.verify(service)("berg", PASSWORDS["berg"])) == "berg (physicist)"

    def test_who_does_not_know_the_password_signs_for_nobody(self, service):
        verify = self.verify(service)
        for _ in range(5):
            with pytest.raises(SignInError):
                verify("berg", PASSWORDS["anna"])
        with pytest.raises(TooManyError, match="too many wrong passwords"):
            verify("berg", PASSWORDS["berg"])
        assert newest(service).action == "lock sign-in"
        service.clock.wait(seconds=2)
        assert verify("berg", PASSWORDS["berg"]).name == "berg"


def test_a_session_lasts_as_long_as_the_settings_say(open_service) -> None:
    service = open_service(session_idle=timedelta(minutes=3))
    client = service.signed_in("anna")
    service.clock.wait(minutes=3)
    assert client.get("/api/session").status_code == 401


@pytest.mark.parametrize(("minutes", "said"), [(0, "0"), (-1, "-1"), (721, "721")])
def test_a_session_that_would_end_before_it_begins_or_never_is_refused(minutes: int, said: str) -> None:
    with pytest.raises(
        InputError, match=f"cannot end after {said} minutes: give more than 0 and at most 720"
    ):
        ServiceSettings(session_idle=timedelta(minutes=minutes))


def test_the_version_is_told_to_everybody(service: Service) -> None:
    assert service.client(ADDRESS).get("/api/version").json() == {
        "version": __version__,
        "page_build": "",
    }
