"""What became of a call: answered, passed to a person, called back, or lost.

A call is *lost* when the caller left without what they wanted last: no answer of the machine that
they let stand, no person, no callback that they asked for, no message. An answer to an earlier
question does not save a caller who then asked for a person and got none; nor does a callback that
the town hall makes of its own accord after the caller gave up. When what happened is not known (we
were away while the call was in the queue), the call is neither lost nor served, and shares are
taken of the others.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

QUICK = timedelta(seconds=10)
"""A caller who leaves sooner, having asked nothing, often has the wrong number; lost all the
same, but told apart."""
ELSEWHERE = "out-of-scope:"
"""Begins what the dialogue says of a matter that others handle (the tax office…)."""


class Fate(StrEnum):
    """What became of a call. Each call has one."""

    MACHINE = "machine"
    """Answered by the machine alone (containment)."""
    PERSON = "person"
    """An operator answered."""
    CALLBACK = "callback"
    """The caller asked to be called back."""
    MESSAGE = "message"
    """The caller left a message."""
    EMERGENCY = "emergency"
    """Told to call the emergency services at once, and passed to the person on duty."""
    LOST = "lost"
    UNKNOWN = "unknown"
    """Passed to people while we could not see what became of it."""
    OPEN = "open"
    """Still going on."""


@dataclass(frozen=True)
class Stay:
    """A stay in a queue; see ``tables.QueueStay`` for the fields."""

    department: str
    joined_at: datetime
    answered_at: datetime | None
    ended_at: datetime | None
    outcome: str

    @property
    def waited(self) -> timedelta:
        """How long the caller waited in it; 0 while that is not over."""
        end = self.answered_at or self.ended_at
        return max(end - self.joined_at, timedelta(0)) if end else timedelta(0)


@dataclass(frozen=True)
class Exchange:
    """What counts of one turn; see ``tables.Turn`` for the fields."""

    at: datetime
    happened: str
    notes: str = ""
    about: str = ""
    response_ms: int | None = None

    @property
    def answers(self) -> list[str]:
        """What was answered: entries of the FAQ, and who else handles what is not the town's."""
        return self.noted("answered") + [
            one for one in self.about.split() if one.startswith(ELSEWHERE)
        ]

    def noted(self, kind: str) -> list[str]:
        """The entries of the notes of a kind; ``""`` for a note that names none."""
        parts = (note.partition(":") for note in self.notes.split())
        return [entry for found, _, entry in parts if found == kind]


@dataclass(frozen=True)
class CallFacts:
    """All that the figures need of one call, its turns and stays in order."""

    started_at: datetime
    ended_at: datetime | None
    outcome: str | None
    """As logged by the application; None also for a call that it never had."""
    department: str = ""
    """Where the application passed it to."""
    language: str = ""
    satisfaction: int | None = None
    turns: Sequence[Exchange] = ()
    stays: Sequence[Stay] = ()
    message: bool = False
    """A spoken message was left."""
    with_application: bool = True
    """False: the application was away, and only the queue saw it."""


def fate(call: CallFacts) -> Fate:
    """What became of a call."""
    if _going_on(call):
        return Fate.OPEN
    if call.outcome == "emergency":
        return Fate.EMERGENCY
    if any(stay.answered_at for stay in call.stays):
        return Fate.PERSON
    if call.outcome == "callback" or any(one.happened == "callback-taken" for one in call.turns):
        return Fate.CALLBACK
    if call.message or call.outcome == "message":
        return Fate.MESSAGE
    answer = last_answer(call)
    if call.stays:
        stay = call.stays[-1]
        if answer and stay.ended_at and answer >= stay.ended_at:
            return Fate.MACHINE
        return Fate.UNKNOWN if stay.outcome in ("unknown", "") else Fate.LOST
    if call.outcome == "transferred":
        return Fate.UNKNOWN
    return Fate.MACHINE if answer else Fate.LOST


def last_answer(call: CallFacts) -> datetime | None:
    """When the machine last gave an answer that the caller did not say was wrong."""
    given: dict[str, datetime] = {}
    for turn in call.turns:
        for entry in turn.noted("corrected"):
            given.pop(entry, None)
        given |= dict.fromkeys(turn.answers, turn.at)
    return max(given.values(), default=None)


def left_at_once(call: CallFacts) -> bool:
    """Whether the caller left within QUICK without having said or keyed anything."""
    asked = any(turn.happened not in ("opened", "silent") for turn in call.turns)
    ended = call.ended_at
    return not asked and not call.stays and ended is not None and ended - call.started_at < QUICK


def _going_on(call: CallFacts) -> bool:
    if call.with_application and call.ended_at is None:
        return True
    return any(stay.ended_at is None and not stay.outcome for stay in call.stays[-1:])
