from dataclasses import replace

import numpy as np
import pytest
from scan_files import write_rtk_scan, write_stack
from small_scans import FULL_FAN, HALF_FAN, ball, centroid_mm, line_integrals

from isoguide.errors import AmbiguityError, MismatchError, MissingEvidenceError, UnreadableError
from isoguide.geometry.iec61217 import fixed_from_daily
from isoguide.projection.read_projections import find_projections, read_projections
from isoguide.projection.reconstruct import ReconstructionSettings, reconstruct

SCAN = replace(HALF_FAN, count=40)
PLACE_MM = np.array([25.0, 6.0, -14.0])


@pytest.fixture(scope="module")
def rtk_scan(rtk, tmp_path_factory):
    folder = tmp_path_factory.mktemp("scan")
    write_rtk_scan(folder, SCAN, line_integrals(SCAN.views(), [ball(PLACE_MM, per_mm=0.0195)]))
    return folder


def test_the_geometry_that_rtk_writes_is_read_as_it_was(rtk_scan):
    found = read_projections(rtk_scan)
    for one, other in zip(found.views, SCAN.views(), strict=True):
        np.testing.assert_allclose(one.source_mm, other.source_mm, atol=1e-6)
        rows = other.size[1]
        np.testing.assert_allclose(
            one.pixel_mm(np.array([[3.0, 4.0]])), other.pixel_mm(np.array([[3.0, rows - 5.0]])), atol=1e-5
        )


def test_a_ball_in_a_scan_from_files_is_where_it_was(rtk_scan):
    settings = ReconstructionSettings(
        voxel_mm=(2.5, 2.5, 1.25), size_mm=(90.0, 90.0, 40.0), hann_cut=0.0, truncation_correction=0.0
    )
    volume = reconstruct(read_projections(rtk_scan), "HFS", settings)
    wanted_mm = fixed_from_daily("HFS", np.zeros(3)).inverse().apply(PLACE_MM)
    np.testing.assert_allclose(centroid_mm(volume, wanted_mm), wanted_mm, atol=0.15)


@pytest.mark.usefixtures("rtk")
def test_wide_detectors_are_binned(tmp_path):
    scan = replace(FULL_FAN, count=12, size=(1100, 6), pixel_spacing_mm=(0.4, 30.0))
    write_rtk_scan(tmp_path, scan, np.ones((12, 6, 1100), dtype=np.float32))
    found = read_projections(tmp_path)
    assert found.views[0].size == (366, 2)
    assert found.views[0].pixel_spacing_mm == pytest.approx((1.2, 90.0))


def test_an_empty_folder_is_one_sentence(tmp_path):
    with pytest.raises(MissingEvidenceError, match=r"holds no projections that RTK reads \(.xim, .hnd"):
        find_projections(tmp_path)


def test_no_folder_is_one_sentence(tmp_path):
    with pytest.raises(MissingEvidenceError, match="is not a folder"):
        find_projections(tmp_path / "absent")


@pytest.mark.parametrize(
    ("name", "geometry"),
    [
        ("a.xim", "Scan.xml"),
        ("a.hnd", "ProjectionInfo.xml"),
        ("a.his", "_Frames.xml or Frames.xml"),
        ("a.mha", "geometry.xml"),
    ],
)
def test_projections_without_geometry_name_the_file_that_is_missing(tmp_path, name, geometry):
    (tmp_path / name).write_bytes(b"x")
    with pytest.raises(MissingEvidenceError, match=f"come without {geometry}, their geometry"):
        find_projections(tmp_path)


@pytest.mark.parametrize("name", ["a.xim", "a.hnc", "a.his", "a.mha"])
def test_each_scanner_is_recognised(tmp_path, name):
    geometry = {"xim": "Scan.xml", "hnc": "ProjectionInfo.xml", "his": "_Frames.xml", "mha": "geometry.xml"}
    folder = tmp_path / "Acquisitions"
    folder.mkdir()
    (folder / name).write_bytes(b"x")
    (tmp_path / geometry[name[2:]]).write_text("<x/>")
    kind, paths, found = find_projections(folder)
    assert f".{name[2:]}" in kind.endings
    assert [path.name for path in paths] == [name]
    assert found.parent == tmp_path


def test_two_kinds_of_projections_are_ambiguous(tmp_path):
    for name in ("a.xim", "a.his"):
        (tmp_path / name).write_bytes(b"x")
    with pytest.raises(AmbiguityError, match="Varian TrueBeam and Elekta XVI"):
        find_projections(tmp_path)


def test_two_geometries_are_ambiguous(tmp_path):
    for scan in ("one", "two"):
        (tmp_path / scan).mkdir()
        (tmp_path / scan / "a.mha").write_bytes(b"x")
        (tmp_path / scan / "geometry.xml").write_text("<x/>")
    with pytest.raises(AmbiguityError, match=r"2 files geometry.xml"):
        find_projections(tmp_path)


@pytest.mark.usefixtures("rtk")
@pytest.mark.parametrize("ending", [".mha", ".his", ".hnd", ".xim"])
def test_damaged_files_are_one_sentence(tmp_path, ending):
    geometry = {
        ".mha": "geometry.xml",
        ".his": "_Frames.xml",
        ".hnd": "ProjectionInfo.xml",
        ".xim": "Scan.xml",
    }
    (tmp_path / f"a{ending}").write_bytes(b"this is no image")
    (tmp_path / geometry[ending]).write_text("this is no geometry")
    with pytest.raises(UnreadableError, match="cannot be read"):
        read_projections(tmp_path)


def test_a_stack_that_is_cut_off_is_one_sentence(rtk_scan, tmp_path):
    (tmp_path / "geometry.xml").write_bytes((rtk_scan / "geometry.xml").read_bytes())
    (tmp_path / "projections.mha").write_bytes((rtk_scan / "projections.mha").read_bytes()[:5000])
    with pytest.raises(UnreadableError, match="cannot be read"):
        read_projections(tmp_path)


def test_a_geometry_of_another_scan_is_refused(rtk_scan, tmp_path):
    (tmp_path / "geometry.xml").write_bytes((rtk_scan / "geometry.xml").read_bytes())
    write_stack(tmp_path / "projections.mha", np.zeros((11, 4, 5), dtype=np.float32), (4.0, 4.0))
    with pytest.raises(MismatchError, match=r"describes 40 projections but .* holds 11"):
        read_projections(tmp_path)


def test_values_that_are_not_numbers_are_refused(rtk_scan, tmp_path):
    (tmp_path / "geometry.xml").write_bytes((rtk_scan / "geometry.xml").read_bytes())
    write_stack(tmp_path / "projections.mha", np.full((40, 4, 5), np.nan, dtype=np.float32), (4.0, 4.0))
    with pytest.raises(UnreadableError, match="not finite"):
        read_projections(tmp_path)
