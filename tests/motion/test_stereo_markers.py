"""A target followed through pairs of images: each pair for itself."""

import numpy as np
import pytest
from motion_frames import AT, NAMES, PLANNED, kv_view, second, seen

from isoguide.errors import GeometryError, InputError
from isoguide.geometry.iec61217 import rotation_iec
from isoguide.motion.marker_pixels import MarkerPixels
from isoguide.motion.sample import TargetSample, Unseen
from isoguide.motion.stereo_markers import StereoMarkerTracker

VIEWS = [kv_view(angle, size=(1024, 768)) for angle in (315.0, 45.0)]


def tracker_of(planned=PLANNED, **given):
    return StereoMarkerTracker(planned, names=NAMES[: len(planned)], **given)


def look(tracker, points, *, number=1, missing=((), ()), seed=None):
    rng = None if seed is None else np.random.default_rng(seed)
    found = [seen(view, points, out, rng=rng) for view, out in zip(VIEWS, missing, strict=True)]
    return tracker.see(VIEWS, found, at=second(number), number=number)


@pytest.mark.parametrize("axis", range(3))
@pytest.mark.parametrize("shift_mm", [-2.0, 2.0])
def test_a_target_2_mm_off_is_seen_2_mm_off_on_that_side(axis, shift_mm):
    there = np.zeros(3)
    there[axis] = shift_mm
    said = look(tracker_of(), PLANNED + there)
    np.testing.assert_allclose(said.position_mm, there, atol=1e-3)
    assert said.quality == 1.0
    assert said.words == "4 of 4 markers"
    assert said.source == "markers, stereo pair"


def test_pairs_are_as_sure_as_they_say():
    off = []
    for seed in range(25):
        said = look(tracker_of(), PLANNED + [1.0, 2.0, -1.0], seed=seed)
        error = said.position_mm - [1.0, 2.0, -1.0]
        off.append(error @ np.linalg.solve(said.covariance_mm2, error))
    # The planning CT and the calibration are without error here: less than the 3 degrees of freedom.
    assert np.mean(off) < 3.0


def test_the_turn_carries_the_target_that_lies_beside_its_markers():
    middle = PLANNED.mean(axis=0)
    turned = (PLANNED - middle) @ rotation_iec(0.0, 3.0, 0.0).T + middle
    said = look(tracker_of(target_mm=middle + [0.0, 20.0, 0.0]), turned)
    # A pitch of 3° raises what lies towards the gantry: 20 sin 3° = 1.05 mm.
    assert said.position_mm[2] == pytest.approx(1.05, abs=0.1)
    np.testing.assert_allclose(said.rotation_deg, [3.0, 0.0, 0.0], atol=0.2)


@pytest.mark.parametrize("moved_mm", [(3.0, 0.0, 0.0), (0.0, 3.0, 0.0), (0.0, 0.0, -3.0)])
def test_a_seed_that_migrated_is_named_and_left_out_in_the_first_pair(moved_mm):
    points = PLANNED.copy()
    points[1] += moved_mm
    tracker = tracker_of()
    said = look(tracker, points)
    assert [which for which, _ in tracker.geometry.moved] == [1]
    assert "marker 'left' moved by" in said.words
    assert said.quality <= 0.75
    np.testing.assert_allclose(said.position_mm, np.zeros(3), atol=0.1)


def test_two_seeds_that_disagree_tell_nothing():
    points = PLANNED[:2].copy()
    points[1] += [0.0, 5.0, 0.0]
    said = look(tracker_of(PLANNED[:2]), points)
    assert isinstance(said, Unseen)
    assert "half of the markers" in said.reason


def test_which_of_three_seeds_moved_may_be_open():
    points = PLANNED[:3].copy()
    points[0] += (
        6.0 * (points[0] - points[1:].mean(axis=0)) / np.linalg.norm(points[0] - points[1:].mean(axis=0))
    )
    said = look(tracker_of(PLANNED[:3]), points)
    assert isinstance(said, Unseen) or said.quality <= 0.67


def test_a_seed_that_one_image_does_not_show_still_helps():
    said = look(tracker_of(), PLANNED + [0.0, 1.0, 0.0], missing=((), (2,)))
    assert isinstance(said, TargetSample)
    assert said.position_mm[1] == pytest.approx(1.0, abs=0.05)


def test_a_seed_that_no_image_shows_is_named():
    said = look(tracker_of(), PLANNED, missing=((2,), (2,)))
    assert "'apex' not seen" in said.words
    assert said.quality <= 0.75


def test_images_taken_for_each_other_are_noticed():
    tracker = tracker_of()
    found = [seen(view, PLANNED + [0.0, 3.0, 0.0]) for view in VIEWS]
    swapped = tracker.see(VIEWS, found[::-1], at=AT, number=1)
    assert isinstance(swapped, Unseen) or swapped.quality <= 0.5


def test_rays_that_do_not_meet_say_nothing():
    shifted = [seen(VIEWS[0], PLANNED), seen(VIEWS[1], PLANNED + [0.0, 5.0, 0.0])]
    said = tracker_of().see(VIEWS, shifted, at=AT, number=1)
    assert isinstance(said, Unseen)
    assert "does not meet in space" in said.reason


def test_a_pair_without_a_marker_in_both_images_says_why():
    said = look(tracker_of(), PLANNED, missing=((0, 1), (2, 3)))
    assert said.reason == "no marker was found in both images"
    blank = [MarkerPixels.none(4, "the image is blank"), seen(VIEWS[1], PLANNED)]
    assert tracker_of().see(VIEWS, blank, at=AT, number=1).reason == "the image is blank"


def test_a_pair_that_came_already_is_none():
    tracker = tracker_of()
    look(tracker, PLANNED, number=5)
    assert "none that is new" in look(tracker, PLANNED, number=5).reason


def test_only_a_seed_that_moved_in_sight_says_nothing():
    points = PLANNED.copy()
    points[1] += [0.0, 4.0, 0.0]
    tracker = tracker_of()
    assert isinstance(look(tracker, points), TargetSample)
    # Alone nothing shows that it moved: the sample says how little it is worth.
    alone = look(tracker, points, number=2, missing=((0, 2, 3), (0, 2, 3)))
    assert isinstance(alone, Unseen) or alone.quality < 0.25


def test_what_is_expected_follows_the_target():
    tracker = tracker_of()
    look(tracker, PLANNED + [0.0, 2.0, 0.0])
    places, covariance = tracker.expect()
    np.testing.assert_allclose(places, PLANNED + [0.0, 2.0, 0.0], atol=0.05)
    assert np.linalg.eigvalsh(covariance)[0] > 0.0


def test_input_that_does_not_fit_is_refused():
    one = seen(VIEWS[0], PLANNED)
    with pytest.raises(InputError, match="two images"):
        tracker_of().see(VIEWS[:1], [one], at=AT, number=1)
    with pytest.raises(InputError, match="searched for 4 markers"):
        tracker_of().see(VIEWS, [one, seen(VIEWS[1], PLANNED[:2])], at=AT, number=1)
    with pytest.raises(GeometryError, match="depth is open"):
        tracker_of().see([VIEWS[0], VIEWS[0]], [one, one], at=AT, number=1)
