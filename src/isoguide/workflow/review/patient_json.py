"""The review of one course as one strict JSON document with a published, versioned schema."""

import json
from typing import Any, Final

from pydantic import Field

import isoguide
from isoguide.course import CourseHistory, FractionSummary
from isoguide.geometry.correction import CouchCorrection
from isoguide.review.patient import PatientAxis, PatientReview, PatientScheme
from isoguide.workflow.review.anatomy_json import AnatomyRecord, anatomy_record
from isoguide.workflow.review.dose_json import CourseDoseRecord, dose_record
from isoguide.workflow.review.patient_words import (
    correction_words,
    has_charts,
    has_schemes,
    missing_words,
    signal_words,
)
from isoguide.workflow.review.record_parts import (
    SCHEMA_VERSION,
    ConductRecord,
    DoseRecord,
    EstimateRecord,
    Record,
    SixRecord,
    TestedRecord,
    Three,
    TrendRecord,
    six_record,
    three,
)

PATIENT_SCHEMA_FILE: Final = "patient-review-1.json"


class ExposureDoseRecord(Record):
    """Dose of one exposure."""

    value: float
    metric: str


class FractionRecord(Record):
    """One fraction as it is kept; null where it did not happen or is not known."""

    number: int
    at: str
    state: str
    measured: SixRecord | None = Field(
        description="Couch correction that the first usable image called for: minus the set-up error."
    )
    deviation: SixRecord | None = Field(description="Standard deviation of the measurement.")
    applied: SixRecord | None = Field(description="What the couch was sent to do after the image.")
    residual: SixRecord | None = Field(description="What the last image after that still called for.")
    offline: SixRecord | None = Field(description="Systematic correction that was made at set-up.")
    action: str
    rule: str
    overrides: tuple[str, ...]
    images: int
    doses: tuple[ExposureDoseRecord, ...]
    delivered_mu: float


class PositionRecord(Record):
    """Where the patient lay in a measured fraction, plan = 0."""

    number: int
    from_the_marks: SixRecord
    at_treatment: SixRecord = Field(description="By image and couch, after all corrections.")


class ChangeRecord(Record):
    """The likeliest change: the first fraction after it and the means around it."""

    from_fraction: int
    before: float
    after: float


class ChartsRecord(Record):
    """Limits and signals of the control charts; signals are fraction numbers."""

    centre: float
    deviation: float
    baseline_count: int
    individuals_limits: tuple[float, float]
    individuals_signals: tuple[int, ...]
    range_limit: float
    range_signals: tuple[int, ...]
    ewma: tuple[float, ...]
    ewma_lower: tuple[float, ...]
    ewma_upper: tuple[float, ...]
    ewma_signals: tuple[int, ...]
    cusum_above: tuple[float, ...]
    cusum_below: tuple[float, ...]
    cusum_limit: float
    cusum_signals: tuple[int, ...]


class CapabilityRecord(Record):
    """How the spread fits into 0 ± allowed."""

    allowed: float
    potential: EstimateRecord = Field(description="Cp.")
    actual: EstimateRecord = Field(description="Cpk.")
    beyond: float = Field(description="Share of days that a normal distribution puts outside.")


class PatientAxisRecord(Record):
    """One axis; null where there are too few measurements."""

    axis: str
    mean: EstimateRecord | None
    deviation: EstimateRecord | None
    trend: TrendRecord | None
    drifts: TestedRecord | None = Field(description="Mann-Kendall.")
    change: ChangeRecord | None
    changes: TestedRecord | None
    charts: ChartsRecord | None
    capability: CapabilityRecord | None


class PatientSchemeRecord(Record):
    """What a scheme would have left of the measured days, in their order."""

    name: str
    images: int
    mean_mm: Three
    residual_mm: tuple[Three, ...]


class PatientReviewRecord(Record):
    """Result of isoguide review patient."""

    schema_version: str
    version: str
    course_id: str
    patient: str
    site: str
    machine: str
    protocol: str
    device: str
    fractions_planned: int | None
    known_within_mm: float
    known_after: int | None = Field(
        description="Fraction after which the systematic shift was known within known_within_mm."
    )
    corrected_from: int | None = Field(
        description="Fraction from which on the mean position at treatment is within known_within_mm."
    )
    not_available: tuple[str, ...] = Field(description="What the data do not allow, and why.")
    signals: tuple[str, ...] = Field(description="Every signal of tests and charts, in words.")
    in_words: tuple[str, ...]
    fractions: tuple[FractionRecord, ...]
    positions: tuple[PositionRecord, ...]
    axes: tuple[PatientAxisRecord, ...]
    schemes: tuple[PatientSchemeRecord, ...] = Field(description="Empty with too few measurements.")
    conduct: ConductRecord
    doses: tuple[DoseRecord, ...]
    anatomy: AnatomyRecord | None = Field(
        description="How size, place and shape of target and organs changed; null where nobody asked."
    )
    dose: CourseDoseRecord | None = Field(
        description="What the treatment of the days delivered; null where nobody asked."
    )


def patient_review_text(review: PatientReview) -> str:
    """Write a review as strict JSON with a final line break; the same course gives the same text."""
    return patient_review_record(review).model_dump_json(indent=2) + "\n"


def patient_review_schema() -> dict[str, Any]:
    """Return the JSON schema (draft 2020-12) of :func:`patient_review_text`."""
    schema = PatientReviewRecord.model_json_schema(mode="serialization")
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def patient_review_schema_text() -> str:
    """Write the schema as the file ``docs/schema/patient-review-1.json`` holds it."""
    return json.dumps(patient_review_schema(), indent=2, ensure_ascii=False) + "\n"


def patient_review_record(review: PatientReview) -> PatientReviewRecord:
    """Describe a review as plain values."""
    course = review.course
    return PatientReviewRecord(
        schema_version=SCHEMA_VERSION,
        version=isoguide.__version__,
        **{name: getattr(course, name) for name in _HEAD},
        known_within_mm=review.settings.known_mm,
        known_after=review.known_after,
        corrected_from=review.corrected_from,
        not_available=missing_words(review),
        signals=signal_words(review),
        in_words=correction_words(review),
        fractions=_fractions(course),
        positions=tuple(
            PositionRecord(number=number, from_the_marks=six_record(error), at_treatment=six_record(treated))
            for number, error, treated in zip(review.numbers, review.errors, review.treated, strict=True)
        ),
        axes=tuple(_axis(axis, review) for axis in review.axes),
        schemes=tuple(_scheme(scheme) for scheme in review.schemes) if has_schemes(review) else (),
        conduct=ConductRecord.model_validate(review.conduct),
        doses=tuple(DoseRecord.model_validate(dose) for dose in review.doses),
        anatomy=None if review.anatomy is None else anatomy_record(review.anatomy),
        dose=None if review.dose is None else dose_record(review.dose),
    )


_HEAD: Final = ("course_id", "patient", "site", "machine", "protocol", "device", "fractions_planned")


def _fractions(course: CourseHistory) -> tuple[FractionRecord, ...]:
    return tuple(_fraction(summary) for summary in course.fractions)


def _fraction(summary: FractionSummary) -> FractionRecord:
    return FractionRecord(
        number=summary.number,
        at=summary.at.isoformat(),
        state=summary.state,
        measured=_six(summary.measured),
        deviation=None if summary.deviation is None else six_record(summary.deviation),
        applied=_six(summary.applied),
        residual=_six(summary.residual),
        offline=_six(summary.offline),
        action=summary.action,
        rule=summary.rule,
        overrides=summary.overrides,
        images=summary.images,
        doses=tuple(ExposureDoseRecord.model_validate(dose) for dose in summary.doses),
        delivered_mu=summary.delivered_mu,
    )


def _six(correction: CouchCorrection | None) -> SixRecord | None:
    return None if correction is None else SixRecord.model_validate(correction)


def _axis(axis: PatientAxis, review: PatientReview) -> PatientAxisRecord:
    change = axis.change
    return PatientAxisRecord(
        axis=axis.axis,
        mean=_estimate(axis.mean),
        deviation=_estimate(axis.deviation),
        trend=None if axis.trend is None else TrendRecord.model_validate(axis.trend),
        drifts=None if axis.drifts is None else TestedRecord.model_validate(axis.drifts),
        change=None
        if change is None
        else ChangeRecord(
            from_fraction=review.numbers[change.position], before=change.before, after=change.after
        ),
        changes=None if axis.changes is None else TestedRecord.model_validate(axis.changes),
        charts=_charts(axis, review.numbers) if has_charts(review) else None,
        capability=None if axis.capability is None else CapabilityRecord.model_validate(axis.capability),
    )


def _estimate(estimate: object) -> EstimateRecord | None:
    return None if estimate is None else EstimateRecord.model_validate(estimate)


def _charts(axis: PatientAxis, numbers: tuple[int, ...]) -> ChartsRecord | None:
    individuals, ewma, cusum = axis.individuals, axis.ewma, axis.cusum
    if individuals is None or ewma is None or cusum is None:
        return None

    def days(signals: tuple[int, ...]) -> tuple[int, ...]:
        return tuple(numbers[at] for at in signals)

    return ChartsRecord(
        centre=individuals.baseline.centre,
        deviation=individuals.baseline.deviation,
        baseline_count=individuals.baseline.count,
        individuals_limits=(individuals.lower, individuals.upper),
        individuals_signals=days(individuals.signals),
        range_limit=individuals.range_upper,
        range_signals=days(individuals.range_signals),
        ewma=tuple(ewma.averages.tolist()),
        ewma_lower=tuple(ewma.lower.tolist()),
        ewma_upper=tuple(ewma.upper.tolist()),
        ewma_signals=days(ewma.signals),
        cusum_above=tuple(cusum.above.tolist()),
        cusum_below=tuple(cusum.below.tolist()),
        cusum_limit=cusum.limit,
        cusum_signals=days(cusum.signals),
    )


def _scheme(scheme: PatientScheme) -> PatientSchemeRecord:
    return PatientSchemeRecord(
        name=scheme.scheme.name,
        images=scheme.images,
        mean_mm=three(scheme.mean_mm),
        residual_mm=tuple(three(day) for day in scheme.residual_mm),
    )
