"""Pixels put into voxels: kernels against their references, and small cases by hand."""

import numpy as np
import pytest

from isoguide.kernels.compounding import (
    DARK,
    LIT,
    fill_holes,
    fill_holes_reference,
    insert,
    insert_reference,
    means,
    means_reference,
    splat,
    splat_reference,
)

SHAPE = (7, 8, 9)


def images(count=3):
    rng = np.random.default_rng(3)
    for _ in range(count):
        pixels = rng.integers(0, 256, (6, 7)).astype(np.uint8)
        labels = rng.integers(0, 3, (6, 7)).astype(np.uint8)
        to_index = rng.normal(0.0, 0.6, (3, 3))
        to_index[:, 2] = [3.0, 3.0, 2.5]
        yield pixels, labels, to_index


def check_sums():
    ours, theirs = np.zeros((*SHAPE, 4), np.float32), np.zeros((*SHAPE, 4), np.float32)
    for case in images():
        splat(*case, ours)
        splat_reference(*case, theirs)
    assert theirs[..., 1].sum() > 5.0
    assert theirs[..., 3].sum() > 5.0
    np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-3)
    for one, two in zip(means(ours, 0.02), means_reference(ours, 0.02), strict=True):
        assert one.any()
        np.testing.assert_array_equal(one, two)


def check_insert():
    for keep in ("brightest", "nearest"):
        results = []
        for function in (insert, insert_reference):
            score, value = np.full(SHAPE, -np.inf, np.float32), np.zeros(SHAPE, np.uint8)
            for case in images():
                function(*case, score, value, keep=keep)
            results.append((score, value))
        np.testing.assert_allclose(results[0][0], results[1][0], rtol=1e-6)
        np.testing.assert_array_equal(results[0][1], results[1][1])


def check_fill():
    rng = np.random.default_rng(4)
    seen = rng.random(SHAPE) < 0.12
    values = (rng.integers(1, 256, SHAPE) * seen).astype(np.uint8)
    shadowed = seen & (rng.random(SHAPE) < 0.3)
    spacing = np.array([0.5, 0.6, 1.0])
    ours = fill_holes(values, seen, shadowed, spacing, 2.1)
    theirs = fill_holes_reference(values, seen, shadowed, spacing, 2.1)
    assert theirs[1].sum() > seen.sum() + 5
    for one, two in zip(ours, theirs, strict=True):
        np.testing.assert_array_equal(one, two)


@pytest.mark.parametrize("check", [check_sums, check_insert, check_fill])
def test_the_kernels_are_what_their_references_say(check):
    check()


@pytest.mark.usefixtures("interpreted_kernels")
@pytest.mark.parametrize("check", [check_sums, check_insert, check_fill])
def test_the_kernels_interpreted_are_what_their_references_say(check):
    check()


def one_pixel(at, value=200, label=LIT):
    to_index = np.zeros((3, 3))
    to_index[:, 2] = at
    return np.full((1, 1), value, np.uint8), np.full((1, 1), label, np.uint8), to_index


def test_a_pixel_between_two_voxels_gives_each_its_share():
    sums = np.zeros((4, 4, 4, 4), np.float32)
    splat(*one_pixel([1.25, 2.0, 1.0]), sums)
    assert sums[1, 2, 1, 1] == pytest.approx(0.75)
    assert sums[1, 2, 2, 1] == pytest.approx(0.25)
    assert sums[1, 2, 2, 0] == pytest.approx(50.0)
    assert sums[..., 1].sum() == pytest.approx(1.0)


def test_a_lit_pixel_goes_before_a_brighter_one_in_a_shadow():
    score, value = np.full((3, 3, 3), -np.inf, np.float32), np.zeros((3, 3, 3), np.uint8)
    insert(*one_pixel([1, 1, 1], 90, LIT), score, value, keep="brightest")
    insert(*one_pixel([1, 1, 1], 250, DARK), score, value, keep="brightest")
    assert value[1, 1, 1] == 90
    assert score[1, 1, 1] > 512.0


def test_a_hole_gets_the_values_beside_it_and_a_gap_that_is_too_long_stays():
    values, seen = np.zeros((1, 1, 9), np.uint8), np.zeros((1, 1, 9), bool)
    values[0, 0, [0, 3, 8]], seen[0, 0, [0, 3, 8]] = [30, 60, 90], True
    filled, known, _ = fill_holes(values, seen, np.zeros_like(seen), np.ones(3), 3.0)
    # 0 to 3 is 3 mm: a third and two thirds of the way from 30 to 60. 3 to 8 is 5 mm and stays.
    assert filled[0, 0, :4].tolist() == [30, 40, 50, 60]
    assert known[0, 0].tolist() == [True] * 4 + [False] * 4 + [True]


def test_a_bridge_that_rests_on_a_shadow_is_one():
    values, seen = np.full((1, 1, 3), 50, np.uint8), np.array([[[True, False, True]]])
    shadowed = np.array([[[True, False, False]]])
    assert fill_holes(values, seen, shadowed, np.ones(3), 2.0)[2][0, 0].tolist() == [True, True, False]
