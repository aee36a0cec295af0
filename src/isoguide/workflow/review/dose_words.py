"""The dose of a course in plain sentences."""

from collections.abc import Iterator

from isoguide.review.dose_trends import DoseDay, DoseSeries, DoseTrend, dose_alert_words
from isoguide.workflow.review.patient_words import counted, fractions_words


def dose_words(trend: DoseTrend) -> tuple[str, ...]:
    """Return what stands out: alerts, goals that days miss, what was delivered so far, undecided days.

    Never empty: that no dose was computed, or that nothing stands out, is said too.
    """
    told = [*(dose_alert_words(alert) for alert in trend.standing)]
    told += [dose_alert_words(alert) for alert in trend.alerts if not alert.run.stands]
    return (*(told or [_quiet(trend)]), *_delivered(trend), *_missed(trend), *_undecided(trend))


def so_far_words(series: DoseSeries, day: DoseDay) -> str:
    """Say what a structure has got so far against what was planned for as many fractions."""
    figures, count = day.figures, day.fractions_so_far
    if series.is_target:
        got, planned, what = figures.accumulated_d95_gy, figures.planned_d95_gy * count, "at least (D95%)"
    else:
        got, planned, what = figures.accumulated_mean_gy, figures.planned_mean_gy * count, "on average"
    if got is None:
        return f"{series.name}: the dose so far is not available."
    share = f" ({100.0 * (got / planned - 1.0):+.1f} %)" if planned > 0.0 else ""
    return (
        f"In {counted(count, 'fraction')} {series.name} has got {got:.2f} Gy {what}; planned were "
        f"{planned:.2f} Gy{share}."
    )


def _delivered(trend: DoseTrend) -> Iterator[str]:
    for series in trend.structures:
        day = series.summed
        if day is not None and series.is_target:
            yield so_far_words(series, day)


def _missed(trend: DoseTrend) -> Iterator[str]:
    for goal in trend.goals:
        if not goal.missed_in:
            continue
        plan = ", which the plan misses too" if goal.was_met_in_plan is False else ""
        yield (
            f"The goal '{goal.goal}'{plan} would be missed if all fractions were like "
            f"{fractions_words(goal.missed_in)}."
        )


def _quiet(trend: DoseTrend) -> str:
    if not trend.days:
        return "The dose of no day was computed."
    if trend.instructions is None:
        return "The protocol gives neither goals nor limits for the dose of a day, so nothing here is judged."
    counting, needed = sum(record.is_for_decision for _, record in trend.days), trend.instructions.days
    if counting < needed:
        some = counted(counting, "day") if counting else "No day"
        return f"{some} may be decided by, and it takes {needed} in a row to say that the dose needs a look."
    return f"No goal was missed and no limit passed on {counted(needed, 'day')} in a row."


def _undecided(trend: DoseTrend) -> Iterator[str]:
    for fraction, record in trend.undecided:
        why = "; ".join(record.reasons) or "no reason was given"
        yield f"{fractions_words([fraction]).capitalize()}, {record.verdict}: {why}."
