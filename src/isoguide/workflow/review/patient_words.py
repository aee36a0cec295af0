"""What a course says, in plain sentences: who signalled when, when it was known, why something is missing."""

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Final

from isoguide.course import CourseHistory
from isoguide.review.change_point import FEWEST as FEWEST_FOR_CHANGE
from isoguide.review.multiple_tests import FALSE_DISCOVERIES
from isoguide.review.patient import PatientAxis, PatientReview
from isoguide.review.trends import FEWEST as FEWEST_FOR_TREND
from isoguide.workflow.review.axis_words import SIX, AxisWords

FEWEST_FOR_CHARTS: Final = 8
"""Measurements that the limits of a control chart take: 8 to 12 (PMC5713921)."""
FEWEST_FOR_SCHEMES: Final = 4
"""Measurements that the replay of schemes takes: most begin to correct after the third."""


def has_charts(review: PatientReview) -> bool:
    """Whether there are enough measurements for control charts."""
    return len(review.numbers) >= FEWEST_FOR_CHARTS


def has_schemes(review: PatientReview) -> bool:
    """Whether there are enough measurements to say what a scheme would have left."""
    return len(review.numbers) >= FEWEST_FOR_SCHEMES


def measured_words(count: int) -> str:
    """Return how many fractions were measured, as the beginning of a sentence."""
    return "No fraction was measured" if not count else f"{counted(count, 'fraction')} measured"


def counted(count: int, what: str) -> str:
    """Return a number with its noun: ``1 fraction``, ``5 fractions``."""
    return f"{count} {what}{'' if count == 1 else 's'}"


def missing_words(review: PatientReview) -> tuple[str, ...]:
    """Say what the number of measurements does not allow, and how many each takes."""
    count = len(review.numbers)
    needs = (
        (2, "mean, standard deviation and capability"),
        (FEWEST_FOR_TREND, "trend"),
        (FEWEST_FOR_SCHEMES, "other schemes"),
        (FEWEST_FOR_CHANGE, "change point"),
        (FEWEST_FOR_CHARTS, "control charts"),
    )
    lacking = [f"{what} ({fewest})" for fewest, what in needs if count < fewest]
    if not lacking:
        return ()
    return (
        f"{measured_words(count)}; not available with so few, beside the number each takes: "
        f"{', '.join(lacking)}.",
    )


def signal_words(review: PatientReview) -> tuple[str, ...]:
    """Explain every signal of the tests and control charts, axis by axis; empty where nothing signals."""
    return tuple(
        sentence
        for words, axis in zip(SIX, review.axes, strict=True)
        for sentence in _of_axis(words, axis, review)
    )


def quiet_words(review: PatientReview) -> tuple[str, ...]:
    """Say that nothing signals, where something could have."""
    if len(review.numbers) < FEWEST_FOR_TREND:
        return ()
    return ("No test or control chart signals." if has_charts(review) else "No test signals.",)


def _of_axis(words: AxisWords, axis: PatientAxis, review: PatientReview) -> Iterator[str]:
    yield from _drift(words, axis)
    yield from _change(words, axis, review.numbers)
    if has_charts(review):
        yield from _chart_signals(words, axis, review.numbers)


def _drift(words: AxisWords, axis: PatientAxis) -> Iterator[str]:
    if axis.trend is None or axis.drifts is None or axis.drifts.adjusted > FALSE_DISCOVERIES:
        return
    slope = axis.trend.slope.value
    side = words.plus if slope > 0.0 else words.minus
    yield (
        f"{words.title}: drifts by {words.with_unit(abs(slope), 2)} a fraction, each day further {side} "
        f"(Mann-Kendall, p {p_words(axis.drifts.adjusted)} among six axes)."
    )


def _change(words: AxisWords, axis: PatientAxis, numbers: Sequence[int]) -> Iterator[str]:
    if axis.change is None or axis.changes is None or axis.changes.adjusted > FALSE_DISCOVERIES:
        return
    change = axis.change
    yield (
        f"{words.title}: lies elsewhere from fraction {numbers[change.position]} on: before, "
        f"{words.where(change.before)} on average, then {words.where(change.after)} "
        f"(change point, p {p_words(axis.changes.adjusted)} among six axes)."
    )


def _chart_signals(words: AxisWords, axis: PatientAxis, numbers: Sequence[int]) -> Iterator[str]:
    chart, ewma, cusum = axis.individuals, axis.ewma, axis.cusum
    if chart is None or ewma is None or cusum is None:
        return
    for at in chart.signals:
        yield (
            f"{words.title}, fraction {numbers[at]}: {words.where(float(chart.values[at]))}, which is beyond "
            f"what the other days make likely ({words.signed(chart.lower)} to {words.signed(chart.upper)})."
        )
    for at in chart.range_signals:
        yield (
            f"{words.title}, fraction {numbers[at]}: {words.with_unit(float(chart.ranges[at - 1]))} away "
            f"from the day before, more than the usual jumps ({words.with_unit(chart.range_upper)} at most)."
        )
    if ewma.signals:
        yield (
            f"{words.title}, {fractions_words([numbers[at] for at in ewma.signals])}: the running average "
            "has left its limits, so several days in a row lie to one side."
        )
    if cusum.signals:
        yield (
            f"{words.title}, {fractions_words([numbers[at] for at in cusum.signals])}: small deviations to "
            "one side have added up beyond the limit of the cumulative sum."
        )


def fractions_words(numbers: Sequence[int]) -> str:
    """Return fraction numbers, runs of them from first to last: ``fractions 3, 7 to 9``."""
    runs = []
    for _, group in groupby(enumerate(numbers), key=lambda pair: pair[1] - pair[0]):
        run = [number for _, number in group]
        runs.append(str(run[0]) if len(run) == 1 else f"{run[0]} to {run[-1]}")
    return f"fraction{'' if len(numbers) == 1 else 's'} {', '.join(runs)}"


def p_words(p_value: float) -> str:
    """Return a p value as people read it."""
    return f"= {p_value:.3f}" if p_value >= 0.001 else "< 0.001"


def correction_words(review: PatientReview) -> tuple[str, ...]:
    """Say when the systematic part of the shift was known, and since when it is corrected."""
    within = f"{review.settings.known_mm:g} mm"
    if len(review.numbers) < 2:
        return (f"Not available: {measured_words(len(review.numbers)).lower()}, and it takes two.",)
    known = (
        f"not known within {within} on every axis by the end of what was measured."
        if review.known_after is None
        else f"known within {within} on every axis after fraction {review.known_after}."
    )
    corrected = (
        f"not within {within} on every axis at the end."
        if review.corrected_from is None
        else f"within {within} on every axis from fraction {review.corrected_from} on, to the end."
    )
    return (
        f"The systematic part of the shift was {known}",
        f"The mean position at treatment, after all corrections, was {corrected}",
    )


def gap_words(history: CourseHistory) -> tuple[str, ...]:
    """Say which fractions have no measurement or were stopped."""
    unmeasured = [summary.number for summary in history.fractions if summary.measured is None]
    stopped = [summary.number for summary in history.fractions if summary.state == "stopped"]
    found = []
    if unmeasured:
        found.append(f"Without a usable image before the couch was moved: {fractions_words(unmeasured)}.")
    if stopped:
        found.append(f"Ended without treatment: {fractions_words(stopped)}.")
    return tuple(found)


def course_span(history: CourseHistory) -> str:
    """Return from when to when a course went, as dates."""
    if not history.fractions:
        return "no fraction yet"
    first, last = history.fractions[0].at, history.fractions[-1].at
    return f"{first:%Y-%m-%d}" if first.date() == last.date() else f"{first:%Y-%m-%d} to {last:%Y-%m-%d}"
