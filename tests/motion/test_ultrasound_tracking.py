"""Structures followed in ultrasound: where they are said to be, and that a loss is said at once."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from scipy import ndimage

from isoguide.errors import GeometryError, InputError
from isoguide.geometry.frames import FIXED, PLANNING, ULTRASOUND_IMAGE
from isoguide.geometry.transforms import RigidTransform, rotation_y
from isoguide.images.ultrasound_image import UltrasoundImage
from isoguide.motion.sample import TargetSample, Unseen
from isoguide.motion.ultrasound_points import UltrasoundPointTracker, UltrasoundVolumeTracker
from isoguide.motion.ultrasound_settings import UltrasoundTrackerSettings
from isoguide.motion.ultrasound_target import OPEN_MM, UltrasoundTargetTracker
from isoguide.virtual.ultrasound_volumes import Pose, VolumeSequence

PIXEL_MM = 0.5
MIDDLE = np.array([[80.0, 70.0]])
FAN = np.ones((140, 160), dtype=bool)
BEGIN = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
SMALL = UltrasoundTrackerSettings(patch_mm=8.0)


def tissue(seed=1):
    """Speckle about as large as real one, with a dark vessel in the middle; float, so that it can move."""
    rng = np.random.default_rng(seed)
    echoes = ndimage.gaussian_filter(rng.standard_normal((2, 140, 160)), (0, 0.9, 1.8))
    level = 20.0 * np.log10(np.hypot(*echoes) / echoes.std() + 1e-3)
    row, column = np.mgrid[:140, :160]
    vessel = np.hypot(row - 70, column - 80) < 7
    return 128.0 + 4.0 * level - 40.0 * vessel


def shown(grey, right_mm=0.0, down_mm=0.0, gain=0.0, seed=0):
    moved = ndimage.shift(grey, (down_mm / PIXEL_MM, right_mm / PIXEL_MM), order=3, mode="reflect")
    noise = np.random.default_rng([seed, 7]).normal(0.0, 2.0, moved.shape)
    return np.clip(moved + gain + noise, 0, 255).astype(np.uint8)


def tracker(grey, targets=MIDDLE, settings=SMALL):
    return UltrasoundPointTracker(shown(grey), FAN, (PIXEL_MM, PIXEL_MM), targets, settings)


class TestPlaces:
    def test_tissue_that_moves_3_mm_to_the_right_and_1_mm_deeper_is_followed_there(self):
        grey = tissue()
        follower = tracker(grey)
        for n in range(1, 7):
            points = follower.see(shown(grey, 0.5 * n, n / 6.0, seed=n))
        assert points.seen.all()
        moved_mm = (points.pixels - MIDDLE) * PIXEL_MM
        np.testing.assert_allclose(moved_mm, [[3.0, 1.0]], atol=0.2)

    def test_a_change_of_gain_moves_nothing(self):
        grey = tissue()
        points = tracker(grey).see(shown(grey, 1.0, gain=30.0, seed=1))
        np.testing.assert_allclose((points.pixels - MIDDLE) * PIXEL_MM, [[1.0, 0.0]], atol=0.2)

    def test_forty_frames_back_and_forth_leave_no_drift(self):
        grey = tissue()
        follower = tracker(grey)
        for n in range(1, 41):
            points = follower.see(shown(grey, 2.0 * np.sin(n * np.pi / 10.0), seed=n))
        np.testing.assert_allclose(points.pixels, MIDDLE, atol=0.1 / PIXEL_MM)

    def test_the_stated_error_grows_when_the_image_gets_noisier(self):
        grey = tissue()
        clear = tracker(grey).see(shown(grey, seed=1))
        noisy = shown(grey, seed=1) + np.random.default_rng(5).normal(0.0, 12.0, grey.shape)
        blurred = tracker(grey).see(np.clip(noisy, 0, 255).astype(np.uint8))
        assert (blurred.sigma_mm > clear.sigma_mm).all()

    def test_structures_are_followed_each_by_itself(self):
        grey = tissue()
        targets = np.array([[80.0, 70.0], [40.0, 60.0], [110.0, 80.0]])
        points = tracker(grey, targets).see(shown(grey, -2.0, seed=1))
        np.testing.assert_allclose(
            (points.pixels - targets) * PIXEL_MM, np.tile([-2.0, 0.0], (3, 1)), atol=0.2
        )


class TestLosses:
    def test_a_frozen_image_is_said_at_once_and_the_next_new_one_is_seen(self):
        grey = tissue()
        follower = tracker(grey)
        image = shown(grey, 0.5, seed=1)
        assert follower.see(image).seen.all()
        frozen = follower.see(image)
        assert not frozen.seen.any()
        assert "the image is the one before" in frozen.reasons[0]
        assert follower.see(shown(grey, 1.0, seed=2)).seen.all()

    def test_a_black_image_is_said_and_the_structure_counts_again_when_two_frames_show_it(self):
        grey = tissue()
        follower = tracker(grey)
        dark = np.random.default_rng(3).integers(0, 6, grey.shape).astype(np.uint8)
        lost = follower.see(dark)
        assert not lost.seen.any()
        assert np.isnan(lost.pixels).all()
        assert "the probe may have lost contact" in lost.reasons[0]
        again = follower.see(shown(grey, 2.0, seed=4))
        assert "has to be confirmed" in again.reasons[0]
        assert follower.see(shown(grey, 2.5, seed=5)).seen.all()

    def test_a_shadow_over_the_structure_is_said(self):
        grey = tissue()
        shadow = grey.copy()
        shadow[:, 55:105] = 4.0
        points = tracker(grey).see(shown(shadow, seed=1))
        assert points.reasons == ("the structure lies in a shadow",)

    def test_the_same_vessel_in_other_tissue_is_not_the_structure(self):
        points = tracker(tissue(1)).see(shown(tissue(2), 2.0, seed=1))
        assert not points.seen.any()

    def test_a_saturated_image_is_said(self):
        grey = tissue()
        points = tracker(grey).see(shown(grey + 140.0, seed=1))
        assert points.reasons == ("the image is saturated: lower the gain",)

    def test_a_structure_that_jumps_further_than_tissue_does_is_lost(self):
        grey = tissue()
        assert not tracker(grey).see(shown(grey, 12.0, seed=1)).seen.any()


class TestBadInput:
    def test_a_structure_at_the_edge_is_refused(self):
        with pytest.raises(InputError, match="lies at the edge"):
            tracker(tissue(), np.array([[2.0, 2.0]]))

    def test_a_structure_in_black_is_refused(self):
        with pytest.raises(InputError, match="nothing that could be followed"):
            tracker(np.zeros((140, 160)), settings=SMALL)

    def test_an_image_of_another_size_is_refused(self):
        with pytest.raises(GeometryError, match="settings were changed"):
            tracker(tissue()).see(np.zeros((100, 100), np.uint8))

    def test_a_fan_of_another_size_and_a_spacing_of_zero_are_refused(self):
        image = shown(tissue())
        with pytest.raises(GeometryError, match="with a fan of its shape"):
            UltrasoundPointTracker(image, FAN[:50], (0.5, 0.5), MIDDLE)
        with pytest.raises(GeometryError, match="spacing must be positive"):
            UltrasoundPointTracker(image, FAN, (0.0, 0.5), MIDDLE)

    @pytest.mark.parametrize(
        "wrong",
        [{"patch_mm": 0.0}, {"least_texture": 1.5}, {"keyframes": 99}, {"source": " "}],
    )
    def test_settings_that_make_no_sense_are_refused(self, wrong):
        with pytest.raises(InputError):
            UltrasoundTrackerSettings(**wrong)


def placed(image, turn=None, to_frame=FIXED, pixel_mm=PIXEL_MM):
    rotation = np.eye(3) if turn is None else turn
    pose = RigidTransform.from_parts(to_frame, ULTRASOUND_IMAGE, rotation, np.array([10.0, 20.0, 30.0]))
    corner = np.array([-40.0, 0.0])
    return UltrasoundImage(image, FAN, corner, (pixel_mm, pixel_mm), pose, 60.0)


def at(number):
    return {"at": BEGIN + timedelta(seconds=0.1 * number), "number": number}


class TestTarget:
    def structures(self, image):
        return image.xyz_mm(MIDDLE)

    def test_a_target_5_mm_too_far_left_is_said_to_be_5_mm_left_of_its_plan(self):
        # IEC fixed: +x is to the right of an observer who faces the gantry.
        grey = tissue()
        first = placed(shown(grey))
        planned = self.structures(first) + [5.0, 0.0, 0.0]
        target = UltrasoundTargetTracker(first, self.structures(first), planned, settings=SMALL)
        seen = target.see(placed(shown(grey, seed=1)), **at(1))
        assert isinstance(seen, TargetSample)
        np.testing.assert_allclose(seen.position_mm, [-5.0, 0.0, 0.0], atol=0.2)

    def test_the_way_in_the_image_is_turned_into_the_room(self):
        grey, turn = tissue(), rotation_y(90.0)
        first = placed(shown(grey), turn)
        target = UltrasoundTargetTracker(first, self.structures(first), settings=SMALL)
        seen = target.see(placed(shown(grey, 2.0, 1.0, seed=1), turn), **at(1))
        assert isinstance(seen, TargetSample)
        np.testing.assert_allclose(seen.position_mm, turn @ [2.0, 1.0, 0.0], atol=0.25)

    def test_a_probe_that_moves_over_tissue_at_rest_moves_nothing(self):
        grey = tissue()
        first = placed(shown(grey))
        target = UltrasoundTargetTracker(first, self.structures(first), settings=SMALL)
        # The probe goes 2 mm along the face: the tissue goes 2 mm the other way in its image.
        image = placed(shown(grey, -2.0, seed=1))
        pose = image.frame_from_image
        moved = RigidTransform.from_parts(FIXED, FIXED, np.eye(3), np.array([2.0, 0.0, 0.0])) @ pose
        seen = target.see(
            UltrasoundImage(image.values, FAN, image.corner_mm, (PIXEL_MM, PIXEL_MM), moved, 60.0), **at(1)
        )
        np.testing.assert_allclose(seen.position_mm, np.zeros(3), atol=0.2)

    def test_across_the_image_nothing_is_known_unless_somebody_says_so(self):
        grey, turn = tissue(), rotation_y(90.0)
        first = placed(shown(grey), turn)
        across = turn[:, 2]
        for sigma, expected in ((None, OPEN_MM), (1.5, 1.5)):
            target = UltrasoundTargetTracker(
                first, self.structures(first), across_sigma_mm=sigma, settings=SMALL
            )
            seen = target.see(placed(shown(grey, seed=1), turn), **at(1))
            assert np.sqrt(across @ seen.covariance_mm2 @ across) == pytest.approx(expected)
            words = "nothing is known across" if sigma is None else "±1.5 mm is assumed"
            assert words in seen.words

    def test_the_pose_of_the_probe_adds_its_error_with_its_lever(self):
        grey = tissue()
        first = placed(shown(grey))
        target = UltrasoundTargetTracker(first, self.structures(first), across_sigma_mm=1.0, settings=SMALL)
        pose = np.diag([0.25, 0.25, 0.25, 0.0, 0.0, 1e-4])
        plain = target.see(placed(shown(grey, seed=1)), **at(1))
        with_pose = target.see(placed(shown(grey, seed=2)), **at(2), pose_covariance=pose)
        added = np.diag(with_pose.covariance_mm2 - plain.covariance_mm2)
        # About the face the structure lies at x = 0, y = 35 mm: a turn about z moves it along x.
        np.testing.assert_allclose(added, [0.25 + 1e-4 * 35.0**2, 0.25, 0.25], atol=0.02)

    def test_a_lost_structure_gives_no_sample_and_says_why(self):
        grey = tissue()
        first = placed(shown(grey))
        target = UltrasoundTargetTracker(first, self.structures(first), settings=SMALL)
        seen = target.see(placed(shown(tissue(2), seed=1)), **at(1))
        assert isinstance(seen, Unseen)
        assert seen.reason

    def test_one_of_two_structures_lost_halves_the_quality_and_is_named(self):
        grey = tissue()
        first = placed(shown(grey))
        places = first.xyz_mm(np.array([[45.0, 70.0], [115.0, 70.0]]))
        target = UltrasoundTargetTracker(first, places, settings=SMALL)
        half = grey.copy()
        half[:, 95:] = 4.0
        seen = target.see(placed(shown(half, seed=1)), **at(1))
        assert isinstance(seen, TargetSample)
        assert seen.quality <= 0.5
        assert "structure 2: the structure lies in a shadow" in seen.words

    def test_a_frame_that_comes_twice_or_too_late_is_not_taken(self):
        grey = tissue()
        first = placed(shown(grey))
        target = UltrasoundTargetTracker(first, self.structures(first), settings=SMALL)
        target.see(placed(shown(grey, seed=1)), **at(2))
        assert "none that is new" in target.see(placed(shown(grey, seed=2)), **at(1)).reason

    def test_what_cannot_be_placed_is_refused(self):
        grey = tissue()
        first = placed(shown(grey))
        with pytest.raises(GeometryError, match="not in the room"):
            UltrasoundTargetTracker(placed(shown(grey), to_frame=PLANNING), self.structures(first))
        with pytest.raises(InputError, match="off the plane"):
            UltrasoundTargetTracker(first, self.structures(first) + [0.0, 0.0, 9.0])
        with pytest.raises(InputError, match="needs a structure"):
            UltrasoundTargetTracker(first, np.zeros((0, 3)))
        with pytest.raises(InputError, match="across the image"):
            UltrasoundTargetTracker(first, self.structures(first), across_sigma_mm=-1.0)
        target = UltrasoundTargetTracker(first, self.structures(first), settings=SMALL)
        with pytest.raises(GeometryError, match="depth was changed"):
            target.see(placed(shown(grey, seed=1), pixel_mm=0.4), **at(1))

    def test_structures_that_move_apart_are_not_one_target(self):
        grey = tissue()
        first = placed(shown(grey))
        pixels = np.array([[40.0, 70.0], [120.0, 70.0]])
        target = UltrasoundTargetTracker(first, first.xyz_mm(pixels), settings=SMALL)
        for n in (1, 2):
            left, right = shown(grey, -1.7 * n, seed=n), shown(grey, 1.7 * n, seed=n)
            seen = target.see(placed(np.hstack([left[:, :80], right[:, 80:]])), **at(n))
        assert isinstance(seen, Unseen)
        assert "moved apart" in seen.reason


@pytest.fixture(scope="module")
def block():
    return VolumeSequence(40, 0.8)


class TestVolumes:
    settings = UltrasoundTrackerSettings(patch_mm=8.0, sample_mm=0.8)

    def test_tissue_that_shifts_and_turns_is_followed_in_all_directions(self, block):
        rng = np.random.default_rng(1)
        still = Pose(np.zeros(3), np.zeros(3))
        targets = block.targets_mm[:1]
        follower = UltrasoundVolumeTracker(block.volume(still, rng), targets, self.settings)
        pose = Pose(np.array([2.0, -1.0, 1.5]), np.array([2.0, 0.0, 3.0]))
        points = follower.see(block.volume(pose, rng))
        found_mm = block.grid.xyz(points.pixels)
        np.testing.assert_allclose(found_mm, block.truth_mm(targets, pose), atol=0.15)

    def test_a_target_in_volumes_leaves_no_direction_open(self, block):
        rng = np.random.default_rng(2)
        still = Pose(np.zeros(3), np.zeros(3))
        target = UltrasoundTargetTracker(
            block.volume(still, rng), block.targets_mm[:1], settings=self.settings
        )
        pose = Pose(np.array([0.0, 0.0, 2.0]), np.zeros(3))
        seen = target.see(block.volume(pose, rng), **at(1), pose_covariance=0.04 * np.eye(6))
        np.testing.assert_allclose(seen.position_mm, [0.0, 0.0, 2.0], atol=0.15)
        assert np.sqrt(np.diag(seen.covariance_mm2)).max() < 0.5

    def test_other_tissue_is_not_the_structure_and_another_grid_is_refused(self, block):
        rng = np.random.default_rng(3)
        still = Pose(np.zeros(3), np.zeros(3))
        follower = UltrasoundVolumeTracker(block.volume(still, rng), block.targets_mm[:1], self.settings)
        other = VolumeSequence(40, 0.8, seed=2).volume(still, rng)
        assert not follower.see(other).seen.any()
        with pytest.raises(GeometryError, match="settings were changed"):
            follower.see(VolumeSequence(30, 0.8).volume(still, rng))
