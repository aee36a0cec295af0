"""From HU to electrons, and numbers that settings refuse."""

import numpy as np
import pytest

from isoguide.dose.compute import DoseSettings
from isoguide.dose.density_curve import GENERIC_CURVE, DensityCurve
from isoguide.errors import InputError


def test_air_water_and_bone_are_what_the_field_says() -> None:
    found = GENERIC_CURVE.density(np.array([-1024, -1000, 0, 1000, 4000], np.int16))
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, [0.001, 0.001, 1.0, 1.0 + 1000.0 / 1950.0, 2.574], atol=0.002)


@pytest.mark.parametrize(
    ("hu", "density"),
    [
        ((0.0,), (1.0,)),
        ((0.0, 0.0), (1.0, 2.0)),
        ((0.0, 1.0), (1.0, 0.9)),
        ((0.0, 1.0), (-0.1, 0.9)),
        ((0.0, 1.0), (0.0, np.nan)),
        ((0.0, 1.0), (0.0, 0.5, 1.0)),
    ],
)
def test_a_curve_that_does_not_rise_is_refused(hu: tuple[float, ...], density: tuple[float, ...]) -> None:
    with pytest.raises(InputError, match="does not rise"):
        DensityCurve(hu, density, "ours")


def test_spacings_and_steps_that_make_no_sense_are_refused() -> None:
    with pytest.raises(InputError, match="dose grid"):
        DoseSettings(spacing_mm=0.1)
    with pytest.raises(InputError, match="arc"):
        DoseSettings(arc_step_deg=0.0)
