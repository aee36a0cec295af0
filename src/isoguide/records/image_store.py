"""Image files as they came, each under the SHA-256 of its content: what is in the store cannot change unseen.

A file lies under ``ab/cdef...``, the 64 hexadecimal digits of its hash after the second one parted. It is
written under a temporary name, flushed to the disk and renamed, and the folder that names it is flushed too:
once :meth:`ImageStore.add` has returned, neither a killed process nor a power cut takes the file away. A
writer that is killed leaves at most files that end in ``.part``: they are never read, and may be deleted
while nobody writes.
"""

import hashlib
import io
import os
import re
import secrets
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, Final

from isoguide.errors import InputError, OutputError, UnreadableError
from isoguide.progress import Progress, silent

_DIGEST: Final = re.compile(r"[0-9a-f]{64}")
_TEMPORARY: Final = ".part"
_CHUNK_BYTES: Final = 1 << 20
_AT_ONCE: Final = 100
"""Images that are copied before their folders are flushed."""


class ImageStore:
    """Files by the hash of their content; any number of processes may write to one folder at once.

    Parameters
    ----------
    folder
        Where the files lie; made when the first one comes.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def add(self, path: Path) -> str:
        """Keep a copy of a file, byte by byte, and return the SHA-256 of its content.

        Raises
        ------
        UnreadableError
            If the file cannot be read.
        OutputError
            If the store cannot be written, or the disk is full; the store is as it was.
        """
        return self.add_all([path])[0]

    def add_all(self, paths: Sequence[Path]) -> tuple[str, ...]:
        """Keep copies of all files, or of none where one of them fails; see :meth:`add`."""
        return self._keep([_Source(path) for path in paths])

    def add_bytes(self, content: bytes) -> str:
        """Keep ``content`` as a file; see :meth:`add`."""
        return self._keep([_Source(content)])[0]

    def take(self, other: "ImageStore", hashes: Iterable[str], *, progress: Progress = silent) -> int:
        """Copy those images of another store that are missing here, and return how many there were.

        Raises
        ------
        UnreadableError
            If one of them is missing there, or was changed; see :meth:`path_of`.
        OutputError
            If this store cannot be written, or the disk is full.
        """
        missing = [name for name in sorted(set(hashes)) if not self.has(name)]
        for start in range(0, len(missing), _AT_ONCE):
            progress(start / len(missing), "copying images")
            self.add_all([other.path_of(name) for name in missing[start : start + _AT_ONCE]])
        return len(missing)

    def has(self, sha256: str) -> bool:
        """Whether a file of that hash is there; :meth:`path_of` says whether it is whole.

        Raises
        ------
        InputError
            If ``sha256`` is not the 64 lower-case digits of a hash.
        """
        return self._place(sha256).is_file()

    def path_of(self, sha256: str) -> Path:
        """Return where the file lies, after its content was read and found to be what the hash says.

        Raises
        ------
        InputError
            If ``sha256`` is not the 64 lower-case digits of a hash.
        UnreadableError
            If the file is missing, cannot be read or was changed.
        """
        finding = self._finding(sha256)
        if finding:
            raise UnreadableError(finding)
        return self._place(sha256)

    def hashes(self) -> tuple[str, ...]:
        """Return the hashes of all files, sorted; their content is not read."""
        return tuple(sorted(name for _, name in self._entries() if name))

    def verify(self, expected: Iterable[str] = (), *, progress: Progress = silent) -> tuple[str, ...]:
        """Read every file, and say in a sentence each which are damaged, missing or do not belong here.

        Parameters
        ----------
        expected
            Hashes that have to be there.
        """
        entries = self._entries()
        findings = [
            f"{path} is no file of the image store: move it away" for path, name in entries if not name
        ]
        names = sorted({name for _, name in entries if name} | set(expected))
        for done, name in enumerate(names):
            progress(done / len(names), "reading images")
            findings.append(self._finding(name))
        return tuple(finding for finding in findings if finding)

    def _keep(self, sources: Sequence["_Source"]) -> tuple[str, ...]:
        temporaries: list[Path] = []
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            digests = []
            for source in sources:
                temporaries.append(self.folder / f"{secrets.token_hex(16)}{_TEMPORARY}")
                digests.append(source.copy_to(temporaries[-1]))
            self._name(temporaries, digests)
        except OSError as error:
            msg = (
                f"cannot write to the image store {self.folder} ({error.strerror or error}): "
                "make room or make it writable, and try again"
            )
            raise OutputError(msg) from error
        finally:
            for temporary in temporaries:
                with suppress(OSError):
                    temporary.unlink(missing_ok=True)
        return tuple(digests)

    def _name(self, temporaries: Sequence[Path], digests: Sequence[str]) -> None:
        """Rename what is safely on the disk, then make the names as safe as the content."""
        folders = set()
        for temporary, digest in zip(temporaries, digests, strict=True):
            place = self._place(digest)
            place.parent.mkdir(exist_ok=True)
            # A file that is there already is read: the sender will be told that the image is kept.
            if not place.exists() or self._finding(digest):
                temporary.replace(place)
            folders.add(place.parent)
        # Also where nothing was renamed: who renamed it may not have come as far as this.
        for folder in (*sorted(folders), self.folder, self.folder.parent):
            sync_folder(folder)

    def _place(self, sha256: str) -> Path:
        if not _DIGEST.fullmatch(sha256):
            msg = f"'{sha256}' is not a SHA-256: images are asked for by 64 lower-case hexadecimal digits"
            raise InputError(msg)
        return self.folder / sha256[:2] / sha256[2:]

    def _finding(self, sha256: str) -> str:
        path = self._place(sha256)
        remedy = "restore it from the backup"
        try:
            with path.open("rb") as file:
                is_whole = hashlib.file_digest(file, "sha256").hexdigest() == sha256
        except FileNotFoundError:
            return f"the image {path} is missing: {remedy}"
        except OSError as error:
            return f"the image {path} cannot be read ({error.strerror or error}): {remedy}"
        return "" if is_whole else f"the image {path} was changed, its content is not what it was: {remedy}"

    def _entries(self) -> list[tuple[Path, str]]:
        """Every file with its hash; the hash is empty where the name is not one."""
        if not self.folder.is_dir():
            return []
        found = []
        for path in sorted(self.folder.rglob("*")):
            name = "".join(path.relative_to(self.folder).parts)
            is_kept = _DIGEST.fullmatch(name) and self._place(name) == path
            is_leftover = path.suffix == _TEMPORARY and path.parent == self.folder
            if not path.is_dir() and not is_leftover:
                found.append((path, name if is_kept else ""))
        return found


class _Source:
    """Where content comes from, so that a file that cannot be read is told from a store that is full."""

    def __init__(self, origin: Path | bytes) -> None:
        self._origin = origin

    def copy_to(self, target: Path) -> str:
        """Write the content to a new file, flushed to the disk, and return its SHA-256."""
        digest = hashlib.sha256()
        with self._opened() as source, target.open("xb") as file:
            while chunk := self._read(source):
                digest.update(chunk)
                file.write(chunk)
            file.flush()
            os.fsync(file.fileno())
        return digest.hexdigest()

    def _opened(self) -> BinaryIO:
        if isinstance(self._origin, bytes):
            return io.BytesIO(self._origin)
        try:
            return self._origin.open("rb")
        except OSError as error:
            raise self._unreadable(error) from error

    def _read(self, source: BinaryIO) -> bytes:
        try:
            return source.read(_CHUNK_BYTES)
        except OSError as error:
            raise self._unreadable(error) from error

    def _unreadable(self, error: OSError) -> UnreadableError:
        reason = error.strerror or error
        return UnreadableError(
            f"{self._origin!s} cannot be read ({reason}), so it was not stored: send it again"
        )


def sync_folder(folder: Path) -> None:
    """Flush the names in a folder; Windows has no such call, its file system keeps a journal of names."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
