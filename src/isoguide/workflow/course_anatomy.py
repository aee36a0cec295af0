"""The anatomy over a virtual course: what was found of each day, beside what was true."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from isoguide.course import AssessmentRecord, StructureOfDay
from isoguide.geometry.frames import Array, frozen_array
from isoguide.registration.deformable.result import FieldVerdict
from isoguide.review.anatomy_trends import AnatomyAlert, AnatomyTrend, StructureDay, anatomy_trend
from isoguide.workflow.scenario import UNDECIDED, AnatomySection

ONE_DAY: Final = 1
"""An alert may come so many assessed days before or after the day on which the truth calls for one."""


@dataclass(frozen=True, slots=True, eq=False)
class TrueChange:
    """What is true of one structure on one day.

    Parameters
    ----------
    volume_percent
        Change of its volume against the planning CT.
    shift_mm
        Mean way of its tissue from where it was planned, patient LPS, (3,), the patient put where the match
        of the image puts him; None where there was no match.
    """

    volume_percent: float
    shift_mm: Array | None = None

    def __post_init__(self) -> None:
        if self.shift_mm is not None:
            object.__setattr__(self, "shift_mm", frozen_array(self.shift_mm, (3,), "the true shift"))


@dataclass(frozen=True, slots=True, eq=False)
class AssessedFraction:
    """The anatomy of one fraction's image.

    Parameters
    ----------
    record
        What was found, as it is kept.
    truth
        By name of the structure.
    pictures
        Rows of three: title and pictures (SVG); empty where none were asked for.
    """

    record: AssessmentRecord
    truth: Mapping[str, TrueChange]
    pictures: tuple[tuple[str, tuple[str, ...]], ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class CourseAnatomy:
    """The anatomy over a course.

    Parameters
    ----------
    section
        What the scenario says about it.
    assessed
        Number of the fraction and what was found, in order.
    """

    section: AnatomySection
    assessed: tuple[tuple[int, AssessedFraction], ...]

    @property
    def trend(self) -> AnatomyTrend:
        """What a review says."""
        records = ((number, one.record) for number, one in self.assessed)
        return anatomy_trend(records, self.section.instructions())

    @property
    def true_trend(self) -> AnatomyTrend:
        """What a review would say of true volumes, on the days that may be decided by."""
        records = ((number, _with_true_volumes(one)) for number, one in self.assessed)
        return anatomy_trend(records, self.section.instructions())

    @property
    def truths(self) -> dict[str, dict[int, float]]:
        """True change of the volume in percent, by structure and fraction."""
        found: dict[str, dict[int, float]] = {}
        for number, one in self.assessed:
            for name, change in one.truth.items():
                found.setdefault(name, {})[number] = change.volume_percent
        return found

    def surprises(self) -> Iterator[str]:
        """Say what differs from the truth by more than the scenario allows, one sentence each."""
        if self.section.within_percent is not None:
            yield from self._volumes(self.section.within_percent)
        yield from self._alerts()

    def _volumes(self, within_percent: float) -> Iterator[str]:
        for series in self.trend.structures:
            for day in series.counting:
                true_percent = self.truths[series.name][day.fraction]
                error = volume_error_percent(day, true_percent)
                if abs(error) > within_percent:
                    yield (
                        f"fraction {day.fraction}: the volume of {series.name} was found to change by "
                        f"{day.figures.volume_change_percent:+.1f} % and changed by {true_percent:+.1f} %: "
                        f"{abs(error):.1f} % off instead of at most {within_percent:g} %"
                    )

    def _alerts(self) -> Iterator[str]:
        found, true = _of_volumes(self.trend), _of_volumes(self.true_trend)
        order = {number: place for place, (number, _) in enumerate(self.assessed)}
        for key, alert in true.items():
            said = found.get(key)
            late = order[said.run.raised_in] - order[alert.run.raised_in] if said is not None else None
            # The truth may pass the limit too close to the end for anybody to say so in time.
            is_too_late = order[alert.run.raised_in] + ONE_DAY >= len(self.assessed)
            if late is None and is_too_late:
                continue
            if late is None or abs(late) > ONE_DAY:
                when = "never" if said is None else f"in fraction {said.run.raised_in}"
                yield (
                    f"fraction {alert.run.raised_in}: the volume of {alert.structure} calls for a new plan, "
                    f"and that was said {when}"
                )
        for key, alert in found.items():
            if key not in true:
                yield (
                    f"fraction {alert.run.raised_in}: re-planning was said to be considered for the volume "
                    f"of {alert.structure}, which is not true"
                )


def volume_error_percent(day: StructureDay, true_percent: float) -> float:
    """Return how far off a volume is, percent of the true one."""
    return 100.0 * ((1.0 + day.figures.volume_change_percent / 100.0) / (1.0 + true_percent / 100.0) - 1.0)


def verdict_surprise(asked: str | None, found: AssessedFraction | None) -> Sequence[str]:
    """Say in words for the end of "fraction 3 ..." when an assessment has another verdict than expected."""
    if asked is None:
        return ()
    if found is None:
        return (f"was expected to have its anatomy assessed '{asked}', and it was not assessed",)
    verdict = FieldVerdict(found.record.verdict)
    is_so = verdict is not FieldVerdict.FOR_DECISION if asked == UNDECIDED else verdict == asked
    if is_so:
        return ()
    reasons = "; ".join(found.record.reasons) or "no reason given"
    return (f"was expected to have its anatomy assessed '{asked}', not '{verdict}' ({reasons})",)


def _of_volumes(trend: AnatomyTrend) -> dict[tuple[str, int], AnatomyAlert]:
    """Return the first alert about each structure's volume, by name and side."""
    found: dict[tuple[str, int], AnatomyAlert] = {}
    for alert in trend.alerts:
        if alert.measure == "volume":
            found.setdefault((alert.structure, 1 if alert.run.value > 0.0 else -1), alert)
    return found


def _with_true_volumes(one: AssessedFraction) -> AssessmentRecord:
    def true(figures: StructureOfDay) -> StructureOfDay:
        share = 1.0 + one.truth[figures.name].volume_percent / 100.0
        return replace(figures, volume_ml=figures.planned_volume_ml * share)

    return replace(one.record, structures=tuple(true(figures) for figures in one.record.structures))
