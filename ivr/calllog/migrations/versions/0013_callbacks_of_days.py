"""The counts of a day's callbacks beside those of its calls."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.add_column("figures_days", sa.Column("callbacks", sa.JSON))


def downgrade() -> None:
    """Undo."""
    with op.batch_alter_table("figures_days") as days:
        days.drop_column("callbacks")
