"""The review of a population as one strict JSON document with a published, versioned schema."""

import json
from typing import Any, Final

from pydantic import Field

import isoguide
from isoguide.review.estimate import Estimate
from isoguide.review.groups import AxisStatistics, GroupStatistics
from isoguide.review.replay import SchemeResult
from isoguide.workflow.review.population_words import (
    Population,
    group_name,
    has_coverage,
    has_enough,
    is_inside,
    lead_words,
    left_out_words,
    true_values,
    why_not,
)
from isoguide.workflow.review.record_parts import (
    SCHEMA_VERSION,
    ConductRecord,
    DoseRecord,
    EstimateRecord,
    LengthsRecord,
    MarginRecord,
    Record,
)

POPULATION_SCHEMA_FILE: Final = "population-review-1.json"


class AxisRecord(Record):
    """One axis of one group, mm or degrees as its name says."""

    axis: str
    mean: EstimateRecord = Field(description="M.")
    systematic: EstimateRecord | None = Field(description="Σ; null with too few patients.")
    random: EstimateRecord = Field(description="σ, the error of the match in it.")
    observed: float | None = Field(description="Standard deviation of the patients' means.")
    systematic_variance: float | None = Field(description="Σ² before a negative one was taken for zero.")
    random_without_measurement: float | None


class GroupRecord(Record):
    """One group."""

    by: str
    name: str
    position: str = Field(description="Whose errors: from the marks, or after correction.")
    patients: int
    measurements: int
    not_available: str = Field(description="Why Σ and margins are null or empty; empty where they are not.")
    axes: tuple[AxisRecord, ...]
    lengths: LengthsRecord | None
    margins: tuple[MarginRecord, ...]
    conduct: ConductRecord
    doses: tuple[DoseRecord, ...]


class DriftRecord(Record):
    """A patient who drifts on one axis, per fraction."""

    course_id: str
    patient: str
    axis: str
    per_fraction: float
    p_value: float
    adjusted: float


class OutlierRecord(Record):
    """A patient who stands out on one axis by his mean or spread."""

    course_id: str
    patient: str
    axis: str
    by: str
    value: float
    score: float = Field(description="Modified z score.")


class SchemeAxisRecord(Record):
    """What a scheme would have left on one axis, mm."""

    axis: str
    mean: EstimateRecord
    systematic: EstimateRecord
    random: EstimateRecord


class SchemeRecord(Record):
    """What a scheme would have left, and how many images a patient it takes."""

    name: str
    patients: int
    days: int
    images_per_patient: float
    axes: tuple[SchemeAxisRecord, ...]
    margins: tuple[MarginRecord, ...]
    lengths: LengthsRecord | None


class CoverageRecord(Record):
    """Share of patients whose whole target reaches 95 % within a margin, treated at their marks.

    The dose is that in water: recipes for lung are left out.
    """

    margin: str
    covered: EstimateRecord


class TruthRecord(Record):
    """What one number of a simulated population is, and whether its interval holds it."""

    axis: str
    quantity: str
    truth: float
    is_inside: bool


class PopulationReviewRecord(Record):
    """Result of isoguide review population."""

    schema_version: str
    version: str
    by: str = Field(description="How the groups differ that the page draws; all groupings are here.")
    courses: int
    fractions: int
    measurements: int
    in_words: tuple[str, ...]
    left_out: tuple[str, ...]
    truth: tuple[TruthRecord, ...] = Field(description="Empty for a real population.")
    groups: tuple[GroupRecord, ...]
    drifts_tested: int
    drifts: tuple[DriftRecord, ...]
    outliers: tuple[OutlierRecord, ...]
    schemes: tuple[SchemeRecord, ...] = Field(description="Empty with too few patients.")
    coverages: tuple[CoverageRecord, ...] = Field(description="Empty with too few patients.")


def population_review_text(population: Population) -> str:
    """Write a review as strict JSON with a final line break; the same courses give the same text."""
    return population_review_record(population).model_dump_json(indent=2) + "\n"


def population_review_schema() -> dict[str, Any]:
    """Return the JSON schema (draft 2020-12) of :func:`population_review_text`."""
    schema = PopulationReviewRecord.model_json_schema(mode="serialization")
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def population_review_schema_text() -> str:
    """Write the schema as the file ``docs/schema/population-review-1.json`` holds it."""
    return json.dumps(population_review_schema(), indent=2, ensure_ascii=False) + "\n"


def population_review_record(population: Population) -> PopulationReviewRecord:
    """Describe a review as plain values."""
    review, everybody = population.review, population.everybody
    is_enough = everybody is not None and has_enough(everybody)
    return PopulationReviewRecord(
        schema_version=SCHEMA_VERSION,
        version=isoguide.__version__,
        by=population.by.value,
        courses=review.courses,
        fractions=sum(len(history.fractions) for history in population.histories),
        measurements=review.measurements,
        in_words=lead_words(population),
        left_out=left_out_words(population),
        truth=_truth(population),
        groups=tuple(_group(group) for group in review.groups),
        drifts_tested=review.drifts_tested,
        drifts=tuple(DriftRecord.model_validate(drift) for drift in review.drifts),
        outliers=tuple(OutlierRecord.model_validate(outlier) for outlier in review.outliers),
        schemes=tuple(_scheme(scheme) for scheme in review.schemes) if is_enough else (),
        coverages=tuple(
            CoverageRecord(margin=margin.name, covered=_estimate(coverage.covered))
            for margin, coverage in (review.coverages if is_enough else ())
            if has_coverage(margin)
        ),
    )


def _truth(population: Population) -> tuple[TruthRecord, ...]:
    everybody = population.everybody
    if population.truth is None or everybody is None or not has_enough(everybody):
        return ()
    return tuple(
        TruthRecord(
            axis=axis.axis,
            quantity=quantity,
            truth=float(values[at]),
            is_inside=is_inside(getattr(axis, quantity), float(values[at])),
        )
        for quantity, values in true_values(population.truth).items()
        for at, axis in enumerate(everybody.axes)
    )


def _group(group: GroupStatistics) -> GroupRecord:
    is_enough = has_enough(group)
    margins = group.margins if is_enough else ()
    return GroupRecord(
        by=group.by.value,
        name=group_name(group),
        position=group.position.value,
        patients=group.patients,
        measurements=group.measurements,
        not_available=why_not(group),
        axes=tuple(_axis(axis, is_enough=is_enough) for axis in group.axes),
        lengths=None if group.lengths is None else LengthsRecord.model_validate(group.lengths),
        margins=tuple(MarginRecord.model_validate(margin) for margin in margins),
        conduct=ConductRecord.model_validate(group.conduct),
        doses=tuple(DoseRecord.model_validate(dose) for dose in group.doses),
    )


def _axis(axis: AxisStatistics, *, is_enough: bool) -> AxisRecord:
    return AxisRecord(
        axis=axis.axis,
        mean=_estimate(axis.mean),
        systematic=_estimate(axis.systematic) if is_enough else None,
        random=_estimate(axis.random),
        observed=axis.observed if is_enough else None,
        systematic_variance=axis.systematic_variance if is_enough else None,
        random_without_measurement=axis.random_without_measurement,
    )


def _scheme(scheme: SchemeResult) -> SchemeRecord:
    return SchemeRecord(
        name=scheme.scheme.name,
        patients=scheme.patients,
        days=scheme.days,
        images_per_patient=scheme.images_per_patient,
        axes=tuple(
            SchemeAxisRecord(
                axis=axis.axis,
                mean=_estimate(axis.mean),
                systematic=_estimate(axis.systematic),
                random=_estimate(axis.random),
            )
            for axis in scheme.axes
        ),
        margins=tuple(MarginRecord.model_validate(margin) for margin in scheme.margins),
        lengths=None if scheme.lengths is None else LengthsRecord.model_validate(scheme.lengths),
    )


def _estimate(estimate: Estimate) -> EstimateRecord:
    return EstimateRecord.model_validate(estimate)
