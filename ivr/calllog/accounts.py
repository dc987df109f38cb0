"""The tables of the console: who may enter, who is inside, and who changed what."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column, relationship

from ivr.calllog.tables import Base, UtcDateTime


class Account(Base):
    """Somebody who may enter the console."""

    __tablename__ = "accounts"

    id: Mapped[int] = mapped_column(primary_key=True)
    login: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    """As others read it."""
    role: Mapped[str]
    """``operator`` or ``admin``."""
    extension: Mapped[str | None] = mapped_column(default=None)
    """Of the operator in ``operators.yaml`` that this is; None for somebody without a telephone."""
    password: Mapped[str] = mapped_column(default="")
    """Hashed by argon2; empty until the invitation is taken up."""
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    disabled_at: Mapped[datetime | None] = mapped_column(UtcDateTime, default=None)
    """From then on nobody enters with it."""


class ConsoleSession(Base):
    """Somebody who is inside."""

    __tablename__ = "console_sessions"

    token: Mapped[str] = mapped_column(primary_key=True)
    """Hashed: what the browser holds is not in the database."""
    account_id: Mapped[int] = mapped_column(ForeignKey("accounts.id", ondelete="CASCADE"))
    csrf: Mapped[str]
    """What each form must bring back."""
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    seen_at: Mapped[datetime] = mapped_column(UtcDateTime)
    account: Mapped[Account] = relationship()


class Invitation(Base):
    """A link by which a password is chosen, once."""

    __tablename__ = "invitations"

    token: Mapped[str] = mapped_column(primary_key=True)
    """Hashed."""
    account_id: Mapped[int] = mapped_column(ForeignKey("accounts.id", ondelete="CASCADE"))
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)
    account: Mapped[Account] = relationship()


class FailedSignIn(Base):
    """A wrong password that still counts; the audit tells of those before."""

    __tablename__ = "failed_sign_ins"
    __table_args__ = (Index("failed_sign_ins_at", "at"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    login: Mapped[str]
    """As typed, whether there is such an account or not."""
    address: Mapped[str]
    """Where it came from: a network address, or a browser that is known for the account."""
    at: Mapped[datetime] = mapped_column(UtcDateTime)


class AuditLine(Base):
    """A change that somebody made, a look at somebody's data, or a sign-in."""

    __tablename__ = "audit"
    __table_args__ = (Index("audit_at", "at"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    who: Mapped[str]
    """The login; ``console`` or ``ivr`` for what was done on the command line; empty for somebody
    who was not let in."""
    action: Mapped[str]
    """A few French words: ``a modifié la question``."""
    subject: Mapped[str] = mapped_column(default="")
    """What was changed: an entry's id, a setting, a login."""
    before: Mapped[str] = mapped_column(default="")
    after: Mapped[str] = mapped_column(default="")
    address: Mapped[str] = mapped_column(default="", server_default="")
    """The network address that somebody signed in from, or tried to; empty otherwise."""
