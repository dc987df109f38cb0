"""How callers use the FAQ: how often each entry was asked, answered, corrected, given up."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from ivr.calllog.database import Database
from ivr.calllog.tables import Call, Turn

GAVE_UP = "gave-up"
"""The outcome of a call that ended without an answer."""
_UNDERSTOOD = frozenset(["answer", "confirm", "choose"])


@dataclass
class Usage:
    """What became of one entry in a period."""

    asked: int = 0
    """Utterances that were taken for it: answered at once, or asked about."""
    answered: int = 0
    confirmed: int = 0
    """Callers who said that this was it."""
    corrected: int = 0
    """Callers who said that it was not."""
    given_up: int = 0
    """Calls that ended without an answer, and this was the last thing asked."""


async def usage(database: Database, since: datetime, until: datetime) -> Mapping[str, Usage]:
    """By entry, of the turns from ``since`` on and before ``until``. Raises CallLogError.

    A year with 600,000 turns takes 0.6 s in SQLite, 30 days of it 0.05 s.
    """

    def work(session: Session) -> Mapping[str, Usage]:
        found: dict[str, Usage] = defaultdict(Usage)
        counted = (
            select(Turn.decision, Turn.entry, Turn.notes, func.count())
            .where(Turn.at >= since, Turn.at < until)
            .group_by(Turn.decision, Turn.entry, Turn.notes)
        )
        for decision, entry, notes, count in session.execute(counted):
            if entry and decision in _UNDERSTOOD:
                found[entry].asked += count
            for note in notes.split():
                kind, _, about = note.partition(":")
                if about and kind in ("answered", "confirmed", "corrected"):
                    one = found[about]
                    setattr(one, kind, getattr(one, kind) + count)
        left = (
            select(Turn.call_id, Turn.number, Turn.entry)
            .join(Call, Call.id == Turn.call_id)
            .where(Call.started_at >= since, Call.started_at < until, Call.outcome == GAVE_UP)
            .where(Turn.entry.is_not(None), Turn.decision.in_(_UNDERSTOOD))
            .order_by(Turn.call_id, Turn.number)
        )
        last = {call_id: entry for call_id, _, entry in session.execute(left)}
        for entry in last.values():
            found[entry or ""].given_up += 1
        return dict(found)

    return await database.run(work)
