"""Gold in a beam is as thick as a hand calculation says, and nothing of it is left in the tissue."""

import numpy as np
import pytest

from isoguide.geometry.frames import PLANNING
from isoguide.geometry.grid import Grid
from isoguide.geometry.xray_view import XrayView
from isoguide.images.volume import Volume
from isoguide.virtual.markers import SEED_HU, paint_rod
from isoguide.virtual.seeds_in_beam import gold_mm, without_seeds

ALONG_Z = np.array([[0.0, 0.0, -2.5], [0.0, 0.0, 2.5]])


def from_the_front(pixel_mm=0.2, pixels=101):
    """A source 1000 mm in front of the patient, a panel 500 mm behind the origin."""
    return XrayView(
        PLANNING,
        np.array([0.0, -1000.0, 0.0]),
        np.array([0.0, 500.0, 0.0]),
        np.array([1.0, 0.0, 0.0]),
        np.array([0.0, 0.0, -1.0]),
        (pixel_mm, pixel_mm),
        (pixels, pixels),
    )


def test_a_seed_seen_from_its_side_is_as_thick_as_its_diameter():
    gold = gold_mm(from_the_front(0.025, 301), [ALONG_Z])
    assert gold[150, 150] == pytest.approx(1.0, abs=1e-3)
    # Half a radius off its axis a chord of √3/2 of the diameter: 0.25 mm, magnified 1.5 times.
    assert gold[150, 150 + 15] == pytest.approx(np.sqrt(0.75), abs=0.02)


def test_a_seed_seen_from_its_end_is_as_thick_as_it_is_long():
    along_beam = np.array([[0.0, -2.5, 0.0], [0.0, 2.5, 0.0]])
    assert gold_mm(from_the_front(), [along_beam])[50, 50] == pytest.approx(5.0, abs=0.01)


def test_all_rays_together_cross_the_volume_of_the_seed():
    view = from_the_front()
    gold = gold_mm(view, [ALONG_Z, ALONG_Z + np.array([3.0, 0.0, 0.0])])
    pixel_mm2 = (0.2 / 1.5) ** 2  # at the seed, as far as the rays are parallel
    assert gold.sum() * pixel_mm2 == pytest.approx(2.0 * np.pi * 0.25 * 5.0, rel=0.01)


def test_a_seed_beside_the_panel_is_not_seen():
    assert not gold_mm(from_the_front(), [ALONG_Z + np.array([300.0, 0.0, 0.0])]).any()


def test_tissue_is_left_where_a_seed_was_and_untouched_elsewhere():
    grid = Grid.axial(PLANNING, (20, 40, 40), (1.5, 1.5, 2.5), (-30.0, -30.0, -25.0))
    tissue = np.full(grid.shape, 35.0, dtype=np.float32)
    tissue[:, :10] = 700.0
    values = tissue.copy()
    paint_rod(values, grid, (ALONG_Z[0], ALONG_Z[1]), 1.0, SEED_HU)
    assert values.max() > 2000.0
    cleaned = without_seeds(Volume(grid, values), [ALONG_Z])
    assert cleaned.values[:, 12:].max() <= 75.0
    np.testing.assert_array_equal(cleaned.values[:, :12], tissue[:, :12])


def test_a_patient_without_seeds_is_left_as_he_is():
    grid = Grid.axial(PLANNING, (2, 2, 2), (1.0, 1.0, 1.0), (0.0, 0.0, 0.0))
    volume = Volume(grid, np.zeros(grid.shape, dtype=np.float32))
    assert without_seeds(volume, []) is volume
