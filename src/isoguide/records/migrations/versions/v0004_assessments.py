"""What the anatomy of a day was found to be."""

from typing import Final

import sqlalchemy as sa
from alembic import op

revision: Final = "0004"
down_revision: Final = "0003"


def upgrade() -> None:
    """Make the table of assessments; no image has any yet."""
    words = ("image_uid", "assessed_at", "verdict", "reasons", "approximations")
    op.create_table(
        "assessments",
        sa.Column("course_id", sa.Text(), nullable=False),
        *(
            sa.Column(name, sa.Integer(), nullable=False, autoincrement=False)
            for name in ("fraction", "number")
        ),
        *(sa.Column(name, sa.Text(), nullable=False) for name in words),
        sa.Column("figures", sa.Text()),
        *(
            sa.Column(name, sa.Text(), nullable=False)
            for name in ("structures", "alerts", "algorithm", "version", "settings_sha256")
        ),
        sa.PrimaryKeyConstraint("course_id", "fraction", "number", name="pk_assessments"),
        sa.ForeignKeyConstraint(
            ["course_id", "fraction"],
            ["fractions.course_id", "fractions.number"],
            name="fk_assessments_course_id",
        ),
    )
