"""From figures of a radiograph match to a verdict: every reason, and the plain case."""

from dataclasses import replace

import pytest

from isoguide.registration.radiographs.result import Disagreement, RadiographQuality, ViewQuality
from isoguide.registration.radiographs.verdict import judge
from isoguide.registration.result import Alternative, Verdict

GOOD = RadiographQuality(
    views=(ViewQuality(0.95, 0.9), ViewQuality(0.93, 1.0)),
    condition_number=8.0,
    view_angle_deg=90.0,
    disagreement=Disagreement(0.1, 0.1),
    alternatives=(Alternative(1, 30.0, 0.3, 80.0),),
)


def test_views_that_agree_are_accepted_and_the_reason_says_how_well():
    verdict, reasons = judge(GOOD, 0.3, 12.0, 3.0)
    assert verdict is Verdict.ACCEPT
    assert reasons == (
        "every view agrees with the plan (similarity at least 0.93), uncertainty at the target 0.30 mm",
    )


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"views": (ViewQuality(0.95, 0.05), ViewQuality(0.95, 1.0))}, "shows only 5 %"),
        ({"views": (ViewQuality(0.95, 1.0), ViewQuality(0.4, 1.0))}, "right patient"),
        ({"condition_number": 1e5}, "do not hold every motion"),
        ({"alternatives": (Alternative(-1, 30.0, 0.9, -3.0),)}, "one or two vertebrae away"),
    ],
)
def test_what_makes_an_answer_impossible(change, words):
    verdict, reasons = judge(replace(GOOD, **change), 0.3, 12.0, 3.0)
    assert verdict is Verdict.NOT_AVAILABLE
    assert words in reasons[0]


@pytest.mark.parametrize(
    ("figures", "words"),
    [
        ((4.0, 12.0, 3.0), "uncertain by 4.0 mm"),
        ((float("nan"), 12.0, 3.0), "uncertain by nan mm"),
        ((0.3, 70.0, 3.0), "70 mm and 3°"),
        ((0.3, 12.0, 20.0), "12 mm and 20°"),
    ],
)
def test_numbers_beyond_what_is_possible(figures, words):
    verdict, reasons = judge(GOOD, *figures)
    assert verdict is Verdict.NOT_AVAILABLE
    assert words in reasons[0]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"alternatives": (Alternative(-1, 30.0, 0.9, 3.0),)}, "fits almost as well"),
        ({"views": (ViewQuality(0.95, 1.0), ViewQuality(0.6, 1.0))}, "only moderately"),
        ({"disagreement": Disagreement(1.4, 0.1)}, "differ by 1.4 mm"),
        ({"view_angle_deg": 20.0}, "only 20° apart"),
        ({"bend_at_target_mm": 2.3}, "lies 2.3 mm off the match"),
    ],
)
def test_what_calls_for_a_second_look(change, words):
    verdict, reasons = judge(replace(GOOD, **change), 0.3, 12.0, 3.0)
    assert verdict is Verdict.REVIEW
    assert words in reasons[0]


@pytest.mark.parametrize(
    ("figures", "words"),
    [((1.5, 12.0, 3.0), "uncertain by 1.5 mm"), ((0.3, 50.0, 3.0), "large"), ((0.3, 12.0, 11.0), "large")],
)
def test_large_numbers_call_for_a_second_look(figures, words):
    verdict, reasons = judge(GOOD, *figures)
    assert verdict is Verdict.REVIEW
    assert words in reasons[0]


def test_one_view_without_disagreement_or_angle_is_judged_on_the_rest():
    alone = replace(GOOD, views=GOOD.views[:1], disagreement=None, view_angle_deg=0.0)
    assert judge(alone, 0.3, 12.0, 3.0)[0] is Verdict.ACCEPT
