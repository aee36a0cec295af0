"""Coarser copies of a volume: where things are and how bright they are must not change."""

import numpy as np
import pytest
from analytic_images import centred_grid, level_of, nodes_mm

from isoguide.geometry.frames import PLANNING
from isoguide.geometry.grid import Grid
from isoguide.registration.pyramid import SMOOTHING_PER_SPACING, crop, make_level

WAVE_MM = 60.0
CENTRE_MM = np.array([3.3, -120.7, 41.9])
OBLIQUE = np.array([[0.0, -0.6, 0.8], [1.0, 0.0, 0.0], [0.0, 0.8, 0.6]])


def scan(function, shape=(64, 96, 100), spacing_mm=(1.2, 1.1, 2.5), direction=None):
    return level_of(function, centred_grid(PLANNING, shape, spacing_mm, CENTRE_MM, direction))


def blob(points_mm):
    return 1000.0 * np.exp(-0.5 * (((points_mm - CENTRE_MM - [2.2, -3.1, 4.7]) / 9.0) ** 2).sum(axis=-1))


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("spacing_mm", [3.0, 6.0])
def test_a_wave_keeps_its_place_and_loses_what_the_gaussian_takes(axis, spacing_mm):
    wave = 2.0 * np.pi / WAVE_MM
    image = scan(lambda x: 500.0 * np.sin(wave * x[..., axis]))
    level = make_level(image.grid, image.values, spacing_mm, interpolate=False)
    # A Gaussian multiplies a wave by exp(-(2 pi sigma / wavelength)² / 2), whatever its phase.
    kept = np.exp(-0.5 * (wave * SMOOTHING_PER_SPACING * level.grid.spacing_mm[axis]) ** 2)
    expected = kept * 500.0 * np.sin(wave * nodes_mm(level.grid)[..., axis])
    inner = (slice(4, -4),) * 3 if spacing_mm < 4.0 else (slice(3, -3),) * 3
    np.testing.assert_allclose(level.values[inner], expected[inner], atol=4.0)


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("spacing_mm", [3.0, 6.0])
def test_a_ramp_is_kept_up_to_the_border(axis, spacing_mm):
    image = scan(lambda x: 10.0 * x[..., axis])
    level = make_level(image.grid, image.values, spacing_mm, interpolate=False)
    np.testing.assert_allclose(level.values, 10.0 * nodes_mm(level.grid)[..., axis], atol=0.05)


@pytest.mark.parametrize("spacing_mm", [1.5, 3.0, 6.0])
@pytest.mark.parametrize("direction", [None, OBLIQUE], ids=["axial", "other axes"])
def test_the_centre_of_mass_stays_in_place_at_every_level(spacing_mm, direction):
    image = scan(blob, direction=direction)
    level = make_level(image.grid, image.values, spacing_mm, interpolate=True)
    weight = level.values[..., None].astype(np.float64)
    centroid = (weight * nodes_mm(level.grid)).sum(axis=(0, 1, 2)) / weight.sum()
    np.testing.assert_allclose(centroid, CENTRE_MM + [2.2, -3.1, 4.7], atol=0.01)


def test_thick_slices_are_interpolated_up_to_the_first_and_last():
    grid = Grid.axial(PLANNING, (41, 9, 9), (1.5, 1.5, 3.0), (0.0, 0.0, 0.0))
    # Even about both ends (z = 0 and 120 mm), as the mirrored ends of the spline assume.
    image = level_of(lambda x: 500.0 * np.cos(2.0 * np.pi / WAVE_MM * x[..., 2]), grid)
    level = make_level(image.grid, image.values, 1.5, interpolate=True)
    assert level.grid.shape == (81, 9, 9)
    expected = 500.0 * np.cos(2.0 * np.pi / WAVE_MM * level.grid.spacing_mm[2] * np.arange(81))
    kept = np.abs(
        level.values[20, 4, 4] / expected[20]
    )  # the Gaussian in x and y does not touch a wave along z
    assert kept == pytest.approx(1.0, abs=2e-4)
    np.testing.assert_allclose(level.values[:, 4, 4], expected, atol=0.15)


def test_thin_volumes_and_daily_images_keep_their_thick_slices():
    image = scan(blob, shape=(3, 20, 20), spacing_mm=(1.5, 1.5, 4.0))
    assert make_level(image.grid, image.values, 1.5, interpolate=True).grid.spacing_mm[2] == 4.0
    image = scan(blob, shape=(20, 20, 20), spacing_mm=(1.5, 1.5, 4.0))
    assert make_level(image.grid, image.values, 1.5, interpolate=False).grid.spacing_mm[2] == 4.0


def test_what_was_not_imaged_spreads_by_the_reach_of_the_filter_only():
    image = scan(blob)
    values = image.values.copy()
    values[30, 48, 50] = np.nan
    level = make_level(image.grid, values, 6.0, interpolate=False)
    hole_mm = image.grid.xyz(np.array([50.0, 48.0, 30.0]))
    distance = np.abs(nodes_mm(level.grid) - hole_mm).max(axis=-1)
    unknown = np.isnan(level.values)
    assert unknown.any()
    assert distance[unknown].max() <= 3.0 * SMOOTHING_PER_SPACING * 6.0 + 2.5


def test_levels_cannot_be_written_to():
    image = scan(blob, shape=(12, 12, 12))
    with pytest.raises(ValueError, match="read-only"):
        make_level(image.grid, image.values, 3.0, interpolate=False).values[0] = 0.0


@pytest.mark.parametrize("direction", [None, OBLIQUE], ids=["axial", "other axes"])
def test_a_part_shows_the_same_tissue_at_the_same_place(direction):
    image = scan(blob, direction=direction)
    low, high = CENTRE_MM - [20.0, 10.0, 30.0], CENTRE_MM + [5.0, 25.0, 12.0]
    grid, values = crop(image.grid, image.values, low, high)
    np.testing.assert_allclose(values, blob(nodes_mm(grid)), atol=1e-3)
    corners = grid.corners_mm()
    assert (corners.min(axis=0) <= low).all()
    assert (corners.max(axis=0) >= high).all()
    if direction is None:
        assert (corners.min(axis=0) > low - 2.6).all()


def test_a_part_is_a_copy_and_ends_with_the_image():
    image = scan(blob)
    grid, values = crop(image.grid, image.values, CENTRE_MM - 1e4, CENTRE_MM + 1e4)
    np.testing.assert_array_equal(values, image.values)
    np.testing.assert_allclose(grid.origin_mm, image.grid.origin_mm)
    assert not np.shares_memory(values, image.values)


def test_a_box_beside_the_image_leaves_one_voxel():
    image = scan(blob)
    assert crop(image.grid, image.values, CENTRE_MM + 900.0, CENTRE_MM + 910.0)[0].shape == (1, 1, 1)


def test_stored_integers_are_filtered_without_a_copy_in_between():
    grid = Grid.axial(PLANNING, (8, 16, 16), (1.0, 1.0, 3.0), (0.0, 0.0, 0.0))
    level = make_level(grid, np.full(grid.shape, -1000, np.int16), 3.0, interpolate=True)
    np.testing.assert_allclose(level.values, -1000.0, rtol=1e-5)
