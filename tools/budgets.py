"""Measure the budgets no other gate knows: lengths, names, suppressions without a reason, machine paths.

Complexity and the number of parameters are counted by ruff (C901, PLR0913). A keyword-only parameter counts
like any other; only the command line is exempt, because Typer reads its options from signatures.

Usage: python tools/budgets.py [FILE ...]      every file that git knows or does not ignore, if none is named
"""

import ast
import io
import re
import subprocess
import sys
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[1]
LARGEST_FUNCTION_LINES: Final = 60
LARGEST_FILE_LINES: Final = 600
LARGEST_SCRIPT_LINES: Final = 400
"""The same for TypeScript, whose functions Biome measures."""
NAMES_WITHOUT_AN_IDEA: Final = frozenset(
    {"utils", "util", "helpers", "helper", "manager", "core", "common", "misc"}
)

# A suppression needs its reason on the same line: "noqa: S101 - why" or "type: ignore[misc]  # why".
SUPPRESSION: Final = re.compile(
    r"#\s*(?:ruff:\s*)?(?P<mark>noqa|type:\s*ignore|pragma:\s*no cover)"
    r"(?:\s*:\s*[A-Z]+[0-9]+(?:[,\s]+[A-Z]+[0-9]+)*|\[[\w, -]+\])?(?P<reason>.*)"
)
SHORTEST_REASON: Final = 8

# Written so that no pattern matches its own source.
TEXT_RULES: Final = (
    (re.compile(r"\b(?:TO[D]O|FIX[M]E)\b"), "work left for later; do it now or leave it out"),
    (
        re.compile(r"(?<![\w.<>)}/*:-])/(?:home|root|work|tmp|Users|mnt|opt)/[\w.]"),
        "a path of one machine; use a path relative to the repository or a temporary folder",
    ),
    (
        re.compile(
            r"https?://[^\s\"')>]*(?:/simple\b|py[p]i\.|py[t]honhosted\.|npm[j]s\.|deb\.debian\.)",
            re.IGNORECASE,
        ),
        "the address of a package registry; leave it to the machine's own configuration",
    ),
    (re.compile(r"--(?:extra-)?index-url[ =]+\S|--find-links[ =]+\S"), "a choice of package registry"),
    (
        re.compile(
            r"\b(?:iss[u]e|ticket|pull request|merge request)s?\s*#?\s*\d+\b"
            r"|\b(?:closes|fixes|resolves)\s+#\d+|\(#\d+\)",
            re.IGNORECASE,
        ),
        "the number of a ticket; say what the reader needs to know instead",
    ),
)


@dataclass(frozen=True)
class Finding:
    """One broken budget: where it is, and what to do."""

    path: Path
    line: int
    message: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.message}"


MADE_BY_PROGRAMS: Final = (
    "src/isoguide/service/page/",
    "console/package-lock.json",
    "console/openapi.json",
    "console/src/api/schema.d.ts",
)
"""What nobody writes by hand has no budget: files, and folders that end in a slash."""


def project_files(root: Path) -> list[Path]:
    """List the files that git tracks or would offer to add, relative to ``root``."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=root,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    return [Path(name) for name in sorted(set(listed.split("\0"))) if name and (root / name).is_file()]


def findings_in(path: Path, content: bytes) -> list[Finding]:
    """Check one file; a file that is not text or that a program made has no budget."""
    if b"\0" in content or path.as_posix().startswith(MADE_BY_PROGRAMS):
        return []
    text = content.decode("utf-8", errors="replace")
    found = list(_text_findings(path, text))
    if path.suffix == ".py":
        found += _python_findings(path, text)
    if path.suffix in (".ts", ".tsx"):
        found += _shape_findings(path, text, LARGEST_SCRIPT_LINES)
    return sorted(found, key=lambda finding: finding.line)


def _text_findings(path: Path, text: str) -> Iterator[Finding]:
    for number, line in enumerate(text.splitlines(), start=1):
        for pattern, message in TEXT_RULES:
            match = pattern.search(line)
            if match:
                yield Finding(path, number, f"'{match.group().strip()}' is {message}")


def _shape_findings(path: Path, text: str, largest_lines: int) -> Iterator[Finding]:
    lines = text.count("\n")
    if lines > largest_lines:
        yield Finding(path, largest_lines, f"the file has {lines} lines (limit {largest_lines}); split it")
    nameless = NAMES_WITHOUT_AN_IDEA.intersection(part.removesuffix(path.suffix) for part in path.parts)
    for name in sorted(nameless):
        yield Finding(path, 1, f"'{name}' does not say what is inside; name the idea")


def _python_findings(path: Path, text: str) -> Iterator[Finding]:
    yield from _shape_findings(path, text, LARGEST_FILE_LINES)
    for function in ast.walk(ast.parse(text)):
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            length = body_lines(function)
            if length > LARGEST_FUNCTION_LINES:
                message = f"{function.name} has {length} lines (limit {LARGEST_FUNCTION_LINES}); split it"
                yield Finding(path, function.lineno, message)
    yield from _unexplained(path, text)


def body_lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Count the lines of a body from its first statement after the docstring to its last."""
    statements = function.body[1:] if ast.get_docstring(function) is not None else function.body
    if not statements:
        return 0
    return (statements[-1].end_lineno or statements[-1].lineno) - statements[0].lineno + 1


def _unexplained(path: Path, text: str) -> Iterator[Finding]:
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        match = SUPPRESSION.search(token.string) if token.type == tokenize.COMMENT else None
        if match and len(match["reason"].strip(" \t#-:,")) < SHORTEST_REASON:
            yield Finding(
                path, token.start[0], f"'{match['mark']}' has no reason; add ' - why' on the same line"
            )


def main(names: list[str]) -> int:
    """Print every finding; return 1 if there is one."""
    paths = [Path(name).resolve().relative_to(ROOT) for name in names] or project_files(ROOT)
    found = [finding for path in paths for finding in findings_in(path, (ROOT / path).read_bytes())]
    for finding in found:
        print(finding)
    print(f"{len(paths)} files, {len(found)} over budget")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
