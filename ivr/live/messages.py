"""What is said over Redis between ``ivr serve`` and the console: typed, and JSON on the wire.

Everything goes by publish and subscribe: nothing that a caller says is ever stored in Redis.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field, TypeAdapter

CHANGES = "allo-mairie:live:changes"
"""From ``ivr serve`` to whoever watches."""
ORDERS = "allo-mairie:live:orders"
"""From the console to ``ivr serve``. Whoever knows Redis's password may give orders."""


class Place(StrEnum):
    """Who has a call."""

    MACHINE = "machine"
    QUEUE = "queue"
    OPERATOR = "operator"


@dataclass(frozen=True)
class LiveTurn:
    """One turn of a conversation; see ``calllog.tables.Turn``."""

    at: datetime
    happened: str
    heard: str
    entry: str | None
    score: float | None
    decision: str
    said: str


@dataclass(frozen=True)
class LiveCall:
    """A call in progress."""

    id: str
    number: str | None
    """None when withheld."""
    name: str
    started_at: datetime
    place: Place = Place.MACHINE
    since: datetime | None = None
    """When it came to this place; None: when it began."""
    phase: str = ""
    """What the machine asked last, see ``dialogue.state.Phase``."""
    department: str | None = None
    """Whose call it is, as far as is known."""
    entry: str | None = None
    """The entry of the FAQ that was answered last."""
    reason: str = ""
    """What the operators are told; empty while the machine has it."""
    operator: str | None = None
    """Extension of who speaks with the caller."""
    turns: tuple[LiveTurn, ...] = ()
    """The latest ones, oldest first."""


@dataclass(frozen=True)
class LiveOperator:
    """An operator and what they do."""

    extension: str
    state: str
    """``signed-out``, ``free``, ``ringing``, ``talking``, ``wrap-up``, ``paused`` or
    ``unreachable``."""
    since: datetime | None = None
    reason: str = ""
    """Of the pause."""
    call_id: str | None = None
    """The caller's call that rings or is spoken with."""


@dataclass(frozen=True)
class Waiting:
    """A caller in a queue."""

    call_id: str
    number: str | None
    joined_at: datetime


@dataclass(frozen=True)
class LiveQueue:
    """A department's queue."""

    department: str
    waiting: tuple[Waiting, ...] = ()
    """First comes first."""
    free: int = 0
    present: int = 0
    wait_s: float | None = None
    """Wait to be expected, in seconds; None when unknown."""


@dataclass(frozen=True)
class People:
    """The operators and the queues."""

    operators: tuple[LiveOperator, ...] = ()
    queues: tuple[LiveQueue, ...] = ()


@dataclass(frozen=True)
class Health:
    """How ``ivr serve`` is."""

    version: str
    started_at: datetime
    asterisk: bool
    """Asterisk hands calls to the application (ARI)."""
    manager: bool
    """Asterisk tells about operators and queues (AMI)."""
    hearing: str
    """The model that hears."""
    calls_at_once: int
    """Conversations that the machine holds at most."""
    error: str = ""
    """The last one that was logged."""
    error_at: datetime | None = None
    outside: bool | None = None
    """Whether the provider's server answers; None without a line that leads outside."""


# --- from serve to the console -------------------------------------------------------------------


@dataclass(frozen=True)
class Everything:
    """The whole state: sent at the start, after an outage, and to whoever asks."""

    calls: tuple[LiveCall, ...]
    people: People | None
    health: Health
    kind: Literal["everything"] = "everything"


@dataclass(frozen=True)
class CallChanged:
    """A call began or went on."""

    call: LiveCall
    kind: Literal["call"] = "call"


@dataclass(frozen=True)
class CallOver:
    """A call has ended."""

    call_id: str
    kind: Literal["over"] = "over"


@dataclass(frozen=True)
class PeopleChanged:
    """Operators or queues are otherwise; None when Asterisk does not tell."""

    people: People | None
    kind: Literal["people"] = "people"


@dataclass(frozen=True)
class Heartbeat:
    """``ivr serve`` lives; sent every ``HEARTBEAT_S`` seconds."""

    health: Health
    kind: Literal["heartbeat"] = "heartbeat"


class Answer(StrEnum):
    """What became of an order."""

    DONE = "done"
    OVER = "over"
    """The call had ended."""
    ELSEWHERE = "elsewhere"
    """The machine had passed the call on already."""
    UNKNOWN = "unknown"
    """There is no such department, operator or state."""
    BUSY = "busy"
    """The operator cannot take a call now."""
    UNAVAILABLE = "unavailable"
    """Asterisk cannot be asked."""
    FAILED = "failed"
    """Asterisk refused, or something of ours failed; the log tells."""
    NO_REPLY = "no-reply"
    """No answer in time: whether it was done is not known."""
    AWAY = "away"
    """Redis or ``ivr serve`` is not there: nothing was done."""
    DEMONSTRATION = "demonstration"
    """There is no telephone behind these pages: nothing was done."""


@dataclass(frozen=True)
class Replied:
    """An order was carried out, or not."""

    order: str
    """Its id."""
    answer: Answer
    kind: Literal["replied"] = "replied"


Change = Everything | CallChanged | CallOver | PeopleChanged | Heartbeat | Replied

HEARTBEAT_S = 3.0


# --- from the console to serve -------------------------------------------------------------------


@dataclass(frozen=True)
class AskEverything:
    """Somebody begins to watch."""

    kind: Literal["ask"] = "ask"


@dataclass(frozen=True)
class PassCall:
    """Pass a call to a department, or first to one of its operators."""

    id: str
    call_id: str
    department: str
    operator: str | None = None
    by: str = ""
    """The account, for the log."""
    kind: Literal["pass"] = "pass"


@dataclass(frozen=True)
class EndCall:
    """End a call politely."""

    id: str
    call_id: str
    by: str = ""
    kind: Literal["end"] = "end"


class Duty(StrEnum):
    """What operators can do with themselves."""

    SIGN_IN = "sign-in"
    SIGN_OUT = "sign-out"
    PAUSE = "pause"
    READY = "ready"
    """End a pause, or what is left of the wrap-up."""


@dataclass(frozen=True)
class SetDuty:
    """An operator changes state."""

    id: str
    extension: str
    duty: Duty
    reason: str = field(default="")
    """Of a pause."""
    kind: Literal["duty"] = "duty"


Order = AskEverything | PassCall | EndCall | SetDuty
Answered = PassCall | EndCall | SetDuty
"""Orders that are answered."""

change: TypeAdapter[Change] = TypeAdapter(Annotated[Change, Field(discriminator="kind")])
order: TypeAdapter[Order] = TypeAdapter(Annotated[Order, Field(discriminator="kind")])
