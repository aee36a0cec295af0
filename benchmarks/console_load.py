"""Twenty people who review at the same time, each in a session: a view, then about a second to read it."""

import random
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

import httpx

PAUSE_S: Final = (0.5, 1.5)
"""Between what one person opens, drawn evenly."""
PATIENCE_S: Final = 30.0
PAGE_HEADER: Final = "X-Isoguide-Page"
WAYS: Final = ("site", "device", "machine", "protocol")
PLANES: Final = ("axial", "coronal", "sagittal")


@dataclass(frozen=True)
class Reviewed:
    """What is looked at: a course with a matched image, and courses that are over."""

    course: str
    image_uid: str
    others: Sequence[str]


@dataclass
class Calls:
    """Milliseconds of each call by its route, and what went wrong."""

    spent_ms: dict[str, list[float]] = field(default_factory=dict)
    errors: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self, route: str, spent_ms: float, problem: str) -> None:
        """Keep one."""
        with self.lock:
            self.spent_ms.setdefault(route, []).append(spent_ms)
            if problem:
                self.errors.append(problem)


def session(address: str, build: str, name: str, password: str) -> httpx.Client:
    """Sign somebody in; the time that takes is that of the password's hash, and is not measured."""
    client = httpx.Client(base_url=address, timeout=PATIENCE_S, headers={PAGE_HEADER: build})
    answer = client.post("/api/session", json={"name": name, "password": password})
    answer.raise_for_status()
    client.headers["X-CSRF-Token"] = answer.json()["csrf_token"]
    return client


def review(clients: Sequence[httpx.Client], reviewed: Reviewed, seconds: float) -> Calls:
    """Let everybody review for so long."""
    calls, until = Calls(), time.monotonic() + seconds
    threads = [
        threading.Thread(target=_work, args=(client, reviewed, seed, until, calls), daemon=True)
        for seed, client in enumerate(clients)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(seconds + PATIENCE_S)
    if any(thread.is_alive() for thread in threads):
        calls.errors.append("somebody still waits for an answer")
    return calls


def _work(client: httpx.Client, reviewed: Reviewed, seed: int, until: float, calls: Calls) -> None:
    chance = random.Random(seed)  # noqa: S311 - no secret
    time.sleep(chance.uniform(0.0, PAUSE_S[1]))
    while True:
        for view in _views(reviewed, chance):
            if time.monotonic() >= until:
                return
            for route, address in view:
                _call(client, route, address, calls)
            time.sleep(chance.uniform(*PAUSE_S))


def _views(reviewed: Reviewed, chance: random.Random) -> Iterator[list[tuple[str, str]]]:
    """Yield what a page asks for when a person goes from view to view."""
    course, other = f"/api/courses/{reviewed.course}", chance.choice(reviewed.others)
    image = f"{course}/fractions/1/images/{reviewed.image_uid}"
    yield [("worklist", "/api/worklist")]
    yield [("course", course), ("review of a course", f"/api/courses/{other}/review")]
    yield [("fraction", f"{course}/fractions/1"), ("course", course)]
    yield [("picture of a match", f"{image}/picture?plane={plane}") for plane in PLANES]
    yield [("review of the department", f"/api/review/population?by={chance.choice(WAYS)}")]
    yield [("audit, 100 entries", "/api/audit?limit=100")]


def _call(client: httpx.Client, route: str, address: str, calls: Calls) -> None:
    begin, problem = time.perf_counter(), ""
    try:
        answer = client.get(address)
        if answer.status_code != httpx.codes.OK:
            problem = f"{route}: {answer.status_code} {answer.text[:200]}"
    except httpx.HTTPError as error:
        problem = f"{route}: {error!r}"
    calls.take(route, 1000.0 * (time.perf_counter() - begin), problem)
