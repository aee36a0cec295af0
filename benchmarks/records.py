"""Records: what is left when programs, servers and logs end in the middle, and what keeping costs in time.

Run with ``python benchmarks/records.py [--kills N] [--courses N] [--write]``. A worker records fractions of
several courses and is killed (SIGKILL) at moments drawn by a seed; after each kill everything it was told is
kept is compared with what is there (``tests/records/kill_campaign.py``). On PostgreSQL every tenth time the
server is stopped without warning instead (``pg_ctl stop -m immediate``). The log of SQLite is cut at every
acknowledgement and anywhere between; and the power fails at every acknowledgement and between, with only
what was flushed certain to be on the disk (``tests/records/flushed_disk.py``, needs strace). Speeds are those
of one writer whose every step is on the disk before it goes on; the server keeps its own default settings.
``--write`` puts the table into docs/benchmarks.md.
"""

import argparse
import itertools
import os
import platform
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pg8000.native

from isoguide.course import CourseHistory, FractionSummary
from isoguide.geometry.correction import CouchCorrection
from isoguide.records import FractionKey, Place, open_records, upgrade
from isoguide.records.backup import back_up, restore
from isoguide.records.image_store import ImageStore
from page import put_between_marks

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "records"))
kill_campaign, kill_worker, postgresql_server, power_cut, flushed_disk = map(
    import_module, ("kill_campaign", "kill_worker", "postgresql_server", "power_cut", "flushed_disk")
)

KILLS_PER_PLACE = 25
FRACTIONS = 30
STEPS = 1000
POWER_STEPS = 200
SLICES, SLICE_BYTES = 200, 525_000
"""A cone-beam CT as it comes: slices of 512 x 512 pixels."""
MIB = 1 << 20


@dataclass
class Column:
    """One database: new places on it, how to stop it, and what was measured."""

    name: str
    new_place: Callable[[], Place]
    crash: Callable[[], None] | None = None
    cells: dict[str, str] = field(default_factory=dict)


class Server:
    """A PostgreSQL server with its default settings, so that a commit is on the disk when it is told."""

    def __init__(self, folder: Path) -> None:
        self.folder, self._numbers = folder, itertools.count(1)
        self._programs = postgresql_server._programs()
        self._as_user = postgresql_server._as_unprivileged(folder)
        made = ("-D", folder / "data", "-A", "trust", "-U", "isoguide", "-E", "UTF8", "--locale=C")
        postgresql_server._run(*self._as_user, self._programs / "initdb", *made)

    def control(self, *order: str) -> None:
        control = (self._programs / "pg_ctl", "-D", self.folder / "data", "-w", "-l", self.folder / "log")
        options = ("-o", f"-k {self.folder} -c listen_addresses=") if "start" in order else ()
        postgresql_server._run(*self._as_user, *control, *options, *order)

    def crash(self) -> None:
        self.control("stop", "-m", "immediate")
        self.control("start")

    def new_place(self) -> Place:
        name, socket = f"records_{next(self._numbers)}", self.folder / ".s.PGSQL.5432"
        admin = pg8000.native.Connection("isoguide", unix_sock=str(socket), database="postgres")
        admin.run(f"CREATE DATABASE {name}")
        admin.close()
        images = Path(tempfile.mkdtemp(dir=self.folder.parent))
        return Place(f"postgresql+pg8000://isoguide@/{name}?unix_sock={socket}", images)


@contextmanager
def columns(folder: Path) -> Iterator[list[Column]]:
    numbers = itertools.count(1)
    embedded = Column("SQLite", lambda: Place.embedded(folder / f"place {next(numbers)}"))
    home = folder / "pg"
    home.mkdir()
    folder.chmod(0o755)
    try:
        server = Server(home)
    except postgresql_server.NoServerError as error:
        say(f"no PostgreSQL: {error}")
        yield [embedded]
        return
    server.control("start")
    try:
        yield [embedded, Column("PostgreSQL", server.new_place, server.crash)]
    finally:
        server.control("stop", "-m", "immediate")


def furnished(column: Column) -> Place:
    place = column.new_place()
    upgrade(place)
    kill_worker.furnish(place)
    return place


def kill(column: Column, kills: int, folder: Path) -> None:
    outcome = kill_campaign.Outcome()
    with kill_campaign.Nursery() as nursery:
        for seed in range(-(-kills // KILLS_PER_PLACE)):
            campaign = kill_campaign.Campaign(furnished(column), nursery, seed, outcome, column.crash)
            for _ in range(min(KILLS_PER_PLACE, kills - outcome.kills)):
                campaign.strike(folder / "said")
            say(f"  {column.name}: {outcome.kills} kills, {outcome.acknowledged} acknowledged")
    for sentence in (*outcome.findings.lost, *outcome.findings.half, *outcome.findings.broken):
        say(f"  {column.name}: {sentence}")
    during = ", ".join(f"{count} {doing}" for doing, count in sorted(outcome.during.items()))
    column.cells |= {
        "kills": str(outcome.kills),
        "of these the server stopped without warning": str(outcome.server_stops or "–"),
        "the worker was then at": during,
        "steps and courses acknowledged": str(outcome.acknowledged),
        **counted(outcome.findings, "kills"),
    }


def counted(found: Any, after: str) -> dict[str, str]:
    return {
        f"lost although acknowledged, after {after}": str(len(found.lost)),
        f"half or unknown steps, after {after}": str(len(found.half)),
        f"broken chains, damage or need of repair, after {after}": str(len(found.broken)),
    }


def cut_logs(column: Column, folder: Path) -> None:
    (folder / "witness").mkdir()
    (folder / "cut").mkdir()
    witness = power_cut.Witness(folder / "witness")
    witness.work(25)
    found, cuts = kill_campaign.Findings(), 0
    for cut in power_cut.cuts(witness.ends, by_chance=150):
        found.add(power_cut.look_after(cut, witness, folder / "cut")[1])
        cuts += 1
    column.cells |= {"cuts of the log": str(cuts), **counted(found, "cuts")}
    say(f"  {cuts} cuts: {found}")


def cut_power(column: Column, folder: Path) -> None:
    """At every acknowledgement and between; the steps are so many that the log is brought in on the way."""
    if shutil.which("strace") is None:
        say("no strace: nobody looks at what was flushed")
        return
    home = folder / "power"
    home.mkdir()
    disk, chance = flushed_disk.Disk(home), np.random.default_rng(3)
    found, cuts = kill_campaign.Findings(), 0
    for call in disk.trace(POWER_STEPS):
        if disk.do(call) or chance.random() < 0.05:
            found.add(disk.look_after_power_cut(home / "left", random.Random(cuts)))  # noqa: S311 - no secret
            cuts += 1
    column.cells |= {"power cuts": str(cuts), **counted(found, "power cuts")}
    say(f"  {cuts} power cuts: {found}")


def time_steps(column: Column, place: Place) -> None:
    spent_s: list[float] = []
    store = ImageStore(place.images)
    with open_records(place, clock=kill_worker.utc_now) as records:
        course_id = kill_worker.add_course(records, store, 1)
        for number in itertools.count(1):
            key = FractionKey(course_id, number)
            records.begin_fraction(course_id, number, by="ada", memory=kill_worker.memory_of(key, 1))
            for made in range(2, kill_worker.LAST_VERSION + 1):
                hashes = tuple(map(store.add_bytes, kill_worker.images_of(key, made)))
                step = kill_worker.step_of(key, made, hashes)
                begin = time.perf_counter()
                records.add_step(key, made - 1, step)
                spent_s.append(time.perf_counter() - begin)
            if len(spent_s) >= STEPS:
                break
    column.cells |= {
        "steps per second, one writer": f"{len(spent_s) / sum(spent_s):.0f}",
        "ms until a step is acknowledged, median": f"{1000.0 * np.median(spent_s):.1f}",
        "ms until a step is acknowledged, P99": f"{1000.0 * np.percentile(spent_s, 99.0):.1f}",
    }


def time_images(column: Column, folder: Path) -> None:
    """Once, because the store is the same whatever the database."""
    chance = np.random.default_rng(1)
    paths = [folder / f"slice {number}" for number in range(SLICES)]
    for path in paths:
        path.write_bytes(chance.bytes(SLICE_BYTES))
    seconds = timed(lambda: ImageStore(folder / "store").add_all(paths))
    size = f"{SLICES} slices, {SLICES * SLICE_BYTES / MIB:.0f} MiB"
    column.cells[f"s to store a cone-beam CT ({size})"] = f"{seconds:.1f}"


def time_histories(column: Column, place: Place, courses: int) -> None:
    chance = np.random.default_rng(2)
    with open_records(place, clock=kill_worker.utc_now) as records:
        for number in range(courses):
            records.add_history(history(number, chance), source="a table", by="ada")
        seconds = timed(records.histories)
        verifying = timed(records.verify_audit)
    column.cells[f"s for histories() of {courses} courses of {FRACTIONS} fractions"] = f"{seconds:.2f}"
    column.cells["s to verify the audit of all this"] = f"{verifying:.2f}"


def history(number: int, chance: np.random.Generator) -> CourseHistory:
    fractions = tuple(
        FractionSummary(
            day,
            kill_worker.BEGAN,
            "closed",
            CouchCorrection(*map(float, chance.normal(0.0, 2.0, 6))),
            np.full(6, 0.1),
            delivered_mu=200.0,
        )
        for day in range(1, FRACTIONS + 1)
    )
    return CourseHistory(
        f"H{number}", f"P{number}", "prostate", "LINAC 1", "prostate v1", "mask", FRACTIONS, fractions
    )


def time_backup(column: Column, place: Place, folder: Path) -> None:
    target = folder / f"backups of {column.name}"
    begin = time.perf_counter()
    report = back_up(place, target)
    first_s = time.perf_counter() - begin
    again_s = timed(lambda: back_up(place, target))
    other = column.new_place()
    restoring_s = timed(lambda: restore(report.folder, other))
    column.cells |= {
        "rows and images in a backup of all this": f"{report.rows} and {report.images}",
        "s to back up": f"{first_s:.1f}",
        "s to back up again": f"{again_s:.1f}",
        "s to check and restore": f"{restoring_s:.1f}",
    }


def timed(work: Callable[[], object]) -> float:
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


def table(columns: Sequence[Column]) -> str:
    names = list(dict.fromkeys(itertools.chain(*(column.cells for column in columns))))
    rows = [("", *(column.name for column in columns))]
    rows += [(name, *(column.cells.get(name, "–") for column in columns)) for name in names]
    lines = ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join([lines[0], "|---" * len(rows[0]) + "|", *lines[1:]])


def say(sentence: str) -> None:
    print(sentence, file=sys.stderr, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=500, help="on SQLite; half as many on PostgreSQL")
    parser.add_argument("--courses", type=int, default=1000)
    parser.add_argument("--write", action="store_true", help="write the table into docs/benchmarks.md")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="isoguide-records-") as name, columns(Path(name)) as found:
        folder = Path(name)
        for column in found:
            kill(column, arguments.kills if column.crash is None else arguments.kills // 2, folder)
        cut_logs(found[0], folder)
        cut_power(found[0], folder)
        time_images(found[0], folder)
        for column in found:
            place = furnished(column)
            time_steps(column, place)
            time_histories(column, place, arguments.courses)
            time_backup(column, place, folder)
        figures = table(found)
    print(figures)
    if arguments.write:
        write(figures)


def write(figures: str) -> None:
    """Replace what stands between the marks in docs/benchmarks.md."""
    libraries = ", ".join(f"{name} {version(name)}" for name in ("isoguide", "sqlalchemy", "pg8000"))
    line = f"Python {platform.python_version()}, {libraries}; {os.cpu_count()} cores."
    put_between_marks("records", f"{line}\n\n{figures}")


if __name__ == "__main__":
    main()
