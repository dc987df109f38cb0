"""A telephone side for tests of pages: a board that a test writes on, told over a real Redis."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from redis.asyncio import Redis

from ivr.calllog.log import CallEnd, TurnRecord
from ivr.dialogue import turns
from ivr.dialogue.state import State
from ivr.errors import CallerGone
from ivr.events import CallerId, CallStarted
from ivr.live.board import Board
from ivr.live.messages import Answer, Duty, Health
from ivr.live.mirror import Sight
from ivr.live.orders import Orders
from ivr.live.teller import Teller
from ivr.secrets import load_or_create
from tests.console import Console
from tests.redis_server import RedisServer, redis_server

HEALTH = Health(
    "1.0", datetime(2026, 3, 2, 8, 0, tzinfo=UTC), asterisk=True, manager=True,
    hearing="whisper", calls_at_once=10,
)  # fmt: skip


@dataclass
class Exchange:
    """An Asterisk that does what it is told, and remembers it."""

    done: list[tuple[object, ...]] = field(default_factory=list)
    answer: Answer = Answer.DONE

    async def end(self, call_id: str) -> Answer:
        raise CallerGone("no such channel")

    async def pass_on(self, call_id: str, department: str, operator: str | None) -> Answer:
        raise CallerGone("no such channel")

    async def set_duty(self, extension: str, duty: Duty, reason: str) -> Answer:
        self.done.append((extension, duty, reason))
        return self.answer

    def serves(self, department: str, operator: str | None) -> Answer | None:
        return None


@dataclass
class Telephone:
    """What a test makes happen on the line."""

    console: Console
    server: RedisServer
    board: Board
    exchange: Exchange
    redis: Redis
    """Of its ``ivr serve``."""
    orders: dict[str, list[turns.Order]] = field(default_factory=dict)
    """Those that each call was given; they are carried out at once."""
    _telling: asyncio.Task[None] | None = None

    def serve(self) -> None:
        """``ivr serve`` tells, and takes orders."""
        teller = Teller(self.redis, self.board, Orders(self.board, self.exchange), lambda: HEALTH)
        self._telling = asyncio.create_task(teller.run())

    async def stop_serving(self) -> None:
        """It is killed: nothing more is told."""
        assert self._telling is not None
        self._telling.cancel()
        await asyncio.wait([self._telling])

    def begins(self, call_id: str, number: str = "0612345678") -> None:
        """A call begins."""
        started = CallStarted(call_id, CallerId(number), "0232001000", datetime.now(UTC))
        given = self.orders.setdefault(call_id, [])

        def order(one: turns.Order) -> None:
            given.append(one)
            name = "dismissed" if isinstance(one, turns.Dismissed) else "redirected"
            self.turn(call_id, name)
            self.ends(call_id)

        self.board.began(started, order)
        self.turn(call_id, "opened", said="Mairie de Valmont, bonjour.")

    def turn(
        self, call_id: str, happened: str, *, heard: str = "", entry: str | None = None,
        said: str = "",
    ) -> None:  # fmt: skip
        """The caller does something, and the machine answers."""
        record = TurnRecord(datetime.now(UTC), happened, heard=heard, said=said)
        if entry:
            record = replace(record, entry=entry, score=0.92, decision="answer")
        self.board.turned(call_id, record, State(last_entry=entry))

    def ends(self, call_id: str) -> None:
        """A call ends."""
        self.board.ended(call_id, CallEnd(datetime.now(UTC), "answered", "machine"))

    async def seen(self, sight: Sight = Sight.LIVE) -> None:
        """Wait until the console sees what is so."""
        async with asyncio.timeout(15):
            async for view in self.console.parts.mirror.changes(1.0):
                if view.sight is sight:
                    return


@asynccontextmanager
async def telephone(console: Console) -> AsyncIterator[Telephone]:
    """Redis and an ``ivr serve`` beside a console."""
    settings = console.settings
    async with (
        redis_server(settings, load_or_create(settings.paths.var)) as server,
        server.client() as redis,
    ):
        line = Telephone(console, server, Board(), Exchange(), redis)
        line.serve()
        await line.seen()
        yield line
        await line.stop_serving()
