"""The search far from the set-up position, on a virtual patient."""

import numpy as np
import pytest
from virtual_cases import CONE_BEAM, ROOM_MM, image_of, levels_of, lying

from isoguide.geometry.transforms import rotation_angle_deg
from isoguide.registration.pyramid import Level
from isoguide.registration.refine import displacement_mm
from isoguide.registration.search import LATTICE_MM, search


def distance_mm(candidate, truth, phantom):
    return displacement_mm(
        truth.inverse().matrix, candidate.daily_from_planning, np.asarray(phantom.isocentre_mm)[None]
    )[0]


def test_the_best_place_without_rotations_is_within_the_lattice(pelvis, prepared_pelvis):
    truth = lying(pelvis, (40.0, -30.0, 50.0))
    coarse, _, _ = levels_of(image_of(pelvis, truth))
    best, *others = search(prepared_pelvis.spectrum, coarse, ROOM_MM, rotations=False, keep=4)
    assert distance_mm(best, truth, pelvis) < 1.5 * LATTICE_MM
    assert best.correlation > 0.6
    assert all(other.correlation < best.correlation for other in others)
    np.testing.assert_array_equal(best.daily_from_planning[:3, :3], np.eye(3))


def test_a_patient_60_mm_and_10_degrees_away_is_among_the_places_found(pelvis, prepared_pelvis):
    truth = lying(pelvis, (35.0, 25.0, -42.0), (10.0, -10.0, 10.0))
    coarse, _, _ = levels_of(image_of(pelvis, truth))
    candidates = search(prepared_pelvis.spectrum, coarse, ROOM_MM, rotations=True, keep=8)
    assert len(candidates) == 8
    near = [c for c in candidates if distance_mm(c, truth, pelvis) < 1.5 * LATTICE_MM]
    turned = [rotation_angle_deg(truth.rotation @ c.daily_from_planning[:3, :3]) for c in near]
    assert min(turned) < 12.0


def test_an_image_without_anything_known_has_no_place(prepared_pelvis, displaced_levels):
    coarse = displaced_levels[0]
    unknown = Level(coarse.grid, np.full_like(coarse.values, np.nan))
    assert search(prepared_pelvis.spectrum, unknown, ROOM_MM, rotations=False, keep=4) == []


@pytest.mark.parametrize("fill", [-1000, 0])
def test_what_lies_outside_the_field_of_view_does_not_change_the_search(pelvis, prepared_pelvis, fill):
    truth = lying(pelvis, (12.0, -9.0, 15.0))
    settings = CONE_BEAM.with_changes(field_of_view_mm=180.0, fill_value=fill)
    coarse, _, _ = levels_of(image_of(pelvis, truth, settings))
    best = search(prepared_pelvis.spectrum, coarse, ROOM_MM, rotations=False, keep=1)[0]
    assert distance_mm(best, truth, pelvis) < 1.5 * LATTICE_MM
