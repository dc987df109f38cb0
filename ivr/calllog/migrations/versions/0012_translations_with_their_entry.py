"""Which changes of translations were made by that of their French entry."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    with op.batch_alter_table("faq_changes") as changes:
        changes.add_column(sa.Column("part_of", sa.Integer, nullable=True))


def downgrade() -> None:
    """Undo."""
    with op.batch_alter_table("faq_changes") as changes:
        changes.drop_column("part_of")
