"""Who may sign in: administrators say, and nobody else."""

import pytest
from signed_in_client import PASSWORDS, Service

NEW = {"name": "carl", "role": "oncologist", "password": "letters from the north"}


def kind_of(answer) -> str:
    assert answer.headers["content-type"] == "application/problem+json"
    return answer.json()["kind"]


def names(service: Service) -> list[str]:
    return [member.person.name for member in service.desk.records.people()]


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/api/people", None),
        ("POST", "/api/people", NEW),
        ("POST", "/api/people/password", {"name": "anna", "password": "letters from the north"}),
        ("POST", "/api/people/end", {"name": "ben", "reason": "left"}),
    ],
)
def test_who_is_no_administrator_neither_sees_nor_changes_the_staff(
    service: Service, method: str, path: str, body: dict | None
) -> None:
    client, head = service.signed_in("anna"), service.desk.records.audit_head()
    answer = client.request(method, path, json=body)
    assert (answer.status_code, kind_of(answer)) == (403, "administrator needed")
    assert answer.json()["detail"] == (
        "anna (therapist) is no administrator and may not do this: an administrator has to"
    )
    assert service.desk.records.audit_head() == head


def test_the_staff_is_listed_with_who_can_sign_in(service: Service) -> None:
    listed = service.signed_in("admin").get("/api/people").json()
    assert [(one["name"], one["is_administrator"]) for one in listed] == [
        ("admin", True),
        ("anna", False),
        ("ben", False),
        ("berg", False),
    ]
    assert listed[1] == {
        "name": "anna",
        "role": "therapist",
        "is_active": True,
        "added_at": "2026-03-02T08:00:00Z",
        "has_password": True,
        "is_administrator": False,
    }
    assert "argon2" not in str(listed)


class TestAddingSomebody:
    def test_lets_him_sign_in(self, service):
        answer = service.signed_in("admin").post("/api/people", json=NEW)
        assert answer.status_code == 201
        assert answer.json()["has_password"] is True
        body = {"name": "carl", "password": NEW["password"]}
        assert service.client().post("/api/session", json=body).json()["role"] == "oncologist"
        added = [one for one in service.desk.records.audit_entries() if one.subject == "person carl"]
        assert [(one.actor, one.action) for one in added] == [
            ("admin", "add person"),
            ("admin", "set password"),
            ("carl", "sign in"),
        ]

    @pytest.mark.parametrize(
        ("change", "sentence"),
        [
            ({"name": "anna"}, "the user name 'anna' belongs to anna (therapist) already"),
            ({"name": " carl"}, "' carl' is not a user name"),
            ({"password": "short"}, "the password has 5 characters"),
            ({"role": "visitor"}, "'role' of the request cannot be used"),
            ({"rights": "all"}, "'rights' of the request cannot be used (extra inputs are not permitted)"),
        ],
    )
    def test_is_refused_with_the_reason_and_adds_nobody(self, service, change, sentence: str):
        before = names(service)
        answer = service.signed_in("admin").post("/api/people", json=NEW | change)
        assert (answer.status_code, kind_of(answer)) == (422, "bad input")
        assert answer.json()["detail"].startswith(sentence)
        assert names(service) == before

    def test_never_repeats_a_password(self, service):
        body = NEW | {"password": ["letters from the north"]}
        answer = service.signed_in("admin").post("/api/people", json=body)
        assert answer.status_code == 422
        assert "letters" not in answer.text


class TestGivingAPassword:
    def give(self, service, name: str, **more: object):
        body = {"name": name, "password": "letters from the north", **more}
        return service.signed_in("admin").post("/api/people/password", json=body)

    def test_ends_the_sessions_that_began_with_the_old_one(self, service):
        anna = service.signed_in("anna")
        service.clock.wait(seconds=1)
        assert self.give(service, "anna").status_code == 200
        assert anna.get("/api/session").status_code == 401
        body = {"name": "anna", "password": PASSWORDS["anna"]}
        assert service.client().post("/api/session", json=body).status_code == 403

    def test_makes_an_administrator_only_where_it_says_so(self, service):
        answer = self.give(service, "anna")
        assert answer.json()["is_administrator"] is False
        answer = self.give(service, "anna", is_administrator=True)
        assert answer.json()["is_administrator"] is True

    def test_to_nobody_is_refused(self, service):
        answer = self.give(service, "carl")
        assert (answer.status_code, kind_of(answer)) == (404, "not found")
        assert "nobody here has the user name 'carl'" in answer.json()["detail"]

    def test_leaves_an_administrator(self, service):
        answer = self.give(service, "admin", is_administrator=False)
        assert (answer.status_code, kind_of(answer)) == (409, "not allowed")
        assert answer.json()["detail"] == "'admin' is the only administrator: make another one first"


class TestEndingSomebody:
    def end(self, service, name: str, reason: str = "left"):
        return service.signed_in("admin").post("/api/people/end", json={"name": name, "reason": reason})

    def test_ends_his_session_at_once(self, service):
        anna = service.signed_in("anna")
        answer = self.end(service, "anna")
        assert answer.json()["is_active"] is False
        assert anna.get("/api/session").status_code == 401

    def test_needs_a_reason(self, service):
        assert "'reason' of the request" in self.end(service, "anna", "").json()["detail"]

    def test_leaves_an_administrator(self, service):
        answer = self.end(service, "admin")
        assert (answer.status_code, kind_of(answer)) == (409, "not allowed")

    def test_of_nobody_is_refused(self, service):
        assert self.end(service, "carl").status_code == 404

    def test_twice_is_refused(self, service):
        self.end(service, "anna")
        assert "not active already" in self.end(service, "anna").json()["detail"]
