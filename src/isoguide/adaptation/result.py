"""What a rung of the ladder answers with: a corrected plan or a reason, and what it does to the dose."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from isoguide.dose.dvh import DoseVolumeHistogram
from isoguide.dose.goals import GoalResult
from isoguide.dose.result import DoseDistribution
from isoguide.geometry.correction import CouchCorrection
from isoguide.geometry.frames import DAILY, Frame
from isoguide.plan import Plan


class Rung(StrEnum):
    """The ladder, from what changes least to what changes most."""

    UNCORRECTED = "as the patient lies"
    COUCH = "couch"
    VIRTUAL_COUCH_SHIFT = "virtual couch shift"
    APERTURE_MORPHING = "aperture morphing"
    REWEIGHTING = "re-weighting"
    REPLAN = "re-plan"


@dataclass(frozen=True, slots=True, eq=False)
class RungDose:
    """What a rung does to the dose of the day, as one fraction.

    Parameters
    ----------
    dose
        In the patient as he lies today.
    histograms
        By name of the structure, with the structures of today.
    goals
        Goals of the course, this fraction taken times the number of fractions.
    """

    dose: DoseDistribution
    histograms: Mapping[str, DoseVolumeHistogram]
    goals: tuple[GoalResult, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "histograms", MappingProxyType(dict(self.histograms)))


@dataclass(frozen=True, slots=True, eq=False)
class RungResult:
    """One rung of the ladder.

    Parameters
    ----------
    rung
        Which.
    reasons
        Why it is not available; empty exactly when it is. A re-plan is available as an export without a dose.
    changes
        What it changes, one sentence each, for the person who approves it.
    plan
        The corrected plan, UNAPPROVED; None for UNCORRECTED, COUCH and REPLAN.
    couch
        The correction of the couch; only for COUCH.
    effect
        None where not available, and for REPLAN.
    plan_frame
        In whose coordinates the isocentre of the plan is: DAILY where the patient lies along the axes of the
        day's image, PLANNING where the couch has brought him to where he was planned.
    """

    rung: Rung
    reasons: tuple[str, ...]
    changes: tuple[str, ...]
    plan: Plan | None = None
    couch: CouchCorrection | None = None
    effect: RungDose | None = None
    plan_frame: Frame = DAILY

    @property
    def is_available(self) -> bool:
        """Whether it can be chosen."""
        return not self.reasons
