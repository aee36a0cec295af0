"""The patient lies where the markers say, and a marker that moved is named."""

import numpy as np
import pytest
from marker_images import AXES, PLANNED, SEEDS, kv_view, radiograph, seeds_in_ct
from scipy.spatial.transform import Rotation

from isoguide.errors import GeometryError, MissingEvidenceError
from isoguide.geometry.frames import DAILY, FIXED, PLANNING
from isoguide.geometry.transforms import RigidTransform
from isoguide.plan import Fiducial
from isoguide.registration import Verdict
from isoguide.registration.markers import (
    MarkerCandidate,
    MarkerMatch,
    MarkerMatchSettings,
    MarkerState,
    MeasuredMarker,
    RadiographMarker,
    assign_markers,
    calibration_covariance_mm2,
    candidates_in_pair,
    candidates_in_volume,
    find_in_radiograph,
    find_in_volume,
    interchanged_views,
    match_markers,
    triangulate,
)

AS_PLANNED = RigidTransform.identity(PLANNING, DAILY)
TARGET = np.zeros((1, 3))
SIGMA_MM = 0.1
KNOWN_TURN = MarkerMatchSettings(planning_sigma_mm=0.1, rotation_sigma_deg=1.0)
FIVE = (*PLANNED, Fiducial("middle", [4.0, 16.0, 12.0]))


def lying(shift_mm=(0.0, 0.0, 0.0), turn_deg=(0.0, 0.0, 0.0), from_frame=DAILY):
    """Planning from daily of a patient who is displaced."""
    rotation = Rotation.from_euler("xyz", turn_deg, degrees=True).as_matrix()
    return RigidTransform.from_parts(PLANNING, from_frame, rotation, np.array(shift_mm))


def seen(planned, pose, moved=None):
    """Where the markers are in the day's image, without error; ``moved`` displaces some in planning LPS."""
    moved = moved or {}
    back = pose.inverse()
    return {
        m.name: MeasuredMarker(back.apply(m.position_mm + moved.get(m.name, 0.0)), SIGMA_MM**2 * np.eye(3))
        for m in planned
    }


def matched(planned, measured, **options):
    return match_markers(planned, measured, expected=AS_PLANNED, targets_mm=TARGET, **options)


def seen_at(pixel, *, is_resolved=True):
    """Something that looks like a marker at a pixel of a radiograph."""
    return RadiographMarker(
        np.array(pixel), 0.01 * np.eye(2), 0.95, 10.0, 1.0, overlapped=False, is_resolved=is_resolved
    )


def states(match):
    return {marker.name: marker.state for marker in match.markers}


class TestPose:
    def test_five_markers_give_shift_and_turn(self):
        truth = lying((3.0, -5.0, 8.0), (2.0, -3.0, 4.0))

        match = matched(FIVE, seen(FIVE, truth))

        assert match.verdict is Verdict.ACCEPT
        assert match.degrees_of_freedom == 6
        np.testing.assert_allclose(match.planning_from_measured.matrix, truth.matrix, atol=1e-6)
        assert match.fre_mm == pytest.approx(0.0, abs=1e-6)

    def test_two_markers_give_the_shift_and_keep_the_expected_rotation(self):
        truth = lying((3.0, -5.0, 8.0))

        match = matched(PLANNED[:2], seen(PLANNED[:2], truth))

        assert match.verdict is Verdict.REVIEW
        assert match.degrees_of_freedom == 3
        np.testing.assert_allclose(match.planning_from_measured.matrix, truth.matrix, atol=1e-6)
        assert any("rotation was not measured" in reason for reason in match.reasons)

    def test_three_markers_in_a_line_give_no_rotation(self):
        line = [Fiducial(name, [0.0, 0.5, at]) for name, at in (("a", -20.0), ("b", 0.0), ("c", 20.0))]

        assert matched(line, seen(line, lying((1.0, 2.0, 3.0)))).degrees_of_freedom == 3

    def test_one_marker_is_never_accepted(self):
        match = matched(PLANNED[:1], seen(PLANNED[:1], lying((1.0, 0.0, 0.0))))

        assert match.verdict is Verdict.REVIEW
        assert any("'base' is the only one" in reason for reason in match.reasons)

    def test_without_markers_there_is_no_number(self):
        match = matched(PLANNED, {})

        assert match.verdict is Verdict.NOT_AVAILABLE
        assert match.planning_from_measured is None
        assert set(states(match).values()) == {MarkerState.NOT_FOUND}

    def test_the_covariance_covers_the_errors_made(self):
        # Expected: the mean of the squared error in units of its covariance is the number of dimensions.
        rng = np.random.default_rng(1)
        chi = []
        for _ in range(50):
            exact = seen(FIVE, AS_PLANNED)
            noisy = {
                name: MeasuredMarker(m.position_mm + SIGMA_MM * rng.standard_normal(3), m.covariance_mm2)
                for name, m in exact.items()
            }
            exact_plan = MarkerMatchSettings(planning_sigma_mm=1e-3)
            match = matched(FIVE, noisy, settings=exact_plan)
            error = match.planning_from_measured.apply(TARGET[0])
            chi.append(error @ np.linalg.solve(match.uncertainty.about(TARGET[0])[:3, :3], error))
        assert np.mean(chi) == pytest.approx(3.0, abs=1.2)

    def test_the_calibration_of_the_imager_adds_to_the_uncertainty(self):
        plain = matched(FIVE, seen(FIVE, AS_PLANNED))
        common = matched(FIVE, seen(FIVE, AS_PLANNED), common_covariance_mm2=0.3**2 * np.eye(3))

        added = common.uncertainty.covariance[:3, :3] - plain.uncertainty.covariance[:3, :3]
        np.testing.assert_allclose(added, 0.09 * np.eye(3), atol=1e-12)

    def test_markers_too_uncertain_give_no_answer(self):
        vague = {m.name: MeasuredMarker(m.position_mm, 16.0 * np.eye(3)) for m in PLANNED}

        assert matched(PLANNED, vague).verdict is Verdict.NOT_AVAILABLE


class TestMigration:
    @pytest.mark.parametrize("name", [marker.name for marker in FIVE])
    def test_a_marker_that_moved_3_mm_is_named_and_left_out(self, name):
        truth = lying((3.0, -5.0, 8.0), (1.0, -2.0, 2.0))

        match = matched(FIVE, seen(FIVE, truth, {name: np.array([2.0, -2.0, 1.0])}))

        assert match.verdict is Verdict.REVIEW
        assert [n for n, state in states(match).items() if state is MarkerState.MIGRATED] == [name]
        assert match.reasons[0].startswith(f"marker '{name}' lies 3.0 mm from its place")
        np.testing.assert_allclose(match.planning_from_measured.matrix, truth.matrix, atol=1e-6)

    def test_of_three_markers_the_two_that_agree_are_used(self):
        measured = seen(PLANNED[:3], AS_PLANNED, {"apex": np.array([0.0, 4.0, 4.0])})

        match = matched(PLANNED[:3], measured)

        assert states(match) == {
            "base": MarkerState.USED,
            "left": MarkerState.USED,
            "apex": MarkerState.MIGRATED,
        }
        assert match.degrees_of_freedom == 3

    def test_three_markers_alone_never_exclude_a_migration_about_the_line_through_two(self):
        match = matched(PLANNED[:3], seen(PLANNED[:3], AS_PLANNED))

        assert match.verdict is Verdict.REVIEW
        assert any("cannot be excluded" in reason and "turns" in reason for reason in match.reasons)

    def test_three_markers_are_accepted_where_the_rotation_is_known(self):
        settings = MarkerMatchSettings(planning_sigma_mm=0.1, rotation_sigma_deg=0.3)

        assert (
            matched(PLANNED[:3], seen(PLANNED[:3], AS_PLANNED), settings=settings).verdict is Verdict.ACCEPT
        )

    def test_a_lost_marker_is_named(self):
        measured = seen(FIVE, AS_PLANNED)
        del measured["left"]

        match = matched(FIVE, measured)

        assert match.verdict is Verdict.REVIEW
        assert states(match)["left"] is MarkerState.NOT_FOUND
        assert any("'left' was not found" in reason for reason in match.reasons)

    def test_markers_of_another_patient_give_no_answer(self):
        others = seen([Fiducial(m.name, 1.6 * m.position_mm) for m in PLANNED], AS_PLANNED)

        match = matched(PLANNED, others)

        assert match.verdict is Verdict.NOT_AVAILABLE
        assert "this patient's" in match.reasons[0]

    def test_where_it_cannot_be_told_which_moved_there_is_no_answer(self):
        # Moving along the line through both others' middle changes one distance only.
        planned = [Fiducial(n, p) for n, p in (("a", [0, 0, 0]), ("b", [20, 0, 0]), ("c", [20, 20, 0]))]

        match = matched(planned, seen(planned, AS_PLANNED, {"a": np.array([0.0, -4.0, 0.0])}))

        assert match.verdict is Verdict.NOT_AVAILABLE
        assert "cannot be told" in match.reasons[0]

    @pytest.mark.parametrize("count", [3, 4, 5])
    def test_no_migration_of_more_than_2_mm_is_accepted(self, count):
        # A short version of the campaign in benchmarks/markers.py.
        rng = np.random.default_rng(count)
        planned, settings = FIVE[:count], MarkerMatchSettings(planning_sigma_mm=0.1)
        for _ in range(25):
            direction = rng.standard_normal(3)
            move = rng.uniform(2.0, 6.0) * direction / np.linalg.norm(direction)
            truth = lying(rng.normal(0.0, 5.0, 3), rng.normal(0.0, 2.0, 3))
            exact = seen(planned, truth, {planned[0].name: move})
            noisy = {
                name: MeasuredMarker(m.position_mm + SIGMA_MM * rng.standard_normal(3), m.covariance_mm2)
                for name, m in exact.items()
            }
            assert matched(planned, noisy, settings=settings).verdict is not Verdict.ACCEPT


class TestBadInput:
    def test_unplanned_marker_is_refused(self):
        with pytest.raises(MissingEvidenceError, match="'clip' is not among the planned"):
            matched(PLANNED, {"clip": MeasuredMarker(np.zeros(3), np.eye(3))})

    @pytest.mark.parametrize("planned", [(), (PLANNED[0], PLANNED[0])])
    def test_markers_need_names_of_their_own(self, planned):
        with pytest.raises(MissingEvidenceError, match="different names"):
            matched(planned, {})

    def test_the_expected_transform_leads_to_the_plan(self):
        with pytest.raises(GeometryError, match="must lead to"):
            match_markers(PLANNED, {}, expected=AS_PLANNED.inverse(), targets_mm=TARGET)

    def test_settings_are_positive(self):
        with pytest.raises(GeometryError, match="positive"):
            MarkerMatchSettings(rotation_sigma_deg=0.0)

    def test_a_match_without_transform_is_not_available(self):
        with pytest.raises(ValueError, match="exactly when"):
            MarkerMatch(Verdict.ACCEPT, (), None, 0, None, None, (), KNOWN_TURN)


class TestTriangulation:
    VIEWS = (kv_view(0.0), kv_view(90.0))
    POINT = np.array([5.0, -12.0, 8.0])

    def pixels(self):
        return np.stack([view.project(self.POINT[None])[0] for view in self.VIEWS])

    def test_exact_pixels_give_the_point(self):
        found = triangulate(self.VIEWS, self.pixels(), np.tile(np.eye(2), (2, 1, 1)))

        np.testing.assert_allclose(found.marker.position_mm, self.POINT, atol=1e-8)
        assert found.chi_square == pytest.approx(0.0, abs=1e-12)

    def test_one_pixel_of_error_is_its_size_at_the_isocentre(self):
        # Hand calculation: 0.4 mm pixels magnified 1.5 are 0.267 mm at the isocentre; the axis that both
        # views see (along the table) has half the variance.
        at_isocentre = calibration_covariance_mm2(self.VIEWS, np.zeros(3), 1.0)

        sigma = 0.4 / 1.5
        np.testing.assert_allclose(np.diag(at_isocentre), sigma**2 * np.array([1.0, 0.5, 1.0]), rtol=1e-9)

    def test_rays_that_miss_each_other_say_so(self):
        pixels = self.pixels() + np.array([[0.0, 3.0], [0.0, -3.0]])

        assert triangulate(self.VIEWS, pixels, np.tile(np.eye(2), (2, 1, 1))).chi_square > 13.8

    def test_one_view_is_not_enough(self):
        with pytest.raises(GeometryError, match="two views"):
            triangulate(self.VIEWS[:1], self.pixels()[:1], np.eye(2)[None])

    def test_views_in_different_frames_are_refused(self):
        other = self.VIEWS[1].in_frame(RigidTransform.identity(PLANNING, FIXED))
        with pytest.raises(GeometryError, match="different frames"):
            triangulate((self.VIEWS[0], other), self.pixels(), np.tile(np.eye(2), (2, 1, 1)))

    def test_views_along_the_same_line_tell_no_depth(self):
        views = (kv_view(0.0), kv_view(1.0))
        pixels = np.stack([view.project(self.POINT[None])[0] for view in views])
        with pytest.raises(GeometryError, match="depth"):
            triangulate(views, pixels, np.tile(np.eye(2), (2, 1, 1)))


class TestCorrespondence:
    def candidates(self, places):
        return candidates_in_volume([MeasuredMarker(np.array(at), 0.01 * np.eye(3)) for at in places])

    def places(self, planned, pose):
        return [pose.inverse().apply(marker.position_mm) for marker in planned]

    def assigned(self, planned, places, reach_mm=25.0):
        return assign_markers(planned, self.candidates(places), AS_PLANNED, reach_mm=reach_mm)

    def test_markers_are_told_apart_among_clips(self):
        rng = np.random.default_rng(2)
        truth = self.places(FIVE, lying((8.0, -6.0, 9.0), (2.0, 4.0, -3.0)))
        clips = rng.uniform(-25.0, 25.0, (6, 3)).tolist()

        found = self.assigned(FIVE, [*clips, *truth])

        for marker, at in zip(FIVE, truth, strict=True):
            np.testing.assert_array_equal(found.measured[marker.name].position_mm, at)

    def test_a_sixth_marker_is_found_where_the_others_say(self):
        six = (*FIVE, Fiducial("sixth", [1.0, 1.0, 3.0]))

        assert len(self.assigned(six, self.places(six, lying((2.0, 0.0, 0.0)))).measured) == 6

    def test_a_migrated_marker_is_still_handed_on(self):
        places = self.places(PLANNED, AS_PLANNED)
        places[2] = places[2] + [0.0, 5.0, 4.0]

        found = self.assigned(PLANNED, places)

        np.testing.assert_array_equal(found.measured["apex"].position_mm, places[2])

    def test_a_missing_marker_stays_missing(self):
        found = self.assigned(PLANNED, self.places(PLANNED[:3], AS_PLANNED))

        assert set(found.measured) == {"base", "left", "apex"}

    def test_two_answers_that_are_equally_good_are_none(self):
        pair = PLANNED[:2]
        places = self.places(pair, AS_PLANNED)
        shifted = [at + [0.0, 6.0, 0.0] for at in places]

        found = self.assigned(pair, [*places, *shifted])

        assert found.measured == {}
        assert not found.is_clear

    def test_two_answers_that_are_equally_good_are_said_to_be_so(self):
        pair = PLANNED[:2]
        places = self.places(pair, AS_PLANNED)
        found = self.assigned(pair, [*places, *[at + [0.0, 6.0, 0.0] for at in places]])

        match = matched(pair, found)

        assert match.verdict is Verdict.NOT_AVAILABLE
        assert "fit the images equally well" in match.reasons[0]
        assert "take a pair of images from other angles" in match.reasons[0]
        assert set(states(match).values()) == {MarkerState.UNCLEAR}

    def test_one_clear_marker_beside_two_that_are_not_is_unclear_too(self):
        # Two of the three may lie in either of two places, shifted along together.
        places = self.places(PLANNED[:3], AS_PLANNED)
        across = np.cross(places[1] - places[0], places[2] - places[0])
        shift = 1.2 * across / np.linalg.norm(across)

        found = self.assigned(PLANNED[:3], [*places, places[0] + shift, places[1] + shift])

        assert found.measured == {}
        assert set(found.unclear) == {"base", "left", "apex"}
        assert "only clear one" in found.unclear["apex"]

    def test_of_a_marker_with_a_clip_beside_it_only_that_one_is_unclear(self):
        # The clip lies 1.2 mm off across the lines to the others, so that hardly a distance changes.
        places = self.places(PLANNED, AS_PLANNED)
        lines = np.array([marker.position_mm - PLANNED[0].position_mm for marker in PLANNED[1:3]])
        across = np.cross(*lines)
        clip = places[0] + 1.2 * across / np.linalg.norm(across)

        found = self.assigned(PLANNED[:3], [*places[:3], clip])
        match = matched(PLANNED[:3], found)

        assert set(found.measured) == {"left", "apex"}
        assert states(match)["base"] is MarkerState.UNCLEAR
        assert match.verdict is Verdict.REVIEW
        assert any("'base' has two places or more" in reason for reason in match.reasons)

    def test_eight_markers_are_told_apart_among_twenty_clips_in_each_view(self):
        rng = np.random.default_rng(23)
        offsets = rng.uniform(-20.0, 20.0, (8, 3))
        eight = [Fiducial(f"seed {n}", at) for n, at in enumerate(offsets)]
        truth = lying((4.0, -3.0, 5.0), (2.0, -1.0, 3.0), FIXED)
        centres = np.array([truth.inverse().apply(marker.position_mm) for marker in eight])
        views = (kv_view(10.0), kv_view(100.0))
        found = tuple(
            [seen_at(at) for at in (*view.project(centres), *rng.uniform(40.0, 215.0, (20, 2)))]
            for view in views
        )

        names = assign_markers(
            eight,
            candidates_in_pair(views, found, calibration_px=0.3),
            RigidTransform.identity(PLANNING, FIXED),
            reach_mm=20.0,
        )

        assert names.is_clear
        for marker, at in zip(eight, centres, strict=True):
            np.testing.assert_allclose(names.measured[marker.name].position_mm, at, atol=0.05)

    def test_a_marker_hidden_behind_another_is_unclear_not_lost(self):
        views = (kv_view(0.0), kv_view(90.0))
        centres = np.array([marker.position_mm for marker in PLANNED])
        pixels = [view.project(centres) for view in views]
        first = [*(seen_at(at) for at in pixels[0][:3]), seen_at(pixels[0][3] + 1.0, is_resolved=False)]
        second = [seen_at(at) for at in pixels[1]]
        expected = RigidTransform.identity(PLANNING, FIXED)

        candidates = candidates_in_pair(views, (first, second), calibration_px=0.3)
        names = assign_markers(PLANNED, candidates, expected, reach_mm=20.0)
        match = match_markers(PLANNED, names, expected=expected, targets_mm=TARGET)

        assert set(names.measured) == {"base", "left", "apex"}
        assert states(match)["right"] is MarkerState.UNCLEAR
        assert any("'right' lies across another marker" in reason for reason in match.reasons)

    def test_where_all_markers_are_hidden_the_reason_says_so(self):
        hidden = [
            MarkerCandidate(marker.marker, marker.uses, is_resolved=False)
            for marker in self.candidates(self.places(PLANNED, AS_PLANNED))
        ]

        match = matched(PLANNED, assign_markers(PLANNED, hidden, AS_PLANNED, reach_mm=25.0))

        assert match.verdict is Verdict.NOT_AVAILABLE
        assert "none of the 4 markers was found" in match.reasons[0]
        assert "cannot be told apart" in match.reasons[0]

    def test_a_view_that_shows_nothing_makes_no_candidates(self):
        views = (kv_view(0.0), kv_view(90.0))

        assert candidates_in_pair(views, ([], [seen_at([100.0, 100.0])]), calibration_px=0.3) == ()

    def test_nothing_within_reach_is_nothing_found(self):
        found = self.assigned(PLANNED, self.places(PLANNED, lying((60.0, 0.0, 0.0))))

        assert found.measured == {}
        assert found.is_clear

    def test_one_thing_seen_is_not_two_markers(self):
        places = self.places(PLANNED[:3], AS_PLANNED)
        shared = frozenset({(0, 0)})
        candidates = [
            MarkerCandidate(MeasuredMarker(at, 0.01 * np.eye(3)), shared if n < 2 else frozenset({(0, n)}))
            for n, at in enumerate(places)
        ]

        assert len(assign_markers(PLANNED[:3], candidates, AS_PLANNED, reach_mm=25.0).measured) <= 2


class TestInterchangedViews:
    VIEWS = (kv_view(45.0), kv_view(315.0))
    EXPECTED = RigidTransform.identity(PLANNING, FIXED)

    def said(self, order):
        back = lying((2.0, -1.0, 3.0), (1.0, 2.0, -1.0), FIXED).inverse()
        centres = np.array([back.apply(marker.position_mm) for marker in PLANNED])
        found = [[seen_at(at) for at in view.project(centres)] for view in self.VIEWS]
        return interchanged_views(
            PLANNED,
            self.VIEWS,
            (found[order[0]], found[order[1]]),
            self.EXPECTED,
            calibration_px=0.3,
            reach_mm=20.0,
        )

    def test_images_of_the_two_views_taken_for_each_other_are_noticed(self):
        assert "4 of 4 markers fit when the two radiographs are taken for each other" in self.said((1, 0))

    def test_images_as_labelled_raise_no_doubt(self):
        assert self.said((0, 1)) is None


class TestImages:
    def test_a_pair_of_radiographs_places_the_patient_within_0_3_mm(self):
        rng = np.random.default_rng(21)
        truth = lying((3.0, 4.0, -2.0), (1.0, 2.0, -2.0), FIXED)
        back = truth.inverse()
        centres = np.array([back.apply(marker.position_mm) for marker in PLANNED])
        axes = AXES @ back.rotation.T
        views = (kv_view(20.0), kv_view(110.0))
        expected = RigidTransform.identity(PLANNING, FIXED)
        where = np.array([marker.position_mm for marker in PLANNED])
        found = tuple(
            find_in_radiograph(radiograph(view, centres, axes, rng), SEEDS, where) for view in views
        )

        candidates = candidates_in_pair(views, found, calibration_px=0.3)
        names = assign_markers(PLANNED, candidates, expected, reach_mm=20.0)
        match = match_markers(PLANNED, names.measured, expected=expected, targets_mm=TARGET)

        assert len(names.measured) == 4
        at_target = back.apply(TARGET[0])
        assert np.linalg.norm(match.planning_from_measured.apply(at_target)) <= 0.3

    def test_a_ct_places_the_patient_within_0_3_mm(self):
        rng = np.random.default_rng(22)
        truth = lying((2.0, 3.0, -3.0), (1.0, -1.0, 2.0), PLANNING)
        centres = np.array([truth.inverse().apply(marker.position_mm) for marker in PLANNED])
        found = find_in_volume(seeds_in_ct(centres, AXES, rng), SEEDS)
        expected = RigidTransform.identity(PLANNING, PLANNING)

        candidates = candidates_in_volume([marker.measured for marker in found])
        names = assign_markers(PLANNED, candidates, expected, reach_mm=15.0)
        match = match_markers(PLANNED, names.measured, expected=expected, targets_mm=TARGET)

        assert len(names.measured) == 4
        assert np.linalg.norm(match.planning_from_measured.apply(truth.inverse().apply(TARGET[0]))) <= 0.3
