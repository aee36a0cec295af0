"""From images of a phantom to an imager file, and to nothing where the beads do not say enough."""

from datetime import datetime

import numpy as np
import pytest
from typer.testing import CliRunner

pytest.importorskip("SimpleITK")

from radiograph_files import dx_image, phantom_files, write_image, write_json

from isoguide.cli.imager import imager_app
from isoguide.errors import GeometryError, InputError, MismatchError, OutputError
from isoguide.workflow.radiographs.calibrate import (
    CalibrationRequest,
    calibrate_imager,
    calibration_lines,
    write_imager,
)
from isoguide.workflow.radiographs.imager_file import load_imager
from phantom_images import bead_positions, phantom_image, true_view

TAKEN = datetime(2024, 1, 1, 8, 0)


def request(phantom, images, **changes):
    values = {
        "serial_number": "X9",
        "calibrated_at": TAKEN,
        "valid_days": 30.0,
        "quantity": "line integral",
        **changes,
    }
    return CalibrationRequest(images=images, phantom=phantom, **values)


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    return phantom_files(tmp_path_factory.mktemp("phantom"), (0.0, 45.0))


@pytest.fixture(scope="module")
def calibrated(pair):
    return calibrate_imager(request(*pair))


def test_source_and_detector_are_found_within_what_the_covariance_says(calibrated):
    for one, angle_deg in zip(calibrated[1], (0.0, 45.0), strict=True):
        truth, found = true_view(angle_deg), one.calibrated.view
        error = np.concatenate(
            [found.source_mm - truth.source_mm, found.detector_centre_mm - truth.detector_centre_mm]
        )
        squared = error @ np.linalg.solve(one.calibrated.covariance[:6, :6], error)
        # 99.9 % of six times F(6, 39) lie below 29; in millimetres the source is known to about one.
        assert squared < 29.0
        assert np.linalg.norm(error[:3]) < 5.0
        assert len(one.beads) >= 20


def test_the_phantom_appears_within_a_tenth_of_a_pixel_of_where_it_is(calibrated):
    for one, angle_deg in zip(calibrated[1], (0.0, 45.0), strict=True):
        seen = one.calibrated.view.project(bead_positions())
        assert np.abs(seen - true_view(angle_deg).project(bead_positions())).max() < 0.1
        assert max(one.isocentre_sd_px) < 0.05


def test_the_file_that_is_written_is_read_as_the_same_views(calibrated, tmp_path):
    path = write_imager(calibrated[0], tmp_path / "imager.json")
    imager = load_imager(path, now=TAKEN)
    view = imager.fixed_view("tube 45", "X9", TAKEN)
    np.testing.assert_allclose(view.source_mm, calibrated[1][1].calibrated.view.source_mm, atol=1e-6)
    with pytest.raises(OutputError, match="exists already, and a calibration is never overwritten"):
        write_imager(calibrated[0], path)
    with pytest.raises(OutputError, match="cannot write"):
        write_imager(calibrated[0], tmp_path / "no" / "imager.json")
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["imager.json"]


def test_the_lines_name_beads_residual_and_uncertainty(calibrated):
    line = calibration_lines(calibrated[1])[0]
    assert line.startswith("tube 0: 2")
    assert "source known to" in line


def test_images_and_rough_views_have_to_be_as_many(pair):
    with pytest.raises(MismatchError, match="has 2 rough views for 1 images"):
        calibrate_imager(request(pair[0], pair[1][:1]))


def test_an_image_of_another_size_is_refused(pair, tmp_path):
    small = write_image(tmp_path / "small.nrrd", np.zeros((20, 30), dtype=np.float32))
    with pytest.raises(
        MismatchError, match="has 30 columns and 20 rows, but its rough view says 400 and 400"
    ):
        calibrate_imager(request(pair[0], (small, pair[1][1])))


def test_an_image_without_beads_is_refused_by_name_and_nothing_is_written(pair, tmp_path):
    empty = write_image(tmp_path / "empty.nrrd", np.zeros((400, 400), dtype=np.float32))
    with pytest.raises(GeometryError, match=r"empty\.nrrd: of 0 spots in the image, fewer than 8"):
        calibrate_imager(request(pair[0], (empty, pair[1][1])))


def test_a_dicom_image_of_another_device_is_refused_and_one_of_this_device_is_used(pair, tmp_path):
    phantom, _ = phantom_files(tmp_path, (0.0,))
    values = phantom_image(true_view(0.0), bead_positions(), seed=4).values
    path = dx_image(tmp_path, np.round(values * 20000.0 + 5000.0).astype(np.uint16))
    _, found = calibrate_imager(request(phantom, (path,)))
    assert found[0].calibrated.rms_px < 0.05
    with pytest.raises(MismatchError, match="was taken by the device 'X9', not by 'X8'"):
        calibrate_imager(request(phantom, (path,), serial_number="X8"))


def test_an_image_whose_bone_is_dark_gives_the_same_view(pair, calibrated, tmp_path):
    phantom, images = phantom_files(tmp_path, (0.0,))
    values = phantom_image(true_view(0.0), bead_positions(), seed=0).values
    write_image(images[0], np.exp(-values))
    _, found = calibrate_imager(request(phantom, images, quantity="intensity"))
    source_mm = calibrated[1][0].calibrated.view.source_mm
    np.testing.assert_allclose(found[0].calibrated.view.source_mm, source_mm, atol=0.01)


def test_values_below_zero_are_no_intensities(pair):
    with pytest.raises(InputError, match="values that are no intensities"):
        calibrate_imager(request(*pair, quantity="intensity"))


@pytest.mark.parametrize(
    "changes",
    [{"serial_number": ""}, {"valid_days": 0.0}, {"valid_days": float("nan")}, {"valid_days": 1e6}],
)
def test_a_request_that_means_nothing_is_refused(changes):
    with pytest.raises(InputError, match="a calibration needs a serial number"):
        request("a", (), **changes)


def test_a_time_with_a_zone_is_refused():
    with pytest.raises(InputError, match="give it by the clock of the room"):
        request("a", (), calibrated_at=TAKEN.astimezone())


def test_beads_of_very_different_sizes_are_refused(tmp_path):
    beads = [{"position_mm": [0, 0, 0], "diameter_mm": d} for d in (1.0, 4.0)]
    path, images = phantom_files(tmp_path, (), beads=beads, views=[])
    with pytest.raises(InputError):
        calibrate_imager(request(path, images))
    path, _ = phantom_files(tmp_path, (), beads=beads, views=[SECTION])
    with pytest.raises(InputError, match="beads of 1 to 4 mm differ too much"):
        calibrate_imager(request(path, images))


SECTION = {
    "name": "a",
    "source_mm": [0, 0, 1000],
    "detector_centre_mm": [0, 0, -500],
    "row_direction": [1, 0, 0],
    "column_direction": [0, -1, 0],
    "pixel_spacing_mm": [0.8, 0.8],
    "size": [400, 400],
}


def test_the_command_writes_the_file_and_checks_it(pair, tmp_path):
    out = tmp_path / "imager.json"
    options = ["--phantom", str(pair[0]), "--out", str(out), "--serial", "X9"]
    options += ["--taken", "2024-01-01T08:00:00", "--valid-days", "30"]
    done = CliRunner().invoke(imager_app, ["calibrate", *map(str, pair[1]), *options])
    assert done.exit_code == 0, done.output
    assert "tube 45: 2" in done.output
    assert load_imager(out, now=TAKEN).written.serial_number == "X9"
    again = CliRunner().invoke(imager_app, ["calibrate", *map(str, pair[1]), *options])
    assert again.exit_code == 2
    checked = CliRunner().invoke(imager_app, ["check", str(out)])
    assert checked.exit_code == 0
    assert "device X9: tube 0, tube 45" in " ".join(checked.output.split())
    refused = CliRunner().invoke(imager_app, ["check", str(write_json(tmp_path / "bad.json", {}))])
    assert refused.exit_code == 2
