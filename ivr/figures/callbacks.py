"""Figures of the callbacks taken in a period: made, on time, and what is still to be done."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import cached_property

from sqlalchemy import select
from sqlalchemy.orm import Session

from ivr.calllog.tables import Callback, CallbackAttempt
from ivr.figures.period import DAY, start_of
from ivr.figures.spread import Spread
from ivr.figures.tally import seconds_step
from ivr.knowledge.base import RECEPTION, Knowledge

HORIZON = 366
"""Days that the next open day is looked for in."""
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

    taken: Sequence[Taken]
    now: datetime

    @property
    def count(self) -> int:
        """How many were taken."""
        return len(self.taken)

    @cached_property
    def made(self) -> int:
        """The citizen's telephone was dialled at least once."""
        return sum(one.made_at is not None for one in self.taken)

    @cached_property
    def open(self) -> int:
        """Still to be done."""
        return sum(one.open for one in self.taken)

    @cached_property
    def late(self) -> int:
        """Made too late, or still to be made and too late already."""
        return sum(one.late(self.now) for one in self.taken)

    @cached_property
    def on_time_share(self) -> float | None:
        """Of those that were made or should have been, the share made on time; None: none."""
        on_time = sum(one.on_time for one in self.taken)
        return on_time / (on_time + self.late) if on_time + self.late else None

    @cached_property
    def outcomes(self) -> Counter[str]:
        """Callbacks that are not open, by the outcome of the last attempt, or ``cancelled``."""
        return Counter(
            "cancelled" if one.state == "cancelled" else one.outcome
            for one in self.taken
            if not one.open
        )

    @cached_property
    def delay(self) -> Spread:
        """From taken until made, in s."""
        delays = (one.made_at - one.taken_at for one in self.taken if one.made_at)
        return Spread(Counter(seconds_step(delay) for delay in delays))

    @cached_property
    def oldest(self) -> timedelta | None:
        """The age of the oldest that is still to be done."""
        return max((self.now - one.taken_at for one in self.taken if one.open), default=None)

    @cached_property
    def by_department(self) -> Mapping[str, CallbackFigures]:
        """The same by department."""
        names = sorted({one.department for one in self.taken})
        return {
            name: CallbackFigures([one for one in self.taken if one.department == name], self.now)
            for name in names
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
    session: Session, bounds: tuple[datetime, datetime], deadlines: Deadlines, now: datetime
) -> CallbackFigures:
    """The callbacks taken from one moment until another, that one excluded."""
    return CallbackFigures(list(_taken(session, bounds, deadlines)), now)


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
