"""What a protocol's section on the anatomy of the day means for one day: limits of quality, and alerts."""

from dataclasses import replace

from isoguide.course import AssessmentInstructions, AssessmentRecord
from isoguide.registration.deformable.quality import USUAL_LIMITS, QualityLimits
from isoguide.review.anatomy_trends import AnatomyAlert, anatomy_trend, value_words


def quality_limits(instructions: AssessmentInstructions | None) -> QualityLimits:
    """Return what a field has to reach to be for decision; the usual limits without a protocol."""
    if instructions is None:
        return USUAL_LIMITS
    return replace(
        USUAL_LIMITS,
        inconsistency_mean_mm=instructions.inconsistency_mm,
        dice=instructions.least_dice,
        mean_distance_mm=instructions.mean_distance_mm,
        landmark_mean_mm=instructions.landmark_mean_mm,
        landmark_largest_mm=instructions.landmark_largest_mm,
    )


def alerts_today(record: AssessmentRecord, instructions: AssessmentInstructions) -> tuple[str, ...]:
    """Say which structures are beyond a limit of the protocol on this day alone.

    A day that is not for decision, or shows too little of a structure, says nothing.
    """
    trend = anatomy_trend(((1, record),), replace(instructions, days=1))
    return tuple(_words(alert, instructions.days) for alert in trend.standing)


def _words(alert: AnatomyAlert, days: int) -> str:
    if alert.measure == "volume":
        what = f"{alert.structure} is {value_words(alert)} than planned, more than the {alert.limit:g} %"
    elif alert.measure == "surface":
        what = (
            f"the surface of {alert.structure} lies {value_words(alert)} from where it was planned (95th "
            f"percentile), more than the {alert.limit:g} mm"
        )
    else:
        what = (
            f"{alert.structure} lies {value_words(alert)} from where it was planned, more than the "
            f"{alert.limit:g} mm"
        )
    when = "" if days == 1 else f" once {days} assessed days in a row show it"
    return f"{what} of the protocol: consider re-planning{when}"
