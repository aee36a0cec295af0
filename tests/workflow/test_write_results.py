import json
from dataclasses import replace

import numpy as np
import pydicom
import pytest

from isoguide.dicom import read_position_report, read_spatial_registration
from isoguide.errors import Cancelled, OutputError
from isoguide.workflow.request import AlignRequest
from isoguide.workflow.write_results import RESULT_NAMES, align_into, write_results


def names_in(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture(scope="module")
def results(alignment, tmp_path_factory):
    folder = tmp_path_factory.mktemp("results")
    write_results(alignment, folder)
    return folder


def test_four_files_are_written(results):
    assert names_in(results) == sorted(RESULT_NAMES)


def test_the_registration_object_carries_the_same_matrix(results, alignment):
    registration = read_spatial_registration(results / "registration.dcm")
    matrix = registration.between(
        alignment.planning.series.frame_of_reference_uid, alignment.daily.series.frame_of_reference_uid
    ).matrix

    assert np.allclose(matrix, alignment.planning_from_daily.matrix, atol=1e-9)


def test_the_structured_report_carries_the_same_six_numbers(results, alignment):
    report = read_position_report(results / "report.dcm")

    for name, value in json.loads((results / "result.json").read_text())["couch_correction"].items():
        assert getattr(report.correction, name) == pytest.approx(value, abs=1e-6)
    assert report.verdict is alignment.verdict


def test_the_structured_report_refers_to_the_registration_object(results):
    registration = pydicom.dcmread(results / "registration.dcm")

    assert registration.SOPInstanceUID in pydicom.dcmread(results / "report.dcm").to_json()


def test_the_document_knows_how_long_writing_took(results):
    timing_s = json.loads((results / "result.json").read_text())["timing_s"]

    assert 0.0 < timing_s["write"] < timing_s["total"]


def test_without_an_answer_there_is_a_report_but_no_registration(unavailable, tmp_path):
    written = write_results(unavailable, tmp_path)

    assert names_in(tmp_path) == ["report.dcm", "report.html", "result.json"]
    assert "registration.dcm was not written: there is no answer" in written.warnings
    assert read_position_report(tmp_path / "report.dcm").correction is None


def test_volume_files_leave_no_dicom_objects_and_it_is_said(alignment, tmp_path):
    written = write_results(replace(alignment, daily=replace(alignment.daily, dicom=None)), tmp_path)

    assert names_in(tmp_path) == ["report.html", "result.json"]
    assert any("they need both images as DICOM" in warning for warning in written.warnings)
    assert "they need both images as DICOM" in (tmp_path / "report.html").read_text()


def test_a_full_disc_is_reported(alignment, tmp_path):
    (tmp_path / "report.html").mkdir()

    with pytest.raises(OutputError, match=r"cannot write report\.html"):
        write_results(alignment, tmp_path)


def test_stopping_leaves_nothing_behind(patient, tmp_path):
    def stop(fraction, step):
        if fraction > 0.5:
            raise Cancelled("enough")

    with pytest.raises(Cancelled):
        align_into(AlignRequest(patient.planning, patient.daily), tmp_path / "out", progress=stop)

    assert names_in(tmp_path) == []


def test_progress_only_goes_forward_and_names_its_steps(patient, tmp_path):
    seen = []

    align_into(
        AlignRequest(patient.planning, patient.daily),
        tmp_path / "out",
        progress=lambda fraction, step: seen.append((fraction, step)),
    )

    fractions = [fraction for fraction, _ in seen]
    assert fractions == sorted(fractions)
    assert fractions[-1] == pytest.approx(1.0)
    assert all(step for _, step in seen)
