"""What an assessment leaves behind: files that other programs read back, all at once or not at all."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from prostate_to_the_left import LEFT_MM, quick_assessment, request_of
from pydicom import dcmread
from small_patient import SmallPatient

from isoguide.dicom import read_structure_set
from isoguide.dicom.deformable_registration import read_deformable_registration
from isoguide.errors import OutputError
from isoguide.geometry.frames import DAILY
from isoguide.registration.deformable.result import FieldVerdict
from isoguide.workflow.alignment import Alignment
from isoguide.workflow.assess import write_results as writing
from isoguide.workflow.assess.assess import Assessment
from isoguide.workflow.assess.document import (
    SCHEMA_FILE,
    AssessmentDocument,
    assessment_document,
    assessment_schema_text,
)
from isoguide.workflow.assess.report import assessment_html
from isoguide.workflow.assess.write_results import assess_into, write_results
from isoguide.workflow.documents import document_text

SCHEMA = Path(__file__).parents[2] / "docs" / "schema" / SCHEMA_FILE


def quiet(assessment: Assessment, monkeypatch: pytest.MonkeyPatch) -> Assessment:
    """Draw no pictures: what is tested lies beside them."""
    monkeypatch.setattr(writing, "assessment_html", lambda _: "<html></html>")
    return assessment


def test_all_results_lie_in_the_folder(assessed: tuple[Path, Assessment]) -> None:
    assert sorted(path.name for path in assessed[0].iterdir()) == [
        "assessment.json",
        "deformation.dcm",
        "density",
        "report.html",
        "rtstruct.dcm",
    ]


def test_the_document_satisfies_the_published_schema(assessed: tuple[Path, Assessment]) -> None:
    document = AssessmentDocument.model_validate_json((assessed[0] / "assessment.json").read_text("utf-8"))
    assert document.schema_version == "1.1"
    assert document.verdict == "for decision"
    assert document.field.quality.folded_fraction == 0.0
    assert document.field.limits["landmark_mean_mm"].value == 2.0
    assert "TG-132" in document.field.limits["landmark_mean_mm"].source
    assert document.structures[1].shift_mm == pytest.approx((LEFT_MM, 0.0, 0.0), abs=0.1)


def test_the_published_schema_is_that_of_the_document() -> None:
    assert SCHEMA.read_text(encoding="utf-8") == assessment_schema_text()


def test_fields_that_programs_rely_on_keep_their_names(assessed: tuple[Path, Assessment]) -> None:
    written = json.loads((assessed[0] / "assessment.json").read_text("utf-8"))
    assert sorted(written) == [
        "alerts", "approximations", "created_at", "density", "dose", "field", "inputs", "match",
        "not_assessed", "protocol", "reasons", "schema_version", "structures", "target",
        "timing_s", "verdict", "version", "warnings",
    ]  # fmt: skip
    assert sorted(written["structures"][0]) == [
        "dice", "extent_mm", "hausdorff_p95_mm", "is_target", "mean_distance_mm", "name",
        "planned_extent_mm", "planned_volume_ml", "seen_fraction", "shift_mm", "surface_largest_mm",
        "surface_mean_mm", "surface_p95_mm", "volume_change_percent", "volume_ml", "volume_sigma_ml",
    ]  # fmt: skip


def test_carried_contours_are_read_back_in_the_frame_of_the_day_s_image(
    assessed: tuple[Path, Assessment],
) -> None:
    read = read_structure_set(assessed[0] / "rtstruct.dcm", DAILY)
    series = assessed[1].alignment.daily.series
    assert read.names == ("PTV", "Prostate")
    assert read.frame_of_reference_uid == series.frame_of_reference_uid
    assert read.referenced_series_uid == series.series_instance_uid
    assert read.label == "ANATOMY OF DAY"
    assert "carried from the plan" in read.structure("PTV").description
    header = dcmread(assessed[0] / "rtstruct.dcm")
    assert {str(roi.ROIGenerationAlgorithm) for roi in header.StructureSetROISequence} == {"AUTOMATIC"}
    assert header.ApprovalStatus == "UNAPPROVED"


def test_the_deformation_is_read_back_with_its_direction(assessed: tuple[Path, Assessment]) -> None:
    read = read_deformable_registration(assessed[0] / "deformation.dcm")
    found = assessed[1].anatomy.found
    middle = assessed[1].alignment.planning.isocentre.xyz_mm[None]
    assert read.field.moved(middle) - middle == pytest.approx(np.array([[LEFT_MM, 0.0, 0.0]]), abs=1e-3)
    assert read.planning_from_daily.matrix == pytest.approx(found.planning_from_daily.matrix, abs=1e-6)


def test_the_density_is_a_derived_ct_in_the_frame_of_the_day_s_image(
    assessed: tuple[Path, Assessment],
) -> None:
    files = sorted((assessed[0] / "density").iterdir())
    series = assessed[1].alignment.daily.series
    assert len(files) == series.volume.grid.shape[0]
    header = dcmread(files[0], stop_before_pixels=True)
    assert header.ImageType[0] == "DERIVED"
    assert header.RescaleType == "HU"
    assert header.FrameOfReferenceUID == series.frame_of_reference_uid
    assert header.SeriesInstanceUID != series.series_instance_uid
    assert header.DerivationDescription.startswith("density of the day for dose: virtual CT")
    assert assessed[1].anatomy.density[0].body.any()


def test_what_is_not_for_decision_says_so_in_its_objects_and_gives_no_density(
    assessed: tuple[Path, Assessment], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    doubtful = replace(assessed[1], verdict=FieldVerdict.NOT_FOR_DECISION, reasons=("bone is stretched",))
    written = write_results(quiet(doubtful, monkeypatch), tmp_path)
    assert not (tmp_path / "density").exists()
    assert dcmread(tmp_path / "rtstruct.dcm").StructureSetLabel == "NOT FOR DECISION"
    assert dcmread(tmp_path / "deformation.dcm").ContentLabel == "NOT FOR DECISION"
    assert any("no dose shall rest on a deformation" in warning for warning in written.warnings)


def test_without_an_answer_report_and_document_say_why(
    assessed: tuple[Path, Assessment], unavailable: Alignment, tmp_path: Path
) -> None:
    nothing = Assessment(
        assessed[1].request, unavailable, FieldVerdict.NOT_AVAILABLE, ("other body region",), ()
    )
    write_results(nothing, tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["assessment.json", "report.html"]
    page = (tmp_path / "report.html").read_text("utf-8")
    assert "NOT AVAILABLE" in page
    assert "other body region" in page
    document = json.loads((tmp_path / "assessment.json").read_text("utf-8"))
    assert (document["field"], document["structures"]) == (None, [])


def test_when_something_fails_nothing_is_left_behind(
    assessed: tuple[Path, Assessment], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: Assessment) -> str:
        msg = "no space"
        raise OutputError(msg)

    monkeypatch.setattr(writing, "assess", lambda *_: assessed[1])
    monkeypatch.setattr(writing, "assessment_html", fail)
    with pytest.raises(OutputError, match="no space"):
        assess_into(assessed[1].request, tmp_path / "result")
    assert list(tmp_path.iterdir()) == []


def test_earlier_results_stay_unless_they_may_be_replaced(
    assessed: tuple[Path, Assessment], patient: SmallPatient, alignment: Alignment
) -> None:
    before = (assessed[0] / "assessment.json").read_bytes()
    with quick_assessment(patient, alignment), pytest.raises(OutputError, match="--force"):
        assess_into(request_of(patient), assessed[0])
    assert (assessed[0] / "assessment.json").read_bytes() == before


def test_the_report_loads_nothing_and_escapes_what_files_say(assessed: tuple[Path, Assessment]) -> None:
    page = (assessed[0] / "report.html").read_text("utf-8")
    assert "default-src 'none'" in page
    assert "<b>Sons</b>" not in page
    assert "&lt;b&gt;Sons&lt;/b&gt;" in page


@pytest.mark.parametrize(
    "words",
    [
        "FOR DECISION",
        "Target and organs today",
        "Surface of the target",
        "How tissue moved",
        "Where tissue grew or shrank",
        "Quality of the deformation",
        "Density for dose",
        "beyond the field of view tissue moves as its edge does",
    ],
)
def test_the_report_shows(assessed: tuple[Path, Assessment], words: str) -> None:
    assert words in (assessed[0] / "report.html").read_text("utf-8")


def test_alerts_stand_above_the_figures(
    assessed: tuple[Path, Assessment], monkeypatch: pytest.MonkeyPatch
) -> None:
    from isoguide.workflow.assess import report

    monkeypatch.setattr(report, "_anatomy", lambda _: ["<p>figures</p>"])
    words = "GTV is 32 % smaller than planned, more than the 20 % of the protocol: consider re-planning"
    page = assessment_html(replace(assessed[1], alerts=(words,)))
    assert page.index(words) < page.index("<p>figures</p>")
    assert assessment_document(replace(assessed[1], alerts=(words,))).alerts == (words,)


def test_the_document_is_strict_json(assessed: tuple[Path, Assessment]) -> None:
    text = document_text(assessment_document(assessed[1]))
    assert "NaN" not in text
    assert json.loads(text)["target"] == "PTV"


def test_without_dicom_only_report_and_document_are_written(
    assessed: tuple[Path, Assessment], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = assessed[1]
    alignment = replace(answer.alignment, planning=replace(answer.alignment.planning, dicom=None))
    written = write_results(quiet(replace(answer, alignment=alignment), monkeypatch), tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["assessment.json", "report.html"]
    assert written.warnings[-1] == (
        "rtstruct.dcm, deformation.dcm and density were not written: they need both images as DICOM"
    )


def test_without_a_structure_there_is_no_structure_set(
    assessed: tuple[Path, Assessment], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = assessed[1]
    bare = replace(answer.anatomy, structures=(), carried=())
    written = write_results(quiet(replace(answer, anatomy=bare), monkeypatch), tmp_path)
    assert not (tmp_path / "rtstruct.dcm").exists()
    assert any("rtstruct.dcm was not written" in warning for warning in written.warnings)
