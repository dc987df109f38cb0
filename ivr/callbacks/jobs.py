"""The jobs of RQ: punctual reminders to make callbacks. What is true stands in SQL.

A job may be lost, done twice or done late: each looks in SQL at what is to be done, and a sweep
every few seconds does what no job did.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import rq
from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry
from rq import Queue

from ivr.asterisk.ami import Ami, AmiAddress
from ivr.asterisk.render import AMI_USER
from ivr.callbacks.attempts import Attempts
from ivr.callbacks.dialler import Dialler
from ivr.callbacks.policy import Policy, policy
from ivr.calllog.database import Database
from ivr.errors import AsteriskError, IvrError
from ivr.knowledge.base import Knowledge
from ivr.knowledge.store import last_good
from ivr.secrets import load_or_create
from ivr.settings import Settings
from ivr.settings_file import load

log = logging.getLogger(__name__)

QUEUE = "callbacks"
JOB_LIMIT = 60
"""Seconds after which a job that hangs is ended."""
PATIENCE = 1.0
"""Seconds that Redis is waited for; the sweep does what could not be put into the queue."""
CONNECT_LIMIT = 5.0
_RETRY = rq.Retry(max=3, interval=[5, 15, 30])


def connect(settings: Settings, patience: float | None = None) -> Redis:
    """Our Redis, as RQ wants it. ``patience``: seconds for an answer; a worker has no end of it."""
    hurry: dict[str, Any] = {} if patience is None else {"retry": Retry(NoBackoff(), 0)}
    return Redis(
        host="127.0.0.1",
        port=settings.redis.port,
        password=load_or_create(settings.paths.var).redis,
        socket_connect_timeout=PATIENCE,
        socket_timeout=patience,
        **hurry,
    )


class RqJobs:
    """Puts callbacks into RQ's queue; see ``schedule.Jobs``."""

    def __init__(self, settings: Settings) -> None:
        self._redis = connect(settings, PATIENCE)
        self._queue = Queue(QUEUE, connection=self._redis, default_timeout=JOB_LIMIT)

    async def plan(self, callback_id: int, due_at: datetime) -> None:
        """Have it made when it is due. Never raises: the next sweep finds what was not planned.

        Callbacks that are due in the same second share a job: hundreds are, at an opening.
        """
        when = max(due_at, datetime.now(UTC))
        options: dict[str, Any] = {"result_ttl": 0, "retry": _RETRY}
        options["job_id"] = f"due-{when.astimezone(UTC):%Y%m%dT%H%M%SZ}"

        def put() -> None:
            if when > due_at:
                self._queue.enqueue(sweep, **options)
            else:
                self._queue.enqueue_at(due_at, sweep, **options)

        await self._put(put)

    async def ring(self, attempt: str) -> bool:
        """Have an attempt that has begun rung now; False when Redis does not answer."""

        def put() -> None:
            options: dict[str, Any] = {"result_ttl": 0, "retry": _RETRY, "at_front": True}
            self._queue.enqueue(ring, attempt, job_id=attempt, **options)

        return await self._put(put)

    async def _put(self, put: Callable[[], None]) -> bool:
        try:
            async with asyncio.timeout(2 * PATIENCE):
                await asyncio.to_thread(put)
        except (RedisError, OSError, TimeoutError) as error:
            why = str(error) or type(error).__name__
            log.warning("Redis does not take a callback's job (%s); the sweep will", why)
            return False
        return True


# --- what RQ runs, in a process of its own -------------------------------------------------------


def ring(attempt: str) -> None:
    """Ring an attempt that an operator ordered."""

    async def work(settings: Settings, database: Database) -> None:
        async with dialler(settings, database) as one:
            await one.ring(attempt)

    _run(work)


def sweep() -> None:
    """Settle the attempts that are over, begin those that are due."""

    async def work(settings: Settings, database: Database) -> None:
        attempts = Attempts(database, Policy())
        due = settings.trunk.can_dial_out and await attempts.pending(datetime.now(UTC))
        if due or await attempts.under_way():  # else Asterisk need not be asked
            async with dialler(settings, database) as one:
                await one.sweep()

    _run(work)


def _run(work: Callable[[Settings, Database], Awaitable[None]]) -> None:
    async def run() -> None:
        settings = load()
        database = await asyncio.to_thread(Database, settings.database_url)
        try:
            await work(settings, database)
        finally:
            await database.close()

    try:
        asyncio.run(run())
    except IvrError as error:  # the next sweep tries again
        log.warning("callbacks wait: %s", error)


@asynccontextmanager
async def dialler(settings: Settings, database: Database) -> AsyncIterator[Dialler]:
    """A dialler of these settings, connected. Raises AsteriskError, KnowledgeError."""
    folder, kept = settings.paths.knowledge, settings.kept_knowledge
    knowledge = await asyncio.to_thread(last_good, folder, kept)
    secrets = load_or_create(settings.paths.var)
    address = AmiAddress("127.0.0.1", settings.asterisk.ami_port, AMI_USER, secrets.ami)
    ami = Ami(address)
    running = asyncio.create_task(ami.run())
    try:
        connected = asyncio.create_task(ami.connected.wait())
        await asyncio.wait(
            [running, connected],
            timeout=CONNECT_LIMIT,
            return_when=asyncio.FIRST_COMPLETED,
        )
        connected.cancel()
        if running.done():
            await running  # raises why
        if not ami.connected.is_set():
            raise AsteriskError(f"Asterisk at {address} does not answer")
        yield dialler_of(settings, knowledge, ami, database)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


def dialler_of(settings: Settings, knowledge: Knowledge, ami: Ami, database: Database) -> Dialler:
    """A dialler made of what is open already."""
    attempts = Attempts(database, policy(settings, knowledge))
    can_dial_out = settings.trunk.can_dial_out
    return Dialler(ami, attempts, settings.callbacks, can_dial_out, lambda: datetime.now(UTC))
