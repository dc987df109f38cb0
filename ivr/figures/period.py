"""Periods in days of the town's calendar, and the one that each is compared with."""

from __future__ import annotations

from collections.abc import Container, Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

LONGEST_DAYS = 366 * 3
"""Longer periods are refused: the call log keeps no more by default."""
DAY = timedelta(days=1)


class BadPeriod(ValueError):
    """A period that cannot be; the message, in French, says why."""


@dataclass(frozen=True)
class Period:
    """Days from ``first`` to ``last``, both included; ``until`` ends the last one early."""

    first: date
    last: date
    until: time | None = None
    """On the town's clocks; None: the last day is whole."""

    def __post_init__(self) -> None:
        """Raises BadPeriod."""
        if self.last < self.first:
            raise BadPeriod(
                f"la période finit ({self.last:%d/%m/%Y}) avant de commencer "
                f"({self.first:%d/%m/%Y}) : échangez les deux dates"
            )
        if self.length > LONGEST_DAYS:
            raise BadPeriod(f"la période est trop longue : {LONGEST_DAYS} jours au plus")
        if self.first.year < 2000 or self.last.year > 9000:
            raise BadPeriod("la période est hors du calendrier : choisissez des dates récentes")

    @property
    def length(self) -> int:
        """In days."""
        return (self.last - self.first).days + 1

    @property
    def days(self) -> list[date]:
        """Its days, in order."""
        return [self.first + DAY * n for n in range(self.length)]

    @property
    def before(self) -> Period:
        """What it is compared with: the period of the same length just before it.

        A whole calendar month is compared with the calendar month before, and a day that is not
        over with the day before up to the same hour.
        """
        if self.until is None and self._whole_month:
            last = self.first - DAY
            return Period(last.replace(day=1), last)
        return Period(self.first - DAY * self.length, self.first - DAY, self.until)

    @property
    def _whole_month(self) -> bool:
        following = self.last + DAY
        return self.first.day == following.day == 1 and self.length <= 31

    @property
    def whole_days(self) -> list[date]:
        """Its days but a last one that ends early."""
        return self.days if self.until is None else self.days[:-1]

    def without(self, found: Container[date]) -> Iterator[Period]:
        """The parts of it whose days are not among those found, each as long as can be."""
        run: list[date] = []
        for day in [*self.days, None]:
            if day is not None and day not in found:
                run.append(day)
            elif run:
                yield Period(run[0], run[-1], self.until if run[-1] == self.last else None)
                run = []

    def bounds(self, zone: ZoneInfo) -> tuple[datetime, datetime]:
        """From when until when, the end excluded."""
        start, end = start_of(self.first, zone), start_of(self.last + DAY, zone)
        if self.until is not None:
            end = min(end, datetime.combine(self.last, self.until, zone))
        return start, end


def start_of(day: date, zone: ZoneInfo) -> datetime:
    """Midnight of a day on the town's clocks; a day of 23 or 25 hours when the clocks change."""
    return datetime.combine(day, time(), zone)


def today(now: datetime, zone: ZoneInfo) -> Period:
    """The day so far."""
    local = now.astimezone(zone)
    return Period(local.date(), local.date(), local.time())


def yesterday(now: datetime, zone: ZoneInfo) -> Period:
    """The last whole day."""
    return last_days(1, now, zone)


def last_days(count: int, now: datetime, zone: ZoneInfo) -> Period:
    """So many whole days, yesterday being the last."""
    day = now.astimezone(zone).date() - DAY
    return Period(day - DAY * (count - 1), day)


def month(now: datetime, zone: ZoneInfo) -> Period:
    """The last whole calendar month."""
    last = now.astimezone(zone).date().replace(day=1) - DAY
    return Period(last.replace(day=1), last)
