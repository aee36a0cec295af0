"""Patches compared with the daily image: the kernel, its plain reference, and what it must not depend on."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from isoguide.kernels.patches import CORRELATION, GRADIENT, LENGTH, patch_sums, patch_sums_reference

OFFSETS = np.stack(np.meshgrid(*[[-1.0, 0.0, 1.0]] * 3, indexing="ij"), axis=-1).reshape(-1, 3)


def random_case(seed, patches=6, parameters=2):
    """A daily image, an affine near the identity, and random templates, some past the border."""
    rng = np.random.default_rng(seed)
    shape = rng.integers(7, 12, 3)
    volume = rng.normal(0.0, 100.0, shape).astype(np.float32)
    affine = np.column_stack([np.eye(3) + rng.uniform(-0.2, 0.2, (3, 3)), rng.uniform(-1.0, 1.0, 3)])
    centres = rng.uniform(0.2 * shape[::-1], 0.9 * shape[::-1], (patches, 3))
    f = rng.normal(size=(patches, len(OFFSETS)))
    f -= f.mean(axis=1, keepdims=True)
    f /= np.linalg.norm(f, axis=1, keepdims=True)
    d = rng.normal(size=(patches, parameters, len(OFFSETS)))
    d -= d.mean(axis=2, keepdims=True)
    d -= np.einsum("pcs,ps->pc", d, f)[..., None] * f[:, None]
    return volume, affine, centres, OFFSETS, f.astype(np.float32), d.astype(np.float32)


@given(st.integers(0, 2**32 - 1))
def test_the_kernel_agrees_with_the_plain_reference(seed):
    case = random_case(seed)
    np.testing.assert_allclose(patch_sums(*case), patch_sums_reference(*case), rtol=1e-3, atol=0.05)


@pytest.mark.usefixtures("interpreted_kernels")
def test_the_kernel_runs_as_plain_python_too():
    case = random_case(1)
    expected = patch_sums_reference(*case)
    assert np.isfinite(expected).any()
    assert np.isnan(expected).any()
    np.testing.assert_allclose(patch_sums(*case), expected, rtol=1e-3, atol=0.05)


def whole_image(shape=(8, 8, 8)):
    centres = np.array([[3.4, 3.6, 4.2]])
    affine = np.eye(3, 4)
    return np.random.default_rng(3).normal(0.0, 100.0, shape).astype(np.float32), affine, centres


def test_the_correlation_of_a_patch_with_itself_is_one():
    volume, affine, _ = whole_image()
    centre = np.array([[3.0, 4.0, 3.0]])
    m = volume[2:5, 3:6, 2:5].transpose(2, 1, 0).reshape(1, -1).astype(np.float64)
    f = m - m.mean()
    f = (f / np.linalg.norm(f)).astype(np.float32)
    sums = patch_sums(volume, affine, centre, OFFSETS, f, np.zeros((1, 0, 27), np.float32))
    assert sums[0, CORRELATION] / sums[0, LENGTH] == pytest.approx(1.0, abs=1e-6)


@given(st.floats(0.2, 4.0), st.floats(-500.0, 500.0))
def test_gain_and_offset_of_the_daily_grey_values_change_neither_correlation_nor_gradient(gain, offset):
    volume, affine, centres = whole_image()
    f, d = (a[:1] for a in random_case(11)[4:])
    plain = patch_sums(volume, affine, centres, OFFSETS, f, d)[0]
    grey = patch_sums((gain * volume + offset).astype(np.float32), affine, centres, OFFSETS, f, d)[0]
    assert grey[CORRELATION] / grey[LENGTH] == pytest.approx(plain[CORRELATION] / plain[LENGTH], abs=2e-4)
    np.testing.assert_allclose(
        grey[GRADIENT:] / grey[CORRELATION], plain[GRADIENT:] / plain[CORRELATION], rtol=5e-3, atol=5e-3
    )


def test_a_patch_that_leaves_the_daily_image_says_nothing():
    volume, affine, _ = whole_image()
    f, d = (np.repeat(a[:1], 4, axis=0) for a in random_case(11)[4:])
    inside = [[1.0, 1.0, 1.0], [5.9, 5.9, 5.9]]
    outside = [[0.9, 3.0, 3.0], [3.0, 3.0, 6.1]]
    sums = patch_sums(volume, affine, np.array(inside + outside), OFFSETS, f, d)
    assert np.isfinite(sums[:2]).all()
    assert np.isnan(sums[2:]).all()


def test_a_patch_that_touches_what_was_not_imaged_says_nothing():
    volume, affine, _ = whole_image((9, 9, 9))
    volume[4, 4, 7] = np.nan
    f, d = (np.repeat(a[:1], 2, axis=0) for a in random_case(11)[4:])
    sums = patch_sums(volume, affine, np.array([[5.5, 4.0, 4.0], [3.0, 4.0, 4.0]]), OFFSETS, f, d)
    assert np.isnan(sums[0]).all()
    assert np.isfinite(sums[1]).all()


def test_a_pose_that_is_no_number_says_nothing():
    volume, affine, centres = whole_image()
    f, d = (a[:1] for a in random_case(11)[4:])
    assert np.isnan(patch_sums(volume, affine * np.nan, centres, OFFSETS, f, d)).all()


@pytest.mark.parametrize("grey", [0.0, -1000.0, 2000.0])
def test_a_patch_of_one_grey_value_has_no_length_and_no_direction(grey):
    _, affine, centres = whole_image()
    f, d = (a[:1] for a in random_case(11)[4:])
    np.testing.assert_array_equal(
        patch_sums(np.full((8, 8, 8), grey, np.float32), affine, centres, OFFSETS, f, d), 0.0
    )


@pytest.mark.usefixtures("interpreted_kernels")
def test_a_patch_of_one_grey_value_says_nothing_as_plain_python_too():
    _, affine, centres = whole_image()
    f, d = (a[:1] for a in random_case(11)[4:])
    flat = np.full((8, 8, 8), 40.0, np.float32)
    np.testing.assert_array_equal(patch_sums(flat, affine, centres, OFFSETS, f, d), 0.0)
