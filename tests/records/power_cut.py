"""What a power cut may leave of the write-ahead log of SQLite: a part of it, and anything behind that."""

import random
import shutil
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import NamedTuple

from kill_campaign import Findings, Known, look
from kill_worker import Worker, furnish

from isoguide.records import Place, upgrade

SECTOR_BYTES = 512
FRAME_BYTES = 4096 + 24
"""A page in the log with its header (SQLite file format, 4.1)."""
LOG_HEADER_BYTES = 32
BEHIND = {
    "nothing": b"",
    "zeros": bytes(3 * FRAME_BYTES),
    "garbage": random.Random(4).randbytes(2 * FRAME_BYTES),
}


class Cut(NamedTuple):
    """Where the log ends, and what stands behind."""

    length: int
    behind: str


def made(folder: Path) -> Place:
    """Records with staff and a protocol."""
    place = Place.embedded(folder)
    upgrade(place)
    furnish(place)
    return place


class Witness(Worker):
    """Copies the database and its log each time it is told that something is kept.

    ``known`` is what it was told until then, ``ends`` how long the log was.
    """

    def __init__(self, folder: Path) -> None:
        (folder / "seen").mkdir()
        super().__init__(made(folder / "place"), folder / "said", seed=2)
        self.seen, self.known, self.ends = folder / "seen" / "isoguide.db", [Known()], [0]

    def say(self, line: str) -> None:
        super().say(line)
        if not line.startswith("kept "):
            return
        file = self.place.database_file
        assert file is not None
        shutil.copyfile(file, self.seen)
        shutil.copyfile(log_of(file), log_of(self.seen))
        self.known.append(deepcopy(self.known[-1]))
        self.known[-1].learn(line.split(" ")[1:])
        self.ends.append(log_of(self.seen).stat().st_size)


def log_of(file: Path) -> Path:
    return file.with_name(f"{file.name}-wal")


def cuts(ends: list[int], by_chance: int) -> Iterator[Cut]:
    """At each end and a byte earlier, and so many anywhere, at frames and at sectors."""
    chance = random.Random(3)
    for end in sorted(set(ends[1:])):
        yield Cut(end, chance.choice(list(BEHIND)))
        yield Cut(end - 1, "nothing")
    for _ in range(by_chance):
        yield Cut(chance.randrange(ends[-1]), "nothing")
        yield Cut(chance.randrange(LOG_HEADER_BYTES, ends[-1], FRAME_BYTES), chance.choice(list(BEHIND)))
        yield Cut(chance.randrange(0, ends[-1], SECTOR_BYTES), chance.choice(list(BEHIND)))


def look_after(cut: Cut, witness: Witness, folder: Path) -> tuple[int, Findings]:
    """Return how many acknowledgements are in front of the cut, and what is wrong with what is left."""
    place = Place(f"sqlite:///{folder / 'isoguide.db'}", witness.place.images)
    (folder / "isoguide.db-shm").unlink(missing_ok=True)
    shutil.copyfile(witness.seen, folder / "isoguide.db")
    log = log_of(witness.seen).read_bytes()[: cut.length] + BEHIND[cut.behind]
    log_of(folder / "isoguide.db").write_bytes(log)
    acknowledged = max(number for number, end in enumerate(witness.ends) if end <= cut.length)
    expected = witness.known[acknowledged]
    there = deepcopy(expected)
    found = look(place, there)
    if (there.courses, there.versions) != (expected.courses, expected.versions):
        found.broken.append(f"there is more than was written before {cut}")
    return acknowledged, found
