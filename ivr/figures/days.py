"""Counts by day: read from the call log, and kept for days on which nothing more can change.

The kept ones (``figures_days``) make a year readable at once, and hold no personal data: they stay
when the calls and callbacks are purged, or those of one person are forgotten. They can be made
anew from the call log at any time (``rebuild``).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import delete, func, or_, select
from sqlalchemy.orm import Session

from ivr.calllog.database import Database
from ivr.calllog.tables import Call, FiguresDay, QueueStay
from ivr.figures.callbacks import Deadlines, settled_callbacks, still_logged
from ivr.figures.fate import CallFacts
from ivr.figures.gather import calls_between
from ivr.figures.period import DAY, Period, start_of
from ivr.figures.questions import count_questions
from ivr.figures.tally import DayTally, tally_day
from ivr.knowledge.base import Knowledge

SETTLED = timedelta(days=2)
"""No call lasts so long: one that is still open then was never closed in the call log."""


@dataclass(frozen=True)
class Town:
    """What counting needs to know of the town."""

    zone: ZoneInfo
    department_of: Mapping[str, str]
    """Who handles each entry of the FAQ."""
    deadlines: Deadlines
    """By when callbacks should be made."""

    @classmethod
    def of(cls, knowledge: Knowledge) -> Town:
        """Of a version of the knowledge."""
        handled = {name: one.department for name, one in knowledge.entries.items()}
        return cls(knowledge.hours.zone, handled, Deadlines(knowledge))


def days(session: Session, period: Period, town: Town) -> dict[date, DayTally]:
    """The counts of each day of a period, kept ones where there are some."""
    found = _kept(session, period.whole_days)
    for part in period.without(found):
        found |= _count_days(session, part, town)
    return dict(sorted(found.items()))


async def keep(
    database: Database,
    town: Town,
    now: datetime,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> int:
    """Keep the counts of the days that are over and not kept yet; how many were added.

    One transaction a day, so that calls are logged in between. A day with a call that still goes
    on is left for later, but not for ever; its callbacks are kept once the last of them is done
    or cancelled. Raises CallLogError.
    """
    settled = now.astimezone(town.zone).date() - SETTLED
    missing = await database.run(lambda session: _missing(session, town, now))
    kept = 0
    for done, day in enumerate(missing, 1):

        def work(session: Session, day: date = day) -> bool:
            tally = _count(session, day, town)
            if (tally.open and day > settled) or session.get(FiguresDay, day) is not None:
                return False
            session.add(FiguresDay(day=day, counts=dict(vars(tally)), kept_at=now))
            return True

        kept += await database.run(work)
        progress(done, len(missing))
    await _complete(database, town, now)
    return kept


async def _complete(database: Database, town: Town, now: datetime) -> None:
    """Add to the days that are kept what could not be counted then, or was not yet."""
    lacking = or_(FiguresDay.callbacks.is_(None), FiguresDay.questions.is_(None))
    days_ = select(FiguresDay.day).where(lacking).order_by(FiguresDay.day)
    for day in await database.run(lambda session: list(session.scalars(days_))):

        def work(session: Session, day: date = day) -> None:
            row = session.get(FiguresDay, day)
            if row is None:
                return
            if row.callbacks is None:
                row.callbacks = settled_callbacks(session, day, town.deadlines, now)
            if row.questions is None:
                row.questions = dict(count_questions(session, Period(day, day).bounds(town.zone)))

        await database.run(work)


async def forget_kept(database: Database, town: Town) -> tuple[int, int]:
    """Drop the kept counts of days whose calls and callbacks are all still in the call log.

    Returns how many were dropped, and how many stay because some have been purged or forgotten.
    """
    listed = await database.run(lambda session: list(session.scalars(select(FiguresDay.day))))
    dropped = 0
    for day in sorted(listed):

        def work(session: Session, day: date = day) -> bool:
            row = session.get(FiguresDay, day)
            whole = row is not None and (
                _count(session, day, town).offered >= DayTally(**row.counts).offered
                and still_logged(session, day, row.callbacks or {}, town.zone)
            )
            if whole:
                session.execute(delete(FiguresDay).where(FiguresDay.day == day))
            return whole

        dropped += await database.run(work)
    return dropped, len(listed) - dropped


def _kept(session: Session, wanted: Sequence[date]) -> dict[date, DayTally]:
    if not wanted:
        return {}
    rows = session.execute(
        select(FiguresDay.day, FiguresDay.counts).where(
            FiguresDay.day.between(wanted[0], wanted[-1])
        )
    )
    return {row.day: DayTally(**row.counts) for row in rows}


def _count(session: Session, day: date, town: Town) -> DayTally:
    return _count_days(session, Period(day, day), town)[day]


def _count_days(session: Session, period: Period, town: Town) -> dict[date, DayTally]:
    start, end = period.bounds(town.zone)
    calls: dict[date, list[CallFacts]] = {day: [] for day in period.days}
    for call in calls_between(session, start, end):
        calls[call.started_at.astimezone(town.zone).date()].append(call)
    return {day: tally_day(some, town.zone, town.department_of) for day, some in calls.items()}


def _missing(session: Session, town: Town, now: datetime) -> list[date]:
    """The days that are over, from the first in the call log, without kept counts."""
    starts = [
        session.scalar(select(func.min(Call.started_at))),
        session.scalar(select(func.min(QueueStay.joined_at))),
    ]
    first = min((one for one in starts if one is not None), default=None)
    if first is None:
        return []
    first = first.astimezone(town.zone)
    over = now.astimezone(town.zone).date() - DAY
    if first.date() > over:
        return []
    kept = set(session.scalars(select(FiguresDay.day)))
    return [
        day
        for day in (first.date() + DAY * n for n in range((over - first.date()).days + 1))
        if day not in kept and start_of(day, town.zone) <= now
    ]
