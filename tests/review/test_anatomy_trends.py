"""When the anatomy of a course calls for a new plan, and which days may say so."""

import numpy as np
import pytest
from assessed_days import FIELD_FAILS, NO_FIELD, assessed, structure, volumes

from isoguide.course import AssessmentInstructions
from isoguide.review import AnatomyAlert, alert_words, anatomy_trend

TWENTY = AssessmentInstructions(target_volume_percent=20.0, days=3)


def the_alert(days, instructions: AssessmentInstructions = TWENTY) -> AnatomyAlert:
    (alert,) = anatomy_trend(days, instructions).alerts
    return alert


def test_a_tumour_that_stays_a_fifth_smaller_for_three_days_calls_for_a_new_plan() -> None:
    alert = the_alert(volumes(0.0, -10.0, -19.9, -21.0, -22.0, -23.0, -25.0))
    assert (alert.run.since, alert.run.raised_in, alert.run.newest, alert.run.stands) == (4, 6, 7, True)
    assert alert_words(alert) == (
        "Since fraction 4 GTV has been more than 20 % smaller than planned (25 % smaller in fraction 7; 3 "
        "assessed days in a row): consider re-planning."
    )


@pytest.mark.parametrize(
    "percents",
    [
        (-21.0, -22.0),
        (-20.0, -20.0, -20.0),
        (-21.0, -22.0, -19.0, -23.0, -24.0),
        (-21.0, 22.0, -21.0, 22.0),  # an organ that fills and empties shows no trend
    ],
)
def test_less_than_three_days_in_a_row_beyond_the_limit_call_for_nothing(percents) -> None:
    assert anatomy_trend(volumes(*percents), TWENTY).alerts == ()


def test_a_day_that_may_not_be_decided_by_raises_no_alert_whatever_it_shows() -> None:
    """Each such day here shows a tumour that is 60 % smaller."""
    trend = anatomy_trend(volumes(-21.0, FIELD_FAILS, FIELD_FAILS, FIELD_FAILS, -22.0), TWENTY)
    assert trend.alerts == ()
    assert [(day.fraction, day.verdict) for day in trend.undecided] == [
        (2, "not for decision"),
        (3, "not for decision"),
        (4, "not for decision"),
    ]
    assert trend.undecided[0].reasons == ("tissue folds in 0.4 % of the body",)


def test_a_day_that_may_not_be_decided_by_does_not_end_a_run_and_does_not_count_in_it() -> None:
    alert = the_alert(volumes(-21.0, FIELD_FAILS, -22.0, NO_FIELD, -23.0))
    assert (alert.run.since, alert.run.raised_in) == (1, 5)


def test_days_that_may_not_be_decided_by_are_named_beside_an_alert_that_stands() -> None:
    alert = the_alert(volumes(-21.0, -22.0, -23.0, NO_FIELD))
    assert alert.run.undecided == (4,)
    assert alert_words(alert).endswith(
        "consider re-planning; fraction 4 may not be decided by: it neither confirms nor ends this."
    )
    alert = the_alert(volumes(-21.0, -22.0, -23.0, FIELD_FAILS, NO_FIELD))
    assert "; fractions 4, 5 may not be decided by: they neither confirm nor end this." in alert_words(alert)


def test_an_alert_ends_after_as_many_days_within_the_limit_and_is_still_told() -> None:
    days = volumes(-21.0, -22.0, -23.0, -19.0, -18.0, -21.0, -15.0, -14.0, NO_FIELD, -13.0, -12.0)
    alert = the_alert(days)
    assert (alert.run.raised_in, alert.run.ended_in) == (3, 10)
    assert alert.run.value == pytest.approx(-21.0)
    assert anatomy_trend(days, TWENTY).standing == ()
    assert alert_words(alert) == (
        "From fraction 1 on GTV has been more than 20 % smaller than planned; that ended in fraction 10 (3 "
        "assessed days in a row within the limit)."
    )


def test_what_shrank_and_then_grows_ends_one_alert_and_raises_another() -> None:
    smaller, larger = anatomy_trend(volumes(-21.0, -22.0, -23.0, 25.0, 26.0, 27.0), TWENTY).alerts
    assert (smaller.run.ended_in, larger.run.since, larger.run.stands) == (6, 4, True)
    assert "more than 20 % larger than planned (27 % larger in fraction 6" in alert_words(larger)


def test_a_day_without_an_image_is_no_day_of_the_row() -> None:
    alert = the_alert(volumes(-21.0, None, None, -22.0, None, -23.0))
    assert (alert.run.since, alert.run.raised_in) == (1, 6)


def test_a_structure_that_the_image_hardly_shows_does_not_count_on_that_day() -> None:
    cut = [
        (fraction, assessed(structure(-60.0, seen_fraction=0.5), fraction=fraction)) for fraction in (1, 2, 3)
    ]
    trend = anatomy_trend(cut, TWENTY)
    assert trend.alerts == ()
    assert {day.why_not for day in trend.structures[0].days} == {"only 50 % of it is seen"}
    assert trend.undecided == ()


def test_of_two_assessments_of_a_fraction_the_last_one_counts() -> None:
    days = volumes(-21.0, -22.0, -23.0)
    again = (3, assessed(structure(-5.0), fraction=3))
    assert anatomy_trend([*days, again], TWENTY).alerts == ()


def test_organs_have_limits_of_their_own_and_none_where_none_is_given() -> None:
    gland = structure(-35.0, "Parotid_L", is_target=False)
    days = [(fraction, assessed(gland, fraction=fraction)) for fraction in (1, 2, 3)]
    assert anatomy_trend(days, TWENTY).alerts == ()
    (alert,) = anatomy_trend(days, AssessmentInstructions(organ_volume_percent=30.0)).alerts
    assert (alert.structure, alert.is_target) == ("Parotid_L", False)


@pytest.mark.parametrize(
    ("limits", "changes", "said"),
    [
        (
            {"target_surface_mm": 5.0},
            {"surface_p95_mm": 6.2},
            "Since fraction 1 the surface of GTV has been more than 5 mm from where it was planned (95th "
            "percentile) (6.2 mm in fraction 1; one assessed day): consider re-planning.",
        ),
        (
            # 3-4-12: the way is 13 mm long.
            {"target_shift_mm": 10.0},
            {"shift_mm": np.array([3.0, -4.0, 12.0])},
            "Since fraction 1 GTV has lain more than 10 mm from where it was planned (13.0 mm in fraction 1; "
            "one assessed day): consider re-planning.",
        ),
    ],
)
def test_surface_and_place_call_for_a_new_plan_too(limits, changes, said) -> None:
    alert = the_alert([(1, assessed(structure(0.0, **changes)))], AssessmentInstructions(days=1, **limits))
    assert alert_words(alert) == said


def test_a_protocol_without_limits_raises_nothing_and_the_trend_is_told() -> None:
    trend = anatomy_trend(volumes(-30.0, -31.0, -32.0, -33.0), None)
    (series,) = trend.structures
    assert trend.alerts == ()
    assert series.volume is not None
    assert series.volume.slope.value == pytest.approx(-1.0)
    assert series.volume_drifts is not None
    # Mann-Kendall of four values in a row: 2 of 24 orders are as extreme (Kendall 1970).
    assert series.volume_drifts.p_value == pytest.approx(2.0 / 24.0)


def test_trends_are_those_of_the_days_that_count() -> None:
    (series,) = anatomy_trend(volumes(0.0, -2.0, FIELD_FAILS, -6.0, -8.0), TWENTY).structures
    assert series.volume is not None
    assert series.volume.slope.value == pytest.approx(-2.0)
    assert [day.counts for day in series.days] == [True, True, False, True, True]
    assert (series.surface is None, series.shift[2] is None) == (False, False)


def test_too_few_days_make_no_trend() -> None:
    (series,) = anatomy_trend(volumes(0.0, -2.0, -4.0), TWENTY).structures
    assert (series.volume, series.volume_drifts) == (None, None)


def test_nothing_assessed_is_nothing_told() -> None:
    trend = anatomy_trend([], TWENTY)
    assert (trend.days, trend.structures, trend.alerts) == ((), (), ())


def test_targets_come_first_and_drifts_are_adjusted_for_each_other() -> None:
    days = [
        (n, assessed(structure(0.0, "Gland", is_target=False), structure(-5.0 * n), fraction=n))
        for n in range(1, 7)
    ]
    target, gland = anatomy_trend(days, TWENTY).structures
    assert (target.name, gland.name) == ("GTV", "Gland")
    assert target.volume_drifts is not None
    # The smaller of two p values is doubled (Benjamini and Hochberg 1995).
    assert target.volume_drifts.adjusted == pytest.approx(2.0 * target.volume_drifts.p_value)
