"""Polygons with fewer vertices."""

import numpy as np
import pytest

from isoguide.kernels.polyline import simplified_ring, simplified_ring_reference


def wavy(vertices: int) -> np.ndarray:
    angle = np.linspace(0.0, 2.0 * np.pi, vertices, endpoint=False)
    radius = 10.0 + np.sin(5.0 * angle)
    return radius[:, None] * np.column_stack([np.cos(angle), np.sin(angle)])


def test_vertices_on_straight_lines_are_left_out() -> None:
    square = np.array([(0, 0), (1, 0), (2, 0), (2, 1), (2, 2), (1, 2), (0, 2), (0, 1)], dtype=np.float64)
    np.testing.assert_array_equal(simplified_ring(square, 0.01), square[::2])


def test_what_is_left_passes_every_vertex_within_the_tolerance() -> None:
    ring = wavy(400)
    found = simplified_ring(ring, 0.05)
    assert 20 < len(found) < 120
    ends = np.roll(found, -1, axis=0)
    for point in ring:
        along = np.einsum("na,na->n", point - found, ends - found) / ((ends - found) ** 2).sum(axis=1)
        nearest = found + np.clip(along, 0.0, 1.0)[:, None] * (ends - found)
        assert np.linalg.norm(point - nearest, axis=1).min() <= 0.05 + 1e-9


def test_a_triangle_stays_as_it_is() -> None:
    triangle = np.array([(0.0, 0.0), (1.0, 0.0), (0.0, 1.0)])
    assert simplified_ring(triangle, 5.0) is triangle


def test_the_kernel_agrees_with_plain_numpy() -> None:
    np.testing.assert_array_equal(
        simplified_ring(wavy(150), 0.05), simplified_ring_reference(wavy(150), 0.05)
    )


@pytest.mark.usefixtures("interpreted_kernels")
def test_the_kernel_as_plain_python_agrees_too() -> None:
    ring = np.concatenate([wavy(30), wavy(30)[:1]])  # a vertex twice
    np.testing.assert_array_equal(simplified_ring(ring, 0.2), simplified_ring_reference(ring, 0.2))
