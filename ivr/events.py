"""What happens on a telephone line, as the rest of the program sees it: typed and frozen."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Literal

Expecting = Literal["request", "yes-no", "choice", "digits", "rating"]
"""What kind of answer a caller is asked for; helps the recogniser and the endpointing."""


@dataclass(frozen=True)
class CallerId:
    """Who calls, cleaned of control characters at the edge."""

    number: str | None
    """Digits with an optional leading ``+``; None when withheld."""
    name: str = ""
    """At most 80 printable characters."""


class QueueOutcome(StrEnum):
    """How a stay in the operators' queue ended without an operator: Asterisk's QUEUESTATUS."""

    TIMEOUT = "TIMEOUT"
    FULL = "FULL"
    JOIN_EMPTY = "JOINEMPTY"
    LEAVE_EMPTY = "LEAVEEMPTY"
    JOIN_UNAVAILABLE = "JOINUNAVAIL"
    LEAVE_UNAVAILABLE = "LEAVEUNAVAIL"
    CONTINUE = "CONTINUE"
    WITHDRAWN = "WITHDRAW"
    KEY = "KEY"
    """Ours: the caller pressed a key that leaves the queue."""
    UNKNOWN = ""


@dataclass(frozen=True)
class CallStarted:
    """A caller's channel has been handed to the application."""

    call_id: str
    """Asterisk's unique id of the caller's channel; the same when it returns from a queue."""
    caller: CallerId
    dialled: str
    """The number that was called."""
    at: datetime
    """Time zone aware."""
    returned: QueueOutcome | None = None
    """Set when the call comes back from the operators' queue."""
    key: str = ""
    """The key that the caller left the queue by; empty when they did not."""
    place: int | None = None
    """The caller's position when they left the queue, from 1; None when not known."""


@dataclass(frozen=True)
class Frame:
    """20 ms of the caller's voice: 640 bytes, 16 kHz, signed 16 bit little-endian, mono."""

    pcm: bytes


@dataclass(frozen=True)
class KeyPressed:
    """The caller pressed a key."""

    key: str
    """One of ``0``-``9``, ``*``, ``#``, ``A``-``D``."""


@dataclass(frozen=True)
class Played:
    """Everything up to and including this mark has been sent to the caller."""

    mark: str


LegEvent = Frame | KeyPressed | Played


@dataclass(frozen=True)
class Interrupted:
    """What was cut short by a flush."""

    mark: str
    """The mark of the clip that was playing."""
    heard_ms: int
    """How much of that clip the caller had heard, in milliseconds."""


@dataclass(frozen=True)
class QueueRequest:
    """Where a call goes when it leaves the application for people."""

    queue: str
    """The department's id, which is the queue's name."""
    reason: str = ""
    """A few words shown to the operator with the caller's number."""
    priority: int = 0
    """Higher is served first (Asterisk's QUEUE_PRIO); urgent calls use 10."""
    operator: str | None = None
    """The extension to ring before the queue; None means whoever is free."""
    place: int | None = None
    """The position to enter the queue at, from 1; None is the end, after calls of its priority."""
    patient: bool = False
    """The caller knows that all are busy, and waits longer before the call comes back."""
    language: str = "fr"
    """The language of what the caller hears while waiting (ISO 639-1)."""
    whisper: str = ""
    """Sound file for the operator who picks up, without its ending; empty is none."""
