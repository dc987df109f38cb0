"""Runs migrations on the connection that ``CallLog`` hands over."""

from alembic import context

from ivr.calllog import accounts, changes  # noqa: F401 - their tables
from ivr.calllog.tables import Base

connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=Base.metadata,
    render_as_batch=True,  # SQLite cannot alter columns in place
)
with context.begin_transaction():
    context.run_migrations()
