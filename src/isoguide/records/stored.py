"""What the records give out and take in, as frozen values."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol, TypeVar

from isoguide.course import (
    AssessmentRecord,
    DecisionRecord,
    DeliveryRecord,
    DoseRecord,
    FractionSummary,
    ImageRecord,
    MatchRecord,
    MotionRecord,
    Person,
    SimulationRecord,
)
from isoguide.records.plain import Plain
from isoguide.treatment.journal import Entry
from isoguide.treatment.states import State


class CourseStatus(StrEnum):
    """Whether a course goes on."""

    ACTIVE = "active"
    COMPLETED = "completed"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class StaffMember:
    """A person, and whether he may still sign."""

    person: Person
    is_active: bool
    added_at: datetime


@dataclass(frozen=True, slots=True)
class StoredPassword:
    """What the password of somebody is compared with, and whether he says who may sign in."""

    name: str
    password_hash: str = field(repr=False)
    is_administrator: bool
    changed_at: datetime


@dataclass(frozen=True, slots=True)
class StoredProtocol:
    """One version of a protocol without its text."""

    name: str
    version: int
    sha256: str
    added_at: datetime


@dataclass(frozen=True, slots=True)
class CourseLine:
    """A course in one line.

    ``protocol`` is its label, such as "prostate v2". ``source`` is empty for a course that was treated with
    these records, else where it was imported from; an imported one has no birth date and no plan UID.
    ``device`` is the main accessory that holds the patient. ``version`` counts its changes.
    """

    course_id: str
    patient_id: str
    birth_date: str
    patient_name: str
    site: str
    machine: str
    protocol: str
    plan_uid: str
    device: str
    fractions_planned: int | None
    source: str
    created_at: datetime
    status: CourseStatus
    version: int


@dataclass(frozen=True, slots=True)
class FractionKey:
    """Which fraction of which course."""

    course_id: str
    number: int

    def __str__(self) -> str:
        return f"fraction {self.number} of course {self.course_id}"


@dataclass(frozen=True, slots=True)
class FractionLine:
    """A fraction in one line; ``version`` counts its steps from 1, ``ended_at`` is None while it goes on."""

    key: FractionKey
    state: State
    started_at: datetime
    ended_at: datetime | None
    version: int


@dataclass(frozen=True, slots=True)
class CourseStanding:
    """How far a course has come.

    ``newest`` is its newest fraction, None before the first. ``treated`` counts the fractions that were
    delivered in full, ``last_treated_at`` is when the newest one began in which anything was delivered.
    """

    line: CourseLine
    newest: FractionLine | None
    treated: int
    last_treated_at: datetime | None


@dataclass(frozen=True, slots=True, eq=False)
class StoredCourse:
    """A course with the simulation and the text of the protocol that it is treated by."""

    line: CourseLine
    simulation: SimulationRecord
    protocol_name: str
    protocol_version: int
    protocol_text: str
    fractions: tuple[FractionLine, ...]


@dataclass(frozen=True, slots=True)
class StoredStep:
    """A line of the journal; ``seq`` is the version of the fraction that it made."""

    seq: int
    entry: Entry
    by: str


@dataclass(frozen=True, slots=True, eq=False)
class StoredFraction:
    """Everything of a fraction, each part in the order in which it was recorded.

    ``memory`` is the JSON text that the last step left: what is needed to go on after a restart. Of several
    ``assessments`` the last one counts, of several ``doses`` too.
    """

    line: FractionLine
    memory: str
    summary: FractionSummary
    steps: tuple[StoredStep, ...]
    images: tuple[ImageRecord, ...]
    matches: tuple[MatchRecord, ...]
    decisions: tuple[DecisionRecord, ...]
    deliveries: tuple[DeliveryRecord, ...]
    motions: tuple[MotionRecord, ...] = ()
    assessments: tuple[AssessmentRecord, ...] = ()
    doses: tuple[DoseRecord, ...] = ()

    @property
    def version(self) -> int:
        """What the next step has to expect."""
        return self.line.version


class OfImage(Protocol):
    """What belongs to an image of a fraction."""

    @property
    def image_uid(self) -> str:
        """Of that image."""


Made = TypeVar("Made", bound=OfImage)


def newest_of(made: Sequence[Made], uid: str) -> Made | None:
    """Return the one of an image that counts: the newest, None where there is none."""
    return next((one for one in reversed(made) if one.image_uid == uid), None)


@dataclass(frozen=True, slots=True)
class AuditNote:
    """Something that is to stand in the audit beside a step, such as an override and its reason."""

    action: str
    details: Mapping[str, Plain]


@dataclass(frozen=True, slots=True, eq=False)
class FractionStep:
    """What one step of a fraction adds, all of it or nothing.

    Parameters
    ----------
    memory
        JSON text: what is needed to go on from here.
    summary
        The fraction as reviews will read it, after this step.
    by
        Who made it.
    entry
        Line of the journal; None where the state stays as it is.
    image, match, decision, deliveries, motion
        What came of it.
    notes
        Further entries of the audit.
    """

    memory: str
    summary: FractionSummary
    by: str
    entry: Entry | None = None
    image: ImageRecord | None = None
    match: MatchRecord | None = None
    decision: DecisionRecord | None = None
    deliveries: tuple[DeliveryRecord, ...] = ()
    motion: MotionRecord | None = None
    notes: tuple[AuditNote, ...] = field(default=())
