"""The tables of the call log."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import DateTime, Dialect, ForeignKey, Index, TypeDecorator, text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship


class UtcDateTime(TypeDecorator[datetime]):
    """Time zone aware datetimes, kept in UTC, also by databases that know no time zones."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Refuse naive times: they would be read back as another moment."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a time without a time zone cannot be logged")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Give back aware times whatever the database returned."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Base(DeclarativeBase):
    """Base of all tables."""


class Call(Base):
    """One call, from the moment the application has it."""

    __tablename__ = "calls"
    __table_args__ = (Index("calls_started_at", "started_at"),)

    id: Mapped[str] = mapped_column(primary_key=True)
    """Asterisk's unique id of the caller's channel."""
    caller_number: Mapped[str | None]
    caller_name: Mapped[str] = mapped_column(default="")
    dialled: Mapped[str] = mapped_column(default="")
    started_at: Mapped[datetime] = mapped_column(UtcDateTime)
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime, default=None)
    """None while the call is with the machine."""
    outcome: Mapped[str | None] = mapped_column(default=None)
    """One of ``dialogue.turns.Outcome``."""
    ended_by: Mapped[str | None] = mapped_column(default=None)
    """``caller``, ``machine``, ``transfer`` or ``failure``."""
    department: Mapped[str | None] = mapped_column(default=None)
    """Where it was transferred."""
    reason: Mapped[str] = mapped_column(default="")
    """What the operators were told."""
    language: Mapped[str] = mapped_column(default="fr")
    """The language spoken last, ISO 639-1."""
    satisfaction: Mapped[int | None] = mapped_column(default=None)
    """The caller's mark, 1 to 5; None when not asked or not given."""
    turns: Mapped[list[Turn]] = relationship(
        order_by="Turn.number", back_populates="call", cascade="all, delete-orphan"
    )


class Turn(Base):
    """One exchange: what happened on the line, what was decided and said."""

    __tablename__ = "turns"

    call_id: Mapped[str] = mapped_column(ForeignKey("calls.id"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    """1, 2, 3… within the call."""
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    happened: Mapped[str]
    """``opened``, ``heard``, ``keyed``, ``silent``, ``unintelligible``, ``returned``…"""
    heard: Mapped[str] = mapped_column(default="")
    """The recognised text, or the key."""
    confidence: Mapped[float | None] = mapped_column(default=None)
    entry: Mapped[str | None] = mapped_column(default=None)
    """The best candidate, whatever was decided."""
    score: Mapped[float | None] = mapped_column(default=None)
    decision: Mapped[str] = mapped_column(default="")
    """``answer``, ``confirm``, ``choose`` or ``reject``; empty when nothing was matched."""
    said: Mapped[str] = mapped_column(default="")
    """What the machine said, as written."""
    about: Mapped[str] = mapped_column(default="")
    """What it was about: prompt keys and ``faq:…`` ids, separated by spaces."""
    notes: Mapped[str] = mapped_column(default="")
    """What became of a request: ``answered:passeport``, ``confirmed:…``, ``corrected:…`` (it was
    not that), ``rejected``; separated by spaces."""
    cut_short: Mapped[float | None] = mapped_column(default=None)
    """Share heard of the speech that this turn interrupted, 0.0 to 1.0."""
    response_ms: Mapped[int | None] = mapped_column(default=None)
    """From the end of the caller's speech to the first sound of the answer being sent."""
    call: Mapped[Call] = relationship(back_populates="turns")


class Callback(Base):
    """Somebody who is to be called back: this row, not a job, is the source of truth."""

    __tablename__ = "callbacks"
    __table_args__ = (
        Index(
            "callbacks_one_open",
            "number",
            "department",
            unique=True,
            sqlite_where=text("state = 'pending'"),
            postgresql_where=text("state = 'pending'"),
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    reference: Mapped[str]
    """Told to the caller; unique among the pending ones."""
    number: Mapped[str]
    """E.164."""
    department: Mapped[str]
    reason: Mapped[str] = mapped_column(default="")
    wanted: Mapped[str] = mapped_column(default="")
    """When, as said by the caller; empty means as soon as possible."""
    call_id: Mapped[str | None] = mapped_column(default=None)
    """The latest call that asked for it; kept after that call is purged."""
    state: Mapped[str]
    """``pending``, ``done`` or ``cancelled``."""
    taken_at: Mapped[datetime] = mapped_column(UtcDateTime)
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime)


class Suggestion(Base):
    """What an admin decided about something that callers said and that was not understood."""

    __tablename__ = "suggestions"

    key: Mapped[str] = mapped_column(primary_key=True)
    """A digest of the language and the words: the decision outlives the call, the words do not."""
    decision: Mapped[str]
    """``taken`` as an example, or ``dismissed``."""
    entry: Mapped[str | None] = mapped_column(default=None)
    """The entry that it became an example of."""
    decided_at: Mapped[datetime] = mapped_column(UtcDateTime)
