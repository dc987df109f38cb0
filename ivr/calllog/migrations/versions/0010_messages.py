"""How far a spoken message is, and whom to call back."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    with op.batch_alter_table("messages") as messages:
        messages.add_column(sa.Column("number", sa.String, nullable=False, server_default=""))
        messages.add_column(sa.Column("state", sa.String, nullable=False, server_default="kept"))


def downgrade() -> None:
    """Undo."""
    with op.batch_alter_table("messages") as messages:
        messages.drop_column("state")
        messages.drop_column("number")
