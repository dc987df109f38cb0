"""What is counted of calls: a tally of some adds up with the tally of others.

Times are counted in steps, so that the tallies of a year's days are quickly added up and medians
still come out: exactly to the second under a minute, within a twentieth above.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from ivr.figures.fate import CallFacts, Exchange, Fate, fate, left_at_once

GAP_STEP = 50
"""Response gaps are counted in steps of so many ms."""
_STEPS = ((60, 1), (150, 5), (300, 15), (1200, 30), (3600, 60), (math.inf, 300))
"""Up to so many seconds, in steps of so many."""


class Count(StrEnum):
    """What is counted, and by what."""

    FATE = "fate"
    """Calls by fate."""
    TRANSFER = "transfer"
    """Calls that were in a queue, by how that ended: ``answered``, or the last stay's outcome."""
    WAIT = "wait"
    """Calls answered by an operator, by the time waited in all queues, in s."""
    ABANDON = "abandon"
    """Calls lost in a queue because the caller hung up, by the time waited, in s."""
    REQUEST = "request"
    """Requests by how they were understood: ``understood``, ``misunderstood``."""
    GAP = "gap"
    """Answers by the time from the end of the caller's speech, in ms."""
    ENTRY = "entry"
    """Answers given, by entry."""
    CORRECTED = "corrected"
    """Answers and proposals that the caller said were wrong, by entry."""
    LANGUAGE = "language"
    """Calls by the language spoken last."""
    MARK = "mark"
    """Calls by the caller's mark, 1 to 5."""
    OTHER = "other"
    """``quick``: lost calls that left at once; ``away``: calls that came while the application
    was away."""
    CALLBACK = "callback"
    """Callbacks: ``taken``, and of these ``made``, ``on-time``, ``late`` and ``open``."""
    CALLBACK_OUTCOME = "callback-outcome"
    """Callbacks that are not open, by the outcome of the last attempt, or ``cancelled``."""
    CALLBACK_DELAY = "callback-delay"
    """Callbacks made, by the time since they were taken, in s."""


@dataclass
class Tally:
    """Counts of some calls."""

    counts: dict[str, Counter[str]] = field(default_factory=dict)

    def of(self, what: Count) -> Counter[str]:
        """The counts of one kind; adding to them counts."""
        return self.counts.setdefault(what, Counter())

    def add(self, other: Mapping[str, Mapping[str, int]]) -> None:
        """Count also what another has counted."""
        for what, counts in other.items():
            if (to := self.counts.get(what)) is None:
                to = self.counts[what] = Counter()
            add_counts(to, counts)


@dataclass(frozen=True)
class DayTally:
    """The counts of the calls that began on one day."""

    departments: Mapping[str, Mapping[str, Mapping[str, int]]]
    """By the department that the call was for, ``""`` where that is not known, and by Count."""
    hours: Mapping[str, Mapping[str, int]]
    """Fates by the hour, ``0`` to ``23`` on the town's clocks, in which the call began."""

    @property
    def open(self) -> bool:
        """Whether some of its calls still go on."""
        return any(fates.get(Fate.OPEN) for fates in self.hours.values())

    @property
    def offered(self) -> int:
        """How many calls came."""
        return sum(sum(fates.values()) for fates in self.hours.values())


def tally_day(
    calls: Iterable[CallFacts], zone: ZoneInfo, department_of: Mapping[str, str]
) -> DayTally:
    """Count calls. ``department_of``: who handles each entry of the FAQ."""
    departments: dict[str, Tally] = {}
    hours: dict[str, Counter[str]] = {}
    for call in calls:
        who = _department(call, department_of)
        _count(call, departments.setdefault(who, Tally()))
        hour = str(call.started_at.astimezone(zone).hour)
        hours.setdefault(hour, Counter())[fate(call)] += 1
    return DayTally({who: one.counts for who, one in departments.items()}, hours)


def add_counts(to: Counter[str], counts: Mapping[str, int]) -> None:
    """Count what another has counted: ``Counter.update`` at several times its speed."""
    known = to.get
    for key, count in counts.items():
        to[key] = known(key, 0) + count


def _department(call: CallFacts, department_of: Mapping[str, str]) -> str:
    """Whom the call was for: the queue it was first in, else who handles what was answered."""
    if call.stays:
        return call.stays[0].department
    if call.department:
        return call.department
    answered = [entry for turn in call.turns for entry in turn.noted("answered")]
    return next((department_of[e] for e in reversed(answered) if e in department_of), "")


def _count(call: CallFacts, into: Tally) -> None:
    became = fate(call)
    into.of(Count.FATE)[became] += 1
    if became is Fate.OPEN:
        return
    _count_stays(call, became, into)
    for turn in call.turns:
        _count_turn(turn, into)
    if call.language:
        into.of(Count.LANGUAGE)[call.language] += 1
    if call.satisfaction is not None:
        into.of(Count.MARK)[str(call.satisfaction)] += 1
    if became is Fate.LOST and left_at_once(call):
        into.of(Count.OTHER)["quick"] += 1
    if not call.with_application:
        into.of(Count.OTHER)["away"] += 1


def _count_stays(call: CallFacts, became: Fate, into: Tally) -> None:
    if not call.stays:
        return
    waited = timedelta(0)
    for stay in call.stays:
        waited += stay.waited
        if stay.answered_at:
            into.of(Count.TRANSFER)["answered"] += 1
            into.of(Count.WAIT)[str(seconds_step(waited))] += 1
            return
    last = call.stays[-1]
    into.of(Count.TRANSFER)[last.outcome or "unknown"] += 1
    if last.outcome == "abandoned" and became is Fate.LOST:
        into.of(Count.ABANDON)[str(seconds_step(waited))] += 1


def _count_turn(turn: Exchange, into: Tally) -> None:
    answered, wrong = turn.answers, turn.noted("corrected")
    if answered:
        into.of(Count.REQUEST)["understood"] += 1
        into.of(Count.ENTRY).update(turn.noted("answered"))
    elif wrong or turn.noted("rejected") or turn.happened == "unintelligible":
        into.of(Count.REQUEST)["misunderstood"] += 1
    into.of(Count.CORRECTED).update(entry for entry in wrong if entry)
    if turn.response_ms is not None:
        step = round(turn.response_ms / GAP_STEP) * GAP_STEP
        into.of(Count.GAP)[str(step)] += 1


def seconds_step(time: timedelta) -> int:
    """The step, in s, that a time is counted in: nearest, and never negative."""
    seconds = max(0.0, time.total_seconds())
    size = next(size for limit, size in _STEPS if seconds <= limit)
    return round(seconds / size) * size
