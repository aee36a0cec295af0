"""Goals: as they are written, and whether they are met."""

import pytest
from drawn_structures import histogram
from hypothesis import given, settings
from hypothesis import strategies as st

from isoguide.dose.goal_text import goal_words, measure_words, parse_goal
from isoguide.dose.goals import DoseGoal, evaluate_goals
from isoguide.errors import MissingEvidenceError, UnreadableError

TARGET = histogram("PTV", [58.0, 59.0, 60.0, 61.0], target=True)
CORD = histogram("Spinal Cord", [1.0, 2.0, 3.0, 4.0, 45.0])


@pytest.mark.parametrize(
    ("text", "goal"),
    [
        ("PTV D95% >= 57 Gy", DoseGoal("PTV", "D percent", 95.0, False, 57.0, "Gy")),
        ("PTV D95% ≥ 95 %", DoseGoal("PTV", "D percent", 95.0, False, 95.0, "% of prescription")),
        ("Rectum V60Gy <= 35 %", DoseGoal("Rectum", "V Gy percent", 60.0, True, 35.0, "%")),
        ("Bowel V45Gy<=195cc", DoseGoal("Bowel", "V Gy ml", 45.0, True, 195.0, "ml")),
        ("'Spinal Cord' D0.1ml <= 45 Gy", DoseGoal("Spinal Cord", "D ml", 0.1, True, 45.0, "Gy")),
        ("PTV 60 Gy v95% >= 98 %", DoseGoal("PTV 60 Gy", "V percent percent", 95.0, False, 98.0, "%")),
        ("Skin V110% <= 1 ml", DoseGoal("Skin", "V percent ml", 110.0, True, 1.0, "ml")),
        ("Lungs mean <= 20 Gy", DoseGoal("Lungs", "mean", None, True, 20.0, "Gy")),
        ("PTV Max ≤ 107 %", DoseGoal("PTV", "max", None, True, 107.0, "% of prescription")),
    ],
)
def test_a_goal_is_read_as_people_write_it_and_written_back(text: str, goal: DoseGoal) -> None:
    assert parse_goal(text) == goal
    assert parse_goal(goal_words(goal)) == goal


def test_what_is_measured_has_a_short_name() -> None:
    texts = ("PTV D95% >= 1 Gy", "A V20Gy <= 1 %", "A V95% <= 1 ml", "A D2cc <= 1 Gy", "A min >= 1 Gy")
    assert [measure_words(parse_goal(text)) for text in texts] == ["D95%", "V20Gy", "V95%", "D2ml", "min"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("PTV", "is not a goal; write it like PTV D95% >= 57 Gy"),
        ("D95% >= 57 Gy", "is not a goal"),
        ("PTV D95 >= 57 Gy", "is not a goal"),
        ("PTV D95% = 57 Gy", "is not a goal"),
        ("PTV D95% >= -57 Gy", "is not a goal"),
        ("PTV D95% >= 5700 cGy", "is not a goal"),
        ("PTV D95% >= 57 ml", "limits a dose in ml"),
        ("PTV V20Gy <= 57 Gy", "limits a volume in Gy"),
        ("PTV D20Gy <= 57 Gy", "measures D at 20 Gy; D is at % or ml"),
        ("PTV V20ml <= 57 %", "measures V at 20 ml"),
        ("PTV V20Gy <= 120 %", "speaks of 120 % of a volume"),
        ("PTV D120% >= 57 Gy", "speaks of 120 % of a volume"),
        ("PTV D0% <= 57 Gy", "measures at 0"),
    ],
)
def test_a_goal_that_says_something_else_is_refused(text: str, message: str) -> None:
    with pytest.raises(UnreadableError, match=message):
        parse_goal(text)


@given(
    st.sampled_from(["D95%", "D0.5ml", "V20Gy", "V95%", "mean", "max", "min"]),
    st.sampled_from(["<=", ">="]),
    st.integers(1, 99),
    st.sampled_from(["PTV", "Parotid L", "a b c", "D95"]),
)
@settings(deadline=None, max_examples=20)
def test_what_is_written_reads_the_same(measure: str, sign: str, limit: int, name: str) -> None:
    goal = parse_goal(f"{name} {measure} {sign} {limit} %")
    assert parse_goal(goal_words(goal)) == goal
    assert goal.structure == name
    assert goal.is_upper == (sign == "<=")


@pytest.mark.parametrize(
    ("text", "value", "is_met"),
    [
        ("PTV D75% >= 59 Gy", 59.0, True),
        ("PTV D75% >= 59.1 Gy", 59.0, False),
        ("PTV D100% >= 97 %", 58.0 / 60.0 * 100.0, False),
        ("PTV V60Gy >= 50 %", 50.0, True),
        ("PTV V100% >= 50 %", 50.0, True),
        ("PTV V101% <= 1 ml", 1.0, True),
        ("PTV max <= 102 %", 61.0 / 60.0 * 100.0, True),
        ("PTV min >= 58 Gy", 58.0, True),
        ("Spinal Cord D1ml <= 40 Gy", 45.0, False),
        ("Spinal Cord mean <= 11 Gy", 11.0, True),
        ("Spinal Cord V4Gy <= 2 ml", 2.0, True),
    ],
)
def test_a_goal_is_met_or_not(text: str, value: float, is_met: bool) -> None:
    (found,) = evaluate_goals([parse_goal(text)], [TARGET, CORD], prescription_gy=60.0, fractions=1)
    assert found.value == pytest.approx(value)
    assert found.is_met is is_met
    assert found.reason == ""


def test_a_dose_of_one_fraction_is_judged_over_the_whole_course() -> None:
    fraction = histogram("PTV", [1.9, 2.0], target=True)
    goals = [parse_goal("PTV min >= 38 Gy"), parse_goal("PTV V40Gy >= 50 %"), parse_goal("PTV max <= 100 %")]
    found = evaluate_goals(goals, [fraction], prescription_gy=40.0, fractions=20)
    assert [one.value for one in found] == pytest.approx([38.0, 50.0, 100.0])
    assert all(one.is_met for one in found)


def test_a_goal_without_a_value_says_why() -> None:
    texts = ("Liver mean <= 20 Gy", "PTV D95% >= 95 %", "Cord max <= 45 Gy", "Out D95% >= 1 Gy")
    histograms = [
        TARGET,
        histogram("Cord", [1.0]),
        histogram("Cord", [2.0]),
        histogram("Out", [0.0, 9.0], target=True, outside_ml=1.0),
    ]
    found = evaluate_goals([parse_goal(text) for text in texts], histograms, prescription_gy=None)
    assert [one.value for one in found] == [None] * 4
    assert [one.is_met for one in found] == [None] * 4
    assert [one.reason for one in found] == [
        "there is no structure 'Liver'; there are 'PTV', 'Cord', 'Cord', 'Out'",
        "the prescribed dose is not known",
        "2 structures are named 'Cord'",
        "50.0 % of the target lies outside the dose grid",
    ]


def test_an_organ_beyond_the_grid_has_a_value_with_its_assumption() -> None:
    organ = histogram("Lung", [0.0, 10.0], outside_ml=1.0)
    (found,) = evaluate_goals([parse_goal("Lung mean <= 5 Gy")], [organ], prescription_gy=60.0)
    assert (found.value, found.is_met) == (5.0, True)
    assert found.reason == "50.0 % of 'Lung' lies outside the dose grid and counts with 0 Gy"


@pytest.mark.parametrize(
    ("prescription_gy", "fractions"), [(0.0, 1), (-2.0, 1), (float("nan"), 1), (60.0, 0)]
)
def test_goals_of_no_prescription_are_refused(prescription_gy: float, fractions: int) -> None:
    with pytest.raises(MissingEvidenceError, match="prescription above 0 Gy and at least one fraction"):
        evaluate_goals([], [], prescription_gy=prescription_gy, fractions=fractions)
