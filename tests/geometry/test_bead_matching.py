"""Which spot is which bead: from a rough view, with spots that are none and beads that are hidden."""

import numpy as np
import pytest

from isoguide.errors import AmbiguityError, GeometryError
from isoguide.geometry.bead_matching import match_beads
from phantom_images import bead_positions, rough_view, true_view

BEADS_MM = bead_positions()[:16]
VIEW = true_view(20.0)


def spots(rng: np.random.Generator) -> np.ndarray:
    return VIEW.project(BEADS_MM) + rng.normal(0.0, 0.05, (len(BEADS_MM), 2))


def test_hidden_beads_and_spots_that_are_no_beads_change_nothing():
    rng = np.random.default_rng(1)
    order = rng.permutation(len(BEADS_MM))[3:]
    screws = np.array([[30.0, 40.0], [350.0, 60.0], [200.0, 380.0]])
    found, pairs = match_beads(BEADS_MM, np.concatenate([spots(rng)[order], screws]), rough_view(20.0))
    # Three are hidden, three are screws: the others are each paired with the spot that shows them.
    np.testing.assert_array_equal(order[pairs[:, 1]], pairs[:, 0])
    assert len(pairs) == 13
    assert np.linalg.norm(found.view.source_mm - VIEW.source_mm) < 4.0 * np.linalg.norm(found.source_sd_mm)


def test_a_panel_that_hangs_40_mm_off_its_rough_view_is_found():
    rough = rough_view(20.0)
    far = VIEW.project(BEADS_MM) + [50.0, -30.0]
    found, pairs = match_beads(BEADS_MM, far, rough)
    np.testing.assert_array_equal(pairs[:, 0], pairs[:, 1])
    np.testing.assert_allclose(found.view.project(BEADS_MM), far, atol=0.5)


@pytest.mark.parametrize("rough", [rough_view(26.0), rough_view(14.0)], ids=["6° on", "6° back"])
def test_a_rough_view_6_degrees_off_leads_to_the_same_view(rough):
    found, pairs = match_beads(BEADS_MM, spots(np.random.default_rng(2)), rough)
    np.testing.assert_array_equal(pairs[:, 0], pairs[:, 1])
    assert len(pairs) == len(BEADS_MM)
    assert np.linalg.norm(found.view.source_mm - VIEW.source_mm) < 4.0 * np.linalg.norm(found.source_sd_mm)


def test_an_image_of_something_else_is_refused():
    anything = np.random.default_rng(3).uniform(0.0, 400.0, (14, 2))
    with pytest.raises(GeometryError, match="fewer than 8 agree with the beads of the phantom"):
        match_beads(BEADS_MM, anything, rough_view(20.0))


def test_an_image_without_spots_is_refused():
    with pytest.raises(GeometryError, match="of 0 spots in the image, fewer than 8 agree"):
        match_beads(BEADS_MM, np.zeros((0, 2)), rough_view(20.0))


def test_a_regular_lattice_shifted_by_one_pitch_is_not_guessed():
    lattice = 15.0 * np.array(np.meshgrid([-1, 0, 1], [-2, -1, 0, 1, 2], [-1, 0, 1])).reshape(3, -1).T
    view = true_view(20.0)
    is_shown = (lattice[:, 1] > -25.0) & (lattice[:, 1] < 25.0)
    with pytest.raises(AmbiguityError, match="two different assignments of the spots fit 27 beads"):
        match_beads(lattice, view.project(lattice[is_shown]), rough_view(20.0))


def test_spots_of_beads_on_one_plane_determine_nothing():
    flat = BEADS_MM * [1.0, 1.0, 0.01]
    with pytest.raises(GeometryError, match="lie nearly on a plane"):
        match_beads(flat, VIEW.project(flat), rough_view(20.0))


def test_beads_whose_places_do_not_fit_the_image_are_no_calibration():
    bent = BEADS_MM + np.random.default_rng(5).normal(0.0, 3.0, BEADS_MM.shape)
    with pytest.raises(GeometryError, match="fewer than 8 agree"):
        match_beads(bent, VIEW.project(BEADS_MM), rough_view(20.0))
