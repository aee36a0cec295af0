"""The console: how long a person waits for it, in a real browser at the real service, beside the aim.

Run with ``python benchmarks/treatment_console.py [--write] [--folder FOLDER]``. It makes a department with a course of
clinical size (``console_department.py``), starts ``isoguide serve``, and drives Chromium with Playwright
(``console_page.py``): a fraction is opened with the service just started and again, the hand moves by real
key presses in windows of two sizes, and the virtual room shows its motion with the beam on. Then twenty
people review at the same time (``console_load.py``). ``--folder`` keeps the department for the next run.
``--write`` puts the table into docs/benchmarks.md.
"""

import argparse
import json
import os
import platform
import re
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from importlib import resources
from importlib.metadata import version
from pathlib import Path

import numpy as np
from playwright.sync_api import Browser, Page

import console_load
import console_page
from console_department import REVIEWERS, BenchDepartment, make_department, opened_again
from isoguide.workflow.clinic.virtual_department import THERAPIST
from page import put_between_marks

SIZES = ((1280, 800), (1920, 1080))
KEYS = 64
COLD_STARTS = 3
BEAM_S, REVIEW_S = 20.0, 30.0
START_S, ENTIRE_S = 60.0, 600.0
ROW = "Large, Pelvis"
SERVE = "from isoguide.cli import main; main()"


@dataclass
class Table:
    """Rows of what is measured, what is aimed at and what was found, with the load of the machine then."""

    rows: list[tuple[str, ...]] = field(default_factory=list)

    def add(self, what: str, aim: str, found: str) -> None:
        """Add a row."""
        row = (what, aim, found, f"{os.getloadavg()[0]:.1f}")
        self.rows.append(row)
        say(" | ".join(row))

    def __str__(self) -> str:
        lines = ["| | aim | found | load |", "|---|---|---|---|"]
        return "\n".join([*lines, *("| " + " | ".join(row) + " |" for row in self.rows)])


@contextmanager
def service(*arguments: str) -> Iterator[str]:
    """Start ``isoguide serve``, and yield its address; it ends afterwards, whatever happens."""
    command = [sys.executable, "-c", SERVE, "serve", "--port", "0", *arguments]
    environment = os.environ | {"COLUMNS": "400"}
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
    watch = threading.Timer(START_S, process.kill)
    watch.start()
    try:
        assert process.stdout is not None  # noqa: S101 - a pipe was asked for; tells the type checker
        line = process.stdout.readline()
        found = re.search(r"http://\S+?/", line)
        watch.cancel()
        if found is None:
            msg = f"the service did not start: {line!r}"
            raise SystemExit(msg)
        threading.Thread(target=process.stdout.read, daemon=True).start()
        yield found[0]
    finally:
        watch.cancel()
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(15.0)
        except subprocess.TimeoutExpired:
            process.kill()


def measure_opening(table: Table, department: BenchDepartment, keys: int) -> None:
    """Open the fraction with the service just started, then again; move the hand; let others review."""
    cold: list[dict[str, float]] = []
    for _ in range(COLD_STARTS - 1):
        with at_service(department) as open_page, open_page(SIZES[0]) as page:
            cold.append(console_page.open_fraction(page, ROW))
    with at_service(department) as open_page:
        with open_page(SIZES[0]) as page:
            cold.append(console_page.open_fraction(page, ROW))
            report_opening(table, "service just started", cold)
            report_keys(table, SIZES[0], console_page.press_keys(page, keys))
        warm = []
        with open_page(SIZES[0]) as page:
            warm.append(console_page.open_fraction(page, ROW))
        with open_page(SIZES[1]) as page:
            warm.append(console_page.open_fraction(page, ROW))
            report_opening(table, "opened before by somebody else", warm)
            report_keys(table, SIZES[1], console_page.press_keys(page, keys))
        measure_review(table, department, open_page.address)


@dataclass(frozen=True)
class OpenPage:
    """Opens pages of a running service in new browser contexts, signed in as the therapist."""

    browser: Browser
    address: str
    department: BenchDepartment

    @contextmanager
    def __call__(self, size: tuple[int, int]) -> Iterator[Page]:
        name = THERAPIST.name
        password = self.department.passwords[name]
        with console_page.signed_in(self.browser, self.address, name, password, size) as page:
            yield page


@contextmanager
def at_service(department: BenchDepartment, *arguments: str) -> Iterator[OpenPage]:
    """Start the service and a browser."""
    arguments = arguments or ("--records", str(department.records))
    with service(*arguments) as address, console_page.browser() as browser:
        yield OpenPage(browser, address, department)


def report_opening(table: Table, when: str, found: Sequence[dict[str, float]]) -> None:
    for key, what, aim in (("first", "first useful picture", "2"), ("whole", "all at full resolution", "5")):
        seconds = [one[key] for one in found]
        text = f"{np.median(seconds):.2f} (slowest of {len(seconds)}: {max(seconds):.2f})"
        table.add(f"s from the click in the worklist to the {what}; {when}", f"≤ {aim}", text)


def report_keys(table: Table, size: tuple[int, int], found: dict[str, list[float]]) -> None:
    where = f"window {size[0]} × {size[1]}, n = {len(found['drawn'])}"
    aim = "median ≤ 50, P95 ≤ 100"
    table.add(f"ms from a key press to three planes redrawn; {where}", aim, spread(found["drawn"]))
    table.add("the same, to the next animation frame", "", spread(found["next"]))
    table.add("the same, to the full grid where half of it is drawn while moving", "", spread(found["full"]))


def measure_review(table: Table, department: BenchDepartment, address: str) -> None:
    """Let twenty people review."""
    build = json.loads(resources.files("isoguide.service").joinpath("page/build.json").read_text())["build"]
    with ExitStack() as stack:
        clients = []
        for one in REVIEWERS:
            client = console_load.session(address, build, one.name, department.passwords[one.name])
            clients.append(client)
            stack.callback(client.close)
        fraction = clients[0].get(f"/api/courses/{department.large}/fractions/1").json()
        others = [f"simulated-{number:03d}" for number in range(1, 101)]
        reviewed = console_load.Reviewed(department.large, fraction["images"][-1]["uid"], others)
        calls = console_load.review(clients, reviewed, REVIEW_S)
    for sentence in calls.errors[:10]:
        say(sentence)
    everything = [one for spent in calls.spent_ms.values() for one in spent]
    what = f"{len(REVIEWERS)} people reviewing for {REVIEW_S:.0f} s: errors in {len(everything)} calls"
    table.add(what, "0", str(len(calls.errors)))
    table.add("ms of all calls", "P95 ≤ 300", spread(everything))
    for route, spent in sorted(calls.spent_ms.items()):
        table.add(f"of these: {route}, n = {len(spent)}", "", spread(spent))


def measure_motion(table: Table, department: BenchDepartment) -> None:
    """Watch the beam of the virtual room."""
    with at_service(department, "--demo", str(department.folder)) as open_page, open_page(SIZES[0]) as page:
        found = console_page.watch_beam(page, open_page.address, department.in_room, BEAM_S)
    gaps, on = found["gap"], np.mean(found["beam on"])
    what = f"messages of the connected room in a second, its beam on for {100.0 * on:.0f} % of {BEAM_S:.0f} s"
    table.add(what, "≥ 20", f"{1000.0 / np.mean(gaps):.1f}")
    table.add("ms between two messages", "", spread(gaps))
    table.add("ms from the state of the room to the page", "≤ 100", spread(found["lag"]))
    table.add("the same, to the animation frame that paints it", "≤ 100", spread(found["painted"]))


def spread(values: Sequence[float]) -> str:
    """Write median, P95 and largest."""
    return f"{np.median(values):.0f}, P95 {np.percentile(values, 95.0):.0f}, largest {max(values):.0f}"


def say(sentence: str) -> None:
    print(sentence, file=sys.stderr, flush=True)


def department_in(folder: Path) -> BenchDepartment:
    """Return the department of a folder, made now where there is none."""
    if any(folder.iterdir()):
        return opened_again(folder)
    return make_department(folder)


def measured(folder: Path, keys: int, only: Sequence[str]) -> Table:
    table, department = Table(), department_in(folder)
    steps: dict[str, Callable[[], None]] = {
        "opening": lambda: measure_opening(table, department, keys),
        "motion": lambda: measure_motion(table, department),
    }
    for name, step in steps.items():
        if not only or name in only:
            step()
    return table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--keys", type=int, default=KEYS, help="key presses in each window")
    parser.add_argument("--only", action="append", default=[], choices=("opening", "motion"))
    parser.add_argument("--folder", type=Path, help="where the department is, or is kept")
    parser.add_argument("--write", action="store_true", help="write the table into docs/benchmarks.md")
    arguments = parser.parse_args()
    guard = threading.Timer(ENTIRE_S, give_up)
    guard.daemon = True
    guard.start()
    with tempfile.TemporaryDirectory(prefix="isoguide-console-") as name:
        folder = arguments.folder or Path(name)
        folder.mkdir(parents=True, exist_ok=True)
        table = measured(folder, arguments.keys, arguments.only)
    print(table)
    if arguments.write:
        write(table)


def give_up() -> None:
    """End with everything that was started, because something hangs."""
    say(f"nothing was ready after {ENTIRE_S:.0f} s: given up")
    os.killpg(os.getpgid(0), signal.SIGTERM)


def write(table: Table) -> None:
    """Replace what stands between the marks in docs/benchmarks.md."""
    with console_page.browser() as browser:
        chromium = console_page.versions(browser)
    libraries = ", ".join(f"{name} {version(name)}" for name in ("isoguide", "fastapi", "uvicorn", "numpy"))
    line = f"Python {platform.python_version()}, {libraries}, {chromium}; {os.cpu_count()} cores, no GPU."
    put_between_marks("console", f"{line}\n\n{table}")


if __name__ == "__main__":
    main()
