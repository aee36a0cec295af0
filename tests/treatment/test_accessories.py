"""Other immobilisation or another couch top is found before the first image."""

from dataclasses import replace

import pytest

from isoguide.course.simulation import Accessory
from isoguide.errors import InputError
from isoguide.geometry.iec61217 import TableTopPose
from isoguide.treatment.accessories import (
    CouchIndexLimits,
    compare_accessories,
    compare_couch_index,
    require_couch_index,
    require_same_accessories,
)
from isoguide.treatment.refusals import PositionError, RefusedError

MASK = Accessory("MASK", "Mask 5 points", "H2")
REST = Accessory("KNEE_REST", "Knee rest", "F3")
TOP = Accessory("COUCH_TOP", "Carbon top")
PLANNED = (MASK, REST, TOP)
COUCH = TableTopPose(10.0, 900.0, -150.0, support_deg=359.0)


def test_the_same_accessories_in_another_order_are_the_same() -> None:
    assert compare_accessories(PLANNED, PLANNED[::-1]) == ()
    require_same_accessories(PLANNED, PLANNED[::-1])


def test_capitals_and_spaces_of_a_label_do_not_matter() -> None:
    typed = Accessory("mask", " mask  5 POINTS ", "h2")
    assert compare_accessories((MASK,), (typed,)) == ()


def test_a_mask_that_was_left_out_is_named() -> None:
    assert compare_accessories(PLANNED, (REST, TOP)) == ("mask 'Mask 5 points' at index H2 is missing",)


def test_a_cushion_that_was_not_there_at_simulation_is_named() -> None:
    cushion = Accessory("CUSHION", "Blue cushion")
    assert compare_accessories(PLANNED, (*PLANNED, cushion)) == (
        "cushion 'Blue cushion' was not there at simulation",
    )


def test_a_knee_rest_one_notch_further_is_named_with_both_notches() -> None:
    today = (MASK, replace(REST, index="F4"), TOP)
    assert compare_accessories(PLANNED, today) == (
        "knee rest 'Knee rest' is at index F4, at simulation it was at index F3",
    )


def test_a_device_that_is_not_indexed_today_is_named() -> None:
    assert compare_accessories((REST,), (replace(REST, index=""),)) == (
        "knee rest 'Knee rest' is at no index, at simulation it was at index F3",
    )


def test_another_couch_top_is_named() -> None:
    today = (MASK, REST, replace(TOP, label="Grid top"))
    assert compare_accessories(PLANNED, today) == (
        "another couch top: couch top 'Grid top' instead of couch top 'Carbon top'",
    )


def test_the_mask_of_another_patient_is_named() -> None:
    other = Accessory("MASK", "Mask 3 points", "H2")
    assert compare_accessories((MASK,), (other,)) == (
        "mask 'Mask 3 points' at index H2 instead of mask 'Mask 5 points' at index H2",
    )


def test_of_two_equal_wedges_one_may_be_missing() -> None:
    wedge = Accessory("WEDGE", "Wedge 10")
    assert compare_accessories((wedge, wedge), (wedge,)) == ("wedge 'Wedge 10' is missing",)
    assert compare_accessories((wedge,), (wedge, wedge)) == ("wedge 'Wedge 10' was not there at simulation",)


def test_a_moved_device_is_paired_with_itself_and_not_with_one_of_its_kind() -> None:
    first, second = Accessory("MASK", "A", "H2"), Accessory("MASK", "B", "H2")
    assert compare_accessories((first, second), (replace(second, index="H3"),)) == (
        "mask 'B' is at index H3, at simulation it was at index H2",
        "mask 'A' at index H2 is missing",
    )


def test_a_set_up_with_other_accessories_is_refused_with_everything_that_differs() -> None:
    with pytest.raises(RefusedError, match=r"mask 'Mask 5 points' .* is missing; couch top .* is missing;"):
        require_same_accessories(PLANNED, (REST,))


def test_a_couch_near_the_expected_values_is_no_surprise() -> None:
    today = replace(COUCH, lateral_mm=25.0, longitudinal_mm=885.0, support_deg=1.0, pitch_deg=2.0)
    assert compare_couch_index(COUCH, today) == ()
    require_couch_index(COUCH, today)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"longitudinal_mm": 1000.0}, "longitudinal +100.0 mm from the expected value (limit 20 mm)"),
        ({"lateral_mm": -15.0}, "lateral -25.0 mm from the expected value (limit 20 mm)"),
        ({"vertical_mm": -129.0}, "vertical +21.0 mm from the expected value (limit 20 mm)"),
        ({"pitch_deg": -4.0}, "pitch -4.0° from the expected value (limit 3°)"),
        ({"roll_deg": 3.5}, "roll +3.5° from the expected value (limit 3°)"),
        ({"support_deg": 0.0, "eccentric_deg": 5.0}, "yaw +6.0° from the expected value (limit 3°)"),
    ],
)
def test_a_couch_value_that_is_a_surprise_stops_with_its_reason(
    changes: dict[str, float], words: str
) -> None:
    today = replace(COUCH, **changes)
    assert compare_couch_index(COUCH, today) == (words,)
    with pytest.raises(PositionError) as refusal:
        require_couch_index(COUCH, today)
    assert words in str(refusal.value)


def test_the_limit_belongs_to_the_department() -> None:
    today = replace(COUCH, vertical_mm=-140.0)
    assert compare_couch_index(COUCH, today, CouchIndexLimits(vertical_mm=5.0)) == (
        "vertical +10.0 mm from the expected value (limit 5 mm)",
    )


@pytest.mark.parametrize("value", [0.0, -1.0, float("nan"), float("inf")])
def test_an_impossible_limit_is_refused(value: float) -> None:
    with pytest.raises(InputError, match="longitudinal_mm must be a positive number"):
        CouchIndexLimits(longitudinal_mm=value)
