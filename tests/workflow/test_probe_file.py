"""Probe files and configurations of Plus: what they say, and what is refused."""

import json
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
from tracked_phantom import (
    FACE_PX,
    PROBE_FROM_IMAGE,
    SIZE,
    SPACING_MM,
    fan,
    place_section,
    probe_document,
    write_probe,
)

from isoguide.errors import (
    GeometryError,
    InputError,
    MismatchError,
    MissingEvidenceError,
    OutputError,
    UnreadableError,
)
from isoguide.geometry.frames import FIXED, REFERENCE_SENSOR, TRACKER
from isoguide.geometry.probe_calibration import Delay
from isoguide.geometry.transforms import RigidTransform
from isoguide.workflow.ultrasound.plus_config import read_plus_config
from isoguide.workflow.ultrasound.probe_file import (
    SCHEMA_FILE,
    FanSection,
    document_of,
    probe_schema_text,
    read_probe_file,
    write_probe_file,
)
from isoguide.workflow.ultrasound.sightings_file import SCHEMA_FILE as SIGHTINGS_SCHEMA
from isoguide.workflow.ultrasound.sightings_file import sightings_schema_text

SCHEMAS = Path(__file__).parents[2] / "docs" / "schema"
IN_ROOM = RigidTransform.translation(FIXED, REFERENCE_SENSOR, (1.0, 2.0, 3.0))


def test_a_probe_file_says_where_the_image_and_the_sensor_are(tmp_path):
    probe = read_probe_file(write_probe(tmp_path, place=place_section(IN_ROOM)))
    np.testing.assert_allclose(probe.calibration.probe_from_image.matrix, PROBE_FROM_IMAGE.matrix)
    assert probe.calibration.pixel_spacing_mm == SPACING_MM
    assert probe.size == SIZE
    assert np.array_equal(probe.in_fan, fan())
    assert probe.place.pose.matrix.tolist() == IN_ROOM.matrix.tolist()
    assert (probe.place.pose.to_frame, probe.place.pose.from_frame) == (FIXED, REFERENCE_SENSOR)
    assert probe.delay_s == 0.0
    assert probe.warnings == ()


def test_what_is_written_is_read_again(tmp_path):
    probe = read_probe_file(write_probe(tmp_path, place=place_section(IN_ROOM)))
    written = document_of(
        probe.calibration,
        name=probe.name,
        size=probe.size,
        calibrated_at=datetime(2026, 3, 1, 8, 30),
        delay=Delay(0.05, 0.001, 0.99),
        fan=FanSection(radius_px=0.0, depth_px=80.0, half_width_px=45.0),
        place=probe.place,
    )
    again = read_probe_file(write_probe_file(written, tmp_path / "again.json"))
    np.testing.assert_allclose(again.calibration.covariance, probe.calibration.covariance)
    np.testing.assert_allclose(again.place.covariance, probe.place.covariance, atol=1e-12)
    assert again.delay_s == 0.05
    with pytest.raises(OutputError, match="never overwritten"):
        write_probe_file(written, tmp_path / "again.json")


def test_a_fan_of_a_curved_array_is_a_sector_of_a_ring():
    # Face of 50 px radius 60° wide, 40 px deep: (90² - 50²) π 60/360 = 2932 px².
    mask = FanSection(radius_px=50.0, depth_px=40.0, half_angle_deg=30.0).mask((120, 60), (60.0, 5.0))
    assert mask.sum() == pytest.approx(2932, rel=0.02)
    assert mask[5, 60]
    assert not mask[4, 60]
    # 15 px beside the middle the face is 2.3 px higher: sqrt(50² - 15²) = 47.7.
    assert mask[3, 45]
    assert not mask[2, 45]


def test_an_unmeasured_delay_is_said(tmp_path):
    said = probe_document()
    del said["delay_s"], said["delay_sigma_s"]
    path = tmp_path / "probe.json"
    path.write_text(json.dumps(said))
    assert "does not say that the image's delay was measured" in read_probe_file(path).warnings[0]


def of_image(**changes):
    return {"image": probe_document()["image"] | changes}


@pytest.mark.parametrize(
    ("changes", "error", "said"),
    [
        ({"colour": "blue"}, InputError, "colour is not a key"),
        ({"format": "isoguide-probe-2"}, InputError, "format"),
        ({"calibrated_at": "yesterday"}, InputError, "not a time like"),
        ({"delay_s": 0.1, "delay_sigma_s": None}, InputError, "add delay_sigma_s"),
        ({"probe_from_image": np.diag([2.0, 1, 1, 1]).tolist()}, GeometryError, "probe.json: .*not rigid"),
        ({"covariance": np.diag([-1.0] * 6).tolist()}, GeometryError, "negative variance"),
        (of_image(pixel_spacing_mm=[0.5, 0.0]), InputError, "pixel_spacing_mm"),
        (of_image(face_px=[500.0, 500.0]), InputError, "a fan without a pixel"),
        (
            of_image(fan={"radius_px": 0.0, "depth_px": 9.0, "half_angle_deg": 9.0}),
            InputError,
            "half_width_px",
        ),
    ],
)
def test_what_a_probe_file_cannot_say_is_refused(tmp_path, changes, error, said):
    path = tmp_path / "probe.json"
    path.write_text(json.dumps(probe_document(**changes)))
    with pytest.raises(error, match=said):
        read_probe_file(path)


def test_a_place_that_is_none_of_the_room_is_not_written(tmp_path):
    probe = read_probe_file(write_probe(tmp_path, place=place_section(IN_ROOM)))
    with pytest.raises(GeometryError, match="a probe file cannot say"):
        document_of(
            probe.calibration,
            name="x",
            size=SIZE,
            calibrated_at=datetime(2026, 3, 1),
            place=probe.place.inverse(),
        )


def test_images_of_another_size_have_another_depth(tmp_path):
    with pytest.raises(MismatchError, match="calibrated for 112 × 96"):
        read_probe_file(write_probe(tmp_path)).check_image(640, 480, "sweep.mha")


def test_the_published_schemas_are_those_of_the_models():
    assert (SCHEMAS / SCHEMA_FILE).read_text(encoding="utf-8") == probe_schema_text()
    assert (SCHEMAS / SIGHTINGS_SCHEMA).read_text(encoding="utf-8") == sightings_schema_text()


PLUS = (
    '<PlusConfiguration><CoordinateDefinitions><Transform From="Image" To="Probe" Error="1.5" '
    'Matrix="0.1 0 0 5  0 0.1 0 6  0 0 0.1 7  0 0 0 1"/></CoordinateDefinitions></PlusConfiguration>'
)


def test_a_configuration_of_plus_gives_the_calibration_and_no_place(tmp_path):
    path = tmp_path / "set.xml"
    path.write_text(PLUS)
    probe = read_plus_config(path, face_px=FACE_PX)
    assert probe.calibration.pixel_spacing_mm == (0.1, 0.1)
    np.testing.assert_allclose(probe.calibration.probe_from_image.translation_mm, [10.5, 6.8, 7.0])
    assert probe.calibration.covariance is None
    assert probe.place is None
    assert "an error of 1.5 mm" in probe.warnings[0]


@pytest.mark.parametrize(
    ("text", "error", "said"),
    [
        (None, MissingEvidenceError, "there is no configuration of Plus"),
        ("{}", UnreadableError, "cannot be read as a configuration of Plus"),
        ("<a/>", MissingEvidenceError, "has 0 transforms from Image to Probe, one is needed"),
        (PLUS.replace("0.1 0 0 5", "0.1 0 0"), UnreadableError, "not 16 numbers; calibrate the probe again"),
        (PLUS.replace("0 0.1 0 6", "0.1 0 0 6"), GeometryError, "takes pixels to no plane|shears"),
    ],
)
def test_a_configuration_that_says_nothing_of_the_probe_is_refused(tmp_path, text, error, said):
    path = tmp_path / "set.xml"
    if text is not None:
        path.write_text(text)
    with pytest.raises(error, match=said):
        read_plus_config(path, face_px=FACE_PX)


def test_the_tracker_may_be_what_is_placed(tmp_path):
    pose = RigidTransform.translation(FIXED, TRACKER, (0.0, 0.0, 0.0))
    probe = read_probe_file(write_probe(tmp_path, place=place_section(pose, of="tracker")))
    assert probe.place.pose.from_frame == TRACKER
