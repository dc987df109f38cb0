"""When somebody wants to be called back: what they say, as a time when people can call them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Literal

from ivr.callbacks.clock import END_OF_DAY, Clock, digits, read_clock
from ivr.knowledge import dates, wording
from ivr.knowledge.hours import Hours
from ivr.knowledge.text import fold
from ivr.knowledge.wording import FRENCH, Wording

FARTHEST_DAYS = 60
"""A wish farther ahead is refused."""
SEARCHED_DAYS = 120
"""How far ahead another moment is looked for."""
LEAST = timedelta(minutes=5)
"""What is left of an opening must last so long for a call to be promised in it."""
SHORT = timedelta(minutes=60)
"""A wish no longer than that is told by its beginning alone: "vers 10 h"."""
EDGE = 90
"""Minutes that the beginning and the end of a day last."""


@dataclass(frozen=True)
class Window:
    """A time in which people can make the call, in the town's time zone."""

    start: datetime
    end: datetime | None
    """None: any time from then on."""
    soon: bool = False
    """The caller said "dès que possible"."""


@dataclass(frozen=True)
class Impossible:
    """A wish that cannot be met, and what to propose."""

    why: Literal["past", "closed", "far"]
    instead: Window


@dataclass(frozen=True)
class Agenda:
    """When people of one department can make calls, seen from one moment."""

    hours: Hours
    schedule: str
    now: datetime
    """In the town's time zone."""

    def openings(self, first: date, last: date) -> Iterator[tuple[datetime, datetime]]:
        """The parts of the days, both included, in which people are there and that lie ahead."""
        for ahead in range((last - first).days + 1):
            day = first + timedelta(days=ahead)
            for part in self.hours.reachable_on(self.schedule, day):
                start = max(self.hours.moment(day, part.start), self.now)
                end = self.hours.moment(day, part.end)
                if start + LEAST <= end:
                    yield start, end

    def next(self, after: datetime) -> tuple[datetime, datetime]:
        """The next opening, or what is left of it. Raises LookupError when none is in sight."""
        first = after.date()
        for start, end in self.openings(first, first + timedelta(days=SEARCHED_DAYS)):
            if max(start, after) + LEAST <= end:
                return max(start, after), end
        raise LookupError(f"nobody of {self.schedule} is at work within {SEARCHED_DAYS} days")


def soon(agenda: Agenda) -> Window:
    """As soon as people can call. Raises LookupError as ``Agenda.next``."""
    return Window(agenda.next(agenda.now)[0], None, soon=True)


def understand(text: str, agenda: Agenda) -> Window | Impossible | None:
    """What a caller's words mean, in French or plain English; None when they tell no time.

    Raises LookupError as ``Agenda.next``.
    """
    words = _plain(text)
    today = agenda.now.date()
    if _PAST.search(words):
        return Impossible("past", soon(agenda))
    span = _span(words, today, agenda)
    if _SOON.search(words) and (span is None or span == _Span(today, today, Clock(), named=True)):
        return soon(agenda)
    if span is None:
        return None
    if (span.first - today).days > FARTHEST_DAYS:
        return Impossible("far", soon(agenda))
    if found := _within(span, agenda):
        return found
    if not span.named and (found := _within(replace(span, last=_far(span.first)), agenda)):
        return found
    gone = span.last is not None and _end_of(span, span.last, agenda) <= agenda.now
    return Impossible("past" if gone else "closed", _instead(span, agenda))


def written(window: Window, now: datetime, words: Wording = FRENCH) -> str:
    """As it is read back: ``demain, entre 8 h 30 et 12 h``."""
    start, today = window.start, now.date()
    moment = wording.moment(start, now, words)
    if window.soon:
        return words.soon if start <= now else words.soon_from.format(moment=moment)
    if window.end is None:
        return words.not_before.format(moment=moment)
    if start.date() != window.end.date():
        first, last = (_full_day(one.date(), today, words) for one in (start, window.end))
        return words.between_days.format(first=first, last=last)
    day = wording.near_day(start.date(), today, words)
    begin, end = (wording.clock(_minute(one), words) for one in (start, window.end))
    if window.end - start <= SHORT:
        return words.about_time.format(day=day, time=begin)
    return words.between_times.format(day=day, start=begin, end=end)


def _full_day(day: date, today: date, words: Wording) -> str:
    name = wording.day_name(day, today, words)
    return words.one_day.format(day=name) if day > today + timedelta(days=1) else name


# --- the days and the hours meant ----------------------------------------------------------------


@dataclass(frozen=True)
class _Span:
    """Days, and the part of each of them."""

    first: date
    last: date | None
    """None: no end was named."""
    clock: Clock
    named: bool
    """Whether a day was named: else the next on which it is possible will do."""


_PAST = re.compile(
    r"\b(?:avant )?hier\b|\byesterday\b|\b(?:derniere?|passee?)s?\b|"
    r"\blast (?:week|month|monday|tuesday|wednesday|thursday|friday|saturday|sunday)\b"
)
_SOON = re.compile(
    r"\bdes (?:que|aujourd|maintenant)\b|\b(?:au )?plus (?:tot|vite|rapidement)\b|\bpossible\b|"
    r"\bmaintenant\b|\btout (?:de suite|a l heure)\b|\bimmediatement\b|\bn importe (?:quand|quel)|"
    r"\bquand (?:vous|tu|c est|ca|on)\b|\bpeu importe\b|\bm est egal\b|\bvite\b|\brapidement\b|"
    r"\bsoon\b|\basap\b|\bnow\b|\bany ?time\b|\bwhenever\b|\bstraight away\b"
)
_IN_MINUTES = re.compile(r"\b(?:dans|d ici|in) (\d+) (?:minutes?|min)\b")
_IN_HOURS = re.compile(r"\b(?:dans|d ici|in) (\d+)(?: petites?)? (?:heures?|hours?)( et demie)?\b")
_IN_PARTS = re.compile(r"\b(quart d heure)\b|\bdemi heure\b|\bhalf an hour\b")
_IN_DAYS = re.compile(r"\b(?:dans|in|d ici) (\d+) (jours?|semaines?|mois|days?|weeks?|months?)\b")
_DAYS_OF = {"j": 1, "d": 1, "s": 7, "w": 7, "m": 30}
_WEEK = re.compile(
    r"\b(?:(debut|fin) de )?(?:(cette|la|this|next|dans la) )?(?:semaine|week)"
    r"(?: (prochaine|suivante))?"
)
_NEXT_MONTH = re.compile(r"\bmois prochain\b|\bnext month\b")
_TODAY = re.compile(
    r"\b(?:ce (?:matin|midi|soir)|cet(?:te)? (?:apres midi|aprem|matinee|soiree)|tonight|"
    r"this (?:morning|afternoon|evening))\b"
)
_DAY_FROM = re.compile(r"\b(?:pas avant|a partir d[eu]|des|not before|from|starting)\b")
_DAY_AFTER = re.compile(r"\b(?:apres|after)\b(?! demain)")
_DAY_BEFORE = re.compile(r"\b(?:avant|before)\b")
_DAY_UNTIL = re.compile(r"\b(?:d ici|jusqu|by|until)\b")
_NOT = re.compile(r"\b(?:sauf|surtout pas|pas (?!avant))")


def _plain(text: str) -> str:
    """Folded, with numbers below a hundred in digits, and ``16:30`` as ``16h30``."""
    folded = fold(re.sub(r"\b(\d{1,2})[:.](\d{2})\b", r"\1h\2", text))
    return digits(re.sub(r"\b([ap]) m\b", r"\1m", folded))


def _span(words: str, today: date, agenda: Agenda) -> _Span | None:
    """What was said, as days and hours; None when it names neither."""
    now = _minute(agenda.now)
    if found := _IN_MINUTES.search(words):
        return _ahead(agenda, int(found[1]))
    if found := _IN_HOURS.search(words):
        return _ahead(agenda, int(found[1]) * 60 + (30 if found[2] else 0))
    if found := _IN_PARTS.search(words):
        return _ahead(agenda, 15 if found[1] else 30)
    clock, rest = read_clock(words)
    if found := _IN_DAYS.search(words):
        day = today + timedelta(days=int(found[1]) * _DAYS_OF[found[2][0]])
        return _Span(day, day, clock or Clock(), named=True)
    days = (today, today) if _TODAY.search(words) else _days(rest, today)
    if days is None and clock is None:
        return None
    if _NOT.search(rest) and days is not None:
        return None  # "lundi sauf le matin", "pas demain": too subtle to promise anything
    if days is None:
        passed = clock is not None and clock.end <= now
        day = today + timedelta(days=1) if passed else today
        return _Span(day, day, clock or Clock(), named=False)
    return _Span(*days, clock or Clock(), named=True)


def _ahead(agenda: Agenda, minutes: int) -> _Span:
    """So many minutes from now, and an hour long."""
    at = agenda.now + timedelta(minutes=minutes)
    start = _minute(at)
    clock = Clock(start, min(start + 60, END_OF_DAY))
    return _Span(at.date(), at.date(), clock, named=True)


def _days(words: str, today: date) -> tuple[date, date | None] | None:
    named = dates.days_asked(words, today)
    if not named:
        return _week(words, today)
    first, last = named[0], named[-1]
    if _DAY_FROM.search(words):
        return first, None
    if _DAY_AFTER.search(words):
        return last + timedelta(days=1), None
    if _DAY_BEFORE.search(words):
        return today, first - timedelta(days=1)
    if _DAY_UNTIL.search(words):
        return today, last
    return first, last


def _week(words: str, today: date) -> tuple[date, date | None] | None:
    if _NEXT_MONTH.search(words):
        first = (today.replace(day=1) + timedelta(days=32)).replace(day=1)
        return first, (first + timedelta(days=32)).replace(day=1) - timedelta(days=1)
    found = _WEEK.search(words)
    if not found:
        return None
    monday = today - timedelta(days=today.weekday())
    if found[3] or found[2] == "next":
        monday += timedelta(days=7)
    begins, ends = {"debut": (0, 1), "fin": (3, 4)}.get(found[1] or "", (0, 6))
    if monday + timedelta(days=ends) < today:
        monday += timedelta(days=7)
    return max(monday + timedelta(days=begins), today), monday + timedelta(days=ends)


# --- against the openings ------------------------------------------------------------------------


def _within(span: _Span, agenda: Agenda) -> Window | None:
    """The first part of what was meant in which people are there."""
    last = _far(span.first) if span.last is None else span.last
    found: tuple[datetime, datetime] | None = None
    for start, end in agenda.openings(span.first, last):
        if found and start.date() != found[0].date():
            break
        clock = _on(span.clock, start.date(), agenda)
        start = max(start, agenda.hours.moment(start.date(), clock.start))
        end = min(end, agenda.hours.moment(end.date(), clock.end))
        if start + LEAST <= end:
            found = (found[0] if found else start, end)
    if found is None:
        return None
    if span.named and span.last is None:
        return Window(found[0], None)
    if span.named and span.last != span.first and span.last is not None:
        return Window(found[0], _end_of(span, span.last, agenda))
    return Window(*found)


def _on(clock: Clock, day: date, agenda: Agenda) -> Clock:
    """The beginning or the end of a day depends on its openings."""
    parts = agenda.hours.reachable_on(agenda.schedule, day)
    if clock.edge is None or not parts:
        return clock
    if clock.edge == "start":
        return Clock(parts[0].start, parts[0].start + EDGE)
    return Clock(max(parts[-1].end - EDGE, 12 * 60), parts[-1].end)


def _end_of(span: _Span, last: date, agenda: Agenda) -> datetime:
    """When the last of the days on which people are there ends."""
    day, parts = last, agenda.hours.reachable_on(agenda.schedule, last)
    while not parts and day > span.first:
        day -= timedelta(days=1)
        parts = agenda.hours.reachable_on(agenda.schedule, day)
    end = min(span.clock.end, parts[-1].end if parts else END_OF_DAY - 1)
    return agenda.hours.moment(day, end)


def _instead(span: _Span, agenda: Agenda) -> Window:
    """The same hours on the next day on which that is possible, else the next opening."""
    again = replace(span, first=max(span.first, agenda.now.date()), last=None, named=False)
    if found := _within(again, agenda):
        return found
    wished = agenda.hours.moment(span.first, span.clock.start)
    return Window(*agenda.next(max(wished, agenda.now)))


def _far(day: date) -> date:
    return day + timedelta(days=14)


def _minute(at: datetime) -> int:
    return at.hour * 60 + at.minute
