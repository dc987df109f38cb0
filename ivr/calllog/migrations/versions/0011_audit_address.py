"""Where a sign-in came from."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    with op.batch_alter_table("audit") as audit:
        audit.add_column(sa.Column("address", sa.String, nullable=False, server_default=""))


def downgrade() -> None:
    """Undo."""
    with op.batch_alter_table("audit") as audit:
        audit.drop_column("address")
