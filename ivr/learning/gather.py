"""Gathers from the call log what was not answered, or wrongly, and what happened next."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from ivr.calllog.database import Database
from ivr.calllog.log import TurnRecord
from ivr.calllog.tables import Call, Callback, OperatorNote, Suggestion, Turn
from ivr.knowledge.catalogue import REFERENCE
from ivr.learning.example import as_example, key
from ivr.nlu.match import DIALOGUE_IDS, OFF_TOPIC

_SPOKEN = ("heard", "too-long")
_ASKED_OTHERWISE = ("callback.", "rating")
"""Prompts after which words are a number, a moment or a mark, and no request."""
_NOT_UNDERSTOOD = ("reprompt.", "help.")
"""Prompts by which the machine says that it has not understood."""
_MOVES = DIALOGUE_IDS - {OFF_TOPIC}
"""A "no" where nothing was asked is understood, and no request."""
_NAMES = ("at", "happened", "heard", "entry", "decision", "about", "notes")
_LOOKED_AT = [getattr(Turn, name) for name in _NAMES]
"""What of a turn tells whether something was missed."""
_CORRECTED = ("wrong-department", "misunderstood")
"""What operators note of calls that were taken for something else."""
_NOT_OURS = "out-of-scope"
"""The prompt that sends a caller away who asked what nobody has written anything about."""


@dataclass(frozen=True)
class Missed:
    """Something a caller said that was not answered, or answered wrongly."""

    text: str
    """As an example would be written, what is the caller's own masked."""
    language: str
    """ISO 639-1."""
    call_id: str
    at: datetime
    refused: str | None = None
    """The entry that the caller said it was not."""
    entry: str | None = None
    """The entry that the caller confirmed, or was answered, next in the same call."""
    department: str | None = None
    """Where the call went in the end: by a transfer, or by a callback."""
    callback: bool = False
    """Whether the caller asked to be called back."""
    operator: bool = False
    """Whether an operator noted that the call was taken for something else."""


async def gather(database: Database, since: datetime) -> list[Missed]:
    """What was missed in the calls begun since then and not decided on, oldest first.

    Raises CallLogError.
    """

    def work(session: Session) -> list[Missed]:
        decided = set(session.scalars(select(Suggestion.key)))
        callbacks = select(Callback.call_id, Callback.department).where(
            Callback.updated_at >= since
        )
        departments = dict(iter(session.execute(callbacks)))
        noted = select(OperatorNote.call_id).where(
            OperatorNote.at >= since, OperatorNote.outcome.in_(_CORRECTED)
        )
        by_operators = set(session.scalars(noted))
        notes = (Turn.notes.contains(note) for note in ("rejected", "corrected"))
        strayed = Turn.about.contains(_NOT_OURS)
        missed = (
            select(Turn.call_id)
            .where(Turn.at >= since, Turn.heard != "")  # the index of turns with words
            .where(or_(Turn.decision == "reject", strayed, *notes))
        )
        turns = (
            select(Call.id, Call.department, *_LOOKED_AT)
            .join(Turn, Turn.call_id == Call.id)
            .where(Call.started_at >= since, Call.id.in_(missed.union(noted)))
            .order_by(Call.started_at, Call.id, Turn.number)
        )
        return [
            one
            for (call_id, department), rows in groupby(
                session.execute(turns), key=lambda row: (row[0], row[1])
            )
            for one in missed_in(
                call_id,
                [TurnRecord(**dict(zip(_NAMES, row[2:], strict=True))) for row in rows],
                department or departments.get(call_id),
                call_id in by_operators,
            )
            if key(one.language, one.text) not in decided
        ]

    return await database.run(work)


async def decide(
    database: Database, keys: Collection[str], decision: str, at: datetime, entry: str | None = None
) -> None:
    """Remember that texts were ``taken`` for an entry, or ``dismissed``. Raises CallLogError."""
    await database.run(lambda session: decided(session, keys, decision, at, entry))


def decided(
    session: Session, keys: Collection[str], decision: str, at: datetime, entry: str | None = None
) -> list[Suggestion]:
    """Remember the same in a transaction; the rows of what nothing was decided about before."""
    known = set(session.scalars(select(Suggestion.key).where(Suggestion.key.in_(keys))))
    rows = [
        session.merge(Suggestion(key=one, decision=decision, entry=entry, decided_at=at))
        for one in dict.fromkeys(keys)
    ]
    return [row for row in rows if row.key not in known]


def missed_in(
    call_id: str, turns: Sequence[TurnRecord], department: str | None, corrected: bool = False
) -> Iterator[Missed]:
    """What was missed in one call, which went to a department in the end, if to any.

    corrected: an operator noted that it was taken for something else; so was its last request then,
    and where it went says nothing.
    """
    refused: dict[int, str | None] = {}
    for number, turn in enumerate(turns):
        if _unanswered(turn, turns[:number]):
            refused.setdefault(number, None)
        for entry in _noted(turn, "corrected"):
            if (request := _request(turns[:number])) is not None:
                refused[request] = entry or None
    last = next((n for n in reversed(range(len(turns))) if _taken_for(turns[n])), None)
    wrong = {entry for turn in turns for entry in _noted(turn, "corrected")}
    if corrected and last is not None:
        refused.setdefault(last, turns[last].entry)
        wrong.add(turns[last].entry or "")
    for number, instead_of in sorted(refused.items()):
        after = turns[number + 1 :]
        if text := as_example(turns[number].heard):
            yield Missed(
                text=text,
                language=_language(turns[:number]),
                call_id=call_id,
                at=turns[number].at,
                refused=instead_of,
                entry=next((one for one in _found(after) if one not in wrong), None),
                department=None if corrected else department,
                callback=any(turn.happened == "callback-taken" for turn in after),
                operator=corrected and number == last,
            )


def _taken_for(turn: TurnRecord) -> bool:
    """Whether the words of a turn were taken for something that the town hall does."""
    return turn.happened in _SPOKEN and bool(turn.entry) and turn.entry not in DIALOGUE_IDS


def _unanswered(turn: TurnRecord, before: Sequence[TurnRecord]) -> bool:
    if turn.happened not in _SPOKEN or (turn.decision == "answer" and turn.entry in _MOVES):
        return False
    if "rejected" in turn.notes.split() or _NOT_OURS in turn.about.split():
        return True
    asked = before[-1].about.split() if before else []
    return (
        turn.decision == "reject"
        and any(prompt.startswith(_NOT_UNDERSTOOD) for prompt in turn.about.split())
        and not any(prompt.startswith(_ASKED_OTHERWISE) for prompt in asked)
    )


def _request(before: Sequence[TurnRecord]) -> int | None:
    """The turn whose words were taken for what the caller then refused."""
    for number in reversed(range(len(before))):
        turn = before[number]
        asked = {"confirm", "choose"} & set(turn.about.split())
        answered = bool(_noted(turn, "answered")) and not _noted(turn, "confirmed")
        if turn.happened in _SPOKEN and (asked or answered):
            return number
    return None


def _found(turns: Sequence[TurnRecord]) -> Iterator[str]:
    """The entries confirmed or answered, in order."""
    for turn in turns:
        yield from (*_noted(turn, "confirmed"), *_noted(turn, "answered"))


def _language(before: Sequence[TurnRecord]) -> str:
    """The language of the conversation after these turns."""
    chosen = [language for turn in before for language in _noted(turn, "language")]
    return chosen[-1] if chosen else REFERENCE


def _noted(turn: TurnRecord, kind: str) -> list[str]:
    """What follows the colon in the notes of one kind; "" for a note without."""
    if kind not in turn.notes:
        return []
    notes = (note.partition(":") for note in turn.notes.split())
    return [value for name, _, value in notes if name == kind]
