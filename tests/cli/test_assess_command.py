"""``isoguide assess`` at the terminal: exit codes, refusals, and that the how-to says what is true."""

import json
import re
import shlex
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from typer.main import get_command

from isoguide.cli.app import app, run
from isoguide.dose.density import DensityMethod
from isoguide.errors import MismatchError
from isoguide.registration.deformable.result import FieldVerdict
from isoguide.workflow import documents
from isoguide.workflow.assess import assess as assess_module
from isoguide.workflow.assess import document, write_results
from isoguide.workflow.assess.anatomy import NotAssessed
from isoguide.workflow.assess.request import AssessRequest, DoseChoice

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "assess-the-anatomy.md"
COMMANDS = re.findall(r"^isoguide assess (.*)$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)


def answer(
    verdict: FieldVerdict = FieldVerdict.FOR_DECISION, alerts: tuple[str, ...] = ()
) -> SimpleNamespace:
    series = SimpleNamespace(patient="T-1 (Small)")
    gtv = SimpleNamespace(
        name="GTV",
        is_target=True,
        planned_volume_ml=10.0,
        volume_ml=7.0,
        volume_sigma_ml=0.4,
        volume_change_percent=-30.0,
        surface_p95_mm=2.5,
        shift_mm=np.array([5.0, 0.0, -1.0]),
    )
    anatomy = SimpleNamespace(
        structures=(gtv,),
        not_assessed=(NotAssessed("Lens", "is empty"),),
        approximations=("beyond the field of view",),
    )
    return SimpleNamespace(
        alignment=SimpleNamespace(
            planning=SimpleNamespace(series=series, plan=None, patient_position="HFS", path=Path("plan"))
        ),
        verdict=verdict,
        reasons=("bone is stretched",) if verdict is FieldVerdict.NOT_FOR_DECISION else (),
        alerts=alerts,
        warnings=(),
        anatomy=anatomy,
        dose=None,
        is_clear=verdict is FieldVerdict.FOR_DECISION and not alerts,
    )


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[AssessRequest]:
    """What was asked, in order; the answer is for decision."""
    requests: list[AssessRequest] = []

    def remember(request: AssessRequest, *_: object, **__: object) -> SimpleNamespace:
        requests.append(request)
        return answer()

    monkeypatch.setattr(assess_module, "assess", remember)
    monkeypatch.setattr(write_results, "assess_into", remember)
    return requests


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_of_the_how_to_is_understood(command: str, asked: list[AssessRequest]) -> None:
    assert run(["assess", *shlex.split(command)]) == 0
    assert asked[0].match.planning == Path("PLANNING")
    assert asked[0].match.daily == Path("DAILY")


def test_the_examples_of_the_help_are_understood(asked: list[AssessRequest]) -> None:
    examples = re.findall(r"`isoguide assess ([^`]*)`", get_command(app).commands["assess"].help)
    assert len(examples) == 6
    for example in examples[:-1]:
        assert run(["assess", *shlex.split(example)]) == 0
    assert asked[3].density is DensityMethod.VIRTUAL_CT
    assert asked[1].structure_names == ("Parotid_L",)
    assert asked[4].dose == DoseChoice("generic-6mv", None, ("PTV D95% >= 95 %",))


def test_options_of_the_dose_without_a_dose_are_refused(
    asked: list[AssessRequest], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["assess", "PLANNING", "DAILY", "--machine", "generic-6mv"]) == 2
    assert "--machine is about the dose of the day: add --dose" in capsys.readouterr().err
    assert asked == []


def test_the_how_to_shows_every_way_to_say_more() -> None:
    text = PAGE.read_text(encoding="utf-8")
    for option in ("--daily-structures", "--landmarks", "--protocol", "--structure", "--density", "--dose"):
        assert option in text


def test_what_moved_is_printed_with_verdict_and_what_is_assumed(
    asked: list[AssessRequest], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["assess", "PLANNING", "DAILY"]) == 0
    printed = " ".join(capsys.readouterr().out.split())
    assert "GTV 10.0 7.0 ± 0.4 \N{MINUS SIGN}30 % 2.5 mm 5.0 L · 0.0 · 1.0 F" in printed
    assert "FOR DECISION" in printed
    assert "not assessed: Lens: is empty" in printed
    assert "assumed: beyond the field of view" in printed


@pytest.mark.parametrize(
    ("given", "code"),
    [
        (answer(), 0),
        (answer(alerts=("GTV is 30 % smaller",)), 1),
        (answer(FieldVerdict.NOT_FOR_DECISION), 1),
        (answer(FieldVerdict.NOT_AVAILABLE), 1),
    ],
)
def test_the_exit_code_says_whether_somebody_has_to_look(
    monkeypatch: pytest.MonkeyPatch, given: SimpleNamespace, code: int
) -> None:
    monkeypatch.setattr(assess_module, "assess", lambda *_: given)
    assert run(["assess", "PLANNING", "DAILY"]) == code


def test_json_is_one_document(
    asked: list[AssessRequest], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(document, "assessment_document", lambda one: one)
    monkeypatch.setattr(documents, "document_text", lambda _: json.dumps({"verdict": "for decision"}))
    assert run(["assess", "PLANNING", "DAILY", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"verdict": "for decision"}


def test_bad_input_is_one_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(*_: object) -> None:
        msg = "the patients differ: give the image of this patient"
        raise MismatchError(msg)

    monkeypatch.setattr(assess_module, "assess", refuse)
    assert run(["assess", "PLANNING", "DAILY"]) == 2
    assert capsys.readouterr().err == "isoguide: the patients differ: give the image of this patient\n"


def test_a_method_of_density_that_does_not_exist_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["assess", "PLANNING", "DAILY", "--density", "guess"]) == 2
    assert "virtual, shading or classes, not 'guess'" in capsys.readouterr().err


def test_a_folder_that_does_not_exist_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["assess", str(tmp_path / "plan"), str(tmp_path / "day")]) == 2
    assert "does not exist" in capsys.readouterr().err


def test_a_second_method_is_made_to_say_how_sure_the_density_is(asked: list[AssessRequest]) -> None:
    run(["assess", "PLANNING", "DAILY", "--density", "shading"])
    shading, virtual = asked[0].density_methods
    assert (shading, virtual) == (DensityMethod.SHADING_CORRECTED, DensityMethod.VIRTUAL_CT)
    assert replace(asked[0], density=DensityMethod.VIRTUAL_CT).density_methods == (virtual, shading)
