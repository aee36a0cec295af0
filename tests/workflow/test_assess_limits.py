"""What a protocol's section on the anatomy means for one day."""

from datetime import UTC, datetime

import pytest

from isoguide.course import AssessmentInstructions, AssessmentRecord, FieldFigures, StructureOfDay
from isoguide.registration.deformable.quality import USUAL_LIMITS
from isoguide.workflow.assess.protocol_limits import alerts_today, quality_limits

FIGURES = FieldFigures(0.6, 1.2, 0.0, 0.8, 1.9, 0.02, 6.0, 0.6, 0.8)


def record(volume_ml: float, verdict: str = "for decision", seen: float = 1.0) -> AssessmentRecord:
    gtv = StructureOfDay(
        "GTV", True, 10.0, volume_ml, 0.3, (1.0, 0.0, 0.0), (20.0, 20.0, 20.0), (18.0, 18.0, 18.0),
        -1.0, 2.0, 3.0, seen,
    )  # fmt: skip
    return AssessmentRecord(
        "1.2", datetime(2026, 3, 2, tzinfo=UTC), verdict, (), (), FIGURES, (gtv,), (), "engine", "1", "0" * 64
    )


def test_a_target_beyond_the_limit_on_one_day_is_said_with_what_it_takes() -> None:
    """10 ml planned, 7 ml today: 30 % smaller."""
    limits = AssessmentInstructions(target_volume_percent=20.0, days=3)
    assert alerts_today(record(7.0), limits) == (
        "GTV is 30 % smaller than planned, more than the 20 % of the protocol: consider re-planning once 3 "
        "assessed days in a row show it",
    )


def test_a_target_within_the_limit_says_nothing() -> None:
    assert alerts_today(record(8.5), AssessmentInstructions(target_volume_percent=20.0)) == ()


@pytest.mark.parametrize(("verdict", "seen"), [("not for decision", 1.0), ("for decision", 0.4)])
def test_a_day_that_may_not_be_decided_by_raises_nothing(verdict: str, seen: float) -> None:
    limits = AssessmentInstructions(target_volume_percent=20.0)
    assert alerts_today(record(7.0, verdict, seen), limits) == ()


def test_surface_and_motion_have_limits_of_their_own() -> None:
    limits = AssessmentInstructions(target_surface_mm=1.5, target_shift_mm=0.5, days=1)
    surface, shift = alerts_today(record(10.0), limits)
    assert surface.startswith("the surface of GTV lies 2.0 mm from where it was planned")
    words = "GTV lies 1.0 mm from where it was planned, more than the 0.5 mm of the protocol"
    assert shift == f"{words}: consider re-planning"


def test_limits_of_the_protocol_judge_the_field_and_the_usual_ones_without_it() -> None:
    assert quality_limits(None) == USUAL_LIMITS
    limits = quality_limits(AssessmentInstructions(target_volume_percent=20.0, least_dice=0.9))
    assert limits.dice == 0.9
    assert limits.jacobian_least == USUAL_LIMITS.jacobian_least
