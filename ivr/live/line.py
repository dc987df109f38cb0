"""The line to our Redis, which may be away at any moment."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from redis.asyncio import Redis
from redis.asyncio.client import PubSub
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from ivr.secrets import Secrets
from ivr.settings import Settings

PATIENCE_S = 3.0
"""A Redis that does not answer for so long is away."""
AGAIN_S = 0.5
"""Pause before Redis is tried again."""


def connect(settings: Settings, secrets: Secrets) -> Redis:
    """A client of our Redis; it connects when used, and fails at once when Redis is away.

    It must not go on by itself after a break: what was said meanwhile is lost, and has to be asked
    for.
    """
    return Redis(
        host="127.0.0.1",
        port=settings.redis.port,
        password=secrets.redis,
        socket_connect_timeout=PATIENCE_S,
        socket_timeout=PATIENCE_S,
        retry=Retry(NoBackoff(), 0),
    )


@asynccontextmanager
async def subscribed(redis: Redis, channel: str) -> AsyncIterator[PubSub]:
    """A subscription that is in force. Raises RedisError."""
    async with redis.pubsub(ignore_subscribe_messages=False) as subscription:
        await subscription.subscribe(channel)
        await subscription.get_message(timeout=PATIENCE_S)
        yield subscription


async def said(subscription: PubSub, within_s: float) -> bytes | None:
    """The next message; None when there was none in time. Raises RedisError."""
    message = await subscription.get_message(ignore_subscribe_messages=True, timeout=within_s)
    return bytes(message["data"]) if message and message["type"] == "message" else None
