"""What a population says in plain sentences, which groups are shown, and why something is missing."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from isoguide.course import CourseHistory
from isoguide.geometry.frames import Array
from isoguide.review.error_table import Position
from isoguide.review.estimate import Estimate
from isoguide.review.groups import AxisStatistics, Grouping, GroupStatistics
from isoguide.review.margins import Margin
from isoguide.review.outliers import FEWEST_PATIENTS as FEWEST_FOR_OUTLIERS
from isoguide.review.population import PopulationReview
from isoguide.review.replay import SchemeResult
from isoguide.review.simulated import KnownErrors
from isoguide.workflow.review.patient_words import counted

FEWEST_PATIENTS: Final = 5
"""Patients that Σ takes, and all that follows: with four, its interval reaches 3.7 times its value."""


@dataclass(frozen=True, slots=True, eq=False)
class Population:
    """A review with all that its page, tables and document say.

    Parameters
    ----------
    review
        The statistics.
    histories
        Of whom.
    by
        How the groups that are drawn differ.
    truth
        Of a simulated population, None for a real one.
    """

    review: PopulationReview
    histories: tuple[CourseHistory, ...]
    by: Grouping
    truth: KnownErrors | None = None

    @property
    def everybody(self) -> GroupStatistics | None:
        """The whole population, from the marks; None without a course."""
        return next(iter(self.review.groups), None)

    @property
    def shown(self) -> tuple[GroupStatistics, ...]:
        """The whole population and its groups, from the marks."""
        return self._at(Position.MARKS)

    @property
    def corrected(self) -> tuple[GroupStatistics, ...]:
        """The same after correction; none where corrected positions were not imaged."""
        return self._at(Position.CORRECTED)

    def _at(self, position: Position) -> tuple[GroupStatistics, ...]:
        wanted = dict.fromkeys((Grouping.ALL, self.by))
        return tuple(
            group
            for by in wanted
            for group in self.review.groups
            if group.by is by and group.position is position
        )


def group_name(group: GroupStatistics) -> str:
    """Return the name of a group for people."""
    if group.by is Grouping.ALL:
        return "all"
    return group.name or "not said"


def has_coverage(margin: Margin) -> bool:
    """Whether the coverage of a margin says something about it: the dose of a recipe for lung is another."""
    return "lung" not in margin.name


def margin_title(schemes: Sequence[SchemeResult]) -> str:
    """Name the margin that schemes are compared by: that of the first recipe."""
    formulas = [scheme.margins[0].formula for scheme in schemes if scheme.margins]
    return f"Margin, {formulas[0]}" if formulas else "Margin"


def has_enough(group: GroupStatistics) -> bool:
    """Whether there are enough patients for Σ and margins."""
    return bool(group.axes) and group.patients >= FEWEST_PATIENTS


def why_not(group: GroupStatistics) -> str:
    """Say why Σ and margins of a group are not available; empty where they are."""
    if has_enough(group):
        return ""
    if not group.measurements:
        return "nobody was measured"
    if group.patients < FEWEST_PATIENTS:
        return f"{counted(group.patients, 'patient')}, takes {FEWEST_PATIENTS}"
    return "nobody was measured twice"


def true_values(truth: KnownErrors) -> dict[str, Array]:
    """Return what M, Σ and σ of a simulated population are, (6,) each; σ holds the error of the match."""
    random = np.sqrt(truth.random**2 + truth.measurement**2)
    return {"mean": truth.mean, "systematic": truth.systematic, "random": random}


def is_inside(estimate: Estimate, value: float) -> bool:
    """Whether the interval holds a true value."""
    return estimate.low <= value <= estimate.high


def truth_words(axes: Sequence[AxisStatistics], truth: KnownErrors) -> tuple[str, ...]:
    """Say how often the intervals hold the truth, and what the truth does not hold."""
    true = true_values(truth)
    held = [
        is_inside(getattr(axis, name), float(true[name][at]))
        for at, axis in enumerate(axes)
        for name in ("mean", "systematic", "random")
    ]
    sentences = [
        f"{sum(held)} of {len(held)} intervals hold the truth; of intervals of 95 %, one in twenty misses it."
    ]
    if truth.drift.any() or truth.outliers:
        sentences.append(
            "Some of these patients drift or were set up wrongly on purpose; that is in the estimates and "
            "not in the truth beside them."
        )
    return tuple(sentences)


def left_out_words(population: Population) -> tuple[str, ...]:
    """Say what is not in the statistics, and why."""
    histories, review = population.histories, population.review
    unmeasured = sum(all(s.measured is None for s in history.fractions) for history in histories)
    without = [s for history in histories for s in history.fractions if s.measured is None]
    sentences = [
        f"{counted(unmeasured, 'course')} without any measurement: not in M, Σ and σ." if unmeasured else "",
        _fractions_without(Counter(summary.state for summary in without)),
        *(
            f"{group.by.value.capitalize()} '{group_name(group)}': Σ and margins not available "
            f"({why_not(group)})."
            for group in population.shown
            if not has_enough(group)
        ),
    ]
    everybody = population.everybody
    if everybody is not None and everybody.patients < FEWEST_FOR_OUTLIERS:
        sentences.append(
            f"Patients who stand out: not available ({counted(everybody.patients, 'patient')}, "
            f"takes {FEWEST_FOR_OUTLIERS})."
        )
    if not review.drifts_tested:
        sentences.append("Drift: not available (nobody was measured four times).")
    return tuple(sentence for sentence in sentences if sentence)


def _fractions_without(states: Counter[str]) -> str:
    if not states:
        return ""
    told = ", ".join(f"{count} {state}" for state, count in sorted(states.items()))
    return (
        f"{counted(states.total(), 'fraction')} without a usable image before the couch was moved ({told}): "
        "in conduct and dose, not in M, Σ and σ."
    )


def lead_words(population: Population) -> tuple[str, ...]:
    """Say what stands out, for the top of the page."""
    review, everybody = population.review, population.everybody
    if everybody is None or not everybody.measurements:
        return ("Nothing was measured: M, Σ, σ and margins are not available.",)
    patients = {outlier.patient for outlier in review.outliers}
    drifting = {drift.patient for drift in review.drifts}
    lines = []
    if has_enough(everybody):
        lines.append(_size_words(everybody))
    if everybody.patients >= FEWEST_FOR_OUTLIERS:
        stand = "stands" if len(patients) == 1 else "stand"
        lines.append(f"{counted(len(patients), 'patient')} {stand} out by mean or spread on some axis.")
    if review.drifts_tested:
        lines.append(f"{counted(len(drifting), 'patient')} drift{'s' if len(drifting) == 1 else ''}.")
    return tuple(lines)


def _size_words(group: GroupStatistics) -> str:
    def three(name: str) -> str:
        return " / ".join(f"{getattr(axis, name).value:.1f}" for axis in group.axes[:3])

    return (
        f"Lateral / longitudinal / vertical: systematic error Σ {three('systematic')} mm, random error σ "
        f"{three('random')} mm."
    )
