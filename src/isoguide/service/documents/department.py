"""Jobs, protocols, audit, uploads, and the messages of the event stream."""

from datetime import datetime
from typing import Any, Literal

from pydantic import Field

from isoguide.service.documents.base import CouchPose, Document, Three
from isoguide.service.documents.course import WaitingSignature


class JobDocument(Document):
    """Long work."""

    job_id: str
    title: str
    state: Literal["waiting", "running", "done", "failed", "cancelled"]
    fraction_done: float = Field(ge=0.0, le=1.0)
    step: str
    problem: str = Field(description="The sentence why it failed; empty where it did not.")
    kind: str = Field(description="Kind of the problem.")
    result: dict[str, Any] | None = Field(
        description="What came of it, such as the course_id and number of a fraction."
    )
    started_by: str
    course_id: str | None


class UploadDocument(Document):
    """Files that were uploaded, and what they hold in plain words."""

    upload_id: str
    files: int
    bytes: int
    items: tuple[str, ...]
    problems: tuple[str, ...]
    expires_at: datetime


class InboxEntry(Document):
    """A folder of the inbox."""

    name: str
    files: int
    modified_at: datetime


class ProtocolLine(Document):
    """One version of a protocol in use."""

    name: str
    version: int
    title: str
    site: str
    sha256: str
    added_at: datetime
    is_newest: bool


class ProtocolValue(Document):
    """One value, and where it comes from."""

    key: str
    value: str
    source: str


class ProtocolDocument(ProtocolLine):
    """A version of a protocol in full."""

    text: str
    sentences: tuple[str, ...]
    values: tuple[ProtocolValue, ...]
    courses: int = Field(description="How many courses are treated by it.")


class AuditLine(Document):
    """One link of the chain."""

    seq: int
    at: datetime
    actor: str
    action: str
    subject: str
    details: tuple[str, ...] = Field(description="What was written, in words.")
    sha256: str


class AuditPage(Document):
    """Entries, the newest first."""

    entries: tuple[AuditLine, ...]
    head_seq: int
    head_sha256: str
    has_older: bool


class CouchDifference(Document):
    """One axis of the couch."""

    axis: str
    expected: float
    read: float
    unit: Literal["mm", "°"]
    is_in_tolerance: bool


class TargetDocument(Document):
    """Where the target is, as whatever watches it says."""

    position_mm: Three = Field(description="From where it should be: lateral, longitudinal, vertical.")
    at: datetime = Field(description="Time of exposure.")
    source: str
    quality: str


class RoomStateDocument(Document):
    """A connected room now; sent 20 times a second."""

    type: Literal["room"] = "room"
    sequence: int
    at: datetime
    room: str
    course_id: str | None
    number: int | None
    version: int | None
    state: str
    reason: str
    couch: CouchPose | None
    expected_couch: CouchPose | None
    differences: tuple[CouchDifference, ...]
    beam: Literal["off", "on", "travelling", "held", "unknown"]
    delivered_mu: float
    planned_mu: float
    target: TargetDocument | None
    gate_mm: float | None
    is_in_gate: bool | None
    hold_reason: str
    watched_by: str = Field(description="Who turned the beam on; empty while it is off.")


class FractionChanged(Document):
    """A fraction has a new version."""

    type: Literal["fraction"] = "fraction"
    course_id: str
    number: int
    version: int
    state: str
    by: str


class JobChanged(Document):
    """A job went on."""

    type: Literal["job"] = "job"
    job: JobDocument


class SecondLookAsked(Document):
    """A first signature waits for a second one."""

    type: Literal["second look"] = "second look"
    course_id: str
    number: int
    waiting: WaitingSignature | None = Field(description="Null: it was answered or has expired.")


class Hello(Document):
    """First message of the stream."""

    type: Literal["hello"] = "hello"
    at: datetime
    page: str = Field(description="Build of the page that the service serves.")


class Ping(Document):
    """Sent each second when nothing else is."""

    type: Literal["ping"] = "ping"
    at: datetime


class Heartbeat(Document):
    """Sent by the console that watches a beam, at least four times a second."""

    type: Literal["heartbeat"] = "heartbeat"
    course_id: str
    number: int
