"""``ivr serve`` tells over Redis what its board shows, and takes orders. No call waits for it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from datetime import UTC, datetime

from pydantic import ValidationError
from redis.asyncio import Redis
from redis.exceptions import RedisError

from ivr.live import messages
from ivr.live.board import Board
from ivr.live.line import AGAIN_S, said, subscribed
from ivr.live.messages import (
    CHANGES,
    HEARTBEAT_S,
    ORDERS,
    Answer,
    AskEverything,
    Change,
    Health,
    Replied,
)
from ivr.live.orders import Orders

log = logging.getLogger(__name__)

MOST_AT_ONCE = 20
"""Orders that are being carried out; further ones are told that they failed."""


class Teller:
    """Tells of a board for as long as it runs, and goes on after each outage of Redis."""

    def __init__(
        self, redis: Redis, board: Board, orders: Orders, health: Callable[[], Health]
    ) -> None:
        self._redis = redis
        self._board = board
        self._orders = orders
        self._health = health
        self._work: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Until cancelled."""
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._tell())
                tasks.create_task(self._listen())
        finally:
            for task in self._work:
                task.cancel()

    async def _tell(self) -> None:
        away = False
        while True:
            try:
                for change in self._board.untold(self._health(), datetime.now(UTC)):
                    await self._say(change)
            except (RedisError, OSError) as error:
                if not away:
                    log.warning("nobody can watch the calls: Redis is away: %s", error)
                away = True
                self._board.ask_everything()
                await asyncio.sleep(AGAIN_S)
                continue
            if away:
                log.info("Redis is back: the calls can be watched again")
            away = False
            await self._board.until_changed(HEARTBEAT_S)

    async def _say(self, change: Change) -> None:
        await self._redis.publish(CHANGES, messages.change.dump_json(change))

    async def _listen(self) -> None:
        while True:
            try:
                async with subscribed(self._redis, ORDERS) as subscription:
                    while True:
                        if (text := await said(subscription, HEARTBEAT_S)) is not None:
                            self._take(text)
            except (RedisError, OSError):  # told by _tell
                await asyncio.sleep(AGAIN_S)

    def _take(self, text: bytes) -> None:
        try:
            order = messages.order.validate_json(text)
        except ValidationError as error:
            log.error("an order cannot be understood: %s", error.errors(include_url=False))
            return
        if isinstance(order, AskEverything):
            self._board.ask_everything()
            return
        task = asyncio.create_task(self._carry_out(order, busy=len(self._work) >= MOST_AT_ONCE))
        self._work.add(task)
        task.add_done_callback(self._work.discard)

    async def _carry_out(self, order: messages.Answered, *, busy: bool) -> None:
        answer = Answer.FAILED if busy else await self._orders.carry_out(order)
        try:
            await self._say(Replied(order.id, answer))
        except (RedisError, OSError) as error:
            log.warning("the console was not told that its order is %s: %s", answer, error)
