"""Markers in windows of one image: as accurate as the slow finder, refused where they cannot be trusted."""

import numpy as np
import pytest
from motion_frames import AXES, PLANNED, SEEDS, frame, kv_view

from isoguide.errors import GeometryError
from isoguide.images.radiograph import Radiograph
from isoguide.motion.marker_pixels import MarkerFinder, MarkerPixels
from isoguide.registration.markers import DeclaredMarkers, MarkerKind, find_in_radiograph

SHIFT = np.array([0.8, -0.6, 0.5])


def off_px(found, view, centres):
    return np.linalg.norm(found.pixels - view.project(centres), axis=1)


def found_in(image, view, *, finder=None, expected=PLANNED, sigma_mm=1.0, quantity="line integral"):
    return (finder or MarkerFinder(SEEDS, axes=AXES)).find(image, view, expected, sigma_mm, quantity)


@pytest.mark.parametrize("source_deg", [0.0, 35.0, 90.0, 200.0])
def test_seeds_are_found_as_accurately_as_for_a_match_at_set_up(source_deg):
    view, there = kv_view(source_deg), PLANNED + SHIFT
    image = frame(view, there, AXES, np.random.default_rng(round(source_deg)))

    found = found_in(image, view)

    peer = find_in_radiograph(Radiograph(view, image, "line integral"), SEEDS, PLANNED, reach_mm=4.0)
    pixels = np.array([one.pixel for one in peer])
    of_peer = [np.linalg.norm(pixels - at, axis=1).min() for at in view.project(there)]
    assert found.seen.all()
    assert off_px(found, view, there).max() < max(0.15, 1.5 * max(of_peer))
    assert found.quality.min() > 0.9
    sigma = np.sqrt(np.linalg.eigvalsh(found.covariance_px2)[:, -1])
    assert (off_px(found, view, there) < 4.0 * sigma).all()


def test_an_image_of_intensities_says_the_same():
    view, there = kv_view(20.0), PLANNED + SHIFT
    image = frame(view, there, AXES, np.random.default_rng(2))
    counts = (40000.0 * np.exp(-image)).astype(np.float32)

    as_lines, as_counts = found_in(image, view), found_in(counts, view, quantity="intensity")

    np.testing.assert_allclose(as_counts.pixels, as_lines.pixels, atol=0.01)


def test_seeds_whose_axes_nobody_knows_are_found_in_any_direction():
    view = kv_view(20.0)
    axes = np.array([[1.0, 0.2, 0.0], [0.0, 1.0, 0.1], [0.7, -0.7, 0.0], [0.1, 0.3, 1.0]])
    axes /= np.linalg.norm(axes, axis=1)[:, None]
    image = frame(view, PLANNED + SHIFT, axes, np.random.default_rng(3))
    assert off_px(found_in(image, view, finder=MarkerFinder(SEEDS)), view, PLANNED + SHIFT).max() < 0.2


def test_balls_are_found():
    balls = DeclaredMarkers(MarkerKind.SPHERE, 2.0, 2.0, 1)
    view, there = kv_view(0.0), np.array([[3.0, 2.0, 0.0]])
    columns, rows = np.meshgrid(np.arange(256), np.arange(256))
    at = view.project(there)[0]
    chord = 2.0 * np.sqrt(np.maximum(3.75**2 - (columns - at[0]) ** 2 - (rows - at[1]) ** 2, 0.0)) / 3.75
    image = (3.0 + chord + 0.02 * np.random.default_rng(1).standard_normal(chord.shape)).astype(np.float32)
    found = MarkerFinder(balls).find(image, view, np.array([[2.5, 2.3, 0.0]]), 0.5)
    assert off_px(found, view, there)[0] < 0.1


def test_one_missing_seed_does_not_spoil_the_others():
    view, there = kv_view(20.0), PLANNED + SHIFT
    image = frame(view, there[[0, 2, 3]], AXES[[0, 2, 3]], np.random.default_rng(4))

    found = found_in(image, view)

    np.testing.assert_array_equal(found.seen, [True, False, True, True])
    assert found.reasons[1]
    assert off_px(found, view, there)[[0, 2, 3]].max() < 0.15


@pytest.mark.parametrize("shift", [-0.6, 0.0, 0.6])
def test_two_seeds_that_cross_are_not_taken_for_each_other(shift):
    # Seen from above they lie across each other; they come past one another as the target moves.
    planned, axes = PLANNED.copy(), AXES.copy()
    planned[1] = planned[0] + [1.5, 0.5, 14.0]
    axes[0], axes[1] = [0.5, 0.85, 0.15], [-0.6, 0.8, 0.0]
    axes /= np.linalg.norm(axes, axis=1)[:, None]
    view, there = kv_view(0.0), planned + np.array([shift, 2.0 * shift, 0.0])
    image = frame(view, there, axes, np.random.default_rng(5))

    found = found_in(image, view, finder=MarkerFinder(SEEDS, axes=axes), expected=planned)

    assert found.seen.all()
    assert off_px(found, view, there).max() < 0.4


def test_an_edge_of_bone_is_not_taken_for_a_missing_seed():
    view = kv_view(0.0)
    edge_mm = (46.0 - 127.5) * 0.4 / 1.5
    planned = PLANNED.copy()
    planned[1] = [edge_mm, 5.0, 0.0]
    image = frame(view, planned[[0, 2, 3]], AXES[[0, 2, 3]], np.random.default_rng(6))
    found = found_in(image, view, expected=planned)
    np.testing.assert_array_equal(found.seen, [True, False, True, True])


def test_a_surgical_clip_in_the_place_of_a_missing_seed_is_refused():
    view, rng = kv_view(20.0), np.random.default_rng(7)
    finder = MarkerFinder(SEEDS, axes=AXES)
    assert found_in(frame(view, PLANNED, AXES, rng), view, finder=finder).seen.all()
    image = frame(view, PLANNED[[0, 2, 3]], AXES[[0, 2, 3]], rng)
    # As long and thick as two seeds, across their direction.
    image += frame(view, PLANNED[[1]], AXES[[1]] @ [[0, 1, 0], [1, 0, 0], [0, 0, 1]], rng, 0.0, 10.0) - 3.2

    found = found_in(image, view, finder=finder)

    assert not found.seen[1]
    np.testing.assert_array_equal(found.seen, [True, False, True, True])


def test_what_absorbs_far_less_than_a_seed_is_refused():
    view, rng = kv_view(20.0), np.random.default_rng(8)
    finder = MarkerFinder(SEEDS, axes=AXES)
    whole = frame(view, PLANNED, AXES, rng)
    assert found_in(whole, view, finder=finder).seen.all()
    state = np.random.default_rng(9)
    without = frame(view, PLANNED[[0, 2, 3]], AXES[[0, 2, 3]], np.random.default_rng(9))
    pale = without + 0.25 * (frame(view, PLANNED, AXES, state) - without)
    found = found_in(pale.astype(np.float32), view, finder=finder)
    assert not found.seen[1]
    assert found.reasons[1] == "what lies near its place absorbs more or less than a marker"


def test_a_frozen_image_is_refused():
    view, finder = kv_view(20.0), MarkerFinder(SEEDS, axes=AXES)
    image = frame(view, PLANNED, AXES, np.random.default_rng(10))
    assert found_in(image, view, finder=finder).seen.all()
    again = found_in(image.copy(), view, finder=finder)
    assert not again.seen.any()
    assert "repeats" in again.problem


def test_a_blank_image_is_refused():
    assert "blank" in found_in(np.full((256, 256), 3.0, np.float32), kv_view(0.0)).problem


def test_an_image_with_values_that_are_no_numbers_is_refused():
    image = frame(kv_view(0.0), PLANNED, AXES, np.random.default_rng(11))
    broken = image.copy()
    broken[::8] = np.nan
    assert "no numbers" in found_in(broken, kv_view(0.0)).problem
    broken = image.copy()
    broken[1::8, 1::8] = np.nan
    assert all("no numbers" in reason for reason in found_in(broken, kv_view(0.0)).reasons)


def test_seeds_in_a_saturated_part_of_the_image_are_not_seen():
    view = kv_view(0.0)
    image = frame(view, PLANNED, AXES, np.random.default_rng(12))
    found = found_in(np.minimum(image, np.float32(np.median(image))), view)
    assert not found.seen.any()
    assert "saturated" in found.reasons[0]


def test_a_seed_beside_the_image_is_not_seen_and_the_others_are():
    view, expected = kv_view(0.0), PLANNED.copy()
    expected[3] = [-80.0, 0.0, 0.0]
    found = found_in(frame(view, PLANNED, AXES, np.random.default_rng(13)), view, expected=expected)
    np.testing.assert_array_equal(found.seen, [True, True, True, False])
    assert "edge of the image" in found.reasons[3]


def test_an_image_of_another_size_than_the_detector_is_refused():
    with pytest.raises(GeometryError, match="detector says"):
        found_in(np.zeros((10, 10), np.float32), kv_view(0.0))


def test_markers_and_their_axes_have_to_fit():
    with pytest.raises(GeometryError, match="axes"):
        MarkerFinder(SEEDS, axes=AXES[:2])
    with pytest.raises(GeometryError, match="expected markers"):
        found_in(np.zeros((256, 256), np.float32), kv_view(0.0), expected=PLANNED[:3])


def test_pixels_without_a_covariance_are_refused():
    with pytest.raises(GeometryError, match="not a finite number"):
        MarkerPixels(np.zeros((1, 2)), np.full((1, 2, 2), np.nan), np.ones(1))
    with pytest.raises(GeometryError, match="need pixels"):
        MarkerPixels(np.zeros((1, 3)), np.zeros((1, 2, 2)), np.ones(1))


def test_warming_up_leaves_nothing_behind():
    view, finder = kv_view(20.0), MarkerFinder(SEEDS, axes=AXES)
    finder.warm_up()
    assert found_in(frame(view, PLANNED, AXES, np.random.default_rng(14)), view, finder=finder).seen.all()
