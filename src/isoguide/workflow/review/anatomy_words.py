"""The anatomy of a course in plain sentences."""

from isoguide.review.anatomy_trends import AnatomyTrend, alert_words
from isoguide.workflow.review.patient_words import counted, fractions_words


def anatomy_words(trend: AnatomyTrend) -> tuple[str, ...]:
    """Return what stands out: alerts that stand, those that ended, days that may not be decided by.

    Never empty: that nothing was assessed, or that no limit is passed, is said too.
    """
    told = [*(alert_words(alert) for alert in trend.standing)]
    told += [alert_words(alert) for alert in trend.alerts if not alert.run.stands]
    return (*(told or [_quiet(trend)]), *undecided_words(trend))


def _quiet(trend: AnatomyTrend) -> str:
    if not trend.days:
        return "The anatomy of no day was assessed."
    if trend.instructions is None:
        return "The protocol gives no limits for the anatomy, so nothing here calls for a new plan."
    counting = sum(record.is_for_decision for _, record in trend.days)
    needed = trend.instructions.days
    if counting < needed:
        some = counted(counting, "assessed day") if counting else "No assessed day"
        return (
            f"{some} may be decided by, and it takes {needed} to say that re-planning should be considered."
        )
    return (
        f"No structure stayed beyond a limit of the protocol on {counted(needed, 'assessed day')} in a row."
    )


def undecided_words(trend: AnatomyTrend) -> tuple[str, ...]:
    """Say of which days nothing may be decided, each with its reason."""
    return tuple(
        f"{fractions_words([day.fraction]).capitalize()}, {day.verdict}: "
        f"{'; '.join(day.reasons) or 'no reason was given'}."
        for day in trend.undecided
    )
