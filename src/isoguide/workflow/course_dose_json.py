"""The true dose of a virtual course as plain values: part of its document."""

from pydantic import BaseModel, ConfigDict, Field

from isoguide.dose.dvh import DoseVolumeHistogram
from isoguide.dose.goals import GoalResult
from isoguide.workflow.course_dose import ComparedGoal, CourseDose, DeliveredDay, DoseFigures, named


class _Record(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, from_attributes=True)


class FiguresRecord(_Record):
    """Doses of one structure, Gy."""

    mean_gy: float
    d95_gy: float
    d2_gy: float


class ComparedRecord(_Record):
    """One structure over the course: as planned, as treated, and set up to the marks only."""

    name: str
    is_target: bool
    volume_ml: float
    outside_percent: float = Field(description="Share outside the dose grid, which counts with 0 Gy.")
    planned: FiguresRecord
    guided: FiguresRecord
    unguided: FiguresRecord


class DeliveredDayRecord(_Record):
    """One fraction, by name of the structure."""

    fraction: int
    share: float = Field(description="How much of its meterset was delivered.")
    guided: dict[str, FiguresRecord]
    unguided: dict[str, FiguresRecord]


class GoalValueRecord(_Record):
    """What came of a goal."""

    value: float | None
    is_met: bool | None
    reason: str


class ComparedGoalRecord(_Record):
    """One goal for the whole course, its fractions like the mean of those treated."""

    goal: str
    limit: float
    unit: str
    planned: GoalValueRecord
    guided: GoalValueRecord
    unguided: GoalValueRecord


class DeliveredRecord(_Record):
    """Truth: what the patient got on the days of the course, in the planning anatomy."""

    target: str = Field(description="The tissue that is treated.")
    prescribed_gy: float = Field(description="Of one fraction.")
    fractions_planned: int
    fractions: float = Field(description="Delivered; interrupted ones by their share.")
    guided_change_percent: float | None = Field(
        description="D95% of the target against the plan, percent of the prescription; null: no radiation."
    )
    unguided_change_percent: float | None
    outside_target_ml: tuple[float, float, float] | None = Field(
        description="Tissue outside the target with at least half of the prescription: planned, guided, "
        "unguided; null where no body is drawn."
    )
    structures: tuple[ComparedRecord, ...]
    goals: tuple[ComparedGoalRecord, ...]
    days: tuple[DeliveredDayRecord, ...]
    approximations: tuple[str, ...]


def delivered_record(dose: CourseDose) -> DeliveredRecord:
    """Describe the dose of a course as plain values."""
    has_dose = bool(dose.days)
    return DeliveredRecord(
        target=dose.target_name,
        prescribed_gy=dose.prescribed_gy,
        fractions_planned=dose.fractions_planned,
        fractions=dose.fractions,
        guided_change_percent=dose.change_percent("guided", dose.target_name) if has_dose else None,
        unguided_change_percent=dose.change_percent("unguided", dose.target_name) if has_dose else None,
        outside_target_ml=dose.outside_target_ml,
        structures=tuple(_structure(dose, one) for one in dose.planned),
        goals=tuple(_goal(one) for one in dose.goals),
        days=tuple(_day(one) for one in dose.days),
        approximations=dose.approximations,
    )


def _structure(dose: CourseDose, planned: DoseVolumeHistogram) -> ComparedRecord:
    return ComparedRecord(
        name=planned.name,
        is_target=planned.is_target,
        volume_ml=planned.volume_ml,
        outside_percent=planned.outside_percent,
        planned=_figures(DoseFigures.of(planned)),
        guided=_figures(DoseFigures.of(named(dose.guided, planned.name))),
        unguided=_figures(DoseFigures.of(named(dose.unguided, planned.name))),
    )


def _figures(figures: DoseFigures) -> FiguresRecord:
    return FiguresRecord.model_validate(figures)


def _goal(one: ComparedGoal) -> ComparedGoalRecord:
    goal = one.planned.goal
    return ComparedGoalRecord(
        goal=one.goal,
        limit=goal.limit,
        unit=goal.unit,
        planned=_value(one.planned),
        guided=_value(one.guided),
        unguided=_value(one.unguided),
    )


def _value(result: GoalResult) -> GoalValueRecord:
    return GoalValueRecord(value=result.value, is_met=result.is_met, reason=result.reason)


def _day(day: DeliveredDay) -> DeliveredDayRecord:
    return DeliveredDayRecord(
        fraction=day.number,
        share=day.share,
        guided={name: _figures(one) for name, one in day.guided.items()},
        unguided={name: _figures(one) for name, one in day.unguided.items()},
    )
