"""Images without a place in the room get it from the calibration of their imager, or from nothing."""

from datetime import datetime

import numpy as np
import pytest
from pydicom.uid import RTImageStorage
from radiograph_files import SERIAL, arm_content, dicom_image, dx_image, imager_content, write_json

from isoguide.dicom.rtimage import read_rt_image
from isoguide.errors import GeometryError, MismatchError, MissingEvidenceError
from isoguide.geometry.frames import PLANNING
from isoguide.geometry.iec61217 import fixed_from_daily, fixed_from_planning
from isoguide.workflow.radiographs.imager_file import load_imager
from isoguide.workflow.radiographs.loading import at_planned_position, corrected_for_sag, load_room_radiograph

NOW = datetime(2024, 1, 10, 12, 0)


def dx(folder, size=400):
    return dx_image(folder, np.full((size, size), 9, dtype=np.uint16))


def rt(folder, **values):
    geometry = {
        "RTImagePlane": "NORMAL",
        "RadiationMachineSAD": 1000,
        "RTImageSID": 1500,
        "GantryAngle": 90,
        "XRayImageReceptorTranslation": [0, 0, -500],
        "XRayImageReceptorAngle": 0,
        "RTImageOrientation": [1, 0, 0, 0, -1, 0],
        "RTImagePosition": [-7.75, 7.75],
        "ImagePlanePixelSpacing": [0.5, 0.5],
    }
    return read_rt_image(
        dicom_image(folder, RTImageStorage, np.full((32, 32), 9, dtype=np.uint16), **{**geometry, **values}),
        source_from_gantry_deg=90.0,
    )


def imager(folder, content):
    return load_imager(write_json(folder / "imager.json", content), now=NOW)


def test_a_dx_image_without_commissioned_geometry_is_refused(tmp_path):
    with pytest.raises(MissingEvidenceError, match=r"give the imager file of the device 'X9'"):
        load_room_radiograph(dx(tmp_path), None)


def test_a_dx_image_stands_where_its_imager_does(tmp_path):
    placed = load_room_radiograph(dx(tmp_path), imager(tmp_path, imager_content()))
    expected = imager(tmp_path, imager_content()).fixed_view("left", SERIAL, NOW)
    np.testing.assert_array_equal(placed.view.source_mm, expected.source_mm)
    assert placed.radiograph.quantity == "line integral"


def test_an_arm_needs_the_gantry_angle(tmp_path):
    arm = imager(tmp_path, arm_content())
    with pytest.raises(MissingEvidenceError, match="turns with the gantry; say the gantry angle"):
        load_room_radiograph(dx(tmp_path, 32), arm)
    placed = load_room_radiograph(dx(tmp_path, 32), arm, gantry_deg=90.0)
    np.testing.assert_allclose(placed.view.detector_centre_mm, [-2.0, -1.0, 500.0], atol=1e-9)


def test_an_image_of_part_of_the_detector_is_refused(tmp_path):
    with pytest.raises(MismatchError, match=r"has 32 columns and 32 rows, but .* is for 400 and 400"):
        load_room_radiograph(dx(tmp_path, 32), imager(tmp_path, imager_content()))


def test_an_rt_image_is_corrected_for_the_sag_of_its_panel(tmp_path):
    image, arm = rt(tmp_path), imager(tmp_path, arm_content())
    np.testing.assert_allclose(image.image.view.detector_centre_mm, [0.0, 0.0, 500.0], atol=1e-9)
    corrected = corrected_for_sag(image, arm)
    np.testing.assert_allclose(corrected.view.detector_centre_mm, [-2.0, -1.0, 500.0], atol=1e-9)


def test_an_rt_image_without_a_date_has_no_sag_to_look_up(tmp_path):
    with pytest.raises(MissingEvidenceError, match="does not say which device took it and when"):
        corrected_for_sag(rt(tmp_path, AcquisitionDate=""), imager(tmp_path, arm_content()))


def test_at_the_planned_position_the_isocentre_of_the_plan_is_that_of_the_room(tmp_path):
    isocentre_mm = np.array([12.0, -30.0, 55.0])
    image = rt(tmp_path).image
    moved = at_planned_position(image, fixed_from_planning("HFS", isocentre_mm))
    assert moved.view.frame == PLANNING
    np.testing.assert_allclose(
        moved.view.project(isocentre_mm[None]), image.view.project(np.zeros((1, 3))), atol=1e-9
    )
    with pytest.raises(GeometryError, match="cannot apply"):
        at_planned_position(moved, fixed_from_planning("HFS", isocentre_mm))


def test_the_position_of_the_day_is_not_the_planned_one(tmp_path):
    with pytest.raises(MismatchError, match="should be brought to planning patient LPS, not to daily"):
        at_planned_position(rt(tmp_path).image, fixed_from_daily("HFS", np.zeros(3)))
