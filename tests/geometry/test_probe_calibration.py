"""What takes a pixel to the sensor on the probe."""

import numpy as np
import pytest

from isoguide.errors import GeometryError
from isoguide.geometry.frames import PROBE, TRACKER, ULTRASOUND_IMAGE
from isoguide.geometry.probe_calibration import ProbeCalibration, checked_covariance
from isoguide.geometry.transforms import RigidTransform

# Image to Probe of PlusDeviceSet_SpinePhantomFreehandReconstructionOnly.xml (PlusLib).
PLUS = np.array(
    [
        [-0.00157821, 0.0785919, -0.00803285, 15.3978],
        [-0.0839128, 0.00372697, 0.0153803, 49.5705],
        [0.0159024, 0.00714276, 0.0803604, -8.63446],
        [0.0, 0.0, 0.0, 1.0],
    ]
)
FACE = np.array([409.0, 12.0])


def test_a_matrix_of_plus_takes_every_pixel_where_plus_has_it():
    calibration = ProbeCalibration.from_matrix(PLUS, FACE)
    pixels = np.array([[0.0, 0.0], [409.0, 12.0], [819.0, 0.0], [100.0, 615.0]])
    expected = (np.column_stack([pixels, np.zeros(4), np.ones(4)]) @ PLUS.T)[:, :3]
    np.testing.assert_allclose(calibration.xyz_mm(pixels), expected, atol=1e-9)
    np.testing.assert_allclose(calibration.xyz_mm(FACE)[0], calibration.probe_from_image.translation_mm)


def test_the_third_column_of_plus_agrees_with_our_axis_across_the_plane():
    z = ProbeCalibration.from_matrix(PLUS, FACE).probe_from_image.rotation[:, 2]
    assert z @ (PLUS[:3, 2] / np.linalg.norm(PLUS[:3, 2])) == pytest.approx(1.0, abs=1e-5)


def test_the_shear_of_the_matrix_is_said():
    # cos of the angle between its first two columns, by hand: -0.0479; 90° - arccos = -2.74°.
    assert ProbeCalibration.from_matrix(PLUS, FACE).shear_deg == pytest.approx(-2.745, abs=0.01)


def test_the_corner_is_the_first_pixel_as_seen_from_the_face():
    calibration = ProbeCalibration(pose(), (0.5, 0.25), np.array([10.0, 4.0]))
    assert calibration.corner_mm.tolist() == [-5.0, -1.0]


def pose(to=PROBE, of=ULTRASOUND_IMAGE):
    return RigidTransform.identity(to, of)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (
            lambda: ProbeCalibration(pose(TRACKER), (1.0, 1.0), FACE),
            "not 'tracking system from ultrasound image'",
        ),
        (lambda: ProbeCalibration(pose(), (1.0, 0.0), FACE), "pixel spacing of a probe must be positive"),
        (lambda: ProbeCalibration(pose(), (1.0, 1.0), FACE, shear_deg=6.0), "shears the image by 6.0°"),
        (
            lambda: ProbeCalibration(pose(), (1.0, 1.0), FACE, np.diag([1, 1, 1, 1, 1, -1.0])),
            "negative variance",
        ),
        (
            lambda: ProbeCalibration.from_matrix(np.diag([1.0, 0.0, 1.0, 1.0]), FACE),
            "takes pixels to no plane",
        ),
    ],
)
def test_what_is_no_calibration_is_refused(make, said):
    with pytest.raises(GeometryError, match=said):
        make()


def test_a_covariance_that_is_not_symmetric_is_refused():
    values = np.eye(6)
    values[0, 1] = 0.5
    with pytest.raises(GeometryError, match="not symmetric"):
        checked_covariance(values, "this")
