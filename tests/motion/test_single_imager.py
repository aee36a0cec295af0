"""A target followed through the images of one rotating imager, and all that can go wrong with its markers."""

from datetime import datetime

import numpy as np
import pytest
from motion_frames import AT, AXES, NAMES, PLANNED, SEEDS, frame, kv_view, second, seen

from isoguide.errors import GeometryError, InputError
from isoguide.geometry.iec61217 import rotation_iec
from isoguide.motion.marker_pixels import MarkerFinder, MarkerPixels
from isoguide.motion.marker_settings import prostate_mm2
from isoguide.motion.ray_filter import RayFilter
from isoguide.motion.sample import TargetSample, Unseen
from isoguide.motion.single_imager import SingleImagerSettings, SingleImagerTracker

STILL = np.zeros(3)


def tracker_of(planned=PLANNED, **given):
    names = given.pop("names", NAMES[: len(planned)])
    settings = given.pop("settings", None)
    return SingleImagerTracker(planned, settings, names=names, **given)


def follow(tracker, place_at, *, frames=44, start_deg=0.0, missing=(), points=PLANNED, first=0, seed=1):
    """Show an arc of 6° a second at two frames a second; return what was said of each frame."""
    rng = np.random.default_rng(seed)
    said = []
    for n in range(first, first + frames):
        view = kv_view(start_deg + 3.0 * n, size=(1024, 768))
        found = seen(view, points + place_at(n), missing, rng=rng)
        said.append(tracker.see(view, found, at=second(0.5 * n), number=n))
    return said


@pytest.mark.parametrize("source_deg", range(0, 360, 45))
def test_a_target_2_mm_towards_the_head_is_seen_2_mm_towards_the_head_at_every_gantry_angle(source_deg):
    # IEC fixed y points to the gantry: the head of a patient who lies head first.
    said = follow(tracker_of(), lambda _: np.array([0.0, 2.0, 0.0]), frames=1, start_deg=source_deg)
    assert said[0].position_mm[1] == pytest.approx(2.0, abs=0.1)
    assert np.abs(said[0].position_mm[[0, 2]]).max() < 0.6


@pytest.mark.parametrize("axis", range(3))
@pytest.mark.parametrize("sign", [-1.0, 1.0])
def test_after_an_arc_for_learning_a_still_target_is_known_along_every_axis(axis, sign):
    there = np.zeros(3)
    there[axis] = 2.0 * sign
    last = follow(tracker_of(), lambda _: there)[-1]
    np.testing.assert_allclose(last.position_mm, there, atol=0.1)
    assert last.quality == 1.0
    assert last.words == "4 of 4 markers"
    assert (last.at, last.number) == (second(21.5), 43)


def test_breathing_towards_the_feet_and_backwards_is_followed_along_the_ray():
    # 8 mm and 3 mm: at 0° the vertical movement is invisible, and known by what goes with it.
    place = lambda n: np.sin(np.pi * n / 4.0 + 0.3) * np.array([0.0, -4.0, -1.5])  # noqa: E731 - a formula
    said = follow(tracker_of(), place, frames=80)
    off = np.array([one.position_mm - place(n) for n, one in enumerate(said)])[36:]
    assert np.sqrt((off**2).mean(axis=0)).max() < 0.2


def test_what_a_frame_leaves_open_is_what_its_covariance_says():
    first = follow(tracker_of(), lambda _: STILL, frames=1)[0]
    # The source stands above: vertical is along the ray.
    assert first.covariance_mm2[2, 2] > 3.0
    assert max(first.covariance_mm2[0, 0], first.covariance_mm2[1, 1]) < 0.05
    after = follow(tracker_of(), lambda _: STILL)[-1]
    assert after.covariance_mm2[2, 2] < 0.7


def test_with_exact_pixels_the_depth_is_the_published_closed_form():
    # Poulsen et al. 2008: s* = e' A (mu - p0) / (e' A e), variance 1 / (e' A e), A the inverse covariance.
    base = np.array([[1.0, 0.3, 0.1], [0.3, 4.0, -1.5], [0.1, -1.5, 2.0]])
    ray = np.array([0.6, 0.05, 0.8])
    ray /= np.linalg.norm(ray)
    point = np.array([0.4, -1.2, 0.9])
    rays = RayFilter(base, 1e9, 30.0, 0.0)
    information = (np.eye(3) - np.outer(ray, ray)) / 1e-6 + 1e-8 * np.eye(3)

    rays.take(0.0, information, information @ point)

    precise = np.linalg.inv(base)
    depth = ray @ precise @ (STILL - point) / (ray @ precise @ ray)
    np.testing.assert_allclose(rays.mean_mm, point + depth * ray, atol=1e-4)
    assert ray @ rays.covariance_mm2 @ ray == pytest.approx(1.0 / (ray @ precise @ ray), rel=1e-4)


def test_a_prostate_slides_forwards_and_towards_the_head_together():
    # Forwards is up for who lies on his back, and down for who lies on his belly.
    assert prostate_mm2("HFS")[1, 2] > 0.5
    assert prostate_mm2("HFP")[1, 2] < -0.5
    assert prostate_mm2("FFS")[1, 2] < -0.5
    place = lambda n: np.array([0.0, 3.0, 3.0]) * float(n >= 40)  # noqa: E731 - a formula
    tracker = tracker_of(settings=SingleImagerSettings.for_prostate("HFS"))
    # At frame 40 the source stands at 0° again: the way forwards is along the ray.
    jumped = follow(tracker, place, frames=41, start_deg=-120.0)[-1]
    assert jumped.position_mm[1] == pytest.approx(3.0, abs=0.2)
    assert jumped.position_mm[2] > 1.0
    assert jumped.covariance_mm2[2, 2] > 0.3


def test_the_target_itself_is_said_to_have_moved_not_the_middle_of_its_markers():
    # The reference point lies 30 mm to +X of the markers' middle; a yaw of 2° carries it to +Y.
    middle = PLANNED.mean(axis=0)
    turn = rotation_iec(2.0, 0.0, 0.0)
    tracker = tracker_of(target_mm=middle + [30.0, 0.0, 0.0])
    turned = (PLANNED - middle) @ turn.T + middle
    last = follow(tracker, lambda _: STILL, points=turned)[-1]
    expected = 30.0 * np.array([np.cos(np.deg2rad(2.0)) - 1.0, np.sin(np.deg2rad(2.0)), 0.0])
    np.testing.assert_allclose(last.position_mm, expected, atol=0.15)


@pytest.mark.parametrize("angles", [(3.0, 0.0, 0.0), (0.0, -3.0, 0.0), (0.0, 0.0, 3.0)])
def test_pitch_roll_and_yaw_of_the_target_are_told_with_their_signs(angles):
    pitch_deg, roll_deg, yaw_deg = angles
    middle = PLANNED.mean(axis=0)
    turned = (PLANNED - middle) @ rotation_iec(yaw_deg, pitch_deg, roll_deg).T + middle
    last = follow(tracker_of(), lambda _: STILL, points=turned)[-1]
    np.testing.assert_allclose(last.rotation_deg, angles, atol=0.3)


@pytest.mark.parametrize("moved_mm", [(3.0, 0.0, 0.0), (0.0, -3.0, 0.0), (0.0, 0.0, 3.0)])
def test_a_seed_that_migrated_by_3_mm_is_named_and_the_others_go_on(moved_mm):
    points = PLANNED.copy()
    points[2] += moved_mm
    tracker = tracker_of()
    last = follow(tracker, lambda _: np.array([1.0, -1.0, 0.5]), points=points)[-1]
    assert [which for which, _ in tracker.geometry.moved] == [2]
    assert "marker 'apex' moved by" in last.words
    assert "left out" in last.words
    assert last.quality <= 0.75
    np.testing.assert_allclose(last.position_mm, [1.0, -1.0, 0.5], atol=0.2)


def test_a_seed_that_migrates_while_the_beam_is_on_is_named_soon():
    tracker = tracker_of()
    assert follow(tracker, lambda _: STILL)[-1].quality == 1.0
    points = PLANNED.copy()
    points[0] += [0.0, 4.0, 0.0]
    said = follow(tracker, lambda _: STILL, points=points, first=44, frames=8)
    assert max(one.quality for one in said) <= 0.75
    assert all(np.linalg.norm(one.position_mm) < 0.3 for one in said)


def test_with_two_seeds_that_disagree_nobody_can_tell_which_moved():
    points = PLANNED[:2].copy()
    points[1] += [0.0, 6.0, 0.0]
    last = follow(tracker_of(PLANNED[:2]), lambda _: STILL, points=points)[-1]
    assert isinstance(last, Unseen)
    assert "half of the markers" in last.reason


def test_three_seeds_never_exclude_that_one_moved_and_the_sample_says_so():
    last = follow(tracker_of(PLANNED[:3]), lambda _: STILL, points=PLANNED[:3])[-1]
    assert last.quality == pytest.approx(0.75)
    assert last.words.endswith("that one moved is not excluded")


def test_a_seed_that_vanishes_lowers_the_quality_and_is_named():
    last = follow(tracker_of(), lambda _: STILL, missing=(1,))[-1]
    assert "'left' not seen" in last.words
    assert last.quality <= 0.75
    np.testing.assert_allclose(last.position_mm, STILL, atol=0.2)


def test_fewer_than_three_seeds_tell_no_rotation():
    last = follow(tracker_of(PLANNED[:2]), lambda _: STILL, points=PLANNED[:2])[-1]
    assert isinstance(last, TargetSample)
    assert last.rotation_deg is None


def test_something_else_taken_for_a_seed_in_one_frame_is_left_out_of_it():
    tracker = tracker_of()
    follow(tracker, lambda _: STILL)
    view = kv_view(132.0, size=(1024, 768))
    found = seen(view, PLANNED)
    pixels = found.pixels.copy()
    pixels[3] += [14.0, 5.0]
    said = tracker.see(
        view, MarkerPixels(pixels, found.covariance_px2, found.quality), at=second(22.0), number=44
    )
    assert said.quality == pytest.approx(0.75)
    assert "'right' not seen" in said.words
    np.testing.assert_allclose(said.position_mm, STILL, atol=0.2)


def test_two_seeds_taken_for_each_other_give_no_wrong_place():
    tracker = tracker_of()
    follow(tracker, lambda _: STILL)
    view = kv_view(132.0, size=(1024, 768))
    found = seen(view, PLANNED[[1, 0, 2, 3]])
    said = tracker.see(view, found, at=second(22.0), number=44)
    assert isinstance(said, Unseen) or np.linalg.norm(said.position_mm) < 0.3
    assert isinstance(said, Unseen) or said.quality <= 0.5


def test_frames_that_fit_nothing_say_nothing_and_the_target_is_looked_for_further_away():
    tracker = tracker_of(settings=SingleImagerSettings.for_prostate("HFS"))
    follow(tracker, lambda _: STILL)
    _, before = tracker.expect()
    view = kv_view(132.0, size=(1024, 768))
    astray = PLANNED + np.random.default_rng(3).normal(0.0, 8.0, (4, 3))
    for n in range(44, 54):
        said = tracker.see(view, seen(view, astray), at=second(0.5 * n), number=n)
        assert isinstance(said, Unseen)
    _, after = tracker.expect()
    assert np.trace(after) > np.trace(before)


def test_a_frame_that_came_already_is_none():
    tracker = tracker_of()
    follow(tracker, lambda _: STILL, frames=3)
    view = kv_view(9.0)
    again = tracker.see(view, seen(view, PLANNED), at=second(1.5), number=2)
    assert "none that is new" in again.reason
    earlier = tracker.see(view, seen(view, PLANNED), at=second(0.7), number=3)
    assert "clock or order" in earlier.reason


def test_a_frame_without_any_marker_says_why():
    view, tracker = kv_view(0.0), tracker_of()
    said = tracker.see(view, MarkerPixels.none(4, "the image is blank"), at=AT, number=1)
    assert said.reason == "the image is blank"
    nothing = MarkerPixels(
        np.full((4, 2), np.nan), np.full((4, 2, 2), np.nan), np.zeros(4), ("too pale", "", "", "")
    )
    said = tracker.see(view, nothing, at=AT, number=1)
    assert said.reason == "none of the 4 markers was found: too pale"


def test_a_seed_that_moved_and_is_the_only_one_in_sight_says_nothing_of_the_target():
    points = PLANNED.copy()
    points[2] += [0.0, 4.0, 0.0]
    tracker = tracker_of()
    follow(tracker, lambda _: STILL, points=points)
    view = kv_view(132.0, size=(1024, 768))
    said = tracker.see(view, seen(view, points, missing=(0, 1, 3)), at=second(22.0), number=44)
    assert isinstance(said, Unseen)
    assert said.reason == "only 'apex', which moved, can be seen"


def test_input_that_does_not_fit_is_refused():
    view, tracker = kv_view(0.0), tracker_of()
    with pytest.raises(InputError, match="4 markers are tracked"):
        tracker.see(view, seen(view, PLANNED[:3]), at=AT, number=1)
    with pytest.raises(InputError, match="time zone"):
        tracker.see(view, seen(view, PLANNED), at=datetime(2026, 3, 16, 8, 0), number=1)
    with pytest.raises(InputError, match="one name"):
        SingleImagerTracker(PLANNED, names=("a",))


@pytest.mark.parametrize(
    "wrong", [{"forget_s": 0.0}, {"memory_s": -1.0}, {"planning_sigma_mm": np.nan}, {"prior_mm2": -np.eye(3)}]
)
def test_settings_that_cannot_be_are_refused(wrong):
    with pytest.raises((InputError, GeometryError)):
        SingleImagerSettings(**wrong)


def test_seeds_are_found_and_followed_through_an_arc_of_images():
    rng = np.random.default_rng(20)
    finder, tracker = MarkerFinder(SEEDS, axes=AXES), tracker_of()
    said = []
    for n in range(12):
        there = PLANNED + np.array([0.0, 2.0 + 0.1 * n, -1.0])
        view = kv_view(30.0 * n)
        expected, covariance = tracker.expect()
        found = finder.find(frame(view, there, AXES, rng), view, expected, covariance)
        said.append(tracker.see(view, found, at=second(5.0 * n), number=n))
    assert all(isinstance(one, TargetSample) for one in said)
    assert said[-1].position_mm == pytest.approx([0.0, 3.1, -1.0], abs=0.4)
    assert min(one.quality for one in said[6:]) >= 0.75


def test_an_arc_for_learning_can_be_taken_in_at_once():
    rng = np.random.default_rng(21)
    tracker = tracker_of()
    arc = []
    for n in range(40):
        view = kv_view(3.0 * n, size=(1024, 768))
        arc.append((view, seen(view, PLANNED + [1.0, 0.0, 0.0], rng=rng), second(0.5 * n), n))
    tracker.warm_up()
    assert len(tracker.learn(arc)) == 40
    places, covariance = tracker.expect()
    np.testing.assert_allclose(places, PLANNED + [1.0, 0.0, 0.0], atol=0.3)
    assert np.sqrt(np.linalg.eigvalsh(covariance)[-1]) < 1.2
