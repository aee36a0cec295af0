"""What a radiograph says of itself, and what it takes to place it in the room."""

from datetime import datetime

import pytest
from dicom_builders import write_series
from pydicom.uid import XRayAngiographicImageStorage
from radiograph_builders import dx_image, item, rt_image

from isoguide.dicom import describe_contents, scan_folder
from isoguide.dicom.radiograph_header import RadiographHeader, radiograph_header
from isoguide.dicom.scan import open_dicom, scan_files
from isoguide.errors import UnreadableError


def header(path) -> RadiographHeader:
    return radiograph_header(open_dicom(path))


def told(folder) -> tuple[str, str]:
    (finding,) = describe_contents(scan_folder(folder))
    assert finding.kind == "radiograph"
    return finding.text, finding.problem


def test_a_portal_image_says_who_when_and_from_where(tmp_path):
    found = header(rt_image(tmp_path, GantryAngle=90, PatientSupportAngle=5, PatientOrientation=["P", "F"]))
    assert found.is_rt_image
    assert (found.kind, found.gantry_deg, found.gantry_is_source) == ("PORTAL", 90.0, True)
    assert (found.serial_number, found.couch_deg, found.orientation) == ("L7", 5.0, ("P", "F"))
    assert found.acquired_at == datetime(2024, 1, 3, 10, 15)
    assert (found.patient.patient_id, found.series_instance_uid) == ("A1", "1.2.3")


def test_the_angle_of_a_positioner_is_none_of_the_gantry(tmp_path):
    path = dx_image(tmp_path, SOPClassUID=XRayAngiographicImageStorage, PositionerPrimaryAngle=45)
    assert header(path).gantry_deg is None
    assert not header(path).is_rt_image


def test_the_time_of_the_study_is_not_that_of_the_exposure(tmp_path):
    """Every builder's image has a StudyDate."""
    path = rt_image(tmp_path, AcquisitionDate=None, ContentDate="20240105", ContentTime="080000")
    assert header(path).acquired_at == datetime(2024, 1, 5, 8, 0)
    assert header(rt_image(tmp_path, AcquisitionDate=None)).acquired_at is None
    assert header(rt_image(tmp_path, AcquisitionDate=None)).when == "at an unknown time"
    stamped = rt_image(tmp_path, AcquisitionDateTime="20240106090000.5")
    assert header(stamped).acquired_at == datetime(2024, 1, 6, 9, 0)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({}, "PORTAL at gantry 0.0°, taken 2024-01-03 10:15:00 by device 'L7': it says itself where"),
        ({"ExposureSequence": [item(KVP=100)]}, "once the angle from gantry to source is known"),
        ({"ImageType": ["DERIVED", "SECONDARY", "DRR"]}, "computed from a CT, no image of the day"),
        ({"DeviceSerialNumber": None, "AcquisitionDate": None}, "at an unknown time by a device without"),
    ],
)
def test_inspect_says_whether_an_rt_image_can_be_placed(tmp_path, changes, says):
    rt_image(tmp_path, **changes)
    text, problem = told(tmp_path)
    assert says in text
    assert problem == ""


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"RTImageSID": None}, "has no RTImageSID"),
        ({"GantryAngle": None}, "has no GantryAngle"),
        ({"ImageType": ["ORIGINAL", "PRIMARY", "FLUENCE"]}, "shows no patient"),
    ],
)
def test_an_rt_image_without_geometry_is_a_problem(tmp_path, changes, why):
    rt_image(tmp_path, **changes)
    text, problem = told(tmp_path)
    assert "of patient A1" in text
    assert why in problem


def test_a_dx_image_needs_the_imager_file_of_its_device(tmp_path):
    dx_image(tmp_path)
    text, problem = told(tmp_path)
    assert "by device 'X9': only the imager file of that device says where in the room" in text
    assert problem == ""


def test_only_the_files_that_were_named_are_looked_at(tmp_path):
    first, *_ = write_series(tmp_path)
    radiograph = rt_image(tmp_path)
    found = scan_files((radiograph,))
    assert [file.path for file in found.radiographs] == [radiograph]
    assert found.ct_series == ()
    with pytest.raises(UnreadableError, match="give either one folder or files"):
        scan_files((first, tmp_path))
