"""Run the gates: one line each with its time, and the full output of those that fail.

Usage: python tools/check.py [GATE ...]      all of them, in order, if none is named
"""

import argparse
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[1]
PYTHON: Final = sys.executable
BIN: Final = Path(PYTHON).parent
WORKERS: Final = "2"


@dataclass(frozen=True)
class Gate:
    """A command that has to succeed."""

    name: str
    what: str
    command: tuple[str, ...]


@dataclass(frozen=True)
class Outcome:
    """What a gate answered."""

    passed: bool
    output: str
    duration_s: float

    @property
    def closing_line(self) -> str:
        """The last line the gate wrote: tools put their summary there."""
        lines = [line.strip(" =") for line in self.output.splitlines() if line.strip(" =")]
        return lines[-1] if lines else ""


GATES: Final = (
    Gate("format", "the layout is the formatter's", (PYTHON, "-m", "ruff", "format", "--check", ".")),
    Gate("lint", "ruff finds nothing, complexity included", (PYTHON, "-m", "ruff", "check", ".")),
    Gate("types", "mypy --strict finds nothing", (PYTHON, "-m", "mypy")),
    Gate("layers", "imports go only downward", (str(BIN / "lint-imports"), "--no-logo")),
    Gate("budgets", "lengths, names, reasons, no trace of one machine", (PYTHON, "tools/budgets.py")),
    Gate("docs", "every statement of the documents is true", (PYTHON, "-m", "pytest", "docs")),
    Gate(
        "tests",
        "all tests pass, warnings are errors",
        (PYTHON, "-m", "pytest", "tests", "-n", WORKERS, "--dist", "loadfile", "--cov", "--cov-report="),
    ),
    Gate("coverage", "each package reaches its share of lines", (PYTHON, "tools/coverage_by_package.py")),
    Gate("console-lint", "Biome finds nothing in the page's sources", (PYTHON, "tools/console.py", "lint")),
    Gate("console-types", "tsc finds nothing in the page's sources", (PYTHON, "tools/console.py", "types")),
    Gate("console-tests", "the tests of the page's sources pass", (PYTHON, "tools/console.py", "tests")),
    Gate(
        "console-api",
        "the page speaks the service's interface",
        (PYTHON, "tools/console.py", "api", "--check"),
    ),
    Gate("console-page", "the committed page is the built one", (PYTHON, "tools/console.py", "page")),
)


def run(gate: Gate) -> Outcome:
    """Run one gate in the repository root, without a terminal to ask."""
    # Without Python's bytecode every worker rewrites all tests, and every command they start compiles all.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    start_s = time.perf_counter()
    done = subprocess.run(
        gate.command,
        cwd=ROOT,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return Outcome(done.returncode == 0, done.stdout, time.perf_counter() - start_s)


def chosen(names: list[str]) -> list[Gate]:
    """Return the gates with these names in their own order; all of them for no name."""
    return [gate for gate in GATES if not names or gate.name in names]


def main(arguments: list[str]) -> int:
    """Run the gates and return 1 if one fails."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="\n".join(f"  {gate.name:<14}{gate.what}" for gate in GATES),
    )
    parser.add_argument("gate", nargs="*", choices=[[], *(gate.name for gate in GATES)], metavar="GATE")
    failed = []
    for gate in chosen(parser.parse_args(arguments).gate):
        outcome = run(gate)
        mark = "ok    " if outcome.passed else "FAILED"
        print(f"{mark} {gate.name:<13}{outcome.duration_s:7.1f} s  {outcome.closing_line}", flush=True)
        if not outcome.passed:
            failed.append(gate.name)
            print(outcome.output, flush=True)
    print(f"{len(failed)} gates failed: {', '.join(failed)}" if failed else "every gate passed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
