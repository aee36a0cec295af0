"""``isoguide dvh`` at the terminal: its table, its document, its exit codes, and that the how-to is true."""

import json
import re
import shlex
from pathlib import Path

import pytest
from dvh_export import DvhExport, quick_gamma, write_export

from isoguide.cli.app import run
from isoguide.workflow.dvh import analyse as analyse_module
from isoguide.workflow.dvh import write_results
from isoguide.workflow.dvh.request import DvhRequest

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "read-a-dvh.md"
COMMANDS = re.findall(r"^isoguide dvh (.*)$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)


@pytest.fixture(scope="module")
def export(tmp_path_factory: pytest.TempPathFactory) -> DvhExport:
    return write_export(tmp_path_factory.mktemp("dvh"))


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_of_the_how_to_is_understood(command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    requests: list[DvhRequest] = []

    def remember(request: DvhRequest, *_: object, **__: object) -> None:
        requests.append(request)
        raise KeyboardInterrupt

    monkeypatch.setattr(analyse_module, "analyse", remember)
    monkeypatch.setattr(write_results, "analyse_into", remember)
    goals = Path("goals.txt")
    monkeypatch.setattr("isoguide.workflow.dvh.goals_file.read_goals", lambda path: (path == goals,))
    run(["dvh", *shlex.split(command)])
    assert requests[0].dose == Path("DOSE.dcm")
    assert requests[0].structures == Path("PLANNING")


def test_a_met_goal_ends_with_0_and_a_missed_one_with_1(isoguide, export: DvhExport) -> None:
    met = isoguide("dvh", export.dose, export.folder, "--goal", "PTV D95% >= 95 %")
    assert met.code == 0
    assert "✔ PTV D95% >= 95 %" in met.out
    assert "D-1" in met.out
    missed = isoguide(
        "dvh", export.dose, export.folder, "--goal", "PTV mean <= 40 Gy", "--compare", export.second
    )
    assert missed.code == 1
    assert "✖ PTV mean <= 40 Gy" in missed.out
    assert "(compared)" in missed.out
    unknown = isoguide("dvh", export.dose, export.folder, "--goal", "Liver mean <= 40 Gy")
    assert unknown.code == 1
    assert "no value" in unknown.out


def test_the_document_and_the_files_are_given(isoguide, tmp_path: Path, export: DvhExport) -> None:
    goals = tmp_path / "goals.txt"
    goals.write_text("Cord max <= 45 Gy\n", encoding="utf-8")
    ended = isoguide("dvh", export.dose, export.folder, "--goals", goals, "--json", "--out", tmp_path / "out")
    assert ended.code == 0
    assert json.loads(ended.out)["dose"]["goals"][0]["is_met"] is True
    assert (tmp_path / "out/report.html").exists()
    table = isoguide("dvh", export.dose, export.folder, "--out", tmp_path / "out", "--force")
    assert "Results:" in table.out
    assert isoguide("dvh", export.dose, export.folder, "-q").out == ""


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--gamma", "3"), "--gamma needs percent and millimetres like 3,2"),
        (("--gamma", "3,2"), "give the other one with --compare"),
        (("--goal", "PTV D95% >= 95 Gray"), "is not a goal; write it like"),
        (("--prescription", "0"), "the prescription is 0 Gy"),
        (("--fractions", "0"), "--fractions needs a number above 0"),
        (("--structure", "Liver"), "there is no structure 'Liver'"),
    ],
)
def test_what_makes_no_sense_is_answered_with_one_sentence(
    isoguide, export: DvhExport, options: tuple[str, ...], message: str
) -> None:
    ended = isoguide("dvh", export.dose, export.folder, *options)
    assert ended.code == 2
    assert message in " ".join(ended.err.replace("│", " ").split())


def test_gamma_is_shown(isoguide, export: DvhExport, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(analyse_module, "gamma_index", quick_gamma)
    ended = isoguide("dvh", export.dose, export.folder, "--compare", export.dose, "--gamma", "3,2")
    assert "gamma 3 % / 2 mm: 30.8 % pass" in ended.out
