"""Rays with derivatives: the kernel, finite differences, and integrals that are known by hand."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from isoguide.errors import GeometryError
from isoguide.kernels.ray_gradient import (
    SHIFT,
    TURN,
    VALUE,
    march_rays_with_motion,
    march_rays_with_motion_reference,
)


def random_case(seed, rays=6):
    """Return a small volume with an empty rim on an oblique grid, and rays that mostly cross it."""
    rng = np.random.default_rng(seed)
    volume = np.zeros(rng.integers(5, 10, 3), np.float32)
    volume[1:-1, 1:-1, 1:-1] = rng.uniform(0.0, 1.0, np.array(volume.shape) - 2)
    turn, _ = np.linalg.qr(rng.normal(0.0, 1.0, (3, 3)))
    linear = turn / np.array([1.0, 1.5, 2.0])[:, None]
    offset = (np.array(volume.shape[::-1]) - 1) / 2.0 + rng.normal(0.0, 0.3, 3)
    source = rng.normal(0.0, 1.0, 3)
    source *= 60.0 / np.linalg.norm(source)
    lines = np.empty((rays, 2, 3))
    lines[:, 0] = source
    lines[:, 1] = -source + rng.normal(0.0, 6.0, (rays, 3))
    return volume, np.column_stack([linear, offset]), lines


@settings(max_examples=30)
@given(st.integers(0, 2**32 - 1))
def test_the_integral_agrees_with_the_plain_reference(seed):
    case = random_case(seed)
    found, plain = march_rays_with_motion(*case), march_rays_with_motion_reference(*case)
    np.testing.assert_allclose(found[:, VALUE], plain[:, VALUE], rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize("seed", range(8))
def test_the_derivatives_are_those_of_finite_differences(seed):
    # Where a sample changes its voxel between the two differences, they straddle a kink: few rays.
    case = random_case(seed, rays=40)
    found, plain = march_rays_with_motion(*case)[:, 1:], march_rays_with_motion_reference(*case)[:, 1:]
    error = np.abs(found - plain) / (1.0 + np.abs(plain))
    assert np.median(error) < 1e-3
    assert (error < 0.01).mean() > 0.95


def linear_ball(slope):
    """Return values that rise evenly inside a box of 41 voxels of 1 mm, zero on the rim."""
    axis = np.arange(41) - 20.0
    z, y, x = np.meshgrid(axis, axis, axis, indexing="ij")
    volume = (100.0 + slope[0] * x + slope[1] * y + slope[2] * z).astype(np.float32)
    for rim in (0, -1):
        volume[rim], volume[:, rim], volume[:, :, rim] = 0.0, 0.0, 0.0
    return volume, np.column_stack([np.eye(3), np.full(3, 20.0)])


def test_a_shift_of_a_slope_changes_the_integral_by_the_slope_times_the_path():
    volume, index_from_mm = linear_ball((0.5, -0.25, 0.0))
    # Along z through the middle: 39 planes of 1 mm hold values; a shift by +1 mm brings lower values by 0.5.
    ray = np.array([[[0.3, 0.2, -500.0], [0.3, 0.2, 500.0]]])
    found = march_rays_with_motion(volume, index_from_mm, ray)[0]
    assert found[VALUE] == pytest.approx(39.0 * (100.0 + 0.15 - 0.05), rel=1e-5)
    np.testing.assert_allclose(found[SHIFT], [-39.0 * 0.5, 39.0 * 0.25, 0.0], atol=1e-2)


def test_a_turn_about_the_ray_changes_it_by_the_lever_times_the_slope():
    volume, index_from_mm = linear_ball((0.5, 0.0, 0.0))
    # At y = 10 a turn about z by one radian moves tissue by -10 mm along x: values rise by 0.5 per mm.
    ray = np.array([[[0.2, 10.0, -500.0], [0.2, 10.0, 500.0]]])
    found = march_rays_with_motion(volume, index_from_mm, ray)[0]
    assert found[TURN][2] == pytest.approx(39.0 * 0.5 * 10.0, rel=1e-4)


def test_a_ray_that_misses_gives_nothing():
    volume, index_from_mm = linear_ball((0.5, 0.0, 0.0))
    ray = np.array([[[0.0, 300.0, -500.0], [0.0, 300.0, 500.0]]])
    assert not march_rays_with_motion(volume, index_from_mm, ray).any()


@pytest.mark.usefixtures("interpreted_kernels")
def test_the_kernel_runs_as_plain_python_too():
    for seed in range(4):
        case = random_case(seed)
        found, plain = march_rays_with_motion(*case), march_rays_with_motion_reference(*case)
        np.testing.assert_allclose(found[:, VALUE], plain[:, VALUE], rtol=1e-4, atol=1e-3)


def test_rays_that_are_no_numbers_are_refused():
    volume, index_from_mm = linear_ball((0.5, 0.0, 0.0))
    with pytest.raises(GeometryError, match="finite numbers"):
        march_rays_with_motion(volume, index_from_mm, np.full((1, 2, 3), np.nan))
