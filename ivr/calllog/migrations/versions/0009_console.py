"""The console's accounts, sessions and audit."""

import sqlalchemy as sa
from alembic import op

from ivr.calllog.tables import UtcDateTime

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "accounts",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("login", sa.String, nullable=False),
        sa.Column("name", sa.String, nullable=False),
        sa.Column("role", sa.String, nullable=False),
        sa.Column("extension", sa.String),
        sa.Column("password", sa.String, nullable=False),
        sa.Column("created_at", UtcDateTime, nullable=False),
        sa.Column("disabled_at", UtcDateTime),
        sa.UniqueConstraint("login"),
    )
    op.create_table(
        "console_sessions",
        sa.Column("token", sa.String, primary_key=True),
        _account(),
        sa.Column("csrf", sa.String, nullable=False),
        sa.Column("created_at", UtcDateTime, nullable=False),
        sa.Column("seen_at", UtcDateTime, nullable=False),
    )
    op.create_table(
        "invitations",
        sa.Column("token", sa.String, primary_key=True),
        _account(),
        sa.Column("expires_at", UtcDateTime, nullable=False),
    )
    op.create_table(
        "failed_sign_ins",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("login", sa.String, nullable=False),
        sa.Column("address", sa.String, nullable=False),
        sa.Column("at", UtcDateTime, nullable=False),
    )
    op.create_index("failed_sign_ins_at", "failed_sign_ins", ["at"])
    op.create_table(
        "audit",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("at", UtcDateTime, nullable=False),
        sa.Column("who", sa.String, nullable=False),
        sa.Column("action", sa.String, nullable=False),
        sa.Column("subject", sa.String, nullable=False),
        sa.Column("before", sa.String, nullable=False),
        sa.Column("after", sa.String, nullable=False),
    )
    op.create_index("audit_at", "audit", ["at"])


def downgrade() -> None:
    """Undo."""
    for name in ("audit", "failed_sign_ins", "invitations", "console_sessions", "accounts"):
        op.drop_table(name)


def _account() -> sa.Column[int]:
    return sa.Column(
        "account_id", sa.Integer, sa.ForeignKey("accounts.id", ondelete="CASCADE"), nullable=False
    )
