"""A radiograph reduced for display, the shadow of the planning CT beside it, and their common grey values."""

from dataclasses import replace

import numpy as np
import pytest
from bony_patient import (
    AS_PLANNED,
    ISOCENTRE_MM,
    PIXEL_MM,
    PIXELS,
    anatomy,
    bony_ct,
    expose,
    lying,
    seen,
    view,
)

from isoguide.geometry.frames import DAILY, PLANNING
from isoguide.geometry.transforms import RigidTransform
from isoguide.images.radiograph import Radiograph
from isoguide.images.radiograph_view import RadiographView
from isoguide.workflow.pictures import Window
from isoguide.workflow.radiographs.display_drr import (
    ShadowCaster,
    coarser,
    detail,
    enlarged,
    meets_grid,
    posed,
    reduced,
    windows,
)

FRONT = view(0.0)


@pytest.fixture(scope="module")
def line_integrals():
    (image,) = expose(anatomy(), lying(), (FRONT,), noise=0.0)
    return image


def test_intensities_are_drawn_like_line_integrals(line_integrals):
    intensity = Radiograph(FRONT, np.exp(-line_integrals.values), "intensity")

    one, other = (reduced(seen([image])[0], 64) for image in (line_integrals, intensity))

    np.testing.assert_allclose(other.radiograph.values, one.radiograph.values, atol=1e-5)


def test_a_point_is_seen_at_the_same_place_after_a_cut_and_a_reduction(line_integrals):
    """Column c lies at (c - 10 + 0.5) / 2 - 0.5 where 10 columns are cut and pairs are averaged."""
    counts = np.ones((PIXELS, PIXELS), bool)
    counts[:, :10], counts[:6] = False, False
    point_mm = (ISOCENTRE_MM + (12.0, 3.0, -20.0))[None]

    small = reduced(RadiographView(line_integrals, counts, "x"), 64)

    cut = FRONT.project(point_mm)[0] - (10.0, 6.0)
    np.testing.assert_allclose(small.view.project(point_mm)[0], (cut + 0.5) / 2.0 - 0.5, atol=1e-9)
    assert small.view.size == (59, 61)
    assert small.view.pixel_spacing_mm == (2.0 * PIXEL_MM, 2.0 * PIXEL_MM)


def test_pixels_that_do_not_count_do_not_spoil_the_mean_of_their_block(line_integrals):
    counts = np.ones((PIXELS, PIXELS), bool)
    values = line_integrals.values.copy()
    counts[40, 40], values[40, 40] = False, 99.0
    spoilt = replace(line_integrals, values=values)

    small = reduced(RadiographView(spoilt, counts, "x"), 64)

    assert small.counts[20, 20]
    assert small.radiograph.values[20, 20] == pytest.approx(
        (line_integrals.values[40:42, 40:42].sum() - line_integrals.values[40, 40]) / 3.0, abs=1e-5
    )


def test_a_radiograph_of_which_nothing_counts_is_kept_whole(line_integrals):
    nothing = RadiographView(line_integrals, np.zeros((PIXELS, PIXELS), bool), "x")

    assert reduced(nothing, PIXELS).view.size == (PIXELS, PIXELS)


def test_the_drr_of_a_patient_who_moved_is_the_view_that_moved_the_other_way():
    """A patient who lies 10 mm to the left is seen as from a tube 10 mm to the right."""
    moved = RigidTransform.translation(PLANNING, DAILY, (-10.0, 0.0, 0.0))

    assert posed(FRONT, moved).source_mm == pytest.approx(FRONT.source_mm - (10.0, 0.0, 0.0))


def test_rays_beside_the_planning_ct_show_nothing_and_not_air():
    caster = ShadowCaster.of(bony_ct())
    lifted = posed(FRONT, RigidTransform.translation(PLANNING, PLANNING, (0.0, 0.0, 160.0)))

    (shadow,) = caster.shadows([lifted])

    seen_rows = np.isfinite(shadow).any(axis=1)
    # The upper end of the CT, 112.5 mm above the isocentre, is 47.5 mm below the middle of the picture.
    assert np.flatnonzero(seen_rows)[0] == pytest.approx(63.5 + 47.5 * 1.4 / PIXEL_MM, abs=4.0)
    assert not seen_rows[:90].any()


def test_a_ray_meets_the_grid_where_its_line_passes_through_the_box():
    grid = bony_ct().grid
    half_mm = grid.spacing_mm[0] * grid.shape[2] / 2.0
    edge_px = half_mm * 2100.0 / (1500.0 - grid.spacing_mm[1] * grid.shape[1] / 2.0) / PIXEL_MM
    pixels = np.array([[63.5, 63.5], [63.5 + edge_px - 1.0, 63.5], [63.5 + edge_px + 1.0, 63.5]])

    np.testing.assert_array_equal(meets_grid(grid, FRONT, pixels), [True, True, False])


def test_what_is_slow_is_taken_away_and_edges_stay():
    slope = np.linspace(0.0, 10.0, 200, dtype=np.float32)[None].repeat(200, axis=0)
    slope[90:110, 90:110] += 1.0

    left = detail(slope, np.ones(slope.shape, bool), 1.0)

    middle = left[60:140, 60:140]
    assert np.ptp(middle) < 0.35 * np.ptp(slope[60:140, 60:140])
    assert left[100, 100] - left[100, 80] == pytest.approx(1.0, abs=0.4)


def test_grey_values_of_another_scale_are_matched_by_their_quantiles():
    rng = np.random.default_rng(1)
    shadow = rng.normal(0.0, 1.0, (80, 80)).astype(np.float32)

    window, other = windows(shadow, 0.4 * shadow + 3.0, np.ones(shadow.shape, bool))

    np.testing.assert_allclose(other.grey(0.4 * shadow + 3.0), window.grey(shadow), atol=1e-4)


def test_an_image_without_contrast_or_without_a_ray_in_common_has_a_window_of_its_own():
    rng = np.random.default_rng(2)
    shadow = rng.normal(0.0, 1.0, (20, 20)).astype(np.float32)
    flat, nowhere = np.ones((20, 20), np.float32), np.zeros((20, 20), bool)

    assert windows(shadow, flat, ~nowhere)[1].low == 1.0
    assert windows(np.full_like(flat, np.nan), shadow, nowhere)[0] == Window(0.0, 1.0)


@pytest.mark.parametrize(("columns", "rows", "factor"), [(12, 8, 2), (13, 9, 2), (15, 10, 4)])
def test_values_at_large_pixels_come_back_to_where_they_were(columns, rows, factor):
    """A ramp of the places themselves: linear interpolation gives it back between the outermost middles."""
    view = replace(FRONT, size=(columns, rows))
    large = coarser(view, factor)
    places = (np.arange(large.size[0]) + 0.5) * factor - 0.5
    ramp = np.broadcast_to(places.astype(np.float32), large.size[::-1])

    back = enlarged(ramp, factor, (rows, columns))

    assert back.shape == (rows, columns)
    expected = np.clip(np.arange(columns), places[0], places[-1])
    np.testing.assert_allclose(back, np.broadcast_to(expected, back.shape), atol=1e-5)


def test_a_quick_shadow_of_half_the_pixels_shows_the_same_thickness_at_the_same_place():
    ct = bony_ct()
    origin_mm = ISOCENTRE_MM + 0.4 * (ct.grid.origin_mm - ISOCENTRE_MM)
    fine = replace(ct, grid=replace(ct.grid, spacing_mm=ct.grid.spacing_mm * 0.4, origin_mm=origin_mm))
    near = replace(FRONT, pixel_spacing_mm=(0.4 * PIXEL_MM, 0.4 * PIXEL_MM))
    caster = ShadowCaster.of(fine)
    pose = posed(near, AS_PLANNED)

    (whole,), (quick,) = caster.shadows([pose]), caster.quicker().shadows([coarser(pose, 2)])

    blocks = whole.reshape(PIXELS // 2, 2, PIXELS // 2, 2).mean(axis=(1, 3))
    known = np.isfinite(blocks) & np.isfinite(quick)
    assert known.mean() > 0.3
    scale = float(blocks[known].max())
    assert np.abs(quick - blocks)[known].mean() < 0.01 * scale
    there, beside = (np.corrcoef(np.roll(quick, by, axis=1)[known], blocks[known])[0, 1] for by in (0, 1))
    assert there > 0.99
    assert there > beside


def test_long_voxels_are_not_made_longer_for_a_quick_shadow():
    """Pairs of 2.5 mm would be 5 mm long, in which a movement of 1 mm is not seen."""
    caster = ShadowCaster.of(bony_ct())

    assert caster.quicker().attenuation.grid.spacing_mm == pytest.approx([2.5, 2.5, 2.5])
