"""Several starts: they agree where the images determine one answer, and say so where they do not."""

import numpy as np
import pytest
from virtual_cases import errors_mm

from isoguide.geometry.frames import DAILY, PLANNING
from isoguide.geometry.transforms import RigidTransform
from isoguide.registration.pyramid import Level
from isoguide.registration.refine import refine, small_motion
from isoguide.registration.starts import best_of_starts


def test_all_starts_agree_on_a_patient_who_is_only_displaced(
    pelvis, prepared_pelvis, displaced_levels, displaced_truth
):
    away = small_motion(np.array([4.0, -3.0, 5.0, 2.0, 0.0, -2.0]), prepared_pelvis.centre_mm)
    start = displaced_truth.inverse().matrix @ away
    best, starts = best_of_starts(prepared_pelvis, displaced_levels[1], start)
    answer = RigidTransform(DAILY, PLANNING, best.daily_from_planning).inverse()
    assert errors_mm(pelvis, answer, displaced_truth).max() < 0.3
    assert starts.agreeing == starts.started == 6
    assert starts.spread_mm < 0.2


def test_the_best_of_several_starts_explains_the_image_at_least_as_well_as_one(
    prepared_pelvis, displaced_levels, displaced_truth
):
    far = displaced_truth.inverse().matrix.copy()
    far[:3, 3] += [0.0, 0.0, 22.0]
    alone = refine(prepared_pelvis.middle, displaced_levels[1], far, np.eye(6), steps=20, tolerance_mm=0.02)
    best, starts = best_of_starts(prepared_pelvis, displaced_levels[1], far)
    assert best.evidence >= alone.evidence
    assert starts.agreeing <= starts.started


def test_no_start_agrees_where_nothing_was_imaged(prepared_pelvis, displaced_levels, displaced_truth):
    level = displaced_levels[1]
    unknown = Level(level.grid, np.full_like(level.values, np.nan))
    best, starts = best_of_starts(prepared_pelvis, unknown, displaced_truth.inverse().matrix)
    assert not best.weight.any()
    assert (starts.agreeing, starts.started) == (0, 4)
    assert starts.spread_mm == pytest.approx(np.inf)
