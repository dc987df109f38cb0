"""What was decided about suggested examples."""

import sqlalchemy as sa
from alembic import op

from ivr.calllog.tables import UtcDateTime

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "suggestions",
        sa.Column("key", sa.String, primary_key=True),
        sa.Column("decision", sa.String, nullable=False),
        sa.Column("entry", sa.String),
        sa.Column("decided_at", UtcDateTime, nullable=False),
    )


def downgrade() -> None:
    """Undo."""
    op.drop_table("suggestions")
