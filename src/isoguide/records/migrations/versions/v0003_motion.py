"""How the target moved while the beam was on."""

from typing import Final

import sqlalchemy as sa
from alembic import op

revision: Final = "0003"
down_revision: Final = "0002"


def upgrade() -> None:
    """Make the table of motion; no fraction has any yet."""
    op.create_table(
        "motions",
        sa.Column("course_id", sa.Text(), nullable=False),
        sa.Column("fraction", sa.Integer(), nullable=False, autoincrement=False),
        sa.Column("step", sa.Integer(), nullable=False, autoincrement=False),
        sa.Column("device", sa.Text(), nullable=False),
        sa.Column("gate_mm", sa.Double(), nullable=False),
        sa.Column("started_at", sa.Text(), nullable=False),
        sa.Column("ended_at", sa.Text(), nullable=False),
        *(sa.Column(name, sa.Double(), nullable=False) for name in ("watched_s", "permitted_s", "beam_on_s")),
        sa.Column("holds", sa.Text(), nullable=False),
        *(sa.Column(name, sa.Integer(), nullable=False) for name in ("frames", "unseen")),
        *(sa.Column(name, sa.Text()) for name in ("inside", "without_gating")),
        *(sa.Column(name, sa.Double()) for name in ("latency_median_s", "latency_p99_s")),
        sa.Column("recording_sha256", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("course_id", "fraction", "step", name="pk_motions"),
        sa.ForeignKeyConstraint(
            ["course_id", "fraction"],
            ["fractions.course_id", "fractions.number"],
            name="fk_motions_course_id",
        ),
    )
