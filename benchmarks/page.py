"""The page of figures: each script replaces what stands between its own marks."""

from collections.abc import Sequence
from pathlib import Path

DOCS = Path(__file__).resolve().parents[1] / "docs" / "benchmarks.md"


def put_between_marks(name: str, text: str) -> None:
    """Replace what stands between the marks ``name: start`` and ``name: stop`` in docs/benchmarks.md."""
    start, stop = f"<!-- {name}: start -->", f"<!-- {name}: stop -->"
    page = DOCS.read_text(encoding="utf-8")
    before, after = page.split(start)[0], page.split(stop)[1]
    DOCS.write_text(f"{before}{start}\n{text}\n{stop}{after}", encoding="utf-8")


def table(title: str, head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table in Markdown under its title."""
    lines = [f"### {title}", "", "| " + " | ".join(head) + " |", "|---" * len(head) + "|"]
    return "\n".join([*lines, *("| " + " | ".join(row) + " |" for row in rows)])
