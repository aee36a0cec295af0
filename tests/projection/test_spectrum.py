"""Golden values: NISTIR 5632 (XCOM), and SpekPy 2 (default physics, 14° anode, 2.5 mm Al, 0.89 mm Ti)."""

import numpy as np
import pytest

from isoguide.errors import InputError
from isoguide.projection.spectrum import attenuation_per_mm, tube_spectrum

WATER_MM = np.array([1.0, 10.0, 50.0, 100.0, 200.0, 300.0, 400.0])
SPEKPY = {
    100.0: [0.02151218, 0.21448211, 1.06005636, 2.09539639, 4.11659816, 6.09245593, 8.03615071],
    125.0: [0.02036591, 0.2031129, 1.00485508, 1.98771083, 3.90680142, 5.78047631, 7.62007142],
}


def test_water_and_cortical_bone_attenuate_as_in_the_tables_of_nist():
    # 0.2059 and 0.3148 cm²/g at 60 keV, 1.92 g/cm³ of bone.
    assert attenuation_per_mm("water", np.array([60.0]))[0] == pytest.approx(0.02059)
    assert attenuation_per_mm("bone", np.array([60.0]))[0] == pytest.approx(0.3148 * 1.92 / 10.0)


def test_gold_lets_next_to_nothing_through():
    # 4.528 cm²/g at 60 keV, 19.32 g/cm³: a seed of one mm takes all but one photon in six thousand.
    assert attenuation_per_mm("gold", np.array([60.0]))[0] == pytest.approx(4.528 * 1.932)


def test_between_the_tables_energies_the_logarithm_is_interpolated():
    # XCOM itself gives 0.1929 cm²/g for water at 70 keV.
    assert attenuation_per_mm("water", np.array([70.0]))[0] == pytest.approx(0.01929, rel=0.01)


@pytest.mark.parametrize("kilovoltage", [100.0, 125.0])
@pytest.mark.parametrize("bins", [3, 4, 6])
def test_water_hardens_the_beam_as_spekpy_says(kilovoltage, bins):
    found = tube_spectrum(kilovoltage, bins=bins).line_integrals(WATER_MM)
    np.testing.assert_allclose(found, SPEKPY[kilovoltage], rtol=0.02)


def test_the_bins_carry_equal_signal_and_end_below_the_tube_voltage():
    spectrum = tube_spectrum(100.0, bins=5)
    np.testing.assert_allclose(spectrum.weights, 0.2, atol=0.01)
    assert spectrum.energies_kev.max() < 100.0
    assert 55.0 < spectrum.mean_kev < 65.0


@pytest.mark.parametrize("wrong", [{"kilovoltage": 20.0}, {"kilovoltage": 300.0}])
def test_a_voltage_that_no_imager_has_is_refused(wrong):
    with pytest.raises(InputError, match="40 to 150 kV"):
        tube_spectrum(**wrong)


@pytest.mark.parametrize("wrong", [{"bins": 0}, {"aluminium_mm": -1.0}])
def test_filters_and_bins_that_cannot_be_are_refused(wrong):
    with pytest.raises(InputError, match="spectrum needs"):
        tube_spectrum(120.0, **wrong)
