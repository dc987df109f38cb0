"""When people call a town hall: by weekday, hour, season and event."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from ivr.figures.period import DAY, start_of
from ivr.knowledge.base import RECEPTION, Knowledge

WEEKDAYS = (1.35, 1.1, 1.05, 1.0, 0.95, 0.3, 0.1)
"""Calls by weekday, Monday first, as a multiple of a Thursday's."""
HOLIDAY = 0.12
HOURS = (
    *(1, 0.5, 0.5, 0.5, 0.5, 1, 3, 10),  # from midnight
    *(55, 100, 105, 80, 32, 38, 88, 82),  # from 8 h
    *(64, 38, 20, 14, 9, 6, 4, 2),  # from 16 h
)
"""Calls by hour on a working day."""
IDLE_HOURS = (
    *(2, 1, 1, 1, 1, 2, 4, 12, 30, 60, 80, 75),
    *(50, 40, 50, 55, 50, 45, 40, 35, 25, 15, 8, 4),
)
"""Calls by hour when the town hall is closed all day."""


@dataclass(frozen=True)
class Scale:
    """How much is made up."""

    days: int = 365
    """Until today."""
    calls: int = 400
    """A day, on average."""
    seed: int = 1


@dataclass(frozen=True)
class Season:
    """A time of the year with other calls than usual."""

    name: str
    first: tuple[int, int]
    """Month and day."""
    last: tuple[int, int]
    factor: float
    """Calls, as a multiple of the usual."""
    topics: Sequence[str] = ()
    """Departments and entries that more calls are about."""
    boost: float = 1.0
    """How much more."""

    def covers(self, day: date) -> bool:
        """Whether a day is within it, every year."""
        here = (day.month, day.day)
        if self.first <= self.last:
            return self.first <= here <= self.last
        return here >= self.first or here <= self.last


SEASONS = (
    Season("rentrée", (8, 25), (9, 20), 1.35, ("education", "culture-sports"), 4),
    Season("inscriptions scolaires", (3, 1), (4, 15), 1.05, ("education",), 2),
    Season("élections", (3, 2), (3, 24), 1.25, ("elections",), 8),
    Season("papiers avant l'été", (4, 15), (6, 30), 1.1, ("etat-civil",), 1.8),
    Season("canicule", (7, 8), (7, 19), 1.15, ("ccas", "eau"), 5),
    Season("août", (8, 1), (8, 24), 0.62),
    Season("fêtes", (12, 22), (1, 2), 0.6),
    Season("neige et gel", (1, 10), (1, 25), 1.1, ("voirie", "eau"), 2.5),
    Season("inondation", (11, 3), (11, 6), 1.5, ("voirie", "eau", "police-municipale"), 6),
)


def season_of(day: date) -> list[Season]:
    """The seasons that a day is in."""
    return [season for season in SEASONS if season.covers(day)]


def weight(day: date, knowledge: Knowledge) -> float:
    """How many calls come on a day, as a multiple of a usual Thursday's."""
    value = HOLIDAY if knowledge.hours.holiday(day) else WEEKDAYS[day.weekday()]
    for season in season_of(day):
        value *= season.factor
    return value


def usual_weight(until: date, knowledge: Knowledge) -> float:
    """The mean weight over the year until a day."""
    return sum(weight(until - DAY * n, knowledge) for n in range(365)) / 365


def arrivals(day: date, mean: float, knowledge: Knowledge, chance: random.Random) -> list[datetime]:
    """When calls come on a day, in order; about ``mean`` of them."""
    count = max(0, round(chance.gauss(mean, mean**0.5)))
    idle = not knowledge.hours.open_on(knowledge.departments[RECEPTION].schedule, day).intervals
    hours = chance.choices(range(24), IDLE_HOURS if idle else HOURS, k=count)
    midnight = start_of(day, knowledge.hours.zone)
    return sorted(
        midnight + timedelta(hours=hour, seconds=chance.uniform(0, 3600)) for hour in hours
    )
