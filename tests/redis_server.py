"""A real Redis for tests, as ``ivr start`` runs it: to be killed and started again."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from redis.asyncio import Redis
from redis.exceptions import RedisError

from ivr.live.line import connect
from ivr.processes import redis_command
from ivr.secrets import Secrets
from ivr.settings import Settings


class RedisServer:
    """Our Redis as a process of its own."""

    def __init__(self, settings: Settings, secrets: Secrets) -> None:
        self._settings = settings
        self._secrets = secrets
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        """Returns when it answers."""
        command = redis_command(self._settings, self._secrets)
        self._process = await asyncio.create_subprocess_exec(
            *command, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL
        )
        async with asyncio.timeout(10), self.client() as redis:
            while not await _answers(redis):
                assert self._process.returncode is None, "Redis does not start"

    async def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        """SIGKILL is a crash; SIGSTOP makes it hang. Returns when it is gone, or hangs."""
        assert self._process is not None
        if self._process.returncode is None:
            self._process.send_signal(how)
        if how != signal.SIGSTOP:
            await self._process.wait()

    def resume(self) -> None:
        """After SIGSTOP."""
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def client(self) -> Redis:
        """A client of it."""
        return connect(self._settings, self._secrets)


async def _answers(redis: Redis) -> bool:
    try:
        return bool(await redis.ping())
    except (RedisError, OSError):
        return False


@asynccontextmanager
async def redis_server(settings: Settings, secrets: Secrets) -> AsyncIterator[RedisServer]:
    """It runs, until it is killed or the test ends."""
    server = RedisServer(settings, secrets)
    await server.start()
    try:
        yield server
    finally:
        await server.stop(signal.SIGKILL)
