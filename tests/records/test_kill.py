"""A computer that fails in the middle of whatever it does keeps what it acknowledged, and nothing half."""

import random
import shutil
from contextlib import closing
from copy import deepcopy
from pathlib import Path

import pytest
from flushed_disk import Call, Disk
from kill_campaign import Campaign, Findings, Known, Nursery, Outcome, look
from kill_worker import run
from power_cut import Witness, cuts, look_after, made
from sqlalchemy import text

from isoguide.records import Place
from isoguide.records.connection import Database
from isoguide.records.image_store import ImageStore

KILLS = 25


def test_a_program_killed_at_any_moment_loses_nothing_it_was_told_is_kept(tmp_path: Path) -> None:
    place, outcome = made(tmp_path), Outcome()
    with Nursery() as nursery:
        campaign = Campaign(place, nursery, 1, outcome)
        for _ in range(KILLS):
            campaign.strike(tmp_path / "said")
            assert outcome.findings == Findings()
    assert outcome.kills == KILLS
    assert outcome.acknowledged > 2 * KILLS
    assert len(campaign.known.courses) > 1


@pytest.fixture(scope="module")
def treated_once(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Known]:
    """Records in which nothing is wrong, and what is known to be in them."""
    folder, known = tmp_path_factory.mktemp("treated"), Known()
    place = made(folder / "place")
    run(place, folder / "said", seed=1, steps=30)
    for line in (folder / "said").read_text().splitlines():
        if line.startswith("kept "):
            known.learn(line.split(" ")[1:])
    assert look(place, known) == Findings()
    return folder / "place", known


@pytest.fixture
def treated(treated_once: tuple[Path, Known], tmp_path: Path) -> tuple[Place, Known]:
    shutil.copytree(treated_once[0], tmp_path / "place")
    return Place.embedded(tmp_path / "place"), deepcopy(treated_once[1])


@pytest.mark.parametrize(
    ("sql", "kind"),
    [
        ("UPDATE fractions SET version = version - 1 WHERE number = 1 AND version > 1", "lost"),
        ("DELETE FROM matches WHERE rowid = 1", "half"),
        ("DELETE FROM deliveries WHERE rowid = 2", "half"),
        ("DELETE FROM fraction_steps WHERE rowid = 1", "half"),
        ("UPDATE fractions SET memory = '{}'", "half"),
        ("UPDATE images SET dose = NULL", "half"),
        ("DELETE FROM audit_entries WHERE seq = 7", "broken"),
    ],
)
def test_the_one_who_looks_sees_what_is_lost_half_or_broken(
    treated: tuple[Place, Known], sql: str, kind: str
) -> None:
    place, known = treated
    with closing(Database(place)) as database, database.changing() as connection:
        assert connection.execute(text(sql)).rowcount > 0
    assert getattr(look(place, known), kind)


def test_the_one_who_looks_sees_a_lost_image(treated: tuple[Place, Known]) -> None:
    place, known = treated
    store = ImageStore(place.images)
    store.path_of(store.hashes()[0]).unlink()
    assert look(place, known).lost


def test_every_connection_waits_until_the_disk_has_what_it_wrote(tmp_path: Path) -> None:
    """SQLite, PRAGMA synchronous: FULL (2) in WAL mode flushes the log after each transaction."""
    place = made(tmp_path)
    with closing(Database(place)) as database, database.reading() as first, database.reading() as second:
        for connection in (first, second):
            assert connection.execute(text("PRAGMA synchronous")).scalar() == 2
            assert connection.execute(text("PRAGMA journal_mode")).scalar() == "wal"


@pytest.fixture(scope="module")
def witness(tmp_path_factory: pytest.TempPathFactory) -> Witness:
    """Who saw 12 steps; the log was not brought into the database on the way, so every step stands in it."""
    seen = Witness(tmp_path_factory.mktemp("witness"))
    seen.work(12)
    assert seen.ends == sorted(seen.ends)
    return seen


def test_a_log_cut_anywhere_keeps_what_was_acknowledged_before_and_no_half_step(
    witness: Witness, tmp_path: Path
) -> None:
    """A power cut ends the log at or behind what was flushed: acknowledged steps are in front of that.

    Where it ends earlier, as after a disk that lied, the records are those of an earlier moment, whole.
    """
    kept = set()
    for cut in cuts(witness.ends, by_chance=10):
        acknowledged, found = look_after(cut, witness, tmp_path)
        assert found == Findings(), cut
        kept.add(acknowledged)
    assert len(kept) > 10


@pytest.fixture(scope="module")
def traced(tmp_path_factory: pytest.TempPathFactory) -> tuple[Disk, list[Call]]:
    if shutil.which("strace") is None:
        pytest.skip("strace, which writes down what reaches the disk, is not installed")
    disk = Disk(tmp_path_factory.mktemp("traced"))
    return disk, disk.trace(steps=10)


def test_when_a_step_is_acknowledged_the_disk_has_it_whatever_happens_to_what_was_not_flushed(
    traced: tuple[Disk, list[Call]], tmp_path: Path
) -> None:
    disk, calls = deepcopy(traced[0]), traced[1]
    chance, told = random.Random(6), 0
    for call in calls:
        is_told = disk.do(call)
        told += is_told
        assert disk.is_log_named or not told
        # A power cut at every acknowledgement, and at some other moments.
        if is_told or chance.random() < 0.1:
            assert disk.look_after_power_cut(tmp_path / "left", chance) == Findings(), call
    assert told >= 10


def test_a_disk_that_only_says_it_flushed_loses_what_was_acknowledged(
    traced: tuple[Disk, list[Call]], tmp_path: Path
) -> None:
    """So the test before can fail; and what is left is an earlier moment, or says that it is damaged."""
    disk, lost = deepcopy(traced[0]), 0
    for call in traced[1]:
        is_flush = call.name in ("fsync", "fdatasync")
        if not is_flush and disk.do(call):
            lost += bool(disk.look_after_power_cut(tmp_path / "left", random.Random(6)).lost)
    assert lost > 0
