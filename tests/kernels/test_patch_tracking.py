"""Patches followed in ultrasound: the kernels, their plain references, and hand calculations."""

import numpy as np
import pytest

from isoguide.kernels.patch_tracking import (
    correlation_scan,
    correlation_scan_reference,
    lattice_window,
    lattice_window_reference,
    values_at,
    values_at_reference,
    warped_sums,
    warped_sums_reference,
)


def image(shape, seed=1):
    rng = np.random.default_rng(seed)
    return rng.integers(0, 255, shape).astype(np.uint8), rng.random(shape) > 0.3


def windows(shape):
    values, seen = image(shape)
    start = np.array([-1.3, 0.4, 0.0 if shape[0] == 1 else -0.6])
    size = (1 if shape[0] == 1 else 5, 6, 7)
    sigma = np.array([0.9, 0.7, 0.8])
    return values, seen, start, np.array([0.9, 1.3, 1.1]), size, sigma


def check_all(shape):
    case = windows(shape)
    window = lattice_window(*case)
    np.testing.assert_allclose(window, lattice_window_reference(*case), rtol=1e-4, atol=1e-3)
    assert np.isfinite(window).any()
    assert np.isnan(window).any()
    shifted = window - np.float32(128.0)
    patch = shifted[: max(1, shape[0] // 2 if shape[0] > 1 else 1), 1:4, 2:5]
    for stride in (1, 2):
        np.testing.assert_allclose(
            correlation_scan(shifted, patch, stride),
            correlation_scan_reference(shifted, patch, stride),
            atol=1e-4,
        )
    rng = np.random.default_rng(2)
    points = rng.uniform(-0.5, 5.0, (12, 3)) * (1.0, 1.0, 0.0 if shape[0] == 1 else 0.8)
    warp = np.column_stack([np.eye(3) + 0.05 * np.diag([1.0, -1.0, 0.0]), (0.2, 0.3, 0.0)])
    filled = np.nan_to_num(shifted, nan=3.0)
    np.testing.assert_allclose(
        values_at(filled, points, warp), values_at_reference(filled, points, warp), rtol=1e-4, atol=1e-3
    )
    columns = rng.normal(size=(12, 3)).astype(np.float32)
    sums, _ = warped_sums(filled, points, columns, warp)
    expected, _ = warped_sums_reference(filled, points, columns, warp)
    np.testing.assert_allclose(sums, expected, rtol=1e-3, atol=0.05)


@pytest.mark.parametrize("shape", [(1, 9, 10), (6, 9, 10)])
def test_the_kernels_agree_with_their_plain_references(shape):
    check_all(shape)


@pytest.mark.usefixtures("interpreted_kernels")
@pytest.mark.parametrize("shape", [(1, 7, 8), (5, 7, 8)])
def test_the_kernels_run_as_plain_python_too(shape):
    check_all(shape)


def test_a_patch_correlates_wholly_with_where_it_was_cut_out():
    window = np.random.default_rng(3).normal(size=(1, 20, 24)).astype(np.float32)
    answer = correlation_scan(window, np.ascontiguousarray(window[:, 6:13, 9:18]))
    assert np.unravel_index(answer.argmax(), answer.shape) == (0, 6, 9)
    assert answer.max() == pytest.approx(1.0, abs=1e-6)


def test_a_flat_window_correlates_with_nothing_and_an_unseen_one_says_nothing():
    patch = np.random.default_rng(3).normal(size=(1, 3, 3)).astype(np.float32)
    assert (correlation_scan(np.ones((1, 5, 5), np.float32), patch) == 0.0).all()
    assert np.isnan(correlation_scan(np.full((1, 5, 5), np.nan, np.float32), patch)).all()


def test_halfway_between_two_samples_lies_their_mean():
    window = np.array([[[1.0, 3.0], [5.0, 11.0]]], dtype=np.float32)
    at = np.array([[0.5, 0.0, 0.0], [0.5, 0.5, 0.0], [1.5, 0.0, 0.0]])
    found = values_at(window, at, np.eye(3, 4))
    assert found[:2].tolist() == [2.0, 5.0]
    assert np.isnan(found[2])
