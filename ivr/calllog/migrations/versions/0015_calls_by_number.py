"""A caller's earlier calls are found at once when they call again."""

from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_index("calls_caller_number", "calls", ["caller_number", "started_at"])


def downgrade() -> None:
    """Undo."""
    op.drop_index("calls_caller_number", "calls")
