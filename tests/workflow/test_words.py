import numpy as np
import pytest

from isoguide.geometry.correction import CouchCorrection
from isoguide.geometry.iec61217 import iec_from_lps
from isoguide.plan import PatientPosition
from isoguide.workflow.words import half_width_text, movements, orientation_letter

SIDES_LPS = {
    "left side": (1, 0, 0),
    "right side": (-1, 0, 0),
    "back": (0, 1, 0),
    "front": (0, -1, 0),
    "head": (0, 0, 1),
    "feet": (0, 0, -1),
}


def test_a_supine_patient_head_first_is_moved_to_his_left_towards_the_gantry_and_up():
    lines = movements(CouchCorrection(4.0, 6.0, 3.0, 1.0, 2.0, 1.5), "HFS")

    assert [line.direction for line in lines] == [
        "to the right, towards the patient's left side",
        "towards the gantry, towards the patient's head",
        "up, towards the patient's front",
        "gantry end up: the patient's head goes up",
        "clockwise facing the gantry: the patient's left side goes down",
        "counter-clockwise from above: the patient's head goes to the left",
    ]
    assert [line.signed for line in lines] == ["+4.0", "+6.0", "+3.0", "+1.0", "+2.0", "+1.5"]


def test_negative_values_turn_every_direction_round():
    lines = movements(CouchCorrection(-4.0, -6.0, -3.0, -1.0, -2.0, -1.5), "HFS")

    assert [line.direction for line in lines] == [
        "to the left, towards the patient's right side",
        "away from the gantry, towards the patient's feet",
        "down, towards the patient's back",
        "gantry end down: the patient's head goes down",
        "counter-clockwise facing the gantry: the patient's left side goes up",
        "clockwise from above: the patient's head goes to the right",
    ]


def test_a_prone_patient_feet_first_is_moved_the_other_way_round():
    lines = movements(CouchCorrection(4.0, 6.0, 3.0, 1.0, 2.0, 1.5), "FFP")

    assert [line.direction for line in lines] == [
        "to the right, towards the patient's left side",
        "towards the gantry, towards the patient's feet",
        "up, towards the patient's back",
        "gantry end up: the patient's feet go up",
        "clockwise facing the gantry: the patient's left side goes down",
        "counter-clockwise from above: the patient's feet go to the left",
    ]


@pytest.mark.parametrize("position", list(PatientPosition))
@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_the_words_say_what_the_couch_does_to_the_body_in_every_position(position, sign):
    """Move points of the body by the correction itself and compare with the words."""
    fixed_from_lps = iec_from_lps(position)
    values = {"lateral_mm": 5.0, "longitudinal_mm": 5.0, "vertical_mm": 5.0}
    values |= {"pitch_deg": 5.0, "roll_deg": 5.0, "yaw_deg": 5.0}
    for key, value in values.items():
        zero = dict.fromkeys(values, 0.0) | {key: sign * value}
        correction = CouchCorrection(**zero)
        line = next(line for line in movements(correction, position) if line.key == key)
        side = line.direction.rpartition("patient's ")[2]
        if key.endswith("_mm"):
            moved_lps = np.linalg.inv(fixed_from_lps) @ correction.fixed_from_fixed.translation_mm
            assert np.allclose(moved_lps / 5.0, SIDES_LPS[side])
            continue
        name, _, motion = side.replace(" goes ", " go ").partition(" go ")
        point = fixed_from_lps @ (100.0 * np.array(SIDES_LPS[name]))
        moved = correction.fixed_from_fixed.apply(point) - point
        axis, up = {
            "up": (2, 1),
            "down": (2, -1),
            "to the left": (0, -1),
            "to the right": (0, 1),
        }[motion]
        assert np.argmax(np.abs(moved)) == axis
        assert np.sign(moved[axis]) == up


def test_what_reads_as_zero_is_no_movement():
    line = movements(CouchCorrection(-0.04, 0.0, 0.0), "HFS")[0]

    assert line.direction == "no movement"
    assert line.signed == "0.0"


def test_an_uncertainty_is_never_shown_as_zero():
    assert half_width_text(0.001) == "± 0.01"
    assert half_width_text(0.27) == "± 0.27"
    assert half_width_text(None) == "not known"
    assert half_width_text(float("inf")) == "not known"


@pytest.mark.parametrize(
    ("direction", "letter"), list(zip(SIDES_LPS.values(), "LRPAHF", strict=True)), ids=list(SIDES_LPS)
)
def test_orientation_letters_follow_from_the_direction(direction, letter):
    assert orientation_letter(np.array(direction, dtype=float)) == letter
