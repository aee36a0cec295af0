"""The dose of a plan from a folder: three files that agree, and a refusal for whatever could be another's."""

import json
import re
from dataclasses import replace
from pathlib import Path

import dosed_phantom as phantom
import numpy as np
import pydicom
import pytest

from isoguide.cli.app import run
from isoguide.dicom import read_dose
from isoguide.dose.stated import NO_POINT
from isoguide.errors import InputError
from isoguide.plan import Beam, Wedge
from isoguide.workflow.dose.compute import PlanDose, dose_of_plan
from isoguide.workflow.dose.day import DosePrescription, far_from_prescription
from isoguide.workflow.dose.document import DoseDocument, dose_schema_text
from isoguide.workflow.dose.figures import beside_gy
from isoguide.workflow.dose.request import DoseRequest
from isoguide.workflow.dose.write_results import dose_into

SCHEMA = Path(__file__).parents[2] / "docs" / "schema" / "dose-1.json"
GOALS = ("PTV D95% >= 90 %", "Left mean <= 0.1 Gy")


@pytest.fixture(scope="module")
def export(tmp_path_factory: pytest.TempPathFactory) -> phantom.Export:
    made = phantom.write_export(tmp_path_factory.mktemp("block"))
    _state(made.folder / "RP.dcm")
    return made


def _state(path: Path) -> None:
    """Let the first beam state its surface and the dose at the isocentre, the second a dose without place."""
    plan = pydicom.dcmread(path)
    first, second = plan.FractionGroupSequence[0].ReferencedBeamSequence
    first.BeamDose, second.BeamDose = 1.5, 1.5
    first.BeamDoseSpecificationPoint = [float(value) for value in phantom.ISOCENTRE_MM]
    plan.BeamSequence[0].ControlPointSequence[0].SourceToSurfaceDistance = 900.0
    plan.save_as(path)


@pytest.fixture(scope="module")
def folder(export: phantom.Export) -> Path:
    return export.folder


@pytest.fixture(scope="module")
def computed(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, PlanDose]:
    out = tmp_path_factory.mktemp("dose") / "out"
    request = DoseRequest(folder, "generic-6mv", spacing_mm=5.0, goals=GOALS)
    return out, dose_into(request, out)


def test_document_and_report_say_the_same(computed: tuple[Path, PlanDose]) -> None:
    out, answer = computed
    document = DoseDocument.model_validate_json((out / "dose.json").read_text(encoding="utf-8"))
    page = (out / "report.html").read_text(encoding="utf-8")
    target = document.structures[0]
    assert (target.name, target.is_target, document.target) == ("PTV", True, "PTV")
    assert f"{target.dose.d95_gy * 20:.2f}" in page
    assert document.prescription.model_dump() == {"dose_gy": 60.0, "fractions": 20}
    assert document.calculation.weakness in document.approximations
    assert [goal.is_met for goal in document.goals][1] is False
    assert not answer.is_clear
    assert answer.goals_missed[-1] == "Left"


@pytest.mark.parametrize(("share", "is_told"), [(0.85, True), (0.95, False), (1.4, False), (1.6, True)])
def test_a_target_that_gets_another_dose_than_prescribed_is_named(
    computed: tuple[Path, PlanDose], share: float, is_told: bool
) -> None:
    """Wrong beam data or monitor units meet every goal of "at least" when they give too much."""
    planned = computed[1].planned
    half_gy = planned.placed.histograms["PTV"].dose_at_volume_gy(50.0)
    order = replace(planned.order, prescription=DosePrescription(20.0 * half_gy / share, 20))
    told = far_from_prescription(replace(planned, order=order))
    assert bool(told) == is_told
    assert all(f"half of 'PTV' at least {100.0 * share:.0f} % of the prescription" in one for one in told)


def test_a_dose_and_its_change_agree_to_the_last_figure() -> None:
    assert beside_gy(9.346, 9.355) == "9.35 (\N{MINUS SIGN}0.01)"
    assert beside_gy(9.352, 9.353) == "9.35 (0.00)"


def test_the_report_is_safe_and_whole(computed: tuple[Path, PlanDose]) -> None:
    page = (computed[0] / "report.html").read_text(encoding="utf-8")
    assert "&lt;b&gt;Sons" in page
    assert "<b>Sons" not in page
    assert page.count('class="picture"') == 3
    assert "Content-Security-Policy" in page
    assert "GOALS NOT MET" in page
    assert "Its weakness:" in page
    assert not re.search(r'(src|href)="(?!data:)', page)


def test_document_and_report_hold_what_the_plan_states_of_its_beams(computed: tuple[Path, PlanDose]) -> None:
    out, answer = computed
    first, second = json.loads((out / "dose.json").read_text(encoding="utf-8"))["stated"]
    point = first["points"][0]
    assert point["stated_gy"] == 1.5
    assert point["off_percent"] == pytest.approx(100.0 * (point["computed_gy"] / 1.5 - 1.0), abs=1e-6)
    assert (first["not_compared"], second["not_compared"]) == ("", NO_POINT)
    assert first["stated_surface_mm"] == 900.0
    # The block reaches 60 mm before its middle.
    assert first["surface_mm"] == pytest.approx(940.0, abs=3.0)
    assert any("mm nearer to the source of beam 1" in warning for warning in answer.warnings)
    page = (out / "report.html").read_text(encoding="utf-8")
    assert "Beside what the plan states of its beams" in page
    assert f"{point['computed_gy']:.3f}" in page


def test_the_dose_comes_back_from_the_file_over_all_fractions(computed: tuple[Path, PlanDose]) -> None:
    out, answer = computed
    found, ours = read_dose(out / "rtdose.dcm"), answer.planned.placed.dose
    assert (found.summation_type, found.plan_uid) == ("PLAN", "2.25.4711")
    np.testing.assert_allclose(found.dose_gy, 20.0 * ours.dose_gy, atol=1e-4)
    np.testing.assert_allclose(found.grid.origin_mm, ours.grid.origin_mm, atol=1e-3)


def test_the_published_schema_is_that_of_the_document() -> None:
    assert SCHEMA.read_text(encoding="utf-8") == dose_schema_text()


def test_our_own_dose_compares_as_equal(
    folder: Path, computed: tuple[Path, PlanDose], tmp_path: Path
) -> None:
    request = DoseRequest(folder, "generic-6mv", spacing_mm=5.0, compare=computed[0] / "rtdose.dcm")
    answer = dose_into(request, tmp_path / "out")
    other = answer.comparison
    assert other is not None
    assert (other.mean_percent, other.p95_percent) == pytest.approx((0.0, 0.0), abs=1e-3)
    assert other.histograms["PTV"].mean_gy == pytest.approx(answer.planned.placed.histograms["PTV"].mean_gy)
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert "Beside the planning system" in page
    assert page.count('class="picture"') == 6


@pytest.mark.parametrize(
    ("edit", "words"),
    [
        ({"PatientID": "somebody"}, "belongs to another patient"),
        ({"FrameOfReferenceUID": "1.2.3"}, "another frame of reference"),
        ({"DoseSummationType": "BEAM"}, "sums up 'BEAM'"),
    ],
)
def test_another_dose_is_not_compared(
    folder: Path, computed: tuple[Path, PlanDose], tmp_path: Path, edit: dict[str, str], words: str
) -> None:
    dataset = pydicom.dcmread(computed[0] / "rtdose.dcm")
    for keyword, value in edit.items():
        setattr(dataset, keyword, value)
    dataset.save_as(tmp_path / "other.dcm")
    request = DoseRequest(folder, "generic-6mv", spacing_mm=5.0, compare=tmp_path / "other.dcm")
    with pytest.raises(InputError, match=words):
        dose_of_plan(request)


def both(**changes: object) -> tuple[Beam, ...]:
    return phantom.beam(1, 0.0, **changes), phantom.beam(2, 180.0, **changes)


def wedged() -> tuple[Beam, ...]:
    first, second = both(wedges=(Wedge(1, "STANDARD", "W45", 45.0, 0.0),))
    points = tuple(replace(point, wedges_in=(1,)) for point in first.control_points)
    return replace(first, control_points=points), second


def at_energy(energy_mv: float) -> tuple[Beam, ...]:
    return tuple(
        replace(one, control_points=tuple(replace(p, energy_mv=energy_mv) for p in one.control_points))
        for one in both()
    )


@pytest.mark.parametrize(
    ("beams", "words"),
    [
        (both(radiation_type="ELECTRON"), "only photons are computed"),
        (both(radiation_type="PROTON"), "only photons are computed"),
        (both(dosimeter_unit="MINUTE"), "not in monitor units"),
        (both(fluence_mode="NON_STANDARD:FFF"), "flattening filter"),
        (both(meterset_mu=None), "has monitor units"),
        (wedged(), "W45"),
        (at_energy(10.0), "its energy is 10 MV"),
    ],
    ids=["electrons", "protons", "minutes", "no filter", "no monitor units", "wedge", "energy"],
)
def test_what_is_not_supported_ends_in_one_sentence(
    beams: tuple[Beam, ...],
    words: str,
    export: phantom.Export,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    folder = export.with_plan(phantom.plan(*beams), tmp_path / "other")
    assert run(["dose", str(folder), "--machine", "generic-6mv", "--quiet"]) == 2
    said = capsys.readouterr().err
    assert words in said
    assert said.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "no beam data for the machine 'LINAC'"),
        (["--machine", "no-such-machine"], "no-such-machine"),
        (["--machine", "generic-6mv", "--target", "GTV"], "no structure 'GTV'"),
        (["--machine", "generic-6mv", "--goal", "PTV is well"], "is not a goal"),
        (["--machine", "generic-6mv", "--algorithm", "guess"], "--algorithm needs pencil or cone"),
        (["--machine", "generic-6mv", "--structure", "Spleen"], "no structure 'Spleen'"),
    ],
)
def test_what_is_missing_is_asked_for(
    arguments: list[str], words: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["dose", str(folder), *arguments, "--quiet"]) == 2
    said = capsys.readouterr().err
    assert words in said
    assert said.count("\n") == 1


def test_a_folder_without_plan_or_structures_is_refused(folder: Path, tmp_path: Path) -> None:
    for missing, words in (("RP.dcm", "holds no plan"), ("RS.dcm", "holds no structure set")):
        part = tmp_path / missing
        part.mkdir()
        for file in folder.iterdir():
            if file.name != missing:
                (part / file.name).symlink_to(file)
        with pytest.raises(InputError, match=words):
            dose_of_plan(DoseRequest(part, "generic-6mv"))


def test_a_plan_of_another_patient_is_refused(folder: Path, tmp_path: Path) -> None:
    for file in folder.iterdir():
        if file.name != "RP.dcm":
            (tmp_path / file.name).symlink_to(file)
    dataset = pydicom.dcmread(folder / "RP.dcm")
    dataset.PatientID = "somebody"
    dataset.save_as(tmp_path / "RP.dcm")
    with pytest.raises(InputError, match="another patient"):
        dose_of_plan(DoseRequest(tmp_path, "generic-6mv"))


def test_the_terminal_shows_doses_goals_and_what_is_assumed(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = run(
        ["dose", str(folder), "--machine", "generic-6mv", "--spacing", "5", "--goal", "PTV D95% >= 50 %"]
    )
    assert code == 0
    printed = " ".join(capsys.readouterr().out.split())
    assert "Gy in 20 fractions" in printed
    assert "✔ PTV D95% >= 50 %:" in printed
    assert "those of 'LINAC' may give several percent more or less" in printed
    assert "the planning system states 1.500 Gy at" in printed
    assert "is available for beam 2: the plan does not say at which point" in printed


def test_the_document_is_printed_when_asked_for(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["dose", str(folder), "--machine", "generic-6mv", "--spacing", "5", "--json", "--quiet"]
    assert run([*arguments, "--goal", "Left mean <= 0.1 Gy"]) == 1
    document = json.loads(capsys.readouterr().out)
    assert document["goals"][0]["is_met"] is False
