"""Callbacks as the pages list them: no I/O, no clock."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from ivr.callbacks.policy import OPEN, State
from ivr.calllog.tables import Callback, CallbackAttempt
from ivr.calllog.words import ATTEMPTS, CALLBACKS, CALLED_BACK, ORIGINS
from ivr.console import live_words as words
from ivr.console.reader import Reader
from ivr.knowledge.base import Knowledge

FILTERS = {
    "": "À faire", "retard": "En retard", "moi": "Les miens", "decider": "À décider",
    "cours": "Appel en cours", "faits": "Faits ou annulés depuis 7 jours",
}  # fmt: skip
"""Of the list, by state."""


@dataclass(frozen=True)
class Row:
    """One callback."""

    id: int
    reference: str
    number: str
    """In part."""
    name: str
    department: str
    reason: str
    wanted: str
    due_at: datetime
    late: bool
    state: str
    code: State
    origin: str
    attempts: int
    outcome: str
    operator: str
    mine: bool
    taken_at: datetime
    note: str

    @property
    def is_open(self) -> bool:
        """Whether it is still to be made."""
        return self.code in OPEN

    @property
    def is_calling(self) -> bool:
        """Whether it is being made now; ``due_at`` is then that of another try."""
        return self.code is State.DIALLING

    @property
    def is_done(self) -> bool:
        """Whether somebody was reached."""
        return self.code is State.DONE


def row(callback: Callback, knowledge: Knowledge, by: Reader, now: datetime) -> Row:
    """A callback as somebody sees it."""
    state = State(callback.state)
    return Row(
        id=callback.id,
        reference=callback.reference,
        number=words.number_in_part(callback.number),
        name=callback.name,
        department=words.department(callback.department, knowledge),
        reason=callback.reason,
        wanted=callback.wanted,
        due_at=callback.due_at,
        late=state is State.PENDING and callback.due_at < now,
        state=CALLBACKS[state],
        code=state,
        origin=ORIGINS.get(callback.origin, callback.origin),
        attempts=callback.attempts,
        outcome=CALLED_BACK.get(callback.outcome, ""),
        operator=words.operator(callback.operator, knowledge),
        mine=callback.operator is not None and callback.operator == by.extension,
        taken_at=callback.taken_at,
        note=callback.note,
    )


def chosen(rows: Iterable[Row], which: str) -> list[Row]:
    """Those that a filter leaves: one's own first, then what is late, the longest due first."""
    filters: dict[str, Callable[[Row], bool]] = {
        "retard": lambda one: one.late,
        "moi": lambda one: one.mine,
        "decider": lambda one: one.code is State.PERSON,
        "cours": lambda one: one.code is State.DIALLING,
    }
    keep = filters.get(which)
    found = [one for one in rows if keep is None or keep(one)]
    if which == "faits":
        return found
    return sorted(found, key=lambda one: (not one.mine, not one.late, one.due_at))


@dataclass(frozen=True)
class Try:
    """One attempt to call somebody back."""

    started_at: datetime
    operator: str
    outcome: str


def tries(history: Sequence[CallbackAttempt], knowledge: Knowledge) -> list[Try]:
    """The attempts so far, the first first."""
    return [
        Try(
            one.started_at,
            words.operator(one.operator, knowledge),
            ATTEMPTS.get(one.outcome, one.outcome),
        )
        for one in history
    ]
