"""Operators begin and end their work at the hours of their shifts, unless they say otherwise.

Only a change of shift does something: who signs in by hand outside their hours stays signed in
until their next shift has ended. The last change carried out is in Asterisk's own database, so that
a restart of the application repeats none.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from datetime import datetime, timedelta

from ivr.asterisk.ami import Ami
from ivr.asterisk.render import ABSENT
from ivr.errors import AsteriskError
from ivr.knowledge.base import Knowledge
from ivr.knowledge.directory import Operator
from ivr.knowledge.hours import Hours, Schedule
from ivr.operators.presence import FAMILY, resume, sign_out

log = logging.getLogger(__name__)

DONE = "shift"
"""Family in Asterisk's database: each extension's last change of shift."""
LOOK_S = 20.0
"""Seconds between two looks at the clock."""
DAYS_BACK = 15
"""Days in which the last change is looked for: more than a week with its public holidays."""


def last_change(shifts: Schedule, hours: Hours, at: datetime) -> tuple[datetime, bool] | None:
    """When the latest shift began (True) or ended (False), up to ``at``; None when long ago."""
    today = hours.local(at).date()
    changes = [
        (hours.moment(day, minute), begins)
        for day in (today - timedelta(days=back) for back in range(DAYS_BACK))
        if shifts.open_on_public_holidays or not hours.holiday(day)
        for one in shifts.week()[day.weekday()]
        for minute, begins in ((one.start, True), (one.end, False))
    ]
    return max((change for change in changes if change[0] <= at), default=None)


async def keep_shifts(
    client: Ami, knowledge: Callable[[], Knowledge], now: Callable[[], datetime]
) -> None:
    """Sign operators in and out for ever."""
    while True:
        await client.connected.wait()
        known = knowledge()
        try:
            for one in known.operators:
                await carry_out(client, one, known.hours, now())
        except AsteriskError as error:
            log.warning("the operators' shifts are not followed: %s", error)
        await asyncio.sleep(LOOK_S)


async def carry_out(client: Ami, operator: Operator, hours: Hours, at: datetime) -> None:
    """Do what an operator's latest change of shift wants, once. Raises AsteriskError."""
    extension = operator.extension
    if operator.shifts is None or not (found := last_change(operator.shifts, hours, at)):
        return
    when, begins = found
    mark = f"{when.isoformat()} {begins}"
    if await client.recall(DONE, extension) == mark:
        return
    if not begins:
        await sign_out(client, extension)
    elif await client.recall(FAMILY, extension) == ABSENT:
        await resume(client, extension)
    await client.remember(DONE, extension, mark)
    log.info("%s: the shift %s", operator.name, "begins" if begins else "ends")
