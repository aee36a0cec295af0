"""Hold each package of isoguide to its share of covered lines, from the data of the last test run.

Numba compiles the kernels, and compiled lines cannot be traced: the tests of a kernel therefore also call its
``.py_func`` on tiny arrays, against the plain NumPy reference, and only that run counts here.
"""

import sys
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path
from typing import Final

from coverage import Coverage
from coverage.exceptions import CoverageException

ROOT: Final = Path(__file__).resolve().parents[1]
PACKAGE: Final = ROOT / "src" / "isoguide"
EVERY_LINE_PERCENT: Final = 100.0
MOST_LINES_PERCENT: Final = 92.0
EVERY_LINE: Final = frozenset({"geometry", "plan", "treatment"})
"""A wrong line in these moves a patient, so none goes without a test."""


@dataclass
class Covered:
    """Executable and missed lines of one package."""

    statements: int = 0
    missing: dict[Path, list[int]] = field(default_factory=dict)

    @property
    def percent(self) -> float:
        """Share of executable lines that ran, 0 to 100."""
        missed = sum(len(lines) for lines in self.missing.values())
        return 100.0 * (self.statements - missed) / self.statements if self.statements else 100.0


def package_of(path: Path) -> str:
    """Name the direct child of isoguide that a file (relative to the package) belongs to."""
    return path.parts[0].removesuffix(".py")


def by_package(measured: Mapping[Path, tuple[int, list[int]]]) -> dict[str, Covered]:
    """Sum (number of executable lines, missed lines) of files, given relative to the package, by package."""
    packages: defaultdict[str, Covered] = defaultdict(Covered)
    for path, (statements, missing) in sorted(measured.items()):
        covered = packages[package_of(path)]
        covered.statements += statements
        if missing:
            covered.missing[path] = missing
    return dict(packages)


def limit_percent(package: str) -> float:
    """Return the share of lines that the tests of a package must reach."""
    return EVERY_LINE_PERCENT if package in EVERY_LINE else MOST_LINES_PERCENT


def measure() -> dict[Path, tuple[int, list[int]]]:
    """Read the data file of the last test run."""
    coverage = Coverage(data_file=str(ROOT / ".coverage"), config_file=str(ROOT / "pyproject.toml"))
    coverage.load()
    if not coverage.get_data().measured_files():
        msg = "the last test run left no data"
        raise CoverageException(msg)
    measured = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        _, statements, _, missing, _ = coverage.analysis2(str(path))
        measured[path.relative_to(PACKAGE)] = (len(statements), missing)
    return measured


def ranges(lines: list[int]) -> str:
    """Write line numbers shortly: [1, 2, 3, 7] is '1-3, 7'."""
    spans: list[list[int]] = []
    for line in lines:
        if spans and line == spans[-1][1] + 1:
            spans[-1][1] = line
        else:
            spans.append([line, line])
    return ", ".join(f"{first}-{last}" if last > first else f"{first}" for first, last in spans)


def report(packages: Mapping[str, Covered]) -> tuple[str, bool]:
    """Write the table, the missed lines of each package below its limit, and whether all reach theirs."""
    text, reached = StringIO(), True
    for name, covered in packages.items():
        limit = limit_percent(name)
        short = covered.percent < limit
        reached = reached and not short
        print(
            f"{name:<14}{covered.percent:7.1f} %  (limit {limit:.0f} %){'  TOO LOW' if short else ''}",
            file=text,
        )
        for path, lines in covered.missing.items() if short else ():
            print(f"    src/isoguide/{path.as_posix()}: {ranges(lines)}", file=text)
    return text.getvalue(), reached


def main() -> int:
    """Print the table; return 1 if a package is below its limit."""
    try:
        measured = measure()
    except CoverageException as problem:
        print(f"no coverage can be read ({problem}); run 'python tools/check.py tests' first")
        return 1
    text, reached = report(by_package(measured))
    print(text, end="")
    return 0 if reached else 1


if __name__ == "__main__":
    sys.exit(main())
