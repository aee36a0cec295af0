"""Sums along an axis and padding outside the field of view: the kernels and their plain references."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from isoguide.kernels.filtering import (
    blank_border_runs,
    blank_border_runs_reference,
    filter_axis,
    filter_axis_reference,
)

seeds = st.integers(0, 2**32 - 1)
small_shapes = hnp.array_shapes(min_dims=3, max_dims=3, min_side=1, max_side=6)


def random_filter(rng, size):
    """First taps and weights that stay inside ``size`` input samples."""
    taps = int(rng.integers(1, size + 1))
    first = rng.integers(0, size - taps + 1, int(rng.integers(1, 8)))
    return first, rng.normal(size=(len(first), taps)).astype(np.float32)


@given(seeds, small_shapes, st.sampled_from([0, 1, 2]), st.sampled_from([np.int16, np.float32]))
def test_weighted_sums_agree_with_the_plain_reference(seed, shape, axis, kind):
    rng = np.random.default_rng(seed)
    volume = rng.integers(-1000, 3000, shape).astype(kind)
    first, weights = random_filter(rng, shape[axis])
    expected = filter_axis_reference(volume.astype(np.float32), axis, first, weights)
    np.testing.assert_allclose(filter_axis(volume, axis, first, weights), expected, rtol=1e-4, atol=0.02)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_an_unknown_voxel_makes_every_sum_unknown_that_needs_it_and_no_other(axis):
    volume = np.ones((7, 7, 7), np.float32)
    volume[3, 3, 3] = np.nan
    first, weights = np.arange(5), np.full((5, 3), 1.0 / 3.0, np.float32)
    answer = filter_axis(volume, axis, first, weights)
    assert np.isnan(answer).sum() == 3
    np.testing.assert_array_equal(answer, filter_axis_reference(volume, axis, first, weights))


@pytest.mark.usefixtures("interpreted_kernels")
@pytest.mark.parametrize("axis", [0, 1, 2])
def test_weighted_sums_run_as_plain_python_too(axis):
    rng = np.random.default_rng(axis)
    volume = rng.integers(-1000, 1000, (3, 4, 5)).astype(np.int16)
    first, weights = random_filter(rng, volume.shape[axis])
    expected = filter_axis_reference(volume.astype(np.float32), axis, first, weights)
    np.testing.assert_allclose(filter_axis(volume, axis, first, weights), expected, rtol=1e-4, atol=0.02)


@given(hnp.arrays(np.int16, small_shapes, elements=st.sampled_from([-1000, -1000, 0, 40])))
def test_padding_is_found_as_by_the_plain_reference(volume):
    np.testing.assert_array_equal(
        blank_border_runs(volume, -1000.0), blank_border_runs_reference(volume.astype(np.float32), -1000.0)
    )


@pytest.mark.usefixtures("interpreted_kernels")
def test_padding_is_found_as_plain_python_too():
    volume = np.full((2, 5, 5), -1000, np.int16)
    volume[:, 1:4, 1:4] = 40
    volume[1, 2, 2] = -1000
    answer = blank_border_runs(volume, -1000.0)
    np.testing.assert_array_equal(answer, blank_border_runs_reference(volume.astype(np.float32), -1000.0))
    assert answer[1, 2, 2] == -1000.0, "air inside the patient is anatomy"
    assert np.isnan(answer).sum() == 2 * 16
