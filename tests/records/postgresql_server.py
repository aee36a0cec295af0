"""A PostgreSQL server of one's own for the tests: on a socket in a temporary folder, gone with them."""

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

UNPRIVILEGED = ("postgres", "nobody")
FAST = ("fsync=off", "full_page_writes=off", "synchronous_commit=off", "listen_addresses=")


class NoServerError(Exception):
    """Why there is none here."""


@contextmanager
def server() -> Iterator[Path]:
    """Start a server and give its socket; its user is "isoguide", without a password."""
    programs = _programs()
    folder = Path(tempfile.mkdtemp(prefix="isoguide-pg-"))
    try:
        as_user = _as_unprivileged(folder)
        made = ("-D", folder / "data", "-A", "trust", "-U", "isoguide", "-E", "UTF8", "--locale=C", "-N")
        _run(*as_user, programs / "initdb", *made)
        options = " ".join(f"-c {option}" for option in FAST)
        run = (*as_user, programs / "pg_ctl", "-D", folder / "data", "-w")
        _run(*run, "-l", folder / "log", "-o", f"-k {folder} {options}", "start")
        try:
            yield folder / ".s.PGSQL.5432"
        finally:
            _run(*run, "-m", "immediate", "stop")
    finally:
        shutil.rmtree(folder)


def _programs() -> Path:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    on_path = shutil.which("initdb")
    if found:
        return found[-1].parent
    if on_path:
        return Path(on_path).parent
    msg = "PostgreSQL is not installed (tools/install_system_packages.sh does it)"
    raise NoServerError(msg)


def _as_unprivileged(folder: Path) -> tuple[str, ...]:
    """Return what to put in front of a command so that it does not run as root, which PostgreSQL refuses."""
    if os.geteuid() != 0:
        return ()
    for name in UNPRIVILEGED:
        try:
            user = pwd.getpwnam(name)
        except KeyError:
            continue
        os.chown(folder, user.pw_uid, user.pw_gid)
        return "setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups"
    msg = "PostgreSQL does not run as root, and there is no other user to run it"
    raise NoServerError(msg)


def _run(*command: str | Path) -> None:
    # The server inherits what it is started with: a pipe would stay open as long as it runs.
    with tempfile.TemporaryFile() as said:
        done = subprocess.run(
            [str(part) for part in command],
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=said,
            cwd="/",
            check=False,
        )
        if done.returncode != 0:
            said.seek(0)
            raise NoServerError(said.read().decode()[-300:])
