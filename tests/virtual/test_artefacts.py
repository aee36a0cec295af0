import numpy as np
import pytest

from isoguide.geometry.frames import DAILY
from isoguide.geometry.grid import Grid
from isoguide.virtual import DailySettings
from isoguide.virtual.artefacts import add_bubbles_and_seeds, degrade, field_of_view

GRID = Grid.axial(DAILY, (24, 80, 80), (3.0, 3.0, 4.0), (-118.5, -118.5, -46.0))
AXIS = np.array([12.0, -9.0, 0.0])
CLEAN = DailySettings()


def water() -> np.ndarray:
    return np.zeros(GRID.shape, dtype=np.float32)


def spoilt(values: np.ndarray, **changes: object) -> np.ndarray:
    return degrade(values, GRID, AXIS, CLEAN.with_changes(**changes), np.random.default_rng(0))


def radius() -> np.ndarray:
    x = GRID.origin_mm[0] + 3.0 * np.arange(80) - AXIS[0]
    y = GRID.origin_mm[1] + 3.0 * np.arange(80) - AXIS[1]
    return np.hypot(x[None, :], y[:, None])


def test_without_effects_nothing_changes():
    np.testing.assert_array_equal(spoilt(water()), water())


def test_grey_values_are_scaled_about_air_and_shifted():
    found = spoilt(np.full(GRID.shape, 200.0, dtype=np.float32), value_scale=0.5, value_shift=10.0)
    np.testing.assert_allclose(found, 0.5 * 1200.0 - 1000.0 + 10.0)


def test_cupping_darkens_the_rotation_axis_most():
    found = spoilt(water(), cupping=80.0)
    assert found[12][radius() < 4.0].max() == pytest.approx(-80.0, abs=1.0)
    np.testing.assert_allclose(found[12][radius() > 130.0], 0.0)


def test_rings_are_circles_about_the_rotation_axis():
    found = spoilt(water(), rings=6.0)
    bins = (radius() / 3.0).astype(int)
    for ring in (2, 9, 17):
        assert np.ptp(found[12][bins == ring]) == 0.0
    assert found.std() > 1.0


def test_noise_has_the_deviation_asked_for_and_no_offset():
    found = spoilt(water(), noise=30.0)
    assert found.std() == pytest.approx(30.0, rel=0.15)
    assert found.mean() == pytest.approx(0.0, abs=1.0)


def test_noise_grains_are_larger_than_a_voxel():
    found = spoilt(water(), noise=30.0, noise_grain_mm=3.0)
    neighbours = np.corrcoef(found[:, :, 1:].ravel(), found[:, :, :-1].ravel())[0, 1]
    assert neighbours > 0.5


def test_shading_is_slow():
    found = spoilt(water(), shading=20.0)
    assert found.std() == pytest.approx(20.0, rel=0.5)
    assert np.abs(np.diff(found, axis=2)).max() < 5.0


def test_streaks_leave_dense_spots_and_fade():
    values = water()
    values[12, 40, 40] = 3000.0
    lines = spoilt(values.copy(), streaks=40.0) - values
    row, column = np.mgrid[:80, :80]
    distance = 3.0 * np.hypot(row - 40, column - 40)
    near, far = (lines[12][(distance > low) & (distance < low + 15.0)].std() for low in (10.0, 90.0))
    assert near > 2.0 * far > 0.0
    assert np.abs(lines[0]).max() == 0.0
    np.testing.assert_array_equal(spoilt(water(), streaks=40.0), water())


def test_blur_keeps_the_sum():
    values = water()
    values[12, 40, 40] = 1000.0
    found = spoilt(values, blur_mm=(3.0, 4.0))
    assert found.sum() == pytest.approx(1000.0, rel=1e-3)
    assert found.max() < 300.0


def test_the_field_of_view_is_a_cylinder_with_conical_ends():
    seen = field_of_view(GRID, AXIS, CLEAN.with_changes(field_of_view_mm=150.0, cone_ends_mm=10.0))
    np.testing.assert_array_equal(seen[12], radius() <= 75.0)
    assert seen[0].sum() <= 1
    assert seen[2].sum() < seen[12].sum()
    np.testing.assert_array_equal(seen, seen[::-1])
    assert field_of_view(GRID, AXIS, CLEAN).all()


def test_gas_and_seeds_appear_in_soft_tissue_away_from_the_target():
    values = np.full(GRID.shape, 40.0, dtype=np.float32)
    target = np.array([0.0, 0.0, 0.0])
    settings = CLEAN.with_changes(gas_pockets=3, metal_seeds=2)
    add_bubbles_and_seeds(values, GRID, target, settings, np.random.default_rng(1))
    for changed in (values < -800.0, values > 1000.0):
        kji = np.argwhere(changed)
        assert len(kji) >= 2
        distance = np.linalg.norm(GRID.xyz(kji[:, ::-1].astype(float)) - target, axis=1)
        assert distance.min() > 30.0


def test_where_there_is_no_soft_tissue_no_gas_is_put():
    values = np.full(GRID.shape, -1000.0, dtype=np.float32)
    before = values.copy()
    add_bubbles_and_seeds(
        values, GRID, np.zeros(3), CLEAN.with_changes(gas_pockets=2), np.random.default_rng(1)
    )
    np.testing.assert_array_equal(values, before)
