"""Counts by day, and the daily summaries that were sent."""

import sqlalchemy as sa
from alembic import op

from ivr.calllog.tables import UtcDateTime

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "figures_days",
        sa.Column("day", sa.Date, primary_key=True),
        sa.Column("counts", sa.JSON, nullable=False),
        sa.Column("kept_at", UtcDateTime, nullable=False),
    )
    op.create_table(
        "summaries",
        sa.Column("day", sa.Date, primary_key=True),
        sa.Column("claimed_at", UtcDateTime, nullable=False),
        sa.Column("sent_at", UtcDateTime),
    )
    op.create_index("callbacks_taken_at", "callbacks", ["taken_at"])


def downgrade() -> None:
    """Undo."""
    op.drop_index("callbacks_taken_at", "callbacks")
    op.drop_table("summaries")
    op.drop_table("figures_days")
