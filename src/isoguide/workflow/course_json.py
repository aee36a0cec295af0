"""A course as one strict JSON document with a published, versioned schema."""

import json
from typing import Any, Final, Literal

from pydantic import Field

import isoguide
from isoguide.geometry.correction import ANGLE_ORDER, CouchCorrection
from isoguide.virtual.truth import Residual
from isoguide.workflow.course import Course, TreatedFraction
from isoguide.workflow.course_anatomy import AssessedFraction
from isoguide.workflow.course_dose_json import DeliveredRecord, delivered_record
from isoguide.workflow.documents import Record
from isoguide.workflow.review.anatomy_json import AnatomyRecord, anatomy_record
from isoguide.workflow.review.record_parts import three

SCHEMA_VERSION: Final = "1.3"
"""Major: a reader of the previous one may break. Minor: fields were added."""
SCHEMA_FILE: Final = "course-1.json"


class CorrectionRecord(Record):
    """Six numbers in IEC 61217 fixed axes: translate first, then rotate about the machine isocentre."""

    lateral_mm: float
    longitudinal_mm: float
    vertical_mm: float
    pitch_deg: float
    roll_deg: float
    yaw_deg: float


class ResidualRecord(Record):
    """Truth: where the target is minus where it should be."""

    mean_shift_mm: tuple[float, float, float] = Field(description="IEC fixed x, y, z.")
    mean_mm: float
    largest_mm: float
    angle_deg: float


class EntryRecord(Record):
    """A line of the fraction's journal."""

    seconds: float
    event: str
    state: str
    detail: str


class TrueChangeRecord(Record):
    """Truth: how one structure differs from the planning CT on the day."""

    structure: str
    volume_percent: float
    shift_mm: tuple[float, float, float] | None = Field(
        description="Patient LPS, the patient put where the match puts him; null without a match."
    )


class DayAnatomyRecord(Record):
    """The assessment of the day's image; what it measured stands in the anatomy of the course."""

    verdict: str
    alerts: tuple[str, ...] = Field(description="As they were kept on that day.")
    truth: tuple[TrueChangeRecord, ...]


class FractionRecord(Record):
    """One fraction beside its truth."""

    number: int
    started_at: str
    imaging_model: str
    images: int
    state: Literal["closed", "stopped"]
    reason: str
    beam_is_off: bool = Field(description="Truth at the end, whatever the machine says.")
    delivered_mu: float
    measured_correction: CorrectionRecord | None = Field(
        description="The first correction that an image called for."
    )
    corrections: tuple[CorrectionRecord, ...] = Field(description="Those the couch was sent to make.")
    truth_at_set_up: ResidualRecord = Field(
        description="Before any correction, in the mean over the first exposure."
    )
    needed_correction: CorrectionRecord = Field(
        description="Truth: what would have brought the target to its place from there."
    )
    set_up_correction: CorrectionRecord = Field(
        description="Truth: what would have undone how the patient as a whole lay: what bones show. Differs "
        "from needed_correction where the patient breathes or has changed."
    )
    truth_at_beam: ResidualRecord | None = Field(
        description="In the mean over the time of radiation; null: there was none."
    )
    excursion_mm: float | None = Field(
        description="Truth: largest mean distance of the target at 144 moments of radiation."
    )
    day: dict[str, float] = Field(description="What was drawn for this day, by name with unit.")
    as_expected: bool
    surprises: tuple[str, ...]
    anatomy: DayAnatomyRecord | None = Field(description="Null where it was not assessed.")
    journal: tuple[EntryRecord, ...]


class CourseRecord(Record):
    """Result of isoguide simulate and isoguide demo."""

    schema_version: str
    version: str
    title: str
    patient: str
    seed: int
    angle_order: str
    as_expected: bool
    surprises: tuple[str, ...]
    fractions: tuple[FractionRecord, ...]
    anatomy: AnatomyRecord | None = Field(description="Over the course; null where nobody asked.")
    dose: DeliveredRecord | None = Field(
        description="Truth: what the patient got, with and without image guidance; null where nobody asked."
    )


def course_text(course: Course) -> str:
    """Write a course as strict JSON with a final line break; the same course gives the same text."""
    return course_record(course).model_dump_json(indent=2) + "\n"


def course_schema() -> dict[str, Any]:
    """Return the JSON schema (draft 2020-12) of :func:`course_text`."""
    schema = CourseRecord.model_json_schema(mode="serialization")
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def course_schema_text() -> str:
    """Write the schema as the file ``docs/schema/course-1.json`` holds it."""
    return json.dumps(course_schema(), indent=2, ensure_ascii=False) + "\n"


def course_record(course: Course) -> CourseRecord:
    """Describe a course as plain values."""
    return CourseRecord(
        schema_version=SCHEMA_VERSION,
        version=isoguide.__version__,
        title=course.scenario.title,
        patient=course.patient_name,
        seed=course.scenario.seed,
        angle_order=ANGLE_ORDER,
        as_expected=not course.surprises,
        surprises=course.surprises,
        fractions=tuple(_fraction(fraction) for fraction in course.fractions),
        anatomy=None if course.anatomy is None else anatomy_record(course.anatomy.trend),
        dose=None if course.dose is None else delivered_record(course.dose),
    )


def _fraction(fraction: TreatedFraction) -> FractionRecord:
    outcome, treated = fraction.outcome, fraction.treated
    return FractionRecord(
        number=fraction.number,
        started_at=fraction.started_at.isoformat(),
        imaging_model=fraction.imaging_model,
        images=fraction.images_taken,
        state="closed" if outcome.state.value == "closed" else "stopped",
        reason=outcome.reason,
        beam_is_off=fraction.beam_is_off,
        delivered_mu=round(outcome.delivered_mu, 3),
        measured_correction=correction_record(fraction.measured) if fraction.measured is not None else None,
        corrections=tuple(correction_record(correction) for correction in outcome.corrections),
        truth_at_set_up=_residual(fraction.set_up.residual),
        needed_correction=correction_record(fraction.set_up.needed),
        set_up_correction=correction_record(fraction.set_up.set_up),
        truth_at_beam=_residual(treated.residual) if treated is not None else None,
        excursion_mm=treated.excursion_mm if treated is not None else None,
        day=dict(fraction.day),
        as_expected=not fraction.surprises,
        surprises=fraction.surprises,
        anatomy=None if fraction.anatomy is None else _day_anatomy(fraction.anatomy),
        journal=tuple(
            EntryRecord(
                seconds=round(seconds, 3),
                event=entry.event.value,
                state=entry.state_after.value,
                detail=entry.detail,
            )
            for seconds, entry in fraction.entries
        ),
    )


def _day_anatomy(found: AssessedFraction) -> DayAnatomyRecord:
    return DayAnatomyRecord(
        verdict=found.record.verdict,
        alerts=found.record.alerts,
        truth=tuple(
            TrueChangeRecord(
                structure=name,
                volume_percent=change.volume_percent,
                shift_mm=None if change.shift_mm is None else three(change.shift_mm),
            )
            for name, change in found.truth.items()
        ),
    )


def correction_record(correction: CouchCorrection) -> CorrectionRecord:
    """Describe a couch correction as plain values."""
    return CorrectionRecord(**{name: getattr(correction, name) for name in CorrectionRecord.model_fields})


def _residual(residual: Residual) -> ResidualRecord:
    x_mm, y_mm, z_mm = (float(value) for value in residual.mean_shift_mm)
    return ResidualRecord(
        mean_shift_mm=(x_mm, y_mm, z_mm),
        mean_mm=residual.mean_mm,
        largest_mm=residual.largest_mm,
        angle_deg=residual.angle_deg,
    )
