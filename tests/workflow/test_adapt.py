"""From an export and a day's image to corrected plans on disk: the prostate lies 5 mm further left.

Doses are a formula here, for speed: what is tested is which plan is written for whom, and what is shown.
"""

import json
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pydicom
import pytest
from jsonschema import Draft202012Validator
from prostate_to_the_left import quick_assessment, request_of
from small_patient import SmallPatient
from typer.testing import CliRunner

from isoguide.adaptation import ladder
from isoguide.adaptation.result import Rung
from isoguide.cli.app import app
from isoguide.dicom import read_dose, read_structure_set
from isoguide.dicom.rtplan import read_plan
from isoguide.dose.pencil_beam import SegmentDoses, segments_of
from isoguide.dose.result import DoseAlgorithm, DoseDistribution
from isoguide.errors import InputError
from isoguide.geometry.frames import DAILY
from isoguide.geometry.grid import Grid
from isoguide.geometry.iec61217 import fixed_from_planning
from isoguide.registration.deformable.result import FieldVerdict
from isoguide.workflow.adapt import report
from isoguide.workflow.adapt.adapt import Adaptation
from isoguide.workflow.adapt.document import (
    SCHEMA_FILE,
    AdaptationDocument,
    adaptation_document,
    adaptation_schema_text,
)
from isoguide.workflow.adapt.files import why_no_files
from isoguide.workflow.adapt.report import adaptation_html
from isoguide.workflow.adapt.request import AdaptRequest, StatedDisplacement
from isoguide.workflow.adapt.write_results import adapt_into
from isoguide.workflow.alignment import Alignment
from isoguide.workflow.assess.request import DoseChoice
from isoguide.workflow.documents import document_text
from isoguide.workflow.dose import day

SCHEMAS = Path(__file__).resolve().parents[2] / "docs" / "schema"
CHOICE = DoseChoice("generic-6mv", goals=("PTV D95% >= 90 %", "Prostate max <= 107 %"))


def dose_by_formula(plan, density, machine, *, placement, settings=None, progress=None) -> DoseDistribution:
    """3.3 Gy about the isocentre of the room, falling off from 40 mm, on 8 mm: half of the PTV gets 3 Gy."""
    coarse = density.grid
    shape = tuple(int(n) for n in np.ceil(np.array(coarse.extent_mm)[::-1] / 8.0) + 1)
    grid = Grid(coarse.frame, shape, np.full(3, 8.0), coarse.origin_mm, coarse.direction)
    indices = np.stack(np.unravel_index(np.arange(np.prod(shape)), shape)[::-1], axis=1).astype(float)
    placed = placement.fixed_from_patient or fixed_from_planning("HFS", plan.isocentre_mm())
    away_mm = np.linalg.norm(placed.apply(grid.xyz(indices)), axis=1)
    dose = 3.3 / (1.0 + np.exp((away_mm - 40.0) / 8.0))
    return DoseDistribution(
        grid,
        dose.reshape(shape).astype(np.float32),
        plan_uid=plan.sop_instance_uid,
        beam_data=machine.name,
        approximations=("it is a formula",),
    )


def segments_by_formula(plan, density, machine, points_mm, **_) -> SegmentDoses:
    """All segments alike, but for a slope that weights can take away."""
    keys = tuple(key for beam in plan.beams if beam.is_treatment for key in segments_of(beam))
    slope = np.linspace(-1.0, 1.0, len(keys))[:, None] * (points_mm[:, 0] - points_mm[:, 0].mean())[None, :]
    total = sum(beam.meterset_mu for beam in plan.beams if beam.is_treatment)
    return SegmentDoses(
        keys,
        np.full(len(keys), total / len(keys)),
        np.maximum((2.4 / total) * (1.0 + 0.02 * slope), 0.0).astype(np.float32),
    )


@pytest.fixture(scope="module")
def quick(patient: SmallPatient, alignment: Alignment) -> Iterator[None]:
    with quick_assessment(patient, alignment) as patched:
        patched.setattr(day, "delivery_of", lambda *given: given)
        patched.setattr(day, "dose_of", lambda given, _: dose_by_formula(*given[:3], placement=given[3]))
        patched.setattr(ladder, "compute_dose", dose_by_formula)
        patched.setattr(ladder, "segment_doses", segments_by_formula)
        patched.setattr(report, "dose_planes", partial(report.dose_planes, pixels=60))
        yield


@pytest.fixture(scope="module")
def result(
    tmp_path_factory: pytest.TempPathFactory, patient: SmallPatient, quick: None
) -> tuple[Path, Adaptation]:
    folder = tmp_path_factory.mktemp("adapted") / "result"
    return folder, adapt_into(AdaptRequest(request_of(patient, dose=CHOICE)), folder)


def test_each_available_rung_leaves_a_plan_that_names_its_predecessor_and_its_dose(
    result: tuple[Path, Adaptation], patient: SmallPatient
) -> None:
    folder, answer = result
    assert answer.verdict is FieldVerdict.FOR_DECISION
    assert len(answer.corrected) >= 2
    predecessor = patient.session.plan.sop_instance_uid
    for one in answer.corrected:
        place = folder / one.rung.value.replace(" ", "-")
        dataset = pydicom.dcmread(place / "rtplan.dcm")
        assert dataset.ApprovalStatus == "UNAPPROVED"
        assert dataset.ReferencedRTPlanSequence[0].ReferencedSOPInstanceUID == predecessor
        assert one.plan is not None
        assert dataset.SOPInstanceUID == one.plan.sop_instance_uid
        assert read_dose(place / "rtdose.dcm", DAILY).plan_uid == one.plan.sop_instance_uid
        read = read_plan(place / "rtplan.dcm")
        np.testing.assert_allclose(
            read.beams[0].isocentre_mm, answer.assessment.alignment.setup.machine_isocentre_mm, atol=1e-3
        )


def test_a_plan_lies_in_the_frame_of_the_day_with_the_structures_of_the_day(
    result: tuple[Path, Adaptation],
) -> None:
    folder, answer = result
    contours = read_structure_set(folder / "re-plan" / "rtstruct.dcm", DAILY)
    plan = read_plan(folder / "virtual-couch-shift" / "rtplan.dcm")
    assert plan.structure_set_uid == contours.sop_instance_uid
    assert plan.frame_of_reference_uid == contours.frame_of_reference_uid
    assert plan.frame_of_reference_uid == answer.assessment.alignment.daily.series.frame_of_reference_uid
    assert {one.name for one in contours.structures} == {one.name for one in answer.problem.structures}


def test_a_re_plan_finds_the_day_and_the_predecessor_unchanged(
    result: tuple[Path, Adaptation], patient: SmallPatient
) -> None:
    folder, answer = result
    planned = answer.assessment.alignment.planning.dicom.plan_path
    assert (folder / "re-plan" / "predecessor.dcm").read_bytes() == planned.read_bytes()
    assert len(list((folder / "re-plan" / "ct").iterdir())) == answer.problem.density.grid.shape[0]
    assert (folder / "re-plan" / "rtdose.dcm").exists()
    assert answer.problem.plan.approval_status == patient.session.plan.approval_status


def test_report_and_document_show_each_rung_beside_the_plan(result: tuple[Path, Adaptation]) -> None:
    folder, answer = result
    page = (folder / "report.html").read_text(encoding="utf-8")
    document = AdaptationDocument.model_validate_json((folder / "adapt.json").read_text(encoding="utf-8"))
    assert [one.rung for one in document.ladder] == [rung.value for rung in Rung]
    for one in answer.ladder:
        assert one.rung.value.capitalize() in page
    assert "UNAPPROVED and goes nowhere by itself" in page
    assert "<script" not in page
    shifted = next(one for one in document.ladder if one.rung == "virtual couch shift")
    assert shifted.folder == "virtual-couch-shift"
    assert shifted.effect is not None
    assert document.planned is not None
    couch = next(one for one in document.ladder if one.rung == "couch")
    assert couch.reasons == ("the couch was to stay where it is",)


def test_the_published_schema_is_that_of_the_document(result: tuple[Path, Adaptation]) -> None:
    text = adaptation_schema_text()
    assert (SCHEMAS / SCHEMA_FILE).read_text(encoding="utf-8") == text
    document = json.loads(document_text(adaptation_document(result[1])))
    Draft202012Validator(json.loads(text)).validate(document)


def test_a_day_that_is_not_for_decision_leaves_no_plan(result: tuple[Path, Adaptation]) -> None:
    doubtful = replace(result[1], verdict=FieldVerdict.NOT_FOR_DECISION, reasons=("it does not fit",))
    assert why_no_files(doubtful) == "no plan shall rest on a day that is not for decision"
    page = adaptation_html(doubtful)
    assert "NOT FOR DECISION" in page
    assert "it does not fit" in page
    assert all(one.folder is None for one in adaptation_document(doubtful).ladder)


def test_a_rung_whose_dose_misses_the_target_shows_no_figures_of_it(
    result: tuple[Path, Adaptation], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What lies outside the dose grid counts with 0 Gy, which is no dose of the target."""
    monkeypatch.setattr(report, "_isodoses", lambda *_: "")
    answer = result[1]
    rung = next(one for one in answer.ladder if one.effect is not None)
    target = rung.effect.histograms["PTV"]
    half = replace(target, outside_ml=0.5 * target.volume_ml)
    missed = replace(rung, effect=replace(rung.effect, histograms={**rung.effect.histograms, "PTV": half}))
    page = report.adaptation_html(replace(answer, ladder=(missed,)))
    assert f"<td>{rung.rung.value}</td><td><span" in page
    assert "</span></td><td>–</td><td>–</td><td>–</td>" in page
    assert "50.0 % of &#x27;PTV&#x27; lies outside the dose grid and counts with 0 Gy" in page


def test_a_day_without_a_dose_says_so(result: tuple[Path, Adaptation]) -> None:
    _, answer = result
    nothing = replace(
        answer,
        assessment=replace(answer.assessment, dose=None),
        verdict=FieldVerdict.NOT_AVAILABLE,
        reasons=("the images do not match",),
        problem=None,
        ladder=(),
    )
    assert "NOT AVAILABLE" in adaptation_html(nothing)
    assert adaptation_document(nothing).planned is None
    assert why_no_files(nothing) == "there is no dose of the day"
    with pytest.raises(InputError, match="images do not match"):
        _ = nothing.dose


def test_the_command_answers_what_if_without_writing_a_plan(
    tmp_path: Path, patient: SmallPatient, quick: None
) -> None:
    command = [
        "adapt", str(patient.planning), str(patient.daily), "--machine", "generic-6mv",
        "--displacement", "10,0,0", "--rung", "virtual-couch-shift", "--couch", "3",
        "--goal", "PTV D95% >= 10 %", "--out", str(tmp_path / "out"),
    ]  # fmt: skip
    run = CliRunner().invoke(app, command)
    assert run.exit_code == 1, run.output
    assert "NOT FOR DECISION" in run.output
    assert "virtual couch shift" in run.output
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"adapt.json", "report.html"}
    written = json.loads((tmp_path / "out" / "adapt.json").read_text(encoding="utf-8"))
    assert any("stated by hand" in one for one in written["approximations"])
    assert [one["rung"] for one in written["ladder"]] == ["as the patient lies", "virtual couch shift"]


@pytest.mark.parametrize(
    ("option", "words"),
    [
        (("--couch", "5"), "3, 4, 6 or none"),
        (("--rung", "magic"), "--rung needs one of"),
        (("--displacement", "1,2"), "three or six numbers"),
        (("--displacement", "500,0,0"), "up to 100 mm"),
    ],
)
def test_a_wrong_option_is_answered_with_what_it_needs(option: tuple[str, str], words: str) -> None:
    run = CliRunner().invoke(app, ["adapt", "plan", "day", *option])
    assert run.exit_code != 0
    assert words in " ".join(run.output.replace("│", " ").split())


def test_a_ladder_needs_a_dose_by_the_pencil_beam(patient: SmallPatient) -> None:
    with pytest.raises(InputError, match="judged by their dose"):
        AdaptRequest(request_of(patient))
    with pytest.raises(InputError, match="confirm the plan that you choose"):
        AdaptRequest(request_of(patient, dose=replace(CHOICE, algorithm=DoseAlgorithm.COLLAPSED_CONE)))


def test_a_stated_displacement_turns_before_it_shifts() -> None:
    stated = StatedDisplacement(10.0, 0.0, 0.0, yaw_deg=90.0 / 5.0)
    np.testing.assert_allclose(
        stated.fixed_after_from_before.apply(np.zeros(3)), [10.0, 0.0, 0.0], atol=1e-12
    )
