"""What one day's treatment delivered, and what the course has delivered so far, as it is kept."""

from dataclasses import dataclass
from datetime import datetime

from isoguide.registration.deformable.result import FieldVerdict


@dataclass(frozen=True, slots=True)
class StructureDose:
    """Doses of one structure, Gy.

    Parameters
    ----------
    name, is_target
        ROIName, and whether it is a target.
    volume_ml
        Today.
    planned_mean_gy, planned_d95_gy, planned_d2_gy
        Mean, D95% and D2% of one fraction as planned.
    mean_gy, d95_gy, d2_gy
        The same of the day.
    accumulated_mean_gy, accumulated_d95_gy, accumulated_d2_gy
        Of all fractions so far, in the planning anatomy; None where nothing could be added up.
    accumulated_sigma_gy
        Standard deviation of the accumulated mean that the deformation leaves.
    """

    name: str
    is_target: bool
    volume_ml: float
    planned_mean_gy: float
    planned_d95_gy: float
    planned_d2_gy: float
    mean_gy: float
    d95_gy: float
    d2_gy: float
    accumulated_mean_gy: float | None = None
    accumulated_d95_gy: float | None = None
    accumulated_d2_gy: float | None = None
    accumulated_sigma_gy: float | None = None


@dataclass(frozen=True, slots=True)
class GoalOfDay:
    """A goal of the protocol on one day.

    Parameters
    ----------
    goal
        As it is written in the protocol.
    value, limit, unit
        Of the course if all its fractions were like this one; None where there is no value.
    is_met, was_met_in_plan
        None where there is no value.
    """

    goal: str
    value: float | None
    limit: float
    unit: str
    is_met: bool | None
    was_met_in_plan: bool | None


@dataclass(frozen=True, slots=True)
class DoseRecord:
    """The dose of one fraction.

    Parameters
    ----------
    image_uid
        By which image of the fraction.
    computed_at
        Aware UTC.
    verdict, reasons
        A value of :class:`isoguide.registration.deformable.result.FieldVerdict`, and why.
    approximations
        What is assumed.
    algorithm, beam_data, beam_data_sha256, version
        What computed it.
    fractions_so_far
        How many fractions the accumulated doses hold, with this one; 0 where nothing is accumulated.
    structures
        Targets first; empty exactly when the verdict is "not available".
    goals
        Goals of the protocol.
    alerts
        Why somebody has to look, by the protocol.
    prescribed_gy
        What the target shall get in one fraction; None where the plan does not say.
    carried_sha256
        Of the kept file that holds this fraction's dose in the planning anatomy; empty where there is none.
    """

    image_uid: str
    computed_at: datetime
    verdict: str
    reasons: tuple[str, ...]
    approximations: tuple[str, ...]
    algorithm: str
    beam_data: str
    beam_data_sha256: str
    version: str
    fractions_so_far: int
    structures: tuple[StructureDose, ...]
    goals: tuple[GoalOfDay, ...]
    alerts: tuple[str, ...]
    prescribed_gy: float | None = None
    carried_sha256: str = ""

    def __post_init__(self) -> None:
        if bool(self.structures) == (FieldVerdict(self.verdict) is FieldVerdict.NOT_AVAILABLE):
            msg = (
                f"a dose record has structures exactly when its verdict is not '{FieldVerdict.NOT_AVAILABLE}'"
            )
            raise ValueError(msg)
        summed = [one.accumulated_mean_gy is not None for one in self.structures]
        if any(summed) and not self.fractions_so_far:
            msg = "a dose record holds accumulated doses of no fraction: say of how many"
            raise ValueError(msg)

    @property
    def is_for_decision(self) -> bool:
        """Whether something may be decided by it."""
        return self.verdict == FieldVerdict.FOR_DECISION
