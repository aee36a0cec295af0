"""What is patient and what is room: body, bone, grey values, field of view, vertebrae."""

import numpy as np
import pytest
from analytic_images import centred_grid, nodes_mm

from isoguide.geometry.frames import DAILY, PLANNING
from isoguide.geometry.grid import Grid
from isoguide.images.volume import Volume
from isoguide.registration.anatomy import (
    USUAL_PITCH_MM,
    content_mask,
    field_of_view,
    find_body,
    grey_to_hu,
    spine_box_mm,
    vertebral_pitch_mm,
)
from isoguide.registration.pyramid import Level

AIR, LUNG, TISSUE, BONE = -1000.0, -800.0, 20.0, 500.0


def trunk(shape=(30, 50, 60), spacing_mm=6.0):
    """An oval trunk around the origin with a lung, a spine, and air outside."""
    grid = centred_grid(PLANNING, shape, (spacing_mm,) * 3, (0.0, 0.0, 0.0))
    x, y, _ = np.moveaxis(nodes_mm(grid), -1, 0)
    values = np.where((x / 140.0) ** 2 + (y / 100.0) ** 2 <= 1.0, TISSUE, AIR)
    values[(x - 50.0) ** 2 + y**2 <= 30.0**2] = LUNG
    values[x**2 + (y - 60.0) ** 2 <= 15.0**2] = BONE
    return grid, values.astype(np.float32)


def with_couch(grid, values, top_mm=100.0, thickness_mm=6.0):
    """Put a plate of carbon fibre under the trunk that touches the skin."""
    y = nodes_mm(grid)[..., 1]
    return np.where((y >= top_mm) & (y < top_mm + thickness_mm) & (values == AIR), 0.0, values).astype(
        np.float32
    )


class TestBody:
    def test_the_couch_that_touches_the_skin_is_not_patient(self):
        grid, values = trunk()
        body = find_body(Level(grid, with_couch(grid, values)), np.zeros(3))
        bare = find_body(Level(grid, values), np.zeros(3))
        assert (body & ~bare).sum() <= 0.01 * bare.sum()
        x, y, _ = np.moveaxis(nodes_mm(grid), -1, 0)
        assert not body[(np.abs(x) > 60.0) & (y > 96.0)].any()

    def test_the_lung_is_patient(self):
        grid, values = trunk()
        body = find_body(Level(grid, values), np.zeros(3))
        assert body[values == LUNG].all()
        assert not body[values == AIR].any()

    @pytest.mark.parametrize("side", [-1.0, 1.0])
    def test_of_two_legs_the_one_with_the_isocentre_is_the_body(self, side):
        grid, values = trunk()
        x, y, _ = np.moveaxis(nodes_mm(grid), -1, 0)
        legs = {sign: (x - sign * 80.0) ** 2 + y**2 <= 65.0**2 for sign in (-1.0, 1.0)}
        values = np.where(legs[-1.0] | legs[1.0], TISSUE, AIR).astype(np.float32)
        body = find_body(Level(grid, values), np.array([side * 70.0, 10.0, 0.0]))
        assert body[legs[side]].mean() > 0.95
        assert not body[legs[-side]].any()

    def test_what_was_not_imaged_is_not_patient(self):
        grid, values = trunk()
        values[:, :, 40:] = np.nan
        assert not find_body(Level(grid, values), np.zeros(3))[:, :, 41:].any()

    def test_an_image_of_air_shows_no_body(self):
        grid, values = trunk()
        assert not find_body(Level(grid, np.full_like(values, AIR)), np.zeros(3)).any()


class TestGreyValues:
    def test_calibrated_values_are_left_alone(self):
        grid, values = trunk()
        assert grey_to_hu(Volume(grid, values, is_hounsfield=True)) == (1.0, 0.0)

    @pytest.mark.parametrize(("gain", "offset"), [(1.0, 0.0), (0.85, 60.0), (0.1, 120.0), (4.0, 5000.0)])
    def test_air_and_soft_tissue_of_any_grey_image_come_near_their_hounsfield_units(self, gain, offset):
        grid, values = trunk()
        noise = np.random.default_rng(1).normal(0.0, 30.0, grid.shape)
        grey = (gain * (values + noise) + offset).astype(np.float32)
        scale, shift = grey_to_hu(Volume(grid, grey, is_hounsfield=False))
        assert scale * (gain * TISSUE + offset) + shift == pytest.approx(TISSUE, abs=60.0)
        assert scale * (gain * AIR + offset) + shift == pytest.approx(AIR, abs=80.0)

    def test_an_image_of_one_value_is_air(self):
        grid, values = trunk()
        scale, shift = grey_to_hu(Volume(grid, np.full_like(values, 7.0), is_hounsfield=False))
        assert scale * 7.0 + shift == AIR


class TestFieldOfView:
    @staticmethod
    def slices():
        """Noisy values and the circle a scanner shows of them."""
        j, i = np.indices((60, 60))
        seen = (j - 29.5) ** 2 + (i - 29.5) ** 2 <= 29.0**2
        values = np.random.default_rng(2).normal(-1000.0, 20.0, (5, 60, 60))
        values[:, 20:40, 15:45] = np.random.default_rng(3).normal(30.0, 20.0, (5, 20, 30))
        return np.rint(values).astype(np.int16), np.broadcast_to(seen, (5, 60, 60))

    @pytest.mark.parametrize("fill", [-1000, 0, -1024, -2000])
    def test_what_a_vendor_fills_around_the_circle_is_not_anatomy(self, fill):
        values, seen = self.slices()
        view = field_of_view(np.where(seen, values, np.int16(fill)))
        assert np.isnan(view[~seen]).all()
        # Noise takes the value of the fill now and then: a voxel or two at the rim may go with it.
        assert np.isnan(view[seen]).mean() < 0.02
        known = np.isfinite(view)
        np.testing.assert_array_equal(view[known], values[known])

    def test_the_patient_inside_the_circle_is_kept_where_it_has_the_value_of_the_fill(self):
        values, seen = self.slices()
        values[:, 28:32, 20:40] = -1000
        view = field_of_view(np.where(seen, values, np.int16(-1000)))
        assert (view[:, 28:32, 20:40] == -1000.0).all()

    def test_an_image_without_padding_is_seen_as_a_whole(self):
        values, _ = self.slices()
        np.testing.assert_array_equal(field_of_view(values), values)

    def test_a_patient_who_fills_the_image_is_seen_as_a_whole(self):
        values = np.random.default_rng(4).normal(30.0, 20.0, (4, 20, 20)).astype(np.float32)
        assert np.isfinite(field_of_view(values)).all()


class TestContent:
    def test_soft_tissue_keeps_two_voxels_off_bone_air_and_lung(self):
        grid, values = trunk()
        soft = content_mask(Level(grid, values), "soft")
        assert soft.any()
        for k, j, i in np.argwhere(soft)[::50]:
            around = values[max(k - 2, 0) : k + 3, max(j - 2, 0) : j + 3, max(i - 2, 0) : i + 3]
            assert (around == TISSUE).all()

    def test_bone_means_patches_that_show_an_edge_of_it(self):
        grid, values = trunk()
        bone = content_mask(Level(grid, values), "bone")
        x, y, _ = np.moveaxis(nodes_mm(grid), -1, 0)
        away = np.hypot(x, y - 60.0)
        assert bone[values == BONE].all()
        assert not bone[away > 15.0 + 18.0].any()
        assert bone[(away > 16.0) & (away < 21.0)].any()

    def test_auto_takes_everything(self):
        grid, values = trunk()
        assert content_mask(Level(grid, values), "auto").all()


class TestVertebrae:
    @staticmethod
    def column(pitch_mm, length_mm=300.0, spacing_mm=3.0, jitter=0.0):
        """Vertebrae two thirds of the pitch high with discs between, in noise."""
        shape = (int(length_mm / spacing_mm), 20, 20)
        grid = Grid.axial(PLANNING, shape, (spacing_mm,) * 3, (-30.0, 30.0, 0.0))
        rng = np.random.default_rng(5)
        z = np.arange(shape[0]) * spacing_mm + jitter * rng.normal(size=shape[0])
        level = np.where(z % pitch_mm < pitch_mm * 2.0 / 3.0, 400.0, 60.0)[:, None, None]
        return Level(grid, (level + rng.normal(0.0, 30.0, shape)).astype(np.float32))

    @pytest.mark.parametrize("pitch_mm", [18.0, 24.0, 30.0, 36.0])
    def test_the_distance_of_vertebrae_is_the_period_of_bone(self, pitch_mm):
        assert vertebral_pitch_mm(self.column(pitch_mm)) == pytest.approx(pitch_mm, abs=3.0)

    def test_a_skull_has_no_period(self):
        column = self.column(1e6)
        assert vertebral_pitch_mm(column) == USUAL_PITCH_MM

    def test_no_bone_has_no_period(self):
        column = self.column(24.0)
        assert vertebral_pitch_mm(Level(column.grid, np.zeros_like(column.values))) == USUAL_PITCH_MM

    def test_a_short_scan_says_nothing_about_the_period(self):
        assert vertebral_pitch_mm(self.column(24.0, length_mm=90.0)) == USUAL_PITCH_MM

    def test_the_spine_is_where_most_bone_is(self):
        grid, values = trunk()
        low, high = spine_box_mm(Level(grid, values), values > -300.0)
        np.testing.assert_allclose((low + high)[:2] / 2.0, [0.0, 60.0], atol=6.0)
        np.testing.assert_allclose((high - low)[:2], 60.0)
        np.testing.assert_allclose([low[2], high[2]], grid.xyz(np.array([[0, 0, 0], [0, 0, 29.0]]))[:, 2])


def test_daily_grey_values_in_the_frame_of_the_day_are_fine():
    grid = Grid.axial(DAILY, (2, 8, 8), (1.0, 1.0, 1.0), (0.0, 0.0, 0.0))
    assert grey_to_hu(Volume(grid, np.zeros((2, 8, 8), np.int16), is_hounsfield=True)) == (1.0, 0.0)
