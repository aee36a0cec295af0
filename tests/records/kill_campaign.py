"""Kills a worker again and again, and looks after each kill whether all it was told is kept, is there."""

import hashlib
import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Self

import kill_worker
from kill_worker import LAST_VERSION, WAY, images_of, memory_of, step_of, utc_now

from isoguide.course import FractionSummary
from isoguide.errors import IsoguideError
from isoguide.records import FractionKey, Place, Records, StoredFraction, open_records
from isoguide.records.connection import Database
from isoguide.records.image_store import ImageStore
from isoguide.records.plain import canonical_json, to_plain
from isoguide.treatment.states import Event

MOST_LINES = 25
"""A worker says no more than so many lines before it is killed, or before the server is."""
NEXT_LINE_S = 0.02
"""In this time it mostly comes to say the next one: it is killed on the way there."""


@dataclass
class Known:
    """What the workers at one place were told is kept."""

    courses: set[str] = field(default_factory=set)
    versions: dict[tuple[str, int], int] = field(default_factory=dict)
    images: set[str] = field(default_factory=set)

    def learn(self, words: list[str]) -> None:
        match words:
            case ["course", course_id]:
                self.courses.add(course_id)
            case ["image", sha256]:
                self.images.add(sha256)
            case ["version", course_id, number, version]:
                self.versions[course_id, int(number)] = int(version)


@dataclass
class Findings:
    """Sentences about what must not be, of each kind."""

    lost: list[str] = field(default_factory=list)
    half: list[str] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)

    def add(self, other: "Findings") -> None:
        self.lost += other.lost
        self.half += other.half
        self.broken += other.broken


@dataclass
class Outcome:
    """Of a campaign; ``during`` counts the kills by what the worker was doing."""

    kills: int = 0
    server_stops: int = 0
    acknowledged: int = 0
    during: Counter[str] = field(default_factory=Counter)
    findings: Findings = field(default_factory=Findings)


def look(place: Place, known: Known) -> Findings:
    """Open the records as any program does, and compare them with what has to be there."""
    found = Findings()
    try:
        with closing(Database(place)) as database, database.changing():
            pass  # a server may still be busy with the last word of the one who was killed
        with open_records(place, clock=utc_now) as records:
            _look_at_courses(records, known, found)
            found.broken += records.verify_audit().findings
    except IsoguideError as error:
        found.broken.append(f"it needs repair: {error}")
    if place.database_file is not None:
        with closing(sqlite3.connect(place.database_file)) as connection:
            said = connection.execute("PRAGMA integrity_check").fetchall()
            found.broken += [] if said == [("ok",)] else [f"integrity_check: {said}"]
    found.lost += ImageStore(place.images).verify(known.images)
    return found


def _look_at_courses(records: Records, known: Known, found: Findings) -> None:
    courses = {line.course_id for line in records.courses()}
    fractions = [
        records.fraction(course_id, line.key.number)
        for course_id in courses
        for line in records.course(course_id).fractions
    ]
    there = {(one.line.key.course_id, one.line.key.number): one.version for one in fractions}
    found.lost += [f"course {course_id}" for course_id in known.courses - courses]
    found.lost += [
        f"{key} is at version {there.get(key, 0)}, not {version}"
        for key, version in known.versions.items()
        if there.get(key, 0) < version
    ]
    for fraction in fractions:
        found.half += differences(fraction)
    # Of the one who was killed, one thing may be kept of which he was not told.
    ahead = sum(version - known.versions.get(key, 0) for key, version in there.items())
    if ahead + len(courses - known.courses) > 1:
        found.half.append(f"{ahead} versions and courses {courses - known.courses} that nobody was told of")
    unfinished = {one.line.key for one in fractions if one.version < LAST_VERSION}
    if {line.key for line in records.unfinished_fractions()} != unfinished:
        found.broken.append("the fractions that go on are not those that are listed as unfinished")
    known.courses, known.versions = courses, there
    known.images.update(*(image.sha256 for one in fractions for image in one.images))
    known.images.update(
        image.sha256 for name in courses for image in records.course(name).simulation.reference_images
    )


def differences(fraction: StoredFraction) -> list[str]:
    """Compare everything of a fraction with what its version says has to be there, and with nothing else."""
    key, version = fraction.line.key, fraction.version
    steps = [step_of(key, number, hashes_of(key)) for number in range(2, version + 1)]
    begun = FractionSummary(key.number, fraction.line.started_at, "prepared")
    expected: dict[str, object] = {
        "memory": memory_of(key, version),
        "steps": [[number, step.entry, step.by] for number, step in enumerate(steps, 2) if step.entry],
        "images": [step.image for step in steps if step.image],
        "matches": [step.match for step in steps if step.match],
        "decisions": [step.decision for step in steps if step.decision],
        "deliveries": [delivery for step in steps for delivery in step.deliveries],
        "summary": steps[-1].summary if steps else begun,
        "state": steps[-1].summary.state if steps else "prepared",
        "has ended": version == LAST_VERSION,
    }
    stored: dict[str, object] = {
        "steps": [[step.seq, step.entry, step.by] for step in fraction.steps],
        "state": fraction.line.state,
        "has ended": fraction.line.ended_at is not None,
    }
    return [
        f"{key} at version {version}: {name}"
        for name in expected
        if plain(expected[name]) != plain(stored.get(name, getattr(fraction, name, None)))
    ]


def plain(value: object) -> str:
    return canonical_json(to_plain(value))


@cache
def hashes_of(key: FractionKey) -> tuple[str, ...]:
    """The SHA-256 of the files of the only image of a fraction."""
    return tuple(
        hashlib.sha256(content).hexdigest() for content in images_of(key, WAY.index(Event.IMAGE) + 2)
    )


class Nursery:
    """A process with all libraries loaded, of which a fresh worker is forked each time."""

    def __init__(self) -> None:
        command = [sys.executable, kill_worker.__file__]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate()

    def start(self, place: Place, said: Path, seed: int) -> int:
        """Start a worker, and return its process ID."""
        assert self._process.stdin
        order = [place.database_url, str(place.images), str(said), seed]
        self._process.stdin.write(f"{json.dumps(order)}\n")
        self._process.stdin.flush()
        return int(self._heard())

    def kill(self, worker: int) -> None:
        """Kill the worker, and wait until it is gone."""
        with suppress(ProcessLookupError):  # it ended by itself, because the server was gone
            os.kill(worker, signal.SIGKILL)
        assert self._heard() == "gone"

    def _heard(self) -> str:
        assert self._process.stdout
        return self._process.stdout.readline().strip()


class Campaign:
    """Kills at one place.

    Parameters
    ----------
    place
        With records that :func:`kill_worker.make_place` made.
    nursery
        Where the workers come from.
    seed
        Of the moments.
    outcome
        Where everything is counted.
    crash
        Kills the server and starts it again; given, it strikes every tenth time before the worker is killed.
    """

    def __init__(
        self,
        place: Place,
        nursery: Nursery,
        seed: int,
        outcome: Outcome,
        crash: Callable[[], None] | None = None,
    ) -> None:
        self.place, self.nursery, self.outcome, self.crash = place, nursery, outcome, crash
        self.chance, self.known, self.rounds = random.Random(seed), Known(), 0

    def strike(self, said: Path) -> None:
        """Start a worker, kill it or the server, and look."""
        self.rounds += 1
        said.write_bytes(b"")
        worker = self.nursery.start(self.place, said, self.chance.randrange(1 << 30))
        # Counted in what it says, not in seconds: a busy machine sees the same moments.
        self._wait_for(said, self.chance.randrange(MOST_LINES) if self.rounds % 4 else 0)
        time.sleep(self.chance.uniform(0.0, NEXT_LINE_S))
        if self.crash is not None and self.rounds % 10 == 0:
            self.crash()
            self.outcome.server_stops += 1
        self.nursery.kill(worker)
        self._listen(said.read_text(encoding="utf-8"))
        self.outcome.kills += 1
        self.outcome.findings.add(look(self.place, self.known))

    def _wait_for(self, said: Path, lines: int) -> None:
        while (text := said.read_text(encoding="utf-8")).count("\n") < lines and "failed" not in text:
            time.sleep(0.001)

    def _listen(self, text: str) -> None:
        doing = "fork"
        for line in text.splitlines():
            verb, *words = line.split(" ")
            doing = words[0] if verb == "doing" else "between"
            if verb == "kept":
                self.known.learn(words)
                self.outcome.acknowledged += words[0] != "image"
            if verb == "failed" and self.crash is None:
                self.outcome.findings.broken.append(line)
        self.outcome.during[doing] += 1
