"""Signing in and out, and everything that may go wrong with it."""

from signed_in_client import PASSWORDS, Service


def kind_of(answer) -> str:
    assert answer.headers["content-type"] == "application/problem+json"
    document = answer.json()
    assert document["status"] == answer.status_code
    return document["kind"]


def test_who_gives_name_and_password_is_signed_in(service: Service) -> None:
    client = service.client()
    answer = client.post("/api/session", json={"name": "anna", "password": PASSWORDS["anna"]})
    assert answer.status_code == 200
    document = answer.json()
    assert (document["name"], document["role"], document["is_administrator"]) == ("anna", "therapist", False)
    assert document["expires_at"] == "2026-03-02T08:15:00Z"  # 15 minutes after the clock of the test
    assert client.get("/api/session").json() == document
