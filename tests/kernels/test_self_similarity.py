"""Self-similarity features: the kernel, its plain reference, and what they must not depend on."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from isoguide.kernels.self_similarity import (
    BITS,
    CHANNELS,
    KNOWN,
    PLACES,
    VECTORS,
    WHICH,
    self_similarity,
    self_similarity_reference,
)

BOX = np.full(3, 1.0 / 3.0, np.float32)
FLOOR = 0.002


def tissue(seed, shape=(9, 10, 11)):
    rng = np.random.default_rng(seed)
    return (100.0 * ndimage.gaussian_filter(rng.normal(size=shape), 1.0)).astype(np.float32)


def differing_bits(one, other):
    return np.bitwise_count((one ^ other) & ~KNOWN)


@pytest.mark.usefixtures("interpreted_kernels")
def test_kernel_and_plain_reference_agree_as_plain_python():
    image = tissue(1, (5, 6, 7))
    image[1, 2, 3] = np.nan
    np.testing.assert_array_equal(
        self_similarity(image, 1, BOX, FLOOR), self_similarity_reference(image, 1, BOX, FLOOR)
    )


@given(st.integers(0, 2**32 - 1), st.integers(1, 2))
@settings(max_examples=8)
def test_kernel_and_plain_reference_agree(seed, dilation):
    image = tissue(seed)
    found = self_similarity(image, dilation, BOX, FLOOR)
    expected = self_similarity_reference(image, dilation, BOX, FLOOR)
    # Sums in another order round otherwise: now and then a value passes the limit of a grade.
    assert differing_bits(found, expected).mean() < 0.01


def test_the_twelve_pairs_are_all_neighbours_of_a_voxel_that_lie_at_a_right_angle():
    pairs = {
        frozenset([tuple(place), tuple(place + VECTORS[which])])
        for which, place in zip(WHICH, PLACES, strict=True)
    }
    assert len(pairs) == CHANNELS
    for one, other in (tuple(pair) for pair in pairs):
        assert np.abs(one).sum() == np.abs(other).sum() == 1
        assert np.dot(one, other) == 0


@given(st.floats(0.25, 4.0), st.floats(-1000.0, 1000.0))
@settings(max_examples=8)
def test_gain_and_offset_of_the_grey_values_do_not_change_the_features(gain, offset):
    image = tissue(2)
    words = self_similarity(image, 1, BOX, FLOOR)
    other = self_similarity((gain * image + offset).astype(np.float32), 1, BOX, FLOOR)
    assert differing_bits(words, other).mean() < 0.1


def test_an_image_turned_inside_out_has_the_same_features():
    image = tissue(3)
    np.testing.assert_array_equal(
        self_similarity(image, 1, BOX, FLOOR), self_similarity(-image, 1, BOX, FLOOR)
    )


def test_a_voxel_near_what_was_not_imaged_says_nothing():
    image = tissue(4, (15, 15, 15))
    image[7, 7, 7] = np.nan
    words = self_similarity(image, 1, BOX, FLOOR)
    assert words[7, 7, 7] == words[7, 7, 9] == words[5, 7, 7] == 0
    far = np.abs(np.indices(image.shape) - 7).max(axis=0) > 2
    assert (words[far] & KNOWN == KNOWN).all()


def test_where_nothing_varies_all_patches_are_alike():
    words = self_similarity(np.full((5, 5, 5), 40.0, np.float32), 1, BOX, FLOOR)
    np.testing.assert_array_equal(words, KNOWN | np.uint64((1 << BITS) - 1))


def test_an_edge_makes_the_patches_across_it_unlike():
    image = np.zeros((9, 9, 9), np.float32)
    image[:, :, 5:] = 100.0
    words = self_similarity(image, 1, np.ones(1, np.float32), FLOOR)
    # At the edge the neighbour at +i differs from its four partners, the other eight pairs are alike.
    assert np.bitwise_count(words[4, 4, 4] & ~KNOWN) == 8 * 5
