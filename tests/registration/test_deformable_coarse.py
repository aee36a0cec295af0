"""The coarse search: tissue a known way off is found there, whatever the grey values mean."""

import numpy as np
import pytest
from scipy import ndimage

from isoguide.errors import GeometryError
from isoguide.geometry.frames import DAILY, PLANNING
from isoguide.geometry.grid import Grid
from isoguide.images.displacement_field import DisplacementField
from isoguide.registration.deformable.coarse import coarse_field

SHAPE = (26, 30, 34)
GRID = Grid.axial(PLANNING, SHAPE, (3.0, 3.0, 3.0), (-50.0, -45.0, -40.0))
EVERYWHERE = np.ones(SHAPE, bool)


def tissue(shift_mm=(0.0, 0.0, 0.0), squeeze=0.0):
    """Grey values of a body of blobs that has gone by a shift (x, y, z), and been squeezed towards x = 0."""
    wide = tuple(n + 16 for n in SHAPE)
    body = 300.0 * ndimage.gaussian_filter(np.random.default_rng(5).normal(size=wide), 1.8)
    k, j, i = np.indices(SHAPE, dtype=float)
    x = GRID.origin_mm[0] + 3.0 * i - shift_mm[0]
    at = [k - shift_mm[2] / 3.0, j - shift_mm[1] / 3.0, (x / (1.0 - squeeze) - GRID.origin_mm[0]) / 3.0]
    return ndimage.map_coordinates(body, np.stack(at) + 8.0, order=1).astype(np.float32)


def find(fixed, moving, **more):
    return coarse_field(fixed, moving, GRID, **{"mask": EVERYWHERE, "largest_mm": 12.0} | more)


@pytest.fixture(scope="module")
def fixed():
    return tissue()


@pytest.fixture(scope="module")
def shifted(fixed):
    return find(fixed, tissue((9.0, -6.0, 4.5)))


def test_tissue_9_mm_to_the_left_6_mm_forwards_and_4_5_mm_to_the_head_is_found_there(shifted):
    inside = shifted.vectors_mm[2:-2, 2:-2, 2:-2].reshape(-1, 3)
    np.testing.assert_allclose(inside.mean(axis=0), [9.0, -6.0, 4.5], atol=0.5)
    assert np.linalg.norm(inside - [9.0, -6.0, 4.5], axis=1).max() < 2.0


def test_the_nodes_lie_where_the_grid_says(shifted):
    assert shifted.grid.frame == PLANNING
    assert shifted.grid.shape == shifted.vectors_mm.shape[:3] == shifted.cost.shape
    np.testing.assert_allclose(shifted.grid.spacing_mm, 9.0)
    # The first node is the middle of the first three voxels.
    np.testing.assert_allclose(shifted.grid.origin_mm, GRID.origin_mm + 3.0)


def test_cost_and_spread_tell_matched_tissue_from_unrelated_tissue(fixed, shifted):
    unrelated = find(fixed, fixed[::-1, ::-1, ::-1].copy())
    assert np.nanmean(shifted.cost) < 0.6 * np.nanmean(unrelated.cost)
    assert np.median(shifted.spread_mm) < 3.0


def test_a_body_squeezed_from_both_sides_moves_inwards_at_each_and_does_not_fold(fixed):
    found = find(fixed, tissue(squeeze=0.15))
    x = found.grid.origin_mm[0] + 9.0 * np.arange(found.grid.shape[2])
    mean = found.vectors_mm[1:-1, 1:-1, :, 0].mean(axis=(0, 1))
    np.testing.assert_allclose(mean[2:-2], -0.15 * x[2:-2], atol=1.5)
    assert DisplacementField(found.grid, found.vectors_mm).steepest < 0.8


def test_other_grey_values_shading_and_noise_change_little(fixed, shifted):
    moving = tissue((9.0, -6.0, 4.5))
    shading = 1.0 + 0.3 * np.cos(np.linspace(-2.0, 2.0, SHAPE[2]))
    noise = np.random.default_rng(6).normal(0.0, 5.0, SHAPE)
    found = find(fixed, (0.6 * shading * moving + 200.0 + noise).astype(np.float32))
    inside = (found.vectors_mm - shifted.vectors_mm)[2:-2, 2:-2, 2:-2]
    assert np.linalg.norm(inside, axis=-1).mean() < 0.8


def test_where_the_day_shows_nothing_the_neighbours_decide(fixed):
    moving = tissue((9.0, 0.0, 0.0))
    moving[:, :, :10] = np.nan
    found = find(fixed, moving, mask=np.isfinite(moving))
    assert np.isinf(found.spread_mm[:, :, 0]).all()
    assert np.isnan(found.cost[:, :, 0]).all()
    np.testing.assert_allclose(found.vectors_mm[1:-1, 1:-1, 0, 0].mean(), 9.0, atol=1.5)


def test_uniform_tissue_stays_where_it_is():
    uniform = np.full(SHAPE, 40.0, np.float32)
    found = find(uniform, uniform + np.float32(60.0))
    np.testing.assert_allclose(found.vectors_mm, 0.0, atol=1e-5)


def test_the_same_images_give_the_same_field(fixed, shifted):
    again = find(fixed, tissue((9.0, -6.0, 4.5)))
    np.testing.assert_array_equal(again.vectors_mm, shifted.vectors_mm)


def test_a_turned_grid_gives_patient_directions(fixed):
    turned = Grid(PLANNING, SHAPE, GRID.spacing_mm, GRID.origin_mm, np.diag([-1.0, 1.0, -1.0]))
    found = coarse_field(fixed, tissue((9.0, 0.0, 0.0)), turned, mask=EVERYWHERE, largest_mm=12.0)
    # Columns run to the right on this grid, so that what goes up a column index goes to the right.
    assert found.vectors_mm[2:-2, 2:-2, 2:-2, 0].mean() == pytest.approx(-9.0, abs=0.5)


def test_images_of_another_shape_or_frame_are_refused(fixed):
    with pytest.raises(GeometryError, match="day's image has the shape"):
        coarse_field(fixed, fixed[1:], GRID, mask=EVERYWHERE)
    daily = Grid.axial(DAILY, SHAPE, (3.0, 3.0, 3.0), (0.0, 0.0, 0.0))
    with pytest.raises(GeometryError, match="belongs to"):
        coarse_field(fixed, fixed, daily, mask=EVERYWHERE)
