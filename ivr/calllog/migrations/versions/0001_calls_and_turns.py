"""Calls and turns."""

import sqlalchemy as sa
from alembic import op

from ivr.calllog.tables import UtcDateTime

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "calls",
        sa.Column("id", sa.String, primary_key=True),
        sa.Column("caller_number", sa.String),
        sa.Column("caller_name", sa.String, nullable=False),
        sa.Column("dialled", sa.String, nullable=False),
        sa.Column("started_at", UtcDateTime, nullable=False),
        sa.Column("ended_at", UtcDateTime),
        sa.Column("outcome", sa.String),
        sa.Column("ended_by", sa.String),
        sa.Column("department", sa.String),
        sa.Column("reason", sa.String, nullable=False),
    )
    op.create_index("calls_started_at", "calls", ["started_at"])
    op.create_table(
        "turns",
        sa.Column("call_id", sa.String, sa.ForeignKey("calls.id"), primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("at", UtcDateTime, nullable=False),
        sa.Column("happened", sa.String, nullable=False),
        sa.Column("heard", sa.String, nullable=False),
        sa.Column("confidence", sa.Float),
        sa.Column("entry", sa.String),
        sa.Column("score", sa.Float),
        sa.Column("decision", sa.String, nullable=False),
        sa.Column("said", sa.String, nullable=False),
        sa.Column("about", sa.String, nullable=False),
        sa.Column("cut_short", sa.Float),
        sa.Column("response_ms", sa.Integer),
    )


def downgrade() -> None:
    """Undo."""
    op.drop_table("turns")
    op.drop_index("calls_started_at", "calls")
    op.drop_table("calls")
