"""X-ray views: where points of the room appear on a detector."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from isoguide.errors import GeometryError
from isoguide.geometry.frames import DAILY, FIXED, PLANNING
from isoguide.geometry.iec61217 import fixed_from_planning, rotation_iec
from isoguide.geometry.transforms import RigidTransform
from isoguide.geometry.xray_view import XrayView, gantry_view

PANEL = {"sad_mm": 1000.0, "sid_mm": 1500.0, "size": (1024, 1024), "pixel_spacing_mm": (0.4, 0.4)}


def view(**changes):
    parts = {
        "frame": FIXED,
        "source_mm": (0.0, 0.0, 1000.0),
        "detector_centre_mm": (0.0, 0.0, -500.0),
        "row_direction": (1.0, 0.0, 0.0),
        "column_direction": (0.0, -1.0, 0.0),
        "pixel_spacing_mm": (0.4, 0.8),
        "size": (512, 256),
    }
    return XrayView(**{**parts, **changes})


# Worked by hand from DICOM PS3.3 C.8.8.2 for RTImagePosition (-204.6, 204.6) and orientation 1,0,0, 0,-1,0.
@pytest.mark.parametrize(
    ("gantry_deg", "point_mm", "offset_mm", "pixel"),
    [
        (0.0, (10.0, 0.0, 0.0), (0.0, 0.0), (549.0, 511.5)),
        (0.0, (0.0, 10.0, 0.0), (0.0, 0.0), (511.5, 474.0)),
        (90.0, (0.0, 0.0, 10.0), (0.0, 0.0), (474.0, 511.5)),
        (180.0, (10.0, 0.0, 0.0), (0.0, 0.0), (474.0, 511.5)),
        (270.0, (0.0, 0.0, 10.0), (0.0, 0.0), (549.0, 511.5)),
        (0.0, (10.0, 0.0, 0.0), (50.0, 0.0), (424.0, 511.5)),
    ],
)
def test_a_marker_appears_where_the_standard_says(gantry_deg, point_mm, offset_mm, pixel):
    seen = gantry_view(gantry_deg, panel_offset_mm=offset_mm, **PANEL).project(np.array([point_mm]))
    np.testing.assert_allclose(seen, [pixel], atol=1e-9)


def test_the_source_at_90_degrees_stands_at_plus_x_and_looks_at_the_panel_beyond_the_isocentre():
    seen = gantry_view(90.0, **PANEL)
    np.testing.assert_allclose(seen.source_mm, [1000.0, 0.0, 0.0], atol=1e-9)
    np.testing.assert_allclose(seen.detector_centre_mm, [-500.0, 0.0, 0.0], atol=1e-9)
    np.testing.assert_allclose(seen.normal, [-1.0, 0.0, 0.0], atol=1e-12)
    assert seen.source_detector_distance_mm == pytest.approx(1500.0)


def test_the_head_of_a_supine_patient_is_at_the_top_of_the_image_from_every_gantry_angle():
    fixed = fixed_from_planning("HFS", np.zeros(3))
    head, feet = fixed.apply(np.array([[0.0, 0.0, 80.0], [0.0, 0.0, -80.0]]))
    for gantry_deg in (0.0, 45.0, 200.0):
        rows = gantry_view(gantry_deg, **PANEL).project(np.stack([head, feet]))[:, 1]
        assert rows[0] < rows[1]


def test_in_patient_coordinates_the_same_anatomy_appears_on_the_same_pixels():
    fixed = fixed_from_planning("HFP", np.array([12.0, -34.0, 56.0]), support_deg=10.0)
    room = gantry_view(35.0, **PANEL)
    patient = room.in_frame(fixed.inverse())
    anatomy_mm = np.array([[0.0, 0.0, 0.0], [30.0, -20.0, 70.0]])
    assert patient.frame == PLANNING
    np.testing.assert_allclose(patient.project(anatomy_mm), room.project(fixed.apply(anatomy_mm)), atol=1e-9)


def test_a_view_does_not_take_a_transform_of_another_frame():
    with pytest.raises(GeometryError, match="cannot apply 'planning patient LPS from daily patient LPS'"):
        gantry_view(0.0, **PANEL).in_frame(RigidTransform.identity(PLANNING, DAILY))


@given(
    st.tuples(*[st.floats(-180.0, 180.0)] * 3),
    st.tuples(st.floats(-40.0, 600.0), st.floats(-40.0, 300.0)),
    st.floats(0.1, 0.9),
)
def test_every_point_on_the_way_to_a_pixel_appears_on_that_pixel(angles_deg, pixel, share):
    turned = RigidTransform.from_parts(FIXED, PLANNING, rotation_iec(*angles_deg), np.array([5.0, -7.0, 9.0]))
    seen = view(frame=PLANNING).in_frame(turned)
    end_mm = seen.pixel_mm(np.array([pixel]))
    np.testing.assert_allclose(
        seen.project(seen.source_mm + share * (end_mm - seen.source_mm)), [pixel], atol=1e-7
    )


def test_the_projection_matrix_has_the_depth_in_its_last_row():
    homogeneous = view().pixel_from_xyz @ np.array([10.0, 20.0, 100.0, 1.0])
    assert homogeneous[2] == pytest.approx(900.0)
    # By hand: magnification 1500/900, column centre 255.5, row centre 127.5.
    np.testing.assert_allclose(
        homogeneous[:2] / homogeneous[2], [255.5 + 10 / 0.9 * 1.5 / 0.4, 127.5 - 20 / 0.9 * 1.5 / 0.8]
    )


@pytest.mark.parametrize("z_mm", [1000.0, 1200.0])
def test_a_point_beside_or_behind_the_source_has_no_image(z_mm):
    with pytest.raises(GeometryError, match="does not lie in front of the X-ray source"):
        view().project(np.array([[0.0, 0.0, 0.0], [1.0, 2.0, z_mm]]))


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"row_direction": (1.0, 0.0, 0.1)}, "not orthogonal unit vectors"),
        ({"row_direction": (0.0, 1.0, 0.0)}, "not orthogonal unit vectors"),
        ({"pixel_spacing_mm": (0.4, 0.0)}, "the pixel spacing of an X-ray view must be positive"),
        ({"size": (0, 5)}, "needs at least one column and one row"),
        ({"size": (3, 4, 5)}, "needs at least one column and one row"),
        ({"source_mm": (50.0, 0.0, -500.0)}, "the source lies in the plane of the detector"),
        (
            {"source_mm": (np.nan, 0.0, 0.0)},
            "the source of an X-ray view holds a value that is not a finite number",
        ),
    ],
)
def test_a_view_that_cannot_be_is_refused_in_a_sentence(changes, sentence):
    with pytest.raises(GeometryError, match=sentence):
        view(**changes)


@pytest.mark.parametrize("distances", [{"sad_mm": 0.0}, {"sid_mm": -1.0}, {"sad_mm": float("nan")}])
def test_distances_that_are_not_positive_are_refused(distances):
    with pytest.raises(GeometryError, match="the distances from the X-ray source must be positive"):
        gantry_view(0.0, **{**PANEL, **distances})


def test_a_pixel_of_a_binned_view_lies_in_the_middle_of_its_square():
    # 5 columns and 4 rows by squares of 2: the last column fills none.
    small = view(size=(5, 4)).binned(2)
    assert small.size == (2, 2)
    assert small.pixel_spacing_mm == (0.8, 1.6)
    whole = view(size=(5, 4))
    for column, row in ((0, 0), (1, 0), (1, 1)):
        square = [(2 * column + i, 2 * row + j) for i in range(2) for j in range(2)]
        middle = whole.pixel_mm(np.array(square, dtype=float)).mean(axis=0)
        np.testing.assert_allclose(small.pixel_mm(np.array([[column, row]], dtype=float))[0], middle)


@pytest.mark.parametrize("factor", [0, 257])
def test_squares_of_pixels_have_to_fit_the_detector(factor):
    with pytest.raises(GeometryError, match=f"squares of {factor} pixels"):
        view().binned(factor)
