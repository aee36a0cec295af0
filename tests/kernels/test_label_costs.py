"""Costs of displacements: the kernels, their plain references, and what leads out of the image."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from isoguide.kernels.label_costs import (
    SCALE,
    best_labels,
    best_labels_reference,
    label_costs,
    label_costs_reference,
    node_shape,
    soft_labels,
    soft_labels_reference,
)
from isoguide.kernels.self_similarity import KNOWN

LABELS = np.array(list(product((-2, 0, 2), (-1, 0, 1), (-2, 0, 2))))
BLOCK = np.array([2, 3, 3])


def random_words(seed, shape):
    rng = np.random.default_rng(seed)
    words = rng.integers(0, 2**60, shape, dtype=np.uint64) | KNOWN
    return np.where(rng.random(shape) < 0.8, words, np.uint64(0))


def both(seed, shape, labels, step):
    fixed, moving = random_words(seed, shape), random_words(seed + 1, shape)
    fixed[-2:] = 0
    return [f(fixed, moving, labels, BLOCK, step, 0.5) for f in (label_costs, label_costs_reference)]


def check(found, expected):
    np.testing.assert_array_equal(found[1], expected[1])
    # float32 in the one and float64 in the other: a thousandth of a bit at most.
    assert np.abs(found[0].astype(int) - expected[0].astype(int)).max() <= 1


@pytest.mark.usefixtures("interpreted_kernels")
@pytest.mark.filterwarnings("ignore:overflow encountered in scalar multiply")
def test_costs_and_plain_reference_agree_as_plain_python():
    check(*both(1, (4, 5, 6), LABELS[::9], 1))


@given(st.integers(0, 2**32 - 2), st.integers(1, 2))
@settings(max_examples=8)
def test_costs_and_plain_reference_agree(seed, step):
    check(*both(seed, (9, 10, 11), LABELS, step))


def test_tissue_that_lies_two_voxels_further_on_costs_nothing_there():
    fixed = random_words(3, (12, 12, 12)) | KNOWN
    moving = np.roll(fixed, 2, axis=2)
    costs, known = label_costs(fixed, moving, LABELS, np.array([3, 3, 3]))
    assert known.all()
    best, least = best_labels(costs, LABELS.astype(np.float32), np.zeros((3, 4, 4, 4), np.float32), 0.0)
    assert (LABELS[best[1:-1, 1:-1, 1:-1]] == [0, 0, 2]).all()
    assert least[1, 1, 1] == 0.0


def test_unrelated_words_differ_in_half_their_bits():
    costs, _ = label_costs(random_words(4, (12, 12, 12)), random_words(5, (12, 12, 12)), LABELS, BLOCK)
    assert costs.mean() / SCALE == pytest.approx(30.0, abs=0.3)


def test_a_displacement_out_of_the_image_is_neither_good_nor_bad():
    fixed = random_words(6, (8, 9, 9)) | KNOWN
    moving = fixed.copy()
    moving[:, :, 6:] = 0
    labels = np.array([[0, 0, -3], [0, 0, 0], [0, 0, 3], [0, 0, 6]])
    costs, known = label_costs(fixed, moving, labels, np.array([4, 3, 3]))
    assert known[:, :, :2].all()
    inside = costs[:, 0, 1, 0].astype(float)
    assert inside[3] == pytest.approx(inside[1:3].mean(), abs=1.0)


def test_a_node_without_a_known_voxel_says_that_it_knows_nothing():
    fixed, moving = random_words(7, (8, 9, 9)), random_words(8, (8, 9, 9))
    fixed[:, :, 3:] = 0
    _, known = label_costs(fixed, moving, LABELS, np.array([4, 3, 3]))
    assert known[:, :, 0].all()
    assert not known[:, :, 2].any()


@given(st.integers(0, 2**32 - 1), st.floats(0.0, 50.0))
@settings(max_examples=8)
def test_the_best_displacement_and_its_plain_reference_agree(seed, coupling):
    costs, table, goal = random_costs(seed, (2, 3, 4))
    found, expected = (f(costs, table, goal, coupling) for f in (best_labels, best_labels_reference))
    np.testing.assert_allclose(found[1], expected[1], rtol=1e-5)
    np.testing.assert_array_equal(found[0], expected[0])


def random_costs(seed, nodes):
    rng = np.random.default_rng(seed)
    costs = rng.integers(0, 60_000, (len(LABELS), *nodes)).astype(np.uint16)
    return costs, (3.0 * LABELS).astype(np.float32), rng.normal(0.0, 5.0, (3, *nodes)).astype(np.float32)


@given(st.integers(0, 2**32 - 1), st.floats(0.0, 50.0))
@settings(max_examples=8)
def test_the_mean_displacement_and_its_plain_reference_agree(seed, coupling):
    case = (*random_costs(seed, (2, 3, 4)), coupling, 20_000.0)
    found, expected = soft_labels(*case), soft_labels_reference(*case)
    np.testing.assert_allclose(found[0], expected[0], atol=2e-3)
    np.testing.assert_allclose(found[1], expected[1], atol=2e-2)


@pytest.mark.usefixtures("interpreted_kernels")
def test_of_two_displacements_equally_good_the_mean_is_half_way_as_plain_python_too():
    costs = np.full((27, 1, 1, 1), 20_000, np.uint16)
    labels = np.array(list(product((-3, 0, 3), repeat=3)), np.float32)
    costs[13] = costs[14] = 5_000
    mean, spread = soft_labels(costs, labels, np.zeros((3, 1, 1, 1), np.float32), 0.0, 1_000.0)
    np.testing.assert_allclose(mean.ravel(), [0.0, 0.0, 1.5])
    # Two values 3 mm apart along one of three axes: standard deviation 1.5 mm / sqrt(3).
    np.testing.assert_allclose(spread, 1.5 / np.sqrt(3.0), rtol=1e-6)


@pytest.mark.usefixtures("interpreted_kernels")
def test_a_stiff_spring_takes_every_node_to_its_goal_as_plain_python_too():
    costs = np.random.default_rng(9).integers(0, 60_000, (len(LABELS), 1, 2, 2)).astype(np.uint16)
    goal = np.broadcast_to(np.float32([2.0, -1.0, 0.0])[:, None, None, None], (3, 1, 2, 2))
    best, _ = best_labels(costs, LABELS.astype(np.float32), goal, 1e6)
    assert (LABELS[best] == [2, -1, 0]).all()


def test_blocks_cover_an_image_that_they_do_not_divide():
    assert node_shape((7, 9, 10), np.array([3, 3, 3])) == (3, 3, 4)
