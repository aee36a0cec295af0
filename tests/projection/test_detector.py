"""What an imager makes of water and bone, against hand calculations and the settings' own words."""

from dataclasses import replace

import numpy as np
import pytest
from small_scans import FULL_FAN, cylinder, line_integrals

from isoguide.errors import InputError
from isoguide.projection.detector import bow_tie_transmission, measure, primary_signal, scatter
from isoguide.projection.imaging_physics import ImagingPhysics
from isoguide.projection.spectrum import attenuation_per_mm, tube_spectrum

SCAN = replace(FULL_FAN, count=12)
VIEW = SCAN.views()[0]
IDEAL = ImagingPhysics.ideal()


def rng():
    return np.random.default_rng(7)


@pytest.fixture(scope="module")
def water():
    mm = line_integrals(SCAN.views(), [cylinder(90.0)])
    return np.stack([mm, np.zeros_like(mm)])


def test_an_ideal_imager_measures_thickness_times_attenuation(water):
    values, per_mm = measure(water, VIEW, 125.0, IDEAL, rng())
    np.testing.assert_allclose(values, water[0] * per_mm, atol=2e-3)


def test_focal_spot_and_scintillator_blur_a_wire_over_their_width(water):
    wire = np.zeros_like(water)
    wire[0, 0, :, 60] = 10.0
    physics = replace(IDEAL, blur_mm=2.0 * VIEW.pixel_spacing_mm[0])
    values, _ = measure(wire, VIEW, 125.0, physics, rng())
    profile = values[0, 50] / values[0, 50].sum()
    column = np.arange(len(profile)) - 60.0
    assert (profile * column).sum() == pytest.approx(0.0, abs=0.01)
    assert np.sqrt((profile * column**2).sum()) == pytest.approx(2.0, rel=0.05)


def test_gold_in_the_beam_adds_its_own_attenuation(water):
    gold = np.zeros_like(water[:1])
    gold[:, 0, 40] = 0.01
    physics = replace(IDEAL, energy_bins=1, beam_hardening_correction=False)
    kev = tube_spectrum(125.0, bins=1).energies_kev
    plain, _ = measure(water, VIEW, 125.0, physics, rng())
    values, _ = measure(np.concatenate([water, gold]), VIEW, 125.0, physics, rng())
    np.testing.assert_allclose(values - plain, gold[0] * attenuation_per_mm("gold", kev)[0], atol=1e-4)


def test_beam_hardening_of_water_is_straightened_behind_the_bow_tie(water):
    physics = replace(IDEAL, energy_bins=5, bow_tie_radius_mm=150.0)
    values, per_mm = measure(water, VIEW, 125.0, physics, rng())
    np.testing.assert_allclose(values, water[0] * per_mm, atol=5e-3)
    crooked, _ = measure(water, VIEW, 125.0, replace(physics, beam_hardening_correction=False), rng())
    assert np.abs(crooked - water[0] * per_mm).max() > 0.03


def test_bone_hardens_the_beam_more_than_its_correction_takes_back(water):
    bone = np.stack([water[0], np.full_like(water[0], 20.0)])
    physics = replace(IDEAL, energy_bins=5)
    spectrum = tube_spectrum(125.0, bins=5)
    without, per_mm = measure(water, VIEW, 125.0, physics, rng())
    with_bone, _ = measure(bone, VIEW, 125.0, physics, rng())
    gained = (with_bone - without) / per_mm
    thin, thick = gained[water[0] == 0.0].mean(), gained[water[0] > 170.0].mean()
    # Alone, 20 mm of bone stop as much as this much water; behind 170 mm of water the beam is harder.
    alone = -np.log(spectrum.weights @ np.exp(-20.0 * spectrum.per_mm("bone")))
    assert thin == pytest.approx(
        np.interp(alone, spectrum.line_integrals(np.arange(200.0)), np.arange(200.0)), rel=0.01
    )
    assert thick < 0.95 * thin


def test_the_bow_tie_levels_a_cylinder_of_its_radius():
    spectrum = tube_spectrum(125.0, bins=5)
    open_beam = bow_tie_transmission(VIEW, spectrum, 110.0)
    mm = line_integrals([VIEW], [cylinder(110.0)])
    signal = primary_signal(np.stack([mm, np.zeros_like(mm)]), spectrum, open_beam)[0, 40]
    bare = primary_signal(
        np.stack([mm, np.zeros_like(mm)]), spectrum, np.repeat(spectrum.weights[:, None], 96, axis=1)
    )[0, 40]
    inside = mm[0, 40] > 120.0
    assert np.ptp(np.log(signal[inside])) < 0.25 * np.ptp(np.log(bare[inside]))
    assert bow_tie_transmission(VIEW, spectrum, 0.0).sum(axis=0) == pytest.approx(1.0)


def test_scatter_in_the_shadow_is_as_strong_as_asked_and_smooth(water):
    primary = np.exp(-0.02 * water[0])
    flat = np.ones(primary.shape[2], dtype=np.float32)
    physics = replace(IDEAL, scatter_to_primary=0.7)
    added = scatter(primary, flat, np.array([16.0, 32.0]), physics)
    shadow = primary < 0.3
    assert added[shadow].sum() / primary[shadow].sum() == pytest.approx(0.7, rel=1e-4)
    assert np.abs(np.diff(added, axis=2)).max() < 0.1 * added.max()


def test_nothing_in_the_beam_scatters_nothing():
    primary = np.ones((2, 80, 96), dtype=np.float32)
    physics = replace(IDEAL, scatter_to_primary=0.7)
    assert not scatter(primary, np.ones(96, dtype=np.float32), np.array([16.0, 32.0]), physics).any()


def test_scatter_lowers_line_integrals_and_the_correction_brings_most_back(water):
    scattered = replace(IDEAL, scatter_to_primary=0.3)
    plain, _ = measure(water, VIEW, 125.0, IDEAL, rng())
    lowered, _ = measure(water, VIEW, 125.0, scattered, rng())
    corrected, _ = measure(water, VIEW, 125.0, replace(scattered, corrected_scatter_to_primary=0.3), rng())
    thick = water[0] > 170.0
    assert (plain - lowered)[thick].mean() > 0.25
    assert abs((plain - corrected)[thick].mean()) < 0.4 * (plain - lowered)[thick].mean()


def test_noise_has_the_width_that_poisson_and_the_read_out_give():
    air = np.zeros((2, 40, 80, 96), dtype=np.float32)
    physics = replace(IDEAL, photons_per_pixel=1e4, electronic_noise_photons=50.0)
    values, _ = measure(air, VIEW, 125.0, physics, rng())
    # sqrt(10 000 + 50²) / 10 000
    assert values.std() == pytest.approx(np.sqrt(1e4 + 2500.0) / 1e4, rel=0.02)


def test_the_same_seed_makes_the_same_noise(water):
    first, _ = measure(water, VIEW, 125.0, ImagingPhysics(), np.random.default_rng(3))
    second, _ = measure(water, VIEW, 125.0, ImagingPhysics(), np.random.default_rng(3))
    np.testing.assert_array_equal(first, second)


def test_lag_leaves_a_ghost_of_the_frame_before():
    thickness = np.zeros((2, 12, 80, 96), dtype=np.float32)
    thickness[0, :6] = 200.0
    values, _ = measure(thickness, VIEW, 125.0, replace(IDEAL, lag_share=0.05, lag_frames=4.0), rng())
    assert values[6].mean() > 0.02  # the open beam after the body: 5 % of the signal is still missing
    assert values[11].mean() < values[6].mean() / 3.0


def test_glare_brightens_the_shadow(water):
    plain, _ = measure(water, VIEW, 125.0, IDEAL, rng())
    veiled, _ = measure(water, VIEW, 125.0, replace(IDEAL, glare_share=0.05), rng())
    thick = water[0] > 150.0
    assert (veiled - plain)[thick].mean() < 0.0


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"photons_per_pixel": -1.0}, "photons_per_pixel .* must be 0 or more"),
        ({"energy_bins": 0}, "energy_bins .* 1 to 20"),
        ({"lag_share": 0.9}, "lag_share .* 0 to 0.5"),
        ({"lag_frames": 0.1}, "lag_frames .* 1 or more"),
        ({"scatter_to_primary": float("nan")}, "scatter_to_primary"),
    ],
)
def test_impossible_physics_is_refused_by_name(wrong, words):
    with pytest.raises(InputError, match=words):
        ImagingPhysics(**wrong)
