"""Backups are proven by restoring them: on both databases, from one to the other, and while others write."""

import gzip
import hashlib
import json
import shutil
import subprocess
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest
from kill_campaign import Known, differences, look
from kill_worker import Worker, add_course, furnish, run, utc_now
from sqlalchemy import text
from test_image_store import files_no_larger_than

from isoguide.errors import Cancelled, InputError, OutputError, UnreadableError
from isoguide.records import AuditHead, Place, open_records, upgrade
from isoguide.records.backup import BackupReport, back_up, backups, check_backup, restore
from isoguide.records.connection import Database
from isoguide.records.image_store import ImageStore
from isoguide.records.model import Base
from isoguide.records.schema import exists

STEPS = 30
"""Of all courses together: several fractions of each, the last ones unfinished."""


@pytest.fixture
def kept(place: Place, tmp_path: Path) -> Place:
    """Records of three courses, on either database."""
    return fill(place, tmp_path)


@pytest.fixture
def target(empty_place: Place, tmp_path: Path) -> Place:
    """Where to restore, on either database."""
    if empty_place.database_file is not None:
        return Place.embedded(tmp_path / "restored")
    return Place(empty_place.database_url, tmp_path / "restored images")


@pytest.fixture(scope="module")
def small_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of records in "small", with what fits into a few steps, and of their backup in "backups"."""
    folder = tmp_path_factory.mktemp("once")
    place = Place.embedded(folder / "small")
    upgrade(place)
    back_up(fill(place, folder, steps=12), folder / "backups")
    return folder


@pytest.fixture
def small(small_once: Path, tmp_path: Path) -> Place:
    shutil.copytree(small_once / "small", tmp_path / "small")
    return Place.embedded(tmp_path / "small")


@pytest.fixture
def backup(small_once: Path, tmp_path: Path) -> Path:
    """The backup of the small place, in a target of its own."""
    shutil.copytree(small_once / "backups", tmp_path / "backups")
    (folder,) = backups(tmp_path / "backups")
    return folder


def fill(place: Place, tmp_path: Path, steps: int = STEPS) -> Place:
    furnish(place)
    run(place, tmp_path / "said", seed=1, steps=steps)
    return place


def go_on(place: Place, tmp_path: Path, steps: int) -> None:
    run(place, tmp_path / "said", seed=2, steps=steps)


def everything_in(place: Place) -> dict[str, list[tuple[object, ...]]]:
    """Every row of every table."""
    with closing(Database(place)) as database, database.reading() as connection:
        return {
            table.name: sorted((tuple(row) for row in connection.execute(table.select())), key=repr)
            for table in Base.metadata.sorted_tables
        }


def has_records(place: Place) -> bool:
    return exists(place) and any(everything_in(place).values())


def change(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def forge(folder: Path, name: str, content: bytes) -> None:
    """Change a file of a backup, and its hash with it."""
    (folder / name).write_bytes(content)
    sums = (folder / "SHA256SUMS").read_text().splitlines()
    digest = hashlib.sha256(content).hexdigest()
    lines = [f"{digest}  {name}" if line.endswith(f"  {name}") else line for line in sums]
    (folder / "SHA256SUMS").write_text("\n".join([*lines, ""]))


def forge_rows(folder: Path, edit: Callable[[list[str]], list[str]]) -> None:
    lines = gzip.decompress((folder / "records.jsonl.gz").read_bytes()).decode().splitlines(keepends=True)
    forge(folder, "records.jsonl.gz", gzip.compress("".join(edit(lines)).encode()))


def forge_manifest(folder: Path, **changes: object) -> None:
    manifest = json.loads((folder / "manifest.json").read_text()) | changes
    forge(folder, "manifest.json", json.dumps(manifest).encode())


def is_refused(folder: Path, tmp_path: Path, error: type[Exception], words: str) -> None:
    """Nothing is restored, and the sentence says why."""
    place = Place.embedded(tmp_path / "restored")
    with pytest.raises(error, match=words):
        restore(folder, place)
    assert not has_records(place)


def test_what_is_restored_is_what_was_there(kept: Place, target: Place, tmp_path: Path) -> None:
    """Either database into either database: rows, audit and images; and the restored records go on."""
    with open_records(kept, clock=utc_now) as records:
        head = records.audit_head()
    report = back_up(kept, tmp_path / "backups")
    assert restore(report.folder, target) == report
    assert everything_in(target) == everything_in(kept)
    assert ImageStore(target.images).verify(ImageStore(kept.images).hashes()) == ()
    with open_records(target, clock=utc_now) as records:
        assert records.audit_head() == report.head == head
        assert records.verify_audit(head).is_intact
        fractions = [
            records.fraction(line.course_id, one.key.number)
            for line in records.courses()
            for one in records.course(line.course_id).fractions
        ]
    assert len(fractions) >= 3
    assert [found for fraction in fractions for found in differences(fraction)] == []
    before = len(everything_in(target)["audit_entries"])
    go_on(target, tmp_path, steps=3)
    assert len(everything_in(target)["audit_entries"]) >= before + 3


def test_a_backup_taken_while_four_stations_write_is_of_one_moment(place: Place, tmp_path: Path) -> None:
    furnish(place)
    with open_records(place, clock=utc_now) as records:
        store = ImageStore(place.images)
        courses = [add_course(records, store, number) for number in range(11, 15)]
    heads: list[AuditHead] = []
    with ThreadPoolExecutor(4) as stations:
        workers = [Worker(place, tmp_path / course, seed=3, only=course) for course in courses]
        jobs = [stations.submit(worker.work, 10) for worker in workers]
        while not all(job.done() for job in jobs):
            heads.append(back_up(place, tmp_path / "backups").head)
        for job in jobs:
            job.result()
    taken = backups(tmp_path / "backups")
    assert len(set(heads)) == len(taken) > 1
    with open_records(place, clock=utc_now) as records:
        assert all(records.verify_audit(head).is_intact for head in heads)
    # In the middle of it: the chain was verified, now everything is compared with what its version needs.
    middle = taken[len(taken) // 2]
    restored = Place.embedded(tmp_path / "restored")
    restore(middle, restored)
    known = Known()
    found = look(restored, known)
    assert [sentence for sentence in found.half if "nobody was told of" not in sentence] == []
    assert (found.lost, found.broken) == ([], [])
    assert ImageStore(restored.images).verify(known.images) == ()
    assert set(courses) <= known.courses


def test_a_backup_without_changes_is_the_one_that_is_there(small: Place, tmp_path: Path) -> None:
    first = back_up(small, tmp_path / "backups")
    second = back_up(small, tmp_path / "backups")
    assert first.copied == first.images == len(ImageStore(small.images).hashes())
    assert second == BackupReport(first.folder, first.head, first.rows, first.images, copied=0)
    assert backups(tmp_path / "backups") == (first.folder,)


def test_later_backups_copy_only_new_images_and_leave_earlier_ones_alone(
    small: Place, tmp_path: Path
) -> None:
    first, before = back_up(small, tmp_path / "backups"), everything_in(small)
    go_on(small, tmp_path, steps=25)
    second = back_up(small, tmp_path / "backups")
    assert 0 < second.copied == second.images - first.images
    assert backups(tmp_path / "backups") == (first.folder, second.folder)
    old = Place.embedded(tmp_path / "old")
    restore(first.folder, old)
    assert everything_in(old) == before


def test_a_backup_of_empty_records_is_one(tmp_path: Path) -> None:
    place = Place.embedded(tmp_path / "empty")
    upgrade(place)
    report = back_up(place, tmp_path / "backups")
    assert (report.rows, report.images, report.head.seq) == (0, 0, 0)
    restored = Place.embedded(tmp_path / "restored")
    assert restore(report.folder, restored) == report
    assert not has_records(restored)


def test_anybody_can_check_a_backup_without_isoguide(backup: Path) -> None:
    """GNU coreutils: sha256sum --check."""
    program = shutil.which("sha256sum")
    if program is None:
        pytest.skip("sha256sum is not installed")
    command = [program, "--check", "--strict", "--quiet", "SHA256SUMS"]
    assert subprocess.run(command, cwd=backup, check=False).returncode == 0
    change(backup / "manifest.json")
    assert subprocess.run(command, cwd=backup, check=False, capture_output=True).returncode != 0


@pytest.mark.parametrize("name", ["SHA256SUMS", "manifest.json", "records.jsonl.gz"])
@pytest.mark.parametrize("damage", [change, Path.unlink, lambda path: path.write_bytes(b"")])
def test_a_damaged_backup_restores_nothing_and_names_the_file(
    backup: Path, tmp_path: Path, name: str, damage: Callable[[Path], object]
) -> None:
    damage(backup / name)
    # Where the list itself is damaged, what it lists is not what it says.
    named = r"\S+" if name == "SHA256SUMS" else name
    is_refused(backup, tmp_path, UnreadableError, rf"backups/\S+/{named} of the backup is damaged \(.+\), so")
    with pytest.raises(UnreadableError, match="is damaged"):
        check_backup(backup)


@pytest.mark.parametrize("damage", [change, Path.unlink])
def test_a_damaged_image_restores_nothing_and_is_named(
    backup: Path, tmp_path: Path, damage: Callable[[Path], object]
) -> None:
    image = sorted((backup.parent / "images").rglob("*/*"))[-1]
    assert check_backup(backup).copied == 0
    damage(image)
    is_refused(backup, tmp_path, UnreadableError, f"{image} of the backup is damaged")
    assert not (tmp_path / "restored").exists()


@pytest.mark.parametrize(
    "line", ["", "no hash", f"{'0' * 64}  ../images/00/{'1' * 62}", f"{'0' * 64}  /etc/passwd"]
)
def test_a_list_of_hashes_with_other_lines_is_damaged(backup: Path, tmp_path: Path, line: str) -> None:
    sums = backup / "SHA256SUMS"
    sums.write_text(sums.read_text() + line + "\n")
    is_refused(backup, tmp_path, UnreadableError, "SHA256SUMS of the backup is damaged .it holds lines")


def test_a_list_of_hashes_that_lacks_an_image_is_damaged(backup: Path, tmp_path: Path) -> None:
    sums = backup / "SHA256SUMS"
    sums.write_text("".join(sums.read_text().splitlines(keepends=True)[:-1]))
    is_refused(backup, tmp_path, UnreadableError, "SHA256SUMS of the backup is damaged .it lists")


def test_rows_changed_together_with_their_hash_are_refused_by_the_audit(backup: Path, tmp_path: Path) -> None:
    def edit(lines: list[str]) -> list[str]:
        return [line.replace("LINAC 1", "LINAC 2") if '["courses"' in line else line for line in lines]

    forge_rows(backup, edit)
    is_refused(backup, tmp_path, UnreadableError, "not what was recorded .courses: the row course_id C0001")


def test_a_backup_without_its_newest_entry_is_refused_by_the_head(backup: Path, tmp_path: Path) -> None:
    forge_manifest(backup, head={"seq": 1, "sha256": "0" * 64})
    is_refused(
        backup, tmp_path, UnreadableError, r"manifest\.json of the backup is damaged .*newest of the audit"
    )


@pytest.mark.parametrize(
    ("edit", "words"),
    [
        (lambda lines: lines[:-1], "does not hold the rows"),
        (lambda lines: [*lines, "[1"], "delimiter"),
        (lambda lines: [*lines, '["wards", {}]\n'], "wards"),
        (lambda lines: [*lines, "7\n"], "unpack"),
    ],
)
def test_rows_that_are_none_are_refused(
    backup: Path, tmp_path: Path, edit: Callable[[list[str]], list[str]], words: str
) -> None:
    forge_rows(backup, edit)
    is_refused(backup, tmp_path, UnreadableError, rf"records\.jsonl\.gz of the backup is damaged \(.*{words}")


def test_rows_that_end_in_the_middle_are_refused(backup: Path, tmp_path: Path) -> None:
    forge(backup, "records.jsonl.gz", (backup / "records.jsonl.gz").read_bytes()[:-20])
    is_refused(backup, tmp_path, UnreadableError, r"records\.jsonl\.gz of the backup is damaged")


@pytest.mark.parametrize("content", [b"{", b"[]", b'{"format": "isoguide backup 1"}'])
def test_a_manifest_that_is_none_is_refused(backup: Path, tmp_path: Path, content: bytes) -> None:
    forge(backup, "manifest.json", content)
    is_refused(backup, tmp_path, UnreadableError, r"manifest\.json of the backup is damaged")


@pytest.mark.parametrize("changes", [{"tables": "9999"}, {"format": "isoguide backup 2"}])
def test_a_backup_of_another_version_says_so(backup: Path, tmp_path: Path, changes: dict[str, str]) -> None:
    forge_manifest(backup, **changes)
    is_refused(backup, tmp_path, InputError, "is of another isoguide .*restore it with that one")


def test_a_folder_that_is_no_backup_is_refused(tmp_path: Path) -> None:
    assert backups(tmp_path / "nowhere") == ()
    is_refused(
        tmp_path / "nowhere", tmp_path, UnreadableError, "SHA256SUMS of the backup is damaged .No such file"
    )


def test_records_are_never_restored_over_others(backup: Path, small: Place) -> None:
    before = everything_in(small)
    with pytest.raises(InputError, match=r"holds records already, .* name an empty place"):
        restore(backup, small)
    assert everything_in(small) == before


def test_records_that_were_changed_are_not_backed_up_and_the_last_good_backup_stays(
    small: Place, backup: Path
) -> None:
    with closing(Database(small)) as database, database.changing() as connection:
        connection.execute(text("UPDATE images SET model = 'other'"))
        connection.execute(text("UPDATE fraction_steps SET detail = ''"))
    with pytest.raises(UnreadableError, match=r"not what was recorded \(.* and \d+ more\): restore the last"):
        back_up(small, backup.parent)
    assert backups(backup.parent) == (backup,)
    assert check_backup(backup).folder == backup


def test_a_missing_image_leaves_no_backup(small: Place, tmp_path: Path) -> None:
    store = ImageStore(small.images)
    store.path_of(store.hashes()[0]).unlink()
    with pytest.raises(UnreadableError, match="is missing: restore it from the backup"):
        back_up(small, tmp_path / "backups")
    assert [path.name for path in (tmp_path / "backups").iterdir() if path.name != "images"] == []


def test_a_full_disk_leaves_no_backup(small: Place, tmp_path: Path) -> None:
    with files_no_larger_than(40_000), pytest.raises(OutputError, match="make room"):
        back_up(small, tmp_path / "backups")
    assert [path for path in (tmp_path / "backups").rglob("*") if path.is_file()] == []


def test_a_target_that_is_a_file_is_refused(small: Place, tmp_path: Path) -> None:
    (tmp_path / "backups").write_bytes(b"")
    with pytest.raises(OutputError, match="cannot write a backup to"):
        back_up(small, tmp_path / "backups")


def test_a_changed_backup_is_not_taken_for_the_one_that_is_asked_for(small: Place, backup: Path) -> None:
    change(backup / "manifest.json")
    with pytest.raises(UnreadableError, match=r"manifest\.json of the backup is damaged"):
        back_up(small, backup.parent)


def stopped_at(call: int) -> Callable[[float, str], None]:
    left = iter(range(call))

    def progress(_fraction: float, _step: str) -> None:
        if next(left, None) is None:
            raise Cancelled

    return progress


def test_a_backup_that_is_stopped_leaves_none(small: Place, tmp_path: Path) -> None:
    for call in range(100):
        try:
            report = back_up(small, tmp_path / "backups", progress=stopped_at(call))
            break
        except Cancelled:
            assert [path for path in (tmp_path / "backups").iterdir() if path.name != "images"] == []
    assert call > 5
    assert check_backup(report.folder).head == report.head


def test_a_restoration_that_is_stopped_leaves_no_records_and_can_be_repeated(
    backup: Path, target: Place
) -> None:
    for call in range(0, 100, 4):
        try:
            report = restore(backup, target, progress=stopped_at(call))
            break
        except Cancelled:
            assert not has_records(target)
    assert call > 10
    with open_records(target, clock=utc_now) as records:
        assert records.verify_audit(report.head).is_intact
