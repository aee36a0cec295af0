"""What the documents say of the gate is what the gate does, in its own words."""

import re
from pathlib import Path

import pytest

from isoguide.motion.gating import TABLE

ROOT = Path(__file__).resolve().parents[2]
CONCEPT = (ROOT / "docs" / "concepts" / "motion.md").read_text()
SOURCE = "\n".join(path.read_text() for path in (ROOT / "src" / "isoguide" / "motion").glob("*.py"))


def rows(page: str, title: str) -> list[list[str]]:
    """Cells of the table under a heading, without its head."""
    section = page.split(f"\n## {title}\n")[1].split("\n## ", maxsplit=1)[0]
    lines = [line for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def test_the_page_shows_the_table_of_states() -> None:
    shown = {(state, event): after for state, event, after in rows(CONCEPT, "What may follow what")}
    assert shown == {(str(state), str(event)): str(after) for (state, event), after in TABLE.items()}


def words_of(reason: str) -> list[str]:
    """Split a reason at what changes: the rest stands in the code."""
    return [part for part in re.split(r"\s*'?…'?\s*", reason) if part.strip(" %s:()'")]


@pytest.mark.parametrize("reason", [row[0] for row in rows(CONCEPT, "What each reason means")])
def test_every_reason_that_the_page_explains_is_one_that_the_gate_gives(reason: str) -> None:
    parts = words_of(reason)
    assert parts, reason
    flat = re.sub(r"\{[^{}]*\}", "…", SOURCE)
    assert re.search(".{0,3}…'?.{0,3}".join(re.escape(part.strip()) for part in parts), flat), reason


HOW_TO = (ROOT / "docs" / "how-to" / "monitor-the-beam.md").read_text()


def test_the_therapist_is_told_what_to_do_about_every_reason() -> None:
    told = {row[0] for row in rows(HOW_TO, "When it holds")}
    explained = {row[0] for row in rows(CONCEPT, "What each reason means")}
    told_in_words = {"the gate is not armed", "no beam for … s: …"}
    assert explained - told_in_words == told - {"reason", "---"}
