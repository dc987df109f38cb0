"""Callbacks."""

import sqlalchemy as sa
from alembic import op

from ivr.calllog.tables import UtcDateTime

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "callbacks",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("reference", sa.String, nullable=False),
        sa.Column("number", sa.String, nullable=False),
        sa.Column("department", sa.String, nullable=False),
        sa.Column("reason", sa.String, nullable=False),
        sa.Column("wanted", sa.String, nullable=False),
        sa.Column("call_id", sa.String),
        sa.Column("state", sa.String, nullable=False),
        sa.Column("taken_at", UtcDateTime, nullable=False),
        sa.Column("updated_at", UtcDateTime, nullable=False),
    )
    pending = sa.text("state = 'pending'")
    op.create_index(
        "callbacks_one_open",
        "callbacks",
        ["number", "department"],
        unique=True,
        sqlite_where=pending,
        postgresql_where=pending,
    )


def downgrade() -> None:
    """Undo."""
    op.drop_index("callbacks_one_open", "callbacks")
    op.drop_table("callbacks")
