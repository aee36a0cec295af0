"""Distances from polygons: against plain NumPy, and against what a ruler says."""

import numpy as np
import pytest

from isoguide.kernels.edge_distance import distance_to_edges, distance_to_edges_reference


def closed(*corners: tuple[float, float]) -> np.ndarray:
    points = np.array(corners)
    return np.concatenate([points, np.roll(points, -1, axis=0)], axis=1)


def test_distances_from_a_square_are_those_of_a_ruler() -> None:
    distance, inside = distance_to_edges(closed((2, 2), (8, 2), (8, 8), (2, 8)), (1.0, 2.0), (6, 12), 20.0)
    assert distance[2, 5] == pytest.approx(2.0)  # node at (5, 4): 2 from the side at y = 2
    assert inside[2, 5]
    assert distance[0, 0] == pytest.approx(np.hypot(2.0, 2.0))
    assert not inside[0, 0]
    assert distance[5, 11] == pytest.approx(np.hypot(3.0, 2.0))


@pytest.mark.parametrize("spacing", [(1.0, 1.0), (0.7, 1.3)])
def test_the_kernel_agrees_with_plain_numpy(spacing: tuple[float, float]) -> None:
    rng = np.random.default_rng(5)
    for _ in range(5):
        edges = np.concatenate([closed(*rng.uniform(-3, 18, (7, 2))), closed(*rng.uniform(2, 9, (4, 2)))])
        found = distance_to_edges(edges, spacing, (14, 17), 2.5)
        expected = distance_to_edges_reference(edges, spacing, (14, 17), 2.5)
        np.testing.assert_allclose(found[0], expected[0], atol=1e-12)
        np.testing.assert_array_equal(found[1], expected[1])


@pytest.mark.usefixtures("interpreted_kernels")
def test_the_kernel_as_plain_python_agrees_too() -> None:
    edges = np.concatenate(
        [closed((1.0, 1.0), (6.0, 1.5), (4.0, 6.0)), closed((3.0, 2.0), (4.0, 2.0), (3.5, 3.0))]
    )
    edges = np.concatenate([edges, np.array([[2.0, 2.0, 2.0, 2.0]])])
    found = distance_to_edges(edges, (1.0, 1.0), (8, 8), 2.0)
    expected = distance_to_edges_reference(edges, (1.0, 1.0), (8, 8), 2.0)
    np.testing.assert_allclose(found[0], expected[0])
    np.testing.assert_array_equal(found[1], expected[1])
