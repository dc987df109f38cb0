"""Keeps the counts of past days up to date while the console runs."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from datetime import UTC, datetime

from ivr.calllog.database import Database
from ivr.errors import IvrError
from ivr.figures.days import Town, keep
from ivr.knowledge.base import Knowledge

log = logging.getLogger(__name__)

EVERY_S = 900.0


async def keep_days(url: str, knowledge: Callable[[], Knowledge]) -> None:
    """Count each day once it is over, on a connection that no page waits for; for ever."""
    database = await asyncio.to_thread(Database, url)
    try:
        while True:
            try:
                if kept := await keep(database, Town.of(knowledge()), datetime.now(UTC)):
                    log.info("figures: %d days counted", kept)
            except IvrError as error:
                log.error("figures: %s; tried again in %.0f minutes", error, EVERY_S / 60)
            except Exception:  # the pages go on, and count for themselves
                log.exception("figures: failed; tried again in %.0f minutes", EVERY_S / 60)
            await asyncio.sleep(EVERY_S)
    finally:
        await database.close()
