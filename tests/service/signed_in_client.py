"""A service on empty records with its staff, and a client that behaves as the page does."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from fastapi.testclient import TestClient
from starlette.testclient import WebSocketTestSession

from isoguide.course import Person, Role
from isoguide.service.app import create_app
from isoguide.service.settings import ServiceSettings
from isoguide.workflow.clinic.accounts import Accounts, HashingCost
from isoguide.workflow.clinic.department import new_desk, open_desk
from isoguide.workflow.clinic.desk import Desk

CHEAP = HashingCost(passes=1, memory_kib=8, lanes=1)
"""A hash that costs nothing, so that tests are quick."""
ADDRESS = "http://localhost:8080"
PASSWORDS = {
    "admin": "an evening at the lake",
    "anna": "seven blue bicycles",
    "ben": "bread and salted butter",
    "berg": "the mountain is quiet",
}
"""Of everybody who can sign in; "admin" is the administrator."""


class SetClock:
    """Stands still until it is told to go on."""

    def __init__(self) -> None:
        self.at = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.at

    def wait(self, **duration: float) -> None:
        self.at += timedelta(**duration)


def furnish_accounts(desk: Desk) -> None:
    """Give a desk its staff, each with his password."""
    accounts = Accounts(desk.records, CHEAP)
    accounts.make_administrator(Person("admin", Role.PHYSICIST), PASSWORDS["admin"])
    for name, role in (("anna", Role.THERAPIST), ("ben", Role.THERAPIST), ("berg", Role.PHYSICIST)):
        accounts.add(Person(name, role), PASSWORDS[name], by="admin")


def open_socket(client: TestClient, path: str, origin: str = ADDRESS) -> WebSocketTestSession:
    """Open a socket as a page of this origin does; to be used in a ``with``."""
    # The client knows no address of its own for sockets.
    return client.websocket_connect(f"{ADDRESS.replace('http', 'ws')}{path}", headers={"Origin": origin})


@dataclass
class Service:
    """A running service, its desk and its clock."""

    desk: Desk
    clock: SetClock
    settings: ServiceSettings

    def client(self, address: str = ADDRESS) -> TestClient:
        """Return a browser that has not signed in; each has its own cookies."""
        return TestClient(self._app, base_url=address, client=("192.0.2.7", 50000))

    def signed_in(self, name: str) -> TestClient:
        """Return a browser in which somebody is signed in; it sends the token with everything."""
        client = self.client()
        answer = client.post("/api/session", json={"name": name, "password": PASSWORDS[name]})
        assert answer.status_code == 200, answer.text
        client.headers["X-CSRF-Token"] = answer.json()["csrf_token"]
        return client

    def __post_init__(self) -> None:
        self._app = create_app(self.desk, self.settings)


def make_staffed(folder: Path) -> None:
    """Make records in which the staff has its passwords; to be copied, which is quicker."""
    with new_desk(str(folder), now=SetClock()) as desk:
        furnish_accounts(desk)


@contextmanager
def service_on(records: Path, **settings: object) -> Iterator[Service]:
    """Open a service on such records; it has no page unless the settings name one."""
    clock = SetClock()
    usual = ServiceSettings(page_folder=records / "no page", hashing=CHEAP, now=clock)
    with open_desk(str(records), now=clock) as desk:
        yield Service(desk, clock, replace(usual, **settings))
