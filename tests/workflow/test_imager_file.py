"""Imager files: right device, right day, or nothing."""

import json
from datetime import datetime
from pathlib import Path

import jsonschema
import numpy as np
import pytest
from radiograph_files import SERIAL, arm_content, imager_content, write_json

from isoguide.errors import GeometryError, InputError, MismatchError, MissingEvidenceError
from isoguide.geometry.frames import FIXED
from isoguide.workflow.radiographs.imager_file import (
    SCHEMA_FILE,
    imager_schema_text,
    imager_words,
    load_imager,
)
from phantom_images import true_view

DOCS = Path(__file__).parents[2] / "docs"
NOW = datetime(2024, 1, 10, 12, 0)


def imager(folder, content):
    return load_imager(write_json(folder / "imager.json", content), now=NOW)


def test_a_matrix_gives_the_view_it_was_made_of(tmp_path):
    view = imager(tmp_path, imager_content()).fixed_view(None, SERIAL, NOW)
    assert view.frame == FIXED
    np.testing.assert_allclose(view.source_mm, true_view(45.0).source_mm, atol=1e-6)


def test_another_device_is_refused(tmp_path):
    with pytest.raises(MismatchError, match="is for the device 'X9', not for 'X8'"):
        imager(tmp_path, imager_content()).fixed_view("left", "X8", NOW)


def test_an_expired_calibration_is_refused_and_the_sentence_says_by_how_many_days(tmp_path):
    with pytest.raises(MismatchError, match=r"expired 2\.5 days before the image was taken"):
        imager(tmp_path, imager_content()).fixed_view("left", SERIAL, datetime(2024, 2, 2, 20, 0))


def test_the_last_moment_of_a_calibration_still_holds(tmp_path):
    imager(tmp_path, imager_content()).check(SERIAL, datetime(2024, 1, 31, 8, 0))


def test_an_image_older_than_the_calibration_is_refused(tmp_path):
    with pytest.raises(MismatchError, match="after the image was taken at 2023-12-31"):
        imager(tmp_path, imager_content()).check(SERIAL, datetime(2023, 12, 31))


def test_a_calibration_in_the_future_is_refused(tmp_path):
    with pytest.raises(InputError, match="which is in the future; correct it"):
        imager(tmp_path, imager_content(calibrated_at="2024-01-10T12:00:01"))


def test_a_view_that_is_not_there_is_refused_with_those_that_are(tmp_path):
    two = imager_content()
    two["views"].append({**two["views"][0], "name": "right"})
    with pytest.raises(MissingEvidenceError, match="has no view None; its views are left, right"):
        imager(tmp_path, two).fixed_view(None, SERIAL, NOW)
    with pytest.raises(MissingEvidenceError, match="its views are none: it turns with the gantry"):
        imager(tmp_path, arm_content()).fixed_view(None, SERIAL, NOW)


def test_the_panel_of_an_arm_sags_as_the_table_says(tmp_path):
    arm = imager(tmp_path, arm_content())
    view = arm.arm_view(90.0, SERIAL, NOW)
    # By hand: source at 180°, below; its x axis then points to -X, so that 2 mm along it are 2 mm to -X.
    np.testing.assert_allclose(view.source_mm, [0.0, 0.0, -1000.0], atol=1e-9)
    np.testing.assert_allclose(view.detector_centre_mm, [-2.0, -1.0, 500.0], atol=1e-9)
    # Half way between 270° (-2, -1) and 360° (0, 0), across the end of the table.
    middle = arm.arm_view(315.0, SERIAL, NOW)
    nominal = middle.source_mm * -0.5
    np.testing.assert_allclose((middle.detector_centre_mm - nominal) @ middle.row_direction, -1.0, atol=1e-9)
    assert (middle.detector_centre_mm - nominal)[1] == pytest.approx(-0.5)


def test_an_imager_fixed_in_the_room_has_no_arm(tmp_path):
    with pytest.raises(MissingEvidenceError, match="is fixed in the room; ask for one of its views by name"):
        imager(tmp_path, imager_content()).arm_view(0.0, SERIAL, NOW)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (imager_content(views=[]), r"fixed in the room \(views\) or turns with the gantry \(arm\)"),
        ({**arm_content(), "views": imager_content()["views"]}, "give one of them"),
        (imager_content(views=imager_content()["views"] * 2), "two views have the same name"),
        (imager_content(valid_days=0), "valid_days = 0.* is impossible"),
        (imager_content(schema_version="2.0"), "schema_version"),
        (imager_content(calibrated_at="yesterday"), "'yesterday' is not a time like"),
        (imager_content(calibrated_at="2024-01-01T08:00:00Z"), "is not a time like"),
        (arm_content(sag=[{"gantry_deg": 0, "panel_mm": [0, 0, 0]}]), "has a gap of 360° between"),
        (
            arm_content(sag=[{"gantry_deg": a, "panel_mm": [0, 0, 0]} for a in (0, 90, 180, 270, 360)]),
            "has the gantry angle 0° twice",
        ),
    ],
)
def test_what_contradicts_itself_is_refused_in_a_sentence(tmp_path, content, sentence):
    with pytest.raises(InputError, match=sentence):
        imager(tmp_path, content)


def test_a_matrix_that_does_not_suit_its_pixels_is_refused_with_its_view(tmp_path):
    content = imager_content()
    content["views"][0]["pixel_spacing_mm"] = [0.8, 0.9]
    with pytest.raises(GeometryError, match=r"view 'left': no flat detector with rectangular pixels"):
        imager(tmp_path, content)


def test_the_words_say_device_views_and_until_when(tmp_path):
    assert imager_words(imager(tmp_path, imager_content())) == (
        "device X9: left; calibrated 2024-01-01 08:00:00, holds until 2024-01-31 08:00:00"
    )


def test_the_published_schema_is_that_of_the_models_and_takes_a_good_file():
    text = (DOCS / "schema" / SCHEMA_FILE).read_text(encoding="utf-8")
    assert text == imager_schema_text()
    validator = jsonschema.Draft202012Validator(json.loads(text))
    assert validator.is_valid(imager_content())
    assert validator.is_valid(arm_content())
