"""Impossible limits are refused by name."""

import pytest

from isoguide.errors import InputError
from isoguide.treatment import BeamLimits, CouchLimits, FractionLimits


@pytest.mark.parametrize(
    ("kind", "values", "sentence"),
    [
        (FractionLimits, {"image_age_s": 0.0}, "image_age_s must be a positive number, not 0.0"),
        (FractionLimits, {"images": 0}, "images must be a positive number"),
        (FractionLimits, {"corrections": -1}, "corrections must be a positive number"),
        (FractionLimits, {"largest_shift_mm": float("nan")}, "largest_shift_mm must be a positive number"),
        (FractionLimits, {"couch_failures": -1}, "couch_failures must be 0 or more, not -1"),
        (CouchLimits, {"degrees_of_freedom": 5}, "degrees_of_freedom must be 3, 4 or 6, not 5"),
        (CouchLimits, {"yaw_axis": "x"}, "yaw_axis must be 'support' or 'eccentric'"),
        (CouchLimits, {"tolerance_deg": float("inf")}, "tolerance_deg must be a positive number"),
        (CouchLimits, {"vertical_mm": (10.0, -10.0)}, r"vertical_mm must be \(lowest, highest\)"),
        (BeamLimits, {"heartbeat_s": -2.0}, "heartbeat_s must be a positive number, not -2.0"),
        (BeamLimits, {"watch_period_s": 0.5}, "must be shorter than heartbeat_s"),
        (BeamLimits, {"machine_heartbeat_s": 0.4}, "must be shorter than machine_heartbeat_s"),
    ],
)
def test_impossible_values_are_refused_by_name(kind, values, sentence) -> None:
    with pytest.raises(InputError, match=sentence):
        kind(**values)


def test_an_axis_without_travel_has_no_limit() -> None:
    assert CouchLimits(pitch_deg=None, lateral_mm=(-250.0, 250.0)).ranges == {
        "lateral_mm": (-250.0, 250.0),
        "roll_deg": (-3.0, 3.0),
    }
