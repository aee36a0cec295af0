"""Ultrasound against CT of a patient given by formulas, so that the truth is exact, and what may mislead."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from analytic_images import centred_grid, nodes_mm
from scipy.spatial.transform import Rotation

from isoguide.errors import GeometryError, InputError
from isoguide.geometry.frames import DAILY, PLANNING
from isoguide.geometry.transforms import RigidTransform
from isoguide.images.ultrasound_volume import UltrasoundVolume
from isoguide.images.volume import Volume
from isoguide.registration import Verdict
from isoguide.registration.ultrasound import (
    UltrasoundSettings,
    prepare_ultrasound_to_ct,
    register_ultrasound_to_ct,
)

ISOCENTRE_MM = np.array([4.0, -7.0, 11.0])
TARGETS_MM = ISOCENTRE_MM + 8.0 * np.concatenate([np.zeros((1, 3)), np.eye(3), -np.eye(3)])
INITIAL = RigidTransform.translation(PLANNING, DAILY, ISOCENTRE_MM)
FAR_LEFT = RigidTransform.translation(PLANNING, DAILY, ISOCENTRE_MM - (5.0, 0.0, 0.0))

# HU, and grey value of ultrasound: the two follow no common order.
MUSCLE, GLAND, FLUID, FAT = (55.0, 100.0), (40.0, 70.0), (8.0, 8.0), (-95.0, 135.0)
# Centre and radii in mm about the isocentre, and the tissue.
ORGANS = (
    ((0.0, 0.0, 0.0), (17.0, 13.0, 15.0), GLAND),
    ((3.0, -9.0, 27.0), (18.0, 14.0, 12.0), FLUID),
    ((-4.0, 27.0, 4.0), (11.0, 10.0, 30.0), MUSCLE),
    ((30.0, -4.0, -8.0), (9.0, 20.0, 16.0), MUSCLE),
    ((-29.0, -8.0, 6.0), (10.0, 17.0, 19.0), MUSCLE),
    ((6.0, -30.0, -12.0), (19.0, 9.0, 13.0), MUSCLE),
)
OTHER_ORGANS = (
    ((14.0, 16.0, 20.0), (12.0, 9.0, 21.0), MUSCLE),
    ((-18.0, 6.0, -17.0), (16.0, 11.0, 9.0), FLUID),
    ((2.0, -22.0, 6.0), (22.0, 8.0, 10.0), GLAND),
    ((-22.0, 24.0, 14.0), (8.0, 12.0, 17.0), MUSCLE),
)
SEEN_GRID = centred_grid(DAILY, (64, 64, 64), (1.3, 1.3, 1.3), (0.0, 0.0, 0.0))


def anatomy(points_mm, which, organs=ORGANS):
    """HU (0) or grey value (1) of positions (..., 3), planning LPS."""
    values = np.full(points_mm.shape[:-1], FAT[which])
    for centre, radii, tissue in organs:
        inside = (((points_mm - ISOCENTRE_MM - centre) / radii) ** 2).sum(axis=-1) < 1.0
        values[inside] = tissue[which]
    return values


@cache
def prepared(degrees_of_freedom=6):
    grid = centred_grid(PLANNING, (60, 104, 104), (1.5, 1.5, 2.5), ISOCENTRE_MM)
    noise = np.random.default_rng(7).normal(0.0, 12.0, grid.shape)
    ct = Volume(grid, (anatomy(nodes_mm(grid), 0) + noise).astype(np.int16))
    settings = UltrasoundSettings(degrees_of_freedom=degrees_of_freedom, margin_mm=5.0)
    return prepare_ultrasound_to_ct(
        ct, centre_mm=ISOCENTRE_MM, target_points_mm=TARGETS_MM, settings=settings
    )


def day(truth, *, organs=ORGANS, seed=1, trusted=None):
    """See the patient where ``truth`` puts him, through fully developed speckle on a scale of 60 dB."""
    points = truth.apply(nodes_mm(SEEN_GRID).reshape(-1, 3)).reshape(*SEEN_GRID.shape, 3)
    speckle_db = 20.0 * np.log10(np.random.default_rng(seed).rayleigh(np.sqrt(0.5), SEEN_GRID.shape) + 1e-3)
    values = np.clip(anatomy(points, 1, organs) + 255.0 / 60.0 * speckle_db, 0.0, 255.0)
    trusted = np.ones(SEEN_GRID.shape, dtype=bool) if trusted is None else trusted
    values = np.where(trusted, values, 0.0).astype(np.uint8)
    return UltrasoundVolume(SEEN_GRID, values, np.ones_like(trusted), ~trusted)


def moved(shift_mm, turn_deg):
    """Planning from daily of a patient who lies elsewhere and turned about the isocentre."""
    rotation = Rotation.from_rotvec(np.deg2rad(turn_deg)).as_matrix()
    return RigidTransform.from_parts(PLANNING, DAILY, rotation, ISOCENTRE_MM + shift_mm)


def match(truth, **options):
    return register_ultrasound_to_ct(prepared(), day(truth, **options), initial=INITIAL)


def error_mm(answer, truth):
    there = truth.inverse().apply(TARGETS_MM)
    return float(np.linalg.norm(answer.planning_from_daily.apply(there) - TARGETS_MM, axis=1).mean())


@cache
def five_mm_too_far_left():
    return match(FAR_LEFT)


def test_a_patient_5_mm_too_far_left_is_moved_5_mm_to_the_right():
    # LPS: x grows to his left. His isocentre lies at x = +5 mm in the room's axes; it belongs at 0.
    answer = five_mm_too_far_left()
    correction_mm = answer.planning_from_daily.apply(np.zeros(3)) - ISOCENTRE_MM
    np.testing.assert_allclose(correction_mm, (-5.0, 0.0, 0.0), atol=1.0)


def test_it_is_never_better_than_for_review_and_says_so():
    answer = five_mm_too_far_left()
    assert answer.verdict is Verdict.REVIEW
    assert answer.reasons[0].startswith("ultrasound against CT is for review")


def test_a_patient_who_lies_12_mm_off_and_turned_is_found():
    truth = moved((12.0, -9.0, 10.0), (4.0, -3.0, 4.0))
    answer = match(truth, seed=2)
    assert error_mm(answer, truth) < 2.0
    assert answer.quality.starts_agreeing[1] == 27


def test_the_stated_uncertainty_holds_the_true_error():
    error = five_mm_too_far_left().planning_from_daily @ FAR_LEFT.inverse()
    shift_mm = error.apply(ISOCENTRE_MM) - ISOCENTRE_MM
    covariance = five_mm_too_far_left().uncertainty.covariance
    # 95 % quantile of chi-square with three degrees of freedom.
    assert shift_mm @ np.linalg.solve(covariance[:3, :3], shift_mm) < 7.815
    assert 0.5 < five_mm_too_far_left().uncertainty.largest_at_target_mm < 6.0


def test_shadows_are_left_out_and_the_rest_decides():
    _, j, i = np.indices(SEEN_GRID.shape)
    shadow = (np.abs(i - 47 - 0.2 * (j - 32)) < 7) & (j > 23)
    answer = match(FAR_LEFT, trusted=~shadow)
    assert error_mm(answer, FAR_LEFT) < 1.5


def test_speckle_alone_determines_no_answer():
    answer = match(FAR_LEFT, organs=())
    assert answer.verdict is Verdict.NOT_AVAILABLE
    assert answer.planning_from_daily is None
    assert answer.uncertainty is None


def test_another_patient_gets_no_answer():
    answer = match(INITIAL, organs=OTHER_ORGANS)
    assert answer.verdict is Verdict.NOT_AVAILABLE


def only_first(slices):
    """See only the first slices, at his feet."""
    seen = np.zeros(SEEN_GRID.shape, dtype=bool)
    seen[:slices] = True
    return seen


def test_a_target_in_shadow_is_not_available_and_asks_for_another_scan():
    answer = match(FAR_LEFT, trusted=only_first(2))
    assert answer.verdict is Verdict.NOT_AVAILABLE
    assert "too little around the target outside shadows" in answer.reasons[0]
    assert "scan the target again" in answer.reasons[0]


def test_a_rim_far_from_the_target_does_not_decide_where_the_target_is():
    answer = match(FAR_LEFT, trusted=only_first(6))
    assert answer.verdict is Verdict.NOT_AVAILABLE
    assert "of the surroundings of the target outside shadows" in answer.reasons[0]


def test_tissue_that_is_pressed_shows_as_a_residual_where_it_is():
    pushed = tuple(
        (np.add(centre, (0.0, 4.0 if centre[1] < -25.0 else 0.0, 0.0)), *rest) for centre, *rest in ORGANS
    )
    answer = match(INITIAL, organs=pushed)
    front = min(answer.quality.residuals, key=lambda region: region.centre_mm[1])
    assert front.shift_mm[1] > 0.5


def test_with_a_couch_that_only_shifts_and_yaws_the_target_is_still_served():
    answer = register_ultrasound_to_ct(prepared(4), day(FAR_LEFT), initial=INITIAL)
    rotation = Rotation.from_matrix(answer.planning_from_daily.rotation).as_rotvec()
    # The yaw axis is y; about x and z the couch cannot turn.
    np.testing.assert_allclose(rotation[[0, 2]], 0.0, atol=1e-9)
    assert error_mm(answer, FAR_LEFT) < 1.5
    assert answer.unconstrained is not None
    np.testing.assert_allclose(answer.uncertainty.covariance[3, 3], 0.0, atol=1e-12)


def test_what_is_not_where_it_should_be_is_refused():
    volume = day(FAR_LEFT)
    with pytest.raises(GeometryError, match="initial transform must be"):
        register_ultrasound_to_ct(prepared(), volume, initial=INITIAL.inverse())
    in_planning = volume.in_frame(RigidTransform.identity(PLANNING, DAILY))
    with pytest.raises(GeometryError, match="must be in"):
        register_ultrasound_to_ct(prepared(), in_planning, initial=INITIAL)


def test_a_ct_without_hounsfield_units_or_without_the_target_is_refused():
    ct = prepared().planning
    with pytest.raises(InputError, match="Hounsfield"):
        prepare_ultrasound_to_ct(replace(ct, is_hounsfield=False), centre_mm=ISOCENTRE_MM)
    with pytest.raises(InputError, match=r"the isocentre at .* lies outside the planning CT"):
        prepare_ultrasound_to_ct(ct, centre_mm=ISOCENTRE_MM + 500.0, target_points_mm=TARGETS_MM)
    with pytest.raises(InputError, match=r"the target at .* lies outside the planning CT"):
        prepare_ultrasound_to_ct(ct, centre_mm=ISOCENTRE_MM, target_points_mm=TARGETS_MM + 500.0)
