"""Backing up the records while others work, and restoring them into either database.

Rows are read in one transaction, so they are those of one moment, whatever is written meanwhile; an image is
in its store before a row refers to it, so all of them are there. The folder of a backup appears by a rename
when everything in it is on the disk, and is never changed afterwards. Of a backup that was killed there
remain a folder that ends in ``.part``, which nobody reads, and whole images, which the next one uses. The
files are those of :mod:`isoguide.records.backup_format`.
"""

import os
import re
import secrets
import shutil
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, insert, select

from isoguide.errors import InputError, OutputError, UnreadableError
from isoguide.progress import Progress, part_of, silent
from isoguide.records.audit import AuditHead
from isoguide.records.backup_format import (
    IMAGE_FOLDER,
    MANIFEST,
    ROWS,
    TABLES,
    Manifest,
    damaged,
    read_checked,
    read_rows,
    sha256_of_file,
    write_lists,
    write_rows,
)
from isoguide.records.connection import Database
from isoguide.records.image_store import ImageStore, sync_folder
from isoguide.records.place import Place
from isoguide.records.schema import exists, require_current, upgrade
from isoguide.records.verification import verify

_BACKUP_NAME: Final = re.compile(r"[0-9]{12}-[0-9a-f]{12}")


@dataclass(frozen=True, slots=True)
class BackupReport:
    """What a backup holds.

    ``head`` is the newest entry of its audit, ``rows`` counts all tables, ``copied`` is how many of the
    images were missing where they went.
    """

    folder: Path
    head: AuditHead
    rows: int
    images: int
    copied: int


def backups(target: Path) -> tuple[Path, ...]:
    """Return the folders of all backups in a target, the newest last; they are not checked."""
    if not target.is_dir():
        return ()
    return tuple(sorted(path for path in target.iterdir() if _BACKUP_NAME.fullmatch(path.name)))


def back_up(place: Place, target: Path, *, progress: Progress = silent) -> BackupReport:
    """Back up the records of a place while others go on working, and leave earlier backups as they are.

    Parameters
    ----------
    place
        Of the records.
    target
        Folder of the backups, best on another disk; made when it does not exist.
    progress
        Told how far it is.

    Raises
    ------
    UnreadableError
        If the records are damaged, were changed past the audit, or an image is missing or damaged.
    OutputError
        If the target cannot be written; no new backup is there then.
    InputError
        If the records are of another version of isoguide.
    """
    with closing(Database(place)) as database:
        require_current(database)
        with _staging(target) as staging:
            with database.reading() as connection:
                head = _verified_head(connection, f"the records in {place}", part_of(progress, 0.0, 0.3))
                rows, hashes = write_rows(connection, staging / ROWS, part_of(progress, 0.3, 0.6))
            images, kept = ImageStore(place.images), ImageStore(target / IMAGE_FOLDER)
            copied = kept.take(images, hashes, progress=part_of(progress, 0.6, 1.0))
            manifest = Manifest(head, rows, len(hashes))
            write_lists(staging, manifest, hashes)
            folder = target / f"{head.seq:012d}-{sha256_of_file(staging / ROWS)[:12]}"
            _publish(staging, folder)
    return _report(folder, manifest, copied)


def check_backup(source: Path, *, progress: Progress = silent) -> BackupReport:
    """Read every file of a backup and compare it with its hash.

    Raises
    ------
    UnreadableError
        If a file is damaged or missing, naming it.
    InputError
        If it is of another version of isoguide.
    """
    manifest, _hashes = read_checked(source, progress)
    return _report(source, manifest, 0)


def restore(source: Path, place: Place, *, progress: Progress = silent) -> BackupReport:
    """Put the records of a backup into an empty place, of the same kind of database or of the other.

    Every file is checked before anything is written. The rows appear in one transaction, after the audit was
    verified in it, its head found to be that of the backup, and all images brought to their store.

    Parameters
    ----------
    source
        Folder of one backup, see :func:`backups`.
    place
        Where to: a database without rows, or none yet.
    progress
        Told how far it is.

    Raises
    ------
    UnreadableError
        If the backup is damaged, naming the file.
    InputError
        If the place has records already, or the backup is of another version of isoguide.
    OutputError
        If the place cannot be written. In all cases there are no records in it afterwards that were not there
        before.
    """
    _require_empty(place)
    manifest, hashes = read_checked(source, part_of(progress, 0.0, 0.3))
    with _undone_on_failure(place), closing(Database(place)) as database:
        upgrade(place)
        with database.changing() as connection:
            _require_no_rows(connection, place)
            _add_rows(connection, source, manifest, part_of(progress, 0.3, 0.5))
            what = f"the records in the backup {source}"
            if _verified_head(connection, what, part_of(progress, 0.5, 0.7)) != manifest.head:
                raise damaged(source / MANIFEST, "it names another entry as the newest of the audit")
            images = part_of(progress, 0.7, 1.0)
            copied = ImageStore(place.images).take(
                ImageStore(source.parent / IMAGE_FOLDER), hashes, progress=images
            )
    return _report(source, manifest, copied)


def _verified_head(connection: Connection, what: str, progress: Progress) -> AuditHead:
    report = verify(connection, progress=progress)
    if not report.is_intact:
        more = f" and {len(report.findings) - 1} more" if len(report.findings) > 1 else ""
        msg = f"{what} are not what was recorded ({report.findings[0]}{more}): restore the last good backup"
        raise UnreadableError(msg)
    return report.head


def _report(folder: Path, manifest: Manifest, copied: int) -> BackupReport:
    return BackupReport(folder, manifest.head, sum(manifest.rows.values()), manifest.images, copied)


@contextmanager
def _staging(target: Path) -> Iterator[Path]:
    """Give an empty folder in ``target`` that is gone afterwards, unless it got another name."""
    staging = target / f"{secrets.token_hex(8)}.part"
    try:
        staging.mkdir(parents=True)
        yield staging
    except OSError as error:
        reason = error.strerror or error
        msg = f"cannot write a backup to {target} ({reason}): make room, or name another folder"
        raise OutputError(msg) from error
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def _publish(staging: Path, folder: Path) -> None:
    """Give the folder its name; where nothing was written since the last backup, that one stays."""
    files = sorted(path.name for path in staging.iterdir())
    if folder.exists():
        for name in files:
            if sha256_of_file(staging / name) != sha256_of_file(folder / name):
                raise damaged(folder / name, "it is not what it was")
        return
    for name in files:
        with (staging / name).open("rb+") as file:
            os.fsync(file.fileno())
    sync_folder(staging)
    staging.rename(folder)
    sync_folder(folder.parent)


def _require_empty(place: Place) -> None:
    if exists(place):
        with closing(Database(place)) as database:
            require_current(database)
            with database.reading() as connection:
                _require_no_rows(connection, place)


def _require_no_rows(connection: Connection, place: Place) -> None:
    if any(connection.execute(select(table).limit(1)).first() for table in TABLES.values()):
        msg = f"{place} holds records already, and a backup is never mixed with others: name an empty place"
        raise InputError(msg)


def _add_rows(connection: Connection, source: Path, manifest: Manifest, progress: Progress) -> None:
    done: Counter[str] = Counter(dict.fromkeys(TABLES, 0))
    for table, rows in read_rows(source / ROWS):
        progress(min(done.total() / sum(manifest.rows.values()), 1.0), "restoring rows")
        connection.execute(insert(table), rows)
        done[table.name] += len(rows)
    if done != manifest.rows:
        raise damaged(source / ROWS, f"it does not hold the rows that {MANIFEST} counts")


@contextmanager
def _undone_on_failure(place: Place) -> Iterator[None]:
    """Take the file of an embedded database away again that was not there before."""
    file = place.database_file
    was_there = file is None or file.exists()
    try:
        yield
    except BaseException:
        if file is not None and not was_there:
            for end in ("", "-wal", "-shm"):
                file.with_name(file.name + end).unlink(missing_ok=True)
        raise
