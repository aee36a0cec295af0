"""Everything that the first version keeps."""

from typing import Final

import sqlalchemy as sa
from alembic import op

revision: Final = "0001"
down_revision: Final = None


def upgrade() -> None:
    """Make all tables."""
    _audit()
    _staff_and_protocols()
    _courses()
    _fractions()
    _steps_and_images()
    _matches()
    _decisions_and_deliveries()


def _audit() -> None:
    op.create_table(
        "audit_entries",
        _number("seq"),
        *_texts("at", "actor", "action", "subject", "payload", "previous_sha256", "sha256"),
        sa.PrimaryKeyConstraint("seq", name="pk_audit_entries"),
    )
    op.create_index("ix_audit_entries_subject", "audit_entries", ["subject"])


def _staff_and_protocols() -> None:
    op.create_table(
        "people",
        *_texts("name", "role"),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        *_texts("added_at"),
        sa.PrimaryKeyConstraint("name", name="pk_people"),
    )
    op.create_table(
        "protocols",
        *_texts("name"),
        _number("version"),
        *_texts("text", "sha256", "added_at"),
        sa.PrimaryKeyConstraint("name", "version", name="pk_protocols"),
    )


def _courses() -> None:
    op.create_table(
        "courses",
        *_texts("course_id", "patient_id", "birth_date", "patient_name", "site", "machine", "protocol"),
        sa.Column("protocol_name", sa.Text()),
        sa.Column("protocol_version", sa.Integer()),
        *_texts("plan_uid", "device"),
        sa.Column("fractions_planned", sa.Integer()),
        sa.Column("simulation", sa.Text()),
        sa.Column("simulation_sha256", sa.Text()),
        *_texts("source", "created_at", "status"),
        _number("version"),
        sa.PrimaryKeyConstraint("course_id", name="pk_courses"),
        sa.ForeignKeyConstraint(
            ["protocol_name", "protocol_version"],
            ["protocols.name", "protocols.version"],
            name="fk_courses_protocol_name",
        ),
    )
    op.create_index("ix_courses_patient_id", "courses", ["patient_id"])
    op.create_index("ix_courses_plan_uid", "courses", ["plan_uid"])


def _fractions() -> None:
    op.create_table(
        "fractions",
        *_texts("course_id"),
        _number("number"),
        *_texts("started_at"),
        sa.Column("ended_at", sa.Text()),
        _number("version"),
        *_texts("memory", "at", "state"),
        *(sa.Column(name, sa.Text()) for name in ("measured", "deviation", "applied", "residual", "offline")),
        *_texts("action", "rule", "overrides"),
        _number("images"),
        *_texts("doses"),
        sa.Column("delivered_mu", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("course_id", "number", name="pk_fractions"),
        sa.ForeignKeyConstraint(["course_id"], ["courses.course_id"], name="fk_fractions_course_id"),
    )


def _steps_and_images() -> None:
    op.create_table(
        "fraction_steps",
        *_step_key(),
        *_texts("at", "state_before", "event", "state_after", "detail", "by"),
        *_of_fraction("fraction_steps"),
    )
    op.create_table(
        "images",
        *_step_key(),
        *_texts("uid", "model", "started_at", "acquired_at", "couch", "sha256"),
        sa.Column("dose", sa.Text()),
        *_of_fraction("images"),
        sa.UniqueConstraint("course_id", "uid", name="uq_images_course_id"),
    )


def _matches() -> None:
    op.create_table(
        "matches",
        *_step_key(),
        *_texts("image_uid", "verdict", "reasons"),
        *(sa.Column(name, sa.Text()) for name in ("planning_from_daily", "correction", "deviation", "pose")),
        sa.Column("residual_mm", sa.Double()),
        *_texts("needs_person", "algorithm", "version", "settings_sha256"),
        *_of_fraction("matches"),
    )


def _decisions_and_deliveries() -> None:
    op.create_table(
        "decisions",
        *_step_key(),
        *_texts("action", "rule", "proposed", "by", "role", "second"),
        sa.Column("is_override", sa.Boolean(), nullable=False),
        *_texts("reason", "image_uid"),
        *_of_fraction("decisions"),
    )
    op.create_table(
        "deliveries",
        *_step_key(),
        _number("position"),
        _number("beam_number"),
        *_texts("beam_name"),
        sa.Column("planned_mu", sa.Double(), nullable=False),
        sa.Column("delivered_mu", sa.Double(), nullable=False),
        *_texts("ended"),
        *_of_fraction("deliveries", "position"),
    )


def _texts(*names: str) -> tuple[sa.Column[str], ...]:
    return tuple(sa.Column(name, sa.Text(), nullable=False) for name in names)


def _number(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.Integer(), nullable=False, autoincrement=False)


def _step_key() -> tuple[sa.Column[str] | sa.Column[int], ...]:
    return (*_texts("course_id"), _number("fraction"), _number("step"))


def _of_fraction(table: str, *more: str) -> tuple[sa.Constraint, ...]:
    return (
        sa.PrimaryKeyConstraint("course_id", "fraction", "step", *more, name=f"pk_{table}"),
        sa.ForeignKeyConstraint(
            ["course_id", "fraction"],
            ["fractions.course_id", "fractions.number"],
            name=f"fk_{table}_course_id",
        ),
    )
