"""When the dose of a course needs a look, and which days may say so."""

from dataclasses import replace

import pytest
from dosed_days import ASKED, GOAL, NO_DOSE, UNDECIDED, dosed, losses

from isoguide.course import DoseInstructions
from isoguide.errors import InputError
from isoguide.review.dose_trends import DoseAlert, dose_alert_words, dose_trend

ONLY_D95 = DoseInstructions(target_d95_percent=5.0, days=3)


def the_alert(days, instructions: DoseInstructions = ONLY_D95) -> DoseAlert:
    (alert,) = dose_trend(days, instructions).alerts
    return alert


def test_a_target_that_stays_underdosed_for_three_days_is_told() -> None:
    alert = the_alert(losses(0.0, 4.9, 5.5, 6.0, 7.0, 8.0))
    assert (alert.run.since, alert.run.raised_in, alert.run.newest, alert.run.stands) == (3, 5, 6, True)
    assert dose_alert_words(alert) == (
        "Since fraction 3 D95% of PTV has been more than 5 % of the prescription below the plan (8.0 % in "
        "fraction 6; 3 days in a row): look at the dose."
    )


@pytest.mark.parametrize("percents", [(6.0, 6.0), (5.0, 5.0, 5.0), (6.0, 6.0, 4.0, 6.0), (-9.0,) * 4])
def test_less_is_no_alert_and_neither_is_more_dose_in_the_target(percents) -> None:
    assert dose_trend(losses(*percents), ONLY_D95).alerts == ()


def test_a_day_that_may_not_be_decided_by_raises_and_ends_nothing() -> None:
    """Each such day here shows a target that has lost half of its dose."""
    trend = dose_trend(losses(6.0, UNDECIDED, UNDECIDED, 6.0, NO_DOSE), ONLY_D95)
    assert trend.alerts == ()
    assert [fraction for fraction, _ in trend.undecided] == [2, 3, 5]
    alert = the_alert(losses(6.0, UNDECIDED, 6.0, 6.0, NO_DOSE, UNDECIDED))
    assert (alert.run.raised_in, alert.run.undecided) == (4, (5, 6))
    assert "fractions 5, 6 may not be decided by: they neither confirm nor end" in dose_alert_words(alert)
    alert = the_alert(losses(6.0, 6.0, 6.0, NO_DOSE))
    assert "fraction 4 may not be decided by: it neither confirms nor ends" in dose_alert_words(alert)


def test_an_alert_ends_after_as_many_days_within_and_is_still_told() -> None:
    alert = the_alert(losses(6.0, 6.0, 6.0, 1.0, 1.0, 7.0, 1.0, 1.0, 1.0))
    assert (alert.run.raised_in, alert.run.ended_in) == (3, 9)
    assert dose_alert_words(alert).endswith("that ended in fraction 9 (3 days in a row without).")


def test_the_mean_of_an_organ_that_rises_is_told_and_one_that_falls_is_not() -> None:
    asked = DoseInstructions(organ_mean_gy=0.3, days=1)
    alert = the_alert(losses(0.0, rise_gy=0.41), asked)
    assert dose_alert_words(alert) == (
        "Since fraction 1 the mean dose of Rectum has been more than 0.3 Gy a fraction above the plan (+0.41 "
        "Gy in fraction 1; one day): look at the dose."
    )
    assert dose_trend(losses(0.0, rise_gy=-0.41), asked).alerts == ()


def test_a_goal_that_the_plan_meets_and_the_days_miss_is_told() -> None:
    asked = replace(ASKED, target_d95_percent=None, organ_mean_gy=None)
    alert = the_alert(losses(1.0, 3.0, 3.0, 3.0), asked)
    assert (alert.measure, alert.subject, alert.run.since, alert.run.raised_in) == ("goal", GOAL, 2, 4)
    assert "the goal 'PTV D95% >= 57 Gy', which the plan meets, has been missed (56.2 Gy in fraction 4" in (
        dose_alert_words(alert)
    )


def test_a_goal_that_the_plan_misses_too_raises_no_alert() -> None:
    days = losses(3.0, 3.0, 3.0)
    accepted = [(n, replace(one, goals=(replace(one.goals[0], was_met_in_plan=False),))) for n, one in days]
    trend = dose_trend(accepted, replace(ASKED, target_d95_percent=None))
    assert trend.alerts == ()
    assert trend.goals[0].missed_in == (1, 2, 3)


def test_without_a_prescription_no_share_of_it_is_judged() -> None:
    days = [(n, replace(one, prescribed_gy=None)) for n, one in losses(20.0, 20.0, 20.0)]
    assert dose_trend(days, ONLY_D95).alerts == ()


def test_targets_come_first_and_of_a_fraction_the_last_dose_counts() -> None:
    trend = dose_trend([(1, dosed(9.0)), (1, dosed(1.0)), *losses(None, 2.0)], None)
    assert [one.name for one in trend.structures] == ["PTV", "Rectum"]
    assert [day.d95_loss_percent for day in trend.structures[0].days] == pytest.approx([1.0, 2.0])
    assert trend.structures[0].summed is trend.structures[0].days[-1]
    assert trend.alerts == ()


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({}, "dose.goals is empty and no limit is given"),
        ({"organ_mean_gy": -1.0}, "dose.organ_mean_gy must be a positive number"),
        ({"target_d95_percent": 5.0, "days": 0}, "dose.days must be 1 or more"),
        ({"goals": ASKED.goals * 2}, "dose.goals holds one of PTV twice"),
    ],
)
def test_instructions_that_cannot_be_followed_are_refused(values, said) -> None:
    with pytest.raises(InputError, match=said):
        DoseInstructions(**values)
