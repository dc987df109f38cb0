"""Runs of the purge, and an index by which it finds the turns that still have words."""

import sqlalchemy as sa
from alembic import op

from ivr.calllog.tables import TURN_WITH_WORDS, UtcDateTime

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "purges",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("started_at", UtcDateTime, nullable=False),
        sa.Column("ended_at", UtcDateTime),
        sa.Column("removed", sa.JSON, nullable=False),
    )
    with_words = sa.text(TURN_WITH_WORDS)
    op.create_index(
        "turns_with_words",
        "turns",
        ["at"],
        sqlite_where=with_words,
        postgresql_where=with_words,
    )


def downgrade() -> None:
    """Undo."""
    op.drop_index("turns_with_words", "turns")
    op.drop_table("purges")
