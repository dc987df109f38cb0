"""In which order callbacks are made, and how they are settled; on a real database file."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from ivr.asterisk.ami import Ami, AmiAddress, Origination
from ivr.asterisk.ami_events import HungUp, Member
from ivr.callbacks.attempts import Attempts
from ivr.callbacks.dialler import Dialler, dialled, outcome_of, settle_at_once
from ivr.callbacks.policy import Outcome, Policy
from ivr.callbacks.schedule import Callbacks, Wish
from ivr.calllog.database import Database
from ivr.calllog.tables import Callback
from ivr.settings import Callbacks as Limits
from tests.test_choice import member

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


@dataclass
class Exchange:
    """An Asterisk whose telephones ring, and do nothing else."""

    staff: list[Member] = field(default_factory=lambda: [member("101")])
    callers: list[tuple[str, str]] = field(default_factory=list)
    living: list[str] = field(default_factory=list)
    calls: list[Origination] = field(default_factory=list)
    traces: dict[str, str] = field(default_factory=dict)
    settled: asyncio.Event = field(default_factory=asyncio.Event)
    asked: int = 0
    """How often who is there was asked."""

    async def members(self) -> list[Member]:
        self.asked += 1
        return self.staff

    async def waiting(self) -> list[tuple[str, str]]:
        return self.callers

    async def channels(self) -> list[str]:
        return self.living

    async def originate(self, call: Origination) -> None:
        self.calls.append(call)
        self.living.append(call.channel_id)

    async def remember(self, family: str, key: str, value: str) -> None:
        self.traces[key] = value

    async def recall(self, family: str, key: str) -> str | None:
        return self.traces.get(key)

    async def forget(self, family: str, key: str = "") -> None:
        self.traces.pop(key, None)
        self.settled.set()

    def ends(self, trace: str) -> str:
        """The call that was begun last ends; returns its channel."""
        self.traces[self.calls[-1].channel_id] = trace
        self.living.remove(self.calls[-1].channel_id)
        return self.calls[-1].channel_id

    @property
    def rung(self) -> list[str]:
        """Whom citizens would have been put through to, by their last two digits."""
        return [f"{call.channel[-3:]}:{call.variables['IVR_NUMBER'][-2:]}" for call in self.calls]


@dataclass
class Hall:
    """Callbacks, a telephone exchange, and a clock."""

    callbacks: Callbacks
    exchange: Exchange
    dialler: Dialler
    at: datetime = NOON

    async def take(self, digits: int, due: datetime = NOON, department: str = "accueil") -> str:
        wish = Wish(f"+336123456{digits:02}", department, "", "", "1.1", NOON, due=due)
        return (await self.callbacks.take(wish))[0]

    async def sweep(self, after: timedelta = timedelta()) -> None:
        self.at += after
        await self.dialler.sweep()


Start = Callable[[Policy], Hall]


@pytest.fixture
async def start(tmp_path: Path) -> AsyncIterator[Start]:
    database = Database(f"sqlite:///{tmp_path / 'calls.sqlite'}")

    def start(policy: Policy) -> Hall:
        exchange = Exchange()
        attempts = Attempts(database, policy)
        dialler = Dialler(exchange, attempts, Limits(), can_dial_out=True, now=lambda: town.at)
        town = Hall(Callbacks(database, policy=policy), exchange, dialler)
        return town

    yield start
    await database.close()


@pytest.fixture
def hall(start: Start) -> Hall:
    return start(Policy())


def test_numbers_are_dialled_as_in_france() -> None:
    assert dialled("+33612345678") == "0612345678"
    assert dialled("+3221234567") == "003221234567"


# --- how it ended ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("trace", "age", "outcome"),
    [
        ("ended:ANSWER:16:40", 60, Outcome.REACHED),
        ("ended:ANSWER:16:3", 60, Outcome.CUT_SHORT),
        ("ended:BUSY:17:", 60, Outcome.BUSY),
        ("ended:BUSY::", 60, Outcome.BUSY),
        ("ended:BUSY:21:0", 60, Outcome.REFUSED),
        ("ended:NOANSWER:19:0", 60, Outcome.NO_ANSWER),
        ("ended:CANCEL:16:0", 60, Outcome.NO_ANSWER),
        ("ended:CHANUNAVAIL:1:0", 60, Outcome.NO_SUCH_NUMBER),
        ("ended:CHANUNAVAIL:3:0", 60, Outcome.FAILED),  # the provider does not answer
        ("ended:CHANUNAVAIL:20:0", 60, Outcome.FAILED),
        ("said:3", 60, Outcome.VOICEMAIL),
        ("said:4", 60, Outcome.WRONG_NUMBER),
        ("said:1", 60, Outcome.REACHED),
        ("dialling", 60, Outcome.UNKNOWN),
        ("operator", 60, Outcome.NOBODY),
        ("declined", 60, Outcome.NOBODY),
        ("begun", 3, None),
        ("begun", 60, Outcome.NOBODY),
        (None, 10, None),
        (None, 60, Outcome.NOBODY),
    ],
)
def test_what_the_traces_of_an_attempt_tell(
    trace: str | None, age: int, outcome: Outcome | None
) -> None:
    assert outcome_of(trace, timedelta(seconds=age)) == outcome


async def test_a_sweep_settles_what_has_ended_and_leaves_what_goes_on(hall: Hall) -> None:
    reference = await hall.take(1)
    await hall.sweep()
    hall.exchange.traces[hall.exchange.calls[0].channel_id] = "operator"
    await hall.sweep(MINUTE)
    assert (await hall.callbacks.find(reference)).state == "dialling"
    hall.exchange.ends("ended:BUSY:17:0")
    await hall.sweep()
    callback = await hall.callbacks.find(reference)
    assert (callback.state, callback.outcome, callback.attempts) == ("pending", "busy", 1)
    assert not hall.exchange.traces
    assert hall.exchange.rung == ["101:01"]


async def test_the_end_of_a_call_is_written_down_at_once(hall: Hall) -> None:
    reference = await hall.take(1)
    await hall.sweep()
    client = Told(AmiAddress("127.0.0.1", 1, "", ""))
    settling = asyncio.create_task(settle_at_once(client, lambda: hall.dialler))
    try:
        async with asyncio.timeout(5):
            await client.heard.wait()
            client.tell("another")
            client.tell(hall.exchange.ends("begun"))  # refused; too young for a sweep to know
            await hall.exchange.settled.wait()
    finally:
        settling.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await settling
    (attempt,) = await hall.callbacks.history((await hall.callbacks.find(reference)).id)
    assert (attempt.outcome, attempt.ended_at) == (Outcome.NOBODY, NOON)


class Told(Ami):
    """A manager interface that tells what a test wants told."""

    heard: asyncio.Event

    def __init__(self, address: AmiAddress) -> None:
        super().__init__(address)
        self.heard = asyncio.Event()

    def subscribe(self, handler: object) -> None:
        super().subscribe(handler)  # type: ignore[arg-type]
        self.heard.set()

    def tell(self, channel_id: str) -> None:
        self._tell(HungUp(channel_id, channel_id, 16))


async def test_a_call_that_a_person_has_settled_is_settled_too(hall: Hall) -> None:
    reference = await hall.take(1)
    await hall.sweep()
    callback = await hall.callbacks.find(reference)
    await hall.callbacks.done(reference, hall.at, "Dossier complet.")
    await hall.take(2)
    await hall.sweep()
    assert hall.exchange.rung == ["101:01"], "the operator is still talking"
    hall.exchange.ends("ended:ANSWER:16:40")
    await hall.sweep()
    (attempt,) = await hall.callbacks.history(callback.id)
    assert (attempt.outcome, attempt.ended_at) == (Outcome.REACHED, NOON)
    assert hall.exchange.rung == ["101:01", "101:02"]


# --- killed ------------------------------------------------------------------------------------


class Killed(BaseException):
    """The process is no more."""


class Mortal:
    """Passes everything on, until the process is killed before or after a certain step."""

    def __init__(self, target: object, steps: list[str], fatal: int, *, after: bool) -> None:
        self._target = target
        self._steps = steps
        self._fatal = fatal
        self._after = after

    def __getattr__(self, name: str) -> object:
        found = getattr(self._target, name)
        if not inspect.iscoroutinefunction(found):
            return found

        async def step(*arguments: object) -> object:
            self._steps.append(name)
            fatal = len(self._steps) == self._fatal
            if fatal and not self._after:
                raise Killed
            result = await found(*arguments)
            if fatal:
                raise Killed
            return result

        return step


@pytest.mark.parametrize("after", [False, True])
async def test_whenever_the_worker_is_killed_the_callback_is_made_once(
    hall: Hall, *, after: bool
) -> None:
    async def made(fatal: int) -> list[str]:
        """The steps up to the end, or to the kill before or after a certain one."""
        steps: list[str] = []
        exchange: Any = Mortal(hall.exchange, steps, fatal, after=after)
        attempts: Any = Mortal(hall.dialler.attempts, steps, fatal, after=after)
        mortal = replace(hall.dialler, exchange=exchange, attempts=attempts)
        reference = await hall.take(fatal, hall.at)
        dialler, rung = mortal, len(hall.exchange.calls)
        while reference in [one.reference for one in await hall.callbacks.open()]:
            try:
                await dialler.sweep()
            except Killed:
                dialler = hall.dialler
            if hall.exchange.living:
                hall.exchange.ends("ended:ANSWER:16:40")
            hall.at += MINUTE / 2
        assert len(hall.exchange.calls) == rung + 1, (fatal, steps)
        (callback, *_) = await hall.callbacks.closed(NOON)
        assert (callback.reference, callback.outcome, callback.attempts) == (
            reference, "reached", 1,
        )  # fmt: skip
        return steps

    whole = await made(0)
    assert {"begin", "remember", "originate", "recall", "settle"} < set(whole)
    for fatal in range(1, len(whole) + 1):
        assert len(await made(fatal)) == fatal


# --- in which order ----------------------------------------------------------------------------


async def test_the_longest_due_is_made_first_and_nobody_keeps_others_waiting(hall: Hall) -> None:
    await hall.take(1, NOON - MINUTE)
    await hall.take(2, NOON - 3 * MINUTE)
    await hall.take(3, NOON - 2 * MINUTE, "eau")
    await hall.take(4, NOON + MINUTE)
    await hall.sweep()
    assert hall.exchange.rung == ["101:02"]
    hall.exchange.staff += [member("102", "eau")]
    await hall.sweep()
    assert hall.exchange.rung == ["101:02", "102:03"], "another department's does not wait for it"
    hall.exchange.living.clear()
    await hall.sweep(MINUTE)  # nobody accepted: the next one's turn comes before theirs again
    assert hall.exchange.rung[2:] == ["101:01"]


async def test_a_claimed_callback_is_left_to_its_operator_and_keeps_no_other(hall: Hall) -> None:
    hall.exchange.staff = [member("101"), member("102", state="in-use")]
    reference = await hall.take(1, NOON - MINUTE)
    await hall.callbacks.claim(reference, "102", NOON)
    await hall.take(2)
    await hall.sweep()
    assert hall.exchange.rung == ["101:02"]


async def test_who_waits_in_the_queue_goes_before_a_callback(hall: Hall) -> None:
    hall.exchange.callers = [("accueil", "1.7")]
    await hall.take(1)
    await hall.sweep()
    assert hall.exchange.rung == []
    hall.exchange.staff.append(member("102"))
    await hall.sweep()
    assert hall.exchange.rung == ["101:01"]


async def test_outside_the_opening_hours_it_waits(start: Start) -> None:
    monday = NOON + timedelta(days=1)
    hall = start(Policy(opening=lambda department, at: max(at, monday)))
    reference = await hall.take(1)
    await hall.sweep()
    assert hall.exchange.rung == []
    assert (await hall.callbacks.find(reference)).due_at == monday


async def test_five_hundred_that_are_due_at_once(hall: Hall) -> None:
    hall.exchange.staff = [member(str(extension)) for extension in range(101, 107)]
    await _many(hall, 500)
    began = asyncio.get_running_loop().time()
    await hall.sweep()
    took = asyncio.get_running_loop().time() - began
    assert [one[-2:] for one in hall.exchange.rung] == ["00", "01", "02", "03", "04", "05"]
    assert hall.exchange.asked == 1
    assert took < 2, f"{took:.1f} s; sweeps are five seconds apart"
    hall.exchange.living.clear()
    await hall.sweep(MINUTE)
    assert [one[-2:] for one in hall.exchange.rung[6:]] == ["06", "07", "08", "09", "10", "11"]


async def _many(hall: Hall, count: int) -> None:
    rows = [
        Callback(
            reference=str(n), number=f"+33612345{n:03}", department="accueil", state="pending",
            taken_at=NOON, due_at=NOON - (count - n) * MINUTE, updated_at=NOON,
        )
        for n in range(count)
    ]  # fmt: skip
    await hall.dialler.attempts._database.run(lambda session: session.add_all(rows))
