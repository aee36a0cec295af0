import numpy as np
import pytest

from isoguide.kernels.convolution import convolved, convolved_reference
from isoguide.virtual.blur import blurred


def check(shape, taps):
    values = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
    for axis in range(3):
        for wrap in (False, True):
            np.testing.assert_allclose(
                convolved(values, axis, taps, wrap=wrap),
                convolved_reference(values, axis, taps, wrap=wrap),
                atol=1e-5,
            )


def test_every_axis_and_both_edges_agree_with_scipy():
    check((6, 9, 11), np.array([0.1, 0.2, 0.4, 0.2, 0.1], dtype=np.float32))


def test_taps_that_reach_farther_than_the_volume_agree_as_well():
    check((2, 3, 4), np.full(11, 0.1, dtype=np.float32))


@pytest.mark.usefixtures("interpreted_kernels")
def test_interpreted_axes_and_edges_agree_with_scipy():
    check((2, 3, 4), np.array([0.25, 0.5, 0.25], dtype=np.float32))


def test_a_blur_keeps_a_constant_and_spreads_a_point_by_its_deviation():
    values = np.zeros((21, 21, 21), dtype=np.float32)
    values[10, 10, 10] = 1.0
    spread = blurred(values, (0.0, 1.5, 2.0), truncate=4.0)
    offset = np.arange(21) - 10.0
    assert spread.sum() == pytest.approx(1.0, abs=1e-5)
    assert np.sqrt(spread.sum(axis=(0, 1)) @ offset**2) == pytest.approx(2.0, abs=0.01)
    assert np.sqrt(spread.sum(axis=(0, 2)) @ offset**2) == pytest.approx(1.5, abs=0.01)
    np.testing.assert_allclose(
        blurred(values + 5.0, (1.0, 0.4, 2.0), truncate=3.0).sum(), 5.0 * 21**3 + 1, rtol=1e-5
    )
