"""The console's view of the calls in progress, kept up to date from what ``ivr serve`` tells."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from enum import StrEnum
from time import monotonic

from pydantic import ValidationError
from redis.asyncio import Redis
from redis.exceptions import RedisError

from ivr.live import messages
from ivr.live.line import AGAIN_S, said, subscribed
from ivr.live.messages import (
    CHANGES,
    HEARTBEAT_S,
    ORDERS,
    Answer,
    Answered,
    AskEverything,
    CallChanged,
    CallOver,
    Change,
    Everything,
    Health,
    Heartbeat,
    LiveCall,
    People,
    PeopleChanged,
    Replied,
)

log = logging.getLogger(__name__)

SILENT_S = 3 * HEARTBEAT_S
"""``ivr serve`` is away when it has said nothing for so long."""
ORDER_S = 9.0
"""An order that is not answered within this time has no reply; more than ``orders.PATIENCE_S``."""


class Sight(StrEnum):
    """What can be seen."""

    LIVE = "live"
    NO_REDIS = "no-redis"
    NO_SERVE = "no-serve"
    """Redis is there, and ``ivr serve`` says nothing."""
    DEMONSTRATION = "demonstration"
    """There is no telephone behind these pages."""


@dataclass(frozen=True)
class View:
    """What is known at a moment. When nothing can be seen, nothing is shown as if it were so."""

    sight: Sight = Sight.NO_REDIS
    calls: tuple[LiveCall, ...] = ()
    """Oldest first."""
    people: People | None = None
    health: Health | None = None

    def call(self, call_id: str) -> LiveCall | None:
        """A call in progress."""
        return next((call for call in self.calls if call.id == call_id), None)


@dataclass
class Mirror:
    """Follows ``ivr serve`` while ``run`` runs; one for all pages of a console."""

    redis: Redis | None
    """None in a demonstration: nothing is followed, and no order can be given."""
    silent_s: float = SILENT_S
    order_s: float = ORDER_S
    view: View = field(default_factory=View, init=False)
    _watchers: set[asyncio.Event] = field(default_factory=set, init=False)
    _replies: dict[str, asyncio.Future[Answer]] = field(default_factory=dict, init=False)
    _closed: bool = field(default=False, init=False)

    def __post_init__(self) -> None:
        if self.redis is None:
            self.view = View(Sight.DEMONSTRATION)

    async def run(self) -> None:
        """Until cancelled; goes on after each outage of Redis."""
        while self.redis is not None:
            try:
                await self._follow(self.redis)
            except (RedisError, OSError) as error:
                if self.view.sight is not Sight.NO_REDIS:
                    log.warning("the calls cannot be seen: Redis is away: %s", error)
                self._show(View(Sight.NO_REDIS))
                await asyncio.sleep(AGAIN_S)

    async def changes(self, at_most_s: float) -> AsyncIterator[View]:
        """The view now and after each change, however many there were between two looks.

        The same view comes again when nothing changed for ``at_most_s`` seconds; ends when closed.
        """
        with self._watching() as changed:
            while not self._closed:
                changed.clear()
                yield self.view
                with suppress(TimeoutError):
                    async with asyncio.timeout(at_most_s):
                        await changed.wait()

    def close(self) -> None:
        """End all that follow the changes: the console is about to end."""
        self._closed = True
        for watcher in self._watchers:
            watcher.set()

    async def order(self, order: Answered) -> Answer:
        """Have ``ivr serve`` do something, and say what became of it."""
        if self.redis is None:
            return Answer.DEMONSTRATION
        reply: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._replies[order.id] = reply
        try:
            listeners = await self.redis.publish(ORDERS, messages.order.dump_json(order))
            if not listeners:
                return Answer.AWAY
            async with asyncio.timeout(self.order_s):
                return await reply
        except TimeoutError:
            return Answer.NO_REPLY
        except (RedisError, OSError) as error:
            log.warning("an order could not be given: %s", error)
            return Answer.AWAY
        finally:
            del self._replies[order.id]

    @contextmanager
    def _watching(self) -> Iterator[asyncio.Event]:
        changed = asyncio.Event()
        self._watchers.add(changed)
        try:
            yield changed
        finally:
            self._watchers.discard(changed)

    async def _follow(self, redis: Redis) -> None:
        async with subscribed(redis, CHANGES) as subscription:
            await redis.publish(ORDERS, messages.order.dump_json(AskEverything()))
            if self.view.sight is Sight.NO_REDIS:
                self._show(View(Sight.NO_SERVE))
            heard_at = monotonic()
            while True:
                text = await said(subscription, self.silent_s)
                if text is not None and (change := _understood(text)) is not None:
                    heard_at = monotonic()
                    await self._apply(change, redis)
                elif monotonic() - heard_at >= self.silent_s:
                    await redis.ping()  # or is it Redis that hangs?
                    self._show(View(Sight.NO_SERVE))

    async def _apply(self, change: Change, redis: Redis) -> None:
        view = self.view
        match change:
            case Replied(order, answer):
                if (reply := self._replies.get(order)) and not reply.done():
                    reply.set_result(answer)
                return
            case Everything(calls, people, health):
                view = View(Sight.LIVE, calls, people, health)
            case _ if view.sight is not Sight.LIVE:  # it went on after a break: begin anew
                await redis.publish(ORDERS, messages.order.dump_json(AskEverything()))
                return
            case CallChanged(call):
                others = tuple(one for one in view.calls if one.id != call.id)
                view = replace(view, calls=(*others, call))
            case CallOver(call_id):
                view = replace(view, calls=tuple(one for one in view.calls if one.id != call_id))
            case PeopleChanged(people):
                view = replace(view, people=people)
            case Heartbeat(health):
                view = replace(view, health=health)
        self._show(replace(view, calls=tuple(sorted(view.calls, key=_age))))

    def _show(self, view: View) -> None:
        if view != self.view:
            self.view = view
            for watcher in self._watchers:
                watcher.set()


def new_order() -> str:
    """The id of an order."""
    return secrets.token_urlsafe(9)


def _age(call: LiveCall) -> tuple[str, str]:
    return call.started_at.isoformat(), call.id


def _understood(text: bytes) -> Change | None:
    try:
        return messages.change.validate_json(text)
    except ValidationError as error:  # a serve of another version
        log.error("what ivr serve tells is not understood: %s", error.errors(include_url=False))
        return None
