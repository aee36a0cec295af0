"""The couch is in place when every axis is, and when the isocentre is."""

from dataclasses import replace

import pytest
from fake_room import SET_UP_POSE
from hypothesis import given, settings
from hypothesis import strategies as st

from isoguide.geometry.iec61217 import TableTopPose
from isoguide.treatment import CouchLimits
from isoguide.treatment.couch_check import beyond_travel, displacement_at_isocentre_mm, out_of_place

LIMITS = CouchLimits()


@pytest.mark.parametrize(
    ("axis", "off", "sentence"),
    [
        ("lateral_mm", 0.6, "lateral: expected 10.00 mm, read 10.60 mm"),
        ("longitudinal_mm", -0.6, "longitudinal: expected 300.00 mm, read 299.40 mm"),
        ("vertical_mm", 0.6, "vertical: expected -150.00 mm, read -149.40 mm"),
        ("pitch_deg", 0.3, "pitch: expected 0.00°, read 0.30°"),
        ("roll_deg", -0.3, "roll: expected 0.00°, read -0.30°"),
        ("support_deg", 0.3, "support: expected 0.00°, read 0.30°"),
        ("eccentric_deg", 0.3, "eccentric: expected 0.00°, read 0.30°"),
        ("eccentric_distance_mm", 0.6, "eccentric distance: expected 0.00 mm, read 0.60 mm"),
    ],
)
def test_each_axis_is_named_with_the_value_expected_and_the_value_read(axis, off, sentence) -> None:
    read = replace(SET_UP_POSE, **{axis: getattr(SET_UP_POSE, axis) + off})
    assert out_of_place(SET_UP_POSE, read, LIMITS)[0] == sentence


@settings(max_examples=30)
@given(st.floats(-0.2, 0.2), st.sampled_from(["lateral_mm", "vertical_mm", "pitch_deg", "roll_deg"]))
def test_differences_within_tolerance_are_in_place(off: float, axis: str) -> None:
    pose = TableTopPose(0.0, 10.0, -20.0)
    assert out_of_place(pose, replace(pose, **{axis: getattr(pose, axis) + off}), LIMITS) == ()


def test_angles_are_compared_around_the_circle() -> None:
    turned = replace(SET_UP_POSE, support_deg=359.95)
    assert out_of_place(SET_UP_POSE, turned, LIMITS) == ()


def test_a_small_pitch_of_a_table_whose_origin_is_far_away_is_out_of_place_at_the_isocentre() -> None:
    far = TableTopPose(0.0, 600.0, 0.0)
    pitched = replace(far, pitch_deg=0.2)
    # 600 mm × tan 0.2° = 2.1 mm
    assert displacement_at_isocentre_mm(far, pitched) == pytest.approx(2.1, abs=0.05)
    assert out_of_place(far, pitched, LIMITS) == (
        "isocentre: expected within 1 mm of its place, read 2.09 mm from it",
    )


def test_a_pose_beyond_the_travel_is_named_with_its_ends() -> None:
    limits = CouchLimits(lateral_mm=(-250.0, 250.0))
    assert beyond_travel(replace(SET_UP_POSE, pitch_deg=3.0, lateral_mm=250.0), limits) == ()
    assert beyond_travel(replace(SET_UP_POSE, pitch_deg=3.4, lateral_mm=-260.0), limits) == (
        "lateral would have to be -260.0 mm, beyond -250 to 250 mm: set the patient up again",
        "pitch would have to be 3.4°, beyond -3 to 3°: set the patient up again",
    )
