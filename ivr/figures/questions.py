"""How callers use the FAQ: how often each entry was asked, answered, corrected, given up.

A turn counts on the day on which it took place, a call that was given up on the day it began.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from ivr.calllog.tables import Call, FiguresDay, Turn
from ivr.figures.period import Period
from ivr.figures.tally import Tally

GAVE_UP = "gave-up"
"""The outcome of a call that ended without an answer."""
_UNDERSTOOD = frozenset(["answer", "confirm", "choose"])
_NOTED = frozenset(["answered", "confirmed", "corrected"])


@dataclass(frozen=True)
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


def usage(session: Session, period: Period, zone: ZoneInfo) -> Mapping[str, Usage]:
    """By entry: of each day what was kept of it, or counted now."""
    whole = Tally()
    kept = _kept(session, period.whole_days)
    for counts in kept.values():
        whole.add(counts)
    for part in period.without(kept):
        whole.add(count_questions(session, part.bounds(zone)))
    entries = {entry for counts in whole.counts.values() for entry in counts}
    return {
        entry: Usage(**{name: counts[entry] for name, counts in whole.counts.items()})
        for entry in entries
    }


def count_questions(session: Session, bounds: tuple[datetime, datetime]) -> dict[str, Counter[str]]:
    """By the fields of Usage, how often by entry; from the first moment until before the last."""
    since, until = bounds
    found: dict[str, Counter[str]] = {}

    def count(what: str, entry: str, times: int) -> None:
        found.setdefault(what, Counter())[entry] += times

    counted = (
        select(Turn.decision, Turn.entry, Turn.notes, func.count())
        .where(Turn.at >= since, Turn.at < until)
        .group_by(Turn.decision, Turn.entry, Turn.notes)
    )
    for decision, entry, notes, times in session.execute(counted):
        if entry and decision in _UNDERSTOOD:
            count("asked", entry, times)
        for note in notes.split():
            kind, _, about = note.partition(":")
            if about and kind in _NOTED:
                count(kind, about, times)
    left = (
        select(Turn.call_id, Turn.number, Turn.entry)
        .join(Call, Call.id == Turn.call_id)
        .where(Call.started_at >= since, Call.started_at < until, Call.outcome == GAVE_UP)
        .where(Turn.entry.is_not(None), Turn.decision.in_(_UNDERSTOOD))
        .order_by(Turn.call_id, Turn.number)
    )
    last = {call_id: entry for call_id, _, entry in session.execute(left)}
    for entry in last.values():
        count("given_up", entry or "", 1)
    return found


def _kept(session: Session, days: Sequence[date]) -> Mapping[date, Mapping[str, Mapping[str, int]]]:
    if not days:
        return {}
    rows = session.execute(
        select(FiguresDay.day, FiguresDay.questions).where(
            FiguresDay.day.between(days[0], days[-1]), FiguresDay.questions.is_not(None)
        )
    )
    return {row.day: row.questions for row in rows}
