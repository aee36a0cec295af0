"""The dose over a course: what each day gave, what they add up to, and when somebody has to look.

Only days whose dose is "for decision" count: they alone raise an alert, or end one. The others are listed, so
that nobody takes them for good news.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from isoguide.course import DoseInstructions, DoseRecord, GoalOfDay, StructureDose
from isoguide.dose.goal_text import goal_words
from isoguide.dose.goals import AGREES
from isoguide.review.limit_runs import LimitRun, ShownDay, limit_runs, undecided_words

DoseMeasure = Literal["D95", "mean", "goal"]
"""What can call for a look: D95% of a target that falls, the mean dose of an organ that rises, a goal."""


@dataclass(frozen=True, slots=True)
class DoseDay:
    """One structure on one day; ``why_not`` is empty exactly when the day counts.

    ``prescribed_gy`` is that of one fraction, None where the plan does not say.
    """

    fraction: int
    figures: StructureDose
    prescribed_gy: float | None
    fractions_so_far: int
    why_not: str = ""

    @property
    def counts(self) -> bool:
        """Whether something may be decided by it."""
        return not self.why_not

    @property
    def d95_loss_percent(self) -> float | None:
        """How far D95% has fallen, percent of the prescription; None where that is not known."""
        if self.prescribed_gy is None:
            return None
        return 100.0 * (self.figures.planned_d95_gy - self.figures.d95_gy) / self.prescribed_gy

    @property
    def mean_rise_gy(self) -> float:
        """How far the mean dose of this fraction has risen."""
        return self.figures.mean_gy - self.figures.planned_mean_gy


@dataclass(frozen=True, slots=True)
class DoseSeries:
    """One structure over the course: every day on which it had a dose, those that do not count too."""

    name: str
    is_target: bool
    days: tuple[DoseDay, ...]

    @property
    def counting(self) -> tuple[DoseDay, ...]:
        """The days that count."""
        return tuple(day for day in self.days if day.counts)

    @property
    def summed(self) -> DoseDay | None:
        """The newest day on which the course so far was added up."""
        found = [day for day in self.days if day.figures.accumulated_mean_gy is not None]
        return found[-1] if found else None


@dataclass(frozen=True, slots=True)
class GoalSeries:
    """One goal over the course: fraction, what was found, and whether the day counts."""

    goal: str
    days: tuple[tuple[int, GoalOfDay, bool], ...]

    @property
    def missed_in(self) -> tuple[int, ...]:
        """Fractions that count and miss it."""
        return tuple(fraction for fraction, one, counts in self.days if counts and one.is_met is False)

    @property
    def was_met_in_plan(self) -> bool | None:
        """Whether the plan meets it; None where that is not known."""
        return self.days[-1][1].was_met_in_plan


@dataclass(frozen=True, slots=True)
class DoseAlert:
    """A goal that was missed, or a limit that was passed, for so many days in a row.

    Parameters
    ----------
    measure
        What of which.
    subject
        Name of the structure; for a goal, the goal as it is written.
    limit, unit
        The protocol's; percent of the prescription for D95%, Gy a fraction for a mean, and what the goal says
        for a goal.
    days
        So many counting days in a row it takes to raise the alert, and to end it.
    run
        The days, with what the newest of them showed.
    """

    measure: DoseMeasure
    subject: str
    limit: float
    unit: str
    days: int
    run: LimitRun


@dataclass(frozen=True, slots=True)
class DoseTrend:
    """What a course says about the dose of its days.

    Parameters
    ----------
    days
        Fraction and dose, one each, in order.
    structures
        Targets first.
    goals
        In the order of the protocol.
    alerts
        In the order in which they were raised; those that ended too.
    instructions
        The protocol's; None where it says nothing, so that there can be no alert.
    """

    days: tuple[tuple[int, DoseRecord], ...]
    structures: tuple[DoseSeries, ...]
    goals: tuple[GoalSeries, ...]
    alerts: tuple[DoseAlert, ...]
    instructions: DoseInstructions | None

    @property
    def standing(self) -> tuple[DoseAlert, ...]:
        """The alerts that have not ended."""
        return tuple(alert for alert in self.alerts if alert.run.stands)

    @property
    def undecided(self) -> tuple[tuple[int, DoseRecord], ...]:
        """Days by which nothing may be decided."""
        return tuple((fraction, record) for fraction, record in self.days if not record.is_for_decision)


def dose_trend(records: Iterable[tuple[int, DoseRecord]], instructions: DoseInstructions | None) -> DoseTrend:
    """Follow the dose of a course.

    Parameters
    ----------
    records
        Fraction and dose; of a fraction the last one counts.
    instructions
        Of the protocol of the course.
    """
    newest = dict(records)
    days = tuple((fraction, newest[fraction]) for fraction in sorted(newest))
    structures, goals = _structures(days), _goals(days)
    alerts: tuple[DoseAlert, ...] = ()
    if instructions is not None:
        found = _alerts(structures, goals, instructions, tuple(sorted(newest)))
        alerts = tuple(sorted(found, key=lambda alert: alert.run.raised_in))
    return DoseTrend(days, structures, goals, alerts, instructions)


def dose_alert_words(alert: DoseAlert) -> str:
    """Say what somebody has to look at and why, in one sentence."""
    what, row, run = _beyond_words(alert), _in_a_row(alert.days), alert.run
    if run.ended_in is not None:
        ended = f"that ended in fraction {run.ended_in} ({row} without)"
        return f"From fraction {run.since} on {what}; {ended}."
    newest = f"{alert_value_words(alert)} in fraction {run.newest}"
    return (
        f"Since fraction {run.since} {what} ({newest}; {row}): look at the dose"
        f"{undecided_words(run.undecided)}."
    )


def alert_value_words(alert: DoseAlert) -> str:
    """Return what the newest counting day showed."""
    if alert.measure == "D95":
        return f"{alert.run.value:.1f} %"
    if alert.measure == "mean":
        return f"{alert.run.value:+.2f} Gy"
    unit = "%" if alert.unit == "% of prescription" else alert.unit
    return f"{alert.run.value:.1f} {unit}"


def _beyond_words(alert: DoseAlert) -> str:
    if alert.measure == "D95":
        return (
            f"D95% of {alert.subject} has been more than {alert.limit:g} % of the prescription below the plan"
        )
    if alert.measure == "mean":
        limit = f"more than {alert.limit:g} Gy a fraction"
        return f"the mean dose of {alert.subject} has been {limit} above the plan"
    return f"the goal '{alert.subject}', which the plan meets, has been missed"


def _in_a_row(days: int) -> str:
    return "one day" if days == 1 else f"{days} days in a row"


def _structures(days: Sequence[tuple[int, DoseRecord]]) -> tuple[DoseSeries, ...]:
    found: dict[str, list[DoseDay]] = {}
    for fraction, record in days:
        why_not = "" if record.is_for_decision else record.verdict
        for figures in record.structures:
            day = DoseDay(fraction, figures, record.prescribed_gy, record.fractions_so_far, why_not)
            found.setdefault(figures.name, []).append(day)
    series = (DoseSeries(name, of[-1].figures.is_target, tuple(of)) for name, of in found.items())
    return tuple(sorted(series, key=lambda one: not one.is_target))


def _goals(days: Sequence[tuple[int, DoseRecord]]) -> tuple[GoalSeries, ...]:
    found: dict[str, list[tuple[int, GoalOfDay, bool]]] = {}
    for fraction, record in days:
        for one in record.goals:
            found.setdefault(one.goal, []).append((fraction, one, record.is_for_decision))
    return tuple(GoalSeries(goal, tuple(of)) for goal, of in found.items())


def _alerts(
    structures: Sequence[DoseSeries],
    goals: Sequence[GoalSeries],
    asked: DoseInstructions,
    computed: tuple[int, ...],
) -> Iterator[DoseAlert]:
    for series in structures:
        limit = asked.target_d95_percent if series.is_target else asked.organ_mean_gy
        if limit is not None:
            yield from _of_limit(series, limit, asked.days, computed)
    wanted = {goal_words(goal) for goal in asked.goals}
    for goal in goals:
        # Others nobody asks for any more, or the plan was accepted with them.
        if goal.goal in wanted and goal.was_met_in_plan is not False:
            yield from _of_goal(goal, asked.days, computed)


def _of_limit(series: DoseSeries, limit: float, days: int, computed: tuple[int, ...]) -> Iterator[DoseAlert]:
    values = (
        (day.fraction, day.d95_loss_percent if series.is_target else day.mean_rise_gy)
        for day in series.counting
    )
    shown = [
        ShownDay(fraction, value, int(value > limit * (1.0 + AGREES)))
        for fraction, value in values
        if value is not None
    ]
    measure: DoseMeasure = "D95" if series.is_target else "mean"
    unit = "%" if series.is_target else "Gy"
    for run in limit_runs(shown, days, computed):
        yield DoseAlert(measure, series.name, limit, unit, days, run)


def _of_goal(goal: GoalSeries, days: int, computed: tuple[int, ...]) -> Iterator[DoseAlert]:
    newest = goal.days[-1][1]
    shown = [
        ShownDay(fraction, one.value, int(one.is_met is False))
        for fraction, one, counts in goal.days
        if counts and one.value is not None
    ]
    for run in limit_runs(shown, days, computed):
        yield DoseAlert("goal", goal.goal, newest.limit, newest.unit, days, run)
