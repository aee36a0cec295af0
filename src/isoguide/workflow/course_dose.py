"""The true dose of a virtual course: as treated, and as it would have been without image guidance."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from isoguide.dose.dvh import DoseVolumeHistogram
from isoguide.dose.goals import GoalResult
from isoguide.workflow.scenario_dose import CourseDoseSection

HALF: Final = 0.5
"""Share of the prescription from which on tissue outside the target is counted."""


@dataclass(frozen=True, slots=True)
class DoseFigures:
    """Of one structure, Gy."""

    mean_gy: float
    d95_gy: float
    d2_gy: float

    @classmethod
    def of(cls, histogram: DoseVolumeHistogram) -> "DoseFigures":
        """Read them off."""
        return cls(histogram.mean_gy, histogram.dose_at_volume_gy(95.0), histogram.dose_at_volume_gy(2.0))


@dataclass(frozen=True, slots=True, eq=False)
class DeliveredDay:
    """What one fraction gave, in the planning anatomy.

    Parameters
    ----------
    number
        Of the fraction.
    share
        How much of its meterset was delivered, 0 to 1: both doses are of this share.
    guided, unguided
        By name of the structure, as treated, and set up to the marks only.
    """

    number: int
    share: float
    guided: Mapping[str, DoseFigures]
    unguided: Mapping[str, DoseFigures]

    def __post_init__(self) -> None:
        for name in ("guided", "unguided"):
            object.__setattr__(self, name, MappingProxyType(dict(getattr(self, name))))


@dataclass(frozen=True, slots=True)
class ComparedGoal:
    """One goal, in words, for the whole course at the plan's dose and at that of its days in the mean."""

    goal: str
    planned: GoalResult
    guided: GoalResult
    unguided: GoalResult


@dataclass(frozen=True, slots=True, eq=False)
class CourseDose:
    """What a virtual course delivered.

    Parameters
    ----------
    section
        What the scenario says about it.
    target_name
        The tissue that is treated: the smallest target that is drawn.
    prescribed_gy, fractions_planned
        Of one fraction, and how many the plan has.
    days
        Fractions with radiation, in order.
    one_fraction
        As planned, by name of the structure.
    planned, guided, unguided
        Histograms of all these days together; of the plan as many fractions.
    body
        The same three of the whole body; empty where no body is drawn.
    goals
        Those of the section.
    approximations
        What is assumed, one sentence each.
    """

    section: CourseDoseSection
    target_name: str
    prescribed_gy: float
    fractions_planned: int
    days: tuple[DeliveredDay, ...]
    one_fraction: Mapping[str, DoseFigures]
    planned: tuple[DoseVolumeHistogram, ...]
    guided: tuple[DoseVolumeHistogram, ...]
    unguided: tuple[DoseVolumeHistogram, ...]
    body: tuple[DoseVolumeHistogram, ...]
    goals: tuple[ComparedGoal, ...]
    approximations: tuple[str, ...]

    @property
    def fractions(self) -> float:
        """How many whole fractions were delivered, interrupted ones by their share."""
        return sum(day.share for day in self.days)

    @property
    def prescribed_so_far_gy(self) -> float:
        """What the target should have got by now."""
        return self.prescribed_gy * self.fractions

    def change_percent(self, which: str, name: str) -> float:
        """Return how far D95% is from the plan, percent of the prescription: "guided" or "unguided"."""
        planned = named(self.planned, name).dose_at_volume_gy(95.0)
        found = named(getattr(self, which), name).dose_at_volume_gy(95.0)
        return 100.0 * (found - planned) / self.prescribed_so_far_gy

    @property
    def spared_percent(self) -> float:
        """How much more of the prescription D95% of the target would have lost without image guidance."""
        return self.change_percent("guided", self.target_name) - self.change_percent(
            "unguided", self.target_name
        )

    @property
    def outside_target_ml(self) -> tuple[float, float, float] | None:
        """Tissue outside the largest target that got at least half of the prescription.

        Planned, guided, unguided, ml; None where no body is drawn. Parts of the target below that dose are
        left out of both.
        """
        if not self.body:
            return None
        half_gy = HALF * self.prescribed_so_far_gy
        found = []
        for body, course in zip(self.body, (self.planned, self.guided, self.unguided), strict=True):
            targets = [one.volume_at_dose_ml(half_gy) for one in course if one.is_target]
            found.append(body.volume_at_dose_ml(half_gy) - max(targets, default=0.0))
        planned, guided, unguided = found
        return planned, guided, unguided

    def surprises(self) -> Iterator[str]:
        """Say what differs from what the scenario expects, one sentence each."""
        allowed, wanted = self.section.within_percent, self.section.lost_percent
        if not self.days:
            if allowed is not None or wanted is not None:
                yield "a dose was expected, and there was no radiation in any fraction"
            return
        change = self.change_percent("guided", self.target_name)
        if allowed is not None and abs(change) > allowed:
            yield (
                f"D95% of {self.target_name} was expected within {allowed:g} % of the prescription of the "
                f"plan, and is {change:+.1f} % off"
            )
        if wanted is not None and self.spared_percent < wanted:
            yield (
                f"without image guidance D95% of {self.target_name} was expected to lose at least "
                f"{wanted:g} % of the prescription more, and loses {self.spared_percent:.1f} % more"
            )


def named(histograms: Sequence[DoseVolumeHistogram], name: str) -> DoseVolumeHistogram:
    """Return the histogram of a structure."""
    return next(one for one in histograms if one.name == name)
