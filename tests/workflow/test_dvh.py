"""From files to histograms and goals, and what is refused on the way."""

import csv
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import jsonschema
import pydicom
import pytest
from dvh_export import IMAGE, PLAN_UID, STRUCTURES, DvhExport, box, quick_gamma, rising_dose, write_export
from pydicom.dataset import Dataset

from isoguide.dicom import DoseDetails, PatientIdentity, StructureSetDetails, write_dose, write_structure_set
from isoguide.dose.goal_text import parse_goal
from isoguide.errors import (
    AmbiguityError,
    GeometryError,
    InputError,
    MismatchError,
    MissingEvidenceError,
    OutputError,
    UnknownNameError,
    UnreadableError,
)
from isoguide.workflow.dvh import analyse as analyse_module
from isoguide.workflow.dvh.analyse import DvhAnalysis, analyse
from isoguide.workflow.dvh.document import SCHEMA_FILE, dvh_schema_text
from isoguide.workflow.dvh.goals_file import read_goals
from isoguide.workflow.dvh.request import DvhRequest
from isoguide.workflow.dvh.write_results import RESULT_NAMES, analyse_into

SCHEMA = Path(__file__).parents[2] / "docs" / "schema" / SCHEMA_FILE


@pytest.fixture(scope="module")
def export(tmp_path_factory: pytest.TempPathFactory) -> DvhExport:
    return write_export(tmp_path_factory.mktemp("dvh"))


def asked(export: DvhExport, *goals: str, dose: Path | None = None, **changes: object) -> DvhRequest:
    request = DvhRequest(dose or export.dose, export.folder, goals=tuple(parse_goal(text) for text in goals))
    return replace(request, **changes)


def test_prescription_comes_from_the_plan_beside_the_structures(export: DvhExport) -> None:
    found = analyse(asked(export, "PTV D95% >= 95 %", "Cord max <= 45 Gy", "PTV V100% >= 90 %"))
    assert found.prescription_gy == 42.0
    assert [one.name for one in found.histograms] == ["PTV", "Cord"]
    # The target's 10 mm get 40 to 50 Gy.
    assert [one.value for one in found.goals] == pytest.approx([40.5 / 0.42, 32.0, 80.0], abs=0.3)
    assert [one.is_met for one in found.goals] == [True, True, False]
    assert not found.is_clear
    assert [one.name for one in found.left_out] == ["Nothing drawn"]
    assert found.warnings == ()


def test_a_dose_of_one_fraction_is_judged_over_all_fractions(export: DvhExport) -> None:
    found = analyse(asked(export, "PTV mean >= 45 Gy", dose=export.fraction))
    assert found.fractions == 20
    assert found.goals[0].value == pytest.approx(45.0, abs=0.05)
    assert found.histograms[0].mean_gy == pytest.approx(2.25, abs=0.01)
    alone = replace(
        asked(export, "PTV mean >= 45 Gy", dose=export.fraction), structures=export.folder / "rs.dcm"
    )
    with pytest.raises(MissingEvidenceError, match="say how many fractions there are with --fractions"):
        analyse(alone)
    with pytest.raises(MissingEvidenceError, match="goals and prescription are those of the whole course"):
        analyse(replace(alone, goals=(), prescription_gy=42.0))
    assert analyse(replace(alone, fractions=10)).goals[0].value == pytest.approx(22.5, abs=0.05)


def test_two_doses_are_judged_side_by_side(export: DvhExport) -> None:
    found = analyse(asked(export, "PTV mean >= 44 Gy", compare=export.second))
    assert [one.is_met for one in (*found.goals, *found.compared_goals)] == [True, False]
    assert found.compared is not None
    assert found.compared[0].mean_gy == pytest.approx(0.95 * found.histograms[0].mean_gy, rel=1e-3)


def test_gamma_is_in_the_report_and_in_the_document(
    tmp_path: Path, export: DvhExport, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(analyse_module, "gamma_index", quick_gamma)
    found = analyse_into(asked(export, compare=export.second, gamma=(3.0, 2.0)), tmp_path / "out")
    assert found.gamma is not None
    passed = found.gamma.pass_percent
    document = json.loads((tmp_path / "out/dvh.json").read_text(encoding="utf-8"))
    assert document["gamma"]["pass_percent"] == passed == pytest.approx(400.0 / 13.0)
    page = (tmp_path / "out/report.html").read_text(encoding="utf-8")
    assert f"<b>{passed:.1f} %</b>" in page
    assert "7 of them where the second dose ends" in page


def test_a_goal_for_a_structure_without_a_volume_says_so(export: DvhExport) -> None:
    found = analyse(asked(export, "Nothing drawn mean <= 2 Gy", "Liver mean <= 2 Gy"))
    assert [one.value for one in found.goals] == [None, None]
    assert "has no closed contour" in found.goals[0].reason
    assert found.goals[1].reason == "there is no structure 'Liver'; there are 'PTV', 'Cord'"
    assert not found.is_clear


def test_an_organ_beyond_the_grid_is_named_and_a_target_is_refused(tmp_path: Path, export: DvhExport) -> None:
    for kind in ("ORGAN", "PTV"):
        structures = (*STRUCTURES, box("Long", 8, kind, 10.0, 30.0))
        path = tmp_path / f"{kind}.dcm"
        write_structure_set(path, structures, image=IMAGE)
    organ = analyse(replace(asked(export, "Long mean <= 60 Gy"), structures=tmp_path / "ORGAN.dcm"))
    told = "'Long' lies outside the dose grid and counts with 0 Gy"
    assert any(told in one for one in organ.approximations)
    assert told in organ.goals[0].reason
    with pytest.raises(MismatchError, match="of target 'Long' lies outside the grid"):
        analyse(replace(asked(export), structures=tmp_path / "PTV.dcm"))


def changed(export: DvhExport, folder: Path, edit: Callable[[Dataset], None]) -> Path:
    dataset = pydicom.dcmread(export.second)
    edit(dataset)
    path = folder / "changed.dcm"
    dataset.save_as(path)
    return path


def _other_patient(dataset: Dataset) -> None:
    dataset.PatientID = "D-2"


def _other_frame(dataset: Dataset) -> None:
    dataset.FrameOfReferenceUID = "2.25.999"


def _no_frame(dataset: Dataset) -> None:
    del dataset.FrameOfReferenceUID, dataset.ReferencedStructureSetSequence


def _relative(dataset: Dataset) -> None:
    dataset.DoseUnits = "RELATIVE"


def _of_a_beam(dataset: Dataset) -> None:
    dataset.DoseSummationType = "BEAM"


@pytest.mark.parametrize(
    ("edit", "error", "message"),
    [
        (_other_patient, MismatchError, "belongs to another patient"),
        (_other_frame, MismatchError, "in the frame of reference"),
        (_no_frame, MissingEvidenceError, "cannot be tied to"),
        (_relative, UnreadableError, "in 'RELATIVE'; export a physical dose in GY"),
    ],
)
def test_a_dose_that_does_not_belong_is_refused(
    tmp_path: Path, export: DvhExport, edit: Callable[[Dataset], None], error: type[InputError], message: str
) -> None:
    path = changed(export, tmp_path, edit)
    for request in (asked(export, dose=path), asked(export, compare=path)):
        with pytest.raises(error, match=message):
            analyse(request)


def test_a_dose_of_a_part_of_the_plan_is_named_and_not_compared_with_the_whole(
    tmp_path: Path, export: DvhExport
) -> None:
    path = changed(export, tmp_path, _of_a_beam)
    assert any(
        "dose of 'BEAM', which may be a part" in one
        for one in analyse(asked(export, dose=path)).approximations
    )
    with pytest.raises(MismatchError, match="compare doses of the same"):
        analyse(asked(export, compare=path))


def test_what_is_missing_or_ambiguous_is_refused(tmp_path: Path, export: DvhExport) -> None:
    cases: list[tuple[DvhRequest, type[InputError], str]] = [
        (asked(export, gamma=(3.0, 2.0)), MissingEvidenceError, "with --compare"),
        (asked(export, prescription_gy=0.0), MissingEvidenceError, "the prescription is 0 Gy"),
        (asked(export, fractions=5), MismatchError, "--fractions makes no sense"),
        (asked(export, structure_names=("Liver",)), UnknownNameError, "there is no structure 'Liver'"),
        (asked(export, structure_names=("Nothing drawn",)), GeometryError, "no closed contour"),
        (asked(export, structure_names=("Point",)), MissingEvidenceError, "no structure has a volume"),
        (asked(export, dose=tmp_path), MissingEvidenceError, "holds no RT Dose"),
        (asked(export, dose=export.folder.parent), AmbiguityError, "holds 3 doses"),
        (replace(asked(export), structures=tmp_path), MissingEvidenceError, "holds no RT Structure Set"),
        (asked(export, structure_set_uid="1.2.3"), MissingEvidenceError, "no RT Structure Set with the UID"),
        (asked(export, dose=tmp_path / "no.dcm"), InputError, "no.dcm"),
    ]
    for request, error, message in cases:
        with pytest.raises(error, match=message):
            analyse(request)


def test_another_structure_set_of_the_patient_is_accepted_with_a_warning(
    tmp_path: Path, export: DvhExport
) -> None:
    details = StructureSetDetails(label="AGAIN")
    write_structure_set(tmp_path / "rs.dcm", STRUCTURES, image=IMAGE, details=details)
    found = analyse(replace(asked(export, "PTV D95% >= 95 %"), structures=tmp_path))
    assert any("refers to another structure set" in one for one in found.warnings)
    # No plan lies there, so nobody states a prescription.
    assert found.goals[0].reason == "the prescribed dose is not known"
    third = StructureSetDetails(label="THIRD")
    write_structure_set(tmp_path / "third.dcm", STRUCTURES, image=IMAGE, details=third)
    with pytest.raises(AmbiguityError, match="--structures UID"):
        analyse(replace(asked(export), structures=tmp_path))


def test_all_results_are_written_and_fit_the_schema(tmp_path: Path, export: DvhExport) -> None:
    request = asked(export, "PTV D95% >= 95 %", "Liver mean <= 2 Gy", compare=export.second)
    analyse_into(request, tmp_path / "out")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == sorted(RESULT_NAMES)
    document = json.loads((tmp_path / "out/dvh.json").read_text(encoding="utf-8"))
    jsonschema.validate(document, json.loads(SCHEMA.read_text(encoding="utf-8")))
    target = document["dose"]["structures"][0]
    assert target["name"] == "PTV"
    assert target["mean_gy"] == pytest.approx(45.0, abs=0.05)
    assert target["volume_percent"][0] == 100.0
    assert target["volume_percent"][-1] == 0.0
    assert document["dose"]["goals"][1]["value"] is None
    rows = list(csv.reader((tmp_path / "out/dvh.csv").read_text(encoding="utf-8").splitlines()))
    assert rows[0][0] == "dose_gy"
    assert rows[0][1].startswith("PTV (% of ")
    assert rows[1][:2] == ["0.0", "100.0"]
    half_way = next(row for row in rows[1:] if float(row[0]) >= 45.0)
    assert float(half_way[1]) == pytest.approx(50.0, abs=1.0)
    page = (tmp_path / "out/report.html").read_text(encoding="utf-8")
    assert "<b>Dose" not in page
    assert "Patient &lt;b&gt;" in page
    assert "1 of 4 goals missed, 2 without a value." in page
    with pytest.raises(OutputError, match="--force"):
        analyse_into(request, tmp_path / "out")


def test_a_report_of_met_goals_says_so(tmp_path: Path, export: DvhExport) -> None:
    met: DvhAnalysis = analyse_into(asked(export, "PTV max <= 52 Gy"), tmp_path / "met")
    assert met.is_clear
    assert "GOALS MET" in (tmp_path / "met/report.html").read_text(encoding="utf-8")
    analyse_into(asked(export, dose=export.fraction), tmp_path / "none")
    page = (tmp_path / "none/report.html").read_text(encoding="utf-8")
    assert "dose of one of 20 fractions" in page
    assert "GOALS MET" not in page


def test_the_published_schema_is_that_of_the_document() -> None:
    assert SCHEMA.read_text(encoding="utf-8") == dvh_schema_text()


def test_goals_are_read_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "goals.txt"
    path.write_text("# of the trial\nPTV D95% >= 57 Gy\n\nCord max <= 45 Gy  # serial\n", encoding="utf-8")
    assert [goal.structure for goal in read_goals(path)] == ["PTV", "Cord"]
    path.write_text("PTV D95% >= 57 Gy\nCord\n", encoding="utf-8")
    with pytest.raises(UnreadableError, match="line 2: 'Cord' is not a goal"):
        read_goals(path)
    path.write_text("# nothing\n", encoding="utf-8")
    with pytest.raises(MissingEvidenceError, match="holds no goal"):
        read_goals(path)
    with pytest.raises(UnreadableError, match="cannot be read as text"):
        read_goals(tmp_path)


def test_a_plan_that_cannot_be_read_is_left_out_and_named(tmp_path: Path, export: DvhExport) -> None:
    for name in ("rs.dcm", "rp.dcm"):
        dataset = pydicom.dcmread(export.folder / name)
        if name == "rp.dcm":
            del dataset.PatientSetupSequence
        dataset.save_as(tmp_path / name)
    found = analyse(replace(asked(export), structures=tmp_path))
    assert found.prescription_gy is None
    assert any("the plan was left out, and with it its prescription" in one for one in found.warnings)


def test_a_dose_without_names_is_that_of_nobody(tmp_path: Path, export: DvhExport) -> None:
    nobody = replace(IMAGE, patient=PatientIdentity("D-1"))
    details = DoseDetails(PLAN_UID, summation="PLAN", comment="nobody")
    write_dose(tmp_path / "rd.dcm", rising_dose(), image=nobody, details=details)
    assert analyse(asked(export, dose=tmp_path / "rd.dcm")).prescription_gy == 42.0
