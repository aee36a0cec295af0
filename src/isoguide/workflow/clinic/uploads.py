"""Files that a browser sends: into a private folder under names of our own, for one person, for a while."""

import os
import re
import secrets
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import BinaryIO, Final

from isoguide.errors import InputError, IsoguideError, MissingEvidenceError, OutputError, UnknownNameError
from isoguide.workflow.inspect import inspect_path

_ROOT: Final = "isoguide-uploads-"
_LEFT_BEHIND_S: Final = 86_400.0
"""A root in which nothing came or went for a day holds no upload that anybody could still use."""
_LONGEST_NAME: Final = 80
_UNNAMED: Final = "unnamed file"
_OWN_NAME: Final = re.compile(r"file-\d{6}")
"""How files are called here. Without the ending that they had, none is taken for a research format: a header
of those may name any other file of this computer as its data."""


@dataclass(frozen=True, slots=True)
class UploadLimits:
    """How much is taken.

    Parameters
    ----------
    files, total_bytes
        Of one upload: a planning export with a 4DCT has some 3000 files and 2 GB.
    per_person
        So many uploads of one person are kept; a further one takes the place of his oldest.
    kept
        After so long without use an upload goes away.
    """

    files: int = 20_000
    total_bytes: int = 8_000_000_000
    per_person: int = 4
    kept: timedelta = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Upload:
    """What was uploaded.

    Parameters
    ----------
    upload_id
        Names it; nobody can guess it.
    folder
        Where it lies.
    by
        Who uploaded it: only he may use it.
    files, total_bytes
        How much.
    items, problems
        What it holds and what is wrong with it, in plain words.
    expires_at
        When it goes away unless it is used.
    names
        How the files were called, by the names that they have here.
    """

    upload_id: str
    folder: Path
    by: str
    files: int
    total_bytes: int
    items: tuple[str, ...]
    problems: tuple[str, ...]
    expires_at: datetime
    names: dict[str, str] = field(repr=False)


class Uploads:
    """All uploads of a service, in one private folder that goes away with it; may be shared by threads.

    Parameters
    ----------
    limits
        How much is taken.
    now
        Says the time.
    """

    def __init__(self, limits: UploadLimits, now: Callable[[], datetime]) -> None:
        self.limits = limits
        self._now = now
        self._lock = threading.Lock()
        self._root: Path | None = None
        self._kept: dict[str, Upload] = {}
        self._used: set[str] = set()
        self._receiving: list[str] = []

    def close(self) -> None:
        """Remove everything."""
        with self._lock:
            root, self._root = self._root, None
            self._kept.clear()
        if root is not None:
            shutil.rmtree(root, ignore_errors=True)

    @contextmanager
    def receiving(self, by: str) -> Iterator["Receiver"]:
        """Yield what takes the files of a new upload; nothing stays of it unless it is kept in the block.

        Raises
        ------
        InputError
            If too many uploads of this person are coming in.
        """
        self._drop_old()
        with self._lock:
            folder = self._private_root() / secrets.token_hex(16)
            if self._receiving.count(by) >= self.limits.per_person:
                msg = f"{self.limits.per_person} uploads of {by} are coming in already: wait for one of them"
                raise InputError(msg)
            self._receiving.append(by)
        receiver = Receiver(folder, by, self.limits)
        try:
            folder.mkdir(mode=0o700, parents=True)
            yield receiver
        finally:
            receiver.end_file()
            with self._lock:
                self._receiving.remove(by)
                is_kept = folder.name in self._kept
            if not is_kept:
                shutil.rmtree(folder, ignore_errors=True)

    def _private_root(self) -> Path:
        if self._root is None:
            _remove_left_behind()
            self._root = Path(tempfile.mkdtemp(prefix=_ROOT))
        return self._root

    def keep(self, received: "Receiver") -> Upload:
        """Look into what was received and keep it, or say why not.

        Raises
        ------
        InputError
            If there is nothing in it that isoguide can use.
        """
        received.end_file()
        items, problems = _looked_into(received)
        upload = Upload(
            received.folder.name,
            received.folder,
            received.by,
            len(received.names),
            received.total_bytes,
            items,
            problems,
            self._now() + self.limits.kept,
            dict(received.names),
        )
        with self._lock:
            self._kept[upload.upload_id] = upload
        self._drop_oldest_of(upload.by)
        return upload

    def require(self, upload_id: str, by: str) -> Upload:
        """Return an upload of this person that nobody uses now.

        Raises
        ------
        UnknownNameError
            If there is none; that of somebody else is none.
        InputError
            If it is being used.
        """
        self._drop_old()
        with self._lock:
            upload = self._kept.get(upload_id)
            if upload is None or upload.by != by:
                msg = f"there is no such upload of {by}: it has expired or was used, so upload again"
                raise UnknownNameError(msg)
            self._require_unused(upload)
            return upload

    def take(self, upload_id: str, by: str) -> Upload:
        """Reserve an upload for one job; :meth:`give_back` ends that.

        Raises
        ------
        UnknownNameError, InputError
            As :meth:`require`.
        """
        upload = self.require(upload_id, by)
        with self._lock:
            self._require_unused(upload)
            self._used.add(upload_id)
        return upload

    def give_back(self, upload: Upload, *, was_used: bool) -> None:
        """End a reservation: what was used goes away, the rest can be used again until it expires."""
        with self._lock:
            self._used.discard(upload.upload_id)
        if was_used:
            self._remove(upload)

    def drop(self, upload_id: str, by: str) -> None:
        """Remove an upload.

        Raises
        ------
        UnknownNameError, InputError
            As :meth:`require`.
        """
        self._remove(self.require(upload_id, by))

    def _require_unused(self, upload: Upload) -> None:
        if upload.upload_id in self._used:
            msg = f"the upload of {upload.files} files is being used already: wait for that job"
            raise InputError(msg)

    def _drop_old(self) -> None:
        now = self._now()
        with self._lock:
            old = [
                one
                for one in self._kept.values()
                if one.expires_at <= now and one.upload_id not in self._used
            ]
        for one in old:
            self._remove(one)

    def _drop_oldest_of(self, by: str) -> None:
        with self._lock:
            own = [one for one in self._kept.values() if one.by == by and one.upload_id not in self._used]
        for one in own[: -self.limits.per_person]:
            self._remove(one)

    def _remove(self, upload: Upload) -> None:
        with self._lock:
            self._kept.pop(upload.upload_id, None)
        shutil.rmtree(upload.folder, ignore_errors=True)


class Receiver:
    """Takes the files of one upload, one after the other, as they come in.

    Parameters
    ----------
    folder
        Where they go.
    by
        Who sends them.
    limits
        How much is taken.
    """

    def __init__(self, folder: Path, by: str, limits: UploadLimits) -> None:
        self.folder, self.by = folder, by
        self.names: dict[str, str] = {}
        self.total_bytes = 0
        self._limits = limits
        self._file: BinaryIO | None = None

    def begin_file(self, name: str) -> None:
        """Begin a file; its name is only remembered, to be spoken of.

        Raises
        ------
        InputError
            If there are too many.
        """
        self.end_file()
        if len(self.names) >= self._limits.files:
            msg = f"the upload has more than {self._limits.files} files: choose the folder of one study"
            raise InputError(msg)
        own = f"file-{len(self.names) + 1:06d}"
        self.names[own] = _printable(name) or _UNNAMED
        try:
            self._file = (self.folder / own).open("xb")
        except OSError as error:
            raise _not_written(error) from error

    def write(self, chunk: bytes) -> None:
        """Add to the file.

        Raises
        ------
        InputError
            If the upload is too large.
        OutputError
            If it cannot be kept.
        """
        self.total_bytes += len(chunk)
        if self.total_bytes > self._limits.total_bytes:
            most_gb = self._limits.total_bytes / 1e9
            msg = f"the upload is larger than {most_gb:g} GB: choose the folder of one study"
            raise InputError(msg)
        if self._file is not None:
            try:
                self._file.write(chunk)
            except OSError as error:
                raise _not_written(error) from error

    def end_file(self) -> None:
        """End the file that was begun."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def spoken(self, sentences: Iterable[str]) -> tuple[str, ...]:
        """Return sentences with the names of the sender in place of our own paths."""
        return tuple(_with_names(one, self.folder, self.names) for one in sentences)


@contextmanager
def spoken_of(upload: Upload) -> Iterator[Path]:
    """Yield the folder; an error of the block speaks of the files by the names of the sender."""
    try:
        yield upload.folder
    except IsoguideError as error:
        error.args = (_with_names(str(error), upload.folder, upload.names),)
        raise


def _looked_into(received: Receiver) -> tuple[tuple[str, ...], tuple[str, ...]]:
    found = inspect_path(received.folder) if received.names else None
    if found is None or not found.items:
        msg = (
            f"among the files of the upload ({len(received.names)}) is nothing of DICOM, no image, no plan: "
            "choose the exported folder"
        )
        raise MissingEvidenceError(msg)
    items = [f"{item.kind}: {item.text}" for item in found.items]
    if found.other_files:
        items.append(f"{len(found.other_files)} files that are no DICOM")
    problems = [f"{item.kind}: {item.problem}" for item in found.items if item.problem]
    return received.spoken(items), received.spoken(problems)


def _remove_left_behind() -> None:
    """Remove what a service left behind that was killed: patients' images stay nowhere by accident."""
    for root in Path(tempfile.gettempdir()).glob(f"{_ROOT}*"):
        with suppress(OSError):  # it is another user's, or gone
            if time.time() - root.stat().st_mtime > _LEFT_BEHIND_S:
                shutil.rmtree(root)


def _with_names(sentence: str, folder: Path, names: dict[str, str]) -> str:
    without_folder = sentence.replace(f"{folder}{os.sep}", "").replace(str(folder), "the upload")
    return _OWN_NAME.sub(lambda found: f"'{names.get(found[0], found[0])}'", without_folder)


def _printable(name: str) -> str:
    last = os.path.normpath(name.replace("\\", "/")).rsplit("/", 1)[-1]
    return "".join(letter for letter in last if letter.isprintable())[:_LONGEST_NAME]


def _not_written(error: OSError) -> OutputError:
    return OutputError(f"the upload cannot be kept ({error.strerror}): make room on the disk of the service")
