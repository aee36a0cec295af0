"""The worklist and a course."""

from datetime import datetime

from pydantic import Field

from isoguide.service.documents.base import CouchPose, Document, Three


class PatientDocument(Document):
    """Whose course: two identifiers and the name."""

    patient_id: str
    birth_date: str = Field(description="YYYYMMDD; empty for a course that was imported.")
    name: str = Field(description="As in DICOM, FAMILY^GIVEN.")


class WaitingSignature(Document):
    """A first signature that waits for a second person."""

    by: str
    role: str
    action: str
    reason: str
    asked_at: datetime
    expires_at: datetime
    roles: tuple[str, ...] = Field(description="Who may answer: one of these roles, and another person.")


class WorklistEntry(Document):
    """A course that goes on, and its next fraction."""

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


class RoomLine(Document):
    """A treatment room that answers by itself."""

    name: str
    is_ready: bool
    words: str = Field(description="What it does, or why it is not ready.")
    course_id: str | None


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

    kind: str
    label: str
    index: str = ""


class FractionLineDocument(Document):
    """A fraction in one line."""

    number: int
    state: str
    started_at: datetime
    ended_at: datetime | None
    version: int


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


class NewCourseRequest(Document):
    """Register a course from an uploaded planning export."""

    upload_id: str
    site: str
    protocol: str
