"""The gates themselves: each finds what it is there to find, and nothing else."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

import budgets
import check
import coverage_by_package


def messages(source: str, path: str = "src/isoguide/x.py") -> list[str]:
    return [finding.message for finding in budgets.findings_in(Path(path), source.encode())]


def function_of(lines: int) -> str:
    body = "".join(f"    x{line} = {line}\n" for line in range(lines))
    return f'def long():\n    """Say what.\n\n    And why.\n    """\n{body}'


def test_a_function_at_the_limit_passes_and_its_docstring_does_not_count() -> None:
    assert messages(function_of(budgets.LARGEST_FUNCTION_LINES)) == []


def test_a_function_one_line_over_the_limit_is_named() -> None:
    (message,) = messages(function_of(budgets.LARGEST_FUNCTION_LINES + 1))
    assert message == "long has 61 lines (limit 60); split it"


def test_a_function_with_only_a_docstring_has_no_lines() -> None:
    assert messages('def nothing():\n    """Do nothing."""\n') == []


def test_a_file_over_the_limit_is_named() -> None:
    (message,) = messages("x = 1\n" * (budgets.LARGEST_FILE_LINES + 1))
    assert "601 lines" in message


def test_a_typescript_file_over_its_own_limit_is_named() -> None:
    assert messages("x;\n" * budgets.LARGEST_SCRIPT_LINES, "console/src/x.ts") == []
    (message,) = messages("x;\n" * (budgets.LARGEST_SCRIPT_LINES + 1), "console/src/x.tsx")
    assert message == "the file has 401 lines (limit 400); split it"


def test_a_typescript_module_name_without_an_idea_is_found() -> None:
    (message,) = messages("x;\n", "console/src/helpers.ts")
    assert "'helpers'" in message


def test_what_a_program_made_has_no_budget() -> None:
    assert messages("TO" + "DO\n", "src/isoguide/service/page/assets/index-x.js") == []


@pytest.mark.parametrize(
    "line",
    [
        "x = 1  # noqa",
        "x = 1  # noqa: S101",
        "x = 1  # noqa: S101, E501 - no",
        "x = 1  # type: ignore[misc]",
        "x = 1  # pragma: no cover",
        "# ruff: noqa: D100",
    ],
)
def test_a_suppression_without_a_reason_is_found(line: str) -> None:
    (message,) = messages(line + "\n")
    assert message.endswith("has no reason; add ' - why' on the same line")


@pytest.mark.parametrize(
    "line",
    [
        "x = 1  # noqa: S101 - the assertion is for the type checker",
        "x = 1  # noqa: S101, E501 - a published table keeps its layout",
        "x = 1  # type: ignore[misc]  # the library ships no types",
        "x = 1  # pragma: no cover - only on a machine without Numba",
        "x = '# noqa'",
        "# an ordinary remark",
    ],
)
def test_a_suppression_with_a_reason_passes(line: str) -> None:
    assert messages(line + "\n") == []


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("see /ho" + "me/somebody/data", "a path of one machine"),
        ("open('/t" + "mp/x')", "a path of one machine"),
        ("TO" + "DO: later", "work left for later"),
        ("see iss" + "ue 12", "the number of a ticket"),
        ("fixes " + "#12", "the number of a ticket"),
        ("https://py" + "pi.org/simple/numpy", "the address of a package registry"),
        ("--index" + "-url https://example.org", "a choice of package registry"),
    ],
)
def test_a_trace_of_a_machine_or_of_unfinished_work_is_found_in_any_text(text: str, complaint: str) -> None:
    (message,) = messages(text + "\n", "docs/page.md")
    assert complaint in message


@pytest.mark.parametrize(
    "text",
    [
        "src/isoguide/work/x",
        "#!/usr/bin/env bash",
        "</root>",
        "the issue is 3 mm",
        "#0072b2",
        "a/tmp/b",
        "PS3.3 C.8",
    ],
)
def test_ordinary_text_passes(text: str) -> None:
    assert messages(text + "\n", "docs/page.md") == []


def test_a_module_name_without_an_idea_is_found() -> None:
    (message,) = messages("x = 1\n", "src/isoguide/utils.py")
    assert "'utils'" in message


def test_a_binary_file_has_no_budget() -> None:
    assert budgets.findings_in(Path("docs/images/x.png"), b"\x89PNG\0TO" + b"DO") == []


def test_the_budget_gate_names_file_and_line_and_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys
) -> None:
    monkeypatch.setattr(budgets, "ROOT", tmp_path)
    (tmp_path / "a.py").write_text("x = 1\ny = 2  # no" + "qa\n")
    (tmp_path / "ignored.py").write_text("x = 1  # no" + "qa\n")
    (tmp_path / ".gitignore").write_text("ignored.py\n")
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)

    assert budgets.main([]) == 1
    assert capsys.readouterr().out.splitlines()[0].startswith("a.py:2: 'noqa' has no reason")
    assert budgets.main([str(tmp_path / ".gitignore")]) == 0


def test_coverage_is_summed_by_package_and_a_single_file_is_a_package() -> None:
    packages = coverage_by_package.by_package(
        {
            Path("geometry/frames.py"): (30, []),
            Path("geometry/grid.py"): (10, [4, 5, 6, 9]),
            Path("plan.py"): (20, []),
        }
    )
    assert packages["geometry"].percent == pytest.approx(90.0)
    assert packages["plan"].percent == 100.0


def test_one_missed_line_in_geometry_is_too_many_and_is_named() -> None:
    packages = coverage_by_package.by_package({Path("geometry/grid.py"): (1000, [4, 5, 6, 9])})
    text, reached = coverage_by_package.report(packages)
    assert not reached
    assert "TOO LOW" in text
    assert "src/isoguide/geometry/grid.py: 4-6, 9" in text


def test_ninety_two_percent_is_enough_elsewhere() -> None:
    packages = coverage_by_package.by_package({Path("dicom/read.py"): (100, list(range(8)))})
    assert coverage_by_package.report(packages)[1]
    packages = coverage_by_package.by_package({Path("dicom/read.py"): (100, list(range(9)))})
    assert not coverage_by_package.report(packages)[1]


def test_coverage_without_a_test_run_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys
) -> None:
    monkeypatch.setattr(coverage_by_package, "ROOT", tmp_path)
    assert coverage_by_package.main() == 1
    assert "check.py tests" in capsys.readouterr().out


def gate(name: str, code: str) -> check.Gate:
    return check.Gate(name, "a stand-in", (sys.executable, "-c", code))


def test_a_passing_gate_prints_one_line_and_a_failing_one_everything(
    monkeypatch: pytest.MonkeyPatch, capsys
) -> None:
    passing = gate("calm", "print('a lot'); print('=== 7 passed ===')")
    failing = gate("loud", "print('the reason'); print('1 failed'); raise SystemExit(3)")
    monkeypatch.setattr(check, "GATES", (passing, failing))

    assert check.main([]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert re.fullmatch(r"ok     calm +\d+\.\d s  7 passed", lines[0])
    assert re.fullmatch(r"FAILED loud +\d+\.\d s  1 failed", lines[1])
    assert "the reason" in lines
    assert lines[-1] == "1 gates failed: loud"


def test_a_gate_runs_alone(monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    monkeypatch.setattr(check, "GATES", (gate("calm", ""), gate("loud", "raise SystemExit(3)")))
    assert check.main(["calm"]) == 0
    assert "loud" not in capsys.readouterr().out


def test_an_unknown_gate_is_refused() -> None:
    with pytest.raises(SystemExit) as refused:
        check.main(["speed"])
    assert refused.value.code == 2
