"""A disk on which only what was flushed is certain, rebuilt from the system calls that a worker made.

strace writes down every write, flush and truncation of the database, of its log and of what the worker says.
At any of these calls the power may fail: then the disk has everything that was flushed, and of the rest some
sectors and others not.
"""

import ast
import random
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from kill_campaign import Findings, Known, look
from power_cut import SECTOR_BYTES, log_of, made

from isoguide.records import Place

_CALL = re.compile(r"(pwrite64|write|fsync|fdatasync|ftruncate)\(\d+<([^>]*)>(?:, (.*))?\)\s+= \d+")
_WORK = """
import sys
sys.path.insert(0, {here!r})
from kill_worker import Path, Place, run
run(Place({url!r}, Path({images!r})), Path({said!r}), 5, {steps})
"""


@dataclass
class File:
    """What is certain, and what was done since the last flush: writes, and None at a new length."""

    flushed: bytearray
    waiting: list[tuple[int, bytes | None]] = field(default_factory=list)

    def flush(self) -> None:
        for offset, content in self.waiting:
            put(self.flushed, offset, content)
        self.waiting.clear()

    def after_power_cut(self, chance: random.Random) -> bytes:
        """Everything that was flushed, and any of the sectors that were not."""
        found = bytearray(self.flushed)
        for offset, content in self.waiting:
            for start in range(0, 1 if content is None else len(content), SECTOR_BYTES):
                if chance.random() < 0.5:
                    put(found, offset + start, content and content[start : start + SECTOR_BYTES])
        return bytes(found)


def put(target: bytearray, offset: int, content: bytes | None) -> None:
    """Write into a file, or give it the length ``offset``."""
    end = offset if content is None else offset + len(content)
    target.extend(bytes(max(0, end - len(target))))
    if content is None:
        del target[end:]
    else:
        target[offset:end] = content


class Call(NamedTuple):
    """A system call on a file, with its other arguments as strace writes them."""

    name: str
    path: Path
    arguments: str


class Disk:
    """The folder of a database while a worker works, call by call.

    ``known`` is what the worker was told until then, ``is_log_named`` whether the folder was flushed since
    the log is there.
    """

    def __init__(self, folder: Path) -> None:
        self.place = made(folder / "place")
        assert self.place.database_file is not None
        self.file, self.said = self.place.database_file, folder / "said"
        self.known, self.is_log_named = Known(), False
        self._files = {
            self.file: File(bytearray(self.file.read_bytes())),
            log_of(self.file): File(bytearray()),
        }

    def trace(self, steps: int) -> list[Call]:
        """Let a worker work, and return its calls."""
        work = _WORK.format(
            here=str(Path(__file__).parent),
            url=self.place.database_url,
            images=str(self.place.images),
            said=str(self.said),
            steps=steps,
        )
        paths = (self.file, log_of(self.file), self.said, self.file.parent)
        watched = [part for path in paths for part in ("-P", str(path))]
        calls = ("-e", "trace=pwrite64,write,fsync,fdatasync,ftruncate")
        out = self.said.with_name("calls")
        tracer = ("strace", "-qq", "-y", "-x", "-s", "100000", "-o", str(out), *calls, *watched)
        subprocess.run([*tracer, sys.executable, "-c", work], check=True)
        found = [_CALL.fullmatch(line) for line in out.read_text().splitlines()]
        return [Call(call[1], Path(call[2]), call[3] or "") for call in found if call]

    def do(self, call: Call) -> bool:
        """Repeat a call; return whether it told that something is kept."""
        name, path, arguments = call
        if path == self.file.parent:
            # SQLite flushes the folder this way when it has made the log; the image store calls fsync.
            self.is_log_named = self.is_log_named or name == "fdatasync"
        elif path == self.said:
            return self._hear(ast.literal_eval(f"b{arguments.rpartition(', ')[0]}").decode().strip())
        elif name == "pwrite64":
            content, _size, offset = arguments.rsplit(", ", 2)
            self._files[path].waiting.append((int(offset), ast.literal_eval(f"b{content}")))
        elif name == "ftruncate":
            self._files[path].waiting.append((int(arguments), None))
        else:
            self._files[path].flush()
        return False

    def _hear(self, line: str) -> bool:
        if not line.startswith("kept "):
            return False
        self.known.learn(line.split(" ")[1:])
        return True

    def look_after_power_cut(self, folder: Path, chance: random.Random) -> Findings:
        """Look at the records on the disk that the power cut left."""
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        for path, file in self._files.items():
            (folder / path.name).write_bytes(file.after_power_cut(chance))
        known = Known(set(self.known.courses), dict(self.known.versions), set(self.known.images))
        return look(Place(f"sqlite:///{folder / self.file.name}", self.place.images), known)
