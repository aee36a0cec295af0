"""The anatomy of the day as one strict JSON document with a published, versioned schema."""

import math
from dataclasses import asdict
from typing import Any, Final

from pydantic import AwareDatetime, Field

import isoguide
from isoguide.course import FieldFigures, StructureOfDay
from isoguide.dose.density import disagreement
from isoguide.geometry.frames import Array
from isoguide.registration.deformable.quality import LIMIT_SOURCES
from isoguide.workflow.assess.assess import Assessment
from isoguide.workflow.assess.protocol_limits import quality_limits
from isoguide.workflow.documents import Record
from isoguide.workflow.dose.document import DayDoseDocument, day_dose_document
from isoguide.workflow.radiographs.strict_json import schema_text
from isoguide.workflow.result_json import daily_json, plain_json, planning_json

SCHEMA_FILE: Final = "assessment-1.json"
SCHEMA_VERSION: Final = "1.1"
"""Major: a reader of the previous one may break. Minor: fields were added."""
_Vector = tuple[float, float, float]
_Row = tuple[float, float, float, float]


class MatchDocument(Record):
    """The rigid match below the deformation."""

    verdict: str
    reasons: tuple[str, ...]
    planning_from_daily: tuple[_Row, _Row, _Row, _Row] | None = Field(
        description="DICOM LPS, mm; null where there is no match."
    )
    similarity: float | None
    uncertainty_at_target_mm: float | None = Field(description="95 %, where it is largest.")
    algorithm: str


class LimitDocument(Record):
    """What a figure has to reach for the field to be for decision."""

    value: float
    source: str = Field(description="Guideline, protocol, or isoguide's own choice.")


class QualityDocument(Record):
    """Quality of the displacement field (AAPM TG-132), in the body that the day's image shows."""

    jacobian_least: float = Field(description="Determinant: 1 keeps the volume, 0 and below folds.")
    jacobian_largest: float
    folded_fraction: float
    inconsistency_mean_mm: float | None = Field(description="Tissue matched there and back misses itself.")
    inconsistency_p95_mm: float | None
    bone_strain_p95: float | None = Field(description="Change of lengths in bone, mm per mm.")
    longest_mm: float
    similarity_before: float
    similarity_after: float
    landmark_mean_mm: float | None
    landmark_largest_mm: float | None
    landmarks: int


class FieldDocument(Record):
    """The displacement field: tissue at x of the planning CT is found at x + u(x), patient as planned."""

    algorithm: str
    settings: dict[str, Any]
    nodes: tuple[int, int, int] = Field(description="Along x, y, z of the grid.")
    spacing_mm: _Vector
    origin_mm: _Vector
    quality: QualityDocument
    limits: dict[str, LimitDocument]


class StructureDocument(Record):
    """One structure today beside the plan; patient LPS, the patient put where the rigid match puts him."""

    name: str
    is_target: bool
    planned_volume_ml: float
    volume_ml: float
    volume_sigma_ml: float = Field(description="Standard deviation from that of the field.")
    volume_change_percent: float
    shift_mm: _Vector = Field(description="Centre today minus planned: left, back, head positive.")
    planned_extent_mm: _Vector
    extent_mm: _Vector
    surface_mean_mm: float = Field(description="Outwards positive.")
    surface_p95_mm: float = Field(description="Of the distance either way.")
    surface_largest_mm: float
    seen_fraction: float = Field(description="Share of it that the day's image shows.")
    dice: float | None = Field(description="With what was drawn on the day's image.")
    mean_distance_mm: float | None
    hausdorff_p95_mm: float | None


class NotAssessedDocument(Record):
    """A structure of the plan that is left out."""

    name: str
    reason: str


class DensityDocument(Record):
    """The density of the day for dose, and how far another method disagrees in the body that both show."""

    method: str
    compared_with: str
    mean_hu: float = Field(description="The one minus the other.")
    mean_absolute_hu: float
    p95_hu: float
    far_apart_fraction: float = Field(description="Share of the body that differs by more than 100 HU.")


class PlanDocument(Record):
    """The plan."""

    sop_instance_uid: str
    label: str
    approval_status: str


class StructureSetDocument(Record):
    """The structure set of the plan."""

    sop_instance_uid: str
    label: str


class InputDocument(Record):
    """One of the two images and what came with it."""

    path: str
    kind: str = Field(description="DICOM or volume file.")
    content_sha256: str
    patient_id: str | None = None
    modality: str | None = None
    description: str | None = None
    acquired_at: str | None = Field(default=None, description="By the clock of the room.")
    study_instance_uid: str | None = None
    series_instance_uid: str | None = None
    frame_of_reference_uid: str | None = None
    images: int | None = None
    plan: PlanDocument | None = None
    structure_set: StructureSetDocument | None = None


class InputsDocument(Record):
    """What was assessed."""

    planning: InputDocument
    daily: InputDocument


class AssessmentDocument(Record):
    """What ``isoguide assess --json`` prints and ``assessment.json`` holds."""

    schema_version: str
    version: str = Field(description="Of isoguide.")
    created_at: AwareDatetime
    verdict: str = Field(description="for decision, not for decision, or not available.")
    reasons: tuple[str, ...]
    alerts: tuple[str, ...] = Field(description="Beyond a limit of the protocol on this day.")
    warnings: tuple[str, ...]
    approximations: tuple[str, ...] = Field(description="What is assumed rather than seen.")
    match: MatchDocument
    field: FieldDocument | None = Field(description="Null exactly when the verdict is not available.")
    target: str | None
    structures: tuple[StructureDocument, ...] = Field(description="The target first.")
    not_assessed: tuple[NotAssessedDocument, ...]
    density: DensityDocument | None
    dose: DayDoseDocument | None = Field(default=None, description="Null where nobody asked for it.")
    protocol: str | None
    inputs: InputsDocument
    timing_s: dict[str, float]


def assessment_document(assessment: Assessment) -> AssessmentDocument:
    """Describe an assessment as plain values."""
    anatomy, alignment = assessment.anatomy, assessment.alignment
    left_out = anatomy.not_assessed if anatomy is not None else ()
    return AssessmentDocument(
        schema_version=SCHEMA_VERSION,
        version=isoguide.__version__,
        created_at=assessment.created_at,
        verdict=assessment.verdict.value,
        reasons=assessment.reasons,
        alerts=assessment.alerts,
        warnings=assessment.warnings,
        approximations=anatomy.approximations if anatomy is not None else (),
        match=_match(assessment),
        field=_field(assessment),
        target=alignment.target.name if alignment.target is not None else None,
        structures=tuple(_structure(one) for one in (anatomy.structures if anatomy is not None else ())),
        not_assessed=tuple(NotAssessedDocument(name=one.name, reason=one.reason) for one in left_out),
        density=_density(assessment),
        dose=_dose(assessment),
        protocol=assessment.request.protocol,
        inputs=InputsDocument(
            planning=InputDocument(**planning_json(alignment.planning)),
            daily=InputDocument(**daily_json(alignment.daily)),
        ),
        timing_s={step: round(seconds, 3) for step, seconds in sorted(assessment.timing_s.items())},
    )


def assessment_schema_text() -> str:
    """Write the schema as the file ``docs/schema/assessment-1.json`` holds it."""
    return schema_text(AssessmentDocument)


def _match(assessment: Assessment) -> MatchDocument:
    matched = assessment.alignment.registration
    placed, quality, uncertainty = matched.planning_from_daily, matched.quality, matched.uncertainty
    return MatchDocument(
        verdict=assessment.alignment.verdict.value,
        reasons=assessment.alignment.reasons,
        planning_from_daily=placed.matrix.tolist() if placed is not None else None,
        similarity=_finite(quality.similarity) if quality is not None else None,
        uncertainty_at_target_mm=_finite(uncertainty.largest_at_target_mm)
        if uncertainty is not None
        else None,
        algorithm=matched.algorithm,
    )


def _field(assessment: Assessment) -> FieldDocument | None:
    anatomy = assessment.anatomy
    if anatomy is None or anatomy.figures is None or anatomy.found.field is None:
        return None
    grid = anatomy.found.field.grid
    k, j, i = grid.shape
    return FieldDocument(
        algorithm=anatomy.found.algorithm,
        settings=plain_json(anatomy.found.settings),
        nodes=(i, j, k),
        spacing_mm=_three(grid.spacing_mm),
        origin_mm=_three(grid.origin_mm),
        quality=_quality(anatomy.figures),
        limits=_limits(assessment),
    )


def _quality(figures: FieldFigures) -> QualityDocument:
    return QualityDocument(**asdict(figures))


def _limits(assessment: Assessment) -> dict[str, LimitDocument]:
    """Say what the figures are held against, and where each limit comes from."""
    usual, used = quality_limits(None), quality_limits(assessment.limits)
    said = {}
    for name, source in LIMIT_SOURCES.items():
        value = float(getattr(used, name))
        changed = value != float(getattr(usual, name))
        where = f"protocol {assessment.request.protocol}" if changed else source
        said[name] = LimitDocument(value=value, source=where)
    return said


def _structure(one: StructureOfDay) -> StructureDocument:
    return StructureDocument(
        name=one.name,
        is_target=one.is_target,
        planned_volume_ml=one.planned_volume_ml,
        volume_ml=one.volume_ml,
        volume_sigma_ml=one.volume_sigma_ml,
        volume_change_percent=one.volume_change_percent,
        shift_mm=_three(one.shift_mm),
        planned_extent_mm=_three(one.planned_extent_mm),
        extent_mm=_three(one.extent_mm),
        surface_mean_mm=one.surface_mean_mm,
        surface_p95_mm=one.surface_p95_mm,
        surface_largest_mm=one.surface_largest_mm,
        seen_fraction=one.seen_fraction,
        dice=one.dice,
        mean_distance_mm=one.mean_distance_mm,
        hausdorff_p95_mm=one.hausdorff_p95_mm,
    )


def _density(assessment: Assessment) -> DensityDocument | None:
    anatomy = assessment.anatomy
    if anatomy is None or not anatomy.density:
        return None
    first, second = anatomy.density
    differ = disagreement(first, second)
    return DensityDocument(
        method=first.method.value,
        compared_with=second.method.value,
        mean_hu=differ.mean_hu,
        mean_absolute_hu=differ.mean_absolute_hu,
        p95_hu=differ.p95_hu,
        far_apart_fraction=differ.far_apart_fraction,
    )


def _dose(assessment: Assessment) -> DayDoseDocument | None:
    found = assessment.dose
    return None if found is None else day_dose_document(found.planned, found.day, found.alerts)


def _finite(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def _three(values: Array) -> tuple[float, float, float]:
    x, y, z = (float(value) for value in values)
    return x, y, z
