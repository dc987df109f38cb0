"""Stays in queues, attempts of callbacks, messages and operators' notes."""

import sqlalchemy as sa
from alembic import op

from ivr.calllog.tables import OPEN_CALLBACK, UtcDateTime

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.drop_index("callbacks_one_open", "callbacks")
    with op.batch_alter_table("callbacks") as callbacks:
        for name, kind, default in (
            ("name", sa.String, ""),
            ("origin", sa.String, "caller"),
            ("attempts", sa.Integer, "0"),
            ("outcome", sa.String, ""),
            ("note", sa.String, ""),
        ):
            callbacks.add_column(sa.Column(name, kind, nullable=False, server_default=default))
        callbacks.add_column(sa.Column("due_at", UtcDateTime))
        callbacks.add_column(sa.Column("until", UtcDateTime))
        callbacks.add_column(sa.Column("attempt", sa.String))
        callbacks.add_column(sa.Column("operator", sa.String))
    op.execute("UPDATE callbacks SET due_at = taken_at")
    with op.batch_alter_table("callbacks") as callbacks:
        callbacks.alter_column("due_at", nullable=False)
    open_ones = sa.text(OPEN_CALLBACK)
    op.create_index(
        "callbacks_one_open",
        "callbacks",
        ["number", "department"],
        unique=True,
        sqlite_where=open_ones,
        postgresql_where=open_ones,
    )
    op.create_index("callbacks_due", "callbacks", ["state", "due_at"])
    op.create_table(
        "callback_attempts",
        sa.Column("id", sa.String, primary_key=True),
        sa.Column(
            "callback_id",
            sa.Integer,
            sa.ForeignKey("callbacks.id", ondelete="CASCADE"),
            nullable=False,
        ),
        sa.Column("started_at", UtcDateTime, nullable=False),
        sa.Column("ended_at", UtcDateTime),
        sa.Column("operator", sa.String),
        sa.Column("outcome", sa.String, nullable=False),
    )
    op.create_index("callback_attempts_of", "callback_attempts", ["callback_id"])
    op.create_table(
        "queue_stays",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("call_id", sa.String, nullable=False),
        sa.Column("caller_number", sa.String),
        sa.Column("department", sa.String, nullable=False),
        sa.Column("reason", sa.String, nullable=False),
        sa.Column("priority", sa.Integer, nullable=False),
        sa.Column("joined_at", UtcDateTime, nullable=False),
        sa.Column("answered_at", UtcDateTime),
        sa.Column("ended_at", UtcDateTime),
        sa.Column("outcome", sa.String, nullable=False),
        sa.Column("operator", sa.String),
    )
    op.create_index("queue_stays_call", "queue_stays", ["call_id"])
    op.create_index("queue_stays_joined_at", "queue_stays", ["joined_at"])
    op.create_table(
        "messages",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("call_id", sa.String, nullable=False),
        sa.Column("callback_id", sa.Integer, sa.ForeignKey("callbacks.id", ondelete="SET NULL")),
        sa.Column("department", sa.String, nullable=False),
        sa.Column("file", sa.String, nullable=False),
        sa.Column("seconds", sa.Float, nullable=False),
        sa.Column("transcript", sa.String, nullable=False),
        sa.Column("recorded_at", UtcDateTime, nullable=False),
    )
    op.create_table(
        "operator_notes",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("call_id", sa.String, nullable=False),
        sa.Column("operator", sa.String, nullable=False),
        sa.Column("outcome", sa.String, nullable=False),
        sa.Column("text", sa.String, nullable=False),
        sa.Column("at", UtcDateTime, nullable=False),
    )
    op.create_index("operator_notes_call", "operator_notes", ["call_id"])


def downgrade() -> None:
    """Undo."""
    for name in ("operator_notes", "messages", "queue_stays", "callback_attempts"):
        op.drop_table(name)
    op.drop_index("callbacks_due", "callbacks")
    op.drop_index("callbacks_one_open", "callbacks")
    with op.batch_alter_table("callbacks") as callbacks:
        for name in (
            *("name", "origin", "attempts", "outcome", "note"),
            *("due_at", "until", "attempt", "operator"),
        ):
            callbacks.drop_column(name)
    pending = sa.text("state = 'pending'")
    op.create_index(
        "callbacks_one_open",
        "callbacks",
        ["number", "department"],
        unique=True,
        sqlite_where=pending,
        postgresql_where=pending,
    )
