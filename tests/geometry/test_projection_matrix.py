"""Projection matrices of room-mounted imagers become views, or are refused."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from isoguide.errors import GeometryError
from isoguide.geometry.frames import FIXED, PLANNING
from isoguide.geometry.iec61217 import rotation_iec
from isoguide.geometry.projection_matrix import nearest_view, view_from_matrix
from isoguide.geometry.transforms import RigidTransform
from isoguide.geometry.xray_view import gantry_view

PIXELS = {"pixel_spacing_mm": (0.4, 0.5), "size": (700, 500)}
ISOCENTRE = np.zeros(3)


def tube():
    return gantry_view(45.0, sad_mm=2000.0, sid_mm=3000.0, panel_offset_mm=(11.0, -8.0), **PIXELS)


def view_of(matrix, **changes):
    return view_from_matrix(matrix, **{"frame": FIXED, "seen_mm": ISOCENTRE, **PIXELS, **changes})


# By hand: source 1000 mm above the isocentre, pixels of 0.5 mm at 1500 mm: 3000 pixels per unit of slope.
HAND = np.array([[3000.0, 0.0, -99.5, 99500.0], [0.0, -3000.0, -49.5, 49500.0], [0.0, 0.0, -1.0, 1000.0]])


def test_a_matrix_worked_by_hand_has_its_source_1000_mm_above_the_isocentre():
    seen = view_of(HAND, pixel_spacing_mm=(0.5, 0.5), size=(200, 100))
    np.testing.assert_allclose(seen.source_mm, [0.0, 0.0, 1000.0], atol=1e-9)
    np.testing.assert_allclose(seen.detector_centre_mm, [0.0, 0.0, -500.0], atol=1e-9)
    np.testing.assert_allclose(seen.row_direction, [1.0, 0.0, 0.0], atol=1e-12)
    np.testing.assert_allclose(seen.column_direction, [0.0, -1.0, 0.0], atol=1e-12)
    assert seen.frame == FIXED


@given(
    st.tuples(st.floats(-170.0, 170.0), st.floats(-80.0, 80.0), st.floats(-170.0, 170.0)),
    st.sampled_from([-2.5, 1.0, 1e-4]),
    st.booleans(),
)
def test_every_view_comes_back_from_its_matrix_whatever_its_scale_and_sign(angles_deg, scale, is_mirrored):
    place = RigidTransform.from_parts(
        PLANNING, FIXED, rotation_iec(*angles_deg), np.array([30.0, -20.0, 10.0])
    )
    view = tube().in_frame(place)
    matrix = view.pixel_from_xyz
    if is_mirrored:  # columns counted from the other side
        matrix = np.array([[-1.0, 0.0, 699.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]) @ matrix
    back = view_of(scale * matrix, frame=PLANNING, seen_mm=place.apply(ISOCENTRE))
    np.testing.assert_allclose(back.source_mm, view.source_mm, atol=1e-6)
    np.testing.assert_allclose(back.detector_centre_mm, view.detector_centre_mm, atol=1e-6)
    np.testing.assert_allclose(back.row_direction, (-1.0) ** is_mirrored * view.row_direction, atol=1e-9)


@pytest.mark.parametrize(
    ("matrix", "changes", "sentence"),
    [
        (np.ones((3, 4)), {}, "the projection matrix is singular, so that it has no source"),
        (np.zeros((3, 4)), {}, "the projection matrix is singular"),
        (np.eye(3), {}, r"the projection matrix must have the shape \(3, 4\)"),
        (
            HAND,
            {"seen_mm": np.array([5.0, 0.0, 1000.0])},
            "is level with the X-ray source; give one that is seen",
        ),
        (HAND, {"pixel_spacing_mm": (0.5, 0.501)}, "0.5 × 0.501 mm has this projection matrix"),
        (HAND + [[0, -9.0, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0]], {}, "check the pixel spacing"),
    ],
)
def test_a_matrix_that_no_detector_has_is_refused_in_a_sentence(matrix, changes, sentence):
    changes = {"pixel_spacing_mm": (0.5, 0.5), "size": (200, 100), **changes}
    with pytest.raises(GeometryError, match=sentence):
        view_of(np.asarray(matrix, dtype=float), **changes)


def test_an_estimated_matrix_with_a_little_shear_has_a_view_near_it():
    sheared = HAND + np.array([[0.0, -9.0, 0.0, 0.0], [0.0] * 4, [0.0] * 4])
    seen = nearest_view(sheared, frame=FIXED, pixel_spacing_mm=(0.5, 0.5), size=(200, 100), seen_mm=ISOCENTRE)
    assert np.linalg.norm(seen.source_mm - [0.0, 0.0, 1000.0]) < 1.0


def read_camera(path: Path) -> tuple[np.ndarray, tuple[int, int]]:
    """Matrix and size of a camera file of Autoscoper: named blocks of inner matrix, rotation, translation."""
    blocks = [block.split("\n") for block in path.read_text().replace("\r", "").strip().split("\n\n")]
    values = {lines[0].strip(): np.array([line.split(",") for line in lines[1:]], float) for lines in blocks}
    pose = np.column_stack([values["rotation"], values["translation"].ravel()])
    columns, rows = values["image size"].ravel()
    return values["camera matrix"] @ pose, (int(columns), int(rows))


@pytest.mark.parametrize("camera", ["cam01", "cam02"])
def test_real_biplane_cameras_become_views_that_show_the_same_points(shared_data, camera):
    path = shared_data / "Autoscoper" / "sample_data" / "Calibration" / f"xr_calib_wrist_{camera}.txt"
    matrix, size = read_camera(path)
    # Nobody states the pixels: 0.2 mm columns are assumed, and rows that suit the matrix, which has no shear.
    across = np.linalg.norm(np.cross(matrix[:2, :3], matrix[2, :3]), axis=1)
    spacing_mm = (0.2, float(0.2 * across[0] / across[1]))
    cube_mm = 20.0 * np.array(np.meshgrid([-1, 0, 1], [-1, 0, 1], [-1, 0, 1])).reshape(3, -1).T
    view = view_of(matrix, pixel_spacing_mm=spacing_mm, size=size, frame=PLANNING)
    homogeneous = np.column_stack([cube_mm, np.ones(27)]) @ matrix.T
    np.testing.assert_allclose(view.project(cube_mm), homogeneous[:, :2] / homogeneous[:, 2:], atol=1e-3)
