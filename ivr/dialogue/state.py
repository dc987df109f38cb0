"""Where a conversation stands: frozen, made anew at each turn."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from ivr.callbacks.when import Window
from ivr.dialogue.turns import Outcome, Say
from ivr.events import Expecting
from ivr.nlu.match import Context


class Phase(StrEnum):
    """What the machine has just asked."""

    REQUEST = "request"
    """What can I do for you?"""
    CONFIRM = "confirm"
    """Is it this entry?"""
    CHOOSE = "choose"
    """Which of these two entries?"""
    OFFER = "offer"
    """Shall I put you through to the department?"""
    MORE = "more"
    """Anything else?"""
    HELP = "help"
    """The keypad menu, or a person."""
    WAIT = "wait"
    """Nobody is free: wait on, be called back, or another department?"""
    QUEUED = "queued"
    """Nothing: the caller is on the way into a queue, or in it."""
    WANT_CALLBACK = "want-callback"
    """Nobody is there: do you want to be called back?"""
    NUMBER_OK = "number-ok"
    """Shall we call you back on the number you are calling from?"""
    NUMBER = "number"
    """Which number?"""
    NUMBER_READ_BACK = "number-read-back"
    """Did I get the number right?"""
    NAME = "name"
    """Who is to be asked for?"""
    WHEN = "when"
    """When shall we call you back?"""
    WHEN_OK = "when-ok"
    """Does that time suit you?"""
    WRITING = "writing"
    """The callback is being written down."""
    WANT_MESSAGE = "want-message"
    """Do you want to leave a message?"""
    RECORDING = "recording"
    """Speak after the beep."""
    REVIEW = "review"
    """Keep this message, hear it, record it again, or drop it?"""
    KEEPING = "keeping"
    """The message is being kept."""
    URGENT = "urgent"
    """Is it an emergency?"""
    RATING = "rating"
    """How satisfied are you, from 1 to 5?"""


_EXPECTING: dict[Phase, Expecting] = {
    Phase.CONFIRM: "yes-no",
    Phase.URGENT: "yes-no",
    Phase.OFFER: "yes-no",
    Phase.WAIT: "choice",
    Phase.CHOOSE: "choice",
    Phase.WANT_CALLBACK: "yes-no",
    Phase.NUMBER_OK: "yes-no",
    Phase.NUMBER: "digits",
    Phase.NUMBER_READ_BACK: "yes-no",
    Phase.WHEN_OK: "yes-no",
    Phase.WANT_MESSAGE: "yes-no",
    Phase.REVIEW: "choice",
    Phase.RATING: "rating",
}


CALLBACK = "rappel"
"""Among the entries answered: a callback was taken."""
MESSAGE = "message"
"""Among the entries answered: a message was left."""


@dataclass(frozen=True)
class CallbackDraft:
    """A callback being taken."""

    department: str
    reason: str
    number: str = ""
    """E.164 once known."""
    digits: str = ""
    """Keyed so far."""
    failures: int = 0
    """Numbers refused so far."""
    name: str = ""
    """Who is to be asked for, if given."""
    wanted: str = ""
    """When, as the caller said it; empty: as soon as possible."""
    window: Window | None = None
    """When it will be, once known."""


@dataclass(frozen=True)
class State:
    """Everything the dialogue remembers of a call."""

    phase: Phase = Phase.REQUEST
    language: str = "fr"
    pace: float = 1.0
    caller_number: str | None = None
    misunderstood: int = 0
    """Misunderstandings in a row."""
    silences: int = 0
    """Silences in a row."""
    patience: int = 0
    """Silences still to be borne: the caller has asked for a moment."""
    options: tuple[str, ...] = ()
    """The entries offered (CONFIRM: one; CHOOSE: two)."""
    asked: str | None = None
    """The follow-up asked about the two offered, before either was chosen."""
    department: str | None = None
    """The department offered, or waited for."""
    last_entry: str | None = None
    """The entry answered last: its follow-ups may be asked."""
    answered: tuple[str, ...] = ()
    """Entries answered, oldest first."""
    last_heard: str = ""
    """What the caller said last, for the operator."""
    spoken: tuple[Say, ...] = field(default=(), repr=False)
    """What was said last, for "répétez"."""
    callback: CallbackDraft | None = None
    empty_messages: int = 0
    """Recordings in a row in which nothing was said."""
    urgent: bool = False
    waits: int = 0
    """Stays in a queue that no operator ended."""
    place_in: str | None = None
    """The department in whose queue the caller has a place to return to."""
    elsewhere: str | None = None
    """Another department offered, where somebody is free."""
    overflow: bool = False
    """Operators were tried first, before the machine said anything."""

    @property
    def outcome(self) -> Outcome:
        """How the call ends if it ends now."""
        if CALLBACK in self.answered:
            return Outcome.CALLBACK
        if MESSAGE in self.answered:
            return Outcome.MESSAGE
        return Outcome.ANSWERED if self.answered else Outcome.GAVE_UP

    @property
    def topic(self) -> str | None:
        """The entry that the call is about: offered now, or answered last."""
        return next(iter(self.options), self.last_entry)

    @property
    def expecting(self) -> Expecting:
        """What kind of answer is awaited."""
        return _EXPECTING.get(self.phase, "request")

    @property
    def context(self) -> Context:
        """What the conversation adds to the caller's next words."""
        return Context(self.topic, self.expecting, self.language)
