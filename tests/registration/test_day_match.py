"""Whatever was imaged, the match says in the same words and signs where the patient lies."""

from dataclasses import replace

import numpy as np
import pytest
from marker_images import AXES, PLANNED, SEEDS, kv_view, radiograph, seeds_in_ct
from radiograph_cases import ISOCENTRE_MM, PAIR, bony_ct, errors_mm, expose, lying, prepared_pair
from radiograph_cases import anatomy as bony_anatomy

from isoguide.errors import InputError, MismatchError, MissingEvidenceError
from isoguide.geometry.frames import DAILY, FIXED, PLANNING
from isoguide.geometry.transforms import RigidTransform
from isoguide.images.radiograph import Radiograph
from isoguide.images.radiograph_view import RadiographView
from isoguide.registration import Verdict, prepare_planning
from isoguide.registration.day_match import MARKERS, RADIOGRAPHS, matcher_of
from isoguide.registration.markers import (
    DeclaredMarkers,
    MarkerKind,
    MarkerMatchSettings,
    PreparedMarkers,
    as_the_planning_ct_shows,
)

ROOM_MM = np.array([3.0, -2.0, 1.0])
"""Where the images of the room have the machine isocentre."""
UNCORRECTED = RigidTransform.translation(PLANNING, DAILY, ISOCENTRE_MM - ROOM_MM)
FIVE_MM_LEFT = lying((5.0, 0.0, 0.0))


def as_the_room_has_them(images):
    """Radiographs of planning axes, in the coordinates of the day's images."""
    back = UNCORRECTED.inverse()
    return tuple(RadiographView.whole(one.in_frame(back), "a view") for one in images)


def test_radiographs_of_a_patient_5_mm_too_far_left_put_him_5_mm_to_the_right():
    images = as_the_room_has_them(expose(bony_anatomy(), FIVE_MM_LEFT))
    found = matcher_of(prepared_pair())(images, UNCORRECTED)
    assert found.verdict is Verdict.ACCEPT
    assert found.content == RADIOGRAPHS
    there = found.planning_from_daily.apply(ROOM_MM)
    np.testing.assert_allclose(there - ISOCENTRE_MM, [-5.0, 0.0, 0.0], atol=0.3)
    truth = RigidTransform(DAILY, PLANNING, UNCORRECTED.inverse().matrix @ FIVE_MM_LEFT.matrix)
    assert errors_mm(found.planning_from_daily, truth).max() < 0.5
    assert found.quality.overlap_fraction > 0.5
    assert np.isnan(found.quality.inverse_inconsistency_mm)


def test_radiographs_of_another_geometry_than_prepared_are_refused():
    images = as_the_room_has_them(expose(bony_anatomy(), FIVE_MM_LEFT))
    off = RigidTransform.translation(PLANNING, DAILY, ISOCENTRE_MM - ROOM_MM + np.array([0.0, 4.0, 3.0]))
    with pytest.raises(MismatchError, match=r"lie 5\.0 mm from those that the plan was prepared for"):
        matcher_of(prepared_pair())(images, off)


def test_a_volume_is_refused_where_radiographs_are_expected_and_the_other_way_round():
    with pytest.raises(MismatchError, match="prepared for radiographs"):
        matcher_of(prepared_pair())(bony_ct(), UNCORRECTED)
    prepared = prepare_planning(bony_ct(), isocentre_mm=ISOCENTRE_MM)
    with pytest.raises(MismatchError, match="prepared for a CT"):
        matcher_of(prepared)(as_the_room_has_them(expose(bony_anatomy(), FIVE_MM_LEFT)), UNCORRECTED)


def test_a_blank_pair_is_refused():
    blank = tuple(
        RadiographView.whole(
            Radiograph(
                view.in_frame(UNCORRECTED.inverse()), np.zeros(view.size[::-1], np.float32), "line integral"
            ),
            "a blank film",
        )
        for view in PAIR
    )
    with pytest.raises(InputError, match="a blank film is blank, all its pixels are 0"):
        matcher_of(prepared_pair())(blank, UNCORRECTED)


FOUR = replace(SEEDS, count=4)
KNOWN_TURN = MarkerMatchSettings(rotation_sigma_deg=1.0)
CENTRES = np.array([marker.position_mm for marker in PLANNED])
IN_ROOM = RigidTransform.identity(PLANNING, FIXED)


def prepared_seeds(**more):
    return PreparedMarkers(PLANNED, FOUR, np.zeros(3), settings=KNOWN_TURN, **more)


def films(*images):
    return tuple(RadiographView.whole(one, "a film") for one in images)


def seeds_on_films(shift_mm):
    rng = np.random.default_rng(4)
    there = CENTRES + np.array(shift_mm)
    return films(*(radiograph(kv_view(angle), there, AXES, rng) for angle in (0.0, 90.0)))


def test_seeds_on_two_radiographs_5_mm_too_far_left_put_the_patient_5_mm_to_the_right():
    found = matcher_of(prepared_seeds())(seeds_on_films((5.0, 2.0, -3.0)), IN_ROOM)
    assert found.content == MARKERS
    assert found.verdict is Verdict.ACCEPT, found.reasons
    moved = found.planning_from_daily.apply(np.zeros(3))
    np.testing.assert_allclose(moved, [-5.0, -2.0, 3.0], atol=0.4)
    assert found.quality.overlap_fraction == 1.0
    assert [residual.centre_mm.tolist() for residual in found.quality.residuals] == CENTRES.tolist()
    assert found.settings == {"markers": 4, "markers used": 4}


def test_seeds_in_a_ct_of_the_day_say_the_same():
    day = seeds_in_ct(CENTRES + np.array([5.0, 2.0, -3.0]), AXES, np.random.default_rng(1))
    uncorrected = RigidTransform.identity(PLANNING, PLANNING)
    found = matcher_of(prepared_seeds())(day, uncorrected)
    assert found.verdict is Verdict.ACCEPT, found.reasons
    np.testing.assert_allclose(found.planning_from_daily.apply(np.zeros(3)), [-5.0, -2.0, 3.0], atol=0.3)


def test_films_without_seeds_give_no_position():
    rng = np.random.default_rng(2)
    nowhere = np.zeros((0, 3))
    empty = films(*(radiograph(kv_view(angle), nowhere, nowhere, rng) for angle in (0.0, 90.0)))
    found = matcher_of(prepared_seeds())(empty, IN_ROOM)
    assert found.verdict is Verdict.NOT_AVAILABLE
    assert found.planning_from_daily is None
    assert "none of the 4 markers was found" in found.reasons[0]


def test_two_radiographs_taken_for_each_other_are_refused():
    one, other = seeds_on_films((5.0, 2.0, -3.0))
    exchanged = films(replace(one.radiograph, view=other.view), replace(other.radiograph, view=one.view))
    with pytest.raises(MismatchError, match="4 of 4 markers fit when the two radiographs are taken"):
        matcher_of(prepared_seeds())(exchanged, IN_ROOM)


def test_one_radiograph_does_not_locate_markers():
    with pytest.raises(InputError, match="located in two radiographs, not 1"):
        matcher_of(prepared_seeds())(seeds_on_films((0.0, 0.0, 0.0))[:1], IN_ROOM)


def test_more_or_fewer_markers_than_declared_are_refused():
    with pytest.raises(InputError, match="3 markers are declared but the plan marks 4"):
        PreparedMarkers(PLANNED, SEEDS, np.zeros(3))
    with pytest.raises(MissingEvidenceError, match="the plan marks no implanted markers"):
        PreparedMarkers((), DeclaredMarkers(MarkerKind.SPHERE, 2.0, 2.0, 1), np.zeros(3))
    with pytest.raises(InputError, match="reach_mm"):
        prepared_seeds(reach_mm=0.0)


def marked_beside(offset_mm):
    return tuple(replace(one, position_mm=one.position_mm + np.array(offset_mm)) for one in PLANNED)


def test_markers_marked_by_hand_are_taken_where_the_planning_ct_shows_them():
    planning = seeds_in_ct(CENTRES, AXES, np.random.default_rng(6))
    shown = as_the_planning_ct_shows(marked_beside((0.9, -0.8, 1.1)), FOUR, planning)
    assert [one.name for one in shown] == [one.name for one in PLANNED]
    for one, planned in zip(shown, PLANNED, strict=True):
        np.testing.assert_allclose(one.position_mm, planned.position_mm, atol=0.3)


def test_a_mark_where_the_planning_ct_shows_no_marker_is_refused():
    planning = seeds_in_ct(CENTRES[1:], AXES[1:], np.random.default_rng(6))
    with pytest.raises(MissingEvidenceError, match=r"no seed of 5 × 1 mm within 3 mm of the mark 'base'"):
        as_the_planning_ct_shows(PLANNED, FOUR, planning)
    assert as_the_planning_ct_shows((), FOUR, planning) == ()
