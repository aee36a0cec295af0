"""Points inside slabs: volumes known from geometry, doses that are linear, plain NumPy beside the kernels."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from isoguide.kernels.partial_volume import (
    slab_points,
    slab_volumes_reference,
    values_at,
    values_at_reference,
)


def closed(*polygons):
    """Edges x0, y0, x1, y1 of closed polygons."""
    return np.concatenate(
        [np.hstack([np.array(p, float), np.roll(np.array(p, float), -1, axis=0)]) for p in polygons]
    )


def disc(radius, x=0.0, y=0.0, nodes=180):
    angle = np.linspace(0.0, 2.0 * np.pi, nodes, endpoint=False)
    return np.column_stack([x + radius * np.cos(angle), y + radius * np.sin(angle)])


TRIANGLE = [(0.0, 0.0), (8.0, 1.0), (3.0, 7.0)]
ONE_SLAB = np.array([0, 3])


def in_one_slab(edges, lower, upper, cell):
    return slab_points(edges, np.array([0, len(edges)]), np.array([lower]), np.array([upper]), cell)


def test_volumes_add_up_to_those_of_the_slabs() -> None:
    edges = np.concatenate([closed(disc(12.0, 40.0, -30.0)), closed(TRIANGLE)])
    first, lower, upper = np.array([0, 180, 183]), np.array([0.0, 3.0]), np.array([3.0, 4.0])
    points, volumes = slab_points(edges, first, lower, upper, 0.3)
    expected = slab_volumes_reference(edges, first, lower, upper)
    below = points[:, 2] < 3.0
    assert volumes[below].sum() == pytest.approx(expected[0], rel=1e-3)
    assert volumes[~below].sum() == pytest.approx(expected[1], rel=1e-3)
    assert volumes.max() <= 0.3**3 * (1.0 + 1e-9)


def test_a_hole_is_empty_whichever_way_it_turns_and_a_keyhole_as_well() -> None:
    outer = [(0.0, 0.0), (24.0, 0.0), (24.0, 24.0), (0.0, 24.0)]
    inner = [(8.0, 8.0), (16.0, 8.0), (16.0, 16.0), (8.0, 16.0)]
    keyhole = [*outer, outer[0], *inner[::-1], inner[-1], outer[0]]
    for edges in (closed(outer, inner), closed(outer, inner[::-1]), closed(keyhole)):
        points, volumes = in_one_slab(edges, 0.0, 1.0, 0.5)
        assert volumes.sum() == pytest.approx(512.0, rel=2e-3)
        hole = ((points[:, :2] > 8.0) & (points[:, :2] < 16.0)).all(axis=1)
        assert not hole.any()


def test_points_fill_a_slab_evenly() -> None:
    points, volumes = in_one_slab(closed([(0, 0), (10, 0), (10, 10), (0, 10)]), -2.0, 2.0, 0.4)
    for axis, (low, high) in enumerate([(0.0, 10.0), (0.0, 10.0), (-2.0, 2.0)]):
        order = np.argsort(points[:, axis])
        share = np.cumsum(volumes[order]) / volumes.sum()
        expected = (points[order, axis] - low) / (high - low)
        # One scan line in 250 carries what it carries at once.
        assert np.abs(share - expected).max() < 5e-3


@given(st.lists(st.tuples(st.floats(-5.0, 9.0), st.floats(-5.0, 9.0)), min_size=3, max_size=6))
@settings(deadline=None, max_examples=40)
def test_no_point_leaves_the_box_of_its_polygon(vertices) -> None:
    edges = closed([(round(x, 2), round(y, 2)) for x, y in vertices])
    points, volumes = in_one_slab(edges, 1.0, 2.0, 0.7)
    assert (volumes > 0.0).all()
    if len(points):
        low, high = edges[:, :2].min(axis=0), edges[:, :2].max(axis=0)
        assert (points[:, :2] >= low - 1e-9).all()
        assert (points[:, :2] <= high + 1e-9).all()
        assert ((points[:, 2] >= 1.0) & (points[:, 2] <= 2.0)).all()


def test_a_slab_without_thickness_holds_nothing() -> None:
    points, volumes = in_one_slab(closed(TRIANGLE), 1.0, 1.0, 0.5)
    assert len(points) == len(volumes) == 0


def matrix_and_values():
    rng = np.random.default_rng(5)
    matrix = np.eye(4)
    matrix[:3] = rng.normal(size=(3, 4)) * 0.3 + np.eye(3, 4)
    return matrix, rng.uniform(0.0, 9.0, (4, 5, 6)).astype(np.float32)


def test_values_agree_with_plain_numpy_inside_at_the_rim_and_outside() -> None:
    matrix, values = matrix_and_values()
    points = np.random.default_rng(6).uniform(-3.0, 8.0, (2000, 3))
    found = values_at(points, matrix, values)
    np.testing.assert_allclose(found, values_at_reference(points, matrix, values), rtol=1e-5)
    assert np.isnan(found).any()
    assert np.isfinite(found).any()


def test_half_a_voxel_beyond_the_outermost_centres_takes_their_value() -> None:
    values = np.arange(24.0, dtype=np.float32).reshape(2, 3, 4)
    points = np.array([(-0.5, 0.0, 0.0), (3.5, 2.5, 1.5), (-0.51, 0.0, 0.0), (1.0, 2.51, 1.0)])
    np.testing.assert_array_equal(values_at(points, np.eye(4), values), [0.0, 23.0, np.nan, np.nan])


@pytest.mark.usefixtures("interpreted_kernels")
def test_the_kernels_run_as_plain_python_too() -> None:
    points, volumes = in_one_slab(closed(TRIANGLE), 0.0, 1.0, 1.0)
    assert volumes.sum() == pytest.approx(26.5, rel=0.05)
    matrix, values = matrix_and_values()
    found = values_at(points, matrix, values)
    np.testing.assert_allclose(found, values_at_reference(points, matrix, values), rtol=1e-5)
