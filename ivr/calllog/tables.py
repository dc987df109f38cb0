"""The tables of the call log."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

from sqlalchemy import JSON, DateTime, Dialect, ForeignKey, Index, TypeDecorator, text
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
    __table_args__ = (
        Index("calls_started_at", "started_at"),
        Index("calls_caller_number", "caller_number", "started_at"),
    )

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
    """``caller``, ``machine``, ``transfer``, ``admin`` (in the console) or ``failure``."""
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


TURN_WITH_WORDS = "heard <> '' OR said <> ''"
"""Turns whose words have not been removed yet."""


class Turn(Base):
    """One exchange: what happened on the line, what was decided and said."""

    __tablename__ = "turns"
    __table_args__ = (
        # how often each entry was asked and answered is counted from this index alone
        Index("turns_at", "at", "decision", "entry", "notes"),
        Index(
            "turns_with_words",
            "at",
            sqlite_where=text(TURN_WITH_WORDS),
            postgresql_where=text(TURN_WITH_WORDS),
        ),
    )

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


OPEN_STATES = ("pending", "dialling", "person")
"""States of a callback that is still to be made."""
OPEN_CALLBACK = f"state IN {OPEN_STATES}"
"""What of a callback is still to be done."""


class Callback(Base):
    """Somebody who is to be called back: this row, not a job, is the source of truth."""

    __tablename__ = "callbacks"
    __table_args__ = (
        Index(
            "callbacks_one_open",
            "number",
            "department",
            unique=True,
            sqlite_where=text(OPEN_CALLBACK),
            postgresql_where=text(OPEN_CALLBACK),
        ),
        Index("callbacks_due", "state", "due_at"),
        Index("callbacks_taken_at", "taken_at"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    reference: Mapped[str]
    """Told to the caller; unique among the open ones."""
    number: Mapped[str]
    """E.164."""
    name: Mapped[str] = mapped_column(default="")
    """Who it is, if given."""
    department: Mapped[str]
    reason: Mapped[str] = mapped_column(default="")
    wanted: Mapped[str] = mapped_column(default="")
    """When, as said by the caller; empty means as soon as possible."""
    origin: Mapped[str] = mapped_column(default="caller")
    """``caller`` asked for it, hung up in the queue (``missed``), or left a ``message``;
    ``operator``: who spoke with them noted it."""
    call_id: Mapped[str | None] = mapped_column(default=None)
    """The latest call that asked for it; kept after that call is purged."""
    state: Mapped[str]
    """``pending``; ``dialling`` once claimed; ``person``: a person must decide; ``done`` or
    ``cancelled``."""
    due_at: Mapped[datetime] = mapped_column(UtcDateTime)
    """Not before; moved on by each attempt."""
    until: Mapped[datetime | None] = mapped_column(UtcDateTime, default=None)
    """The end of what the caller wished; None when they named none."""
    attempts: Mapped[int] = mapped_column(default=0)
    """Times that the citizen's telephone was dialled."""
    attempt: Mapped[str | None] = mapped_column(default=None)
    """The attempt under way, while ``dialling``."""
    operator: Mapped[str | None] = mapped_column(default=None)
    """Extension of the operator who has claimed it."""
    outcome: Mapped[str] = mapped_column(default="")
    """Of the latest attempt: ``reached``, ``busy``, ``no-answer``, ``voicemail``, ``refused``,
    ``wrong-number``, ``failed``; empty when there was none."""
    note: Mapped[str] = mapped_column(default="")
    """What an operator wrote."""
    taken_at: Mapped[datetime] = mapped_column(UtcDateTime)
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime)


class CallbackAttempt(Base):
    """One time that a citizen was, or was about to be, called back."""

    __tablename__ = "callback_attempts"
    __table_args__ = (Index("callback_attempts_of", "callback_id"),)

    id: Mapped[str] = mapped_column(primary_key=True)
    """Names its channels in Asterisk."""
    callback_id: Mapped[int] = mapped_column(ForeignKey("callbacks.id", ondelete="CASCADE"))
    started_at: Mapped[datetime] = mapped_column(UtcDateTime)
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime, default=None)
    operator: Mapped[str | None] = mapped_column(default=None)
    """Extension of who accepted it."""
    outcome: Mapped[str] = mapped_column(default="")
    """As ``Callback.outcome``, or ``nobody``: no operator accepted, the citizen was not dialled."""


class QueueStay(Base):
    """One stay of a caller in a queue, also of a call that the application never had."""

    __tablename__ = "queue_stays"
    __table_args__ = (
        Index("queue_stays_call", "call_id"),
        Index("queue_stays_joined_at", "joined_at"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    call_id: Mapped[str]
    """Asterisk's unique id of the caller's channel."""
    caller_number: Mapped[str | None] = mapped_column(default=None)
    department: Mapped[str]
    """The queue."""
    reason: Mapped[str] = mapped_column(default="")
    """What the operators were shown."""
    priority: Mapped[int] = mapped_column(default=0)
    joined_at: Mapped[datetime] = mapped_column(UtcDateTime)
    answered_at: Mapped[datetime | None] = mapped_column(UtcDateTime, default=None)
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime, default=None)
    """The end of the wait, or of the conversation when it was answered; None while it lasts."""
    outcome: Mapped[str] = mapped_column(default="")
    """``answered``, ``abandoned`` (the caller hung up), ``timeout``, ``empty`` (nobody there),
    ``key`` (left for a callback), ``unknown`` (we were away); empty while waiting."""
    operator: Mapped[str | None] = mapped_column(default=None)
    """Extension of who answered."""


class Message(Base):
    """A spoken message of a caller, out of hours; its sound is deleted before its row."""

    __tablename__ = "messages"

    id: Mapped[int] = mapped_column(primary_key=True)
    call_id: Mapped[str]
    callback_id: Mapped[int | None] = mapped_column(
        ForeignKey("callbacks.id", ondelete="SET NULL"), default=None
    )
    department: Mapped[str]
    file: Mapped[str]
    """Name of the WAV file in ``var/messages``; empty once deleted."""
    number: Mapped[str] = mapped_column(default="")
    """To call back, E.164; empty when that cannot be."""
    state: Mapped[str] = mapped_column(default="kept")
    """``recording``, also while the caller has not confirmed it; ``kept``; ``transcribed``."""
    seconds: Mapped[float]
    """0.0 while it is being recorded."""
    transcript: Mapped[str] = mapped_column(default="")
    recorded_at: Mapped[datetime] = mapped_column(UtcDateTime)


class OperatorNote(Base):
    """What an operator wrote after a call."""

    __tablename__ = "operator_notes"
    __table_args__ = (Index("operator_notes_call", "call_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    call_id: Mapped[str]
    operator: Mapped[str]
    """Their extension."""
    outcome: Mapped[str] = mapped_column(default="")
    """``settled``, ``passed-on``, ``call-back``, ``wrong-department``, ``misunderstood`` (by the
    machine) or empty."""
    text: Mapped[str] = mapped_column(default="")
    at: Mapped[datetime] = mapped_column(UtcDateTime)


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


class Purge(Base):
    """One removal of what has been kept long enough."""

    __tablename__ = "purges"

    id: Mapped[int] = mapped_column(primary_key=True)
    started_at: Mapped[datetime] = mapped_column(UtcDateTime)
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime, default=None)
    """None while it runs, or when it did not come to its end."""
    removed: Mapped[dict[str, int]] = mapped_column(JSON, default=dict)
    """By kind of data, how many rows were changed or deleted."""


class FiguresDay(Base):
    """The counts of one day's calls and callbacks, kept so that a year is read at once."""

    __tablename__ = "figures_days"

    day: Mapped[date] = mapped_column(primary_key=True)
    """On the town's calendar."""
    counts: Mapped[dict[str, Any]] = mapped_column(JSON)
    """See ``ivr/figures/days.py``; nothing of it tells of a person."""
    callbacks: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True), default=None)
    """Counts of the callbacks taken on that day; None while one of them is still to be made."""
    questions: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True), default=None)
    """How the entries of the FAQ were used; None where that is not counted yet."""
    kept_at: Mapped[datetime] = mapped_column(UtcDateTime)


class Summary(Base):
    """The daily summary that is sent by e-mail, so that a restart does not send it twice."""

    __tablename__ = "summaries"

    day: Mapped[date] = mapped_column(primary_key=True)
    """The day that it tells of."""
    claimed_at: Mapped[datetime] = mapped_column(UtcDateTime)
    """When a process began to send it."""
    sent_at: Mapped[datetime | None] = mapped_column(UtcDateTime, default=None)
    """None while it has not left; the claim lapses after some minutes."""
