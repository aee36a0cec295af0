"""Check and build the console's page with the versions its lock names.

Usage: python tools/console.py lint|types|tests     what the gates of the same names want
       python tools/console.py page                 the committed page is what the sources build
       python tools/console.py build                build the page into its place
       python tools/console.py api [--check]        write openapi.json and the types from it anew, or compare
"""

import argparse
import fcntl
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[1]
CONSOLE: Final = ROOT / "console"
PAGE: Final = ROOT / "src" / "isoguide" / "service" / "page"
DOCUMENT: Final = CONSOLE / "openapi.json"
SCHEMA: Final = CONSOLE / "src" / "api" / "schema.d.ts"
INSTALLED: Final = Path("node_modules") / ".package-lock.json"

SCRIPTS: Final = {"lint": "lint", "types": "check", "tests": "test"}
MOST_NAMES_SHOWN: Final = 10


class ConsoleError(Exception):
    """Why nothing could be checked or built: one sentence that says what to do."""


def node_is_new_enough(version: str) -> bool:
    """Tell whether ``node --version`` names one that the pinned packages take: 20.19, or 22.12 and newer."""
    match = re.match(r"v(\d+)\.(\d+)", version.strip())
    if match is None:
        return False
    major, minor = int(match[1]), int(match[2])
    return (major == 20 and minor >= 19) or (major == 22 and minor >= 12) or major > 22


def require_node() -> None:
    """Refuse a machine without a usable Node and npm.

    Raises
    ------
    ConsoleError
        If one of them is absent or Node is too old.
    """
    remedy = "install Node 20.19 or newer (on Debian: tools/install_system_packages.sh)"
    if shutil.which("node") is None or shutil.which("npm") is None:
        msg = f"the console needs Node and npm, and this machine has not both of them: {remedy}"
        raise ConsoleError(msg)
    version = run(["node", "--version"])
    if not node_is_new_enough(version):
        msg = (
            f"the console needs Node 20.19, 22.12 or newer, but this machine has {version.strip()}: {remedy}"
        )
        raise ConsoleError(msg)


def run(command: list[str], *, folder: Path = ROOT) -> str:
    """Return what a command wrote to its standard output.

    Raises
    ------
    ConsoleError
        If it fails; what it wrote follows on the next lines.
    """
    done = subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, "NO_COLOR": "1"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        msg = f"'{' '.join(command)}' failed:\n{done.stdout}{done.stderr}"
        raise ConsoleError(msg)
    return done.stdout


def install(console: Path = CONSOLE) -> None:
    """Install what the lock names, unless that was done since the lock changed; one process at a time."""
    installed, lock = console / INSTALLED, console / "package-lock.json"
    with lock.open() as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        if not installed.is_file() or installed.stat().st_mtime < lock.stat().st_mtime:
            run(["npm", "ci", "--no-fund", "--no-audit"], folder=console)
            installed.touch()


def script(name: str, *arguments: str) -> str:
    """Run a script of ``package.json`` and return what it wrote."""
    return run(["npm", "run", "--silent", name, "--", *arguments], folder=CONSOLE)


def differing(built: Path, committed: Path) -> list[str]:
    """List the files, relative to both folders, that one lacks or that differ in a byte."""
    names = {
        path.relative_to(folder)
        for folder in (built, committed)
        for path in folder.rglob("*")
        if path.is_file()
    }
    return [
        str(name)
        for name in sorted(names)
        if not ((built / name).is_file() and (committed / name).is_file())
        or (built / name).read_bytes() != (committed / name).read_bytes()
    ]


def check_page() -> str:
    """Build the page elsewhere and compare it with the committed one."""
    with tempfile.TemporaryDirectory() as folder:
        built = Path(folder) / "page"
        script("build", "--outDir", str(built), "--logLevel", "warn")
        differ = differing(built, PAGE)
    if differ:
        msg = (
            f"the committed page is not what console/ builds ({', '.join(differ[:MOST_NAMES_SHOWN])}): "
            "run 'make page' and commit src/isoguide/service/page"
        )
        raise ConsoleError(msg)
    return "the committed page is what console/ builds"


def build_page() -> str:
    """Build the page into the folder that the service serves."""
    script("build", "--logLevel", "warn")
    count = sum(path.is_file() for path in PAGE.rglob("*"))
    return f"{count} files in {PAGE.relative_to(ROOT)}"


def described_interface(folder: Path) -> tuple[Path, Path]:
    """Write the service's OpenAPI document and the types made from it into ``folder``."""
    document, schema = folder / DOCUMENT.name, folder / SCHEMA.name
    document.write_text(run([sys.executable, "-m", "isoguide.service.openapi_document"]), encoding="utf-8")
    tool = str(CONSOLE / "node_modules" / ".bin" / "openapi-typescript")
    run([tool, document.name, "--output", schema.name], folder=folder)
    return document, schema


def write_api() -> str:
    """Write the OpenAPI document and its TypeScript types into the console."""
    with tempfile.TemporaryDirectory() as folder:
        document, schema = described_interface(Path(folder))
        SCHEMA.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(document, DOCUMENT)
        shutil.copyfile(schema, SCHEMA)
    return f"{DOCUMENT.relative_to(ROOT)} and {SCHEMA.relative_to(ROOT)} are written"


def check_api() -> str:
    """Compare the committed document and types with what the service says today."""
    with tempfile.TemporaryDirectory() as folder:
        made = described_interface(Path(folder))
        for path, committed in zip(made, (DOCUMENT, SCHEMA), strict=True):
            if not committed.is_file() or path.read_bytes() != committed.read_bytes():
                msg = (
                    f"{committed.relative_to(ROOT)} is not what the service describes: "
                    "run '.venv/bin/python tools/console.py api' and commit it"
                )
                raise ConsoleError(msg)
    return "the committed description of the interface is the service's"


def answer(task: str, *, check: bool) -> str:
    """Do one task and return what it says."""
    require_node()
    install()
    if task == "api":
        return check_api() if check else write_api()
    if task in SCRIPTS:
        return script(SCRIPTS[task])
    return check_page() if task == "page" else build_page()


def main(arguments: list[str]) -> int:
    """Do what is asked; print why and return 1 if it fails."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("task", choices=[*SCRIPTS, "page", "build", "api"])
    parser.add_argument("--check", action="store_true", help="with api: compare, write nothing")
    chosen = parser.parse_args(arguments)
    try:
        print(answer(chosen.task, check=chosen.check).rstrip())
    except ConsoleError as error:
        print(error)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
