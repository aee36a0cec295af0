"""When an ultrasound match may be applied, when it has to be looked at, and when there is none."""

from dataclasses import replace

import numpy as np
import pytest

from isoguide.registration import Quality, Uncertainty, Verdict
from isoguide.registration.result import Alternative, RegionResidual
from isoguide.registration.ultrasound.same_verdict import Evidence, judge

QUALITY = Quality(
    similarity=0.92,
    overlap_fraction=0.9,
    condition_number=30.0,
    weakest_direction=np.eye(6)[5],
    weakest_direction_words="rotation about z (head-foot axis)",
    inverse_inconsistency_mm=0.2,
    start_agreement_mm=0.1,
    starts_agreeing=(6, 6),
    residuals=(RegionResidual(np.zeros(3), np.array([0.5, 0.0, 0.0]), 0.9, 20),),
    alternatives=(Alternative(0, 9.0, 0.5, 300.0),),
)
SURE = Uncertainty(np.zeros(3), 0.05 * np.eye(6), 1.0)
CLEAR = Evidence(QUALITY, SURE, detail=0.8, shift_mm=5.0, angle_deg=2.0, between_mm=0.7)


def judged(**changes):
    """Judge the clear case with some figures changed, of the evidence or of its quality."""
    of_quality = {name: value for name, value in changes.items() if hasattr(QUALITY, name)}
    others = {name: value for name, value in changes.items() if name not in of_quality}
    return judge(replace(CLEAR, quality=replace(QUALITY, **of_quality), **others))


def test_images_that_agree_are_accepted_with_the_figures_that_say_so():
    verdict, reasons = judged()
    assert verdict is Verdict.ACCEPT
    assert "similarity 0.92" in reasons[0]
    assert "6 of 6 independent starts" in reasons[0]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"similarity": 0.5}, "right patient, side and region"),
        ({"detail": 0.4}, "right patient, side and region"),
        ({"condition_number": 1e5}, "cannot hold the rotation about z"),
        ({"uncertainty": replace(SURE, largest_at_target_mm=5.0)}, "uncertain by 5.0 mm"),
        ({"uncertainty": replace(SURE, largest_at_target_mm=np.nan)}, "uncertain by nan mm"),
        ({"shift_mm": 30.0}, "30 mm and 2° from the set-up position"),
        ({"angle_deg": 16.0}, "beyond what can be searched reliably"),
        ({"between_mm": 4.5}, "4.5 mm from where the image without speckle"),
        ({"starts_agreeing": (0, 6)}, "no independent start"),
    ],
)
def test_what_makes_an_answer_impossible(changes, words):
    verdict, reasons = judged(**changes)
    assert verdict is Verdict.NOT_AVAILABLE
    assert words in reasons[0]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"alternatives": (Alternative(0, 9.0, 0.9, 5.0),)}, "another place fits almost as well"),
        ({"similarity": 0.7}, "agree only moderately"),
        ({"detail": 0.6}, "in detail 0.60"),
        ({"overlap_fraction": 0.5}, "shows only 50 % of the reference"),
        ({"uncertainty": replace(SURE, largest_at_target_mm=2.5)}, "uncertain by 2.5 mm"),
        ({"inverse_inconsistency_mm": np.inf}, "forward and backward"),
        ({"starts_agreeing": (3, 6)}, "only 3 of 6 independent starts"),
        (
            {"residuals": (RegionResidual(np.zeros(3), np.array([0.0, 4.0, 0.0]), 0.9, 20),)},
            "up to 4.0 mm: the probe presses otherwise",
        ),
        ({"residuals": ()}, "whether tissue is pressed"),
        ({"shift_mm": 22.0}, "check the set-up"),
    ],
)
def test_what_has_to_be_looked_at(changes, words):
    verdict, reasons = judged(**changes)
    assert verdict is Verdict.REVIEW
    assert words in reasons[0]
