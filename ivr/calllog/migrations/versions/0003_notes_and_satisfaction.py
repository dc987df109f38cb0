"""What became of each request, the language of a call, and the caller's mark."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.add_column("calls", sa.Column("language", sa.String, nullable=False, server_default="fr"))
    op.add_column("calls", sa.Column("satisfaction", sa.Integer))
    op.add_column("turns", sa.Column("notes", sa.String, nullable=False, server_default=""))


def downgrade() -> None:
    """Undo."""
    op.drop_column("turns", "notes")
    op.drop_column("calls", "satisfaction")
    op.drop_column("calls", "language")
