"""What a CT says about attenuation: water and bone in every voxel."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from isoguide.errors import MissingEvidenceError
from isoguide.geometry.frames import PLANNING
from isoguide.geometry.grid import Grid
from isoguide.images.volume import Volume
from isoguide.projection.materials import CT_ENERGY_KEV, attenuation_of, water_and_bone
from isoguide.projection.spectrum import attenuation_per_mm


def ct(*hounsfield, is_hounsfield=True):
    values = np.array(hounsfield, dtype=np.float32).reshape(1, 1, -1)
    grid = Grid.axial(PLANNING, values.shape, (1.0, 1.0, 1.0), (0.0, 0.0, 0.0))
    return Volume(grid, values, is_hounsfield=is_hounsfield, source="planning CT")


def test_air_is_nothing_water_is_water_and_soft_tissue_holds_no_bone():
    water, bone = water_and_bone(ct(-1100.0, -1000.0, -700.0, 0.0, 60.0)).fractions[:, 0, 0]
    np.testing.assert_allclose(water, [0.0, 0.0, 0.3, 1.0, 1.06], atol=1e-6)
    np.testing.assert_array_equal(bone, 0.0)


def test_cortical_bone_holds_no_water_and_metal_is_compressed_bone():
    # Cortical bone (ICRU-44, 1.92 g/cm³) against water at 70 keV, NISTIR 5632, log-log between 60 and 80 keV.
    relative = 1.92 * np.exp(np.interp(np.log(70.0), np.log([60.0, 80.0]), np.log([0.3148, 0.2229])))
    relative /= np.exp(np.interp(np.log(70.0), np.log([60.0, 80.0]), np.log([0.2059, 0.1837])))
    cortical, gold = 1000.0 * (relative - 1.0), 1000.0 * (3.0 * relative - 1.0)
    water, bone = water_and_bone(ct(cortical, gold)).fractions[:, 0, 0]
    np.testing.assert_allclose(water, 0.0, atol=1e-5)
    np.testing.assert_allclose(bone, [1.0, 3.0], rtol=1e-5)


@given(st.floats(-1000.0, 20000.0))
def test_the_mixture_attenuates_at_the_energy_of_the_ct_as_the_ct_says(hounsfield):
    water, bone = water_and_bone(ct(hounsfield)).fractions[:, 0, 0, 0]
    at = np.array([CT_ENERGY_KEV])
    water_per_mm, bone_per_mm = (attenuation_per_mm(name, at)[0] for name in ("water", "bone"))
    expected = water_per_mm * (1.0 + hounsfield / 1000.0)
    assert water * water_per_mm + bone * bone_per_mm == pytest.approx(expected, rel=1e-5, abs=1e-7)
    assert attenuation_of(ct(hounsfield))[0, 0, 0] == pytest.approx(expected, rel=1e-5, abs=1e-7)
    assert min(water, bone) >= 0.0


def test_bone_stands_out_more_at_50_kev_than_at_100_kev():
    # 300 HU is bone mineral in part: photoelectric absorption makes it brighter in softer beams.
    contrast = [np.divide(*attenuation_of(ct(300.0, 0.0), energy)[0, 0]) for energy in (50.0, 100.0)]
    assert contrast[0] > 1.3 > contrast[1]
    # Water at 50 and 100 keV, NISTIR 5632.
    assert attenuation_of(ct(0.0), 50.0)[0, 0, 0] == pytest.approx(0.02269, rel=1e-4)
    assert attenuation_of(ct(0.0), 100.0)[0, 0, 0] == pytest.approx(0.01707, rel=1e-4)


def test_grey_values_say_nothing_about_attenuation():
    with pytest.raises(MissingEvidenceError, match="the image planning CT has no Hounsfield units"):
        water_and_bone(ct(0.0, is_hounsfield=False))
