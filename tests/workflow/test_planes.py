import numpy as np
import pytest

from isoguide.geometry.frames import DAILY, PLANNING
from isoguide.geometry.grid import Grid
from isoguide.geometry.transforms import RigidTransform
from isoguide.images.volume import Volume
from isoguide.workflow.planes import (
    field_of_view_mm,
    fill_value,
    planes_through,
    sample,
    sample_daily,
)

CENTRE = np.array([10.0, -200.0, 35.0])


def volume(values, *, frame=PLANNING, spacing=(2.0, 2.0, 2.0), direction=None, **options):
    size = np.array(values.shape[::-1])
    axes = np.eye(3) if direction is None else direction
    origin = CENTRE - axes @ ((size - 1) / 2.0 * np.array(spacing))
    return Volume(Grid(frame, values.shape, np.array(spacing), origin, axes), values, **options)


def with_spot(offset_mm, direction=None):
    """A dark box with one bright spot at ``offset_mm`` from the centre, patient LPS."""
    image = volume(np.full((41, 41, 41), -1000, np.int16), direction=direction)
    i, j, k = np.rint(image.grid.index(CENTRE + np.array(offset_mm))).astype(int)
    values = np.array(image.values)
    values[k - 1 : k + 2, j - 1 : j + 2, i - 1 : i + 2] = 1000
    return volume(values, direction=direction)


def spot_in(picture):
    rows, columns = np.nonzero(picture > 0)
    middle = (len(picture) - 1) / 2.0
    return columns.mean() - middle, rows.mean() - middle


SUPINE_SCAN = np.eye(3)
FEET_FIRST_SCAN = np.diag([-1.0, 1.0, -1.0])


@pytest.mark.parametrize("direction", [SUPINE_SCAN, FEET_FIRST_SCAN], ids=["head first", "feet first"])
class TestAnatomyLandsWhereTheLettersSay:
    def test_patient_left_is_on_the_right_of_the_axial_picture(self, direction):
        axial, coronal, _ = planes_through(CENTRE, field_mm=70.0, pixels=64)
        left = with_spot((25, 0, 0), direction)

        for plane in (axial, coronal):
            x, y = spot_in(sample(left, plane))
            assert x > 15
            assert abs(y) < 3
            assert plane.letters[:2] == ("R", "L")

    def test_the_front_is_at_the_top_of_the_axial_and_on_the_left_of_the_sagittal_picture(self, direction):
        axial, _, sagittal = planes_through(CENTRE, field_mm=70.0, pixels=64)
        front = with_spot((0, -25, 0), direction)

        assert spot_in(sample(front, axial))[1] < -15
        assert spot_in(sample(front, sagittal))[0] < -15
        assert axial.letters[2:] == ("A", "P")
        assert sagittal.letters == ("A", "P", "H", "F")

    def test_the_head_is_at_the_top_of_the_coronal_and_sagittal_picture(self, direction):
        _, coronal, sagittal = planes_through(CENTRE, field_mm=70.0, pixels=64)
        head = with_spot((0, 0, 25), direction)

        for plane in (coronal, sagittal):
            assert spot_in(sample(head, plane))[1] < -15
            assert plane.letters[2:] == ("H", "F")


def test_sampling_is_exact_on_a_linear_image_and_nan_outside():
    k, j, i = np.meshgrid(np.arange(20), np.arange(20), np.arange(20), indexing="ij")
    image = volume((3 * i - 2 * j + k).astype(np.float32), spacing=(1.0, 1.5, 2.0))
    _, coronal, _ = planes_through(CENTRE + np.array([0.3, -2.2, 1.1]), field_mm=60.0, pixels=60)
    row, column = 23, 34
    point = coronal.centre_mm + (column - 29.5) * coronal.right + (row - 29.5) * coronal.down
    expected = image.grid.index(point) @ np.array([3.0, -2.0, 1.0])

    pixels = sample(image, coronal)

    assert pixels[row, column] == pytest.approx(expected, abs=1e-4)
    assert coronal.picture_xy(point) == pytest.approx([column + 0.5, row + 0.5])
    assert np.isnan(pixels[0, 0])


def test_the_daily_image_is_cut_where_the_registration_puts_it():
    """The patient lies 12 mm too far left; after the registration the spot is back in the middle."""
    spot = with_spot((12, 0, 0))
    daily = Volume(
        Grid(DAILY, spot.grid.shape, spot.grid.spacing_mm, spot.grid.origin_mm, spot.grid.direction),
        spot.values,
    )
    axial, *_ = planes_through(CENTRE, field_mm=70.0, pixels=64)
    corrected = RigidTransform.translation(PLANNING, DAILY, (-12, 0, 0))

    assert spot_in(sample_daily(daily, RigidTransform.identity(PLANNING, DAILY), axial))[0] > 8
    assert spot_in(sample_daily(daily, corrected, axial)) == pytest.approx((0.0, 0.0), abs=0.6)


def test_what_a_cone_beam_scanner_filled_in_is_outside_but_speckled_air_is_not():
    rng = np.random.default_rng(0)
    values = np.full((21, 41, 41), -1000.0, np.float32)
    values[:, 8:33, 8:33] = np.where(rng.random((21, 25, 25)) < 0.2, -1000.0, 50.0)
    daily = volume(values, frame=DAILY, is_hounsfield=False)
    axial, *_ = planes_through(CENTRE, field_mm=80.0, pixels=80)

    pixels = sample_daily(daily, RigidTransform.identity(PLANNING, DAILY), axial)

    assert np.isnan(pixels[2, 2])
    assert np.isfinite(pixels[25:55, 25:55]).mean() > 0.9


def test_only_a_grey_value_image_with_equal_corners_has_a_fill_value():
    values = np.zeros((5, 5, 5), np.int16)

    assert fill_value(volume(values, is_hounsfield=False)) == 0.0
    assert fill_value(volume(values)) is None
    values = values.copy()
    values[0, 0, 0] = 7
    assert fill_value(volume(values, is_hounsfield=False)) is None


def test_the_field_of_view_shows_the_patient_and_stays_near_what_was_imaged():
    values = np.full((60, 150, 150), -1000, np.int16)
    values[:, 45:105, 25:125] = 40
    patient_of_200_mm = volume(values)

    assert field_of_view_mm(patient_of_200_mm, CENTRE, np.array([500.0] * 3)) == pytest.approx(205, abs=15)
    assert field_of_view_mm(patient_of_200_mm, CENTRE, np.array([140.0] * 3)) == pytest.approx(168)
    air = volume(np.full((10, 10, 10), -1000, np.int16))
    assert field_of_view_mm(air, CENTRE, np.array([500.0] * 3)) == 160.0


def test_picture_coordinates_and_depth_of_a_point():
    axial, *_ = planes_through(CENTRE, field_mm=100.0, pixels=200)

    assert axial.picture_xy(CENTRE) == pytest.approx([100.0, 100.0])
    assert axial.picture_xy(CENTRE + np.array([10, 5, 0])) == pytest.approx([120.0, 110.0])
    assert axial.depth_mm(CENTRE + np.array([3, 4, 7])) == pytest.approx(7.0)
