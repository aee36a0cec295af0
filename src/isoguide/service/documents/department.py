"""Jobs, protocols, audit, uploads, and the messages of the event stream."""

from datetime import datetime
from typing import Any, Literal, Self

from pydantic import ConfigDict, Field

from isoguide.records import AuditEntry, AuditSlice
from isoguide.service.documents.base import Document
from isoguide.service.documents.course import WaitingSignature
from isoguide.service.jobs import DayPart, Job
from isoguide.workflow.clinic.audit_words import entry_words
from isoguide.workflow.clinic.inbox import InboxFolder
from isoguide.workflow.clinic.protocols_in_use import ProtocolInUse
from isoguide.workflow.clinic.uploads import Upload
from isoguide.workflow.protocol_words import protocol_words


class JobDocument(Document):
    """Long work."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "job_id": "9f3a61c2d4e5f607",
                    "title": "Image of fraction 7",
                    "state": "running",
                    "fraction_done": 0.8,
                    "step": "Matching",
                    "problem": "",
                    "kind": "",
                    "result": None,
                    "started_by": "anna",
                    "course_id": "C0001",
                    "assesses": None,
                    "part": None,
                }
            ]
        }
    )

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
    assesses: str | None = Field(description="UID of the image whose day it assesses; null for other work.")
    part: DayPart | None = Field(description="What of that day; null for other work.")

    @classmethod
    def of(cls, job: Job) -> Self:
        """Return a job as a document."""
        return cls(
            job_id=job.job_id,
            title=job.title,
            state=job.state,
            fraction_done=job.fraction_done,
            step=job.step,
            problem=job.problem,
            kind=job.kind,
            result=dict(job.result) if job.result is not None else None,
            started_by=job.started_by,
            course_id=job.course_id,
            assesses=job.assesses,
            part=job.part,
        )


class UploadDocument(Document):
    """Files that were uploaded, and what they hold in plain words."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "upload_id": "9f3a61c2d4e5f607",
                    "files": 121,
                    "bytes": 63441120,
                    "items": ["CT series: 120 slices of 512 × 512"],
                    "problems": [],
                    "expires_at": "2026-03-02T09:14:03Z",
                }
            ]
        }
    )

    upload_id: str
    files: int
    bytes: int
    items: tuple[str, ...]
    problems: tuple[str, ...]
    expires_at: datetime

    @classmethod
    def of(cls, upload: Upload) -> Self:
        """Return an upload as a document."""
        return cls(
            upload_id=upload.upload_id,
            files=upload.files,
            bytes=upload.total_bytes,
            items=upload.items,
            problems=upload.problems,
            expires_at=upload.expires_at,
        )


class InboxEntry(Document):
    """A folder of the inbox."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"name": "CBCT 0815", "files": 88, "modified_at": "2026-03-02T08:14:03Z"}]
        }
    )

    name: str
    files: int
    modified_at: datetime

    @classmethod
    def of(cls, folder: InboxFolder) -> Self:
        """Return a folder as a document."""
        return cls(name=folder.name, files=folder.files, modified_at=folder.modified_at)


class ProtocolLine(Document):
    """One version of a protocol in use."""

    name: str
    version: int
    title: str
    site: str
    sha256: str
    added_at: datetime
    is_newest: bool

    @classmethod
    def of(cls, found: ProtocolInUse) -> Self:
        """Return a version of a protocol as a document."""
        return cls(**_line_of(found))


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

    @classmethod
    def of(cls, found: ProtocolInUse) -> Self:
        """Return a version of a protocol in full as a document."""
        protocol = found.protocol
        return cls(
            **_line_of(found),
            text=found.text,
            sentences=protocol_words(protocol),
            values=tuple(
                ProtocolValue(key=key, value=_value(value), source=protocol.sources.get(key, ""))
                for key, value in protocol.values.items()
            ),
            courses=found.courses,
        )


def _line_of(found: ProtocolInUse) -> dict[str, Any]:
    return {
        "name": found.stored.name,
        "version": found.stored.version,
        "title": found.protocol.title,
        "site": found.protocol.site,
        "sha256": found.stored.sha256,
        "added_at": found.stored.added_at,
        "is_newest": found.is_newest,
    }


def _value(value: object) -> str:
    if isinstance(value, tuple):
        return ", ".join(map(str, value))
    return f"{value:g}" if isinstance(value, float) else str(value)


class AuditLine(Document):
    """One link of the chain."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "seq": 4711,
                    "at": "2026-03-02T08:14:03Z",
                    "actor": "anna",
                    "action": "align",
                    "subject": "fraction 7 of course C0001",
                    "details": ["match added: verdict accept; correction lateral mm -3.1"],
                    "sha256": "9f2c6d0e7f3b4a5c8d1e2f3a4b5c6d7e8f9a0b1c2d3e4f5a6b7c8d9e0f1a2b3c",
                }
            ]
        }
    )

    seq: int
    at: datetime
    actor: str
    action: str
    subject: str
    details: tuple[str, ...] = Field(description="What was written, in words.")
    sha256: str

    @classmethod
    def of(cls, entry: AuditEntry) -> Self:
        """Return an entry as a document."""
        return cls(
            seq=entry.seq,
            at=entry.at,
            actor=entry.actor,
            action=entry.action,
            subject=entry.subject,
            details=entry_words(entry),
            sha256=entry.sha256,
        )


class AuditPage(Document):
    """Entries, the newest first."""

    entries: tuple[AuditLine, ...]
    head_seq: int
    head_sha256: str
    has_older: bool

    @classmethod
    def of(cls, found: AuditSlice) -> Self:
        """Return entries as a document."""
        return cls(
            entries=tuple(map(AuditLine.of, found.entries)),
            head_seq=found.head.seq,
            head_sha256=found.head.sha256,
            has_older=found.has_older,
        )


class FractionChanged(Document):
    """A fraction has a new version."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "type": "fraction",
                    "course_id": "C0001",
                    "number": 7,
                    "version": 4,
                    "state": "aligned",
                    "by": "anna",
                }
            ]
        }
    )

    type: Literal["fraction"] = "fraction"
    course_id: str
    number: int
    version: int
    state: str
    by: str = Field(description="Who made the step; empty where another program recorded it.")


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

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"type": "heartbeat", "course_id": "C0001", "number": 7}]}
    )

    type: Literal["heartbeat"] = "heartbeat"
    course_id: str
    number: int
