"""What a written protocol may say: when, what, how much, and who signs.

These models are the published schema. Ranges refuse what is no number of the clinic; what contradicts
another value is refused by :mod:`isoguide.course.protocol`, whose defaults are theirs.
"""

from typing import Annotated, Final, Self

from pydantic import Field, field_validator, model_validator

from isoguide.course import (
    ActionLevel,
    Approval,
    AssessmentInstructions,
    CouchLimit,
    DoseInstructions,
    Intrafraction,
    MarkerInstructions,
    MatchInstructions,
    Modality,
    Monitoring,
    Protocol,
    ProtocolAction,
    Role,
    Schedule,
    ScheduleKind,
    Tolerance,
)
from isoguide.course.monitoring import MonitoringDevice
from isoguide.course.protocol import Content, DegreesOfFreedom, MarkerShape
from isoguide.dose.goal_text import goal_words, parse_goal
from isoguide.dose.result import DoseAlgorithm
from isoguide.errors import UnreadableError
from isoguide.workflow.strict_toml import Section

# TOML has texts where Python has these: only they, and the outermost list, are taken leniently.
_Kind = Annotated[ScheduleKind, Field(strict=False)]
_Modality = Annotated[Modality, Field(strict=False)]
_Action = Annotated[ProtocolAction, Field(strict=False)]
_Algorithm = Annotated[DoseAlgorithm, Field(strict=False)]
_Roles = Annotated[tuple[Annotated[Role, Field(strict=False)], ...], Field(strict=False)]
_Name = Annotated[str, Field(min_length=1)]
_Shift_mm = Annotated[float, Field(gt=0.0, le=200.0)]
_Time_s = Annotated[float, Field(gt=0.0, le=10.0)]
_Share = Annotated[float, Field(gt=0.0, lt=1.0)]
_Percent = Annotated[float, Field(gt=0.0, le=1000.0)]
_Change_mm = Annotated[float, Field(gt=0.0, le=100.0)]
_PartOrAll = Annotated[float, Field(gt=0.0, le=1.0)]
_Angle_deg = Annotated[float, Field(gt=0.0, le=20.0)]


class ScheduleSection(Section):
    """When the position is imaged, and what the images are used for on other days."""

    kind: _Kind = Field(default=ScheduleKind.DAILY, description="The scheme.")
    first: int = Field(
        default=3,
        ge=1,
        le=50,
        description="First, then weekly, NAL, eNAL: fractions imaged at the beginning.",
    )
    every: int = Field(
        default=5,
        ge=1,
        le=50,
        description="First, then weekly, eNAL: afterwards each so-many-th; 5 is weekly.",
    )
    alpha_mm: float = Field(default=9.0, gt=0.0, le=100.0, description="SAL: initial action level.")
    most: int = Field(default=3, ge=1, le=50, description="SAL: measurements before imaging ends.")

    @model_validator(mode="after")
    def _only_what_counts(self) -> Self:
        counts = Schedule(kind=self.kind).counts
        for name in ScheduleSection.model_fields:
            if name in self.model_fields_set - {"kind", *counts}:
                msg = f"{name} means nothing where kind = '{self.kind}': leave it out, or choose another kind"
                raise ValueError(msg)
        return self


class MatchSection(Section):
    """What is matched, and with which freedom."""

    structures: Annotated[tuple[_Name, ...], Field(strict=False)] = Field(
        default=(),
        description="Names to look for, in this order; the first one that the plan has is matched.",
    )
    box_mm: float | None = Field(
        default=None,
        gt=0.0,
        le=600.0,
        description="Edge of a box about the isocentre where there is none of them; absent: automatic.",
    )
    content: Content = Field(default="auto", description="What the match looks at.")
    degrees_of_freedom: DegreesOfFreedom = Field(default=6, description="What may be corrected.")


class MarkersSection(Section):
    """Implanted markers that are matched instead of the anatomy."""

    kind: MarkerShape = Field(description="A straight cylinder, a ball, or a wire that may have folded up.")
    length_mm: float = Field(gt=0.0, le=30.0, description="Of one marker.")
    diameter_mm: float = Field(gt=0.0, le=30.0, description="Of one marker.")
    migration_mm: float = Field(
        default=2.0, gt=0.0, le=20.0, description="A marker that moved further has to be noticed."
    )
    rotation_sigma_deg: float | None = Field(
        default=None,
        gt=0.0,
        le=30.0,
        description="How far they may have turned from the set-up (standard deviation); absent: not known.",
    )


class ToleranceSection(Section):
    """Up to both values nothing is done."""

    shift_mm: _Shift_mm = Field(description="Length of the shift at the isocentre.")
    rotation_deg: _Angle_deg = Field(description="Angle of the rotation.")


class ActionLevelSection(Section):
    """Above any of its values the action is taken."""

    action: _Action = Field(description="What is done; neither 'no correction' nor 'correct'.")
    shift_mm: _Shift_mm | None = Field(default=None, description="Length of the shift at the isocentre.")
    rotation_deg: _Angle_deg | None = Field(default=None, description="Angle of the patient's rotation.")
    residual_mm: float | None = Field(
        default=None, gt=0.0, le=50.0, description="What the correction leaves at the target."
    )


class RotationSection(Section):
    """Which tilts the couch may make, and what happens beyond."""

    pitch_deg: _Angle_deg = Field(default=3.0, description="Largest pitch, either way.")
    roll_deg: _Angle_deg = Field(default=3.0, description="Largest roll, either way.")
    beyond: _Action = Field(
        default=ProtocolAction.REPOSITION, description="'set up again', 'second look' or 'stop'."
    )


class IntrafractionSection(Section):
    """What is asked for between the image and the end of the beam."""

    shift_mm: _Shift_mm | None = Field(default=None, description="The beam is held when it moves further.")
    reimage_after_s: float | None = Field(
        default=None, gt=0.0, le=7200.0, description="A new image after this time."
    )
    verify_with_image: bool = Field(
        default=False, description="No beam before an image shows the corrected position."
    )


class MonitoringSection(Section):
    """How the target is watched during the beam; the radius of the gate is 'intrafraction.shift_mm'."""

    device: MonitoringDevice = Field(description="What watches the target.")
    dwell_s: _Time_s = Field(default=0.3, description="In the gate for so long before beam passes.")
    stale_s: _Time_s = Field(default=0.5, description="Beam is held when the newest frame is older.")
    longest_latency_s: _Time_s = Field(
        default=0.5, description="Beam is held when it takes longer from the exposure to beam off."
    )
    least_probability: _Share = Field(
        default=0.5, description="Beam is held when the target is less probably in the gate."
    )
    settled_probability: _Share = Field(
        default=0.8, description="Beam begins when the target is more probably in the gate."
    )
    realign_after_s: float = Field(
        default=15.0, gt=0.0, le=600.0, description="Away for so long: a new image is asked for."
    )
    fewest_per_s: float = Field(
        default=2.0, gt=0.0, le=100.0, description="Fewer frames a second count as none."
    )
    xray_every_s: float | None = Field(
        default=None,
        gt=0.0,
        le=600.0,
        description="Chest marker: an X-ray image of the target after so long.",
    )


class AssessmentSection(Section):
    """What is looked at in the anatomy of the day; at least one limit that calls for a new plan is given."""

    structures: Annotated[tuple[_Name, ...], Field(strict=False)] = Field(
        default=(), description="Looked at beside the target: those of these names that the plan has."
    )
    target_volume_percent: _Percent | None = Field(
        default=None, description="Change of a target's volume against the plan, either way."
    )
    organ_volume_percent: _Percent | None = Field(default=None, description="The same of any other one.")
    target_surface_mm: _Change_mm | None = Field(
        default=None, description="How far a target's surface is from where it was planned: 95th percentile."
    )
    organ_surface_mm: _Change_mm | None = Field(default=None, description="The same of any other structure.")
    target_shift_mm: _Change_mm | None = Field(
        default=None, description="How far a target's centre has moved against what the image is matched on."
    )
    organ_shift_mm: _Change_mm | None = Field(default=None, description="The same of any other structure.")
    days: int = Field(
        default=3, ge=1, le=20, description="So many assessed days in a row raise an alert, and end it."
    )
    least_seen: _PartOrAll = Field(
        default=0.9, description="Share of a structure that the image has to show for its figures to count."
    )
    inconsistency_mm: _Change_mm = Field(
        default=2.0, description="Largest mean distance by which tissue matched there and back misses itself."
    )
    least_dice: _PartOrAll = Field(
        default=0.8, description="Agreement with what was drawn on the day's image, where something was."
    )
    mean_distance_mm: _Change_mm = Field(default=3.0, description="Largest mean distance to it.")
    landmark_mean_mm: _Change_mm = Field(default=2.0, description="Largest mean error at landmarks.")
    landmark_largest_mm: _Change_mm = Field(default=5.0, description="Largest error at any landmark.")

    def instructions(self) -> AssessmentInstructions:
        """Return what the section says.

        Raises
        ------
        InputError
            If values contradict each other, or no limit is given.
        """
        return AssessmentInstructions(**{name: getattr(self, name) for name in _ASSESSMENT_FIELDS})


_ASSESSMENT_FIELDS: Final = tuple(AssessmentSection.model_fields)


class DoseSection(Section):
    """How the dose of the day is computed, and when somebody has to look at it."""

    goals: Annotated[tuple[_Name, ...], Field(strict=False)] = Field(
        default=(),
        description="Of the whole course, such as 'PTV D95% >= 57 Gy' or 'Rectum V60Gy <= 35 %'.",
    )
    algorithm: _Algorithm = Field(
        default=DoseAlgorithm.PENCIL_BEAM,
        description="'pencil beam' (quick), or 'collapsed cone' (slower; for lung).",
    )
    spacing_mm: float = Field(default=2.5, ge=1.0, le=5.0, description="Of the dose grid.")
    target_d95_percent: _Percent | None = Field(
        default=None,
        description="D95% of a target on a day may fall by so much of the prescription.",
    )
    organ_mean_gy: float | None = Field(
        default=None,
        gt=0.0,
        le=100.0,
        description="The mean dose of any other structure in one fraction may rise by so much.",
    )
    days: int = Field(
        default=3,
        ge=1,
        le=20,
        description="So many days in a row that miss a goal or pass a limit raise an alert, and end it.",
    )

    @field_validator("goals")
    @classmethod
    def _readable(cls, goals: tuple[str, ...]) -> tuple[str, ...]:
        for goal in goals:
            try:
                parse_goal(goal)
            except UnreadableError as error:
                raise ValueError(str(error)) from error
        return goals

    def instructions(self) -> DoseInstructions:
        """Return what the section says.

        Raises
        ------
        InputError
            If values contradict each other, or nothing is looked at.
        """
        own = {name: getattr(self, name) for name in _DOSE_FIELDS}
        return DoseInstructions(**(own | {"goals": tuple(parse_goal(goal) for goal in self.goals)}))

    @classmethod
    def of(cls, instructions: DoseInstructions) -> Self:
        """Return what a protocol says about doses, as a file would say it."""
        own = {name: getattr(instructions, name) for name in _DOSE_FIELDS}
        return cls.model_validate(own | {"goals": tuple(goal_words(goal) for goal in instructions.goals)})


_DOSE_FIELDS: Final = tuple(DoseSection.model_fields)


class ApprovalSection(Section):
    """Who may sign."""

    routine: _Roles = Field(default=Approval().routine, description="What the protocol says.")
    second_look: _Roles = Field(
        default=Approval().second_look, description="The second person of a second look."
    )
    override: _Roles = Field(default=Approval().override, description="Doing otherwise than the protocol.")


class ProtocolFile(Section):
    """A written protocol of image guidance."""

    name: str = Field(min_length=1, max_length=60, description="Unique in a department, with the version.")
    version: int = Field(ge=1, description="Raised with every change.")
    title: str = Field(min_length=1, max_length=120, description="One line for people.")
    site: str = Field(min_length=1, max_length=60, description="Part of the body, for statistics.")
    modality: _Modality = Field(description="What images the position.")
    image_age_s: float = Field(
        default=900.0, gt=0.0, le=3600.0, description="An older image is not used for anything."
    )
    approval_s: float = Field(
        default=300.0, gt=0.0, le=3600.0, description="An approval not carried out for this long expires."
    )
    images: int = Field(default=4, ge=1, le=20, description="Exposures in one fraction.")
    schedule: ScheduleSection
    match: MatchSection
    markers: MarkersSection | None = None
    tolerance: ToleranceSection
    action_levels: Annotated[tuple[ActionLevelSection, ...], Field(strict=False)] = ()
    rotation: RotationSection = RotationSection()
    intrafraction: IntrafractionSection = IntrafractionSection()
    monitoring: MonitoringSection | None = None
    assessment: AssessmentSection | None = None
    dose: DoseSection | None = None
    approval: ApprovalSection = ApprovalSection()
    sources: dict[str, _Name] = Field(
        default={}, description="Key in quotes, such as 'tolerance.shift_mm', to where its value comes from."
    )

    @field_validator("sources", mode="before")
    @classmethod
    def _quoted(cls, sources: object) -> object:
        entries = sources.items() if isinstance(sources, dict) else ()
        nested = [f"{key}.{next(iter(value), '...')}" for key, value in entries if isinstance(value, dict)]
        if nested:
            msg = f'write each key in quotes, as "{nested[0]}" = "where it comes from"'
            raise ValueError(msg)
        return sources

    def protocol(self) -> Protocol:
        """Return what the file says.

        Raises
        ------
        InputError
            If values contradict each other.
        """
        own = {name: getattr(self, name) for name in type(self).model_fields}
        sections = {
            "schedule": Schedule(**self.schedule.model_dump()),
            "match": MatchInstructions(**self.match.model_dump()),
            "markers": None if self.markers is None else MarkerInstructions(**self.markers.model_dump()),
            "tolerance": Tolerance(**self.tolerance.model_dump()),
            "action_levels": tuple(ActionLevel(**level.model_dump()) for level in self.action_levels),
            "rotation": CouchLimit(**self.rotation.model_dump()),
            "intrafraction": Intrafraction(**self.intrafraction.model_dump()),
            "monitoring": None if self.monitoring is None else Monitoring(**self.monitoring.model_dump()),
            "assessment": None if self.assessment is None else self.assessment.instructions(),
            "dose": None if self.dose is None else self.dose.instructions(),
            "approval": Approval(**self.approval.model_dump()),
        }
        return Protocol(**(own | sections))
