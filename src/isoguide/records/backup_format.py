"""How a backup lies on a disk: files that need no isoguide to be checked, and no database to be read.

::

    target/images/ab/cdef...              every image that a backup here refers to, shared by all of them
    target/000000001234-5f0c.../          one backup: number of the newest audit entry, hash of the rows
        SHA256SUMS                        of the two below and of each image; ``sha256sum -c SHA256SUMS``
        manifest.json                     version of the tables, head of the audit, how many rows and images
        records.jsonl.gz                  every row of every table, one a line: ["table", {column: value}]
"""

import gzip
import hashlib
import json
import re
import zlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, Table, func, select, tuple_

from isoguide.errors import InputError, UnreadableError
from isoguide.progress import Progress
from isoguide.records.audit import AuditHead
from isoguide.records.image_store import ImageStore
from isoguide.records.kept_images import images_of
from isoguide.records.model import Base
from isoguide.records.plain import Row, canonical_json
from isoguide.records.schema import VERSIONS

SUMS: Final = "SHA256SUMS"
MANIFEST: Final = "manifest.json"
ROWS: Final = "records.jsonl.gz"
IMAGE_FOLDER: Final = "images"
TABLES: Final = {table.name: table for table in Base.metadata.sorted_tables}
"""In an order in which rows can be added: what others refer to comes first."""
_FORMAT: Final = "isoguide backup 1"
_SUM_LINE: Final = re.compile(r"([0-9a-f]{64})  (\S+)")
_ROWS_AT_ONCE: Final = 1000


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a backup says it holds: ``rows`` by table, ``images`` how many files, ``head`` of the audit."""

    head: AuditHead
    rows: dict[str, int]
    images: int


def write_rows(connection: Connection, path: Path, progress: Progress) -> tuple[dict[str, int], set[str]]:
    """Write every row of every table, and return how many each table has and the images they refer to."""
    counts: Counter[str] = Counter(dict.fromkeys(TABLES, 0))
    hashes: set[str] = set()
    # Without the time, so that the same rows are the same file.
    with path.open("xb") as file, gzip.GzipFile("", "wb", compresslevel=3, fileobj=file, mtime=0) as packed:
        total = _count(connection)
        for table in TABLES.values():
            for rows in _batches(connection, table):
                progress(counts.total() / total, "writing rows")
                packed.write("".join(f"{canonical_json([table.name, row])}\n" for row in rows).encode())
                counts[table.name] += len(rows)
                hashes.update(*(images_of(table, row) for row in rows))
    return dict(counts), hashes


def _count(connection: Connection) -> int:
    numbers = (
        connection.execute(select(func.count()).select_from(table)).scalar() for table in TABLES.values()
    )
    return sum(number or 0 for number in numbers)


def _batches(connection: Connection, table: Table) -> Iterator[list[Row]]:
    """Page by the primary key: the driver of PostgreSQL would fetch a whole table into memory."""
    key = tuple_(*table.primary_key.columns)
    page = select(table).order_by(*table.primary_key.columns).limit(_ROWS_AT_ONCE)
    query = page
    while rows := [dict(row) for row in connection.execute(query).mappings()]:
        yield rows
        query = page.where(key > tuple_(*(rows[-1][column.name] for column in table.primary_key.columns)))


def read_rows(path: Path) -> Iterator[tuple[Table, list[Row]]]:
    """Return the rows in the order in which they were written, some of one table at a time.

    Raises
    ------
    UnreadableError
        If the file is not what it should be.
    """
    waiting: list[Row] = []
    table: Table | None = None
    try:
        with gzip.open(path, "rt", encoding="utf-8") as lines:
            for line in lines:
                name, row = json.loads(line)
                if (
                    waiting
                    and table is not None
                    and (TABLES[name] is not table or len(waiting) == _ROWS_AT_ONCE)
                ):
                    yield table, waiting
                    waiting = []
                table = TABLES[name]
                waiting.append(row)
    except (OSError, EOFError, ValueError, KeyError, TypeError, zlib.error) as error:
        raise damaged(path, str(error)) from error
    if table is not None and waiting:
        yield table, waiting


def write_lists(folder: Path, manifest: Manifest, hashes: set[str]) -> None:
    """Write the manifest and the list of hashes beside the rows."""
    content = {"format": _FORMAT, "tables": VERSIONS[-1], **asdict(manifest)}
    _write(folder / MANIFEST, json.dumps(content, indent=2, sort_keys=True) + "\n")
    lines = [f"{sha256_of_file(folder / name)}  {name}" for name in (MANIFEST, ROWS)]
    lines += [f"{name}  {image_line(name)}" for name in sorted(hashes)]
    _write(folder / SUMS, "\n".join([*lines, ""]))


def _write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8", newline="\n")


def read_checked(folder: Path, progress: Progress) -> tuple[Manifest, set[str]]:
    """Compare every file of a backup with its hash, and return the manifest and the hashes of the images.

    Raises
    ------
    UnreadableError
        If a file is missing or damaged, naming it.
    InputError
        If the backup is of another version of isoguide.
    """
    hashes = _read_sums(folder)
    manifest = _read_manifest(folder)
    if len(hashes) != manifest.images:
        raise damaged(folder / SUMS, f"it lists {len(hashes)} images, not {manifest.images}")
    store = ImageStore(folder.parent / IMAGE_FOLDER)
    for done, name in enumerate(sorted(hashes)):
        progress(done / len(hashes), "checking images")
        try:
            store.path_of(name)
        except UnreadableError as error:
            raise damaged(
                store.folder / name[:2] / name[2:], "its content is not what its name says"
            ) from error
    return manifest, hashes


def _read_sums(folder: Path) -> set[str]:
    """Check the two files that the list names, and return the hashes of the images that it lists."""
    path = folder / SUMS
    found = [_SUM_LINE.fullmatch(line) for line in _read(path).decode("utf-8", "replace").splitlines()]
    digests = {match[2]: match[1] for match in found if match}
    for name in (MANIFEST, ROWS):
        digest = digests.pop(name, "")
        if sha256_of_file(folder / name) != digest:
            raise damaged(folder / name, f"its hash is not that of {SUMS}")
    hashes = set(digests.values())
    if not all(found) or set(digests) != {image_line(name) for name in hashes}:
        raise damaged(path, "it holds lines that no backup has")
    return hashes


def _read_manifest(folder: Path) -> Manifest:
    path = folder / MANIFEST
    try:
        content = json.loads(_read(path))
        form, tables = content["format"], content["tables"]
        manifest = Manifest(AuditHead(**content["head"]), dict(content["rows"]), int(content["images"]))
    except (ValueError, KeyError, TypeError) as error:
        raise damaged(path, str(error)) from error
    if (form, tables) != (_FORMAT, VERSIONS[-1]):
        msg = (
            f"the backup {folder} is of another isoguide ({form}, version {tables} of the tables, not "
            f"{VERSIONS[-1]}): restore it with that one, then run isoguide db upgrade"
        )
        raise InputError(msg)
    return manifest


def image_line(sha256: str) -> str:
    """Return where an image lies, seen from the folder of a backup."""
    return f"../{IMAGE_FOLDER}/{sha256[:2]}/{sha256[2:]}"


def sha256_of_file(path: Path) -> str:
    """Return the SHA-256 of a file.

    Raises
    ------
    UnreadableError
        If it cannot be read.
    """
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise damaged(path, str(error.strerror)) from error


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise damaged(path, str(error.strerror)) from error


def damaged(path: Path, why: str) -> UnreadableError:
    """Return what is said about a file of a backup that cannot be trusted."""
    return UnreadableError(
        f"{path} of the backup is damaged ({why}), so nothing is restored: use another backup"
    )
