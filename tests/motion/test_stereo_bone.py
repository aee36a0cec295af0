"""Bone in stereoscopic pairs while the beam is on: which way the target went, and when not to say so."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from radiograph_cases import ISOCENTRE_MM, PAIR, anatomy, bony_ct, expose, lying, prepared_pair

from isoguide.errors import GeometryError, InputError, MismatchError
from isoguide.geometry.correction import CouchCorrection, couch_correction
from isoguide.geometry.frames import DAILY, PLANNING
from isoguide.geometry.iec61217 import PATIENT_POSITIONS, fixed_from_planning, rotation_iec
from isoguide.geometry.transforms import RigidTransform
from isoguide.images.radiograph import Radiograph
from isoguide.images.radiograph_view import RadiographView
from isoguide.motion.sample import TargetSample, Unseen
from isoguide.motion.stereo_bone import StereoBoneSettings, StereoBoneTracker, pose_after_correction
from isoguide.registration import RadiographSettings, prepare_radiographs, register_radiographs
from isoguide.registration.radiographs.result import Disagreement
from isoguide.registration.result import Alternative

START = datetime(2026, 3, 16, 8, 0, tzinfo=UTC)
AS_PLANNED = RigidTransform.identity(PLANNING, DAILY)


def tracker(position="HFS", start=AS_PLANNED, prepared=None, **options):
    return StereoBoneTracker(prepared or prepared_pair(), patient_position=position, start=start, **options)


EXPOSED = {}
"""Exposures that several tests look at: each takes a while."""


def pair(daily_from_planning, position="HFS", seed=0):
    """Return what the room's pair shows of a patient who lies so, its views in FIXED."""
    key = (daily_from_planning.matrix.tobytes(), seed)
    if key not in EXPOSED:
        EXPOSED[key] = expose(anatomy(), daily_from_planning, seed=seed)
    room = fixed_from_planning(position, ISOCENTRE_MM)
    return tuple(one.in_frame(room) for one in EXPOSED[key])


def see(tracker, images, number=1, seconds=None):
    at = START + timedelta(seconds=0.1 * number if seconds is None else seconds)
    return tracker.see(images, at=at, number=number)


def in_planning(shift_mm, yaw_deg, pitch_deg, roll_deg, position):
    """Return daily from planning of a patient moved in the room, about the isocentre."""
    room = fixed_from_planning(position, ISOCENTRE_MM).matrix
    moved = np.eye(4)
    moved[:3, :3], moved[:3, 3] = rotation_iec(yaw_deg, pitch_deg, roll_deg), shift_mm
    return RigidTransform(DAILY, PLANNING, np.linalg.inv(room) @ moved @ room)


# By hand from the axes of a lying patient in the room (IEC 61217, DICOM PS3.3 C.8.8.14.12): the patient moves
# 2 mm to his left, 1.5 mm to his back and 1 mm towards his head.
@pytest.mark.parametrize(
    ("position", "expected_mm"),
    [
        ("HFS", (2.0, 1.0, -1.5)),
        ("HFP", (-2.0, 1.0, 1.5)),
        ("FFS", (-2.0, -1.0, -1.5)),
        ("FFP", (2.0, -1.0, 1.5)),
        ("HFDL", (-1.5, 1.0, -2.0)),
    ],
)
def test_the_target_goes_where_the_patient_goes(position, expected_mm):
    seen = see(tracker(position), pair(lying((2.0, 1.5, 1.0)), position))
    assert isinstance(seen, TargetSample)
    np.testing.assert_allclose(seen.position_mm, expected_mm, atol=0.2)
    np.testing.assert_allclose(seen.rotation_deg, 0.0, atol=0.2)


# By hand, each by 1°: his head nods to the front (about x), his left side sinks to the back (about z), and
# his head leans to his left (about y), as pitch, roll and yaw of the table would turn him.
@pytest.mark.parametrize(
    ("position", "pitch_roll_yaw"),
    [("HFS", (1.0, 1.0, -1.0)), ("HFP", (-1.0, 1.0, 1.0)), ("FFS", (-1.0, -1.0, -1.0))],
)
def test_the_target_turns_as_the_couch_would_turn_it(position, pitch_roll_yaw):
    seen = see(tracker(position), pair(lying((0.0, 0.0, 0.0), (1.0, 1.0, 1.0)), position))
    np.testing.assert_allclose(seen.rotation_deg, pitch_roll_yaw, atol=0.15)
    np.testing.assert_allclose(seen.position_mm, 0.0, atol=0.2)


@pytest.mark.parametrize("position", ["HFS", "HFP", "FFS"])
def test_a_target_beside_the_isocentre_goes_where_a_turn_takes_it(position):
    target_mm = ISOCENTRE_MM + np.array([30.0, 0.0, 20.0])
    there = in_planning((1.0, -1.0, 0.5), 1.0, 0.5, -0.5, position)
    seen = see(tracker(position, target_mm=target_mm), pair(there, position))
    x = fixed_from_planning(position, ISOCENTRE_MM).apply(target_mm)
    expected_mm = rotation_iec(1.0, 0.5, -0.5) @ x + (1.0, -1.0, 0.5) - x
    np.testing.assert_allclose(seen.position_mm, expected_mm, atol=0.25)
    at_isocentre = see(tracker(position, target_mm=ISOCENTRE_MM), pair(there, position))
    assert np.trace(seen.covariance_mm2) > np.trace(at_isocentre.covariance_mm2)


def test_a_moving_target_is_followed_and_lies_in_its_stated_uncertainty():
    bone, errors, squares = tracker(), [], []
    for number in range(8):
        true_mm = np.array([np.sin(number / 3.0), 3.0 * np.sin(number / 4.0), 0.2 * number])
        seen = see(bone, pair(in_planning(true_mm, 0.3, 0.1 * number, 0.0, "HFS"), seed=number), number)
        assert isinstance(seen, TargetSample)
        assert seen.quality > 0.5
        error = seen.position_mm - true_mm
        errors.append(error)
        squares.append(error @ np.linalg.solve(seen.covariance_mm2, error))
    assert np.abs(np.mean(errors, axis=0)).max() < 0.1
    assert np.std(errors, axis=0).max() < 0.1
    # 99 % quantile of chi-square with three degrees of freedom.
    assert max(squares) < 11.3


def test_what_the_couch_can_correct_does_not_limit_what_is_seen():
    shifts_only = replace(prepared_pair(), settings=RadiographSettings(degrees_of_freedom=3))
    seen = see(tracker(prepared=shifts_only), pair(lying((0.0, 0.0, 0.0), (1.0, 0.0, 0.0))))
    assert seen.rotation_deg[0] == pytest.approx(1.0, abs=0.15)


@pytest.mark.parametrize(("position", "axis"), [("HFS", 1), ("FFS", 1)])
def test_the_calibration_of_the_pair_widens_the_covariance_along_the_couch(position, axis):
    # 1 mm along the columns of both views, independently: 1/√2 mm along the body in the mean.
    known = (np.diag([0.0, 1.0]), np.diag([0.0, 1.0]))
    unsure = replace(prepared_pair(), settings=RadiographSettings(calibration_mm2=known))
    images = pair(lying((1.0, 0.0, 0.0)), position)
    added = (
        see(tracker(position, prepared=unsure), images).covariance_mm2
        - see(tracker(position), images).covariance_mm2
    )
    assert np.sqrt(added[axis, axis]) == pytest.approx(np.sqrt(0.5), rel=0.15)


class TestStart:
    @pytest.mark.parametrize("position", PATIENT_POSITIONS)
    def test_after_the_correction_that_the_match_asked_for_the_patient_lies_as_planned(self, position):
        rotation = rotation_iec(1.0, -2.0, 0.5)
        match = RigidTransform.from_parts(PLANNING, DAILY, rotation, np.array([3.0, -8.0, 12.0]))
        where = {
            "plan_isocentre_mm": ISOCENTRE_MM,
            "machine_isocentre_mm": np.array([7.0, 1.0, -2.0]),
            "patient_position": position,
        }
        start = pose_after_correction(match, couch_correction(match, **where), **where)
        np.testing.assert_allclose(start.matrix, np.eye(4), atol=1e-9)
        assert (start.to_frame, start.from_frame) == (PLANNING, DAILY)

    def test_without_a_correction_tracking_starts_where_the_set_up_image_saw_the_patient(self):
        there = lying((6.0, -5.0, 7.0), (1.0, -1.5, 1.0))
        exposed = expose(anatomy(), there)
        match = register_radiographs(prepared_pair(), exposed).planning_from_daily
        start = pose_after_correction(
            match,
            CouchCorrection(0.0, 0.0, 0.0),
            plan_isocentre_mm=ISOCENTRE_MM,
            machine_isocentre_mm=ISOCENTRE_MM,
            patient_position="HFS",
        )
        seen = see(tracker(start=start), pair(there, seed=1))
        np.testing.assert_allclose(seen.position_mm, (6.0, 7.0, 5.0), atol=0.25)
        assert "searching" not in seen.words

    def test_it_is_planning_from_daily(self):
        with pytest.raises(GeometryError, match="tracking starts from a pose 'planning"):
            tracker(start=AS_PLANNED.inverse())

    def test_one_view_shows_no_depth(self):
        one = prepare_radiographs(bony_ct(), isocentre_mm=ISOCENTRE_MM, views=PAIR[:1])
        with pytest.raises(InputError, match="needs a pair of views"):
            tracker(prepared=one)


class TestLost:
    def test_a_jump_is_searched_for_in_the_whole_image_and_the_sample_says_so(self):
        bone = tracker()
        assert "searching" not in see(bone, pair(lying()), 1).words
        seen = see(bone, pair(lying((9.0, -7.0, 8.0)), seed=1), 2)
        assert isinstance(seen, TargetSample)
        np.testing.assert_allclose(seen.position_mm, (9.0, 8.0, 7.0), atol=0.3)
        assert seen.words.startswith("found by searching the whole image")
        # From there on it is followed again.
        after = see(bone, pair(lying((9.5, -7.0, 8.0)), seed=2), 3)
        np.testing.assert_allclose(after.position_mm, (9.5, 8.0, 7.0), atol=0.3)
        assert "searching" not in after.words

    def test_a_jump_within_reach_of_the_match_but_beyond_what_is_believed_is_searched_for_too(self):
        bone = tracker(settings=StereoBoneSettings(capture_mm=1.0))
        assert see(bone, pair(lying((1.5, 0.0, 0.0)))).words.startswith("found by searching")

    def test_what_is_no_patient_is_unseen_is_searched_for_once_and_is_never_followed(self, monkeypatch):
        searches = []

        def counted(*arguments, **options):
            if not options.get("tracking", False):
                searches.append(arguments)
            return register_radiographs(*arguments, **options)

        monkeypatch.setattr("isoguide.motion.stereo_bone.register_radiographs", counted)
        bone = tracker()
        see(bone, pair(lying((1.0, 0.0, 0.0))), 1)
        rng = np.random.default_rng(3)
        views = [one.view for one in pair(lying())]
        for number in range(2, 6):
            noise = tuple(
                Radiograph(one, rng.normal(2.0, 0.3, (128, 128)).astype(np.float32), "line integral")
                for one in views
            )
            seen = see(bone, noise, number)
            assert isinstance(seen, Unseen)
        assert len(searches) == 1
        # The place before is still where tracking starts from.
        back = see(bone, pair(lying((1.2, 0.0, 0.0)), seed=4), 6)
        np.testing.assert_allclose(back.position_mm, (1.2, 0.0, 0.0), atol=0.2)
        assert "searching" not in back.words
        # Two seconds later a search is allowed again.
        see(bone, tuple(replace(one, values=one.values + np.float32(0.01)) for one in noise), 7, seconds=2.5)
        assert len(searches) == 2

    @pytest.mark.parametrize(
        ("doubt", "is_seen"),
        [
            ({"alternatives": (Alternative(1, 30.0, 0.9, 5.0),)}, False),
            ({"alternatives": (Alternative(1, 30.0, 0.9, 50.0),)}, True),
            ({"bend_at_target_mm": 2.0}, False),
            ({"disagreement": Disagreement(1.5, 0.0)}, False),
        ],
    )
    def test_a_search_counts_only_if_it_found_this_vertebra_of_this_unbent_body(
        self, monkeypatch, doubt, is_seen
    ):
        def doubtful(*arguments, **options):
            found = register_radiographs(*arguments, **options)
            searched = not options.get("tracking", False)
            return replace(found, quality=replace(found.quality, **doubt)) if searched else found

        monkeypatch.setattr("isoguide.motion.stereo_bone.register_radiographs", doubtful)
        seen = see(tracker(), pair(lying((9.0, -7.0, 8.0)), seed=1))
        assert isinstance(seen, TargetSample if is_seen else Unseen)
        assert is_seen or "searched for in the whole image" in seen.reason

    def test_views_that_contradict_each_other_place_no_target(self):
        # The patient moved 3 mm along the body between the two exposures.
        first, second = pair(lying())[0], pair(lying((0.0, 0.0, 3.0)), seed=1)[1]
        seen = see(tracker(), (first, second))
        assert isinstance(seen, Unseen)
        assert "differ by" in seen.reason

    def test_a_pair_that_agrees_only_moderately_has_a_poor_quality_and_is_not_followed(self):
        bone = tracker()
        rng = np.random.default_rng(5)
        noisy = [
            replace(one, values=one.values + rng.normal(0.0, 0.2, (128, 128)).astype(np.float32))
            for one in pair(lying((2.0, 0.0, 0.0)))
        ]
        seen = see(bone, noisy, 1)
        assert isinstance(seen, TargetSample)
        assert 0.0 < seen.quality < 0.5
        assert "moderately" in seen.words
        # 5 mm is near where that pair was, but too far from where the target was followed last.
        after = see(bone, pair(lying((5.0, 0.0, 0.0)), seed=1), 2)
        assert after.words.startswith("found by searching")


class TestImages:
    def test_a_blank_image_is_unseen_and_says_which(self):
        first, second = pair(lying())
        blank = replace(second, values=np.zeros((128, 128), np.float32))
        seen = see(tracker(), (first, blank))
        assert isinstance(seen, Unseen)
        assert "radiograph 2 is blank" in seen.reason

    def test_a_saturated_image_is_unseen(self):
        first, second = pair(lying())
        white = RadiographView(second, np.zeros((128, 128), dtype=bool), "view 2")
        seen = see(tracker(), (first, white))
        assert isinstance(seen, Unseen)
        assert "only 0 % of the pixels of view 2 count" in seen.reason

    def test_an_imager_that_stands_still_is_noticed_although_its_number_goes_on(self):
        bone, images = tracker(), pair(lying())
        assert isinstance(see(bone, images, 1), TargetSample)
        moved = pair(lying((1.0, 0.0, 0.0)), seed=1)
        seen = see(bone, (moved[0], images[1]), 2)
        assert isinstance(seen, Unseen)
        assert seen.reason.startswith("view 2 shows the exposure before once more")
        assert isinstance(see(bone, pair(lying((1.0, 0.0, 0.0)), seed=2), 3), TargetSample)

    @pytest.mark.parametrize(("number", "seconds"), [(1, 0.2), (2, 0.1), (2, 0.05)])
    def test_a_frame_that_is_not_newer_is_not_taken_for_a_new_one(self, number, seconds):
        bone = tracker()
        see(bone, pair(lying()), 1, seconds=0.1)
        seen = see(bone, pair(lying((1.0, 0.0, 0.0)), seed=1), number, seconds=seconds)
        assert isinstance(seen, Unseen)
        assert "came twice or too late" in seen.reason

    def test_another_patient_position_than_prepared_is_refused(self):
        with pytest.raises(MismatchError, match="patient position"):
            see(tracker("HFP"), pair(lying(), "HFS"))

    def test_one_image_cannot_serve_as_both_views(self):
        first, second = pair(lying())
        with pytest.raises(MismatchError, match="the same image"):
            see(tracker(), (first, replace(second, values=first.values)))

    def test_every_view_needs_its_image_in_the_room(self):
        with pytest.raises(MismatchError, match="1 images do not fit 2"):
            see(tracker(), pair(lying())[:1])
        with pytest.raises(GeometryError, match="tracking takes images in 'IEC fixed'"):
            see(tracker(), expose(anatomy(), lying()))

    def test_exchanged_views_are_refused(self):
        with pytest.raises(MismatchError, match="view 1 was taken"):
            see(tracker(), pair(lying())[::-1])

    def test_a_time_without_a_zone_is_refused(self):
        with pytest.raises(InputError, match="without a time zone"):
            tracker().see(pair(lying()), at=datetime(2026, 3, 16, 8, 0), number=1)


@pytest.mark.parametrize("name", ["capture_mm", "capture_deg", "search_every_s"])
def test_settings_are_positive(name):
    with pytest.raises(InputError, match=f"{name} of the tracking of bone"):
        StereoBoneSettings(**{name: 0.0})


def test_a_source_has_a_name():
    with pytest.raises(InputError, match="say what watches"):
        StereoBoneSettings(source=" ")
    assert tracker(settings=StereoBoneSettings(source="floor tubes")).source == "floor tubes"
