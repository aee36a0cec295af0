"""Every reason for every verdict."""

from dataclasses import replace

import numpy as np
import pytest

from isoguide.registration import verdict
from isoguide.registration.result import Alternative, Quality, RegionResidual, Uncertainty, Verdict
from isoguide.registration.verdict import Evidence, judge, largest_residual_mm


def residuals(*lengths_mm):
    return tuple(RegionResidual(np.zeros(3), np.array([0.0, length, 0.0]), 0.9, 30) for length in lengths_mm)


def alternative(log_odds):
    return Alternative(1, 24.0, 0.5, log_odds)


CONVINCING = Quality(
    similarity=0.9,
    overlap_fraction=0.85,
    condition_number=20.0,
    weakest_direction=np.eye(6)[2],
    weakest_direction_words="shift along z (head-foot)",
    inverse_inconsistency_mm=0.1,
    start_agreement_mm=0.05,
    starts_agreeing=(6, 6),
    residuals=residuals(0.2, 0.3, 0.4),
    alternatives=(alternative(900.0), alternative(1500.0)),
)


def evidence(uncertainty_mm=0.3, shift_mm=6.0, angle_deg=2.0, **changes):
    uncertainty = Uncertainty(np.zeros(3), 0.01 * np.eye(6), uncertainty_mm)
    return Evidence(replace(CONVINCING, **changes), uncertainty, shift_mm, angle_deg)


def test_a_convincing_match_is_accepted_and_says_why():
    answer, reasons = judge(evidence())
    assert answer is Verdict.ACCEPT
    assert reasons == (
        "images agree (similarity 0.90, overlap 85 %), 6 of 6 independent starts agree, "
        "uncertainty at the target 0.30 mm",
    )


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"overlap_fraction": 0.12}, "shows only 12 % of the match region (at least 25 % is needed)"),
        ({"similarity": 0.2}, "do not show the same anatomy (similarity 0.20, at least 0.42 is needed)"),
        ({"condition_number": 5000.0}, "cannot hold the shift along z (head-foot) (condition 5000"),
        ({"uncertainty_mm": 4.2}, "uncertain by 4.2 mm at the target (at most 3 mm)"),
        ({"uncertainty_mm": np.nan}, "uncertain by nan mm"),
        ({"shift_mm": 120.0}, "lies 120 mm and 2° from the set-up position, beyond what can be searched"),
        ({"angle_deg": 40.0}, "lies 6 mm and 40° from the set-up position, beyond what can be searched"),
        ({"alternatives": (alternative(-50.0), alternative(70.0))}, "fit better one or two vertebrae away"),
    ],
)
def test_no_answer_is_given_where_the_images_do_not_determine_one(changes, words):
    answer, reasons = judge(evidence(**changes))
    assert answer is Verdict.NOT_AVAILABLE
    assert len(reasons) == 1
    assert words in reasons[0]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"alternatives": (alternative(5.0),)}, "a neighbouring vertebra fits almost as well"),
        ({"similarity": 0.45}, "agree only moderately (similarity 0.45)"),
        ({"overlap_fraction": 0.4}, "shows only 40 % of the match region"),
        ({"uncertainty_mm": 1.7}, "uncertain by 1.7 mm at the target"),
        ({"inverse_inconsistency_mm": 1.4}, "forward and backward differs by 1.4 mm"),
        ({"inverse_inconsistency_mm": np.inf}, "forward and backward differs by inf mm"),
        ({"starts_agreeing": (4, 6)}, "only 4 of 6 independent starts"),
        (
            {"residuals": residuals(0.1, 4.0, 4.0)},
            "would still move by up to 4.0 mm: the patient is deformed",
        ),
        ({"shift_mm": 60.0}, "the correction is large (60 mm, 2°)"),
        ({"angle_deg": 18.0}, "the correction is large (6 mm, 18°)"),
    ],
)
def test_a_doubt_asks_for_a_look(changes, words):
    answer, reasons = judge(evidence(**changes))
    assert answer is Verdict.REVIEW
    assert len(reasons) == 1
    assert words in reasons[0]


def test_all_doubts_are_told():
    _, reasons = judge(evidence(similarity=0.45, overlap_fraction=0.4, shift_mm=60.0))
    assert len(reasons) == 3


def test_a_doubt_does_not_dilute_an_impossibility():
    answer, reasons = judge(evidence(similarity=0.2, starts_agreeing=(1, 6)))
    assert answer is Verdict.NOT_AVAILABLE
    assert len(reasons) == 1


def test_one_start_that_strays_is_no_doubt():
    assert judge(evidence(starts_agreeing=(5, 6)))[0] is Verdict.ACCEPT


def test_without_neighbours_to_compare_nothing_is_said_about_them():
    assert judge(evidence(alternatives=()))[0] is Verdict.ACCEPT


def test_one_region_in_ten_may_deform():
    assert largest_residual_mm(replace(CONVINCING, residuals=residuals(*[0.3] * 19, 9.0))) < 1.0
    assert largest_residual_mm(replace(CONVINCING, residuals=())) == 0.0


def test_what_asks_for_a_look_comes_before_what_is_refused():
    assert verdict.LEAST_OVERLAP_FRACTION < verdict.LOW_OVERLAP_FRACTION
    assert verdict.LEAST_SIMILARITY < verdict.LOW_SIMILARITY
    assert verdict.HIGH_UNCERTAINTY_MM < verdict.LARGEST_UNCERTAINTY_MM
    assert verdict.REVIEW_SHIFT_MM < verdict.LARGEST_SHIFT_MM
    assert verdict.REVIEW_ANGLE_DEG < verdict.LARGEST_ANGLE_DEG
