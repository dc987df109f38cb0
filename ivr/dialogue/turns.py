"""What can happen in a conversation, and what can be decided: the dialogue's inputs and outputs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Literal, Protocol

from ivr.events import Expecting, QueueOutcome
from ivr.nlu.match import Match


class Availability(Protocol):
    """Who of a department could take a call now."""

    @property
    def free(self) -> int:
        """Operators who would be rung."""

    @property
    def present(self) -> int:
        """Operators at work: free, ringing, talking or writing up."""

    @property
    def waiting(self) -> int:
        """Callers in the department's queue."""

    @property
    def wait_s(self) -> float | None:
        """How long one more caller would wait, in seconds; None when unknown."""


# --- what happened -----------------------------------------------------------------------------


@dataclass(frozen=True)
class Opened:
    """A caller has been connected."""

    caller_number: str | None
    """As presented by the network; None when withheld."""


@dataclass(frozen=True)
class Returned:
    """The caller comes back from the operators' queue, where nobody took the call."""

    outcome: QueueOutcome
    key: str = ""
    """With ``QueueOutcome.KEY``: the key pressed."""


@dataclass(frozen=True)
class Heard:
    """The caller said something intelligible."""

    match: Match
    confidence: float
    """The recogniser's, 0.0 to 1.0."""


@dataclass(frozen=True)
class Unintelligible:
    """The caller spoke, or something made noise, but no words were recognised."""


@dataclass(frozen=True)
class TooLong:
    """The caller spoke longer than one utterance may last; what was heard so far is matched."""

    match: Match
    confidence: float


@dataclass(frozen=True)
class Silent:
    """Nothing was said or keyed within the time given by ``Listen``."""


@dataclass(frozen=True)
class Keyed:
    """One key was pressed: ``0``-``9``, ``*`` or ``#``."""

    key: str


@dataclass(frozen=True)
class Overloaded:
    """Speech cannot be recognised at the moment; the keypad still works."""


@dataclass(frozen=True)
class CallbackTaken:
    """The callback is on disk and will not be lost."""

    reference: str
    """To be told to the caller."""
    updated: bool = False
    """The caller already had an open callback with this department: it was updated."""


@dataclass(frozen=True)
class CallbackFailed:
    """The callback could not be written down: do not promise it."""


@dataclass(frozen=True)
class Redirected:
    """Somebody at the town hall passes the call on, whatever was being said."""

    department: str
    operator: str | None = None
    """The extension to ring first; None means whoever of the department is free."""


@dataclass(frozen=True)
class Dismissed:
    """Somebody at the town hall ends the call."""


@dataclass(frozen=True)
class Recorded:
    """The caller has left a message, or said nothing."""

    seconds: float
    """0.0 when nothing was said; nothing is kept then."""
    too_long: bool = False
    """It was cut at the longest that a message may be."""
    key: str = ""
    """The key that ended it."""


@dataclass(frozen=True)
class RecordingFailed:
    """The message could not be recorded, or not be kept: do not promise it."""


@dataclass(frozen=True)
class MessageKept:
    """The message is on disk, and people will find it."""

    reference: str | None
    """Of the callback that goes with it; None when the number cannot be called back."""


Order = Redirected | Dismissed
"""What people may decide about a call that the machine has."""

Happening = (
    Opened
    | Returned
    | Heard
    | Unintelligible
    | TooLong
    | Silent
    | Keyed
    | Overloaded
    | CallbackTaken
    | CallbackFailed
    | Recorded
    | RecordingFailed
    | MessageKept
    | Order
)


@dataclass(frozen=True)
class CutShort:
    """What the machine was saying when the caller interrupted."""

    about: str
    """``Say.about`` of the interrupted text."""
    share: float
    """How much of it the caller had heard, 0.0 to 1.0."""


@dataclass(frozen=True)
class Turn:
    """One thing that happened, with when and what it interrupted."""

    what: Happening
    at: datetime
    """Time zone aware; the only clock the dialogue ever sees."""
    cut_short: CutShort | None = None
    queues: Mapping[str, Availability] = field(default_factory=dict)
    """Who is free, by department; those that nothing is known of are missing."""
    ahead: int | None = None
    """How many would be served before this caller in the queue that they came back from; None when
    they come from none, or it is not known."""


# --- what to do --------------------------------------------------------------------------------


@dataclass(frozen=True)
class Say:
    """Say a text, as written French (or another language); later decisions wait for its end."""

    text: str
    about: str
    """The prompt's key, or ``faq:<entry>`` / ``faq:<entry>/<follow-up>``."""
    language: str = "fr"
    pace: float = 1.0
    """1.0 is normal; 0.8 slower, for "plus lentement"."""


@dataclass(frozen=True)
class Listen:
    """Give the floor to the caller. What was said before may be interrupted by voice or key."""

    expecting: Expecting = "request"
    patience: float = 1.0
    """Multiplies the silence allowed (``hearing.silence``)."""


class Outcome(StrEnum):
    """How a call ended, for the call log."""

    ANSWERED = "answered"
    """The machine answered at least one request and nothing was left open."""
    TRANSFERRED = "transferred"
    CALLBACK = "callback"
    GAVE_UP = "gave-up"
    """The caller left, or fell silent, without an answer."""
    ABANDONED = "abandoned"
    """The caller was passed to the operators, and hung up before one answered."""
    EMERGENCY = "emergency"
    """Told to call the emergency services, and passed to a person."""
    MESSAGE = "message"
    """A spoken message was left, with nobody to call back."""
    INTERRUPTED = "interrupted"
    """Our side was killed in mid-call."""


@dataclass(frozen=True)
class Transfer:
    """Pass the call to the operators; the conversation is over unless the call returns."""

    department: str
    reason: str
    """A few French words for the operator: "Carte d'identité, déjà renseigné"."""
    urgent: bool = False
    operator: str | None = None
    """The extension to ring before the department's queue."""
    busy: bool = False
    """Nobody is free: the caller has been told how long it takes."""
    exits: str = ""
    """Keys that are answered while this is being said; any other only skips the words."""
    place: int | None = None
    """The place in the queue, from 1, that the caller has kept; None is the end of it."""


@dataclass(frozen=True)
class TakeCallback:
    """Write down that somebody is to be called back; CallbackTaken or CallbackFailed follows."""

    number: str
    """E.164, checked."""
    department: str
    reason: str
    when: str = ""
    """As said by the caller; empty means as soon as possible."""
    name: str = ""
    due: datetime | None = None
    """Not before; None: as soon as possible."""
    until: datetime | None = None
    """The end of what the caller wished, if they named one."""


@dataclass(frozen=True)
class Record:
    """Record a message after a beep; Recorded or RecordingFailed follows.

    An earlier recording of this call that was not kept yet is replaced.
    """

    department: str
    reason: str
    number: str = ""
    """To call back, E.164, checked; empty when that cannot be."""


@dataclass(frozen=True)
class Replay:
    """Let the caller hear the message just recorded."""


@dataclass(frozen=True)
class KeepMessage:
    """The caller is content with the message; MessageKept or RecordingFailed follows.

    Without it the message is kept all the same when the call ends, unless it was dropped.
    """


@dataclass(frozen=True)
class DropMessage:
    """The caller does not want the message to be kept."""


@dataclass(frozen=True)
class HangUp:
    """End the call politely (what is being said is finished first)."""

    outcome: Outcome


@dataclass(frozen=True)
class Note:
    """Something worth keeping in the call log."""

    kind: Literal["answered", "confirmed", "corrected", "rejected", "satisfaction", "language"]
    entry: str | None = None
    value: str = ""


# The last action of a turn is one of Listen, Transfer, TakeCallback, Record, KeepMessage, HangUp.
Action = (
    Say
    | Listen
    | Transfer
    | TakeCallback
    | Record
    | Replay
    | KeepMessage
    | DropMessage
    | HangUp
    | Note
)
