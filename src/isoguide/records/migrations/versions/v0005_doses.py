"""What the treatment of a day delivered."""

from typing import Final

import sqlalchemy as sa
from alembic import op

revision: Final = "0005"
down_revision: Final = "0004"


def upgrade() -> None:
    """Make the table of doses; no fraction has any yet."""
    before = (
        "image_uid", "computed_at", "verdict", "reasons", "approximations", "algorithm", "beam_data",
        "beam_data_sha256", "version",
    )  # fmt: skip
    op.create_table(
        "day_doses",
        sa.Column("course_id", sa.Text(), nullable=False),
        *(
            sa.Column(name, sa.Integer(), nullable=False, autoincrement=False)
            for name in ("fraction", "number")
        ),
        *(sa.Column(name, sa.Text(), nullable=False) for name in before),
        sa.Column("fractions_so_far", sa.Integer(), nullable=False),
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("structures", "goals", "alerts")),
        sa.Column("prescribed_gy", sa.Double()),
        sa.Column("carried_sha256", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("course_id", "fraction", "number", name="pk_day_doses"),
        sa.ForeignKeyConstraint(
            ["course_id", "fraction"],
            ["fractions.course_id", "fractions.number"],
            name="fk_day_doses_course_id",
        ),
    )
