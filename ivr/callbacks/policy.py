"""What follows an attempt to call somebody back: done, tried again later, or left to a person."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from ivr.callbacks.when import Agenda, soon
from ivr.knowledge.base import RECEPTION, Knowledge
from ivr.settings import Settings


class State(StrEnum):
    """Of a callback."""

    PENDING = "pending"
    DIALLING = "dialling"
    PERSON = "person"
    DONE = "done"
    CANCELLED = "cancelled"


OPEN = (State.PENDING, State.DIALLING, State.PERSON)
"""Still to be made."""


class Outcome(StrEnum):
    """How an attempt ended."""

    REACHED = "reached"
    BUSY = "busy"
    NO_ANSWER = "no-answer"
    VOICEMAIL = "voicemail"
    REFUSED = "refused"
    WRONG_NUMBER = "wrong-number"
    """A person said so."""
    NO_SUCH_NUMBER = "no-such-number"
    """The network said so."""
    FAILED = "failed"
    """The line out did not work."""
    CUT_SHORT = "cut-short"
    """Answered for a moment only, and nobody said how it went."""
    UNKNOWN = "unknown"
    """The citizen may have been called: we were killed, and nothing tells."""
    NOBODY = "nobody"
    """No operator accepted: the citizen was not dialled."""


OPERATOR_PAUSE = timedelta(minutes=2)
"""Until operators are asked again after none accepted."""
_CLOSING = frozenset([Outcome.REACHED, Outcome.WRONG_NUMBER])
_UNCLEAR = frozenset([Outcome.NO_SUCH_NUMBER, Outcome.CUT_SHORT, Outcome.UNKNOWN])

NextOpening = Callable[[str, datetime], datetime]
"""A department and a moment → the first moment from then on when its people can call."""


@dataclass(frozen=True)
class Verdict:
    """What becomes of a callback."""

    state: State
    attempts: int
    """Times that the citizen was dialled, this time included."""
    due_at: datetime
    """Not before; only matters while pending."""


def _at_once(department: str, at: datetime) -> datetime:
    return at


@dataclass(frozen=True)
class Policy:
    """How often, and how soon, somebody who was not reached is called again."""

    intervals: tuple[timedelta, ...] = tuple(timedelta(minutes=m) for m in (15, 60, 240))
    """After the first attempt, the second and so on; the last one goes on."""
    most: int = 4
    """Attempts, then a person decides."""
    opening: NextOpening = _at_once

    def interval(self, attempts: int) -> timedelta:
        """Between an attempt and the next, after that many before it."""
        return self.intervals[min(attempts, len(self.intervals) - 1)]

    def after(self, outcome: Outcome, attempts: int, at: datetime, department: str) -> Verdict:
        """What follows ``outcome`` at ``at``, with ``attempts`` before it."""
        if outcome is Outcome.NOBODY:
            again = self.opening(department, at + OPERATOR_PAUSE)
            return Verdict(State.PENDING, attempts, again)
        again = at + self.interval(attempts)
        attempts += 1
        if outcome in _CLOSING:
            return Verdict(State.DONE, attempts, at)
        if outcome in _UNCLEAR or attempts >= self.most:
            return Verdict(State.PERSON, attempts, at)
        return Verdict(State.PENDING, attempts, self.opening(department, again))


def policy(settings: Settings, knowledge: Knowledge) -> Policy:
    """That of the settings, within the opening hours of each department."""

    def opening(department: str, at: datetime) -> datetime:
        known = knowledge.departments.get(department) or knowledge.departments[RECEPTION]
        local = knowledge.hours.local(at)
        try:
            return soon(Agenda(knowledge.hours, known.schedule, local)).start
        except LookupError:
            return at  # nobody will ever be there: at least it is shown as overdue

    intervals = tuple(timedelta(minutes=minutes) for minutes in settings.callbacks.intervals)
    return Policy(intervals, settings.callbacks.attempts, opening)
