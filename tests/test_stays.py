"""Stays in queues: made of events, written down, and what follows from them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from ivr.asterisk import ami_events as ami
from ivr.callbacks.schedule import Callbacks
from ivr.calllog.database import Database
from ivr.calllog.log import CallEnd, CallLog
from ivr.calllog.tables import QueueStay
from ivr.events import CallerId, CallStarted, QueueRequest
from ivr.waiting.missed import MissedCalls, missed
from ivr.waiting.record import Recorder
from ivr.waiting.stays import Stays

NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


class Clock:
    def __init__(self) -> None:
        self.at = NOON

    def __call__(self) -> datetime:
        return self.at

    def later(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)


class Client:
    """A manager interface that tells what the test says."""

    def __init__(self) -> None:
        self.tell: Callable[[ami.AmiEvent], None] = lambda event: None
        self.queued: list[tuple[str, str]] = []
        self.alive: list[str] = []

    def subscribe(self, handler: Callable[[ami.AmiEvent], None]) -> None:
        self.tell = handler

    async def waiting(self) -> list[tuple[str, str]]:
        return self.queued

    async def channels(self) -> list[str]:
        return self.alive


class Line:
    """A recorder at work, and what it has written."""

    def __init__(self, database: Database) -> None:
        self.database, self.clock, self.client = database, Clock(), Client()
        self.start()

    def start(self) -> None:
        """As after a start of the application."""
        self.stays = Stays(self.clock)
        self.over: asyncio.Queue[str] = asyncio.Queue()
        self.recorder = Recorder(self.database, self.stays, self.client, self.clock)  # type: ignore[arg-type]
        self.recorder.subscribe(lambda over: self.over.put_nowait(over.call_id))

    def join(self, call_id: str, queue: str = "accueil", number: str = "0612345678") -> None:
        self.client.tell(ami.CallerJoined(call_id, number, queue, 1, 1))

    def leave(self, call_id: str, status: str, queue: str = "accueil") -> None:
        self.client.tell(ami.CallerAbandoned(call_id, queue, 5))  # also told by mistake
        fields = {"callid": call_id, "queue": queue, "status": status}
        self.client.tell(ami.UserEvent("StayEnd", fields))

    def answer(self, call_id: str, extension: str = "101") -> None:
        self.client.tell(ami.AgentConnected(call_id, "accueil", f"PJSIP/poste-{extension}", 5))

    async def hang_up(self, call_id: str) -> None:
        self.client.tell(ami.HungUp(call_id, call_id, 16))
        async with asyncio.timeout(5):
            assert await self.over.get() == call_id

    async def written(self) -> list[QueueStay]:
        return await self.database.run(
            lambda session: list(session.scalars(select(QueueStay).order_by(QueueStay.id)))
        )


@pytest.fixture
async def line(tmp_path: Path) -> AsyncIterator[Line]:
    database = Database(f"sqlite:///{tmp_path / 'calls.sqlite'}")
    line = Line(database)
    task = asyncio.create_task(line.recorder.run())
    yield line
    task.cancel()
    await asyncio.wait([task])
    await database.close()


async def test_a_stay_is_answered_and_lasts_as_long_as_the_conversation(line: Line) -> None:
    line.stays.asked("1.1", QueueRequest("accueil", "Carte d'identité", 10))
    line.join("1.1")
    line.clock.later(7)
    line.answer("1.1")
    line.clock.later(60)
    await line.hang_up("1.1")
    (stay,) = await line.written()
    assert (stay.outcome, stay.operator, stay.reason) == ("answered", "101", "Carte d'identité")
    assert (stay.priority, stay.caller_number) == (10, "0612345678")
    assert stay.answered_at == NOON + timedelta(seconds=7)
    assert stay.ended_at == NOON + timedelta(seconds=67)


@pytest.mark.parametrize(
    ("status", "outcome"),
    [("TIMEOUT", "timeout"), ("LEAVEEMPTY", "empty"), ("KEY", "key"), ("odd", "unknown")],
)
async def test_what_asterisk_calls_abandoned_is_told_apart(
    line: Line, status: str, outcome: str
) -> None:
    line.join("1.1")
    line.leave("1.1", status)
    line.join("1.1", "etat-civil")
    line.clock.later(9)
    await line.hang_up("1.1")
    first, second = await line.written()
    assert (first.outcome, second.outcome) == (outcome, "abandoned")
    assert second.ended_at == NOON + timedelta(seconds=9)


async def test_nobody_there_is_a_stay_of_no_length(line: Line) -> None:
    line.leave("1.1", "JOINEMPTY", "urbanisme")
    await line.hang_up("1.1")
    (stay,) = await line.written()
    assert (stay.department, stay.outcome) == ("urbanisme", "empty")
    assert stay.joined_at == stay.ended_at


async def test_a_place_is_counted_among_those_who_came_before_and_the_urgent(line: Line) -> None:
    for call_id in ("a", "b", "c"):
        line.join(call_id)
        line.clock.later(1)
    line.leave("b", "KEY")
    assert line.stays.ahead("b", "accueil") == 1
    line.stays.asked("u", QueueRequest("accueil", "URGENCE", 10))
    line.join("u")
    assert line.stays.ahead("b", "accueil") == 2
    line.answer("a")
    assert line.stays.ahead("b", "accueil") == 1
    line.leave("c", "KEY")
    assert line.stays.ahead("c", "accueil") == 1, "those who are away have no say"
    line.join("b")
    assert line.stays.ahead("c", "accueil") == 2, "b came before, and is back"
    assert line.stays.ahead("b", "etat-civil") is None


async def test_a_transfer_that_nobody_answers_is_no_transfer(line: Line) -> None:
    calls = CallLog(line.database)
    for call_id in ("lost", "met"):
        started = CallStarted(call_id, CallerId("0612345678"), "0232001000", NOON)
        await calls.open_call(started)
        await calls.close_call(call_id, CallEnd(NOON, "transferred", "transfer", "accueil"))
        line.join(call_id)
    line.answer("met")
    await line.hang_up("lost")
    await line.hang_up("met")
    outcomes = {call.id: call.outcome for call in await calls.calls()}
    assert outcomes == {"lost": "abandoned", "met": "transferred"}


async def test_after_a_restart_stays_go_on_or_are_closed(line: Line) -> None:
    for call_id in ("waits", "talks", "gone", "spoke"):
        line.join(call_id)
    line.answer("talks")
    line.answer("spoke")
    line.join("other")
    await line.hang_up("other")  # all before is written
    line.start()
    line.client.alive = ["waits", "talks", "new"]
    line.client.queued = [("accueil", "waits"), ("accueil", "new")]
    task = asyncio.create_task(line.recorder.run())
    line.client.tell(ami.Connected())
    line.join("later")
    await line.hang_up("later")
    line.answer("waits")
    for call_id in ("waits", "talks", "new"):
        line.clock.later(1)
        await line.hang_up(call_id)
    task.cancel()
    await asyncio.wait([task])
    outcomes = {stay.call_id: (stay.outcome, stay.ended_at) for stay in await line.written()}
    assert outcomes["gone"] == ("unknown", NOON)
    assert outcomes["spoke"] == ("answered", NOON), "nobody knows how long"
    assert outcomes["talks"] == ("answered", NOON + timedelta(seconds=2))
    assert outcomes["waits"] == ("answered", NOON + timedelta(seconds=1))
    assert outcomes["new"][0] == "abandoned"


async def test_missed_calls_are_listed_and_called_back_once(line: Line) -> None:
    line.stays.asked("1.1", QueueRequest("etat-civil", "Acte de naissance"))
    line.join("1.1", "etat-civil", "0612345678")
    line.clock.later(42)
    await line.hang_up("1.1")
    (one,) = await missed(line.database, NOON)
    assert (one.number, one.department, one.reason) == (
        "0612345678", "etat-civil", "Acte de naissance",
    )  # fmt: skip
    assert (one.waited_s, one.callback, one.answered_at) == (42, None, None)
    callbacks = Callbacks(line.database)
    taker = MissedCalls(line.database, callbacks, frozenset, line.clock)
    await taker.look()
    assert not await callbacks.open(), "they may call again at once"
    line.clock.later(600)
    await taker.look()
    await taker.look()
    (callback,) = await callbacks.open()
    assert (callback.number, callback.department, callback.origin) == (
        "+33612345678", "etat-civil", "missed",
    )  # fmt: skip
    assert (await missed(line.database, NOON))[0].callback == callback.reference
    # They call again, in another form of the number, and are answered: nobody need call them back.
    line.join("2.1", "accueil", "+33612345678")
    line.answer("2.1")
    await line.hang_up("2.1")
    await taker.look()
    assert not await callbacks.open()


@pytest.mark.parametrize("number", ["", "0899123456", "+4915112345678", "0232001000"])
async def test_numbers_that_nobody_should_call_are_only_listed(line: Line, number: str) -> None:
    line.join("1.1", "accueil", number)
    await line.hang_up("1.1")
    line.clock.later(3600)
    callbacks = Callbacks(line.database)
    ours = frozenset(["+33232001000"])
    await MissedCalls(line.database, callbacks, lambda: ours, line.clock).look()
    assert not await callbacks.open()
    assert len(await missed(line.database, NOON)) == 1
