"""Busy hours of six operators in virtual time, against what queueing theory says of them.

Callers come at random (200 an hour), calls last at random, and AMI's events of all that go through
the code that follows a real Asterisk: who is free, stays in queues, and the figures made of those.
Expected values are Erlang's: C where callers wait for ever, A where they hang up.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import count
from math import exp
from random import Random
from statistics import fmean

import pytest
from sqlalchemy import insert
from sqlalchemy.orm import Session

from ivr.asterisk import ami_events as ami
from ivr.asterisk.render import WRAP_UP as WRITES_UP
from ivr.calllog.database import Database
from ivr.calllog.tables import Call, QueueStay
from ivr.figures.fate import Fate
from ivr.figures.period import DAY, Period
from ivr.figures.report import SOON, Report, report
from ivr.knowledge.base import Knowledge
from ivr.knowledge.directory import Operator
from ivr.operators.presence import Presence, interface_of
from ivr.waiting.stays import Stay, Stays

OPERATORS = tuple(
    Operator(name=f"Agent {n}", extension=f"10{n}", departments=("accueil",)) for n in range(1, 7)
)
PER_HOUR = 200
RATE = PER_HOUR / 3600
"""Calls a second."""
DAYS = 3
"""Simulated: some 14,400 calls, so that chance moves shares by a few percent at most."""
WRAP_UP = 5
"""Seconds."""
CLOSE = 0.06
"""How far shares may be from theory, relative. The seeds are fixed: these runs never flake."""
START = datetime(2026, 3, 2, tzinfo=UTC) - timedelta(hours=1)
"""Midnight in France."""


# --- what Erlang says -----------------------------------------------------------------------------


@dataclass(frozen=True)
class Theory:
    """What callers meet in the long run; times in s."""

    waits: float
    """Probability of having to wait at all."""
    answered_wait: float
    """Mean wait of those answered, those answered at once included."""
    abandons: float
    abandoned_wait: float


def erlang_c(operators: int, handling: float) -> Theory:
    """Callers who wait for ever, calls that keep an operator for ``handling`` s in the mean."""
    load = RATE * handling
    blocked = 1.0
    for n in range(1, operators + 1):  # Erlang B
        blocked = load * blocked / (n + load * blocked)
    waits = blocked / (1 - load / operators * (1 - blocked))
    return Theory(waits, waits * handling / (operators - load), 0, 0)


def longer_than(seconds: float, operators: int, handling: float) -> float:
    """Probability of a longer wait, of callers who wait for ever."""
    spare = operators / handling - RATE
    return erlang_c(operators, handling).waits * exp(-spare * seconds)


def erlang_a(operators: int, handling: float, patience: float) -> Theory:
    """Callers who hang up after ``patience`` s in the mean, unless they are answered."""
    serving, leaving, most = operators / handling, 1 / patience, 400
    weights = [1.0]
    for n in range(1, most):  # callers and operators in touch, n of them
        busy, queued = min(n, operators), max(n - operators, 0)
        weights.append(weights[-1] * RATE / (busy / handling + queued * leaving))
    found = [weight / sum(weights) for weight in weights]
    waits = sum(found[operators:])
    answered, waited, ahead_s = sum(found[:operators]), 0.0, 0.0
    for ahead, share in enumerate(found[operators:]):
        # each step until their turn takes this long for those who do not hang up in it
        ahead_s += 1 / (serving + (ahead + 1) * leaving)
        served = share * serving / (serving + (ahead + 1) * leaving)
        answered, waited = answered + served, waited + served * ahead_s
    abandons = 1 - answered
    all_waited = (
        abandons * patience
    )  # Little's law: who hangs up does so at this rate while waiting
    return Theory(waits, waited / answered, abandons, (all_waited - waited) / abandons)


def test_the_formulas_give_what_tables_print() -> None:
    assert erlang_c(6, 72).waits == pytest.approx(0.2848, abs=1e-4)  # 4 erlangs, 6 agents
    patient = erlang_a(6, 72, 1e9)
    assert patient.waits == pytest.approx(erlang_c(6, 72).waits, rel=1e-4)
    assert patient.answered_wait == pytest.approx(erlang_c(6, 72).answered_wait, rel=1e-4)


# --- the town hall, simulated ---------------------------------------------------------------------


@dataclass
class Exchange:
    """Callers, a queue and operators in virtual time; what AMI would tell goes to real code."""

    handling: float
    """Mean time that a call keeps an operator, wrap-up included, in s."""
    patience: float | None
    chance: Random
    at: float = 0.0
    """Seconds since START."""
    came: dict[str, float] = field(default_factory=dict)
    estimates: list[float] = field(default_factory=list)
    """What each caller would have been told of the wait, in s."""
    waited: dict[str, float] = field(default_factory=dict)
    abandoned: set[str] = field(default_factory=set)
    stays: list[Stay] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._agenda: list[tuple[float, int, Callable[[], None]]] = []
        self._order = count()
        self._queue: deque[str] = deque()
        self._free = deque(interface_of(one.extension) for one in OPERATORS)
        self._presence = Presence(OPERATORS, self.now, WRAP_UP)
        self._presence.learn([self._member(one, "free") for one in self._free], [])
        self._stays = Stays(self.now)

    def now(self) -> datetime:
        return START + timedelta(seconds=self.at)

    def run(self, seconds: float) -> None:
        """Callers come for so long; those that are there then are served."""
        came = self.chance.expovariate(RATE)
        while came < seconds:
            self._later(came, self._comes)
            came += self.chance.expovariate(RATE)
        while self._agenda:
            self.at, _, happens = heapq.heappop(self._agenda)
            happens()

    def _later(self, at: float, happens: Callable[[], None]) -> None:
        heapq.heappush(self._agenda, (at, next(self._order), happens))

    def _comes(self) -> None:
        call_id = f"{len(self.came) + 1}.1"
        self.came[call_id] = self.at
        known = self._presence.department("accueil")
        assert known is not None
        assert known.wait_s is not None
        assert (known.free, known.waiting) == (len(self._free), len(self._queue))
        self.estimates.append(known.wait_s)
        self._queue.append(call_id)
        place = len(self._queue)
        self._tell(ami.CallerJoined(call_id, "0612345678", "accueil", place, place))
        self._serve()
        if self.patience is not None and call_id in self._queue:
            gives_up = self.at + self.chance.expovariate(1 / self.patience)
            self._later(gives_up, partial(self._gives_up, call_id))

    def _serve(self) -> None:
        while self._free and self._queue:
            call_id, phone = self._queue.popleft(), self._free.popleft()
            waited = self.waited[call_id] = self.at - self.came[call_id]
            self._tell(
                ami.AgentCalled(call_id, "accueil", phone),
                self._member(phone, "in-use"),
                ami.CallerLeft(call_id, "accueil", len(self._queue)),
                ami.AgentConnected(call_id, "accueil", phone, round(waited)),
            )
            handled = self.chance.expovariate(1 / self.handling)
            talked = max(0.0, handled - WRAP_UP)
            self._later(self.at + talked, partial(self._talked, call_id, phone, talked))

    def _talked(self, call_id: str, phone: str, talked: float) -> None:
        waited = round(self.waited[call_id])
        self._tell(
            ami.UserEvent(WRITES_UP, {"operator": phone[-3:], "seconds": str(WRAP_UP)}),
            ami.AgentCompleted(call_id, "accueil", phone, waited, round(talked), "caller"),
            ami.HungUp(call_id, call_id, 16),
        )
        self._later(self.at + WRAP_UP, partial(self._frees, phone))

    def _frees(self, phone: str) -> None:
        self._tell(self._member(phone, "free"))
        self._free.append(phone)
        self._serve()

    def _gives_up(self, call_id: str) -> None:
        if call_id not in self._queue:
            return
        self._queue.remove(call_id)
        self.abandoned.add(call_id)
        waited = round(self.at - self.came[call_id])
        self._tell(
            ami.CallerAbandoned(call_id, "accueil", waited),
            ami.CallerLeft(call_id, "accueil", len(self._queue)),
            ami.HungUp(call_id, call_id, 16),
        )

    def _tell(self, *events: ami.AmiEvent) -> None:
        for event in events:
            self._presence.took(event)
            changed = (one for one in self._stays.took(event) if isinstance(one, Stay))
            self.stays += [one for one in changed if one.ended_at]

    def _member(self, interface: str, state: str) -> ami.Member:
        return ami.Member("accueil", interface, "", state, False, "", False, 0)

    def rows(self) -> Iterator[tuple[dict[str, object], dict[str, object]]]:
        """A call and its stay, as they are in the call log."""
        for stay in self.stays:
            columns = {name: value for name, value in vars(stay).items() if name != "id"}
            call = {
                "id": stay.call_id,
                "started_at": stay.joined_at,
                "ended_at": stay.joined_at,
                "outcome": "transferred" if stay.answered_at else "abandoned",
                "department": stay.department,
            }
            yield call, columns


async def figures_of(exchange: Exchange, database: Database, town: Knowledge) -> Report:
    """The figures of all that the exchange did."""
    exchange.run(timedelta(days=DAYS).total_seconds())
    calls, stays = zip(*exchange.rows(), strict=True)
    first = (START + timedelta(hours=1)).date()

    def work(session: Session) -> Report:
        session.execute(insert(Call), calls)
        session.execute(insert(QueueStay), stays)
        period = Period(first, first + DAY * (DAYS - 1))
        return report(session, town, period, START + DAY * DAYS)

    return await database.run(work)


async def test_callers_who_wait_as_long_as_it_takes(database: Database, town: Knowledge) -> None:
    handling = 72.0
    exchange = Exchange(handling, None, Random(1917))
    figures = (await figures_of(exchange, database, town)).figures
    theory = erlang_c(len(OPERATORS), handling)

    assert figures.offered == figures.fates[Fate.PERSON] == len(exchange.came)
    assert figures.offered == pytest.approx(PER_HOUR * 24 * DAYS, rel=CLOSE)
    assert figures.abandoned_share == figures.lost_share == 0
    had_to_wait = fmean(estimate > 0 for estimate in exchange.estimates)
    assert had_to_wait == pytest.approx(theory.waits, rel=CLOSE)
    assert figures.wait.mean == pytest.approx(theory.answered_wait, rel=2 * CLOSE), (
        "chance moves it more than shares: one long queue counts for many callers"
    )
    assert fmean(exchange.estimates) == pytest.approx(figures.wait.mean, rel=0.15), (
        "callers are told what they then wait, in the mean, but for the wrap-up"
    )
    soon = 1 - longer_than(SOON + 0.5, len(OPERATORS), handling)  # counted in whole seconds
    assert figures.wait.within(SOON) == pytest.approx(soon, abs=0.015)


async def test_callers_who_hang_up(database: Database, town: Knowledge) -> None:
    handling, patience = 108.0, 60.0
    exchange = Exchange(handling, patience, Random(1946))
    made = await figures_of(exchange, database, town)
    figures, theory = made.figures, erlang_a(len(OPERATORS), handling, patience)

    assert figures.offered == len(exchange.came)
    assert figures.lost == figures.transfers["abandoned"] == len(exchange.abandoned)
    assert figures.fates[Fate.PERSON] == figures.offered - figures.lost
    assert figures.abandoned_share == pytest.approx(theory.abandons, rel=CLOSE)
    assert figures.lost_share == figures.abandoned_share
    assert figures.wait.count == figures.transfers["answered"] == figures.fates[Fate.PERSON]
    assert figures.wait.mean == pytest.approx(theory.answered_wait, rel=CLOSE)
    assert figures.patience.mean == pytest.approx(theory.abandoned_wait, rel=CLOSE)
    had_to_wait = fmean(estimate > 0 for estimate in exchange.estimates)
    assert had_to_wait == pytest.approx(theory.waits, rel=CLOSE)
    assert sum(fates.total() for fates in made.hours.values()) == figures.offered
    assert sum(fates[Fate.LOST] for fates in made.days.values()) == figures.lost
