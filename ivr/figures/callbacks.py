"""Figures of the callbacks taken in a period: made, on time, and what is still to be done."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import cached_property
from zoneinfo import ZoneInfo

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from ivr.calllog.tables import Callback, CallbackAttempt, FiguresDay
from ivr.figures.period import DAY, Period, start_of
from ivr.figures.spread import Spread
from ivr.figures.tally import Count, Tally, seconds_step
from ivr.knowledge.base import RECEPTION, Knowledge

HORIZON = 366
"""Days that the next open day is looked for in."""
DayCounts = dict[str, dict[str, Counter[str]]]
"""Of one day, as kept: by department, and by Count."""
NOBODY = ("", "nobody")
"""Outcomes of attempts in which the citizen's telephone was not dialled."""


@dataclass(frozen=True)
class Taken:
    """What counts of one callback."""

    department: str
    state: str
    outcome: str
    taken_at: datetime
    deadline: datetime
    made_at: datetime | None
    """When the citizen's telephone was first dialled, or somebody marked it as done."""

    @property
    def open(self) -> bool:
        """Whether something is still to be done."""
        return self.state not in ("done", "cancelled")

    @property
    def on_time(self) -> bool:
        """Whether it was made, and by its deadline."""
        return self.made_at is not None and self.made_at <= self.deadline

    def late(self, now: datetime) -> bool:
        """Whether it was made after its deadline, or is still to be made after it."""
        if self.made_at is None:
            return self.open and now > self.deadline
        return not self.on_time


@dataclass(frozen=True)
class CallbackFigures:
    """Figures of some callbacks."""

    departments: Mapping[str, Tally]
    """Counts by department."""
    waiting: Mapping[str, datetime]
    """By department, when the oldest that is still to be done was taken."""
    now: datetime

    @cached_property
    def _tally(self) -> Tally:
        whole = Tally()
        for one in self.departments.values():
            whole.add(one.counts)
        return whole

    @property
    def _counts(self) -> Counter[str]:
        return self._tally.of(Count.CALLBACK)

    @property
    def count(self) -> int:
        """How many were taken."""
        return self._counts["taken"]

    @property
    def made(self) -> int:
        """The citizen's telephone was dialled at least once."""
        return self._counts["made"]

    @property
    def open(self) -> int:
        """Still to be done."""
        return self._counts["open"]

    @property
    def late(self) -> int:
        """Made too late, or still to be made and too late already."""
        return self._counts["late"]

    @property
    def on_time_share(self) -> float | None:
        """Of those that were made or should have been, the share made on time; None: none."""
        on_time = self._counts["on-time"]
        return on_time / (on_time + self.late) if on_time + self.late else None

    @property
    def outcomes(self) -> Counter[str]:
        """Callbacks that are not open, by the outcome of the last attempt, or ``cancelled``."""
        return self._tally.of(Count.CALLBACK_OUTCOME)

    @cached_property
    def delay(self) -> Spread:
        """From taken until made, in s."""
        return Spread.of(self._tally.of(Count.CALLBACK_DELAY))

    @property
    def oldest(self) -> timedelta | None:
        """The age of the oldest that is still to be done."""
        return max((self.now - taken for taken in self.waiting.values()), default=None)

    @cached_property
    def by_department(self) -> Mapping[str, CallbackFigures]:
        """The same by department."""
        return {
            who: CallbackFigures(
                {who: tally},
                {who: self.waiting[who]} if who in self.waiting else {},
                self.now,
            )
            for who, tally in sorted(self.departments.items())
        }


@dataclass
class Deadlines:
    """By when a callback should be made: by the end of what the caller wished.

    Where they named no time, by the end of the next day on which the department is open.
    """

    knowledge: Knowledge
    _next: dict[tuple[str, date], datetime] = field(default_factory=dict)

    def of(self, department: str, taken_at: datetime, until: datetime | None) -> datetime:
        """The deadline of a callback."""
        if until is not None:
            return until
        found = self.knowledge.departments.get(department)
        found = found or self.knowledge.departments.get(RECEPTION)
        hours = self.knowledge.hours
        day = taken_at.astimezone(hours.zone).date()
        if found is None:
            return start_of(day + 2 * DAY, hours.zone)
        key = found.schedule, day
        if key not in self._next:
            ahead = (day + DAY * n for n in range(1, HORIZON))
            open_days = (one for one in ahead if hours.open_on(found.schedule, one).intervals)
            self._next[key] = start_of(next(open_days, day + DAY) + DAY, hours.zone)
        return self._next[key]


def callback_figures(
    session: Session, period: Period, deadlines: Deadlines, now: datetime
) -> CallbackFigures:
    """The callbacks taken in a period: of each day what was kept of it, or counted now."""
    departments: dict[str, Tally] = {}
    waiting: dict[str, datetime] = {}
    kept = _kept(session, period.whole_days)
    for counts in kept.values():
        for who, one in counts.items():
            departments.setdefault(who, Tally()).add(one)
    for part in period.without(kept):
        bounds = part.bounds(deadlines.knowledge.hours.zone)
        for callback in _taken(session, bounds, deadlines):
            who = callback.department
            _count(callback, now, departments.setdefault(who, Tally()))
            if callback.open:
                waiting[who] = min(callback.taken_at, waiting.get(who, callback.taken_at))
    return CallbackFigures(departments, waiting, now)


def settled_callbacks(
    session: Session, day: date, deadlines: Deadlines, now: datetime
) -> DayCounts | None:
    """The counts of those taken on a day, to be kept; None while some are still to be done."""
    departments: dict[str, Tally] = {}
    for one in _taken(session, Period(day, day).bounds(deadlines.knowledge.hours.zone), deadlines):
        if one.open:
            return None
        _count(one, now, departments.setdefault(one.department, Tally()))
    return {who: one.counts for who, one in departments.items()}


def still_logged(session: Session, day: date, kept: DayCounts, zone: ZoneInfo) -> bool:
    """Whether all callbacks of a day that were counted are still in the call log."""
    start, end = Period(day, day).bounds(zone)
    query = select(func.count()).where(Callback.taken_at >= start, Callback.taken_at < end)
    counted = sum(one[Count.CALLBACK]["taken"] for one in kept.values())
    return (session.scalar(query) or 0) >= counted


def _kept(session: Session, days: Sequence[date]) -> Mapping[date, DayCounts]:
    if not days:
        return {}
    rows = session.execute(
        select(FiguresDay.day, FiguresDay.callbacks).where(
            FiguresDay.day.between(days[0], days[-1]), FiguresDay.callbacks.is_not(None)
        )
    )
    return {row.day: row.callbacks for row in rows}


def _count(one: Taken, now: datetime, into: Tally) -> None:
    counts = into.of(Count.CALLBACK)
    counts["taken"] += 1
    counts["made"] += one.made_at is not None
    counts["on-time"] += one.on_time
    counts["late"] += one.late(now)
    counts["open"] += one.open
    if not one.open:
        outcome = "cancelled" if one.state == "cancelled" else one.outcome
        into.of(Count.CALLBACK_OUTCOME)[outcome] += 1
    if one.made_at:
        into.of(Count.CALLBACK_DELAY)[str(seconds_step(one.made_at - one.taken_at))] += 1


def _taken(
    session: Session, bounds: tuple[datetime, datetime], deadlines: Deadlines
) -> Iterator[Taken]:
    within = Callback.taken_at >= bounds[0], Callback.taken_at < bounds[1]
    dialled: dict[int, datetime] = {}
    for attempt in session.execute(
        select(CallbackAttempt.callback_id, CallbackAttempt.started_at)
        .join(Callback, Callback.id == CallbackAttempt.callback_id)
        .where(*within, CallbackAttempt.outcome.not_in(NOBODY))
        .order_by(CallbackAttempt.started_at)
    ):
        dialled.setdefault(attempt.callback_id, attempt.started_at)
    for row in session.execute(
        select(
            Callback.id,
            Callback.department,
            Callback.state,
            Callback.outcome,
            Callback.taken_at,
            Callback.until,
            Callback.updated_at,
        ).where(*within)
    ):
        by_hand = row.updated_at if row.state == "done" else None
        yield Taken(
            department=row.department,
            state=row.state,
            outcome=row.outcome,
            taken_at=row.taken_at,
            deadline=deadlines.of(row.department, row.taken_at, row.until),
            made_at=dialled.get(row.id, by_hand),
        )
