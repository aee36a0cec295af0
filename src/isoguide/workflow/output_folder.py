"""Results appear all at once or not at all: written beside their place, then renamed into it."""

import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from isoguide.errors import OutputError

_HELD_BACK = "previous"


@contextmanager
def published_folder(target: Path, names: Sequence[str], *, overwrite: bool) -> Iterator[Path]:
    """Yield an empty folder whose files and folders appear in ``target`` when the block ends well.

    The folder is made beside ``target`` before any work starts, so that a place that cannot be written is
    found at once. When the block raises anything, interruption included, ``target`` is as it was before.

    Parameters
    ----------
    target
        Where the results shall lie; made when it does not exist.
    names
        What the block may write. These and only these are replaced when ``overwrite`` is set; anything else
        that lies in ``target`` is never touched.
    overwrite
        Replace existing results.

    Raises
    ------
    OutputError
        If a result exists and ``overwrite`` is not set, or the place cannot be written.
    """
    _refuse_existing(target, names, overwrite=overwrite)
    made = _make_parents(target.parent)
    try:
        staging = _staging_folder(target)
        try:
            yield staging
            _publish(staging, target, names)
        finally:
            shutil.rmtree(staging, ignore_errors=True)
    except BaseException:
        _remove_empty(made)
        raise


def _refuse_existing(target: Path, names: Sequence[str], *, overwrite: bool) -> None:
    try:
        is_in_the_way = target.exists() and not target.is_dir()
    except OSError as error:  # a closed parent, a name that is too long
        raise _cannot_write(target, error) from error
    if is_in_the_way:
        msg = f"the output {target} is a file, not a folder: choose another --out"
        raise OutputError(msg)
    existing = [name for name in names if os.path.lexists(target / name)]
    if existing and not overwrite:
        msg = f"{target} already holds {', '.join(existing)}: choose another --out, or replace with --force"
        raise OutputError(msg)


def _make_parents(folder: Path) -> list[Path]:
    """Make the missing parents, and return those that were made, innermost first."""
    missing = []
    while not folder.exists():
        missing.append(folder)
        folder = folder.parent
    made: list[Path] = []
    for parent in reversed(missing):
        try:
            parent.mkdir()
        except OSError as error:
            _remove_empty(made)
            raise _cannot_write(parent, error) from error
        made.insert(0, parent)
    return made


def _remove_empty(folders: Sequence[Path]) -> None:
    for folder in folders:
        try:
            folder.rmdir()
        except OSError:
            return


def _staging_folder(target: Path) -> Path:
    # Inside an existing folder, because its parent may be closed to us; beside a folder that is still to be
    # made.
    home = target if target.is_dir() else target.parent
    try:
        staging = Path(tempfile.mkdtemp(prefix=f".{target.name}.", suffix=".part", dir=home))
        # mkdtemp makes a private folder; results are as readable as anything else the user makes.
        mask = os.umask(0)
        os.umask(mask)
        staging.chmod(0o777 & ~mask)
    except OSError as error:
        raise _cannot_write(target, error) from error
    return staging


def _publish(staging: Path, target: Path, names: Sequence[str]) -> None:
    try:
        if target.is_dir():
            _replace_entries(staging, target, names)
        else:
            staging.rename(target)
    except OSError as error:
        raise _cannot_write(target, error) from error


def _replace_entries(staging: Path, target: Path, names: Sequence[str]) -> None:
    """Exchange the named entries; on failure, put the previous ones back."""
    held = staging / _HELD_BACK
    held.mkdir()
    moved_out: list[str] = []
    moved_in: list[str] = []
    try:
        for name in names:
            if os.path.lexists(target / name):
                (target / name).rename(held / name)
                moved_out.append(name)
            if os.path.lexists(staging / name):
                (staging / name).rename(target / name)
                moved_in.append(name)
    except BaseException:
        for name in moved_in:
            (target / name).rename(staging / name)
        for name in moved_out:
            (held / name).rename(target / name)
        raise


def _cannot_write(place: Path, error: OSError) -> OutputError:
    return OutputError(
        f"cannot write to {place} ({error.strerror or error}): choose another --out or make it writable"
    )


def write_text(path: Path, text: str) -> None:
    """Write a result that is text, UTF-8.

    Raises
    ------
    OutputError
        If it cannot be written.
    """
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        msg = f"cannot write {path.name} ({error.strerror}): free some space or choose another --out"
        raise OutputError(msg) from error
