"""A probe calibrated from files: the phantom, the delay, and what is refused."""

import json
from datetime import datetime

import numpy as np
import pytest
from scipy import ndimage
from tracked_phantom import (
    PROBE_FROM_IMAGE,
    REFERENCE_FROM_PHANTOM,
    SPACING_MM,
    Noise,
    grey,
    looking,
    looks_at_phantom,
    place_section,
    recorded,
    recorded_phantom,
)

from isoguide.errors import InputError, MismatchError, OutputError
from isoguide.geometry.frames import FIXED, REFERENCE_SENSOR
from isoguide.geometry.transforms import RigidTransform
from isoguide.images.ultrasound_fan import find_fan
from isoguide.volume_files.tracked_sequence import write_tracked_frames
from isoguide.workflow.ultrasound.calibrate import (
    ProbeCalibrationRequest,
    calibrate_probe_into,
    calibrate_tracked_probe,
    calibration_lines,
    fan_section,
)
from isoguide.workflow.ultrasound.probe_file import read_probe_file

TAKEN = datetime(2026, 3, 1, 8, 30)
NOISE = Noise(mark_px=0.5, track_mm=0.1, track_deg=0.05)


@pytest.fixture
def phantom(tmp_path):
    """A recording of the N-wires, and where they were marked: (recording, sightings document)."""
    return recorded_phantom(tmp_path, NOISE)


def asked(phantom, **options):
    recording, said = phantom
    sightings = recording.parent / "marks.json"
    sightings.write_text(json.dumps(said))
    return ProbeCalibrationRequest(recording, sightings, "C5-2", TAKEN, **options)


def tank(folder, delay_s, regular=False):
    """A flat bottom 30 mm below, while the probe moves up and down; images are late by ``-delay_s``."""
    at_s = np.arange(0.0, 10.0, 0.05)

    def height(time_s):
        if regular:
            return 0.02 * np.sin(time_s)
        return 4.0 * np.sin(2.0 * np.pi * 0.35 * time_s + 0.7 * np.sin(0.9 * time_s)) + 2.0 * np.sin(
            1.3 * time_s
        )

    def bottom(xyz):
        return 8.0 + 220.0 * np.exp(-(((xyz[..., 1] - 26.0) / 0.7) ** 2))

    seen = recorded([looking(REFERENCE_SENSOR, (0, y, 0)) for y in height(at_s + delay_s)], bottom, at_s=at_s)
    tracked = recorded([looking(REFERENCE_SENSOR, (0, y, 0)) for y in height(at_s)], grey, at_s=at_s)
    path = folder / "tank.igs.mha"
    write_tracked_frames(
        path, type(seen)(seen.frames, tracked.tracker_from_probe, tracked.tracker_from_reference)
    )
    return path


def test_the_calibration_of_the_virtual_probe_is_found_and_written(tmp_path, phantom):
    pose = RigidTransform.translation(FIXED, REFERENCE_SENSOR, (1.0, 2.0, 3.0))
    place = tmp_path / "place.json"
    place.write_text(json.dumps(place_section(pose)))
    request = asked(phantom, line_recording=tank(tmp_path, -0.080), place=place)
    found = calibrate_probe_into(tmp_path / "out", request)
    probe = read_probe_file(tmp_path / "out" / "probe.json")
    calibration = probe.calibration
    error_mm = calibration.probe_from_image.translation_mm - PROBE_FROM_IMAGE.translation_mm
    sd_mm = np.sqrt(np.diag(calibration.covariance)[:3])
    assert (np.abs(error_mm) < 4.0 * sd_mm).all()
    assert sd_mm.max() < 0.5
    np.testing.assert_allclose(calibration.pixel_spacing_mm, SPACING_MM, rtol=0.02)
    assert probe.delay_s == pytest.approx(-0.080, abs=0.006)
    assert probe.place.pose.translation_mm.tolist() == [1.0, 2.0, 3.0]
    assert probe.in_fan.sum() == pytest.approx(91 * 81, rel=0.03)
    page = (tmp_path / "out" / "report.html").read_text()
    assert "slanted 2" in page
    assert "C5-2" in page
    assert any("the tracker's" in line for line in calibration_lines(found))
    with pytest.raises(OutputError, match="already holds"):
        calibrate_probe_into(tmp_path / "out", request)


def test_an_unmeasured_delay_and_wrong_marks_are_said(phantom):
    recording, said = phantom
    fifth = next(one for one in said["sightings"] if one["at_s"] == pytest.approx(0.2))
    fifth["pixel"] = [3.0, 90.0]
    found = calibrate_tracked_probe(asked((recording, said)))
    assert any("delay of the images was not measured" in warning for warning in found.warnings)
    assert any("in marked image 5 is off by" in warning for warning in found.warnings)


def test_a_probe_that_did_not_move_has_no_delay(tmp_path, phantom):
    request = asked(phantom, line_recording=tank(tmp_path, 0.0, regular=True))
    with pytest.raises(InputError, match="says nothing of the delay"):
        calibrate_probe_into(tmp_path / "out", request)
    assert not (tmp_path / "out").exists()


def without(said, key):
    return {name: value for name, value in said.items() if name != key}


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        (lambda said: without(said, "targets"), InputError, "targets is missing"),
        (lambda said: said | {"colour": 1}, InputError, "colour is not a key"),
        (lambda said: said | {"targets": said["targets"][:5]}, InputError, "which is no target"),
        (
            lambda said: said | {"targets": [*said["targets"], said["targets"][0]]},
            InputError,
            "the same name",
        ),
        (lambda said: said | {"targets": [{"name": "a", "from_mm": [0, 0, 0]}]}, InputError, "is a point"),
        (
            lambda said: said | {"targets": [{"name": "a", "from_mm": [0.0, 0, 0], "to_mm": [0.0, 0, 0.1]}]},
            InputError,
            "shorter than 1 mm",
        ),
        (
            lambda said: said | {"sightings": [said["sightings"][0] | {"at_s": 77.0}]},
            MismatchError,
            "marks an image at 77.000 s",
        ),
        (
            lambda said: said | {"sightings": [said["sightings"][0] | {"pixel": [500.0, 1.0]}]},
            MismatchError,
            "which images of 112 × 96 do not have",
        ),
        (lambda said: said | {"sightings": said["sightings"][:90]}, InputError, "needs 16: mark it in more"),
    ],
)
def test_sightings_that_cannot_be_are_refused(phantom, change, error, words):
    recording, said = phantom
    with pytest.raises(error, match=words):
        calibrate_tracked_probe(asked((recording, change(said))))


def test_marked_images_without_tracking_are_left_out_and_said(tmp_path, phantom):
    recording, said = phantom
    rng = np.random.default_rng(4)
    poses = [
        RigidTransform(REFERENCE_SENSOR, pose.from_frame, REFERENCE_FROM_PHANTOM.matrix @ pose.matrix)
        for pose in looks_at_phantom(rng, images=24)
    ]
    poses[2] = None
    write_tracked_frames(recording, recorded(poses, grey))
    found = calibrate_tracked_probe(asked((recording, said)))
    assert found.warnings[0].startswith("1 marked images are left out")
    write_tracked_frames(recording, recorded([None] * 24, grey))
    with pytest.raises(InputError, match=r"no image of .* has a pose"):
        calibrate_tracked_probe(asked((recording, said)))


def test_a_calibration_needs_a_name_and_the_time_of_the_room(phantom):
    with pytest.raises(InputError, match="needs a name and a time"):
        ProbeCalibrationRequest(phantom[0], phantom[0], " ", TAKEN)


def test_the_fan_of_a_curved_array_is_written_so_that_the_same_pixels_are_in_it():
    x, y = np.meshgrid(np.arange(400) - 200.0, np.arange(300) - 40.0)
    reach, angle = np.hypot(x, y + 120.0) - 120.0, np.rad2deg(np.arctan2(np.abs(x), y + 120.0))
    inside = (reach >= 0.0) & (reach <= 200.0) & (angle <= 32.0)
    # Speckle is narrower along the beam than across it.
    speckle = ndimage.gaussian_filter(np.random.default_rng(1).normal(0.0, 1.0, (5, 300, 400)), (0, 0.8, 3.0))
    pictures = (np.clip(100.0 + 40.0 * speckle / speckle.std(), 20.0, 200.0) * inside).astype(np.uint8)
    fan = find_fan(pictures, source="curved")
    section = fan_section(fan)
    assert section.half_angle_deg == pytest.approx(32.0, abs=1.0)
    mask = section.mask((400, 300), (float(fan.face_px[0]), float(fan.face_px[1])))
    assert (mask & inside).sum() / (mask | inside).sum() > 0.97
