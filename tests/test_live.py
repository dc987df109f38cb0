"""What the console sees of calls and orders about them: real conversations, over a real Redis."""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta

import pytest

from ivr.call import Parts, handle
from ivr.calllog.log import CallEnd
from ivr.errors import AsteriskError, CallerGone
from ivr.events import CallerId, CallStarted, KeyPressed
from ivr.live import messages
from ivr.live.board import Board
from ivr.live.health import Doctor
from ivr.live.messages import (
    ORDERS,
    Answer,
    Duty,
    EndCall,
    Health,
    LiveOperator,
    LiveQueue,
    PassCall,
    People,
    Place,
    SetDuty,
    Waiting,
)
from ivr.live.mirror import Mirror, Sight, View, new_order
from ivr.live.orders import Orders
from ivr.live.teller import Teller
from ivr.secrets import load_or_create
from ivr.testcaller.network import private_settings
from tests.redis_server import RedisServer, redis_server
from tests.test_call import NOON, Line, parts

__all__ = ["parts"]  # the fixture of what calls share

HEALTH = Health("1.0", NOON, asterisk=True, manager=True, hearing="none", calls_at_once=10)


@dataclass
class Exchange:
    """An Asterisk that has one call of people, ``9.9``."""

    done: list[object] = field(default_factory=list)
    fault: Exception | None = None

    async def end(self, call_id: str) -> Answer:
        return self._do("end", call_id)

    async def pass_on(self, call_id: str, department: str, operator: str | None) -> Answer:
        return self._do("pass", call_id, department, operator)

    async def set_duty(self, extension: str, duty: Duty, reason: str) -> Answer:
        return self._do("duty", "9.9", extension, duty, reason)

    def serves(self, department: str, operator: str | None) -> Answer | None:
        return None if department in ("accueil", "urbanisme") else Answer.UNKNOWN

    def _do(self, what: str, call_id: str, *more: object) -> Answer:
        if self.fault:
            raise self.fault
        if call_id != "9.9":
            raise CallerGone("no such channel")
        self.done.append((what, call_id, *more))
        return Answer.DONE


@dataclass
class Stage:
    """``ivr serve``'s side and the console's, with Redis between them."""

    server: RedisServer
    board: Board
    exchange: Exchange
    mirror: Mirror
    parts: Parts

    async def until(self, condition: Callable[[View], bool]) -> View:
        """The first view that satisfies a condition."""
        async with asyncio.timeout(10):
            async for view in self.mirror.changes(1.0):
                if condition(view):
                    return view
        raise AssertionError

    @asynccontextmanager
    async def call(self, call_id: str = "1.1", *, began: bool = True) -> AsyncIterator[Caller]:
        """A call that listens to its caller."""
        line = Caller(call_id)
        line.over = task = asyncio.create_task(handle(line, self.parts))
        try:
            if began:
                await self.until(lambda view: bool((one := view.call(call_id)) and one.turns))
            yield line
        finally:
            task.cancel()
            await asyncio.wait([task])


class Caller(Line):
    """A caller of whom there may be several."""

    def __init__(self, call_id: str) -> None:
        super().__init__()
        self.id = call_id
        self.over: asyncio.Task[None] | None = None

    @property
    def started(self) -> CallStarted:
        return CallStarted(self.id, CallerId("0612345678"), "0232001000", NOON)


@pytest.fixture(scope="module")
async def server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[RedisServer]:
    settings = private_settings(tmp_path_factory.mktemp("redis") / "var")
    async with redis_server(settings, load_or_create(settings.paths.var)) as server:
        yield server


@asynccontextmanager
async def telling(stage_board: Board, server: RedisServer, orders: Orders) -> AsyncIterator[None]:
    """``ivr serve`` tells what its board shows."""
    async with server.client() as redis:
        task = asyncio.create_task(Teller(redis, stage_board, orders, lambda: HEALTH).run())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.wait([task])


@pytest.fixture
async def stage(server: RedisServer, parts: Parts) -> AsyncIterator[Stage]:
    board, exchange = Board(), Exchange()
    parts.observer = board
    async with server.client() as redis:
        mirror = Mirror(redis, silent_s=8)
        watching = asyncio.create_task(mirror.run())
        async with telling(board, server, Orders(board, exchange)):
            stage = Stage(server, board, exchange, mirror, parts)
            await stage.until(lambda view: view.sight is Sight.LIVE)
            yield stage
        watching.cancel()
        await asyncio.wait([watching])


def passing(call_id: str, department: str = "urbanisme", operator: str | None = None) -> PassCall:
    return PassCall(new_order(), call_id, department, operator, by="claire")


async def test_what_a_caller_does_is_seen_as_it_happens(stage: Stage) -> None:
    async with stage.call() as line:
        call = (await stage.until(lambda view: bool(view.calls))).calls[0]
        assert (call.number, call.place, call.phase) == ("0612345678", Place.MACHINE, "request")
        assert "assistant vocal" in call.turns[0].said
        line.events.put_nowait(KeyPressed("9"))
        view = await stage.until(lambda view: len(view.calls[0].turns) == 2)
        assert (view.calls[0].turns[1].happened, view.calls[0].turns[1].heard) == ("keyed", "9")
        line.events.put_nowait(CallerGone("hung up"))
        await stage.until(lambda view: not view.calls)


async def test_only_the_last_turns_of_a_long_call_are_kept(stage: Stage) -> None:
    async with stage.call() as line:
        for _ in range(20):
            line.events.put_nowait(KeyPressed("9"))
        line.events.put_nowait(KeyPressed("*"))
        view = await stage.until(lambda view: view.calls[0].turns[-1].heard == "*")
    assert len(view.calls[0].turns) == 8


async def test_a_call_is_passed_on_and_the_order_says_so(stage: Stage) -> None:
    async with stage.call() as line:
        assert await stage.mirror.order(passing("1.1", operator="102")) is Answer.DONE
        queued = await line.queued
        assert (queued.queue, queued.operator) == ("urbanisme", "102")
    (call,) = await stage.parts.calllog.calls()
    assert (call.outcome, call.department) == ("transferred", "urbanisme")


async def test_a_call_is_ended_and_the_order_says_so(stage: Stage) -> None:
    async with stage.call() as line:
        assert await stage.mirror.order(EndCall(new_order(), "1.1")) is Answer.DONE
        await stage.until(lambda view: not view.calls)
        assert line.over
        await line.over
        assert line.hung_up
    (call,) = await stage.parts.calllog.calls()
    assert call.ended_by == "admin"


async def test_two_orders_at_once_are_both_told_the_truth(stage: Stage) -> None:
    async with stage.call() as line:
        answers = await asyncio.gather(
            stage.mirror.order(passing("1.1")), stage.mirror.order(EndCall(new_order(), "1.1"))
        )
        assert answers[0] is Answer.DONE
        assert answers[1] in (Answer.ELSEWHERE, Answer.OVER)
        assert (await line.queued).queue == "urbanisme"


async def test_an_order_about_a_call_that_has_ended_says_so(stage: Stage) -> None:
    assert await stage.mirror.order(EndCall(new_order(), "1.1")) is Answer.OVER
    assert await stage.mirror.order(passing("1.1")) is Answer.OVER


async def test_a_call_is_not_passed_to_a_department_that_is_not_there(stage: Stage) -> None:
    async with stage.call():
        assert await stage.mirror.order(passing("1.1", "inconnu")) is Answer.UNKNOWN
        assert stage.mirror.view.calls[0].place is Place.MACHINE


async def test_calls_that_people_have_and_the_people_themselves_are_for_asterisk(
    stage: Stage,
) -> None:
    assert await stage.mirror.order(passing("9.9", operator="102")) is Answer.DONE
    assert await stage.mirror.order(EndCall(new_order(), "9.9")) is Answer.DONE
    duty = SetDuty(new_order(), "101", Duty.PAUSE, "Déjeuner")
    assert await stage.mirror.order(duty) is Answer.DONE
    assert stage.exchange.done == [
        ("pass", "9.9", "urbanisme", "102"),
        ("end", "9.9"),
        ("duty", "9.9", "101", "pause", "Déjeuner"),
    ]


@pytest.mark.parametrize("fault", [AsteriskError("refused"), RuntimeError("a bug")])
async def test_a_failure_of_an_order_is_told_and_logged(
    stage: Stage, fault: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    stage.exchange.fault = fault
    assert await stage.mirror.order(EndCall(new_order(), "9.9")) is Answer.FAILED
    assert str(fault) in caplog.text
    stage.exchange.fault = None
    assert await stage.mirror.order(EndCall(new_order(), "9.9")) is Answer.DONE


@pytest.mark.parametrize("text", [b"", b"{", b'{"kind":"end"}', b'{"kind":"x","id":"1"}', b"\xff"])
async def test_what_is_no_order_changes_nothing(stage: Stage, text: bytes) -> None:
    assert stage.mirror.redis is not None
    await stage.mirror.redis.publish(ORDERS, text)
    await stage.mirror.redis.publish(messages.CHANGES, text)
    assert await stage.mirror.order(EndCall(new_order(), "1.1")) is Answer.OVER
    assert stage.mirror.view.sight is Sight.LIVE


async def test_redis_is_killed_and_calls_go_on_and_are_seen_again(stage: Stage) -> None:
    async with stage.call("1.1") as first:
        await stage.server.stop(signal.SIGKILL)
        view = await stage.until(lambda view: view.sight is Sight.NO_REDIS)
        assert not view.calls, "what may not be so any more is not shown"
        assert await stage.mirror.order(EndCall(new_order(), "1.1")) is Answer.AWAY
        first.events.put_nowait(KeyPressed("9"))
        async with stage.call("2.2", began=False) as second:
            second.events.put_nowait(KeyPressed("0"))
            assert (await second.queued).queue == "accueil", "no call waits for those who watch"
        await stage.server.start()
        view = await stage.until(lambda view: view.sight is Sight.LIVE)
        assert [call.id for call in view.calls] == ["1.1"]
        assert view.calls[0].turns[-1].heard == "9"
        assert await stage.mirror.order(EndCall(new_order(), "1.1")) is Answer.DONE


async def test_when_serve_is_gone_its_calls_are_not_shown(
    server: RedisServer, parts: Parts
) -> None:
    board = parts.observer = Board()
    orders = Orders(board, Exchange())
    async with server.client() as redis:
        mirror = Mirror(redis, silent_s=0.3, order_s=0.1)
        watching = asyncio.create_task(mirror.run())
        stage = Stage(server, board, Exchange(), mirror, parts)
        async with telling(board, server, orders), stage.call():
            assert stage.mirror.view.calls
        await stage.until(lambda view: view.sight is Sight.NO_SERVE and not view.calls)
        assert await mirror.order(EndCall(new_order(), "1.1")) is Answer.AWAY
        async with telling(board, server, orders):
            await stage.until(lambda view: view.sight is Sight.LIVE)
        async with redis.pubsub() as deaf:  # as an ivr serve that hangs
            await deaf.subscribe(ORDERS)
            await deaf.get_message(timeout=1)
            assert await mirror.order(EndCall(new_order(), "1.1")) is Answer.NO_REPLY
        async with telling(board, server, orders):
            await stage.until(lambda view: view.sight is Sight.LIVE)
            await server.stop(signal.SIGSTOP)
            await stage.until(lambda view: view.sight is Sight.NO_REDIS)
            server.resume()
            await stage.until(lambda view: view.sight is Sight.LIVE)
        watching.cancel()
        await asyncio.wait([watching])


async def test_a_call_is_followed_to_the_queue_and_to_an_operator_until_it_is_over() -> None:
    board = Board()
    seen = View(Sight.LIVE)

    def look() -> View:
        nonlocal seen
        board.ask_everything()
        (everything,) = board.untold(HEALTH, NOON)
        assert isinstance(everything, messages.Everything)
        return replace(seen, calls=everything.calls, people=everything.people)

    queue = LiveQueue("urbanisme", (Waiting("1.1", "0612345678", NOON),), free=1, present=1)
    chosen = LiveOperator("101", "ringing", NOON, call_id="1.1")
    talking = LiveOperator("102", "talking", NOON, call_id="1.1")
    board.people(People(), NOON)
    board.began(Caller("1.1").started, lambda order: None)
    board.ended("1.1", CallEnd(NOON, "transferred", "transfer", "urbanisme", "Permis"))
    board.people(People(), NOON)
    assert look().calls[0].place is Place.QUEUE, "on its way"
    later = NOON + timedelta(minutes=1)
    board.people(People((chosen,), ()), later)
    assert look().calls[0].place is Place.QUEUE, "it rings at one operator, in no queue"
    board.people(People((replace(talking, state="ringing"),), (queue,)), later)
    assert look().calls[0].place is Place.QUEUE
    board.people(People((talking,), ()), later)
    call = look().calls[0]
    assert (call.place, call.operator, call.reason) == (Place.OPERATOR, "102", "Permis")
    board.people(People(), later + timedelta(minutes=1))
    assert not look().calls


async def test_a_call_that_ends_on_its_way_to_the_queue_does_not_stay_on_the_board() -> None:
    board = Board()
    board.began(Caller("1.1").started, lambda order: None)
    board.people(People(), NOON)
    board.ended("1.1", CallEnd(NOON, "transferred", "transfer", "accueil", ""))
    board.untold(HEALTH, NOON)
    board.ask_everything()
    (everything,) = board.untold(HEALTH, NOON + timedelta(minutes=1))
    assert isinstance(everything, messages.Everything)
    assert not everything.calls


async def test_a_call_with_people_is_not_followed_when_asterisk_tells_nothing() -> None:
    board = Board()
    board.began(Caller("1.1").started, lambda order: None)
    board.ended("1.1", CallEnd(NOON, "transferred", "transfer", "urbanisme", "Permis"))
    (everything,) = board.untold(HEALTH, NOON)
    assert isinstance(everything, messages.Everything)
    assert not everything.calls


async def test_the_last_error_is_part_of_the_health_and_nothing_else_is() -> None:
    doctor = Doctor(
        asterisk=lambda: True, manager=lambda: False, outside=lambda: None, hearing="w",
        calls_at_once=3,
    )  # fmt: skip
    log = logging.Logger("test")
    log.addHandler(doctor)
    log.warning("nothing much")
    assert (doctor.health().error, doctor.health().asterisk) == ("", True)
    log.error("the disk of %s is full\nwith a trace", "var")
    assert doctor.health().error == "the disk of var is full"
    assert doctor.health().error_at is not None
