"""The anatomy of a day: what an assessment says, what is drawn of it, and how it went over the course."""

from datetime import datetime
from typing import Any, Literal, Self

from pydantic import ConfigDict, Field

from isoguide.course.assessment import AssessmentRecord, StructureOfDay
from isoguide.registration.deformable.quality import QualityLimits
from isoguide.review.anatomy_trends import AnatomyTrend, StructureDay, StructureSeries, alert_words
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


class AssessmentDocument(Document):
    """What an assessment of the anatomy of a day says, as it is kept."""

    image_uid: str
    assessed_at: datetime
    verdict: FieldVerdictName
    is_for_decision: bool = Field(
        description="Whether anything of it may be decided on: otherwise all of it is for looking only."
    )
    reasons: tuple[str, ...]
    approximations: tuple[str, ...] = Field(description="What was assumed rather than seen.")
    outdated_because: str = Field(
        description="Why it does not hold for the match that counts now; empty where it does."
    )
    figures: tuple[FieldFigureDocument, ...]
    structures: tuple[StructureOfDayDocument, ...] = Field(description="The target first.")
    alerts: tuple[str, ...] = Field(description="Why re-planning should be considered.")
    algorithm: str
    version: str

    @classmethod
    def of(cls, record: AssessmentRecord, outdated_because: str, limits: QualityLimits) -> Self:
        """Return an assessment as a document."""
        return cls.model_validate(
            {
                "image_uid": record.image_uid,
                "assessed_at": record.assessed_at,
                "verdict": record.verdict,
                "is_for_decision": record.is_for_decision and not outdated_because,
                "reasons": record.reasons,
                "approximations": record.approximations,
                "outdated_because": outdated_because,
                "figures": tuple(map(FieldFigureDocument.of, figure_lines(record.figures, limits))),
                "structures": tuple(map(StructureOfDayDocument.of, record.structures)),
                "alerts": record.alerts,
                "algorithm": record.algorithm,
                "version": record.version,
            }
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


class StructureOnDay(Document):
    """One structure on one assessed day of a course."""

    number: int = Field(description="Of the fraction.")
    volume_ml: float
    volume_sigma_ml: float
    volume_change_percent: float
    surface_mean_mm: float
    surface_p95_mm: float
    shift_mm: Three
    why_not: str = Field(description="Why nothing may be decided by it; empty where it counts.")

    @classmethod
    def of(cls, day: StructureDay) -> Self:
        """Return a day as a document."""
        found = StructureOfDayDocument.of(day.figures)
        own = {name: getattr(found, name) for name in cls.model_fields if hasattr(found, name)}
        return cls(number=day.fraction, why_not=day.why_not, **own)


class StructureOfCourse(Document):
    """One structure over the course."""

    name: str
    is_target: bool
    planned_volume_ml: float
    volume_limit_percent: float | None = Field(description="Of the protocol, either way; null for none.")
    days: tuple[StructureOnDay, ...]
    volume_slope_percent: float | None = Field(
        description="Change of the volume a fraction, of the days that count; null with too few."
    )


class AnatomyAlertDocument(Document):
    """Why re-planning should be considered, or was."""

    structure: str
    words: str
    since: int = Field(description="Fraction.")
    raised_in: int = Field(description="Fraction.")
    ended_in: int | None = Field(description="Fraction; null while it stands.")


class DayWithoutDecision(Document):
    """A day on which nothing may be decided."""

    number: int
    verdict: str
    reasons: tuple[str, ...]


class CourseAnatomyDocument(Document):
    """The anatomy over a course."""

    course_id: str
    structures: tuple[StructureOfCourse, ...] = Field(description="Targets first.")
    alerts: tuple[AnatomyAlertDocument, ...] = Field(description="Those that ended too.")
    undecided: tuple[DayWithoutDecision, ...]
    has_limits: bool = Field(description="Whether the protocol says when to consider re-planning.")

    @classmethod
    def of(cls, course_id: str, trend: AnatomyTrend) -> Self:
        """Return what a course says as a document."""
        return cls(
            course_id=course_id,
            structures=tuple(_structure(one, trend) for one in trend.structures),
            alerts=tuple(
                AnatomyAlertDocument(
                    structure=one.structure,
                    words=alert_words(one),
                    since=one.since,
                    raised_in=one.raised_in,
                    ended_in=one.ended_in,
                )
                for one in trend.alerts
            ),
            undecided=tuple(
                DayWithoutDecision(number=one.fraction, verdict=one.verdict, reasons=one.reasons)
                for one in trend.undecided
            ),
            has_limits=trend.instructions is not None,
        )


def _structure(one: StructureSeries, trend: AnatomyTrend) -> StructureOfCourse:
    limits = trend.instructions
    return StructureOfCourse(
        name=one.name,
        is_target=one.is_target,
        planned_volume_ml=one.days[-1].figures.planned_volume_ml,
        volume_limit_percent=None if limits is None else limits.limit("volume", is_target=one.is_target),
        days=tuple(map(StructureOnDay.of, one.days)),
        volume_slope_percent=one.volume.slope.value if one.volume is not None else None,
    )
