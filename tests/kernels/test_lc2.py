"""Sums of LC2 against plain NumPy, and their derivative against finite differences."""

import numpy as np
import pytest
from scipy import ndimage

from isoguide.kernels import lc2
from isoguide.kernels.lc2 import COUNT, GRADIENT, RESIDUAL, TOTAL, lc2_sums, lc2_sums_reference


def smooth_ct(size=14, waves=(0.31, 0.23, 0.4)):
    """Channels of a smooth function and of its gradient's size, both exact, on voxels of 1 mm."""
    z, y, x = np.meshgrid(*[np.arange(size, dtype=float)] * 3, indexing="ij")
    a, b, c = waves
    value = np.sin(a * x) + np.cos(b * y) + np.sin(c * z)
    slope = np.stack([a * np.cos(a * x), -b * np.sin(b * y), c * np.cos(c * z)], axis=-1)
    bend = np.stack([-a * a * np.sin(a * x), -b * b * np.cos(b * y), -c * c * np.sin(c * z)], axis=-1)
    length = np.linalg.norm(slope, axis=-1)
    of_length = slope * bend / length[..., None]
    return np.concatenate([value[..., None], slope, length[..., None], of_length], axis=-1).astype(np.float32)


def patches(count, seed=1):
    rng = np.random.default_rng(seed)
    centres = rng.uniform(5.0, 8.0, (count, 3))
    steps = np.stack(np.meshgrid(*[np.arange(-1.0, 2.0)] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
    values = rng.normal(100.0, 20.0, (count, 27)).astype(np.float32)
    weights = (rng.random((count, 27)) < 0.8).astype(np.float32)
    return centres, 1.3 * steps, values, weights


POSE = np.array([[0.99, -0.1, 0.05, 0.3], [0.1, 0.99, 0.02, -0.8], [-0.05, -0.02, 1.0, 0.4]])


def test_sums_are_those_of_least_squares():
    given = smooth_ct(), POSE, *patches(40)
    np.testing.assert_allclose(lc2_sums(*given), lc2_sums_reference(*given), rtol=2e-3, atol=0.02)


def test_many_patches_in_several_threads_give_the_same_sums_as_few():
    centres, steps, values, weights = patches(2000)
    many = lc2_sums(smooth_ct(), POSE, centres, steps, values, weights)
    few = lc2_sums(smooth_ct(), POSE, centres[:9], steps, values[:9], weights[:9])
    np.testing.assert_array_equal(many[:9], few)


@pytest.mark.usefixtures("interpreted_kernels")
def test_the_interpreted_kernel_is_the_compiled_one():
    given = smooth_ct(), POSE, *patches(2)
    np.testing.assert_allclose(lc2.lc2_sums(*given), lc2_sums_reference(*given), rtol=2e-3, atol=0.02)


def test_the_gradient_is_half_the_fall_of_the_residual_as_the_ct_is_moved():
    centres, steps, values, weights = patches(5, seed=3)
    # Long waves, and differences over a whole voxel, where linear interpolation has the mean slope.
    volume = smooth_ct(waves=(0.12, 0.09, 0.15))
    sums = lc2_sums_reference(volume, POSE, centres, steps, values, weights)
    for axis in range(3):
        ahead, behind = POSE.copy(), POSE.copy()
        ahead[axis, 3] += 0.5
        behind[axis, 3] -= 0.5
        before, after = (
            lc2_sums_reference(volume, one, centres, steps, values, weights)[:, RESIDUAL]
            for one in (behind, ahead)
        )
        expected = 0.5 * (before - after)
        scale = np.abs(sums[:, GRADIENT]).max()
        np.testing.assert_allclose(sums[:, GRADIENT][:, axis], expected, atol=0.1 * scale)


def test_what_the_ct_explains_leaves_no_residual_and_pulls_nowhere():
    volume, (centres, steps, _, weights) = smooth_ct(), patches(6)
    probe = np.random.default_rng(0).normal(size=(6, 27)).astype(np.float32)
    ijk = (centres[:, None] + steps) @ POSE[:, :3].T + POSE[:, 3]
    where = np.moveaxis(ijk[..., ::-1], -1, 0)
    value, length = (
        ndimage.map_coordinates(volume[..., channel].astype(float), where, order=1) for channel in (0, 4)
    )
    seen = (120.0 - 30.0 * value + 55.0 * length).astype(np.float32)
    sums = lc2_sums(volume, POSE, centres, steps, seen, weights)
    assert (sums[:, RESIDUAL] < 1e-4 * sums[:, TOTAL]).all()
    noisy = lc2_sums(volume, POSE, centres, steps, seen + 20.0 * probe, weights)
    assert (np.abs(sums[:, GRADIENT]) < 0.02 * np.abs(noisy[:, GRADIENT]).max()).all()


def test_a_sample_in_a_shadow_changes_nothing():
    volume, (centres, steps, values, weights) = smooth_ct(), patches(4)
    blackened = np.where(weights > 0.0, values, np.float32(0.0))
    np.testing.assert_array_equal(
        lc2_sums(volume, POSE, centres, steps, values, weights),
        lc2_sums(volume, POSE, centres, steps, blackened, weights),
    )
    np.testing.assert_array_equal(
        lc2_sums(volume, POSE, centres, steps, values, weights)[:, COUNT], weights.sum(1)
    )


def test_a_patch_that_leaves_the_ct_is_not_a_number_and_a_flat_ct_explains_nothing():
    centres, steps, values, weights = patches(3)
    centres[1, 0] = 0.5
    sums = lc2_sums(smooth_ct(), POSE, centres, steps, values, weights)
    assert np.isnan(sums[1]).all()
    assert np.isfinite(sums[[0, 2]]).all()
    flat = np.zeros((14, 14, 14, 8), dtype=np.float32)
    sums = lc2_sums(flat, POSE, centres, steps, values, weights)[[0, 2]]
    np.testing.assert_allclose(sums[:, RESIDUAL], sums[:, TOTAL])
    np.testing.assert_array_equal(sums[:, GRADIENT], 0.0)
