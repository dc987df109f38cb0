"""The figures of a period, against those of the period before."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from functools import cached_property

from sqlalchemy.orm import Session

from ivr.figures.callbacks import CallbackFigures, callback_figures
from ivr.figures.days import Town, days
from ivr.figures.fate import Fate
from ivr.figures.period import Period
from ivr.figures.spread import Spread
from ivr.figures.tally import Count, DayTally, Tally, add_counts
from ivr.knowledge.base import Knowledge

SOON = 20
"""Seconds within which an operator should answer; the trade's usual measure."""


@dataclass(frozen=True)
class Figures:
    """What a tally says. Shares are 0.0 to 1.0, and None where there is nothing to take one of."""

    tally: Tally

    @property
    def fates(self) -> Counter[str]:
        """Calls by fate."""
        return self.tally.of(Count.FATE)

    @cached_property
    def offered(self) -> int:
        """All calls that came."""
        return self.fates.total()

    @cached_property
    def settled(self) -> int:
        """The calls of which we know what became: shares are taken of these."""
        return self.offered - self.fates[Fate.OPEN] - self.fates[Fate.UNKNOWN]

    def share(self, fate: Fate) -> float | None:
        """The share of the settled calls that came to this."""
        return _share(self.fates[fate], self.settled)

    @property
    def lost(self) -> int:
        """Calls lost: see ``fate``."""
        return self.fates[Fate.LOST]

    @property
    def lost_share(self) -> float | None:
        """The headline: of the settled calls, those lost."""
        return self.share(Fate.LOST)

    @property
    def quick(self) -> int:
        """Of the lost calls, those that left at once without asking anything."""
        return self.tally.of(Count.OTHER)["quick"]

    @property
    def away(self) -> int:
        """Calls that came while the application was away, and went straight to the operators."""
        return self.tally.of(Count.OTHER)["away"]

    @property
    def transfers(self) -> Counter[str]:
        """Calls that were in a queue, by how that ended."""
        return self.tally.of(Count.TRANSFER)

    @property
    def abandoned_share(self) -> float | None:
        """Of the calls that were in a queue, those whose caller hung up there."""
        return _share(self.transfers["abandoned"], self.transfers.total())

    @cached_property
    def wait(self) -> Spread:
        """How long callers waited for an operator who then answered, in s."""
        return Spread.of(self.tally.of(Count.WAIT))

    @cached_property
    def patience(self) -> Spread:
        """How long those waited who then hung up, in s."""
        return Spread.of(self.tally.of(Count.ABANDON))

    @cached_property
    def gap(self) -> Spread:
        """From the end of the caller's speech to the answer's first sound, in ms."""
        return Spread.of(self.tally.of(Count.GAP))

    @property
    def requests(self) -> int:
        """Requests made to the machine."""
        return self.tally.of(Count.REQUEST).total()

    @property
    def unanswered_share(self) -> float | None:
        """Of the requests, those rejected, not understood or misunderstood."""
        return _share(self.tally.of(Count.REQUEST)["misunderstood"], self.requests)

    @property
    def questions(self) -> list[tuple[str, int]]:
        """The entries of the FAQ answered, and how often, the most frequent first."""
        return sorted(self.tally.of(Count.ENTRY).items(), key=lambda one: (-one[1], one[0]))

    def corrected(self, entry: str) -> int:
        """How often a caller said that this entry was not what they wanted."""
        return self.tally.of(Count.CORRECTED)[entry]

    @property
    def all_corrected(self) -> Collection[str]:
        """The entries that a caller said were not what they wanted."""
        return self.tally.of(Count.CORRECTED).keys()

    @property
    def languages(self) -> list[tuple[str, int]]:
        """Calls by language, the most frequent first."""
        return self.tally.of(Count.LANGUAGE).most_common()

    @cached_property
    def satisfaction(self) -> Spread:
        """The callers' marks, 1 to 5."""
        return Spread.of(self.tally.of(Count.MARK))


@dataclass(frozen=True)
class Report:
    """The figures of one period."""

    period: Period
    figures: Figures
    """Of all calls."""
    departments: Mapping[str, Figures]
    """By the department that the call was for; ``""`` where that is not known."""
    days: Mapping[date, Counter[str]]
    """Fates by day."""
    hours: Mapping[int, Counter[str]]
    """Fates by hour, 0 to 23 on the town's clocks."""
    callbacks: CallbackFigures
    """Of the callbacks taken in the period."""


@dataclass(frozen=True)
class Comparison:
    """A period and the one before."""

    this: Report
    before: Report


def compare(session: Session, knowledge: Knowledge, period: Period, now: datetime) -> Comparison:
    """The figures of a period and of the one before it."""
    return Comparison(
        report(session, knowledge, period, now), report(session, knowledge, period.before, now)
    )


def report(session: Session, knowledge: Knowledge, period: Period, now: datetime) -> Report:
    """The figures of a period."""
    town = Town.of(knowledge)
    by_day = days(session, period, town)
    callbacks = callback_figures(session, period, town.deadlines, now)
    return _report(period, by_day, callbacks)


def _report(period: Period, by_day: Mapping[date, DayTally], callbacks: CallbackFigures) -> Report:
    whole, departments = Tally(), dict[str, Tally]()
    hours: dict[int, Counter[str]] = {hour: Counter() for hour in range(24)}
    fates: dict[date, Counter[str]] = {}
    for day, tally in by_day.items():
        fates[day] = Counter()
        for who, one in tally.departments.items():
            departments.setdefault(who, Tally()).add(one)
        for hour, counts in tally.hours.items():
            add_counts(hours[int(hour)], counts)
            add_counts(fates[day], counts)
    for every in departments.values():
        whole.add(every.counts)
    by_name = {who: Figures(one) for who, one in sorted(departments.items())}
    return Report(period, Figures(whole), by_name, fates, hours, callbacks)


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None
