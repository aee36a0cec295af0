"""The anatomy of a day: what an assessment says, and what is drawn of it."""

from datetime import datetime
from typing import Any, Literal, Self

from pydantic import ConfigDict, Field

from isoguide.course.assessment import AssessmentRecord, StructureOfDay
from isoguide.course.dose_of_day import DoseRecord
from isoguide.registration.deformable.quality import QualityLimits
from isoguide.service.documents.base import Document, Sixteen, Three, three
from isoguide.service.documents.images import StructureDocument, VolumeHeader
from isoguide.workflow.clinic.anatomy_figures import FigureLine, figure_lines

FieldVerdictName = Literal["for decision", "not for decision", "not available"]


class StructureOfDayDocument(Document):
    """One structure of the plan as it is today, beside the plan."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "name": "GTV",
                    "is_target": True,
                    "planned_volume_ml": 31.4,
                    "volume_ml": 24.9,
                    "volume_sigma_ml": 0.8,
                    "volume_change_percent": -20.7,
                    "shift_mm": [1.1, -0.4, 0.2],
                    "planned_extent_mm": [38.0, 41.0, 45.0],
                    "extent_mm": [35.2, 37.8, 41.9],
                    "surface_mean_mm": -1.6,
                    "surface_p95_mm": 2.9,
                    "surface_largest_mm": 3.8,
                    "seen_fraction": 1.0,
                    "dice": None,
                    "mean_distance_mm": None,
                    "hausdorff_p95_mm": None,
                }
            ]
        }
    )

    name: str
    is_target: bool
    planned_volume_ml: float
    volume_ml: float
    volume_sigma_ml: float = Field(description="Standard deviation of today's volume.")
    volume_change_percent: float = Field(description="Against the plan.")
    shift_mm: Three = Field(description="Centre today minus planned, patient LPS, after the rigid match.")
    planned_extent_mm: Three
    extent_mm: Three = Field(description="Of the box around it along x, y, z (LPS).")
    surface_mean_mm: float = Field(description="Outwards is positive.")
    surface_p95_mm: float
    surface_largest_mm: float
    seen_fraction: float = Field(description="Share of it that the day's image shows.")
    dice: float | None = Field(description="Agreement with what was drawn on the day's image; null likewise.")
    mean_distance_mm: float | None
    hausdorff_p95_mm: float | None

    @classmethod
    def of(cls, one: StructureOfDay) -> Self:
        """Return a structure as a document."""
        values: dict[str, Any] = {name: getattr(one, name) for name in cls.model_fields}
        for name in ("shift_mm", "planned_extent_mm", "extent_mm"):
            values[name] = three(values[name])
        return cls(**values)


class FieldFigureDocument(Document):
    """One figure of the quality of the displacement field (AAPM TG-132), beside its limit."""

    name: str
    value: float | None = Field(description="Null where it was not measured.")
    unit: str = Field(description="Empty where it has none.")
    decimals: int
    limit: str = Field(description="In words, such as 'at most 3 mm'; empty where there is none.")
    is_kept: bool | None = Field(
        description="Whether the value is within the limit; null without one, or without a value."
    )

    @classmethod
    def of(cls, line: FigureLine) -> Self:
        """Return a figure as a document."""
        return cls.model_validate(line)


class FoundDocument(Document):
    """What the assessment and the dose of a day have in common, as they are kept."""

    image_uid: str
    verdict: FieldVerdictName
    is_for_decision: bool = Field(
        description="Whether anything of it may be decided on: otherwise all of it is for looking only."
    )
    reasons: tuple[str, ...]
    approximations: tuple[str, ...] = Field(description="What was assumed rather than known.")
    outdated_because: str = Field(
        description="Why it does not hold for the match and anatomy that count now; empty where it does."
    )
    alerts: tuple[str, ...]
    algorithm: str
    version: str

    @classmethod
    def found(cls, record: AssessmentRecord | DoseRecord, outdated_because: str, **own: Any) -> Self:
        """Return what was found as a document; ``own`` is what only this kind has."""
        said: dict[str, Any] = {
            "is_for_decision": record.is_for_decision and not outdated_because,
            "outdated_because": outdated_because,
        }
        same = {name: getattr(record, name) for name in FoundDocument.model_fields if name not in said}
        return cls(**same, **said, **own)


class AssessmentDocument(FoundDocument):
    """What an assessment of the anatomy of a day says; its alerts: why re-planning should be considered."""

    assessed_at: datetime
    figures: tuple[FieldFigureDocument, ...]
    structures: tuple[StructureOfDayDocument, ...] = Field(description="The target first.")

    @classmethod
    def of(cls, record: AssessmentRecord, outdated_because: str, limits: QualityLimits) -> Self:
        """Return an assessment as a document."""
        return cls.found(
            record,
            outdated_because,
            assessed_at=record.assessed_at,
            figures=tuple(map(FieldFigureDocument.of, figure_lines(record.figures, limits))),
            structures=tuple(map(StructureOfDayDocument.of, record.structures)),
        )


class DeformationPictures(Document):
    """What is drawn of an assessment: for looking, whatever its verdict is."""

    planning_from_daily: Sixteen = Field(description="The rigid match that the deformation builds on.")
    plan: VolumeHeader = Field(description="The planning CT in the day's body, HU, planning LPS.")
    shift_x: VolumeHeader = Field(
        description="Displacement of tissue along x in 1/100 mm, planning LPS: what the plan has at a place "
        "has moved by so much, after the rigid match; -32768 where the day's image does not show the tissue."
    )
    shift_y: VolumeHeader
    shift_z: VolumeHeader
    volume_ratio: VolumeHeader = Field(
        description="What a volume of tissue has become, in thousandths of what it was (Jacobian)."
    )
    longest_mm: float = Field(description="Longest displacement that is drawn.")
    structures: tuple[StructureDocument, ...] = Field(description="As they are today, daily LPS.")
    not_drawn: tuple[str, ...]


class AnatomyDocument(Document):
    """The anatomy of the day as one image shows it."""

    image_uid: str
    assessment: AssessmentDocument | None
    not_possible_because: str = Field(description="Why it cannot be assessed; empty where it can.")
    pictures: DeformationPictures | None
    no_pictures_because: str = Field(description="Empty where there are pictures.")
