"""The inbox: a folder into which the machines of a department export, one folder for each export."""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from isoguide.errors import MissingEvidenceError, UnknownNameError, UnreadableError

STILL_ARRIVES: Final = timedelta(seconds=5)
"""A folder that was written to just now may not be complete: half an image must not be matched."""


@dataclass(frozen=True, slots=True)
class InboxFolder:
    """One export: its name, how many files there are in it, and when the newest of them was written."""

    name: str
    files: int
    modified_at: datetime


@dataclass(frozen=True, slots=True)
class Inbox:
    """The inbox of a department.

    Parameters
    ----------
    folder
        Where it is; None where there is none.
    now
        Says the time, by the clock that files are dated with.
    """

    folder: Path | None
    now: Callable[[], datetime]

    def entries(self) -> tuple[InboxFolder, ...]:
        """Return the exports in it, the newest first; empty folders and links are none.

        Raises
        ------
        UnreadableError
            If the inbox cannot be read.
        """
        if self.folder is None:
            return ()
        try:
            with os.scandir(self.folder) as found:
                names = [one.name for one in found if one.is_dir(follow_symlinks=False)]
            entries = [_entry(self.folder / name) for name in names if not name.startswith(".")]
        except OSError as error:
            msg = f"the inbox {self.folder} cannot be read ({error.strerror}): let isoguide read it"
            raise UnreadableError(msg) from error
        return tuple(sorted((one for one in entries if one.files), key=_newest_first))

    def require(self, name: str) -> Path:
        """Return the folder of an export by its name, never by a path.

        Raises
        ------
        UnknownNameError
            If the inbox has no such export.
        MissingEvidenceError
            If there is no inbox, or the export is still arriving.
        """
        if self.folder is None:
            msg = "this service has no inbox: upload the image"
            raise MissingEvidenceError(msg)
        for one in self.entries():
            if one.name == name:
                self._require_arrived(one)
                return self.folder / one.name
        msg = "the inbox has no such folder: look into it again"
        raise UnknownNameError(msg)

    def _require_arrived(self, one: InboxFolder) -> None:
        age = self.now() - one.modified_at
        if timedelta() <= age < STILL_ARRIVES:
            msg = f"the folder '{one.name}' of the inbox was written to {age.total_seconds():.0f} s ago: wait"
            raise MissingEvidenceError(f"{msg} until it is complete")


def _entry(folder: Path) -> InboxFolder:
    times = list(_times(folder))
    newest = max(times, default=0.0)
    return InboxFolder(folder.name, len(times), datetime.fromtimestamp(newest, UTC))


def _times(folder: Path) -> Iterator[float]:
    for where, _, names in os.walk(folder):
        for name in names:
            try:
                yield Path(where, name).lstat().st_mtime
            except FileNotFoundError:  # an export that is being moved away
                continue


def _newest_first(one: InboxFolder) -> tuple[float, str]:
    return -one.modified_at.timestamp(), one.name
