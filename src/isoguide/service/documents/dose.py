"""The dose of a day: what the records say, its histograms, what is drawn, and what corrections would do."""

from datetime import datetime
from typing import Literal, Self

from pydantic import ConfigDict, Field

from isoguide.course.dose_of_day import DoseRecord, GoalOfDay, StructureDose
from isoguide.course.staff import Role
from isoguide.dose.result import DoseAlgorithm
from isoguide.service.documents.anatomy import FoundDocument
from isoguide.service.documents.base import Document, Six, Sixteen
from isoguide.service.documents.fraction import Signature
from isoguide.service.documents.images import DoseDocument, StructureDocument

AlgorithmName = Literal["pencil beam", "collapsed cone"]
RungName = Literal[
    "as the patient lies",
    "couch",
    "virtual couch shift",
    "aperture morphing",
    "re-weighting",
    "re-plan",
]


class StructureDoseDocument(Document):
    """Doses of one structure in Gy: of one fraction, and of the course so far."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "name": "PTV",
                    "is_target": True,
                    "volume_ml": 131.4,
                    "planned_mean_gy": 2.01,
                    "planned_d95_gy": 1.94,
                    "planned_d2_gy": 2.08,
                    "mean_gy": 1.99,
                    "d95_gy": 1.86,
                    "d2_gy": 2.09,
                    "accumulated_mean_gy": 13.98,
                    "accumulated_d95_gy": 13.4,
                    "accumulated_d2_gy": 14.5,
                    "accumulated_sigma_gy": 0.05,
                }
            ]
        }
    )

    name: str
    is_target: bool
    volume_ml: float = Field(description="Today.")
    planned_mean_gy: float = Field(description="Of one fraction as planned.")
    planned_d95_gy: float
    planned_d2_gy: float
    mean_gy: float = Field(description="Of this day's fraction.")
    d95_gy: float
    d2_gy: float
    accumulated_mean_gy: float | None = Field(
        description="Of all fractions so far, in the planning anatomy; null where nothing could be added up."
    )
    accumulated_d95_gy: float | None
    accumulated_d2_gy: float | None
    accumulated_sigma_gy: float | None = Field(
        description="Standard deviation of the accumulated mean that the deformation leaves."
    )

    @classmethod
    def of(cls, one: StructureDose) -> Self:
        """Return a structure as a document."""
        return cls.model_validate(one)


class GoalDocument(Document):
    """A goal for the whole course, if all its fractions were like this one."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "goal": "PTV D95% >= 57 Gy",
                    "value": 55.8,
                    "limit": 57.0,
                    "unit": "Gy",
                    "is_met": False,
                    "was_met_in_plan": True,
                }
            ]
        }
    )

    goal: str = Field(description="As it is written in the protocol.")
    value: float | None = Field(description="Null where it could not be found.")
    limit: float
    unit: str
    is_met: bool | None = Field(description="Null without a value.")
    was_met_in_plan: bool | None

    @classmethod
    def of(cls, one: GoalOfDay) -> Self:
        """Return a goal as a document."""
        return cls.model_validate(one)


class DayDoseDocument(FoundDocument):
    """What is known of the dose of a day, as it is kept."""

    computed_at: datetime
    structures: tuple[StructureDoseDocument, ...] = Field(description="Targets first.")
    goals: tuple[GoalDocument, ...]
    fractions_so_far: int = Field(description="How many fractions the accumulated doses hold; 0 for none.")
    beam_data: str = Field(description="Which data of a machine it was computed with.")

    @classmethod
    def of(cls, record: DoseRecord, outdated_because: str) -> Self:
        """Return the dose of a day as a document."""
        return cls.found(
            record,
            outdated_because,
            computed_at=record.computed_at,
            structures=tuple(map(StructureDoseDocument.of, record.structures)),
            goals=tuple(map(GoalDocument.of, record.goals)),
            fractions_so_far=record.fractions_so_far,
            beam_data=record.beam_data,
        )


class DoseCurve(Document):
    """Cumulative histograms of one structure in percent of its volume, at every step of dose from 0 on."""

    name: str
    is_target: bool
    color: tuple[int, int, int]
    planned_percent: tuple[float, ...] | None = Field(description="Null where the plan's is not known.")
    day_percent: tuple[float, ...]


class Histograms(Document):
    """Dose-volume histograms of one fraction: as planned, and today."""

    step_gy: float = Field(gt=0.0, description="Between two values of a curve; the first is at 0 Gy.")
    prescription_gy: float | None = Field(description="Of one fraction.")
    curves: tuple[DoseCurve, ...] = Field(description="Targets first.")


class PlannedTarget(Document):
    """What is prescribed for a fraction, and what the plan itself gives, computed as the day's dose is."""

    name: str
    prescription_gy: float | None = Field(description="Of one fraction; null where the plan states none.")
    d95_gy: float = Field(description="Of one fraction as planned.")


class DosePictures(Document):
    """What is drawn of the dose of a day: for looking, whatever its verdict is."""

    planning_from_daily: Sixteen = Field(description="The rigid match that it builds on.")
    dose: DoseDocument = Field(description="Of one fraction.")
    is_in_daily: bool = Field(description="Whether the dose lies in daily LPS; else in planning LPS.")
    structures: tuple[StructureDocument, ...] = Field(description="As they are today, daily LPS.")


class RungStructure(Document):
    """What a rung does to one structure, Gy of one fraction."""

    name: str
    d95_gy: float
    mean_gy: float
    d2_gy: float


class RungDocument(Document):
    """One rung of the ladder of corrections."""

    rung: RungName
    is_available: bool
    reasons: tuple[str, ...] = Field(description="Why it is not available; empty exactly when it is.")
    changes: tuple[str, ...] = Field(description="What it changes, for the person who decides.")
    couch: Six | None = Field(description="The correction of the couch; only for the couch.")
    structures: tuple[RungStructure, ...] = Field(description="Empty where it has no effect to show.")
    goals: tuple[GoalDocument, ...]
    curves_percent: dict[str, tuple[float, ...]] = Field(
        description="Histograms by name of the structure, at the steps of those of the ladder."
    )
    plan_address: str | None = Field(description="Where its RTPLAN is fetched; null where it has none.")
    plan_uid: str = Field(description="SOPInstanceUID of that plan; empty where it has none.")
    plan_sha256: str = Field(description="Of that file; empty where it has none.")


class ChoiceDocument(Document):
    """Which rung was chosen for planning: a mark that somebody signed; nothing is sent or treated by it."""

    rung: RungName
    by: str = Field(description="Who signed, with the role.")
    signed_at: datetime
    reason: str
    plan_uid: str
    is_shown: bool = Field(description="Whether it is the plan that the ladder shows now.")


class LadderDocument(Document):
    """What each correction would do to the dose of the day."""

    computed_at: datetime
    approximations: tuple[str, ...]
    planned: tuple[RungStructure, ...] = Field(description="The same structures as planned.")
    planned_goals: tuple[GoalDocument, ...]
    histograms: Histograms = Field(description="Planned, and as the patient lies today.")
    rungs: tuple[RungDocument, ...]
    no_plans_because: str = Field(
        description="Why no corrected plan is given out or can be chosen; empty where it can."
    )


class DoseOfDayDocument(Document):
    """The dose of the day as one image shows the patient."""

    image_uid: str
    machines: tuple[str, ...] = Field(
        description="Beam data that ship with isoguide or were put in place; one of them can be named."
    )
    beam_data_problem: str = Field(
        description="Why the beam data have to be named by the person who asks; empty where they are known."
    )
    protocol_algorithm: AlgorithmName | None = Field(
        description="By which it is computed when nobody chooses; null where it cannot be computed."
    )
    dose: DayDoseDocument | None
    target: PlannedTarget | None = Field(description="Null where no dose of a target is known.")
    not_possible_because: str = Field(description="Why it cannot be computed; empty where it can.")
    pictures: DosePictures | None
    no_pictures_because: str = Field(description="Empty where there are pictures.")
    histograms: Histograms | None = Field(description="Of the dose that is drawn; null without pictures.")
    ladder: LadderDocument | None
    no_ladder_because: str = Field(description="Why no corrections are shown; empty where they are.")
    not_climbed_because: str = Field(
        description="Why the corrections cannot be worked out now; empty where they can."
    )
    choice: ChoiceDocument | None
    may_choose: tuple[Role, ...] = Field(description="Who may mark a rung for planning.")


class DoseRequest(Document):
    """How the dose of a day is to be computed."""

    beam_data: str | None = Field(
        default=None,
        description="Name of the beam data; null for those of the machine that the plan names.",
    )
    algorithm: AlgorithmName | None = Field(default=None, description="Null: as the protocol says.")

    def chosen_algorithm(self) -> DoseAlgorithm | None:
        """Return it as the domain knows it."""
        return None if self.algorithm is None else DoseAlgorithm(self.algorithm)


class ChoiceRequest(Document):
    """Mark a rung for planning: signed with a password, whoever is signed in."""

    rung: RungName
    plan_sha256: str = Field(description="Of the plan that was looked at; empty for a rung without one.")
    reason: str
    signature: Signature
