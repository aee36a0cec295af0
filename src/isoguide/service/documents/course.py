"""The worklist and a course."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Self

from pydantic import ConfigDict, Field

from isoguide.course import Accessory, SimulationRecord
from isoguide.plan import Fiducial, SkinMark
from isoguide.records import CourseLine, FractionLine, StoredCourse
from isoguide.service.documents.base import CouchPose, Document, Three, three
from isoguide.workflow.clinic.asked import RoomSummary
from isoguide.workflow.clinic.course_facts import CourseFacts
from isoguide.workflow.clinic.second_look import PendingSignature
from isoguide.workflow.clinic.worklist import WorklistLine


class PatientDocument(Document):
    """Whose course: two identifiers and the name."""

    patient_id: str
    birth_date: str = Field(description="YYYYMMDD; empty for a course that was imported.")
    name: str = Field(description="As in DICOM, FAMILY^GIVEN.")

    @classmethod
    def of(cls, line: CourseLine) -> Self:
        """Return whose course it is."""
        return cls(patient_id=line.patient_id, birth_date=line.birth_date, name=line.patient_name)


class WaitingSignature(Document):
    """A first signature that waits for a second person."""

    by: str
    role: str
    action: str
    reason: str
    asked_at: datetime
    expires_at: datetime
    roles: tuple[str, ...] = Field(description="Who may answer: one of these roles, and another person.")
    not_second: str = Field("", description="Who matched by hand, and so cannot be that person.")

    @classmethod
    def of(cls, pending: PendingSignature) -> Self:
        """Return what waits as a document."""
        return cls(
            by=pending.asked_by.name,
            role=str(pending.asked_by.role),
            action=str(pending.action),
            reason=pending.reason,
            asked_at=pending.asked_at,
            expires_at=pending.expires_at,
            roles=tuple(map(str, pending.roles)),
            not_second=pending.not_second,
        )


class WorklistEntry(Document):
    """A course that goes on, and its next fraction."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "course_id": "C0001",
                    "patient": {"patient_id": "P-0815", "birth_date": "19530117", "name": "Doe^Jane"},
                    "site": "prostate",
                    "machine": "Linac 1",
                    "plan_label": "PROST20",
                    "protocol": "prostate-seeds v1",
                    "number": 7,
                    "fractions_planned": 20,
                    "fractions_treated": 6,
                    "is_open": True,
                    "state": "set up",
                    "next_step": "take an image and give its folder",
                    "needs_somebody": False,
                    "last_treated_at": "2026-03-02T08:14:03Z",
                    "waiting_signature": None,
                    "room": None,
                }
            ]
        }
    )

    course_id: str
    patient: PatientDocument
    site: str
    machine: str
    plan_label: str
    protocol: str
    number: int = Field(description="Of the fraction that is open, or else of the next one.")
    fractions_planned: int | None
    fractions_treated: int = Field(description="Those that were delivered in full.")
    is_open: bool = Field(description="The fraction was begun and has not ended.")
    state: str = Field(description="Of the fraction: 'not begun', or as the table of states names it.")
    next_step: str = Field(description="What can be done now, one sentence.")
    needs_somebody: bool = Field(description="The protocol does not let the routine go on.")
    last_treated_at: datetime | None
    waiting_signature: WaitingSignature | None
    room: str | None = Field(description="Name of the connected room in which the patient lies.")

    @classmethod
    def of(cls, line: WorklistLine, waiting: WaitingSignature | None, room: str | None) -> Self:
        """Return a line of the worklist as a document."""
        course = line.standing.line
        return cls(
            course_id=course.course_id,
            patient=PatientDocument.of(course),
            site=course.site,
            machine=course.machine,
            plan_label=line.plan_label,
            protocol=course.protocol,
            number=line.key.number,
            fractions_planned=course.fractions_planned,
            fractions_treated=line.standing.treated,
            is_open=line.is_open,
            state=line.state,
            next_step=line.next_step,
            needs_somebody=line.needs_somebody,
            last_treated_at=line.standing.last_treated_at,
            waiting_signature=waiting,
            room=room,
        )


class RoomLine(Document):
    """A treatment room that answers by itself."""

    name: str
    is_ready: bool
    words: str = Field(description="What it does, or why it is not ready.")
    course_id: str | None

    @classmethod
    def of(cls, room: RoomSummary) -> Self:
        """Return a room as a document."""
        return cls(name=room.name, is_ready=room.is_ready, words=room.words, course_id=room.course_id)


class Worklist(Document):
    """Who is treated, the open fractions first."""

    at: datetime
    entries: tuple[WorklistEntry, ...]
    rooms: tuple[RoomLine, ...]


class BeamDocument(Document):
    """A treatment beam of the plan."""

    number: int
    name: str
    meterset_mu: float


class MarkDocument(Document):
    """A mark on the skin, or an implanted marker."""

    name: str
    position_mm: Three = Field(description="Planning LPS.")


class AccessoryDocument(Document):
    """Something that holds the patient, with its place on the couch."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"kind": "MASK", "label": "Head mask", "index": "H2"}]}
    )

    kind: str
    label: str
    index: str = ""

    def accessory(self) -> Accessory:
        """Return it as the domain knows it."""
        return Accessory(self.kind, self.label, self.index)


class FractionLineDocument(Document):
    """A fraction in one line."""

    number: int
    state: str
    started_at: datetime
    ended_at: datetime | None
    version: int

    @classmethod
    def of(cls, line: FractionLine) -> Self:
        """Return a line of the records as a document."""
        return cls(
            number=line.key.number,
            state=str(line.state),
            started_at=line.started_at,
            ended_at=line.ended_at,
            version=line.version,
        )


class CourseDocument(Document):
    """A course: what it is measured against, and its fractions."""

    course_id: str
    status: str
    patient: PatientDocument
    site: str
    machine: str
    plan_label: str
    protocol: str
    protocol_name: str
    protocol_version: int
    patient_position: str
    isocentre_mm: Three = Field(description="Planning LPS.")
    target: str
    fractions_planned: int | None
    dose_per_fraction_gy: float | None
    beams: tuple[BeamDocument, ...]
    marks: tuple[MarkDocument, ...]
    fiducials: tuple[MarkDocument, ...]
    accessories: tuple[AccessoryDocument, ...]
    planned_couch: CouchPose | None
    first_couch: CouchPose | None = Field(description="Where the couch stood at the first set-up.")
    simulated_at: datetime | None
    warnings: tuple[str, ...]
    protocol_sentences: tuple[str, ...] = Field(description="The protocol in plain words.")
    fractions: tuple[FractionLineDocument, ...]

    @classmethod
    def of(cls, facts: CourseFacts) -> Self:
        """Return what is known of a course as a document."""
        stored = facts.stored
        return cls(
            **_heading(stored),
            **_of_simulation(stored.simulation),
            first_couch=CouchPose.of(facts.first_couch) if facts.first_couch is not None else None,
            protocol_sentences=facts.protocol_sentences,
            fractions=tuple(map(FractionLineDocument.of, stored.fractions)),
        )


def _heading(stored: StoredCourse) -> dict[str, Any]:
    line = stored.line
    return {
        "course_id": line.course_id,
        "status": str(line.status),
        "patient": PatientDocument.of(line),
        "site": line.site,
        "machine": line.machine,
        "protocol": line.protocol,
        "protocol_name": stored.protocol_name,
        "protocol_version": stored.protocol_version,
        "fractions_planned": line.fractions_planned,
    }


def _of_simulation(simulation: SimulationRecord) -> dict[str, Any]:
    couch = simulation.planned_couch
    return {
        "plan_label": simulation.plan_label,
        "patient_position": str(simulation.patient_position),
        "isocentre_mm": three(simulation.isocentre_mm),
        "target": simulation.target,
        "dose_per_fraction_gy": simulation.dose_per_fraction_gy,
        "beams": tuple(map(BeamDocument.model_validate, simulation.beams)),
        "marks": _marks(simulation.marks),
        "fiducials": _marks(simulation.fiducials),
        "accessories": tuple(map(AccessoryDocument.model_validate, simulation.accessories)),
        "planned_couch": CouchPose.of(couch) if couch is not None else None,
        "simulated_at": simulation.simulated_at,
        "warnings": simulation.warnings,
    }


def _marks(found: Sequence[SkinMark | Fiducial]) -> tuple[MarkDocument, ...]:
    return tuple(MarkDocument(name=one.name, position_mm=three(one.position_mm)) for one in found)


class NewCourseRequest(Document):
    """Register a course from an uploaded planning export."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"upload_id": "9f3a61c2d4e5f607", "site": "prostate", "protocol": "prostate-seeds"}]
        }
    )

    upload_id: str
    site: str
    protocol: str
