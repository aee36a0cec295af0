"""Beads in simulated images of a phantom, where their places are known."""

import numpy as np
import pytest

from isoguide.images.bead_detection import detect_beads
from isoguide.images.radiograph import Radiograph
from phantom_images import DIAMETER_MM, bead_positions, phantom_image, true_view

BEADS_MM = bead_positions()
DIAMETER_PX = DIAMETER_MM * 1.5 / 0.8
VIEW = true_view(0.0)


@pytest.fixture(scope="module")
def image() -> Radiograph:
    return phantom_image(VIEW, BEADS_MM, seed=11)


def farthest_px(spots: np.ndarray) -> float:
    """Distance of the worst spot from the bead nearest to it."""
    return float(np.linalg.norm(VIEW.project(BEADS_MM)[:, None] - spots[None], axis=-1).min(axis=0).max())


def test_every_bead_is_found_within_a_tenth_of_a_pixel(image):
    spots = detect_beads(image, DIAMETER_PX)
    assert len(spots) == len(BEADS_MM)
    assert farthest_px(spots) < 0.1


def test_dark_beads_of_an_intensity_image_are_the_same_beads(image):
    bright = Radiograph(VIEW, np.exp(-image.values), "intensity")
    np.testing.assert_allclose(detect_beads(bright, DIAMETER_PX), detect_beads(image, DIAMETER_PX), atol=0.01)


def test_a_bead_that_touches_saturated_pixels_is_left_out(image):
    column, row = VIEW.project(BEADS_MM)[4].round().astype(int)
    counts = np.ones(image.values.shape, dtype=bool)
    counts[row, column] = False
    spots = detect_beads(image, DIAMETER_PX, counts)
    assert len(spots) == len(BEADS_MM) - 1
    assert np.linalg.norm(spots - [column, row], axis=1).min() > 3.0


def test_rods_large_balls_beads_at_the_edge_and_close_pairs_are_left_out():
    values = np.zeros((200, 200))
    rows, columns = np.mgrid[0:200, 0:200]
    for row, column in ((60.0, 60.0), (120.0, 120.0), (120.0, 131.0), (3.0, 100.0), (6.0, 150.0)):
        values += np.maximum(1.0 - ((rows - row) ** 2 + (columns - column) ** 2) / 3.75**2, 0.0)
    values[150:153, 20:60] = 1.0
    values += (rows - 40) ** 2 + (columns - 160) ** 2 < 15.0**2
    panel = true_view(0.0)
    view = type(panel)(
        panel.frame,
        panel.source_mm,
        panel.detector_centre_mm,
        panel.row_direction,
        panel.column_direction,
        (0.8, 0.8),
        (200, 200),
    )
    spots = detect_beads(Radiograph(view, values.astype(np.float32), "line integral"), DIAMETER_PX)
    np.testing.assert_allclose(spots, [[60.0, 60.0]], atol=0.01)


def test_an_empty_image_has_no_beads():
    values = np.zeros(VIEW.size[::-1], dtype=np.float32)
    assert len(detect_beads(Radiograph(VIEW, values, "line integral"), DIAMETER_PX)) == 0
