"""Distances from triangles: against plain NumPy, and against what a ruler says."""

import numpy as np
import pytest

from isoguide.kernels.nearest_surface import nearest_on_triangles, nearest_on_triangles_reference

CORNERS = np.array([(x, y, z) for x in (0.0, 2.0) for y in (0.0, 3.0) for z in (0.0, 4.0)])
TRIANGLES = np.array(
    [
        *[(0, 1, 3), (0, 3, 2), (4, 6, 7), (4, 7, 5)],
        *[(0, 4, 5), (0, 5, 1), (2, 3, 7), (2, 7, 6)],
        *[(0, 2, 6), (0, 6, 4), (1, 5, 7), (1, 7, 3)],
    ]
)
"""A box of 2 × 3 × 4, counter-clockwise from outside."""
NORMALS = CORNERS - [1.0, 1.5, 2.0]


def test_distances_from_a_box_are_those_of_a_ruler() -> None:
    points = np.array([(1.0, 1.5, 0.5), (1.0, 1.5, -2.0), (5.0, 1.5, 2.0), (5.0, 7.0, 2.0), (5.0, 7.0, 16.0)])
    found = nearest_on_triangles(points, CORNERS, TRIANGLES, NORMALS)
    np.testing.assert_allclose(found, [-0.5, 2.0, 3.0, 5.0, 13.0])


def random_points(count: int) -> np.ndarray:
    return np.random.default_rng(3).uniform(-4.0, 8.0, (count, 3))


def test_the_kernel_agrees_with_plain_numpy_all_around() -> None:
    points = random_points(300)
    # A corner that no triangle has, nearer than all others, is passed over.
    corners, normals = np.concatenate([CORNERS, points[:1]]), np.concatenate([NORMALS, [[1.0, 0.0, 0.0]]])
    found = nearest_on_triangles(points, corners, TRIANGLES, normals)
    np.testing.assert_allclose(np.abs(found), nearest_on_triangles_reference(points, CORNERS, TRIANGLES))
    inside = ((points > 0.0) & (points < [2.0, 3.0, 4.0])).all(axis=1)
    np.testing.assert_array_equal(found < 0.0, inside)


@pytest.mark.usefixtures("interpreted_kernels")
def test_the_kernel_as_plain_python_agrees_too() -> None:
    points = random_points(40)
    found = nearest_on_triangles(points, CORNERS, TRIANGLES, NORMALS)
    np.testing.assert_allclose(np.abs(found), nearest_on_triangles_reference(points, CORNERS, TRIANGLES))
