"""The documents say what is true now: paths, tests, commands, options and snippets exist."""

import ast
import re
from functools import cache
from pathlib import Path

import check
from isoguide.cli import CRASHED, endings
from isoguide.cli.app import app

ROOT = Path(__file__).resolve().parents[1]
PAGES = sorted(
    page
    for page in [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "tests").rglob("*.md")]
    if page.is_file()
)
SAFETY = (ROOT / "docs" / "safety.md").read_text()
README = (ROOT / "README.md").read_text()


def page_name(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


@cache
def functions_in(path: Path) -> frozenset[str]:
    tree = ast.parse(path.read_text())
    return frozenset(node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef))


def test_every_link_leads_to_a_file() -> None:
    missing = [
        f"{page_name(page)}: {target}"
        for page in PAGES
        for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", page.read_text())
        if "://" not in target and not (page.parent / target).resolve().exists()
    ]
    assert missing == []


def safety_rows() -> list[list[str]]:
    lines = [line for line in SAFETY.splitlines() if re.match(r"\| *\d+ *\|", line)]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def test_the_safety_table_has_a_guard_a_place_and_a_test_in_every_row() -> None:
    rows = safety_rows()
    assert len(rows) >= 10
    assert len({row[0] for row in rows}) == len(rows), "two rows have one number"
    for row in rows:
        assert len(row) == 5, row
        assert all(row), f"an empty cell in row {row[0]}"


def test_every_place_in_the_safety_table_exists() -> None:
    places = {row[0]: re.findall(r"`([\w/]+\.py)`", row[3]) for row in safety_rows()}
    assert [number for number, named in places.items() if not named] == []
    missing = [
        f"row {number}: {place}"
        for number, named in places.items()
        for place in named
        if not (ROOT / "src" / "isoguide" / place).is_file()
    ]
    assert missing == []


def test_every_test_in_the_safety_table_exists() -> None:
    tests = {row[0]: re.findall(r"`([\w/]+\.py)::(?:\w+::)?(\w+)`", row[4]) for row in safety_rows()}
    assert [number for number, named in tests.items() if not named] == []
    missing = [
        f"row {number}: {path} has no {test}"
        for number, named in tests.items()
        for path, test in named
        if not (ROOT / "tests" / path).is_file() or test not in functions_in(ROOT / "tests" / path)
    ]
    assert missing == []


def test_the_architecture_page_draws_every_package_and_no_other() -> None:
    drawing = (ROOT / "docs" / "architecture.md").read_text().split("```")[1]
    drawn = set(re.findall(r"[├└]── (\w+)(?:/|\.py)", drawing))
    package = ROOT / "src" / "isoguide"
    there = {
        path.name.removesuffix(".py") for path in package.iterdir() if not path.name.startswith(("_", "py."))
    }
    assert drawn == there


def test_every_decision_is_in_the_list_of_decisions() -> None:
    folder = ROOT / "docs" / "decisions"
    listed = re.findall(r"\]\((\d{4}-[\w-]+\.md)\)", (folder / "README.md").read_text())
    assert listed == sorted(path.name for path in folder.glob("0*.md"))


def test_the_readme_explains_every_exit_code() -> None:
    explained = re.findall(r"^\| ([\d, ]+) \|", README, re.MULTILINE)
    codes = {int(code) for row in explained for code in row.split(",")}
    assert codes == {CRASHED, endings.ACCEPTED, endings.LOOK, endings.BAD_INPUT}


def test_every_make_target_that_a_page_names_exists() -> None:
    targets = set(re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for page in PAGES:
        named = set(re.findall(r"(?:^|`)make (\w+)", page.read_text(), re.MULTILINE))
        assert named <= targets, page_name(page)


def test_the_contribution_guide_lists_every_gate() -> None:
    guide = (ROOT / "CONTRIBUTING.md").read_text()
    assert re.findall(r"^\| `([\w-]+)` \|", guide, re.MULTILINE) == [gate.name for gate in check.GATES]


def command_options(command: str) -> set[str]:
    from typer.main import get_command

    parameters = get_command(app).commands[command].params
    return {name for parameter in parameters for name in parameter.opts if name.startswith("--")} - {"--help"}


def test_the_readme_lists_exactly_the_options_that_align_has() -> None:
    rows = [line.split("|")[1] for line in README.splitlines() if line.startswith("| `--")]
    assert {option for row in rows for option in re.findall(r"`(--[\w-]+)", row)} == command_options("align")


def test_the_python_snippets_of_the_readme_run() -> None:
    snippets = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    assert snippets
    for snippet in snippets:
        exec(compile(snippet, "README.md", "exec"), {})  # noqa: S102 - running the page's own code is the test
