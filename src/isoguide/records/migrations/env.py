"""How Alembic runs a migration here: on the connection, and in the transaction, that it is given."""

from alembic import context

from isoguide.records.model import Base
from isoguide.records.schema import VERSION_TABLE

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    version_table=VERSION_TABLE,
)
with context.begin_transaction():
    context.run_migrations()
