"""Angles are wrapped before anybody compares them."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from isoguide.units import MM_PER_CM, MM_PER_M, MM_PER_MICROMETRE, wrap_deg


@pytest.mark.parametrize(
    ("angle_deg", "wrapped_deg"),
    [(0, 0), (180, 180), (-180, 180), (358.03, -1.97), (-358.03, 1.97), (360, 0), (540, 180), (181, -179)],
)
def test_angles_near_a_full_turn_read_as_small_angles(angle_deg, wrapped_deg):
    assert wrap_deg(angle_deg) == pytest.approx(wrapped_deg, abs=1e-9)


@given(st.floats(-1e4, 1e4))
def test_wrapping_keeps_the_direction_and_the_range(angle_deg):
    wrapped_deg = wrap_deg(angle_deg)
    assert -180.0 < wrapped_deg <= 180.0
    assert math.sin(math.radians(wrapped_deg - angle_deg)) == pytest.approx(0.0, abs=1e-9)


@pytest.mark.parametrize("angle_deg", [math.nan, math.inf, -math.inf])
def test_an_angle_that_is_not_finite_is_refused(angle_deg):
    with pytest.raises(ValueError, match="not finite"):
        wrap_deg(angle_deg)


def test_lengths_are_millimetres():
    assert (MM_PER_CM, MM_PER_M, 1000.0 * MM_PER_MICROMETRE) == (10.0, 1000.0, 1.0)
