"""The tables, once for SQLite and PostgreSQL.

Rows are added and never changed, but for the few that say how things stand now (:data:`CURRENT`). Times are
text, UTC with microseconds; what is more than one value is canonical JSON. So a row is the same on both
databases, and the same as in the audit.
"""

from typing import Annotated, Final, cast

from sqlalchemy import Double, ForeignKey, ForeignKeyConstraint, MetaData, Table, Text, UniqueConstraint
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

Words = Annotated[str, mapped_column(Text)]
"""Text of any length."""
MaybeWords = Annotated[str | None, mapped_column(Text)]
"""The same where there may be none."""
Number = Annotated[float, mapped_column(Double)]
MaybeNumber = Annotated[float | None, mapped_column(Double)]
TextKey = Annotated[str, mapped_column(Text, primary_key=True)]
NumberKey = Annotated[int, mapped_column(primary_key=True, autoincrement=False)]


class Base(DeclarativeBase):
    """What all tables share: constraints have names, so that a migration can speak of them."""

    metadata = MetaData(
        naming_convention={
            "pk": "pk_%(table_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s",
            "uq": "uq_%(table_name)s_%(column_0_name)s",
            "ix": "ix_%(table_name)s_%(column_0_name)s",
        }
    )


class PersonRow(Base):
    """Who may sign, or once could."""

    __tablename__ = "people"
    name: Mapped[TextKey]
    role: Mapped[Words]
    is_active: Mapped[bool]
    added_at: Mapped[Words]


class PasswordRow(Base):
    """What the password of somebody is compared with, and whether he administers who may sign in."""

    __tablename__ = "passwords"
    name: Mapped[TextKey] = mapped_column(ForeignKey("people.name"))
    password_hash: Mapped[Words]
    is_administrator: Mapped[bool]
    changed_at: Mapped[Words]


class ProtocolRow(Base):
    """One version of a protocol as it was written."""

    __tablename__ = "protocols"
    name: Mapped[TextKey]
    version: Mapped[NumberKey]
    text: Mapped[Words]
    sha256: Mapped[Words]
    added_at: Mapped[Words]


class CourseRow(Base):
    """A course; ``source`` says where one came from that was not treated with these records."""

    __tablename__ = "courses"
    __table_args__ = (
        ForeignKeyConstraint(["protocol_name", "protocol_version"], ["protocols.name", "protocols.version"]),
    )
    course_id: Mapped[TextKey]
    patient_id: Mapped[Words] = mapped_column(index=True)
    birth_date: Mapped[Words]
    patient_name: Mapped[Words]
    site: Mapped[Words]
    machine: Mapped[Words]
    protocol: Mapped[Words]
    protocol_name: Mapped[MaybeWords]
    protocol_version: Mapped[int | None]
    plan_uid: Mapped[Words] = mapped_column(index=True)
    device: Mapped[Words]
    fractions_planned: Mapped[int | None]
    simulation: Mapped[MaybeWords]
    simulation_sha256: Mapped[MaybeWords]
    source: Mapped[Words]
    created_at: Mapped[Words]
    status: Mapped[Words]
    version: Mapped[int]


class FractionRow(Base):
    """A fraction as it stands: the summary, and ``memory``, what is needed to go on with it."""

    __tablename__ = "fractions"
    course_id: Mapped[TextKey] = mapped_column(ForeignKey("courses.course_id"))
    number: Mapped[NumberKey]
    started_at: Mapped[Words]
    ended_at: Mapped[MaybeWords]
    version: Mapped[int]
    memory: Mapped[Words]
    at: Mapped[Words]
    state: Mapped[Words]
    measured: Mapped[MaybeWords]
    deviation: Mapped[MaybeWords]
    applied: Mapped[MaybeWords]
    residual: Mapped[MaybeWords]
    offline: Mapped[MaybeWords]
    action: Mapped[Words]
    rule: Mapped[Words]
    overrides: Mapped[Words]
    images: Mapped[int]
    doses: Mapped[Words]
    delivered_mu: Mapped[Number]


class _OfFraction:
    """What every row has that a step added: the step is the version of the fraction that it made."""

    course_id: Mapped[TextKey] = mapped_column(sort_order=-3)
    fraction: Mapped[NumberKey] = mapped_column(sort_order=-2)
    step: Mapped[NumberKey] = mapped_column(sort_order=-1)


_TO_FRACTION: Final = (["course_id", "fraction"], ["fractions.course_id", "fractions.number"])


class StepRow(_OfFraction, Base):
    """A line of the journal."""

    __tablename__ = "fraction_steps"
    __table_args__ = (ForeignKeyConstraint(*_TO_FRACTION),)
    at: Mapped[Words]
    state_before: Mapped[Words]
    event: Mapped[Words]
    state_after: Mapped[Words]
    detail: Mapped[Words]
    by: Mapped[Words]


class ImageRow(_OfFraction, Base):
    """An exposure; no two of a course are the same."""

    __tablename__ = "images"
    __table_args__ = (ForeignKeyConstraint(*_TO_FRACTION), UniqueConstraint("course_id", "uid"))
    uid: Mapped[Words]
    model: Mapped[Words]
    started_at: Mapped[Words]
    acquired_at: Mapped[Words]
    couch: Mapped[Words]
    sha256: Mapped[Words]
    dose: Mapped[MaybeWords]


class MatchRow(_OfFraction, Base):
    """What a match said; ``residual_mm`` is NULL where it is not a number."""

    __tablename__ = "matches"
    __table_args__ = (ForeignKeyConstraint(*_TO_FRACTION),)
    image_uid: Mapped[Words]
    verdict: Mapped[Words]
    reasons: Mapped[Words]
    planning_from_daily: Mapped[MaybeWords]
    correction: Mapped[MaybeWords]
    deviation: Mapped[MaybeWords]
    pose: Mapped[MaybeWords]
    residual_mm: Mapped[MaybeNumber]
    needs_person: Mapped[Words]
    algorithm: Mapped[Words]
    version: Mapped[Words]
    settings_sha256: Mapped[Words]


class DecisionRow(_OfFraction, Base):
    """What was decided, and who signed."""

    __tablename__ = "decisions"
    __table_args__ = (ForeignKeyConstraint(*_TO_FRACTION),)
    action: Mapped[Words]
    rule: Mapped[Words]
    proposed: Mapped[Words]
    by: Mapped[Words]
    role: Mapped[Words]
    second: Mapped[Words]
    is_override: Mapped[bool]
    reason: Mapped[Words]
    image_uid: Mapped[Words]


class DeliveryRow(_OfFraction, Base):
    """What was delivered of a beam; a step can bring several."""

    __tablename__ = "deliveries"
    __table_args__ = (ForeignKeyConstraint(*_TO_FRACTION),)
    position: Mapped[NumberKey] = mapped_column(sort_order=0)
    beam_number: Mapped[int]
    beam_name: Mapped[Words]
    planned_mu: Mapped[Number]
    delivered_mu: Mapped[Number]
    ended: Mapped[Words]


class MotionRow(_OfFraction, Base):
    """How the target moved while the beam was on."""

    __tablename__ = "motions"
    __table_args__ = (ForeignKeyConstraint(*_TO_FRACTION),)
    device: Mapped[Words]
    gate_mm: Mapped[Number]
    started_at: Mapped[Words]
    ended_at: Mapped[Words]
    watched_s: Mapped[Number]
    permitted_s: Mapped[Number]
    beam_on_s: Mapped[Number]
    holds: Mapped[Words]
    frames: Mapped[int]
    unseen: Mapped[int]
    inside: Mapped[MaybeWords]
    without_gating: Mapped[MaybeWords]
    latency_median_s: Mapped[MaybeNumber]
    latency_p99_s: Mapped[MaybeNumber]
    recording_sha256: Mapped[Words]


class AssessmentRow(Base):
    """What the anatomy of a day was found to be; ``number`` counts the assessments of a fraction from 1.

    It is made when there is time for it, after the fraction too, and so belongs to no step.
    """

    __tablename__ = "assessments"
    __table_args__ = (ForeignKeyConstraint(*_TO_FRACTION),)
    course_id: Mapped[TextKey]
    fraction: Mapped[NumberKey]
    number: Mapped[NumberKey]
    image_uid: Mapped[Words]
    assessed_at: Mapped[Words]
    verdict: Mapped[Words]
    reasons: Mapped[Words]
    approximations: Mapped[Words]
    figures: Mapped[MaybeWords]
    structures: Mapped[Words]
    alerts: Mapped[Words]
    algorithm: Mapped[Words]
    version: Mapped[Words]
    settings_sha256: Mapped[Words]


class DayDoseRow(Base):
    """What the treatment of a day delivered; ``number`` counts the doses of a fraction from 1.

    Like an assessment it belongs to no step.
    """

    __tablename__ = "day_doses"
    __table_args__ = (ForeignKeyConstraint(*_TO_FRACTION),)
    course_id: Mapped[TextKey]
    fraction: Mapped[NumberKey]
    number: Mapped[NumberKey]
    image_uid: Mapped[Words]
    computed_at: Mapped[Words]
    verdict: Mapped[Words]
    reasons: Mapped[Words]
    approximations: Mapped[Words]
    algorithm: Mapped[Words]
    beam_data: Mapped[Words]
    beam_data_sha256: Mapped[Words]
    version: Mapped[Words]
    fractions_so_far: Mapped[int]
    structures: Mapped[Words]
    goals: Mapped[Words]
    alerts: Mapped[Words]
    prescribed_gy: Mapped[MaybeNumber]
    carried_sha256: Mapped[Words]


class AuditRow(Base):
    """One link of the chain (:mod:`isoguide.records.audit`)."""

    __tablename__ = "audit_entries"
    seq: Mapped[NumberKey]
    at: Mapped[Words]
    actor: Mapped[Words]
    action: Mapped[Words]
    subject: Mapped[Words] = mapped_column(index=True)
    payload: Mapped[Words]
    previous_sha256: Mapped[Words]
    sha256: Mapped[Words]


def _table(row: type[Base]) -> Table:
    return cast("Table", row.__table__)


PEOPLE: Final = _table(PersonRow)
PASSWORDS: Final = _table(PasswordRow)
PROTOCOLS: Final = _table(ProtocolRow)
COURSES: Final = _table(CourseRow)
FRACTIONS: Final = _table(FractionRow)
STEPS: Final = _table(StepRow)
IMAGES: Final = _table(ImageRow)
MATCHES: Final = _table(MatchRow)
DECISIONS: Final = _table(DecisionRow)
DELIVERIES: Final = _table(DeliveryRow)
MOTIONS: Final = _table(MotionRow)
ASSESSMENTS: Final = _table(AssessmentRow)
DAY_DOSES: Final = _table(DayDoseRow)
AUDIT: Final = _table(AuditRow)

CURRENT: Final = (PEOPLE, PASSWORDS, COURSES, FRACTIONS)
"""Tables whose rows change."""
AUDITED: Final = (
    *CURRENT,
    PROTOCOLS,
    STEPS,
    IMAGES,
    MATCHES,
    DECISIONS,
    DELIVERIES,
    MOTIONS,
    ASSESSMENTS,
    DAY_DOSES,
)
"""Tables whose every row stands in the audit."""
