"""A grid says where voxels are: [k, j, i] arrays, (i, j, k) indices, x, y, z in mm."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from isoguide.errors import GeometryError
from isoguide.geometry.frames import PLANNING
from isoguide.geometry.grid import Grid


@pytest.fixture
def axial():
    return Grid.axial(PLANNING, (4, 3, 2), (1.0, 2.0, 3.0), (10.0, 20.0, 30.0))


def test_the_shape_is_slices_rows_columns_and_the_spacing_columns_rows_slices(axial):
    np.testing.assert_array_equal(axial.xyz([0, 0, 0]), [10.0, 20.0, 30.0])
    np.testing.assert_array_equal(axial.xyz([1, 2, 3]), [11.0, 24.0, 39.0])
    np.testing.assert_array_equal(axial.extent_mm, [2.0, 6.0, 12.0])
    np.testing.assert_array_equal(axial.centre_mm, [10.5, 22.0, 34.5])


def test_the_corners_are_the_outermost_voxel_centres(axial):
    corners = axial.corners_mm()
    assert corners.shape == (8, 3)
    np.testing.assert_array_equal(corners.min(axis=0), [10.0, 20.0, 30.0])
    np.testing.assert_array_equal(corners.max(axis=0), [11.0, 24.0, 39.0])


def test_points_between_the_outermost_voxel_centres_are_contained(axial):
    inside = axial.contains([[10.0, 20.0, 30.0], [11.0, 24.0, 39.0], [10.5, 22.0, 39.1], [9.9, 22.0, 33.0]])
    np.testing.assert_array_equal(inside, [True, True, False, False])


@given(st.integers(0, 2**32 - 1))
@settings(deadline=None, max_examples=30)
def test_indices_and_positions_are_inverse_at_any_orientation(seed):
    rng = np.random.default_rng(seed)
    direction = Rotation.random(rng=rng).as_matrix() * rng.choice([-1.0, 1.0])
    grid = Grid(PLANNING, (5, 6, 7), rng.uniform(0.5, 5.0, 3), rng.uniform(-300.0, 300.0, 3), direction)
    ijk = rng.uniform(-10.0, 20.0, (4, 3))
    np.testing.assert_allclose(grid.index(grid.xyz(ijk)), ijk, atol=1e-9)
    homogeneous = np.column_stack([ijk, np.ones(4)])
    np.testing.assert_allclose((homogeneous @ grid.xyz_from_index.T)[:, :3], grid.xyz(ijk), atol=1e-9)
    np.testing.assert_allclose(grid.index_from_xyz @ grid.xyz_from_index, np.eye(4), atol=1e-9)


@pytest.mark.parametrize(
    ("shape", "spacing_mm", "direction", "words"),
    [
        ((4, 0, 2), (1.0, 1.0, 1.0), np.eye(3), "three positive sizes"),
        ((4, 3), (1.0, 1.0, 1.0), np.eye(3), "three positive sizes"),
        ((4, 3, 2), (1.0, 0.0, 1.0), np.eye(3), "spacing must be positive"),
        ((4, 3, 2), (1.0, np.nan, 1.0), np.eye(3), "finite"),
        ((4, 3, 2), (1.0, 1.0, 1.0), [[1, 0, 0.26], [0, 1, 0], [0, 0, 0.97]], "sheared or scaled"),
    ],
)
def test_impossible_grids_are_refused(shape, spacing_mm, direction, words):
    with pytest.raises(GeometryError, match=words):
        Grid(PLANNING, shape, np.array(spacing_mm), np.zeros(3), np.array(direction))
