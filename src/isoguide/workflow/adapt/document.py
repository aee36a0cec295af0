"""The ladder of corrections as one strict JSON document with a published, versioned schema."""

from typing import Final

from pydantic import AwareDatetime, Field

import isoguide
from isoguide.adaptation.result import RungDose, RungResult
from isoguide.plan import Plan
from isoguide.workflow.adapt.adapt import Adaptation
from isoguide.workflow.adapt.files import folder_of
from isoguide.workflow.documents import Record
from isoguide.workflow.dose.day import DoseOrder
from isoguide.workflow.dose.document import (
    CalculationDocument,
    DosePlanDocument,
    GoalDocument,
    PrescriptionDocument,
    StructureDoseDocument,
    calculation_document,
    goal_documents,
    prescription_document,
    structure_documents,
)
from isoguide.workflow.radiographs.strict_json import schema_text

SCHEMA_FILE: Final = "adaptation-1.json"
SCHEMA_VERSION: Final = "1.0"
"""Major: a reader of the previous one may break. Minor: fields were added."""


class EffectDocument(Record):
    """The dose of one fraction in the patient of the day, and the goals of a course of such fractions."""

    structures: tuple[StructureDoseDocument, ...]
    goals: tuple[GoalDocument, ...]


class CouchDocument(Record):
    """How the couch moves: translate, then rotate about the machine isocentre, IEC fixed axes."""

    lateral_mm: float
    longitudinal_mm: float
    vertical_mm: float
    pitch_deg: float
    roll_deg: float
    yaw_deg: float


class CorrectedBeamDocument(Record):
    """A treatment beam of a corrected plan beside the planned one."""

    number: int
    name: str
    planned_mu: float | None
    meterset_mu: float | None


class RungDocument(Record):
    """One rung of the ladder."""

    rung: str
    is_available: bool
    reasons: tuple[str, ...] = Field(description="Why it is not available.")
    changes: tuple[str, ...] = Field(description="What it changes and what remains.")
    couch: CouchDocument | None
    beams: tuple[CorrectedBeamDocument, ...] = Field(description="Of its corrected plan; empty without one.")
    plan_uid: str | None = Field(description="SOPInstanceUID of its corrected plan, UNAPPROVED.")
    folder: str | None = Field(description="Where its files are, beside this document; null where none are.")
    effect: EffectDocument | None


class AdaptationDocument(Record):
    """What ``isoguide adapt --json`` prints and ``adapt.json`` holds."""

    schema_version: str
    version: str = Field(description="Of isoguide.")
    created_at: AwareDatetime
    patient_id: str | None
    plan: DosePlanDocument | None = Field(description="The predecessor; it is not changed.")
    verdict: str = Field(description="for decision, not for decision, or not available.")
    reasons: tuple[str, ...]
    couch: int | None = Field(description="Degrees of freedom that the couch corrects; null: it stays.")
    prescription: PrescriptionDocument | None
    calculation: CalculationDocument | None
    planned: EffectDocument | None
    ladder: tuple[RungDocument, ...]
    approximations: tuple[str, ...]
    warnings: tuple[str, ...]
    timing_s: dict[str, float]


def adaptation_document(answer: Adaptation) -> AdaptationDocument:
    """Describe the ladder as plain values."""
    series = answer.assessment.alignment.planning.series
    found = answer.assessment.dose
    order = None if found is None else found.planned.order
    placed = None if found is None else found.planned.placed
    return AdaptationDocument(
        schema_version=SCHEMA_VERSION,
        version=isoguide.__version__,
        created_at=answer.created_at,
        patient_id=None if series is None else series.patient.patient_id,
        plan=None if order is None else _plan(order.plan),
        verdict=answer.verdict.value,
        reasons=answer.reasons,
        couch=answer.request.couch,
        prescription=None if order is None else prescription_document(order),
        calculation=None if order is None or placed is None else calculation_document(order, placed.dose),
        planned=None
        if order is None or placed is None
        else EffectDocument(
            structures=structure_documents(order, placed.histograms), goals=goal_documents(placed.goals)
        ),
        ladder=() if order is None else tuple(_rung(one, order, answer) for one in answer.ladder),
        approximations=answer.approximations,
        warnings=answer.assessment.warnings,
        timing_s={step: round(seconds, 3) for step, seconds in sorted(answer.timing_s.items())},
    )


def adaptation_schema_text() -> str:
    """Write the schema as the file ``docs/schema/adaptation-1.json`` holds it."""
    return schema_text(AdaptationDocument)


def _plan(plan: Plan) -> DosePlanDocument:
    return DosePlanDocument(
        sop_instance_uid=plan.sop_instance_uid, label=plan.label, approval_status=plan.approval_status
    )


def _rung(one: RungResult, order: DoseOrder, answer: Adaptation) -> RungDocument:
    return RungDocument(
        rung=one.rung.value,
        is_available=one.is_available,
        reasons=one.reasons,
        changes=one.changes,
        couch=None
        if one.couch is None
        else CouchDocument(**{name: getattr(one.couch, name) for name in CouchDocument.model_fields}),
        beams=_beams(one.plan, order.plan),
        plan_uid=None if one.plan is None else one.plan.sop_instance_uid,
        folder=folder_of(one, answer),
        effect=None if one.effect is None else _effect(one.effect, order),
    )


def _effect(effect: RungDose, order: DoseOrder) -> EffectDocument:
    return EffectDocument(
        structures=structure_documents(order, effect.histograms), goals=goal_documents(effect.goals)
    )


def _beams(plan: Plan | None, planned: Plan) -> tuple[CorrectedBeamDocument, ...]:
    if plan is None:
        return ()
    return tuple(
        CorrectedBeamDocument(
            number=beam.number,
            name=beam.name,
            planned_mu=planned.beam(beam.number).meterset_mu,
            meterset_mu=beam.meterset_mu,
        )
        for beam in plan.beams
        if beam.is_treatment
    )
