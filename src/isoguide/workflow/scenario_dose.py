"""What a scenario may say about the dose of its course, and what has to come of it."""

from typing import Annotated

from pydantic import Field, field_validator

from isoguide.dose.goal_text import parse_goal
from isoguide.dose.goals import DoseGoal
from isoguide.dose.result import DoseAlgorithm
from isoguide.errors import UnreadableError
from isoguide.workflow.strict_toml import Section

_Names = Annotated[tuple[Annotated[str, Field(min_length=1)], ...], Field(strict=False)]
_Algorithm = Annotated[DoseAlgorithm, Field(strict=False)]


class CourseDoseSection(Section):
    """The dose that the true patient gets: as treated, and on the same days set up to his marks only."""

    goals: _Names = Field(
        default=(), description="Of the whole course, such as 'PTV D95% >= 57 Gy' or 'Rectum V60Gy <= 35 %'."
    )
    structures: _Names = Field(
        default=(), description="Told beside the targets; all that are drawn where it is empty."
    )
    algorithm: _Algorithm = Field(
        default=DoseAlgorithm.PENCIL_BEAM, description="'pencil beam', or 'collapsed cone' (slower)."
    )
    spacing_mm: float = Field(default=5.0, ge=2.0, le=5.0, description="Of the dose grid.")
    arc_step_deg: float = Field(
        default=15.0, ge=2.0, le=30.0, description="An arc is computed as beams so far apart."
    )
    within_percent: float | None = Field(
        default=None,
        gt=0.0,
        le=100.0,
        description="Truth: D95% of the target, as treated and added up, is no further from the plan, "
        "percent of the prescription.",
    )
    lost_percent: float | None = Field(
        default=None,
        gt=0.0,
        le=100.0,
        description="Truth: without image guidance D95% of the target would have lost at least so much more.",
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

    @property
    def asked(self) -> tuple[DoseGoal, ...]:
        """The goals."""
        return tuple(parse_goal(goal) for goal in self.goals)
