import numpy as np
import pytest

from isoguide.kernels.local_correlation import (
    forces,
    forces_reference,
    moments,
    moments_reference,
    warped,
    warped_reference,
)


def images(shape, seed=0):
    rng = np.random.default_rng(seed)
    fixed, moving = rng.normal(50.0, 100.0, (2, *shape)).astype(np.float32)
    moving[0, :2, 1] = np.nan
    fixed[-1, -1, :2] = np.nan
    return fixed, moving


def nodes_of(shape, steps):
    return tuple(max(2, -(-(n - 1) // steps) + 1) for n in shape)


def check(shape, steps):
    rng = np.random.default_rng(1)
    fixed, moving = images(shape)
    nodes = nodes_of(shape, steps)
    matrix = np.array([[1.0, 0.02, 0.0, 0.3], [-0.02, 1.0, 0.01, -0.2], [0.0, -0.01, 0.9, 0.4]])
    shift = rng.uniform(-0.8, 0.8, (*nodes, 3)).astype(np.float32)
    found = warped(fixed, moving, matrix, shift, steps)
    expected = warped_reference(fixed, moving, matrix, shift, steps)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-2)
    assert np.isnan(found).any()
    assert np.isfinite(found).any()
    sums = moments(fixed, found, nodes, steps)
    np.testing.assert_allclose(sums, moments_reference(fixed, found, nodes, steps), rtol=1e-3, atol=1.0)
    fits = rng.uniform(0.2, 1.0, (*nodes, 3)).astype(np.float32)
    slope = rng.normal(0.0, 10.0, (*shape, 3)).astype(np.float32)
    pulls = forces(fixed, found, fits, slope, steps)
    expected = forces_reference(fixed, found, fits, slope, steps)
    np.testing.assert_allclose(pulls, expected, rtol=1e-3, atol=2e-3 * np.abs(expected).max())


@pytest.mark.parametrize("steps", [1, 2, 3])
def test_images_are_compared_as_the_reference_says(steps):
    check((9, 11, 12), steps)


@pytest.mark.usefixtures("interpreted_kernels")
def test_interpreted_kernels_compare_images_as_the_reference_says():
    check((3, 4, 5), 2)


def test_what_lies_a_voxel_farther_along_is_looked_up_there():
    """By hand: M(x + u) of a ramp along i that rises by 10 per voxel, u = 1.5 voxels."""
    moving = np.tile(10.0 * np.arange(8, dtype=np.float32), (5, 5, 1))
    shift = np.zeros((3, 3, 5, 3), np.float32)
    shift[..., 0] = 1.5
    found = warped(np.zeros_like(moving), moving, np.eye(4)[:3], shift, 2)
    np.testing.assert_allclose(found[2, 2, :6], [15.0, 25.0, 35.0, 45.0, 55.0, 65.0])
    assert np.isnan(found[2, 2, 6:]).all()
