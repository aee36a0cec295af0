"""DX, CR and XA images say nothing about the room: they need a device and a date to be placed by."""

import numpy as np
import pytest
from radiograph_builders import dx_image, rt_image

from isoguide.dicom.xray_image import read_xray_image
from isoguide.errors import MissingEvidenceError, UnreadableError


def test_pixels_device_and_time_are_read(tmp_path):
    read = read_xray_image(dx_image(tmp_path))
    assert (read.serial_number, read.patient.patient_id) == ("X9", "A1")
    assert read.acquired_at.isoformat() == "2024-01-03T10:15:00"
    assert read.pixels.quantity == "line integral"
    assert read.pixels.counts.all()


def test_only_what_lies_inside_the_collimator_counts(tmp_path):
    path = dx_image(
        tmp_path,
        CollimatorShape="RECTANGULAR",
        CollimatorLeftVerticalEdge=3,
        CollimatorRightVerticalEdge=20,
        CollimatorUpperHorizontalEdge=0,
        CollimatorLowerHorizontalEdge=10,
    )
    counts = read_xray_image(path).pixels.counts
    np.testing.assert_array_equal(np.flatnonzero(counts.any(axis=0)), np.arange(3, 19))
    np.testing.assert_array_equal(np.flatnonzero(counts.any(axis=1)), np.arange(9))


def test_a_round_collimator_leaves_a_disc(tmp_path):
    path = dx_image(
        tmp_path,
        CollimatorShape="CIRCULAR",
        CenterOfCircularCollimator=[10, 20],
        RadiusOfCircularCollimator=5,
    )
    counts = read_xray_image(path).pixels.counts
    # By hand: 69 points of a square lattice lie within a circle of radius 5 without its rim.
    assert counts.sum() == 69
    assert counts[9, 19]


@pytest.mark.parametrize(
    ("changes", "error", "sentence"),
    [
        ({"DeviceSerialNumber": None}, MissingEvidenceError, "without a DeviceSerialNumber"),
        ({"AcquisitionDate": None}, MissingEvidenceError, "without an AcquisitionDate"),
        ({"CollimatorShape": "POLYGONAL"}, UnreadableError, "has a polygonal collimator"),
        ({"CollimatorShape": "RECTANGULAR"}, UnreadableError, "has no CollimatorLeftVerticalEdge"),
    ],
)
def test_what_cannot_be_placed_or_read_is_refused(tmp_path, changes, error, sentence):
    with pytest.raises(error, match=sentence):
        read_xray_image(dx_image(tmp_path, **changes))


def test_an_rt_image_is_refused(tmp_path):
    with pytest.raises(UnreadableError, match="give a DX, CR or XA image"):
        read_xray_image(rt_image(tmp_path))
