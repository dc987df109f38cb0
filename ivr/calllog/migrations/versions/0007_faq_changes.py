"""What was changed in the FAQ; turns are counted by what became of them."""

import sqlalchemy as sa
from alembic import op

from ivr.calllog.tables import UtcDateTime

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "faq_changes",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("at", UtcDateTime, nullable=False),
        sa.Column("who", sa.String, nullable=False),
        sa.Column("language", sa.String, nullable=False),
        sa.Column("entry", sa.String, nullable=False),
        sa.Column("file", sa.String, nullable=False),
        sa.Column("before", sa.String),
        sa.Column("after", sa.String),
        sa.Column("undoes", sa.Integer),
    )
    op.create_index("faq_changes_entry", "faq_changes", ["language", "entry"])
    op.create_index("turns_at", "turns", ["at", "decision", "entry", "notes"])


def downgrade() -> None:
    """Undo."""
    op.drop_index("turns_at", "turns")
    op.drop_table("faq_changes")
