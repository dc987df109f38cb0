"""The purge, once a day in the running switchboard."""

from __future__ import annotations

import logging
from asyncio import sleep
from collections.abc import Callable
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from ivr.errors import IvrError
from ivr.retention.purge import Purger

log = logging.getLogger(__name__)

LONGEST_SLEEP = 600.0
"""Seconds: clocks are set, machines suspended; and until a purge that failed is tried again."""


async def purge_daily(
    purger: Purger, now: Callable[[], datetime], hour: int, zone: ZoneInfo
) -> None:
    """Purge at this hour of each day, and at once what was missed while we were away; for ever."""
    while True:
        wait = LONGEST_SLEEP
        try:
            due = next_purge(await purger.last_run(), now(), hour, zone)
            if due <= now():
                await purger.run(now())
                continue
            wait = min(wait, (due - now()).total_seconds())
        except IvrError as error:
            log.error("purge: %s; tried again in %.0f minutes", error, LONGEST_SLEEP / 60)
        except Exception:  # calls go on, whatever is wrong with the purge
            log.exception("purge: failed; tried again in %.0f minutes", LONGEST_SLEEP / 60)
        await sleep(max(1.0, wait))


def next_purge(last: datetime | None, now: datetime, hour: int, zone: ZoneInfo) -> datetime:
    """When the next purge is due: the first such hour after the last; now when there was none."""
    if last is None or last > now:  # the clock was set back
        return now
    local = last.astimezone(zone)
    due = local.replace(hour=hour, minute=0, second=0, microsecond=0)
    if due <= local:
        due += timedelta(days=1)
    return due
