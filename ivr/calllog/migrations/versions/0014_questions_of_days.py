"""How the entries of the FAQ were used on a day, beside the counts of its calls."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.add_column("figures_days", sa.Column("questions", sa.JSON))


def downgrade() -> None:
    """Undo."""
    with op.batch_alter_table("figures_days") as days:
        days.drop_column("questions")
