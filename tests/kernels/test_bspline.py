import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from isoguide.kernels import bspline
from isoguide.kernels.bspline import sample_cubic, sample_cubic_reference

SHAPE = (6, 7, 8)


def image(seed: int, shape: tuple[int, int, int] = SHAPE) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def coefficients(values: np.ndarray) -> np.ndarray:
    return ndimage.spline_filter(values, 3, output=np.float32, mode="mirror")


@given(seed=st.integers(0, 2**32 - 1), shifted=st.booleans())
@settings(max_examples=25, deadline=None)
def test_the_kernel_agrees_with_scipy_inside_and_outside_the_image(seed, shifted):
    rng = np.random.default_rng(seed)
    matrix = np.hstack([np.eye(3) + 0.3 * rng.standard_normal((3, 3)), 2.0 * rng.standard_normal((3, 1))])
    shift = 1.5 * rng.standard_normal((3, 5, 6, 7)).astype(np.float32) if shifted else None
    c = coefficients(image(seed))
    found = sample_cubic(c, matrix, (5, 6, 7), shift)
    expected = sample_cubic_reference(c, matrix, (5, 6, 7), shift)
    # Single precision against double: a few parts in a million of values around one.
    np.testing.assert_allclose(found, expected, atol=2e-5)


@pytest.mark.parametrize("shape", [(4, 4, 4), (1, 5, 5), (2, 3, 9)])
def test_at_its_own_voxels_the_spline_gives_the_image_back(shape):
    values = image(1, shape)
    identity = np.eye(3, 4)
    np.testing.assert_allclose(sample_cubic(coefficients(values), identity, shape), values, atol=1e-5)


def test_straight_lines_stay_straight_between_voxels():
    i = np.arange(40, dtype=np.float32)
    ramp = np.broadcast_to(i, (20, 20, 40))
    half_a_voxel_on = np.eye(3, 4)
    half_a_voxel_on[0, 3] = 0.5
    found = sample_cubic(coefficients(ramp), half_a_voxel_on, (20, 20, 39))
    # The mirrored edge bends the line; its influence dies off by a factor of four per voxel.
    np.testing.assert_allclose(found[10, 10, 8:31], i[8:31] + 0.5, atol=1e-3)


def test_the_uncompiled_functions_do_the_same():
    c = coefficients(image(2))
    matrix = np.array([[0.9, 0.1, 0.0, -0.4], [0.0, 1.1, 0.1, 0.2], [0.1, 0.0, 0.8, 0.3]])
    shift = np.full((3, 2, 3, 4), 0.25, dtype=np.float32)
    for moved in (shift, np.empty((3, 1, 1, 0), dtype=np.float32)):
        out = np.empty((2, 3, 4), dtype=np.float32)
        bspline._slab.py_func(c.ravel(), c.shape, matrix, moved, out, 0)
        given_shift = moved if moved.size else None
        np.testing.assert_allclose(out, sample_cubic_reference(c, matrix, (2, 3, 4), given_shift), atol=2e-5)
        row = np.empty(4, dtype=np.float32)
        bspline._row.py_func(c.ravel(), c.shape, matrix[:, 3], matrix[:, 0], moved[:, 0, 0, :], row)
        np.testing.assert_allclose(row, out[0, 0], atol=1e-6)
    inner = coefficients(np.random.default_rng(3).standard_normal((6, 6, 6)).astype(np.float32))
    t = (np.float32(0.3), np.float32(0.6), np.float32(0.1))
    first, line, plane = (np.uint64(n) for n in ((2 * 6 + 2) * 6 + 2, 6, 36))
    found = bspline._inner.py_func(inner.ravel(), first, line, plane, t)
    same = bspline._at_the_edge.py_func(inner.ravel(), inner.shape, (3, 3, 3), t)
    there = ndimage.map_coordinates(inner, [[3.1], [3.6], [3.3]], order=3, prefilter=False)[0]
    assert found == pytest.approx(there, abs=1e-5)
    assert same == pytest.approx(there, abs=1e-5)
    assert sum(bspline._weights.py_func(np.float32(0.3))) == pytest.approx(1.0, abs=1e-6)
    assert [bspline._mirror.py_func(n, 5) for n in (-1, 0, 4, 5)] == [1, 0, 4, 3]
    assert bspline._mirror.py_func(-1, 1) == 0
