import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

sys.path.append(str(Path(__file__).parents[1] / "projection"))

from scan_files import skip_without_rtk, write_rtk_scan
from small_scans import FULL_FAN, ball, centroid_mm, line_integrals

from isoguide.dicom import PatientIdentity, load_daily_set, machine_isocentre
from isoguide.errors import GeometryError, MissingEvidenceError, OutputError
from isoguide.geometry.iec61217 import fixed_from_daily
from isoguide.plan import PatientPosition
from isoguide.projection.reconstruct import ReconstructionSettings
from isoguide.workflow.reconstruct import ReconstructRequest, reconstruct_into

SCAN = replace(FULL_FAN, count=40)
PLACE_MM = np.array([18.0, -7.0, 12.0])
SETTINGS = ReconstructionSettings(voxel_mm=(2.5, 2.5, 2.5), size_mm=(80.0, 80.0, 30.0))
EXPOSED_AT = datetime(2026, 3, 3, 8, 15, tzinfo=UTC)


@pytest.fixture(scope="module")
def scan_folder_path(tmp_path_factory):
    skip_without_rtk()
    folder = tmp_path_factory.mktemp("scan")
    write_rtk_scan(folder, SCAN, line_integrals(SCAN.views(), [ball(PLACE_MM, per_mm=0.0195)]))
    return folder


@pytest.fixture(scope="module")
def request_for(scan_folder_path):
    return ReconstructRequest(
        scan_folder_path,
        PatientPosition.HFP,
        PatientIdentity(patient_id="P1", name="Ball^Bearing"),
        SETTINGS,
        acquired_at=EXPOSED_AT,
    )


@pytest.fixture(scope="module")
def made(request_for, tmp_path_factory):
    return reconstruct_into(tmp_path_factory.mktemp("out") / "day", request_for)


def test_the_series_on_disk_shows_a_prone_patient_and_the_isocentre(made):
    daily = load_daily_set(made.folder)
    image = daily.image
    assert image.patient.patient_id == "P1"
    assert image.patient_position == PatientPosition.HFP
    assert not image.volume.is_hounsfield
    np.testing.assert_allclose(machine_isocentre(daily).xyz_mm, 0.0, atol=1e-9)
    wanted_mm = fixed_from_daily("HFP", np.zeros(3)).inverse().apply(PLACE_MM)
    np.testing.assert_allclose(centroid_mm(image.volume, wanted_mm), wanted_mm, atol=0.2)


def test_what_was_made_is_said(made):
    assert made.projections == 40
    assert made.arc_deg == pytest.approx(360.0)
    assert made.acquired_at == EXPOSED_AT


def test_an_earlier_reconstruction_is_not_replaced_unasked(made, request_for):
    with pytest.raises(OutputError, match="--force"):
        reconstruct_into(made.folder.parent, request_for)


def test_the_same_request_makes_the_same_files(made, request_for, tmp_path):
    again = reconstruct_into(tmp_path / "again", request_for)
    for name in ("CT_0001.dcm", "RS.dcm"):
        assert (again.folder / name).read_bytes() == (made.folder / name).read_bytes()


def test_the_position_of_the_patient_is_not_guessed(scan_folder_path, tmp_path):
    with pytest.raises(MissingEvidenceError, match="give --patient-position"):
        reconstruct_into(tmp_path / "out", ReconstructRequest(scan_folder_path, None))
    assert not (tmp_path / "out").exists()


def test_a_short_arc_leaves_nothing_behind(tmp_path):
    skip_without_rtk()
    scan = replace(SCAN, arc_deg=120.0, count=15)
    write_rtk_scan(tmp_path / "scan", scan, np.zeros((15, 80, 96), dtype=np.float32))
    with pytest.raises(GeometryError, match="cover an arc of 112°"):
        reconstruct_into(tmp_path / "out", ReconstructRequest(tmp_path / "scan", PatientPosition.HFS))
    assert not (tmp_path / "out").exists()


def test_without_a_time_that_of_the_latest_projection_is_taken(scan_folder_path, tmp_path):
    request = ReconstructRequest(scan_folder_path, PatientPosition.HFS, settings=SETTINGS)
    found = reconstruct_into(tmp_path / "out", request).acquired_at
    assert found.timestamp() == pytest.approx((scan_folder_path / "projections.mha").stat().st_mtime, abs=1.0)
