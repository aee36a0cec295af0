"""Who may sign in, and with which password."""

from typing import Final

import sqlalchemy as sa
from alembic import op

revision: Final = "0002"
down_revision: Final = "0001"


def upgrade() -> None:
    """Make the table of passwords; nobody has one yet."""
    op.create_table(
        "passwords",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("password_hash", sa.Text(), nullable=False),
        sa.Column("is_administrator", sa.Boolean(), nullable=False),
        sa.Column("changed_at", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_passwords"),
        sa.ForeignKeyConstraint(["name"], ["people.name"], name="fk_passwords_name"),
    )
